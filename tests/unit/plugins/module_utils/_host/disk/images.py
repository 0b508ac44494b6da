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
