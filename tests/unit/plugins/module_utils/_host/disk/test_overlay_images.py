# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks of tenants that are damaged, or lead to other files."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import overlay_images
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image

from .images import KIB, MIB, converted, cut, qemu_img, raw
from .test_qcow2 import GIB, qcow2


def read(path: Path, *, is_open: bool = False) -> Image | None:
    return overlay_images.read(str(path), images=f"{path.parent}/images", is_open=is_open)


def damage(path: Path, *, is_open: bool = False) -> str | None:
    found = read(path, is_open=is_open)
    assert found is not None
    return found.damage


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """An overlay in which a guest wrote 2 MiB."""
    base = f"{tmp_path}/images/base.img"
    os.mkdir(os.path.dirname(base))
    qemu_img("create", "-q", "-f", "qcow2", base, "1M")
    converted(raw(tmp_path / "raw"), tmp_path / "a", "-B", base, "-F", "qcow2")
    return tmp_path / "a"


def test_a_complete_overlay_is_undamaged(overlay: Path) -> None:
    for is_open in (False, True):
        assert read(overlay, is_open=is_open) == Image("qcow2", 2 * MIB, f"{overlay.parent}/images/base.img")


@pytest.mark.parametrize("kib", [64, 128, 256, 512, 1024, 2048])
def test_an_overlay_without_a_part_of_its_data_is_damaged(overlay: Path, kib: int) -> None:
    cut(overlay, overlay.stat().st_size - kib * KIB)
    found = read(overlay)
    assert found is not None
    assert (found.needed_bytes or 0) > kib * KIB
    assert found.damage == f"it has {kib * KIB} bytes, and needs at least {found.needed_bytes}"


@pytest.mark.parametrize("kib", [64, 128, 1024])
def test_an_overlay_whose_end_was_filled_with_zeros_is_undamaged(overlay: Path, kib: int) -> None:
    """So says the refusal. Without the check, QEMU would allocate clusters that are in use."""
    cut(overlay, overlay.stat().st_size - kib * KIB)
    found = read(overlay)
    assert found is not None
    os.truncate(overlay, found.needed_bytes or 0)
    qemu_img("check", "-q", "-r", "all", overlay)
    assert damage(overlay) is None
    assert "No errors were found" in qemu_img("check", overlay)


def test_only_the_ends_of_the_tables_of_an_open_overlay_are_checked(overlay: Path) -> None:
    cut(overlay, 512)
    assert damage(overlay, is_open=True) is None
    cut(overlay, overlay.stat().st_size - 64 * KIB)
    assert "and needs at least" in str(damage(overlay, is_open=True))


def test_a_new_disk_is_undamaged(tmp_path: Path) -> None:
    qemu_img("create", "-q", "-f", "qcow2", tmp_path / "a", "20G")
    assert read(tmp_path / "a") == Image("qcow2", 20 * GIB)


def test_a_disk_that_was_enlarged_is_undamaged(overlay: Path) -> None:
    qemu_img("resize", "-q", "-f", "qcow2", overlay, "300G")
    assert damage(overlay) is None


def test_a_missing_disk_has_no_image(tmp_path: Path) -> None:
    assert read(tmp_path / "missing") is None


def test_a_disk_that_is_not_qcow2_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"x" * 512)
    assert read(tmp_path / "raw") == Image("raw", 512, damage="it does not begin with the header of a qcow2 image")
    (tmp_path / "short").write_bytes(b"QFI\xfb" + bytes(16))
    assert read(tmp_path / "short") == Image("raw", 0, damage="its qcow2 header is truncated")
    assert read(tmp_path) == Image("raw", 0, damage="it cannot be read (Is a directory)")


def test_a_name_with_a_null_character_is_damage(tmp_path: Path) -> None:
    """A compromised QEMU can write it, and Python raises a ValueError for such a path, as for a bug."""
    qcow2(tmp_path / "a", GIB, "/images/base.img")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes().replace(b"base.img", b"base.im\0"))
    assert read(tmp_path / "a") == Image("raw", 0, damage="its backing file name contains a null character")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"incompatible": 1 << 2}, "its data is in another file"),
        ({"incompatible": 1 << 7}, "its version 3 or its incompatible features 10000000 are not known"),
        ({"encryption": 1}, "it is encrypted"),
        ({"encryption": 2}, "it is encrypted"),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_disk_in_a_format_that_nothing_here_makes_is_damaged(
    tmp_path: Path, changes: dict[str, Any], why: str, is_open: bool
) -> None:
    qcow2(tmp_path / "a", GIB, **changes)
    assert damage(tmp_path / "a", is_open=is_open) == why


@pytest.mark.parametrize(
    "name",
    [
        "{state}/vms/1002/vm2_img.qcow2",
        "{state}/images/../vms/1002/vm2_img.qcow2",
        "{state}/images/deeper/base.img",
        "{state}/imagesX/base.img",
        "images/base.img",
        "nbd://10.0.0.1:10809/x",
        'json:{{"driver":"qcow2","file":"{state}/vms/1002/x/../../../images/base.img"}}',
        "nbd:unix:{state}/images/socket",
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_disk_that_leads_to_another_file_than_a_base_image_is_damaged(
    tmp_path: Path, name: str, is_open: bool
) -> None:
    backing = name.format(state=tmp_path)
    qcow2(tmp_path / "a", GIB, backing)
    assert damage(tmp_path / "a", is_open=is_open) == f"its backing file {backing} is not in {tmp_path}/images"


def test_the_base_image_may_be_named_by_another_path_to_its_folder(tmp_path: Path) -> None:
    """An administrator has moved the state folder, and left a link."""
    (tmp_path / "state/images").mkdir(parents=True)
    (tmp_path / "old").symlink_to(tmp_path / "state")
    qcow2(tmp_path / "state/a", GIB, f"{tmp_path}/old/images/base.img")
    assert damage(tmp_path / "state/a") is None


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (20, struct.pack(">I", 60)),  # the size of clusters
        (36, struct.pack(">I", 0)),  # the entries of the L1 table
        (56, struct.pack(">I", 1 << 31)),  # the clusters of the refcount table
    ],
)
def test_a_header_with_impossible_sizes_is_damage(tmp_path: Path, offset: int, value: bytes) -> None:
    """They are not tried, which would take all of the memory."""
    path = tmp_path / "a"
    qcow2(path, GIB)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value)
    os.truncate(path, 1 << 40)
    for is_open in (False, True):
        assert damage(path, is_open=is_open) == "its header has sizes that the format does not allow"
