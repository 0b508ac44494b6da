# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Disks are enlarged by QEMU while it has them open, and by qemu-img otherwise; none is made smaller."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import growth, overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.growth import Growth
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.overlays import Disks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image, read_image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from ..fakes import ACCOUNTS, FakeMonitor, FakeRunner, disk, orders, slices, vm

MIB, GIB = 1 << 20, 1 << 30
PATH = disk()["path"]
AS_USER = ("setpriv", "--reuid=998", "--regid=998", "--init-groups", "--")
"""What runs a command as the user of slice 1000."""
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
        runner.tell(*AS_USER, "qemu-img", "resize", "-q", "-f", "qcow2", PATH, str(GIB))
    growth.closed(todo, ACCOUNTS, runner)
    assert growth.opened(todo, monitor) == {}
    assert monitor.commands == ([(SOCKET, "block_resize", {"device": "disk", "size": GIB})] if is_open else [])


def test_a_disk_that_qemu_does_not_enlarge_is_an_error_of_its_vm() -> None:
    todo = grown(GIB // 2, in_use=True)
    monitor = FakeMonitor().tell("block_resize", error="No space left on device")
    told = "VM 1001 (vm1): QEMU refused block_resize: No space left on device"
    assert growth.opened(todo, monitor) == {1001: told}
    silent = growth.opened(todo, FakeMonitor({SOCKET: 1}))
    assert silent == {1001: f"VM 1001 (vm1): QEMU does not respond at {SOCKET}"}


NOBODY = pwd.getpwnam("nobody")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run qemu-img as another user")


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A state folder that other users can reach."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


def due(state_dir: Path) -> Growth:
    """A disk of 1 MiB of the user nobody, which is enlarged to 3 MiB."""
    wanted = disk(state_dir=str(state_dir), size_bytes=3 * MIB)
    (read,) = orders(vm(state_dir=str(state_dir), disks=[wanted]), state_dir=str(state_dir))
    return Growth(read.vms[0], read.vms[0].disks[0], MIB)


def enlarge(each: Growth) -> None:
    accounts = Accounts("cloudrepo", {1000: Account(NOBODY.pw_uid, NOBODY.pw_gid)})
    growth.closed([each], accounts, SubprocessRunner())


def create(path: str, *options: str) -> None:
    os.makedirs(os.path.dirname(path))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "1M"], check=True)
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


@needs_root
def test_real_qemu_img_enlarges_a_disk_once(state_dir: Path) -> None:
    each = due(state_dir)
    create(each.disk.path)
    enlarge(each)
    found = read_image(each.disk.path)
    assert found == Image("qcow2", 3 * MIB)
    assert not growth.is_due(each.disk, {each.disk.path: found})


@needs_root
def test_a_header_that_changes_after_it_was_read_does_not_lead_to_the_disk_of_another_tenant(state_dir: Path) -> None:
    """QEMU can write the header of its disk at any time."""
    each, victim = due(state_dir), state_dir / "victim"
    victim.write_bytes(b"")
    create(each.disk.path, "-o", f"data_file={victim}")
    victim.write_text("what another tenant wrote")
    victim.chmod(0o600)
    with pytest.raises(CommandFailed, match="Permission denied"):
        enlarge(each)
    assert victim.read_text() == "what another tenant wrote"
    assert read_image(each.disk.path) == Image("qcow2", MIB)
