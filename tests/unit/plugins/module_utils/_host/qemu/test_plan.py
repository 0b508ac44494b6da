# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import apply as qemu_apply
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock, Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Host, Prune, VmPlan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit, Units, template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ..fakes import (
    ME,
    MORE,
    PASSWORD_ID,
    STATE_DIR,
    FakeMonitor,
    FakeRunner,
    FakeSession,
    FakeTime,
    orders,
    settings,
    vm,
)

SETTINGS = settings()
TEMPLATE = template_text("cloudrepo-0")
QMP = "/run/cloudrepo/1001/qmp.sock"
PASSWORDS = {1001: "hMr3kWpa", 1002: "kz7TnPbe", 1003: "w9QxgRdc"}
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
START = ("systemctl", "start", "--", "cloudrepo-1000@1001.service")
OTHER_ID = "0000000000000000"
UNIT = "cloudrepo-1000@1001.service"
STARTED = Change(
    "unit",
    UNIT,
    "start",
    {"state": "stopped", "startup": "disabled"},
    {"state": "running", "startup": "enabled"},
)


def unit(vm_id: int = 1001, active: str = "active", pid: int | None = 4821) -> Unit:
    return Unit(1000, vm_id, active, pid)


def running(order: tuple[SliceOrder, ...], *units: Unit) -> Host:
    """A host on which the order has been carried out."""
    vms = all_vms(order)
    texts = {
        f"{SETTINGS.folder(each.vm_id)}/{name}": text for each in vms for name, text in render(each, SETTINGS).items()
    }
    found = units or tuple(unit(each.vm_id) for each in vms)
    return Host(
        Units(
            vms={each.vm_id: each for each in found},
            enabled=frozenset((each.slice_id, each.vm_id) for each in vms),
            templates={1000: TEMPLATE},
            slices=frozenset({1000}),
        ),
        texts,
        {each.vm_id: PASSWORD_ID for each in vms},
    )


def plan(order: tuple[SliceOrder, ...], have: Host, *, restart: bool = False) -> VmPlan:
    return qemu_plan.plan(order, have, settings=SETTINGS, restart=restart)


def ids(vms: Any) -> list[int]:
    return [each.vm_id for each in vms]


def test_vm_that_runs_as_wanted_is_left_alone():
    order = orders(vm(1001, None, 100))
    todo = plan(order, running(order))

    assert todo.changes == []


def test_new_vm_gets_everything():
    todo = plan(orders(vm(1001, 100)), Host())

    assert (todo.templates, ids(todo.enable), ids(todo.start)) == ((1000,), [1001], [1001])
    assert [write.name for write in todo.writes] == ["qemu.cfg", "taps", "links_down", "vm.json"]
    assert todo.changes == [Change("template", "cloudrepo-1000@.service", "write", after={}), STARTED]


def test_vm_that_failed_is_forgiven_and_started():
    order = orders(vm(1001, 100))
    todo = plan(order, running(order, unit(active="failed", pid=None)))

    assert (ids(todo.failed), ids(todo.start)) == ([1001], [1001])
    assert todo.changes == [Change("unit", UNIT, "start", {"state": "failed"}, {"state": "running"})]


def test_change_that_needs_a_restart_waits_for_leave():
    have = running(orders(vm(1001, 100)))
    todo = plan(orders(vm(1001, 100, cores=2)), have)

    assert todo.changes == []
    assert todo.result["restart_required"] == [{"vm_id": 1001, "name": "vm1", "reasons": ["cores 1 → 2"]}]

    todo = plan(orders(vm(1001, 100, cores=2)), have, restart=True)

    assert ids(each for each, _why in todo.restart) == [1001]
    assert [write.name for write in todo.writes] == ["qemu.cfg", "vm.json"]
    assert todo.changes == [
        Change(
            "unit", UNIT, "restart", {"state": "running"}, {"state": "restarted"}, reason="cores 1 → 2", restart=True
        )
    ]
    assert diff(todo.changes)["after"] == "unit cloudrepo-1000@1001.service: state restarted (cores 1 → 2)\n"
    assert todo.result["restart_required"] == []


@pytest.mark.parametrize("restart", [False, True])
def test_vm_whose_tap_was_made_anew_waits_for_leave(restart):
    have = running(orders(vm(1001, 100, None)))
    # eth2 is new, so that nobody has its tap open is no wonder.
    order = orders(vm(1001, 100, None, 101))
    unheld = {"tap_1001_eth1", "tap_1001_eth2"}
    todo = qemu_plan.plan(order, have, settings=SETTINGS, restart=restart, unheld=unheld)

    why = ("interface eth2 added", "interface eth1: its tap was made anew")
    assert [reasons for _vm, reasons in (todo.restart if restart else todo.restart_required)] == [why]
    idle = Host(replace(have.units, vms={}), have.texts, have.passwords)
    assert qemu_plan.plan(order, idle, settings=SETTINGS, restart=restart, unheld=unheld).restart_required == ()


def test_vm_that_runs_as_another_user_waits_for_leave():
    order = orders(vm(1001, 100))
    have = running(order)
    texts = {path: re.sub(r'  "user": .*\n', "", text).replace(" 998", " 7 1400") for path, text in have.texts.items()}
    have = Host(replace(have.units, templates={1000: "of an older version"}), texts, have.passwords)
    todo = plan(order, have)

    assert todo.templates == (1000,)
    assert todo.result["restart_required"][0]["reasons"] == ["user cloudrepo → cloudrepo-0"]
    # When the host starts, its unit starts as the new user, with the taps that the VM has.
    assert [(write.name, write.text) for write in todo.writes] == [("taps", "tap_1001_eth0 1000 998 1400\n")]
    assert todo.changes == [
        Change("template", "cloudrepo-1000@.service", "write", after={}),
        Change("unit", UNIT, "update", {"taps": "outdated"}, {"taps": "current"}),
    ]

    todo = plan(order, have, restart=True)
    assert [write.name for write in todo.writes] == ["taps", "vm.json"]
    assert [(each.action, each.reason) for each in todo.changes] == [
        ("write", ""),
        ("restart", "user cloudrepo → cloudrepo-0"),
    ]


def test_vm_is_stopped_before_it_is_started_anew(tmp_path):
    have = moved(running(orders(vm(1001, 100))), tmp_path)
    order = orders(vm(1001, 100, cores=2, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    unit_names = ["--", "cloudrepo-1000@1001.service"]
    runner = FakeRunner().tell("systemctl", "stop", *unit_names).tell("systemctl", "start", *unit_names)
    carry_out(tmp_path, order, have, runner, FakeMonitor({QMP: 0}), restart=True)

    assert runner.argvs == [["systemctl", "stop", *unit_names], ["systemctl", "start", *unit_names]]


def test_carrier_follows_the_vlan_without_a_restart():
    todo = plan(orders(vm(1001, 400, None)), running(orders(vm(1001, None, 100))))

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", True), ("eth1", False)]
    assert [write.text for write in todo.writes] == ["nic-eth1\n"]
    before = {"eth0_carrier": "down", "eth1_carrier": "up"}
    assert todo.changes == [Change("unit", UNIT, "update", before, {"eth0_carrier": "up", "eth1_carrier": "down"})]


def test_carrier_follows_the_vlan_also_of_a_vm_that_waits_for_its_restart():
    todo = plan(orders(vm(1001, None, cores=2)), running(orders(vm(1001, 100, 101))))

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", False), ("eth1", False)]
    assert [(write.name, write.text) for write in todo.writes] == [("links_down", "nic-eth0\nnic-eth1\n")]
    assert [why for _vm, why in todo.restart_required] == [("cores 1 → 2", "interface eth1 removed")]


def test_new_password_needs_no_restart():
    todo = plan(orders(vm(1001, 100, vnc_password_id=OTHER_ID)), running(orders(vm(1001, 100))))

    assert [(new.vm.vm_id, new.live) for new in todo.passwords] == [(1001, True)]
    assert (todo.restart, todo.writes) == ((), ())
    assert todo.changes == [
        Change("unit", UNIT, "update", {"display_password": "another"}, {"display_password": "new"})
    ]


def test_new_password_reaches_also_a_vm_that_waits_for_its_restart():
    wanted = orders(vm(1001, 100, cores=2, vnc_password_id=OTHER_ID))

    assert [new.live for new in plan(wanted, running(orders(vm(1001, 100)))).passwords] == [True]
    # One that is restarted reads its file.
    assert [new.live for new in plan(wanted, running(orders(vm(1001, 100))), restart=True).passwords] == [False]


def test_vm_that_an_older_version_started_gets_its_password_with_a_restart():
    order = orders(vm(1001, 100))
    have = running(order)
    texts = {path: text.replace(" with a password", "") for path, text in have.texts.items()}
    have = Host(have.units, texts)

    todo = plan(order, have)
    assert (todo.changes, todo.passwords) == ([], ())
    assert [why for _vm, why in todo.restart_required] == [("vnc 10.0.10.1:1 → 10.0.10.1:1 with a password",)]

    todo = plan(order, have, restart=True)
    assert ids(each for each, _why in todo.restart) == [1001]
    assert [new.live for new in todo.passwords] == [False]


def test_display_needs_a_password_that_the_order_names():
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): a VM on a host with VNC passwords needs vnc_password_id"):
        plan(orders(vm(1001, 100, vnc_password_id=None)), Host())


@pytest.mark.parametrize("place", ["unix", "none"])
def test_display_that_asks_for_no_password_needs_none(place):
    order = orders(vm(1001, 100, vnc_password_id=None))
    todo = qemu_plan.plan(order, Host(), settings=settings(vnc_listen=place), restart=False)

    assert (ids(todo.start), todo.passwords) == ([1001], ())


def test_new_vm_loses_its_carriers_once_it_runs():
    order = orders(vm(1001, None, 100))
    todo = plan(order, Host())

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", False)]
    assert todo.changes[-1] == STARTED


def test_vm_that_ran_before_starts_with_the_carriers_in_its_file():
    have = running(orders(vm(1001, None, 100)), unit(active="inactive", pid=None))
    todo = plan(orders(vm(1001, 400, None)), have)

    assert (ids(todo.start), todo.links) == ([1001], ())
    assert [(write.name, write.text) for write in todo.writes] == [("links_down", "nic-eth1\n")]


def test_lost_file_of_a_running_vm_is_written_again():
    order = orders(vm(1001, 100))
    have = running(order)
    texts = {path: text for path, text in have.texts.items() if not path.endswith("qemu.cfg")}
    todo = plan(order, Host(have.units, texts, have.passwords))

    assert [write.name for write in todo.writes] == ["qemu.cfg"]
    assert (todo.start, todo.restart) == ((), ())
    assert todo.changes == [Change("unit", UNIT, "update", {"qemu.cfg": None}, {"qemu.cfg": "current"})]


def test_vm_that_shall_stand_still_is_stopped_and_stays():
    todo = plan(orders(vm(1001, 100, state="stopped")), running(orders(vm(1001, 100))))

    assert (ids(todo.halt), ids(todo.disable), todo.start) == ([1001], [1001], ())
    before, after = {"state": "running", "startup": "enabled"}, {"state": "stopped", "startup": "disabled"}
    assert todo.changes == [Change("unit", UNIT, "stop", before, after)]


def test_what_is_not_listed_goes():
    have = running(orders(vm(1001, 100), vm(1002, 100)))
    todo = qemu_plan.plan_prune(orders(vm(1001, 100)), have)

    assert ([each.vm_id for each in todo.stop], todo.disable) == ([1002], ((1000, 1002),))
    assert (todo.templates, todo.slices) == ((), ())
    before = {"state": "active", "startup": "enabled"}
    assert todo.changes == [Change("unit", "cloudrepo-1000@1002.service", "delete", before=before)]


def test_slice_without_vms_leaves_nothing():
    have = running(orders(vm(1001, 100)))
    todo = qemu_plan.plan_prune(orders(), have)

    assert (todo.templates, todo.slices) == ((1000,), (1000,))
    assert [(change.kind, change.id, change.action) for change in todo.changes] == [
        ("unit", UNIT, "delete"),
        ("template", "cloudrepo-1000@.service", "delete"),
        ("cgroup", "cloudrepo-1000.slice", "delete"),
    ]
    assert qemu_plan.plan_prune(orders(), Host()).changes == []


def tools(runner: FakeRunner, monitor: FakeMonitor, unit_dir: Path) -> Tools:
    time = FakeTime()
    return Tools(runner, monitor, Clock(time.now, time.sleep), str(unit_dir))


def test_pruning_is_a_call_for_each_kind(tmp_path):
    (tmp_path / "cloudrepo-1000@.service").write_text("")
    systemd.enable([(1000, 1001)], unit_dir=str(tmp_path))
    runner = FakeRunner().tell("systemctl", MORE)
    todo = Prune(
        stop=(unit(1001), unit(1002, "failed", None)), disable=((1000, 1001),), templates=(1000,), slices=(1000,)
    )
    qemu_apply.prune(todo, tools(runner, FakeMonitor(), tmp_path))

    names = ["cloudrepo-1000@1001.service", "cloudrepo-1000@1002.service"]
    assert runner.argvs == [
        ["systemctl", "stop", "--", *names, "cloudrepo-1000.slice"],
        ["systemctl", "reset-failed", "--", names[1]],
        ["systemctl", "daemon-reload"],
    ]
    assert [path.name for path in tmp_path.rglob("*")] == ["multi-user.target.wants"]


def shown(vm_id: int, active: str, pid: int = 0) -> str:
    return f"Id=cloudrepo-1000@{vm_id}.service\nActiveState={active}\nMainPID={pid}\n\n"


def carry_out(
    tmp_path: Path,
    order: tuple[SliceOrder, ...],
    have: Host,
    runner: FakeRunner,
    monitor: FakeMonitor,
    passwords: dict[int, str] | None = None,
    *,
    restart: bool = False,
) -> list[dict[str, Any]]:
    moved_settings = settings(state_dir=str(tmp_path), accounts=ME)
    texts = {path.replace(STATE_DIR, str(tmp_path)): text for path, text in have.texts.items()}
    todo = qemu_plan.plan(order, Host(have.units, texts, have.passwords), settings=moved_settings, restart=restart)
    return qemu_apply.apply(
        todo,
        order,
        tools(runner, monitor, tmp_path),
        settings=moved_settings,
        start_timeout_s=5,
        passwords=PASSWORDS if passwords is None else passwords,
    )


def test_starting_is_a_call_for_each_kind(tmp_path):
    order = orders(*(vm(vm_id, 100, state_dir=str(tmp_path)) for vm_id in (1001, 1002)), state_dir=str(tmp_path))
    for vm_id in (1001, 1002):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
    runner = FakeRunner().tell("systemctl", "start", MORE)
    runner.tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "activating"))
    vms = carry_out(tmp_path, order, Host(), runner, FakeMonitor({QMP: 30, "/run/cloudrepo/1002/qmp.sock": 0}))

    names = ["cloudrepo-1000@1001.service", "cloudrepo-1000@1002.service"]
    assert [argv for argv in runner.argvs if argv[1] != "show"] == [["systemctl", "start", "--", *names]]
    assert systemd.enabled_names(str(tmp_path)) == names
    assert [(each["state"], each["pid"], each["failure"]) for each in vms] == [
        ("running", str(FakeSession.pid), None),
        ("running", str(FakeSession.pid), None),
    ]
    folder = tmp_path / "vms/1001"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {
        **dict.fromkeys(["console.log", "links_down", "qemu.cfg", "taps", "vm.json", "vnc.id"], 0o640),
        "vnc.secret": 0o400,
    }
    assert (folder / "vnc.secret").read_text() == "hMr3kWpa"
    assert (tmp_path / "cloudrepo-1000@.service").read_text() == TEMPLATE


def test_systemd_is_told_of_a_template_that_changed(tmp_path):
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "cloudrepo-1000@.service").write_text("of an older version")
    runner = FakeRunner().tell("systemctl", "daemon-reload").tell(*START)
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    carry_out(tmp_path, order, Host(), runner, FakeMonitor({QMP: 0}))
    assert [argv[1] for argv in runner.argvs] == ["daemon-reload", "start"]


def test_one_vm_that_fails_does_not_hold_up_the_others(tmp_path):
    order = orders(*(vm(vm_id, 100, state_dir=str(tmp_path)) for vm_id in (1001, 1002, 1003)), state_dir=str(tmp_path))
    for vm_id in (1001, 1002, 1003):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
    runner = FakeRunner().tell("systemctl", "start", MORE, rc=1)
    after = shown(1001, "failed") + shown(1002, "active", 12) + shown(1003, "activating")
    runner.tell(*SHOW, MORE, stdout=after).tell("journalctl", MORE, stdout="no such disk\n")
    with pytest.raises(SlicesError) as failed:
        carry_out(tmp_path, order, Host(), runner, FakeMonitor({"/run/cloudrepo/1002/qmp.sock": 0}))

    assert failed.value.message == (
        "VM 1001 (vm1): unit cloudrepo-1000@1001.service: it ended:\nno such disk\n"
        "VM 1003 (vm3): unit cloudrepo-1000@1003.service: its monitor did not answer within 5 s:\nno such disk"
    )
    assert [(each["state"], each["pid"]) for each in failed.value.fields["vms"]] == [
        ("error", None),
        ("running", "12"),
        ("error", None),
    ]
    assert failed.value.fields["changed"] is True


def moved(have: Host, folder: Path) -> Host:
    """The same host with another state folder."""
    texts = {path: text.replace(STATE_DIR, str(folder)) for path, text in have.texts.items()}
    return Host(have.units, texts, have.passwords)


def test_password_is_noted_once_it_is_changed(tmp_path):
    have = moved(running(orders(vm(1001, 100))), tmp_path)
    order = orders(vm(1001, 100, vnc_password_id=OTHER_ID, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/vnc.id"
    runner = FakeRunner().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "active", 4821))

    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): QEMU does not answer") as failed:
        carry_out(tmp_path, order, have, runner, FakeMonitor({QMP: 1}))
    assert not note.exists()
    assert PASSWORDS[1001] not in str(failed.value.fields)

    monitor = FakeMonitor().tell("set_password")
    carry_out(tmp_path, order, have, runner, monitor)
    assert monitor.commands == [(QMP, "set_password", {"protocol": "vnc", "password": PASSWORDS[1001]})]
    assert (tmp_path / "vms/1001/vnc.secret").read_text() == PASSWORDS[1001]
    assert note.read_text() == f"{OTHER_ID}\n"


def test_password_that_is_not_given_is_refused_before_anything_is_changed(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): its VNC password changes, but vnc_passwords does"):
        carry_out(tmp_path, order, Host(), FakeRunner(), FakeMonitor(), passwords={1002: "kz7TnPbe"})
    assert list((tmp_path / "vms/1001").iterdir()) == []


def test_carrier_is_noted_once_it_is_changed(tmp_path):
    have = running(orders(vm(1001, 100)))
    order = orders(vm(1001, None, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/links_down"
    have = moved(have, tmp_path)
    runner = FakeRunner().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "active", 4821))

    for monitor, wrong in (
        (FakeMonitor({QMP: 1}), "QEMU does not answer at"),
        (FakeMonitor().tell("set_link", error="Device 'nic-eth0' not found"), "refused set_link: Device"),
    ):
        with pytest.raises(SlicesError, match=rf"VM 1001 \(vm1\): .*{wrong}"):
            carry_out(tmp_path, order, have, runner, monitor)
        assert not note.exists()

    monitor = FakeMonitor().tell("set_link")
    carry_out(tmp_path, order, have, runner, monitor)
    assert monitor.commands == [(QMP, "set_link", {"name": "nic-eth0", "up": False})]
    assert note.read_text() == "nic-eth0\n"


def test_carrier_of_a_new_vm_goes_when_its_monitor_answers(tmp_path):
    order = orders(vm(1001, None, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/links_down"
    at_start: list[bool] = []
    runner = FakeRunner().on(*START, do=lambda _argv: at_start.append(note.exists()))
    monitor = FakeMonitor({QMP: 1}).tell("set_link")
    carry_out(tmp_path, order, Host(), runner, monitor)

    assert at_start == [False]
    assert monitor.commands == [(QMP, "set_link", {"name": "nic-eth0", "up": False})]
    assert note.read_text() == "nic-eth0\n"


def test_new_vm_that_refuses_to_lose_a_carrier_is_an_error(tmp_path):
    order = orders(vm(1001, None, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    runner = FakeRunner().tell(*START).tell(*SHOW, START[-1], stdout=shown(1001, "active", 4821))
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): QEMU refused") as failed:
        carry_out(tmp_path, order, Host(), runner, FakeMonitor().tell("set_link", error="no such NIC"))
    assert [each["state"] for each in failed.value.fields["vms"]] == ["error"]
    assert not (tmp_path / "vms/1001/links_down").exists()


def test_vm_without_a_folder_is_an_error(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    with pytest.raises(SlicesError, match="qcow2_images makes it"):
        carry_out(tmp_path, order, Host(), FakeRunner(), FakeMonitor())


def test_vm_that_runs_is_paused_and_goes_on_without_a_restart():
    order = orders(vm(1001, 100, state="paused"))
    have = running(orders(vm(1001, 100)))

    todo = plan(order, have)
    assert todo.changes == [Change("unit", UNIT, "pause", {"state": "running"}, {"state": "paused"})]
    assert not todo.fresh

    paused = replace(have, paused={1001})
    assert plan(order, paused).changes == []
    back = plan(orders(vm(1001, 100)), paused)
    assert back.changes == [Change("unit", UNIT, "resume", {"state": "paused"}, {"state": "running"})]


def test_vm_that_is_new_starts_and_is_paused_when_its_monitor_answers(tmp_path):
    order = orders(vm(1001, 100, state="paused", state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "vms/1001/paused").touch()
    assert plan(order, Host()).changes[-1].after == {"state": "paused", "startup": "enabled"}
    runner = FakeRunner().tell(*START)
    monitor = FakeMonitor({QMP: 2}).tell("stop")

    vms = carry_out(tmp_path, order, Host(), runner, monitor)

    assert [(each["state"], each["pid"]) for each in vms] == [("paused", "4821")]
    assert monitor.commands == [(QMP, "stop", {})]
    assert (tmp_path / "vms/1001/paused").exists()


def test_mark_of_a_vm_that_starts_to_run_is_forgotten(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "vms/1001/paused").touch()
    runner = FakeRunner().tell(*START)

    vms = carry_out(tmp_path, order, Host(), runner, FakeMonitor({QMP: 0}))

    assert [each["state"] for each in vms] == ["running"]
    assert not (tmp_path / "vms/1001/paused").exists()
