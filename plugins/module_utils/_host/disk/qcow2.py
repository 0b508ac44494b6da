# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parses the header of a qcow2 image (docs/interop/qcow2.txt in QEMU's source), which saves a process."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from ...errors import SlicesError
from .. import files
from .raw import read_at

MAGIC = b"QFI\xfb"
# Magic, version, backing file's offset and length, cluster bits, virtual size, encryption, entries and offset of the L1
# table, offset and clusters of the refcount table. The whole format is big endian.
_HEADER = struct.Struct(">4sIQIIQIIQQI")
_VERSION_2_BYTES = 72
_INCOMPATIBLE = struct.Struct(">Q")
_CORRUPT, _DATA_FILE, _EXTENDED_L2 = 1 << 1, 1 << 2, 1 << 4
_KNOWN = 0b11111
# Limits of the format: a name has up to 1023 bytes, and is in the first cluster, which has up to 2 MiB.
_NAME_BYTES, _CLUSTER_BYTES = 1023, 1 << 21


@dataclass(frozen=True)
class Image:
    """A disk image.

    Attributes:
        format: C(qcow2) or C(raw).
        virtual_bytes: the virtual size.
        backing_file: its backing file, as its header names it.
        damage: why QEMU must not use it; only set by C(overlay_images.read).
        needed_bytes: the least size of its file, if it is smaller, which is damage as well.
    """

    format: str
    virtual_bytes: int
    backing_file: str | None = None
    damage: str | None = None
    needed_bytes: int | None = None


@dataclass(frozen=True)
class Header:
    """The header of a qcow2 image.

    Attributes:
        version: the version of the format; QEMU supports 2 and 3.
        backing_file: the backing file.
        cluster_bits: the binary logarithm of the cluster size.
        virtual_bytes: the virtual size.
        encryption: the encryption method, 0 for none.
        l1_entries: the number of entries of the L1 table.
        l1_offset: the offset of the L1 table.
        refcount_offset: the offset of the refcount table.
        refcount_clusters: the size of the refcount table in clusters.
        incompatible: the bits of the incompatible features.
    """

    version: int
    backing_file: str | None
    cluster_bits: int
    virtual_bytes: int
    encryption: int
    l1_entries: int
    l1_offset: int
    refcount_offset: int
    refcount_clusters: int
    incompatible: int = 0

    @property
    def has_data_file(self) -> bool:
        """Whether its data is in another file."""
        return bool(self.incompatible & _DATA_FILE)

    @property
    def has_extended_l2(self) -> bool:
        """Whether the entries of its L2 tables have 16 bytes."""
        return bool(self.incompatible & _EXTENDED_L2)

    @property
    def is_marked_corrupt(self) -> bool:
        """Whether QEMU marked it as corrupt."""
        return bool(self.incompatible & _CORRUPT)

    @property
    def is_known(self) -> bool:
        """Whether QEMU supports its version and features."""
        return self.version in (2, 3) and not self.incompatible & ~_KNOWN


class HeaderError(SlicesError):
    """QEMU cannot use the header of a qcow2 image.

    Args:
        why: why not, without the image.
        needed_bytes: the size of a complete header if it is truncated, otherwise C(None).
    """

    def __init__(self, why: str, *, needed_bytes: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.needed_bytes = needed_bytes


def read_image(path: str) -> Image | None:
    """Return the format, size and backing file of an image, C(None) if the file does not exist.

    Raises:
        HeaderError: see C(read_header).
    """
    try:
        with open(path, "rb", opener=files.at_once) as file:
            image, _header = read_open(file)
            return image
    except FileNotFoundError:
        return None


def read_open(file: BinaryIO) -> tuple[Image, Header | None]:
    """Return the format, size and backing file of an open image, and its header if it is a qcow2 image.

    Raises:
        HeaderError: see C(read_header).
    """
    if read_at(file, 0, len(MAGIC)) != MAGIC:
        return Image(format="raw", virtual_bytes=os.fstat(file.fileno()).st_size), None
    header = read_header(file)
    return Image(format="qcow2", virtual_bytes=header.virtual_bytes, backing_file=header.backing_file), header


def read_header(file: BinaryIO) -> Header:
    """Return the header of a qcow2 image.

    Raises:
        HeaderError: the header is truncated, or the name of the backing file is outside the limits of the format or
            contains a null character.
    """
    head = read_at(file, 0, _VERSION_2_BYTES + _INCOMPATIBLE.size)
    if len(head) < _VERSION_2_BYTES:
        raise HeaderError("its qcow2 header is truncated", needed_bytes=_VERSION_2_BYTES)
    _magic, version, offset, length, *others = _HEADER.unpack_from(head)
    bits, size, encryption, l1_entries, l1_offset, refcount_offset, refcount_clusters = others
    if length > _NAME_BYTES or offset > _CLUSTER_BYTES:
        raise HeaderError(
            f"its backing file name has {length} bytes at offset {offset}; at most {_NAME_BYTES} bytes within the "
            f"first {_CLUSTER_BYTES} are allowed"
        )
    backing_file = read_at(file, offset, length).decode("utf-8", "replace") if offset else None
    if "\0" in (backing_file or ""):
        # No file has such a name, and asking for it is no error of the system, but one of the caller.
        raise HeaderError("its backing file name contains a null character")
    (features,) = _INCOMPATIBLE.unpack(head[_VERSION_2_BYTES:].ljust(_INCOMPATIBLE.size, b"\0"))
    return Header(
        version=version,
        backing_file=backing_file,
        cluster_bits=bits,
        virtual_bytes=size,
        encryption=encryption,
        l1_entries=l1_entries,
        l1_offset=l1_offset,
        refcount_offset=refcount_offset,
        refcount_clusters=refcount_clusters,
        incompatible=features if version > 2 else 0,
    )
