# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folders of VMs tell whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import slices_by_vm


def test_a_folder_without_any_vm(tmp_path: Path) -> None:
    assert slices_by_vm(str(tmp_path)) == {}
    assert slices_by_vm(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    ("name", "mark", "found"),
    [
        ("1001", "1000\n", {1001: 1000}),
        ("1001", "1000", {1001: 1000}),
        ("1001", " 1000 \n", {1001: 1000}),
        ("1001", "", {}),
        ("1001", "x", {}),
        ("1001", "-1", {}),
        ("1001", None, {}),
        ("x", "1000", {}),
        (".1001", "1000", {}),
        ("-1", "1000", {}),
    ],
)
def test_only_a_vm_that_says_whose_it_is_counts(tmp_path: Path, name: str, mark: str | None, found: object) -> None:
    (tmp_path / name).mkdir()
    if mark is not None:
        (tmp_path / name / "slice_id").write_text(mark)
    (tmp_path / "1002").write_text("a file")
    assert slices_by_vm(str(tmp_path)) == found


def test_vms_are_told_apart(tmp_path: Path) -> None:
    for vm_id, slice_id in ((1001, 1000), (1002, 1000), (1005, 1004)):
        (tmp_path / str(vm_id)).mkdir()
        (tmp_path / str(vm_id) / "slice_id").write_text(f"{slice_id}\n")
    assert slices_by_vm(str(tmp_path)) == {1001: 1000, 1002: 1000, 1005: 1004}
