# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks are enlarged by QEMU while it has them open, and by qemu-img otherwise; none is made smaller."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import growth, overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.growth import Growth
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.overlays import Disks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image, read_image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change

from ..fakes import ACCOUNTS, FakeMonitor, FakeRunner, disk, orders, slices, vm

MIB, GIB = 1 << 20, 1 << 30
PATH = disk()["path"]
SOCKET = "/run/cloudrepo/1001/qmp.sock"


def grown(size: int, *, in_use: bool = False, restarting: tuple[int, ...] = (), damage: str | None = None):
    """The disks to enlarge, of a VM whose disk of 1 GiB has this size."""
    image = Image("qcow2", size, disk()["backing_file"], damage)
    have = Disks(overlays={PATH: image}, in_use=[PATH] if in_use else [])
    todo = overlays.plan(orders(vm()), have, accounts=ACCOUNTS, restarting=restarting)
    assert [change for change in todo.changes if change.id == PATH] == [each.change for each in todo.grow]
    return todo.grow


@pytest.mark.parametrize(("size", "count"), [(GIB - 512, 1), (GIB, 0), (2 * GIB, 0)])
def test_only_a_smaller_disk_is_due(size: int, count: int) -> None:
    assert len(grown(size)) == count


def test_a_damaged_or_missing_disk_is_not_due() -> None:
    assert grown(0, damage="it has no header") == ()
    (read,) = orders(vm())
    assert not growth.is_due(read.vms[0].disks[0], {})


def test_the_change_tells_both_sizes() -> None:
    (each,) = grown(GIB // 2)
    assert each.change == Change("overlay", PATH, "update", {"size_bytes": GIB // 2}, {"size_bytes": GIB})
    assert slices([each.change]) == {1000}


@pytest.mark.parametrize(
    ("in_use", "restarting", "is_open"), [(False, (), False), (True, (), True), (True, (1001,), False)]
)
def test_who_enlarges_a_disk(in_use: bool, restarting: tuple[int, ...], is_open: bool) -> None:
    todo = grown(GIB // 2, in_use=in_use, restarting=restarting)
    assert [each.is_open for each in todo] == [is_open]
    runner, monitor = FakeRunner(), FakeMonitor()
    if is_open:
        monitor.tell("block_resize")
    else:
        runner.tell("qemu-img", "resize", "-q", "-f", "qcow2", PATH, str(GIB))
    growth.closed(todo, runner)
    assert growth.opened(todo, monitor) == {}
    assert monitor.commands == ([(SOCKET, "block_resize", {"device": "disk", "size": GIB})] if is_open else [])


def test_a_disk_that_qemu_does_not_enlarge_is_an_error_of_its_vm() -> None:
    todo = grown(GIB // 2, in_use=True)
    monitor = FakeMonitor().tell("block_resize", error="No space left on device")
    told = "VM 1001 (vm1): QEMU refused block_resize: No space left on device"
    assert growth.opened(todo, monitor) == {1001: told}
    silent = growth.opened(todo, FakeMonitor({SOCKET: 1}))
    assert silent == {1001: f"VM 1001 (vm1): QEMU does not respond at {SOCKET}"}


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_real_qemu_img_enlarges_a_disk_once(tmp_path: Path) -> None:
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    path.parent.mkdir(parents=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    wanted = disk(state_dir=str(tmp_path), size_bytes=3 * MIB)
    (read,) = orders(vm(state_dir=str(tmp_path), disks=[wanted]), state_dir=str(tmp_path))
    each = read.vms[0].disks[0]
    growth.closed([Growth(read.vms[0], each, MIB)], SubprocessRunner())
    found = read_image(str(path))
    assert found == Image("qcow2", 3 * MIB)
    assert not growth.is_due(each, {each.path: found})
