# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership, worker
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .disk.images import noted
from .disk.test_overlays import base_image
from .disk.test_qcow2 import qcow2
from .fakes import MORE, FakeMonitor, FakeRunner, mark, orders, vm
from .test_worker_job import GIB, PASSWORDS, looked_at, lose_disk, order, place


@pytest.fixture(autouse=True)
def no_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "observe", taps.Devices)


def test_a_failing_command_is_an_error_unless_the_host_is_unprepared(tmp_path: Path) -> None:
    def silent(*, also_systemd: bool) -> Tools:
        runner = FakeRunner().tell("nft", MORE, rc=127).tell("ovs-vsctl", MORE, rc=127)
        if also_systemd:
            runner.tell("ovs-ofctl", MORE, rc=127).tell("systemctl", MORE, rc=127)
        return Tools(runner, FakeMonitor(), unit_dir=str(tmp_path))

    have = worker.observe(order(tmp_path), silent(also_systemd=True), settings=place(tmp_path), missing_ok=True)
    assert (have.vms.units.vms, have.wires.closed) == ({}, False)
    todo = worker.plan(order(tmp_path), have, settings=place(tmp_path), restart=False)
    missing = worker.missing_inputs(ownership.Seen(order(tmp_path), have, {}), todo, PASSWORDS, {})
    assert missing.to_dict() == {
        "missing_images": [str(tmp_path / "images/base.img")],
        "missing_passwords": [],
        "missing_user_data": [],
    }
    with pytest.raises(CommandFailed):
        worker.observe(order(tmp_path), silent(also_systemd=False), settings=place(tmp_path))


def test_a_vm_that_runs_from_a_deleted_disk_is_not_stopped(tmp_path: Path) -> None:
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB)
    (one,) = lose_disk(tmp_path)
    stopped = [replace(one, vms=(replace(one.vms[0], state="stopped"),))]
    units = f"Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID={os.getpid()}\n"
    with open(path, "rb"):
        path.unlink()
        have = worker.observe(
            stopped, Tools(looked_at(units), FakeMonitor(), unit_dir=str(tmp_path)), settings=place(tmp_path)
        )
    todo = worker.plan(stopped, have, settings=place(tmp_path), restart=True)
    assert (todo.vms.halt, todo.vms.restart, todo.disks.create) == ((), (), ())
    assert "copy /proc/" in todo.vms.faults[1001]


def test_settings_are_read_from_the_arguments_of_a_module(tmp_path: Path) -> None:
    params = {
        "bridge": "br0",
        "gateway": "10.60.7.1",
        "dhcp_server": "10.60.7.2",
        "prune_vlans": False,
        "state_dir": "/s",
        "user": "no-such-user",
        "vnc_address": None,
        "vnc_listen": "unix",
        "accelerator": "tcg",
        "checksum_offload": True,
        "disk_retention_h": 5,
    }
    read = worker.read_settings(params, order(tmp_path))
    assert (read.disk_retention_h, read.vms.accounts.known, read.vms.vnc_listen) == (5, {}, "unix")
    assert (read.vms.state_dir, read.wires.bridge, read.wires.folder) == ("/s", "br0", "/s/flows")


@pytest.mark.parametrize("missing_ok", [True, False])
def test_a_host_that_is_not_prepared_refuses_no_slice_for_its_firmware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing_ok: bool
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(worker.firmware, "conflicts", lambda orders: asked.append(orders) or iter(()))
    runner = FakeRunner().tell("nft", MORE, rc=127).tell("ovs-vsctl", MORE, rc=127).tell("ovs-ofctl", MORE, rc=127)
    tools = Tools(runner.tell("systemctl", MORE, rc=127), FakeMonitor(), unit_dir=str(tmp_path))
    have = worker.observe(order(tmp_path), tools, settings=place(tmp_path), missing_ok=True)
    list(worker.conflicts(order(tmp_path), have, settings=place(tmp_path), missing_ok=missing_ok))
    assert bool(asked) is not missing_ok


def test_a_missing_kernel_is_fetched_like_a_missing_disk(tmp_path: Path) -> None:
    tools = Tools(looked_at(""), FakeMonitor(), unit_dir=str(tmp_path))
    kernel, initrd = str(tmp_path / "images/k.img"), str(tmp_path / "images/i.img")
    (one,) = order(tmp_path)
    booting = [replace(one, vms=(replace(one.vms[0], kernel=kernel, initrd=initrd),))]
    have = worker.observe(booting, tools, settings=place(tmp_path), missing_ok=True)
    todo = worker.plan(booting, have, settings=place(tmp_path), restart=False)
    missing = worker.missing_inputs(ownership.Seen(booting, have, {}), todo, PASSWORDS, {})
    assert missing.missing_images == sorted([str(tmp_path / "images/base.img"), kernel, initrd])
    for path, content in ((kernel, "disk"), (initrd, "initrd")):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(b"")
        noted(Path(path), content=content)
    have = worker.observe(booting, tools, settings=place(tmp_path), missing_ok=True)
    figures = {"path": kernel, "wanted": "kernel", "content": "disk"}
    refusal = Refusal("image_is_another", "VM 1001 (vm1)", figures)
    assert list(worker.conflicts(booting, have, settings=place(tmp_path))) == [(1000, refusal)]


def look(tmp_path: Path, *, pid: int = 0, firmware: str = "bios") -> tuple[tuple[SliceOrder, ...], worker.Host]:
    """Observe a host with the VM of an order, which runs if it has a process id."""
    base_image(tmp_path)
    (tmp_path / "vms/1001").mkdir(parents=True, exist_ok=True)
    mark(tmp_path / "vms/1001")
    wanted = orders(vm(1001, 100, state_dir=str(tmp_path), firmware=firmware), state_dir=str(tmp_path))
    state = "active" if pid else "inactive"
    units = f"Id=cloudrepo-1000@1001.service\nActiveState={state}\nMainPID={pid}\n"
    tools = Tools(looked_at(units), FakeMonitor(), unit_dir=str(tmp_path))
    return wanted, worker.observe(wanted, tools, settings=place(tmp_path))


@pytest.mark.parametrize(("pid", "is_told"), [(0, True), (4821, False)])
def test_the_data_of_disks_is_looked_for_before_a_vm_starts(tmp_path: Path, pid: int, is_told: bool) -> None:
    """While it runs, that would take long with many VMs."""
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB)
    with path.open("r+b") as file:
        # The first entry of the L1 table leads beyond the end of the file.
        file.seek(3 << 16)
        file.write((1 << 32).to_bytes(8, "big"))
    wanted, have = look(tmp_path, pid=pid)
    todo = worker.plan(wanted, have, settings=place(tmp_path), restart=False)
    assert (1001 in todo.vms.faults) is is_told
    assert todo.vms.start == ()


def test_a_disk_whose_header_leads_to_another_file_is_an_error_and_not_enlarged(tmp_path: Path) -> None:
    """Nobody but a QEMU that a guest controls writes such a header."""
    qcow2(tmp_path / "vms/1001/vm1_img.qcow2", GIB // 2, incompatible=1 << 2)
    wanted, have = look(tmp_path)
    todo = worker.plan(wanted, have, settings=place(tmp_path), restart=True)
    assert (todo.disks.grow, todo.vms.start) == ((), ())
    assert "is damaged: its data is in another file; a disk must be" in todo.vms.faults[1001]


@pytest.mark.parametrize(
    ("firmware_before", "has_disk", "is_lost"), [("uefi", True, True), ("bios", True, False), ("uefi", False, False)]
)
def test_uefi_variables_are_lost_beside_a_disk_that_has_booted_with_them(
    tmp_path: Path, firmware_before: str, has_disk: bool, is_lost: bool
) -> None:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "vm.json").write_text(json.dumps({"interfaces": [], "firmware": firmware_before}))
    if has_disk:
        qcow2(folder / "vm1_img.qcow2", GIB)
    wanted, have = look(tmp_path, firmware="uefi")
    todo = worker.plan(wanted, have, settings=place(tmp_path), restart=False)
    assert ("UEFI variables" in todo.vms.faults.get(1001, "")) is is_lost
    assert [each.vm_id for each in todo.vms.variables] == ([] if is_lost else [1001])
    assert [each.vm_id for each in todo.vms.start] == ([] if is_lost else [1001])


def test_uefi_variables_in_the_trash_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come back with the disk."""
    waiting = tmp_path / "trash/1-1001/vm1_img.qcow2"
    qcow2(waiting, GIB)
    monkeypatch.setattr(worker.overlays.trash, "find", lambda _state_dir: {None: str(waiting)})
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "vms/1001/vm.json").write_text(json.dumps({"interfaces": [], "firmware": "uefi"}))
    _wanted, have = look(tmp_path, firmware="uefi")
    assert have.disks.deleted == {f"{tmp_path}/vms/1001/vm1_img.qcow2": str(waiting)}
    assert (have.lost.refusals, have.lost.variables) == ({}, set())
