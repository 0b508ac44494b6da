# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The header of a qcow2 image, read without a process (docs/interop/qcow2.txt in QEMU's source)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from ...errors import SlicesError

_MAGIC = b"QFI\xfb"
# magic, version, backing file's offset and length, cluster bits, virtual size; big endian.
_HEADER = struct.Struct(">4sIQIIQ")
# What the format has room for: a name of 1023 bytes, in the first cluster of 2 MiB at most.
_NAME_BYTES, _CLUSTER_BYTES = 1023, 1 << 21


@dataclass(frozen=True)
class Image:
    """A disk image.

    Attributes:
        format: C(qcow2) or C(raw).
        virtual_bytes: the size of the disk that a guest sees.
        backing_file: the image that it stands on, as its header names it.
    """

    format: str
    virtual_bytes: int
    backing_file: str | None = None


def read_image(path: str) -> Image | None:
    """What an image is, or nothing when there is no such file.

    Raises:
        SlicesError: the file is cut short, or names a backing file where the format has no room for it.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEADER.size)
            if not head.startswith(_MAGIC):
                return Image(format="raw", virtual_bytes=os.fstat(file.fileno()).st_size)
            if len(head) < _HEADER.size:
                raise SlicesError(f"image {path} ends within its qcow2 header", path=path)
            _magic, _version, offset, length, _bits, size = _HEADER.unpack(head)
            if length > _NAME_BYTES or offset > _CLUSTER_BYTES:
                raise SlicesError(
                    f"image {path} names its backing file in {length} bytes from {offset}; the format has "
                    f"{_NAME_BYTES} at most, within the first {_CLUSTER_BYTES}",
                    path=path,
                )
            file.seek(offset)
            backing = file.read(length).decode("utf-8", "replace") if offset else None
            return Image(format="qcow2", virtual_bytes=size, backing_file=backing)
    except FileNotFoundError:
        return None
