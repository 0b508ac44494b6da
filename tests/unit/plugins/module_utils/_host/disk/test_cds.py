# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drive takes the image of a CD, known by its content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import bases, cds, iso9660
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.base_images import Note
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..fakes import orders, vm


@pytest.mark.parametrize(
    ("content", "is_cd"), [(iso9660.image("install", {"a": b"b"}), True), (b"QFI\xfb" + bytes(40_000), False)]
)
def test_an_image_without_the_file_system_of_a_cd_is_refused(tmp_path: Path, content: bytes, is_cd: bool) -> None:
    path = tmp_path / "cd.iso"
    path.write_bytes(content)
    refusal = Refusal("cd_without_file_system", "VM 1001 (vm1)", {"path": str(path)})
    assert list(cds.conflicts(orders(vm(cdrom=str(path)), vm(1002)))) == ([] if is_cd else [(1000, refusal)])
    assert f"{path} is not ISO 9660" in refusal.message


def test_a_missing_image_is_fetched_first(tmp_path: Path) -> None:
    assert list(cds.conflicts(orders(vm(cdrom=f"{tmp_path}/cd.iso")))) == []


def test_a_vm_with_a_damaged_cd_is_not_started() -> None:
    order = orders(vm(cdrom="/images/cd.img"), vm(1002))
    damaged = Note("ab" * 32, 1, 1, damage="it is cut short")
    told = bases.barred(order, {}, {"/images/cd.img": damaged})
    assert list(told) == [1001]
    assert "/images/cd.img is damaged: it is cut short" in told[1001]
    assert bases.barred(order, {}, {"/images/cd.img": Note("ab" * 32, 1, 1)}) == {}


def test_a_vm_that_runs_with_a_replaced_cd_is_reported(tmp_path: Path) -> None:
    path, note = tmp_path / "cd.img", Note("ab" * 32, 1, 1, is_replacement=True)
    order = orders(vm(cdrom=str(path)), vm(1002))
    path.write_bytes(b"old")
    with path.open("rb"):
        path.unlink()
        told = bases.outdated(order, {}, {str(path): note}, {1001: os.getpid(), 1002: os.getpid()})
        assert list(told) == [1001]
        assert f"{path} was replaced while the VM was running" in told[1001]
        assert bases.outdated(order, {}, {str(path): note}, {1001: None}) == {}
    assert bases.outdated(order, {}, {str(path): note}, {1001: os.getpid()}) == {}
