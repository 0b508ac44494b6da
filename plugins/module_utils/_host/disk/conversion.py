# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Converts images of other formats to qcow2, once, into a file next to the original."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import BinaryIO, Callable

from ...errors import CommandFailed, Refusal, Refused, named
from ..runner import NOT_FOUND, Result, Runner
from . import formats
from .inspection import check, inspect
from .raw import SECTOR_BYTES, read_at

_EXTENSION = ".qcow2"
_CHUNK_BYTES = 1 << 20
_READERS: dict[str, Callable[[str], BufferedIOBase]] = {
    "gzip": gzip.GzipFile,
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
}
_QED_BACKING = 1
_DIFFERENCING = 4


def is_needed(path: str) -> bool:
    """Return whether an image has to be converted and its format is supported."""
    with open(path, "rb") as file:
        found = formats.identify(file)
    return found in formats.VIRTUAL_DISKS or found in formats.COMPRESSIONS


def target_of(path: str) -> str:
    """Return the path of the converted image."""
    return path + _EXTENSION


def is_done(path: str) -> bool:
    """Return whether the converted image is up to date, which has the modification time of the original."""
    try:
        return os.stat(target_of(path)).st_mtime_ns == os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return False


def convert(path: str, runner: Runner, *, object: str) -> None:
    """Convert an image for which C(is_needed) returns true to qcow2.

    Args:
        path: the image.
        runner: runs C(qemu-img).
        object: the image as messages show it.

    Raises:
        Refused: it refers to other files, the decompressed image cannot be a base image, or a program is missing.
        CommandFailed: the image is unreadable.
    """
    with _draft(path) as draft:
        with _unpacked(path, runner, object) as unpacked:
            with open(unpacked, "rb") as file:
                found = formats.identify(file)
                if found in formats.VIRTUAL_DISKS:
                    _need_whole(file, found, object)
            if found in formats.VIRTUAL_DISKS:
                check(unpacked, runner, found=found, object=object, source=path)
                _need_clusters(unpacked, found, runner, object)
            else:
                inspect(unpacked, runner, object=object, source=path)
            argv = ["qemu-img", "convert", "-f", found, "-O", formats.QCOW2, unpacked, draft]
            _run(runner, argv, "qemu-utils", object)
        shutil.copymode(path, draft)
        made = os.stat(path)
        os.utime(draft, ns=(made.st_atime_ns, made.st_mtime_ns))
        os.replace(draft, target_of(path))


@contextmanager
def _draft(path: str) -> Iterator[str]:
    """Yield the path of a new temporary file next to an image. It is removed afterwards if it was not renamed."""
    folder, name = os.path.split(os.path.abspath(path))
    handle, draft = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    os.close(handle)
    try:
        yield draft
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


@contextmanager
def _unpacked(path: str, runner: Runner, object: str) -> Iterator[str]:
    """Yield the path of the image, decompressed if necessary."""
    with open(path, "rb") as file:
        found = formats.identify(file)
    if found not in formats.COMPRESSIONS:
        yield path
        return
    with _draft(path) as draft:
        if found in _READERS:
            _decompress(path, found, draft, object)
        else:
            _run(runner, [found, "--decompress", "--quiet", "--force", "-o", draft, path], found, object)
        yield draft


def _decompress(path: str, found: str, draft: str, object: str) -> None:
    try:
        with named(draft), _READERS[found](path) as source, open(draft, "wb") as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if getattr(error, "errno", None) is not None:
            raise  # not caused by the content
        raise Refused([Refusal("image_not_unpacked", object, {"format": found, "why": str(error)})]) from None


def _run(runner: Runner, argv: list[str], package: str, object: str) -> Result:
    done = runner.run(argv, check=False)
    if done.rc == NOT_FOUND:
        raise Refused([Refusal("converter_missing", object, {"program": argv[0], "package": package})])
    if done.rc:
        raise CommandFailed(cmd=argv, rc=done.rc, stdout=done.stdout, stderr=done.stderr)
    return done


def _need_whole(file: BinaryIO, found: str, object: str) -> None:
    if _has_others(file, found):
        raise Refused([Refusal("image_of_several_files", object, {"format": found})])
    # qemu-img reads the missing part of a truncated VDI image as zeros.
    header = read_at(file, 0, 392) if found == "vdi" else b""
    offset, block_bytes, blocks = struct.unpack("<344xI28xI8xI", header.ljust(392, b"\0"))
    size, needed = os.fstat(file.fileno()).st_size, offset + block_bytes * blocks
    if size < needed:
        raise Refused([Refusal("image_cut_short", object, {"got": size, "needed": needed})])


def _need_clusters(path: str, found: str, runner: Runner, object: str) -> None:
    """Check that a qcow image, which C(qemu-img check) does not support, has all of its clusters."""
    if found == "qcow":
        done = _run(runner, ["qemu-img", "map", "--output=json", "-f", found, path], "qemu-utils", object)
        ends = [part["offset"] + part["length"] for part in json.loads(done.stdout) if "offset" in part]
        size, needed = os.path.getsize(path), max(ends, default=0)
        if size < needed:
            raise Refused([Refusal("image_cut_short", object, {"got": size, "needed": needed})])


def _has_others(file: BinaryIO, found: str) -> bool:
    """Return whether QEMU would open other files for an image, which might be any file on this machine."""
    if found == "vmdk":
        head = read_at(file, 0, 44)
        if not head.startswith(b"KDMV") or len(head) < 44:
            return True
        capacity, descriptor, sectors = struct.unpack("<12xQ8xQQ", head)
        size = min(sectors * SECTOR_BYTES, _CHUNK_BYTES)
        return not capacity or b"parentfilenamehint" in read_at(file, descriptor * SECTOR_BYTES, size).lower()
    if found == "qcow":
        return read_at(file, 8, 8) != bytes(8)
    if found == formats.VPC:
        # QEMU reads what only the other file has as zeros.
        (kind,) = struct.unpack(">I", read_at(file, 60, 4).ljust(4, b"\0"))
        return bool(kind == _DIFFERENCING and read_at(file, 0, 8) == b"conectix")
    if found == "qed":
        (features,) = struct.unpack("<Q", read_at(file, 16, 8).ljust(8, b"\0"))
        return bool(features & _QED_BACKING)
    return False
