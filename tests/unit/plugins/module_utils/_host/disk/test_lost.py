# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import lost, overlays, register
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.lost import Lost
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_disks
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..fakes import ACCOUNTS, disk, orders, uuid, vm
from .test_overlays import GIB, base_image
from .test_qcow2 import qcow2

SEEN = "2026-01-31T12:00:00Z"


def ordered(tmp_path, **of_disk):
    wanted = disk(1001, state_dir=str(tmp_path), uuid=uuid(1), **of_disk)
    return orders(vm(1001, state_dir=str(tmp_path), disks=[wanted]), state_dir=str(tmp_path))


def find(order, tmp_path, pid=None):
    have = overlays.observe(order, state_dir=str(tmp_path))
    return lost.find(order, have.overlays, have.known, {1001: pid})


def missing(path, seen=SEEN):
    return Refusal("disk_missing", "VM 1001 (vm1)", {"path": path, "seen": seen, "vm_id": 1001})


def test_a_disk_that_was_never_seen_is_not_lost(tmp_path):
    assert find(ordered(tmp_path), tmp_path) == Lost()


def test_a_missing_disk_that_the_database_has_seen_is_lost(tmp_path):
    order = ordered(tmp_path, first_seen=SEEN)
    path = order[0].vms[0].disks[0].path
    found = find(order, tmp_path)

    assert found == Lost({1001: missing(path)})
    assert found.barred == {
        1001: f"VM 1001 (vm1): disk {path} is missing, last seen {SEEN}; a disk that has existed is only created again "
        "on request; restore it, or deploy with -e recreate_disks=1001 to create it empty"
    }
    qcow2(tmp_path / "vms/1001/vm1_img.qcow2", GIB)
    assert find(order, tmp_path) == Lost()


def test_a_missing_disk_that_only_the_host_has_seen_is_lost(tmp_path):
    order = ordered(tmp_path)
    ((_vm, one),) = all_disks(order)
    register.note(str(tmp_path), present=[one])
    seen = register.read(str(tmp_path))[one.path].seen
    assert find(order, tmp_path) == Lost({1001: missing(one.path, seen)})
    # The host's information is newer.
    assert find(ordered(tmp_path, first_seen=SEEN), tmp_path) == Lost({1001: missing(one.path, seen)})


def test_another_disk_at_the_same_path_does_not_count(tmp_path):
    ((_vm, other),) = all_disks(orders(vm(1001, state_dir=str(tmp_path)), state_dir=str(tmp_path)))
    register.note(str(tmp_path), present=[other])
    assert find(ordered(tmp_path), tmp_path) == Lost()


@pytest.mark.parametrize("pid", [None, 0])
def test_a_lost_disk_is_recreated_on_request(tmp_path, pid):
    base_image(tmp_path)
    order = ordered(tmp_path, first_seen=SEEN, recreate=True)
    found = find(order, tmp_path, pid)
    assert found == Lost()
    have = overlays.observe(order, state_dir=str(tmp_path))
    assert len(overlays.plan(order, have, accounts=ACCOUNTS, barred=found.refusals).create) == 1


@pytest.mark.parametrize("recreate", [False, True])
def test_a_deleted_disk_that_qemu_has_open_is_not_replaced(tmp_path, recreate):
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB)
    order = ordered(tmp_path, first_seen=SEEN, recreate=recreate)
    with open(path, "rb"):
        path.unlink()
        found = find(order, tmp_path, os.getpid())
        refusal = found.refusals[1001]
        with open(refusal.figures["file"], "rb") as file:
            assert file.read(4) == b"QFI\xfb"
    assert (refusal.code, refusal.figures["path"]) == ("disk_deleted", str(path))
    assert refusal.figures["unit"] == "cloudrepo-1000@1001.service"
    assert found.held == {1001}
    have = overlays.observe(order, state_dir=str(tmp_path))
    assert overlays.plan(order, have, accounts=ACCOUNTS, barred=found.refusals).create == ()


def test_a_disk_that_was_cut_short_is_not_started_and_can_be_restored_or_filled(tmp_path):
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB)
    os.truncate(path, 1 << 16)
    (message,) = find(ordered(tmp_path), tmp_path).barred.values()
    assert message == (
        f"VM 1001 (vm1): disk {path} is damaged: it has 65536 bytes, and needs at least 196624; a disk must be as "
        f"large as its tables say; restore it, or run truncate --size=196624 {path} and qemu-img check -r all {path} "
        "on its worker to go on with zeros in place of what is missing"
    )


VARIABLES = "/vms/1001/uefi_variables.fd"


def test_lost_uefi_variables_are_not_made_anew_without_a_request(tmp_path):
    found = lost.find(ordered(tmp_path), {}, {}, {}, {1001: VARIABLES})
    assert (found.variables, found.held) == ({1001}, set())
    assert found.barred == {
        1001: f"VM 1001 (vm1): UEFI variables {VARIABLES} are missing; variables with which a VM has started are only "
        "created again on request; restore them, or deploy with -e recreate_disks=1001 to start with those of OVMF"
    }
    assert lost.find(ordered(tmp_path, recreate=True), {}, {}, {}, {1001: VARIABLES}) == Lost()


@pytest.mark.parametrize("recreate", [False, True])
def test_deleted_uefi_variables_that_qemu_has_open_are_copied(tmp_path, recreate):
    path = tmp_path / "uefi_variables.fd"
    path.write_text("boots from the second partition")
    with open(path, "rb"):
        path.unlink()
        order = ordered(tmp_path, recreate=recreate)
        found = lost.find(order, {}, {}, {1001: os.getpid()}, {1001: str(path)})
        assert Path(found.refusals[1001].figures["file"]).read_text() == "boots from the second partition"
    assert (found.refusals[1001].code, found.held, found.variables) == ("disk_deleted", {1001}, {1001})


def test_a_lost_disk_is_told_before_the_variables(tmp_path):
    found = lost.find(ordered(tmp_path, first_seen=SEEN), {}, {}, {}, {1001: VARIABLES})
    assert (found.refusals[1001].code, found.variables) == ("disk_missing", {1001})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it does not begin with the header of a qcow2 image"),
        (b"\0" * 4096, "it does not begin with the header of a qcow2 image"),
        (b"QFI\xfb\0\0", "its qcow2 header is truncated"),
        (None, "it cannot be read (Is a directory)"),
    ],
)
def test_a_vm_whose_disk_is_not_a_qcow2_image_is_not_started_and_reported(tmp_path, content, why):
    order = ordered(tmp_path)
    path = order[0].vms[0].disks[0].path
    os.makedirs(os.path.dirname(path))
    if content is None:
        os.mkdir(path)
    else:
        Path(path).write_bytes(content)
    (message,) = find(order, tmp_path).barred.values()
    assert message == (
        f"VM 1001 (vm1): disk {path} is damaged: {why.format(path=path)}; a disk must be a complete qcow2 image, and "
        "its only other file a base image; restore it, or move it away and deploy with -e recreate_disks=1001 to "
        "create it empty"
    )
