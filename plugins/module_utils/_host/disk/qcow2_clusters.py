# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Detects truncated qcow2 images by the offsets of their clusters, without C(qemu-img).

Unlike C(qemu-img check), this also detects that the last cluster is incomplete.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterator
from typing import BinaryIO

from .qcow2 import Header
from .raw import SECTOR_BYTES, read_at

_ENTRY_BYTES = 8
_CLUSTER_BITS = range(9, 22)
# The limits of QEMU.
_MOST_L1_BYTES, _MOST_REFCOUNT_BYTES = 32 << 20, 8 << 20
# The limit for L2 tables, which is enough for 2 TiB in clusters of the usual size. It takes some seconds to read them.
_MOST_L2_BYTES = 256 << 20
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_IS_COMPRESSED = 1 << 62
_IS_ZERO = 1
# An extended entry has a second word, whose lower half shows which subclusters have data.
_SUBCLUSTERS, _ALLOCATED = 32, (1 << 32) - 1


def is_plausible(header: Header) -> bool:
    """Return whether the format allows the sizes of clusters and tables, and the L1 table is long enough."""
    if header.cluster_bits not in _CLUSTER_BITS or _refcount_bytes(header) > _MOST_REFCOUNT_BYTES:
        return False
    needed = -(-header.virtual_bytes // _bytes_of_l2(header))
    return needed <= header.l1_entries and header.l1_entries * _ENTRY_BYTES <= _MOST_L1_BYTES


def tables_end(header: Header) -> int:
    """Return the end of the tables that the header leads to, which is a minimum size of the file as well."""
    return max(
        header.l1_offset + header.l1_entries * _ENTRY_BYTES,
        header.refcount_offset + _refcount_bytes(header),
    )


def needed_bytes(file: BinaryIO, header: Header) -> int:
    """Return the minimum size of the file for its tables and clusters.

    Tables beyond its end are not read, and so many others at most that nobody can make an image that takes for ever.

    Args:
        file: open for reading.
        header: its header, which C(is_plausible).
    """
    size = os.fstat(file.fileno()).st_size
    return max(_ends(file, header, size))


def _ends(file: BinaryIO, header: Header, size: int) -> Iterator[int]:
    cluster = 1 << header.cluster_bits
    refcounts = _refcount_bytes(header)
    yield tables_end(header)
    if refcounts <= size:
        blocks = (entry & _OFFSET for entry in _entries(file, header.refcount_offset, refcounts))
        # The header is in the first cluster, so an entry that is not in use changes nothing.
        yield from (block + cluster for block in blocks)
    guest_bytes, followed = _bytes_of_l2(header), set[int]()
    for number, entry in enumerate(_entries(file, header.l1_offset, header.l1_entries * _ENTRY_BYTES)):
        table = entry & _OFFSET
        if not table:
            continue
        yield table + cluster
        # An invalid image may have many entries for the same table, which would take very long.
        if table not in followed and table + cluster <= size and len(followed) * cluster < _MOST_L2_BYTES:
            followed.add(table)
            yield _end_of_data(file, header, table, number * guest_bytes)


def _end_of_data(file: BinaryIO, header: Header, table: int, guest: int) -> int:
    """Return the end of the last cluster in an L2 table, which begins at offset C(guest) of the virtual disk."""
    cluster = 1 << header.cluster_bits
    last = (header.virtual_bytes - 1 - guest) >> header.cluster_bits
    if last < 0:
        return 0
    words = _entries(file, table, cluster)
    if header.has_extended_l2:
        entries, plain = words[::2], _ends_of_subclusters(words, cluster // _SUBCLUSTERS)
    else:
        entries = words
        plain = [0 if entry & (_IS_COMPRESSED | _IS_ZERO) else _end(entry & _OFFSET, cluster) for entry in entries]
    compressed = (_end_of_compressed(entry, header) for entry in entries if entry & _IS_COMPRESSED)
    # The last cluster of the virtual disk may be shorter.
    shorter = [
        min(end, (entry & _OFFSET) + header.virtual_bytes - guest - last * cluster)
        for entry, end in zip(entries[last : last + 1], plain[last:])
    ]
    return max([*plain[:last], *shorter, *compressed], default=0)


def _end(offset: int, length: int) -> int:
    return offset + length if offset else 0


def _ends_of_subclusters(words: array[int], subcluster: int) -> list[int]:
    """Return the end of the last subcluster with data for each extended entry, 0 if there is none."""
    return [
        0 if entry & _IS_COMPRESSED else _end(entry & _OFFSET, (allocated & _ALLOCATED).bit_length() * subcluster)
        for entry, allocated in zip(words[::2], words[1::2])
    ]


def _end_of_compressed(entry: int, header: Header) -> int:
    """Return the minimum end of an entry's compressed data, whose last sector may be incomplete."""
    shift = 62 - (header.cluster_bits - 8)
    sectors = (entry >> shift) & ((1 << (header.cluster_bits - 8)) - 1)
    return (entry & ((1 << shift) - 1) & -SECTOR_BYTES) + sectors * SECTOR_BYTES + 1


def _refcount_bytes(header: Header) -> int:
    return header.refcount_clusters << header.cluster_bits


def _bytes_of_l2(header: Header) -> int:
    """Return how many bytes of the virtual disk one L2 table describes."""
    entry_bits = 4 if header.has_extended_l2 else 3
    return 1 << (2 * header.cluster_bits - entry_bits)


def _entries(file: BinaryIO, offset: int, length: int) -> array[int]:
    found = array("Q")
    content = read_at(file, offset, length)
    found.frombytes(content[: len(content) // _ENTRY_BYTES * _ENTRY_BYTES])
    if sys.byteorder == "little":
        found.byteswap()
    return found
