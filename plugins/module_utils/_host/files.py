# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on a host: written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def read_text(path: str) -> str | None:
    """The text of a file, or nothing when there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_text(path: str, text: str, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace a file whole, so that a reader sees the old text or the new one and never a part."""
    write_bytes(path, text.encode("utf-8"), mode=mode, uid=uid, gid=gid)


def write_bytes(path: str, content: bytes, *, mode: int, uid: int = -1, gid: int = -1) -> None:
    """As C(write_text), for bytes."""
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Keep others who ask for the same folder waiting; it is root's alone if it is missing and so made."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def save(folder: str, texts: Mapping[str, str], *, mode: int) -> None:
    """Write files into a folder, by name their texts; one whose text is empty goes."""
    for name, text in texts.items():
        if text:
            write_text(f"{folder}/{name}", text, mode=mode)
        else:
            remove(f"{folder}/{name}")


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
