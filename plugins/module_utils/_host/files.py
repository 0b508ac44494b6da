# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files on a host, which are written atomically."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import SlicesError, named

# The number of files that are flushed in parallel.
_FLUSHES = 32
_CHUNK_BYTES = 1 << 20
DRAFT = ".draft"
"""The suffix of temporary files, whose names begin with a dot. An interrupted run may leave one."""


def read_text(path: str) -> str | None:
    """Return the text of a file, C(None) if it does not exist.

    Bytes that are no text are replaced: such a file differs from every valid one, and is rejected or written again.

    Raises:
        SlicesError: it cannot be read, for example because it is a folder.
    """
    try:
        with open(path, encoding="utf-8", errors="replace", opener=at_once) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return None
    except OSError as error:
        raise SlicesError(f"{path} cannot be read: {error.strerror}", path=path) from error


def at_once(path: str, flags: int) -> int:
    """Open a file for C(open), which does not wait for a writer if somebody has put a FIFO in its place."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@dataclass(frozen=True)
class File:
    """A desired file; a uid or gid of -1 is that of the current process."""

    path: str
    content: bytes
    mode: int
    uid: int = -1
    gid: int = -1


def text_file(path: str, text: str, *, mode: int, uid: int = -1, gid: int = -1) -> File:
    """Return a C(File) with a text."""
    return File(path, text.encode("utf-8"), mode, uid, gid)


def write_text(path: str, text: str, *, mode: int) -> None:
    """Write a text to a file atomically."""
    write_all([text_file(path, text, mode=mode)])


def write_all(files: Iterable[File]) -> None:
    """Replace files, each of them atomically.

    All files are flushed before the first one is renamed. They are flushed in parallel, because a file system with a
    journal commits it once for all of them.

    Raises:
        OSError: a file cannot be written; the exception contains its path.
    """
    drafts: list[tuple[str, str]] = []
    try:
        for file in files:
            folder, name = os.path.split(file.path)
            handle, draft = tempfile.mkstemp(prefix=f".{name}.", suffix=DRAFT, dir=folder)
            drafts.append((draft, file.path))
            with named(file.path), os.fdopen(handle, "wb") as opened:
                opened.write(file.content)
                os.fchown(handle, file.uid, file.gid)
                os.fchmod(handle, file.mode)
        _flush_all(drafts)
        while drafts:
            os.replace(*drafts[-1])
            drafts.pop()
    except BaseException:
        for draft, _path in drafts:
            remove(draft)
        raise


def _flush_all(drafts: Sequence[tuple[str, str]]) -> None:
    if len(drafts) == 1:
        flush(drafts[0][0], name=drafts[0][1])
    elif drafts:
        # Its import takes as long as reading a hundred files, and most calls write none.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_FLUSHES) as pool:
            list(pool.map(lambda pair: flush(pair[0], name=pair[1]), drafts))


def flush(path: str, *, name: str | None = None) -> None:
    """Flush a file's content to disk. Errors have C(name) as their path, by default C(path)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with named(name or path):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold the lock of a folder for the block. The folder is created with mode 0700 if it is missing."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def save(folder: str, texts: Mapping[str, str], *, mode: int) -> None:
    """Write files with the given texts by name to a folder, and remove those with an empty text."""
    write_all(text_file(f"{folder}/{name}", text, mode=mode) for name, text in texts.items() if text)
    for name in (name for name, text in texts.items() if not text):
        remove(f"{folder}/{name}")


def make_folders(path: str) -> None:
    """Create a folder and its parents, as far as they do not exist, with mode 0755 whatever the umask is.

    C(os.makedirs) would leave the parents to the umask, so that no VM could reach its disks below them.
    """
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        os.mkdir(each)
        os.chmod(each, 0o755)


def sha256(path: str) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb", opener=at_once) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def move(path: str, target: str) -> None:
    """Rename a file, or copy it with its owner and mode if the target is on another file system.

    Raises:
        FileNotFoundError: it does not exist.
    """
    try:
        os.rename(path, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    _replace(target, lambda draft: _copy(path, draft, target))
    os.unlink(path)


def link(path: str, target: str) -> None:
    """Make another name for a file, or copy it with its owner and mode if that is on another file system.

    Raises:
        FileNotFoundError: it does not exist.
    """

    def make(draft: str) -> None:
        remove(draft)  # an interrupted run may have left one
        try:
            os.link(path, draft, follow_symlinks=False)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, draft, target)

    _replace(target, make)


def _replace(target: str, make: Callable[[str], None]) -> None:
    """Replace a file with the draft that C(make) makes at a path next to it."""
    folder, name = os.path.split(target)
    draft = f"{folder}/.{name}{DRAFT}"
    try:
        make(draft)
        os.replace(draft, target)
    finally:
        remove(draft)  # also if both are names of one file, because nothing is renamed then


def _copy(path: str, draft: str, target: str) -> None:
    """Copy a file with its owner and mode. Errors have C(target) as their path."""
    state = os.stat(path)
    with named(target):
        shutil.copy2(path, draft)
        os.chown(draft, state.st_uid, state.st_gid)
        flush(draft, name=target)


def remove(path: str) -> None:
    """Remove a file if it exists."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
