# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import acls

OWNER, GROUP, OTHER = (0x01, 7, 0xFFFFFFFF), (0x04, 5, 0xFFFFFFFF), (0x20, 5, 0xFFFFFFFF)
MASK = (0x10, 5, 0xFFFFFFFF)
OURS, THEIRS = (0x08, 0, 990), (0x08, 4, 991)


def listed(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    path = tmp_path / "closed"
    path.mkdir(mode=0o755)
    try:
        os.setxattr(path, acls.ACCESS, listed(OWNER, GROUP, OURS, MASK, OTHER))
    except OSError:
        pytest.skip("this file system has no access control lists")
    return str(path)


def test_a_list_that_only_names_the_group_is_removed(folder: str) -> None:
    assert acls.names(folder, 990)
    assert not acls.names(folder, 991)
    acls.remove(folder, 990)
    assert not acls.names(folder, 990)
    assert os.listxattr(folder) == []
    assert os.stat(folder).st_mode & 0o777 == 0o755


def test_the_entries_of_others_stay(folder: str) -> None:
    os.setxattr(folder, acls.ACCESS, listed(OWNER, GROUP, OURS, THEIRS, MASK, OTHER))
    acls.remove(folder, 990)
    assert os.getxattr(folder, acls.ACCESS) == listed(OWNER, GROUP, THEIRS, MASK, OTHER)


def test_a_folder_without_a_list_or_without_the_folder_is_left_alone(tmp_path: Path) -> None:
    for path in (str(tmp_path), f"{tmp_path}/missing"):
        assert not acls.names(path, 990)
        acls.remove(path, 990)
    assert not (tmp_path / "missing").exists()
