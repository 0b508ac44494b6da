# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""After a power failure, no VM starts with a disk that a deploy would refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import origins
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import check_disks
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from ..disk.test_origins import need_attributes
from ..disk.test_qcow2 import qcow2
from ..fakes import FakeRunner, mark, uuid
from .mains import exit_of

SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-*@*.service")
STOP = ("systemctl", "stop", "--no-block", "--")
UNIT, OTHER = "cloudrepo-1000@1001.service", "cloudrepo-1003@1004.service"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return the state folder, which contains the enabled units as well, of a worker with two VMs."""
    for vm_id in (1001, 1004):
        folder = tmp_path / f"vms/{vm_id}"
        qcow2(folder / "a_img.qcow2", 1 << 30, f"{tmp_path}/images/base.img")
        mark(folder, disks={"a_img.qcow2": uuid(vm_id)})
    systemd.enable([(1000, 1001), (1003, 1004)], unit_dir=str(tmp_path))
    return tmp_path


def check(host: Path, runner: FakeRunner) -> None:
    check_disks.check(str(host), runner, unit_dir=str(host))


def test_vms_with_complete_disks_start(host: Path) -> None:
    check(host, FakeRunner().tell(*SHOW))


def test_a_vm_with_a_truncated_disk_does_not_start_until_it_is_repaired(host: Path) -> None:
    path = host / "vms/1001/a_img.qcow2"
    size = path.stat().st_size
    os.truncate(path, 65536)
    with pytest.raises(SlicesError) as error:
        check(host, FakeRunner().tell(*SHOW).tell(*STOP, UNIT))
    assert error.value.message == (
        f"{UNIT} does not start with the host: VM 1001: disk {path} is damaged: it has 65536 bytes, and needs at least "
        f"{size}; a disk must be as large as its tables say; restore it, or run truncate --size={size} {path} and "
        f"qemu-img check -r all {path} on its worker to go on with zeros in place of what is missing"
    )
    assert path.stat().st_size == 65536
    assert systemd.enabled_names(str(host)) == [UNIT, OTHER]


def test_a_vm_with_the_disk_of_another_does_not_start(host: Path) -> None:
    need_attributes(host)
    path = host / "vms/1004/a_img.qcow2"
    os.setxattr(path, origins.ATTRIBUTE, uuid(1001).encode())
    with pytest.raises(SlicesError) as error:
        check(host, FakeRunner().tell(*SHOW).tell(*STOP, OTHER))
    assert error.value.message.startswith(
        f"{OTHER} does not start with the host: VM 1004: {path} is disk {uuid(1001)}, not disk {uuid(1004)}; "
    )


def test_all_faults_are_told_and_all_these_vms_stopped(host: Path) -> None:
    for vm_id in (1001, 1004):
        (host / f"vms/{vm_id}/a_img.qcow2").write_bytes(b"no image")
    with pytest.raises(SlicesError, match=f"{UNIT} .* is damaged: .*\n{OTHER} .* is damaged: "):
        check(host, FakeRunner().tell(*SHOW).tell(*STOP, UNIT, OTHER))


def test_a_running_vm_is_left_alone(host: Path) -> None:
    os.truncate(host / "vms/1001/a_img.qcow2", 65536)
    check(host, FakeRunner().tell(*SHOW, stdout=f"Id={UNIT}\nActiveState=active\nMainPID=7\n"))


def test_a_disk_that_is_missing_or_has_no_uuid_is_not_that_of_another(host: Path) -> None:
    (host / "vms/1001/a_img.qcow2").unlink()
    (host / "vms/1004/identity.json").unlink()
    check(host, FakeRunner().tell(*SHOW))


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, check_disks, "check", "/s") == (7, ("/s",))
