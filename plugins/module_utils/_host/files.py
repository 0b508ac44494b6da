# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on a host: written whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

# How many files are on their way to the disk at a time.
_FLUSHES = 32
_CHUNK_BYTES = 1 << 20


def read_text(path: str) -> str | None:
    """The text of a file, or nothing when there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(frozen=True)
class File:
    """A file as it shall be; a uid or gid of -1 is that of who writes it."""

    path: str
    content: bytes
    mode: int
    uid: int = -1
    gid: int = -1


def text_file(path: str, text: str, *, mode: int, uid: int = -1, gid: int = -1) -> File:
    """A C(File) of text."""
    return File(path, text.encode("utf-8"), mode, uid, gid)


def write_text(path: str, text: str, *, mode: int) -> None:
    """Replace a file by a text."""
    write_all([text_file(path, text, mode=mode)])


def write_all(files: Iterable[File]) -> None:
    """Replace files, each whole, so that a reader sees the old one or the new one and never a part.

    All are on the disk before any gets its name. They go there side by side, since a file system that keeps a journal
    writes it once for all that wait.
    """
    drafts: list[tuple[str, str]] = []
    try:
        for file in files:
            handle, draft = tempfile.mkstemp(prefix=f".{os.path.basename(file.path)}.", dir=os.path.dirname(file.path))
            drafts.append((draft, file.path))
            with os.fdopen(handle, "wb") as opened:
                opened.write(file.content)
                os.fchown(handle, file.uid, file.gid)
                os.fchmod(handle, file.mode)
        with ThreadPoolExecutor(_FLUSHES) as pool:
            list(pool.map(flush, (draft for draft, _path in drafts)))
        while drafts:
            os.replace(*drafts[-1])
            drafts.pop()
    except BaseException:
        for draft, _path in drafts:
            remove(draft)
        raise


def flush(path: str) -> None:
    """Return once a file's content is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    write_all(text_file(f"{folder}/{name}", text, mode=mode) for name, text in texts.items() if text)
    for name in (name for name, text in texts.items() if not text):
        remove(f"{folder}/{name}")


def sha256(path: str) -> str:
    """The checksum of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
