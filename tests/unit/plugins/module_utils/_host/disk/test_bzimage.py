# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.bzimage import needed_bytes

from .images import boot_sector, bzimage


def needed(path: Path, content: bytes) -> int | None:
    path.write_bytes(content)
    with path.open("rb") as file:
        return needed_bytes(file)


@pytest.mark.parametrize(("size", "sectors"), [(4096, 1), (65536, 39), (8192, 0)])
def test_a_kernel_says_how_long_it_is(tmp_path: Path, size: int, sectors: int) -> None:
    """Without a number of sectors, it has four of them, and the one that it begins with."""
    assert needed(tmp_path / "kernel", bzimage(size, sectors=sectors)) == size
    assert needed(tmp_path / "kernel", bzimage(size, sectors=sectors)[:600]) == size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bzimage()[:0x205],
        boot_sector().ljust(4096, b"\0"),
        bzimage().replace(b"\x55\xaa", b"\0\0"),
        bzimage().replace(b"HdrS", b"hdrs"),
    ],
)
def test_without_one_of_its_marks_a_file_is_no_kernel(tmp_path: Path, content: bytes) -> None:
    assert needed(tmp_path / "file", content) is None
