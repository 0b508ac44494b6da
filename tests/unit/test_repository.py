# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forbidden content of files in the repository, and required headers of code files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTRY = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|debian\.org|galaxy\.ansible|npmjs|snapshot)", re.IGNORECASE)
CODE = (".py", ".sh", "")


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_path_of_the_machine_it_was_written_on() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.name != "LICENSE" and (REGISTRY.search(text := path.read_text(encoding="utf-8")) or f"{ROOT}/" in text)
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["plugins", "tools", "tests", "roles"])
def test_code_says_whose_it_is(folder: str) -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.is_relative_to(ROOT / folder)
        and path.suffix in CODE
        and path.stat().st_size
        and "GNU General Public License v3.0+" not in path.read_text(encoding="utf-8")[:400]
    ]
    assert missing == []
