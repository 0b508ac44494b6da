# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Linux kernels for x86 (bzImage). Their header contains the size of the kernel, so truncated ones are detected."""

from __future__ import annotations

import struct
from typing import BinaryIO

from .raw import SECTOR_BYTES, read_at

# From the number of sectors with the real-mode code to the magic bytes (Linux' Documentation/arch/x86/boot.rst).
_HEADER, _FIELDS = 0x1F1, struct.Struct("<BxxI6xH2x4s")
_BOOT_MARK, _MAGIC = 0xAA55, b"HdrS"
_USUAL_SECTORS = 4
_PARAGRAPH_BYTES = 16


def needed_bytes(file: BinaryIO) -> int | None:
    """Return the number of bytes that a kernel needs, C(None) if the file is no kernel."""
    header = read_at(file, _HEADER, _FIELDS.size)
    if len(header) < _FIELDS.size:
        return None
    sectors, paragraphs, mark, magic = _FIELDS.unpack(header)
    if (mark, magic) != (_BOOT_MARK, _MAGIC):
        return None
    return int((1 + (sectors or _USUAL_SECTORS)) * SECTOR_BYTES + paragraphs * _PARAGRAPH_BYTES)
