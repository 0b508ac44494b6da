# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kernels and initrds are known by their content."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import boot_images, formats, iso9660
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .images import MIB, boot_sector, bzimage
from .test_formats import CONTENTS

CPIO = b"070701" + bytes(506)


def inspected(path: Path, content: str, data: bytes) -> str:
    path.write_bytes(data)
    return boot_images.inspect(str(path), content, object="image x")


def refusal(path: Path, content: str, data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        inspected(path, content, data)
    (found,) = caught.value.refusals
    assert found.object == "image x"
    return f"{found.code}: {found.message}"


@pytest.mark.parametrize("data", [bzimage(), bzimage() + b"a signature"])
def test_a_kernel_is_a_bzimage(tmp_path: Path, data: bytes) -> None:
    assert inspected(tmp_path / "no-such-name.qcow2", "kernel", data) == "kernel"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (CPIO, "cpio"),
        (b"070702" + bytes(506), "cpio"),
        (gzip.compress(CPIO, mtime=0), "gzip"),
        (bz2.compress(CPIO), "bzip2"),
        (lzma.compress(CPIO), "xz"),
        (CONTENTS["zstd"], "zstd"),
        (CONTENTS["lzop"], "lzop"),
        (CONTENTS["lz4-legacy"], "lz4-legacy"),
    ],
)
def test_an_initrd_is_an_archive_that_linux_reads(tmp_path: Path, data: bytes, found: str) -> None:
    assert inspected(tmp_path / "initrd", "initrd", data) == found


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"\x7fELF" + bytes(MIB), "of no known format"),
        (boot_sector() + bytes(512), "a raw disk"),
        (b"QFI\xfb\0\0\0\3" + bytes(100), "qcow2"),
        (gzip.compress(bzimage(), mtime=0), "gzip"),
        (iso9660.image("cd", {"a": b"b"}), "iso9660"),
    ],
)
def test_what_is_no_kernel_is_refused_with_what_it_is(tmp_path: Path, data: bytes, told: str) -> None:
    assert refusal(tmp_path / "vmlinuz", "kernel", data) == (
        f"image_is_no_kernel: image x is {told}; a kernel must be one of Linux for x86 (bzImage), such as "
        "/boot/vmlinuz-VERSION"
    )


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (bzimage(), "a Linux kernel"),
        (CONTENTS["lz4"], "lz4"),
        (CONTENTS["cpio-odc"], "cpio-odc"),
        (CONTENTS["tar"], "tar"),
        (boot_sector(), "a raw disk"),
        (b"", "empty"),
    ],
)
def test_what_is_no_initrd_is_refused_with_what_it_is(tmp_path: Path, data: bytes, told: str) -> None:
    assert refusal(tmp_path / "initrd.img", "initrd", data) == (
        f"image_is_no_initrd: image x is {told}; an initrd must be a newc cpio archive, uncompressed or compressed "
        "with gzip, bzip2, xz, zstd, lzop or lz4 -l"
    )


def test_a_kernel_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    assert inspected(tmp_path / "kernel", "kernel", bzimage(8192)) == formats.KERNEL
    assert refusal(tmp_path / "kernel", "kernel", bzimage(8192)[:-1]) == (
        "image_cut_short: image x has 8191 bytes, its content needs 8192; fetch it again"
    )
