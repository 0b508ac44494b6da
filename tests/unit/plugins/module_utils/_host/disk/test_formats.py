# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import formats

from .images import KIB, MIB, boot_sector, bzimage, converted, cut, raw

CONTENTS = {
    "empty": b"",
    "luks": b"LUKS\xba\xbe\0\2",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4",
    "zstd": b"\x28\xb5\x2f\xfd",
    "tar": b"disk.vmdk".ljust(257, b"\0") + b"ustar",
    "zip": b"PK\x03\x04\x14\0",
    "rar": b"Rar!\x1a\x07\1\0",
    "cpio": b"070701",
    "cpio-odc": b"070707",
    "lz4": b"\x04\x22\x4d\x18",
    "lz4-legacy": b"\x02\x21\x4c\x18",
    "lzip": b"LZIP\1",
    "lzop": b"\x89LZO\0\r\n",
    "compress": b"\x1f\x9d\x90",
    "unknown": b"<html>".ljust(MIB, b"\0"),
}


def identified(path: Path) -> str:
    with path.open("rb") as file:
        return formats.identify(file)


@pytest.mark.parametrize("name", ["qcow2", *formats.VIRTUAL_DISKS])
def test_formats_that_qemu_img_creates_are_detected_from_their_content(tmp_path, name):
    disk = converted(raw(tmp_path / "disk"), tmp_path / "no-such-name.txt", to=name)

    assert identified(disk) == name
    assert identified(converted(raw(tmp_path / "other"), tmp_path / "disk.qcow2", to="raw")) == "raw"


@pytest.mark.parametrize(
    ("to", "options", "name"),
    [
        ("vmdk", "subformat=streamOptimized", "vmdk"),
        ("vmdk", "subformat=monolithicFlat", "vmdk"),
        ("vpc", "subformat=fixed", "vpc"),
        ("qcow2", "compat=0.10", "qcow2"),
        ("qcow2", "extended_l2=on", "qcow2"),
    ],
)
def test_variants_of_a_format_are_detected(tmp_path, to, options, name):
    assert identified(converted(raw(tmp_path / "disk"), tmp_path / "image", "-o", options, to=to)) == name


@pytest.mark.parametrize(("library", "name"), [(gzip, "gzip"), (lzma, "xz"), (bz2, "bzip2")])
def test_the_compression_format_is_detected(tmp_path, library, name):
    image = tmp_path / "image.img"
    image.write_bytes(library.compress(raw(tmp_path / "disk", 64 * KIB).read_bytes()))

    assert identified(image) == name


def test_content_with_a_boot_sector_or_a_file_system_is_a_raw_disk(tmp_path):
    ext4, fat = tmp_path / "ext4", tmp_path / "fat"
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", str(ext4), "4M"], check=True)
    fat.write_bytes(bytes(2 * MIB))
    subprocess.run(["mformat", "-i", str(fat), "-T", "4096", "-h", "2", "-s", "9", "::"], check=True)

    assert [identified(path) for path in (ext4, fat, raw(tmp_path / "mbr", 1024, boot_sector()))] == ["raw"] * 3
    assert [identified(cut(path, by)) for path, by in ((ext4, MIB), (fat, MIB))] == ["raw"] * 2


def test_a_cd_image_is_a_disk_only_with_a_boot_sector(tmp_path):
    descriptor = b"\1CD001\1".ljust(80, b"\0") + (20).to_bytes(4, "little")
    cd = raw(tmp_path / "cd", 40960, bytes(32768) + descriptor)
    hybrid = raw(tmp_path / "hybrid", 40960, boot_sector((0x17, 0, 9999)) + bytes(32256) + descriptor)

    assert (identified(cd), identified(hybrid)) == ("iso9660", "raw")


@pytest.mark.parametrize(("name", "content"), CONTENTS.items())
def test_other_content_is_not_a_disk(tmp_path, name, content):
    (tmp_path / "image").write_bytes(content)

    assert identified(tmp_path / "image") == name


def test_a_kernel_is_known_although_it_has_the_mark_of_a_boot_sector(tmp_path):
    (tmp_path / "kernel").write_bytes(bzimage())
    assert identified(tmp_path / "kernel") == "kernel"
    (tmp_path / "kernel").write_bytes(bzimage().replace(b"HdrS", b"hdrs"))
    assert identified(tmp_path / "kernel") == "raw"


def test_only_the_first_version_of_qcow_is_called_so(tmp_path):
    for number, name in ((0, "qcow2"), (1, "qcow"), (2, "qcow2"), (3, "qcow2")):
        image = tmp_path / str(number)
        image.write_bytes(b"QFI\xfb" + bytes((0, 0, 0, number)) + bytes(64))
        assert identified(image) == name


@pytest.mark.parametrize(("before", "name"), [(0, "vpc"), (1, "vpc"), (512, "vpc"), (513, "vpc")])
def test_a_fixed_vhd_image_is_known_by_its_last_512_bytes(tmp_path, before, name):
    image = tmp_path / "image"
    image.write_bytes(b"x" * before + b"conectix".ljust(512, b"\0"))
    assert identified(image) == name
    image.write_bytes(b"x" * before + b"conectix".ljust(511, b"\0"))
    assert identified(image) == (name if before == 0 else "unknown")
