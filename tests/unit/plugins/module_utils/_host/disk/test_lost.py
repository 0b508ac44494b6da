# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os

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
    qcow2(tmp_path / "vms/1001/vm1_img.qcow2", GIB)
    os.unlink(path)
    if content is None:
        os.mkdir(path)
    else:
        (tmp_path / "vms/1001/vm1_img.qcow2").write_bytes(content)
    (message,) = find(order, tmp_path).barred.values()
    assert message == (
        f"VM 1001 (vm1): disk {path} is damaged: {why.format(path=path)}; a disk must be a qcow2 image; restore it, or "
        "move it away and deploy with -e recreate_disks=1001 to create it empty"
    )
