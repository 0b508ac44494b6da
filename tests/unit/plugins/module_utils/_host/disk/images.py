# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disk images that are created with C(qemu-img), which tools/setup installs."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.base_images import NOTE, Note

KIB, MIB = 1 << 10, 1 << 20


def qemu_img(*arguments: str | Path) -> str:
    """Return the output of C(qemu-img)."""
    done = subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True, text=True)
    return done.stdout


def boot_sector(*partitions: tuple[int, int, int]) -> bytes:
    """Return an MBR with partitions, each given as type, first sector and number of sectors."""
    entries = [struct.pack("<B3xB3xII", 0, *each) for each in partitions]
    return b"".join(entries).ljust(64, b"\0").rjust(510, b"\0") + b"\x55\xaa"


def bzimage(size: int = 4 * KIB, *, needed: int | None = None, sectors: int = 1) -> bytes:
    """Return a Linux kernel of some size, by its header (protocol 2.12); C(needed) is the size that its header has."""
    head = bytearray(size)
    head[0x1F1] = sectors
    struct.pack_into("<I", head, 0x1F4, ((size if needed is None else needed) - (1 + (sectors or 4)) * 512) // 16)
    struct.pack_into("<H2x4sH", head, 0x1FE, 0xAA55, b"HdrS", 0x20C)
    head[0x211] = 1
    struct.pack_into("<IIIIBxxxI", head, 0x228, 0, 0x7FFFFFFF, 0, 0, 0, 2047)
    return bytes(head)


def raw(path: Path, size: int = 2 * MIB, head: bytes | None = None) -> Path:
    """Create a disk with a boot sector, or another C(head), and reproducible random data."""
    start = boot_sector((0x83, 64, size // 512 - 64)) if head is None else head
    path.write_bytes(start + random.Random(1).randbytes(size - len(start)))
    return path


def converted(source: Path, target: Path, *options: str, to: str = "qcow2") -> Path:
    """Convert a disk to another format."""
    qemu_img("convert", "-f", "raw", "-O", to, *options, source, target)
    return target


def noted(path: Path, **changes: Any) -> Path:
    """Mark a file as a verified base image."""
    state = path.stat()
    note = Note("ab" * 32, state.st_size, state.st_mtime_ns, "qcow2", MIB)
    path.with_name(path.name + NOTE).write_text(json.dumps({**asdict(note), **changes}))
    return path


def cut(path: Path, by: int) -> Path:
    """Truncate a file by C(by) bytes."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - by)
    return path
