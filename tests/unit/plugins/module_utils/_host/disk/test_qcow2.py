# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Valid and invalid headers of images."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import (
    HeaderError,
    Image,
    read_image,
)

GIB = 1 << 30


def qcow2(path: Path, size: int, backing: str = "", *, incompatible: int = 0, encryption: int = 0) -> None:
    """Create an image without data, with tables in the same places as those of qemu-img."""
    name, entries = backing.encode(), -(-size // (512 << 20))
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 104 if name else 0, len(name), 16, size)
    head += struct.pack(">IIQQIIQQ", encryption, entries, 3 << 16, 1 << 16, 1, 0, 0, incompatible)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head.ljust(104, b"\0") + name)
        file.seek(1 << 16)
        file.write(struct.pack(">Q", 2 << 16))
        file.truncate((3 << 16) + 8 * entries)


def test_a_header_contains_size_and_backing_file(tmp_path):
    qcow2(tmp_path / "a", GIB, "/images/base.img")

    assert read_image(str(tmp_path / "a")) == Image("qcow2", GIB, "/images/base.img")


def test_an_image_without_a_backing_file(tmp_path):
    qcow2(tmp_path / "a", GIB)

    assert read_image(str(tmp_path / "a")) == Image("qcow2", GIB)


def test_other_content_is_raw(tmp_path):
    (tmp_path / "a").write_bytes(b"\0" * 512)

    assert read_image(str(tmp_path / "a")) == Image("raw", 512)
    assert read_image(str(tmp_path / "b")) is None


CLUSTER = 1 << 21


@pytest.mark.parametrize("size", [0, 1, 3, 4, 512])
def test_a_raw_image_is_as_large_as_its_file(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(bytes(size))
    assert read_image(str(tmp_path / "a")) == Image("raw", size)


@pytest.mark.parametrize(
    ("offset", "length", "is_possible"),
    [
        (104, 1023, True),
        (104, 1024, False),
        (104, 0xFFFFFFFF, False),
        (CLUSTER, 10, True),
        (CLUSTER + 1, 10, False),
        (1 << 63, 10, False),
    ],
)
def test_the_name_of_a_backing_file_is_within_the_header_cluster(
    tmp_path: Path, offset: int, length: int, is_possible: bool
) -> None:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, offset, length, 16, GIB).ljust(104, b"\0")
    name = b"n" * min(length, 2000)
    with open(tmp_path / "a", "wb") as file:
        file.write(header)
        if is_possible:
            file.seek(offset)
            file.write(name)
    if is_possible:
        assert read_image(str(tmp_path / "a")) == Image("qcow2", GIB, name.decode())
    else:
        with pytest.raises(HeaderError) as caught:
            read_image(str(tmp_path / "a"))
        assert all(str(figure) in caught.value.why for figure in (offset, length))


@pytest.mark.parametrize("length", [4, 31, 71])
def test_a_truncated_header_is_an_error(tmp_path: Path, length: int) -> None:
    qcow2(tmp_path / "a", GIB)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:length])
    with pytest.raises(HeaderError) as caught:
        read_image(str(tmp_path / "a"))
    assert caught.value.needed_bytes == 72


def test_only_the_header_is_required(tmp_path: Path) -> None:
    qcow2(tmp_path / "a", GIB)
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:72])
    assert read_image(str(tmp_path / "a")) == Image("qcow2", GIB)


def test_an_undecodable_name_is_shown_with_replacements(tmp_path: Path) -> None:
    qcow2(tmp_path / "a", GIB, "/x")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes().replace(b"/x", b"/\xff"))
    assert read_image(str(tmp_path / "a")) == Image("qcow2", GIB, "/\ufffd")
