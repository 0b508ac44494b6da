# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Detects the format of disk images from their content, never from their name."""

from __future__ import annotations

import os
from typing import BinaryIO

from . import bzimage, raw

QCOW2, RAW, EMPTY, UNKNOWN, ISO, VPC = "qcow2", "raw", "empty", "unknown", "iso9660", "vpc"
KERNEL = "kernel"
COMPRESSIONS = ("gzip", "xz", "zstd", "bzip2")
ARCHIVES = ("tar", "zip", "7z", "rar", "cpio", "cpio-odc", "lz4", "lz4-legacy", "lzip", "lzop", "compress")
"""Archives, and compressed files that have to be unpacked by hand."""
INITRDS = ("cpio", "gzip", "bzip2", "xz", "zstd", "lzop", "lz4-legacy")
"""What Linux reads as an initrd. Of lz4, it is the format of C(lz4 -l)."""
VIRTUAL_DISKS = ("vmdk", "vdi", "vhdx", VPC, "qcow", "qed", "parallels")
"""Formats that C(qemu-img) reads, by their names in QEMU."""
ENCRYPTED = "luks"

_FOOTER_BYTES = 512
_VHD = b"conectix"
_QCOW = b"QFI\xfb"
# The offset and value of each format's magic bytes.
_MARKS = (
    ("vmdk", 0, b"KDMV"),
    ("vmdk", 0, b"COWD"),
    ("vmdk", 0, b"# Disk DescriptorFile"),
    ("vdi", 64, b"\x7f\x10\xda\xbe"),
    ("vhdx", 0, b"vhdxfile"),
    (VPC, 0, _VHD),
    ("qed", 0, b"QED\0"),
    ("parallels", 0, b"WithoutFreeSpace"),
    ("parallels", 0, b"WithouFreSpacExt"),
    (ENCRYPTED, 0, b"LUKS\xba\xbe"),
    ("gzip", 0, b"\x1f\x8b\x08"),
    ("xz", 0, b"\xfd7zXZ\0"),
    ("zstd", 0, b"\x28\xb5\x2f\xfd"),
    ("bzip2", 0, b"BZh"),
    ("zip", 0, b"PK\x03\x04"),
    ("7z", 0, b"7z\xbc\xaf\x27\x1c"),
    ("tar", 257, b"ustar"),
    ("rar", 0, b"Rar!\x1a\x07"),
    ("cpio", 0, b"070701"),
    ("cpio", 0, b"070702"),
    ("cpio-odc", 0, b"070707"),
    ("lz4", 0, b"\x04\x22\x4d\x18"),
    ("lz4-legacy", 0, b"\x02\x21\x4c\x18"),
    ("lzip", 0, b"LZIP"),
    ("lzop", 0, b"\x89LZO\0"),
    ("compress", 0, b"\x1f\x9d"),
)


def identify(file: BinaryIO) -> str:
    """Return the format of an image: one of the names above.

    Args:
        file: open for reading, at any position.
    """
    head, size = raw.read_at(file, 0, _FOOTER_BYTES), os.fstat(file.fileno()).st_size
    if not size:
        return EMPTY
    if head.startswith(_QCOW):
        return "qcow" if head[4:8] == b"\0\0\0\1" else QCOW2
    for name, offset, mark in _MARKS:
        if head.startswith(mark, offset):
            return name
    if raw.read_at(file, max(0, size - _FOOTER_BYTES), len(_VHD)) == _VHD:
        return VPC
    if bzimage.needed_bytes(file) is not None:  # it has the mark of a boot sector as well
        return KERNEL
    if raw.needed_bytes(file) is not None:
        return RAW
    return ISO if raw.is_iso(file) else UNKNOWN
