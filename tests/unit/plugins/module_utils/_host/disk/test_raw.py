# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import raw

from .images import MIB, boot_sector, cut


def needed(path: Path) -> int | None:
    with path.open("rb") as file:
        return raw.needed_bytes(file)


def written(path: Path, *parts: tuple[int, bytes]) -> Path:
    """A file with these parts, each at its offset."""
    with path.open("wb") as file:
        for offset, part in parts:
            file.seek(offset)
            file.write(part)
    return path


@pytest.mark.parametrize("options", [[], ["-O", "64bit"], ["-b", "4096"], ["-O", "^64bit,^metadata_csum"]])
def test_the_size_of_a_file_system_is_read(tmp_path, options):
    disk = tmp_path / "disk"
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", *options, str(disk), "6M"], check=True)

    assert needed(disk) == 6 * MIB
    assert needed(cut(disk, 1)) == 6 * MIB


@pytest.mark.parametrize("sectors", [4096, 131072])
def test_the_size_of_a_fat_file_system_is_read(tmp_path, sectors):
    disk = written(tmp_path / "disk", (sectors * 512 - 1, b"\0"))
    subprocess.run(["mformat", "-i", str(disk), "-T", str(sectors), "-h", "2", "-s", "32", "::"], check=True)

    assert needed(disk) == sectors * 512


@pytest.mark.parametrize(
    ("partitions", "size"),
    [
        ([], 512),
        ([(0x83, 2048, 100), (0x82, 63, 10)], 2148 * 512),
        ([(0xEE, 1, 0xFFFFFFFF)], 512),
        ([(0, 1, 5000)], 512),
    ],
)
def test_the_end_of_the_last_partition_is_read(tmp_path, partitions, size):
    assert needed(written(tmp_path / "disk", (0, boot_sector(*partitions)))) == size


@pytest.mark.parametrize(("status", "size"), [(0, 2148), (0x80, 2148), (0x81, 1), (0x7F, 1)])
def test_a_partition_may_be_the_active_one(tmp_path, status, size):
    table = bytearray(boot_sector((0x83, 2048, 100), (0x82, 63, 10)))
    table[446] = status
    assert needed(written(tmp_path / "disk", (0, bytes(table)))) == size * 512


def test_boot_code_in_place_of_a_partition_table_is_ignored(tmp_path):
    assert needed(written(tmp_path / "disk", (0, b"\xf4" * 510 + b"\x55\xaa"))) == 512


@pytest.mark.parametrize(
    ("parts", "size"),
    [
        ([(0, boot_sector((0xEE, 1, 99))), (512, struct.pack("<8s24xQ", b"EFI PART", 4095))], 4096 * 512),
        ([(4096, struct.pack("<8s24xQ", b"EFI PART", 99))], 100 * 4096),
        ([(0, struct.pack(">4sIQ", b"XFSB", 4096, 1000))], 4_096_000),
        ([(0x10000, struct.pack("<64x8s40xQ16xQ", b"_BHRfS_M", 7 * MIB, 1))], 7 * MIB),
        ([(0x10000, struct.pack("<64x8s40xQ16xQ", b"_BHRfS_M", 7 * MIB, 2))], 512),
        ([(0, struct.pack("<4s36xQ", b"hsqs", 12345))], 12345),
        ([(0, struct.pack("<3x8sH27xQ", b"NTFS    ", 512, 4095)), (510, b"\x55\xaa")], 4095 * 512),
        ([(11, struct.pack("<H6xH11xI", 512, 4096, 0)), (54, b"FAT12"), (510, b"\x55\xaa")], 4096 * 512),
        ([(11, struct.pack("<H6xH11xI", 4096, 0, 9)), (82, b"FAT32"), (510, b"\x55\xaa")], 9 * 4096),
    ],
)
@pytest.mark.parametrize("more", [[], [(0x20000, b"data")]])
def test_sizes_of_other_formats_are_read(tmp_path, parts, size, more):
    disk = written(tmp_path / "disk", *parts, *more)
    assert needed(disk) == size


def test_content_without_a_known_format_has_no_size(tmp_path):
    assert needed(written(tmp_path / "disk", (0, b"GRUB"), (5000, b"XFSB"))) is None
    assert needed(written(tmp_path / "short", (0, b"XFSB"))) is None


@pytest.mark.parametrize(
    ("features", "size"), [(0x80, 0x1_0000_1000), (0xFF, 0x1_0000_1000), (0x7F, 0x1000), (0, 0x1000)]
)
def test_only_a_64_bit_file_system_has_the_upper_half_of_its_size(tmp_path, features, size):
    block = struct.pack("<4xI16xI28x2s38xI236xI", 0x1000, 0, b"\x53\xef", features, 1)
    for last in (2047, 4095):
        disk = written(tmp_path / "disk", (1024, block), (last, b"\0"))
        assert needed(disk) == size * 1024
    assert needed(written(tmp_path / "disk", (1024, block), (2046, b"\0"))) is None, "half a superblock"


@pytest.mark.parametrize(("boot", "size"), [(b"", None), (b"\x55\xaa", 700 * 2048)])
def test_a_cd_image_counts_if_it_has_a_boot_sector(tmp_path, boot, size):
    descriptor = struct.pack("<x5s74xI", b"CD001", 700)
    table = boot_sector((0x83, 0, 1 << 20)) if boot else b"\0"
    assert needed(written(tmp_path / "disk", (0, table), (16 * 2048, descriptor))) == size


def test_a_superblock_is_read_from_its_own_place(tmp_path):
    """What precedes it is left to boot loaders, and may contain anything."""
    block = struct.pack("<4xI16xI28x2s38xI236xI", 6, 0, b"\x53\xef", 0, 0)
    disk = written(tmp_path / "disk", (0, b"\xff" * 1024), (1024, block), (2047, b"\0"))
    assert needed(disk) == 6 * 1024
    assert needed(written(tmp_path / "disk", (1025, block), (4095, b"\0"))) is None


@pytest.mark.parametrize(("log_size", "size"), [(0, 1 << 20), (2, 4 << 20), (6, 64 << 20), (7, 64 << 20)])
def test_the_blocks_of_an_ext_file_system_have_at_most_64_kib(tmp_path, log_size, size):
    block = bytearray(1024)
    struct.pack_into("<4xI16xI", block, 0, 1024, log_size)
    block[56:58] = b"\x53\xef"
    assert needed(written(tmp_path / "disk", (1024, bytes(block)))) == size
    assert needed(written(tmp_path / "short", (1024, bytes(block[:1023])))) is None


def test_the_size_of_a_cd_is_that_of_its_blocks(tmp_path):
    disk = written(tmp_path / "cd", (32768, b"\1CD001\1" + bytes(73) + struct.pack("<I", 350)))
    with disk.open("rb") as file:
        assert (raw.is_iso(file), raw.iso_bytes(file)) == (True, 350 * 2048)
    with written(tmp_path / "none", (0, b"x")).open("rb") as file:
        assert (raw.is_iso(file), raw.iso_bytes(file)) == (False, 0)


@pytest.mark.parametrize(("devices", "length", "size"), [(1, 144, 7 * MIB), (2, 144, 512), (1, 143, None)])
def test_a_btrfs_file_system_of_several_devices_has_no_known_size(tmp_path, devices, length, size):
    block = bytearray(144)
    struct.pack_into("<112xQ16xQ", block, 0, 7 * MIB, devices)
    block[64:72] = b"_BHRfS_M"
    assert needed(written(tmp_path / "disk", (raw._BTRFS, bytes(block[:length])))) == size
    assert needed(written(tmp_path / "other", (raw._BTRFS, bytes(144)))) is None


def test_a_disk_without_partitions_ends_with_its_boot_sector(tmp_path):
    assert needed(written(tmp_path / "disk", (510, b"\x55\xaa"))) == 512
