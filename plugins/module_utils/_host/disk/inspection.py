# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether an image can be a base image, before it is registered and on arrival at a host."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ...errors import Refusal, Refused
from ..runner import NOT_FOUND, Runner
from . import formats, qcow2, qcow2_clusters, raw
from .qcow2 import Header, Image

ONLY_CD, ALSO_CD = "cd", "disk and cd"
"""What the image of a CD can be used for: without a boot sector, only for a drive."""
_LEAKS_ONLY, _NO_CHECK = 3, 63
_UNPACK = {
    "gzip": "gzip --decompress --keep",
    "xz": "xz --decompress --keep",
    "zstd": "zstd --decompress",
    "bzip2": "bzip2 --decompress --keep",
    "tar": "tar --extract --file",
    "zip": "unzip",
    "7z": "7z x",
    "rar": "unrar x",
    "cpio": "cpio --extract --file",
    "cpio-odc": "cpio --extract --file",
    "lz4": "lz4 --decompress",
    "lz4-legacy": "lz4 --decompress",
    "lzip": "lzip --decompress --keep",
    "lzop": "lzop --decompress",
    "compress": "gzip --decompress --keep",
}
_KEY = "secret,id=key,file=PASSPHRASE_FILE"


@dataclass(frozen=True)
class Inspection:
    """A valid base image.

    Attributes:
        image: its format and size.
        is_checked: whether C(qemu-img) has checked its tables, if it has any. Otherwise it is only known that it is not
            truncated.
        content: C(cd) for the image of a CD, C(disk and cd) if it has a boot sector as well, otherwise C(None).
    """

    image: Image
    is_checked: bool
    content: str | None = None


def inspect(path: str, runner: Runner, *, object: str, source: str, alternative: str = "") -> Inspection:
    """Return the format and size of a file if it can be a base image.

    Args:
        path: the file.
        runner: runs C(qemu-img), if it is installed, on images without other files.
        object: the image as messages show it.
        source: its path or URL in commands that repair or convert it.
        alternative: an alternative to such a command, appended to it.

    Raises:
        Refused: the image is not usable. The error lists all reasons.
    """
    with open(path, "rb") as file:
        found = formats.identify(file)
        if found == formats.QCOW2:
            header, refusals = _inspect_qcow2(file, object, source)
        else:
            header, refusals = None, list(_inspect_other(file, found, object, source, alternative))
        size = os.fstat(file.fileno()).st_size
        content = (ONLY_CD if found == formats.ISO else ALSO_CD) if raw.is_iso(file) else None
    if refusals:
        raise Refused(refusals)
    if header is None:
        return Inspection(
            Image(formats.RAW, -(-size // raw.SECTOR_BYTES) * raw.SECTOR_BYTES), is_checked=True, content=content
        )
    is_checked = check(path, runner, found=formats.QCOW2, object=object, source=source)
    return Inspection(Image(formats.QCOW2, header.virtual_bytes), is_checked)


def check(path: str, runner: Runner, *, found: str, object: str, source: str) -> bool:
    """Return whether C(qemu-img check) has passed; false if it is not installed or does not support the format.

    Args:
        path: the file.
        runner: runs C(qemu-img).
        found: the format of the image.
        object: the image as messages show it.
        source: its path or URL in commands that repair it.

    Raises:
        Refused: C(qemu-img) found errors.
    """
    done = runner.run(["qemu-img", "check", "-f", found, path], check=False)
    if done.rc in (NOT_FOUND, _NO_CHECK):
        return False
    if done.rc not in (0, _LEAKS_ONLY):
        why = [line for line in done.stderr.splitlines() if line.strip()] or [f"qemu-img check ended with {done.rc}"]
        raise Refused([Refusal("image_damaged", object, {"why": why[0], "command": _repair(source, found)})])
    return True


def _inspect_other(file: BinaryIO, found: str, object: str, source: str, alternative: str) -> Iterator[Refusal]:
    quoted = shlex.quote(source)
    if found == formats.RAW:
        yield from _cut_short(file, raw.needed_bytes(file) or 0, object)
    elif found == formats.ISO:
        yield from _cut_short(file, raw.iso_bytes(file), object)
    elif found == formats.EMPTY:
        yield Refusal("image_empty", object)
    elif found == formats.KERNEL:
        yield Refusal("image_is_kernel", object)
    elif found == formats.ENCRYPTED:
        driver = f"driver=luks,key-secret=key,file.filename={source}"
        yield Refusal("image_encrypted", object, {"command": _decrypt(driver, source)})
    elif found in _UNPACK:
        other = alternative if found in formats.COMPRESSIONS else ""
        figures = {"format": found, "command": f"{_UNPACK[found]} {quoted}", "alternative": other}
        yield Refusal("image_compressed", object, figures)
    elif found in formats.VIRTUAL_DISKS:
        figures = {"format": found, "command": _convert(source, found), "alternative": alternative}
        yield Refusal("image_format", object, figures)
    else:
        yield Refusal("image_content", object, {"content": "of no known format"})


def _inspect_qcow2(file: BinaryIO, object: str, source: str) -> tuple[Header | None, list[Refusal]]:
    try:
        header = qcow2.read_header(file)
    except qcow2.HeaderError as error:
        if error.needed_bytes is not None:
            return None, list(_cut_short(file, error.needed_bytes, object))
        return None, [Refusal("image_damaged", object, {"why": error.why, "command": _repair(source)})]
    return header, list(_header_faults(file, header, object, source))


def _header_faults(file: BinaryIO, header: Header, object: str, source: str) -> Iterator[Refusal]:
    if not header.is_known:
        yield Refusal("image_too_new", object, {"version": header.version, "features": f"{header.incompatible:b}"})
    if header.backing_file is not None:
        figures = {"backing_file": header.backing_file, "command": _convert(source, formats.QCOW2)}
        yield Refusal("image_has_backing_file", object, figures)
    if header.has_data_file:
        yield Refusal("image_has_data_file", object, {"command": _convert(source, formats.QCOW2)})
    if header.encryption:
        driver = f"driver=qcow2,encrypt.key-secret=key,file.filename={source}"
        yield Refusal("image_encrypted", object, {"command": _decrypt(driver, source)})
    if not header.virtual_bytes:
        yield Refusal("image_empty", object)
    if header.is_marked_corrupt:
        yield Refusal("image_marked_corrupt", object, {"command": _repair(source)})
    if not qcow2_clusters.is_plausible(header):
        yield Refusal("image_sizes_invalid", object, {"command": _repair(source)})
    elif not header.has_data_file:
        yield from _cut_short(file, qcow2_clusters.needed_bytes(file, header), object)


def _cut_short(file: BinaryIO, needed: int, object: str) -> Iterator[Refusal]:
    size = os.fstat(file.fileno()).st_size
    if size < needed:
        yield Refusal("image_cut_short", object, {"got": size, "needed": needed})


def _target(source: str) -> str:
    stem, extension = os.path.splitext(os.path.basename(source) if "://" in source else source)
    return f"{stem}.new.qcow2" if extension == ".qcow2" else f"{stem}.qcow2"


def _convert(source: str, found: str) -> str:
    return f"qemu-img convert -f {found} -O qcow2 {shlex.quote(source)} {shlex.quote(_target(source))}"


def _decrypt(driver: str, source: str) -> str:
    target = shlex.quote(_target(source))
    return f"qemu-img convert --object {_KEY} --image-opts {shlex.quote(driver)} -O qcow2 {target}"


def _repair(source: str, found: str = formats.QCOW2) -> str:
    return f"qemu-img check -f {found} -r all {shlex.quote(source)}"
