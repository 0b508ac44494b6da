# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import qcow2, qcow2_clusters
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Header

from .images import KIB, MIB, converted, cut, qemu_img, raw

VARIANTS = {
    "plain": (),
    "version 2": ("-o", "compat=0.10"),
    "compressed": ("-c",),
    "compressed with zstd": ("-c", "-o", "compression_type=zstd"),
    "extended entries": ("-o", "extended_l2=on"),
    "small clusters": ("-o", "cluster_size=512"),
    "large clusters": ("-o", "cluster_size=2M"),
    "preallocated": ("-o", "preallocation=metadata"),
}


def needed(path: Path) -> int:
    with path.open("rb") as file:
        return qcow2_clusters.needed_bytes(file, qcow2.read_header(file))


def header(path: Path) -> Header:
    with path.open("rb") as file:
        return qcow2.read_header(file)


def image(folder: Path, *options: str, size: int = 2 * MIB + 512) -> Path:
    """An image of a disk with data up to its end, which is within a cluster, and without data in the middle."""
    disk = raw(folder / "disk", size)
    with disk.open("r+b") as file:
        file.seek(MIB // 2)
        file.write(bytes(MIB // 2))
    return converted(disk, folder / "image", *options)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_complete_image_has_its_required_size(tmp_path, options):
    made = image(tmp_path, *options)

    assert qcow2_clusters.is_plausible(header(made))
    assert needed(made) <= made.stat().st_size


@pytest.mark.parametrize("by", [512, 64 * KIB, MIB])
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_truncated_image_is_smaller_than_its_required_size(tmp_path, options, by):
    whole = image(tmp_path, *options, size=2 * MIB)
    # Reserved space at the end may be missing if it is unused; all sectors of compressed data are in use.
    short = cut(whole, by + whole.stat().st_size - needed(whole))

    assert needed(short) > short.stat().st_size


@pytest.mark.parametrize("kib", [64, 128, 2048])
def test_a_cluster_with_few_subclusters_may_be_incomplete(tmp_path, kib):
    """qemu-img writes the file up to the last subcluster with data."""
    disk = tmp_path / "disk"
    disk.write_bytes(b"x" * 4096 + bytes(4 * MIB - 4096))
    made = converted(disk, tmp_path / "image", "-o", f"extended_l2=on,cluster_size={kib}k")

    assert needed(made) <= made.stat().st_size < needed(made) + kib * KIB
    short = cut(made, 512 + made.stat().st_size - needed(made))
    assert needed(short) > short.stat().st_size


def test_a_missing_last_byte_is_noticed(tmp_path):
    short = cut(image(tmp_path, size=2 * MIB), 1)

    assert needed(short) == short.stat().st_size + 1


def test_discarded_clusters_and_data_beyond_snapshots_are_ignored(tmp_path):
    made = image(tmp_path)
    qemu_img("snapshot", "-c", "before", made)
    qemu_img("resize", "-q", made, "64M")

    assert needed(made) <= made.stat().st_size


@pytest.mark.parametrize("offset", [40, 48])
def test_tables_beyond_the_end_are_noticed(tmp_path, offset):
    made = image(tmp_path)
    with made.open("r+b") as file:
        file.seek(offset)
        file.write(struct.pack(">Q", 1 << 40))

    assert needed(made) > 1 << 40


def test_circular_entries_are_followed_once(tmp_path):
    made = converted(raw(tmp_path / "disk", 4 * MIB), tmp_path / "image", "-o", "cluster_size=512")
    table = header(made).l1_offset
    with made.open("r+b") as file:
        file.seek(table)
        first = file.read(8)
        file.seek(table)
        file.write(first * header(made).l1_entries)

    assert needed(made) <= made.stat().st_size


def test_no_more_tables_are_read_than_the_limit(tmp_path, monkeypatch):
    """A VM's user can make an image with millions of them."""
    made = converted(raw(tmp_path / "disk", MIB), tmp_path / "image", "-o", "cluster_size=512")
    first = needed(made)
    read = list[int]()
    follow = qcow2_clusters._end_of_data
    monkeypatch.setattr(qcow2_clusters, "_end_of_data", lambda *given: read.append(given[2]) or follow(*given))
    assert (needed(made), len(read)) == (first, 32)
    read.clear()
    monkeypatch.setattr(qcow2_clusters, "_MOST_L2_BYTES", 5 * 512)
    assert needed(made) <= first
    assert len(read) == 5


@pytest.mark.parametrize(("clusters", "plausible"), [(128, True), (129, False), ((1 << 32) - 1, False)])
def test_a_table_of_refcounts_that_qemu_does_not_read_is_not_plausible(clusters, plausible):
    assert qcow2_clusters.is_plausible(Header(3, None, 16, MIB, 0, 1, 0, 0, clusters)) is plausible


@pytest.mark.parametrize(
    ("l1_offset", "refcount_offset", "end"), [(4096, 0, 4096 + 8 * 3), (0, 1 << 20, (1 << 20) + 1024)]
)
def test_the_header_tells_where_its_tables_end(l1_offset, refcount_offset, end):
    assert qcow2_clusters.tables_end(Header(3, None, 9, MIB, 0, 3, l1_offset, refcount_offset, 2)) == end


@pytest.mark.parametrize(
    ("bits", "entries", "size", "plausible"),
    [
        (16, 1, 512 * MIB, True),
        (16, 1, 512 * MIB + 1, False),
        (16, 5 * MIB, MIB, False),
        (8, 1000, MIB, False),
        (22, 1000, MIB, False),
    ],
)
def test_impossible_sizes_are_not_plausible(bits, entries, size, plausible):
    assert qcow2_clusters.is_plausible(Header(3, None, bits, size, 0, entries, 0, 0, 1)) is plausible


def test_a_header_contains_the_required_features(tmp_path):
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path}/data", tmp_path / "split", "1M")
    qemu_img("create", "-q", "-f", "qcow2", "-o", "compat=0.10", tmp_path / "old", "1M")
    split, old = header(tmp_path / "split"), header(tmp_path / "old")

    assert (split.version, split.has_data_file, split.is_known) == (3, True, True)
    assert (old.version, old.has_data_file, old.is_known, old.incompatible) == (2, False, True, 0)
    assert [Header(3, None, 16, MIB, 0, 1, 0, 0, 1, 1 << bit).is_known for bit in (4, 5)] == [True, False]
    assert Header(3, None, 16, MIB, 0, 1, 0, 0, 1, 2).is_marked_corrupt
    assert not Header(4, None, 16, MIB, 0, 1, 0, 0, 1).is_known


COMPRESSED = 1 << 62
ZERO = 1


def crafted(folder: Path, entries: dict[int, int], size: int, *, extended: bool = False) -> int:
    """Return the required size of an image with clusters of 512 bytes and these entries in its L2 table, at 1024."""
    table = [entries.get(number, 0) for number in range(64)]
    path = folder / "crafted"
    path.write_bytes(bytes(512) + struct.pack(">Q", 1024) + bytes(504) + struct.pack(">64Q", *table))
    with path.open("rb") as file:
        return qcow2_clusters.needed_bytes(file, Header(3, None, 9, size, 0, 1, 512, 0, 0, 16 if extended else 0))


@pytest.mark.parametrize(
    ("entries", "size", "end"),
    [
        ({}, 64 * 512, 1536),
        ({0: 4096}, 64 * 512, 4096 + 512),
        ({63: 4096}, 64 * 512, 4096 + 512),
        # The last cluster holds only the end of the virtual disk, and there is nothing beyond it.
        ({63: 4096}, 64 * 512 - 100, 4096 + 412),
        ({62: 4096}, 64 * 512 - 100, 4096 + 512),
        ({62: 4096, 63: 8192}, 63 * 512, 4096 + 512),
        ({0: 4096}, 1, 4096 + 1),
        ({0: 4096 | ZERO}, 64 * 512, 1536),
        # The last sector of compressed data may have only one byte.
        ({0: COMPRESSED | 4096}, 64 * 512, 4096 + 1),
        ({0: COMPRESSED | 1 << 61 | 4608}, 64 * 512, 4608 + 512 + 1),
        ({0: COMPRESSED | 4608, 1: 8192}, 64 * 512, 8192 + 512),
    ],
)
def test_the_required_size_is_that_of_the_last_byte(
    tmp_path: Path, entries: dict[int, int], size: int, end: int
) -> None:
    assert crafted(tmp_path, entries, size) == end


def test_extended_entries_have_a_word_for_their_subclusters(tmp_path: Path) -> None:
    all_of_them = (1 << 32) - 1
    assert crafted(tmp_path, {0: 4096, 1: all_of_them}, 32 * 512, extended=True) == 4096 + 512
    assert crafted(tmp_path, {0: 4096, 1: 0b101}, 32 * 512, extended=True) == 4096 + 3 * 16
    # There, the lowest bit does not say that the cluster is zero.
    assert crafted(tmp_path, {62: 4096 | ZERO, 63: all_of_them}, 32 * 512, extended=True) == 4096 + 512


@pytest.mark.parametrize(("size", "plausible"), [(256 * MIB, True), (256 * MIB + 1, False)])
def test_a_table_of_extended_entries_describes_half_as_much(size: int, plausible: bool) -> None:
    assert qcow2_clusters.is_plausible(Header(3, None, 16, size, 0, 1, 0, 0, 1, 16)) is plausible


@pytest.mark.parametrize(
    ("bits", "offset", "sectors", "end"),
    [(16, 65536, 0, 65537), (16, 65536, 1, 66049), (16, 65700, 1, 66049), (9, 512, 1, 1025), (16, 65536, 255, 196097)],
)
def test_compressed_data_ends_in_its_last_sector(bits, offset, sectors, end):
    entry = 1 << 62 | sectors << (62 - (bits - 8)) | offset
    assert qcow2_clusters._end_of_compressed(entry, Header(3, None, bits, MIB, 0, 1, 512, 0, 0)) == end


def test_tables_of_refcounts_up_to_the_end_are_read_and_those_beyond_it_are_not(tmp_path):
    block = struct.pack(">Q", 1 << 20) + bytes(504)
    path = tmp_path / "image"
    path.write_bytes(bytes(512) + block)
    with path.open("rb") as file:
        for clusters, end in ((1, (1 << 20) + 512), (2, (1 << 20) + 512), (3, 512 + 3 * 512)):
            plain = Header(3, None, 9, 512, 0, 0, 512, 512, clusters)
            assert qcow2_clusters.needed_bytes(file, plain) == end
