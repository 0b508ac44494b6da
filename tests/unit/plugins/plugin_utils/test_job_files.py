# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.job_files import folder, problems


@pytest.mark.parametrize(
    ("files_dir", "job", "expected"),
    [("", None, None), ("/srv", None, "/srv/bob"), ("/srv", "42", "/srv/bob/42")],
)
def test_each_user_and_job_has_a_folder(files_dir: str, job: str | None, expected: str | None) -> None:
    assert folder(files_dir, "bob", job) == expected


@pytest.mark.parametrize(
    ("files_dir", "user", "job", "codes"),
    [
        ("", "bob", None, []),
        ("", "../bob", None, []),
        ("", "bob", "42", ["file_vanishes"]),
        (".", "bob", None, ["files_dir_missing"]),
        ("/nowhere", "bob", "42", ["files_dir_missing"]),
        ("{existing}", "bob", "42", []),
        ("{existing}", "../bob", "42", ["invalid_name"]),
        ("{existing}", "bob", "../42", ["invalid_name"]),
    ],
)
def test_a_folder_has_to_stay_and_to_be_within_the_one_for_files(
    files_dir: str, user: str, job: str | None, codes: list[str], tmp_path: Path
) -> None:
    found = problems("displays_dest", files_dir.format(existing=tmp_path), user, job)
    assert [each.code for each in found] == codes
