# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Any file on a host may be damaged: its reader continues without it, or fails with one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    claims,
    fences,
    in_use,
    orphans,
    ownership,
    revisions,
    vm_folders,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import flows, shaping
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import (
    base_images,
    bases,
    lost,
    overlays,
    register,
    trash,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import leases, live, namespace
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import (
    check_fence,
    drop_carrier,
    empty_trash,
    guard_dhcp,
    list_lost,
    power_down,
    process,
    restore_flows,
    restore_taps,
    trim_logs,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import Disk

from .disk.test_qcow2 import qcow2
from .fakes import ME, MORE, FakeMonitor, FakeRunner, disk, orders, settings, uuid, vm

CLAIM = {"uuid": uuid(1), "title": "lab", "incarnation": uuid(2), "since": "now", "controller": "here"}
NIC = {"name": "eth0", "tap": "tap_1001_eth0", "mac": "52:54:00:03:e9:00"}
NOTHING_LISTENS = ("127.0.0.1", 1)


def anything() -> FakeRunner:
    """Return a host on which every command succeeds, whether it is run or not."""
    runner = FakeRunner()
    FakeRunner.made.remove(runner)
    for command in ("ip", "tc", "nft", "nsenter", "ovs-vsctl", "ovs-ofctl", "systemctl", "sysctl"):
        runner.tell(command, MORE)
    return runner


def no_ports() -> FakeRunner:
    """Return such a host, whose switch has no bridge."""
    return anything().tell(
        "ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout='{"headings": [], "data": []}' * 4
    )


def order(state: Path) -> Any:
    wanted = [disk(1001, state_dir=str(state), uuid=uuid(4))]
    return orders(vm(1001, 100, state_dir=str(state), disks=wanted), state_dir=str(state))


def plan_disks(state: Path) -> None:
    wanted = order(state)
    have = overlays.observe(wanted, state_dir=str(state))
    list(overlays.conflicts(wanted, have, ME))
    lost.find(wanted, have.overlays, have.known, {})
    bases.barred(wanted, have.overlays, have.bases)


def plan_vms(state: Path) -> None:
    runner = anything()
    runner.tell("systemctl", "show", MORE, stdout="Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=7\n")
    how = settings(state_dir=str(state), accounts=ME)
    have = qemu_plan.observe(order(state), settings=how, runner=runner, monitor=FakeMonitor(), unit_dir=str(state))
    ownership.refuse(qemu_plan.conflicts(order(state), have, settings=how))
    qemu_plan.plan(order(state), have, settings=how, restart=True)


def shut_down(state: Path) -> None:
    stopping = FakeRunner().tell("systemctl", "is-system-running", stdout="stopping\n", rc=1)
    power_down.shut_down(str(state), stopping, FakeMonitor())


def trash_of(state: Path) -> str:
    return f"{state}/trash/1700000000-1001"


def note_disk(state: Path) -> None:
    register.note(str(state), present=[Disk(path="/a", size_bytes=1, backing_file="/b", uuid=uuid(5))])


@dataclass(frozen=True)
class Kept:
    """A file that a host stores, with valid content and its reader."""

    path: str
    valid: str | bytes
    readers: tuple[Callable[[Path], object], ...]


MARK = json.dumps({"slice_id": 1000, "slice_uuid": uuid(3), "vm_uuid": uuid(4), "disks": {"vm1_img.qcow2": uuid(5)}})
STARTED = json.dumps({"user": "me", "slice_uuid": uuid(3), "vm_uuid": uuid(4), "interfaces": [NIC]})
FILES = [
    Kept(
        "cloud.json",
        json.dumps(CLAIM),
        (
            lambda state: claims.read(str(state)),
            lambda state: check_fence.check(str(state), NOTHING_LISTENS, 0, anything(), unit_dir=str(state)),
        ),
    ),
    Kept(
        "revisions/worker",
        '{"1000": 1700000000000}',
        (
            lambda state: revisions.older(order(state), state_dir=str(state), kind=revisions.WORKER),
            lambda state: revisions.highest(str(state)),
        ),
    ),
    Kept(
        "disks.json",
        json.dumps({"/a": {"uuid": uuid(5), "seen": "2026-01-31T12:00:00Z"}}),
        (lambda state: register.read(str(state)), note_disk, plan_disks),
    ),
    Kept("orphans/worker", '{"disk 1000 /a": "now"}', (lambda state: orphans.read(str(state), orphans.WORKER),)),
    Kept("lost-machines", "1" * 64 + "\n", (lambda state: fences.list_text(str(state)),)),
    Kept(
        "vms/1001/identity.json",
        MARK,
        (
            lambda state: vm_folders.read(f"{state}/vms"),
            plan_disks,
            lambda state: trim_logs.trim(str(state), 1000, anything()),
        ),
    ),
    Kept("vms/1001/vm1_img.qcow2", b"", (plan_disks,)),
    Kept("vms/1001/qemu.cfg", "[machine]\n", (plan_vms,)),
    Kept("vms/1001/vm.json", STARTED, (plan_vms,)),
    Kept("vms/1001/vnc.id", "8b1a9953c4611296\n", (plan_vms,)),
    Kept("vms/1001/links_down", "nic-eth0\n", (plan_vms,)),
    Kept("vms/1001/power_down", "90\n", (plan_vms, shut_down)),
    Kept("vms/1001/console.log", "login:\n", (lambda state: trim_logs.trim(str(state), 1, anything()),)),
    Kept(
        "vms/1001/taps",
        "tap_1001_eth0 1000 998 1500\n",
        (plan_vms, lambda state: restore_taps.restore(str(state), anything(), sys_net=f"{state}/vms")),
    ),
    Kept(
        "images/base.img.json",
        json.dumps({"checksum": "a" * 64, "size_bytes": 0, "mtime_ns": 0, "format": "raw", "virtual_bytes": 0}),
        (lambda state: base_images.known(f"{state}/images/base.img"), plan_disks),
    ),
    Kept("images/base.img", "MZ", (lambda state: base_images.known(f"{state}/images/base.img"), plan_disks)),
    Kept(
        "flows/1000.meters",
        "meter=1 kbps band=type=drop rate=1\n",
        (lambda state: restore_flows.restore(f"{state}/flows", "br-int", anything()),),
    ),
    Kept(
        "flows/1000.flows",
        "table=0 actions=drop\n",
        (lambda state: flows.file_of(1000) and restore_flows.restore(f"{state}/flows", "br-int", anything()),),
    ),
    Kept(
        "flows/1000.qdiscs",
        "qdisc replace dev tap_1001_eth0 root tbf rate 1kbit burst 1 limit 1\n",
        (lambda state: list(shaping.saved_qdiscs(f"{state}/flows", 1000, {"tap_1001_eth0"})),),
    ),
    Kept(
        "dhcp/hosts.d/1000",
        "52:54:00:03:e9:00,10.60.7.101,vm1\n",
        (
            lambda state: in_use.look(str(state), no_ports(), unit_dir=str(state)),
            lambda state: guard_dhcp.guard(f"{state}/dhcp/hosts.d", "dhcp400", anything()),
        ),
    ),
    Kept("names/1000.uuid", uuid(3), (lambda state: in_use.look(str(state), no_ports(), unit_dir=str(state)),)),
    Kept(
        "networks/1000/devices",
        "port net_101 192.168.101.1/24 02:01:00:00:00:65\n",
        (lambda state: namespace.make(f"{state}/networks/1000", anything()),),
    ),
    Kept(
        "networks/1000/leases",
        "1795371735 52:54:00:03:e9:01 192.168.101.17 gone *\n",
        (lambda state: leases.prune(f"{state}/networks/1000"),),
    ),
    Kept(
        "networks/1000/dnsmasq.conf",
        "dhcp-range=lan,192.168.101.10,192.168.101.250\ndhcp-host=52:54:00:03:e9:01\n",
        (lambda state: leases.prune(f"{state}/networks/1000"),),
    ),
    Kept(
        "slices-gateway.live",
        "wan eth0\n",
        (lambda state: live.gateway_differences(str(state), anything(), proc_sys=str(state)),),
    ),
    Kept(
        "trash/1700000000-1001/identity.json",
        MARK,
        (lambda state: trash.find(str(state)), lambda state: trash.empty(str(state), retention_s=0)),
    ),
]


def folder(path: Path, _valid: bytes) -> None:
    path.mkdir()


def loop(path: Path, _valid: bytes) -> None:
    path.symlink_to(path)


def fifo(path: Path, _valid: bytes) -> None:
    os.mkfifo(path)


def content(data: bytes) -> Callable[[Path, bytes], None]:
    return lambda path, _valid: path.write_bytes(data) and None


FAULTS: dict[str, Callable[[Path, bytes], object]] = {
    "missing": lambda _path, _valid: None,
    "empty": content(b""),
    "truncated": lambda path, valid: path.write_bytes(valid[: len(valid) // 2]),
    "binary": content(bytes(range(256)) * 4),
    "a list": content(b"[]"),
    "null": content(b"null"),
    "other JSON": content(b'{"a": null, "interfaces": [7], "disks": [[]]}'),
    "other lines": content(b"a b c d\ne,f,g,h\ni=j,k\n"),
    "a folder": folder,
    "a FIFO": fifo,
    "unreadable": loop,
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state folder of a host that is a worker and the network node."""
    for kept in FILES:
        path = tmp_path / kept.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if kept.path.endswith(".qcow2"):
            qcow2(path, 1 << 30, backing=f"{tmp_path}/images/base.img")
        else:
            path.write_bytes(kept.valid if isinstance(kept.valid, bytes) else kept.valid.encode())
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kept", FILES, ids=lambda kept: kept.path)
def test_a_damaged_file_is_reported_in_one_sentence_or_ignored(kept: Kept, fault: str, state: Path) -> None:
    path = state / kept.path
    for read in kept.readers:
        valid = path.read_bytes() if path.is_file() else b""
        if path.is_dir():
            path.rmdir()
        elif path.is_symlink() or path.exists():
            path.unlink()
        FAULTS[fault](path, valid)
        said = []
        try:
            read(state)
        except SlicesError as error:
            said = error.message.splitlines()
        assert all(str(state) in line for line in said), "a sentence names the file"


@pytest.mark.parametrize("fault", ["a folder", "unreadable"])
@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("lost-machines", lambda state: list_lost.main(str(state))),
        ("flows", lambda state: empty_trash.main(str(state), "0")),
        ("vms/1001/console.log", lambda state: trim_logs.main(str(state), "1")),
        ("vms/1001/links_down", lambda state: drop_carrier.main(f"{state}/vms/1001/links_down", "/x", "999999999")),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_program_of_units_reports_errors_in_one_sentence(
    path: str, run: Callable[[Path], int], fault: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = state / path
    os.rename(damaged, state / "away")
    FAULTS[fault](damaged, b"")
    run(state)
    said = capsys.readouterr().err.splitlines()
    assert len(said) <= 1
    assert all(line.startswith("slices-host: ") for line in said)


def test_an_operating_system_error_is_one_line_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert process.exit_code(lambda: os.listdir("/nonexistent")) == 1
    assert capsys.readouterr().err == "slices-host: /nonexistent: No such file or directory\n"
