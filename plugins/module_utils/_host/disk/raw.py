# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raw images. Their partition table or file system contains the size of the disk, so truncated images are detected."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

SECTOR_BYTES = 512
_BOOT_MARK = b"\x55\xaa"
_GPT = b"EFI PART"
_PROTECTIVE = 0xEE
_ISO_BLOCK_BYTES = 2048
_ISO_DESCRIPTOR = 16 * _ISO_BLOCK_BYTES
_BTRFS = 0x10000
_EXT_64BIT = 0x80


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return up to C(length) bytes from C(offset), which may be any number that a damaged header contains."""
    if offset >= os.fstat(file.fileno()).st_size:
        return b""
    file.seek(offset)
    return file.read(length)


def needed_bytes(file: BinaryIO) -> int | None:
    """Return the size of the disk from its content, C(None) if it has neither a boot sector nor a file system.

    For a boot sector without a size, it is the size of the sector. A CD image counts only if it has a boot sector.
    """
    if is_iso(file):
        # Its partition table may describe a USB stick, which is larger than the image.
        return iso_bytes(file) if _has_boot_sector(file) else None
    sizes = (_gpt(file), _boot_sector(file), _ext(file), _xfs(file), _btrfs(file), _squashfs(file))
    return max((size for size in sizes if size is not None), default=None)


def is_iso(file: BinaryIO) -> bool:
    """Return whether the file is a CD image."""
    return read_at(file, _ISO_DESCRIPTOR + 1, 5) == b"CD001"


def _has_boot_sector(file: BinaryIO) -> bool:
    return read_at(file, SECTOR_BYTES - len(_BOOT_MARK), len(_BOOT_MARK)) == _BOOT_MARK


def iso_bytes(file: BinaryIO) -> int:
    """Return the number of bytes that the image of a CD needs."""
    (blocks,) = struct.unpack("<I", read_at(file, _ISO_DESCRIPTOR + 80, 4).ljust(4, b"\0"))
    return int(blocks) * _ISO_BLOCK_BYTES


def _gpt(file: BinaryIO) -> int | None:
    for sector_bytes in (SECTOR_BYTES, 4096):
        header = read_at(file, sector_bytes, 40)
        if header.startswith(_GPT) and len(header) == 40:
            (backup,) = struct.unpack_from("<Q", header, 32)
            return (int(backup) + 1) * sector_bytes
    return None


def _boot_sector(file: BinaryIO) -> int | None:
    if not _has_boot_sector(file):
        return None
    sector = read_at(file, 0, SECTOR_BYTES)
    if b"FAT" in (sector[54:57], sector[82:85]):
        sector_bytes, few, many = struct.unpack("<H6xH11xI", sector[11:36])
        return int(sector_bytes) * int(few or many)
    if sector[3:7] == b"NTFS":
        sector_bytes, count = struct.unpack("<H27xQ", sector[11:48])
        return int(sector_bytes) * int(count)
    return max(SECTOR_BYTES, _partitions(sector))


def _partitions(sector: bytes) -> int:
    """Return the end of the last partition of an MBR, 0 without a valid partition table."""
    entries = [struct.unpack("<B3xB3xII", sector[at : at + 16]) for at in range(446, 510, 16)]
    if any(status not in (0, 0x80) for status, _kind, _first, _count in entries):
        return 0
    ends = [first + count for _status, kind, first, count in entries if kind not in (0, _PROTECTIVE)]
    return max(ends, default=0) * SECTOR_BYTES


def _ext(file: BinaryIO) -> int | None:
    block = read_at(file, 1024, 1024)
    if len(block) < 1024 or block[56:58] != b"\x53\xef":
        return None
    low, log_size, features, high = struct.unpack("<4xI16xI68xI236xI", block[:340])
    blocks = low + (high << 32 if features & _EXT_64BIT else 0)
    return int(blocks) << 10 + min(int(log_size), 6)


def _xfs(file: BinaryIO) -> int | None:
    head = read_at(file, 0, 16)
    if not head.startswith(b"XFSB") or len(head) < 16:
        return None
    block_bytes, blocks = struct.unpack(">4xIQ", head)
    return int(blocks) * int(block_bytes)


def _btrfs(file: BinaryIO) -> int | None:
    block = read_at(file, _BTRFS, 144)
    if block[64:72] != b"_BHRfS_M" or len(block) < 144:
        return None
    size, devices = struct.unpack("<112xQ16xQ", block)
    return int(size) if devices == 1 else SECTOR_BYTES


def _squashfs(file: BinaryIO) -> int | None:
    head = read_at(file, 0, 48)
    if not head.startswith(b"hsqs") or len(head) < 48:
        return None
    (used,) = struct.unpack("<40xQ", head)
    return int(used)
