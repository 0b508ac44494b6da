# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import bases, overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.base_images import Note
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import MARK, text_of
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms

from ..fakes import ACCOUNTS, disk, orders, vm
from .images import noted
from .test_overlays import GIB, base_image
from .test_qcow2 import qcow2


def test_vms_on_a_damaged_base_image_are_barred_and_get_no_disk(tmp_path):
    damaged = base_image(tmp_path, "old.img", damage="it was cut short")
    base_image(tmp_path)
    order = orders(
        vm(1001, state_dir=str(tmp_path)),
        vm(1002, state_dir=str(tmp_path), disks=[disk(1002, state_dir=str(tmp_path), backing_file=damaged)]),
        vm(1003, state_dir=str(tmp_path)),
        state_dir=str(tmp_path),
    )
    # An existing overlay keeps its base image, whatever the order says.
    qcow2(tmp_path / "vms/1003/vm3_img.qcow2", GIB, damaged)
    (tmp_path / "vms/1003" / MARK).write_text(text_of(all_vms(order)[2]))
    have = overlays.observe(order, state_dir=str(tmp_path))

    message = (
        f"VM {{}}: base image {damaged} is damaged: it was cut short; run the deploy again as an admin "
        "with -e base_images_refetch=true to fetch it again"
    )
    assert bases.barred(order, have.overlays, have.bases) == {
        1002: message.format("1002 (vm2)"),
        1003: message.format("1003 (vm3)"),
    }
    assert [made.vm_id for made, _disk in overlays.plan(order, have, accounts=ACCOUNTS).create] == [1001]


def test_a_vm_that_runs_from_a_replaced_image_is_reported(tmp_path):
    path = base_image(tmp_path)
    order = orders(*(vm(number, state_dir=str(tmp_path)) for number in (1001, 1002)), state_dir=str(tmp_path))
    pids = {1001: os.getpid(), 1002: None}
    with open(path, "rb"):
        qcow2(tmp_path / "images/new", GIB // 2)
        os.replace(tmp_path / "images/new", path)
        noted(Path(path), is_replacement=True)
        have = overlays.observe(order, state_dir=str(tmp_path))
        assert bases.outdated(order, have.overlays, have.bases, pids) == {
            1001: f"VM 1001 (vm1): base image {path} was replaced while the VM was running; run the deploy again with "
            "-e apply_work_order_restart=true"
        }
    assert bases.outdated(order, have.overlays, have.bases, pids) == {}


def test_a_vm_with_a_damaged_cd_is_barred(tmp_path):
    base_image(tmp_path)
    cd = base_image(tmp_path, "cd.img", damage="it was cut short")
    where = {"state_dir": str(tmp_path)}
    order = orders(vm(1001, cdrom=cd, **where), vm(1002, **where), **where)
    have = overlays.observe(order, **where)
    assert list(bases.barred(order, have.overlays, have.bases)) == [1001]


KERNEL, INITRD, CD, BASE = "/images/k.img", "/images/i.img", "/images/cd.img", disk()["backing_file"]


def note(content: str = "disk", **fields: Any) -> Note:
    return Note("ab" * 32, 1, 1, content=content, **fields)


@pytest.mark.parametrize(
    ("verified", "told"),
    [
        ({}, []),
        ({KERNEL: "kernel", INITRD: "initrd", BASE: "disk"}, []),
        ({KERNEL: "disk"}, [(KERNEL, "kernel", "disk")]),
        ({INITRD: "kernel"}, [(INITRD, "initrd", "kernel")]),
        ({BASE: "kernel"}, [(BASE, "disk", "kernel")]),
        ({CD: "initrd"}, [(CD, "cdrom", "initrd")]),
    ],
)
def test_an_image_that_was_verified_as_something_else_is_refused(
    verified: dict[str, str], told: list[tuple[str, str, str]]
) -> None:
    order = orders(vm(1001, kernel=KERNEL, initrd=INITRD, cdrom=CD), vm(1002))
    held = {path: note(content) for path, content in verified.items()}
    found = list(bases.conflicts(order, held))
    assert [each.figures for _slice, each in found if each.object == "VM 1001 (vm1)"] == [
        {"path": path, "wanted": wanted, "content": content} for path, wanted, content in told
    ]
    for slice_id, each in found:
        assert (slice_id, each.code) == (1000, "image_is_another")
        figures = each.figures
        assert each.message == (
            f"{each.object}: {figures['path']} is used as {figures['wanted']}, but was verified as {figures['content']}"
        )


@pytest.mark.parametrize("path", [KERNEL, INITRD])
def test_a_vm_with_a_damaged_kernel_or_initrd_is_not_started(path: str) -> None:
    order = orders(vm(1001, kernel=KERNEL, initrd=INITRD), vm(1002))
    told = bases.barred(order, {}, {path: note(damage="it is cut short")})
    assert list(told) == [1001]
    assert f"{path} is damaged: it is cut short" in told[1001]
