# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One call to systemd for each kind of change, and a VM that fails does not affect others."""

from __future__ import annotations

import os
from dataclasses import replace
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import apply as qemu_apply
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import devices
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock, Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Constraints, Host
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vm_plan import Prune, VmPlan
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ..fakes import (
    ME,
    MORE,
    STATE_DIR,
    FakeMonitor,
    FakeRunner,
    FakeSession,
    FakeTime,
    journal,
    orders,
    settings,
    vm,
)
from .test_plan import OTHER_ID, QMP, TEMPLATE, UNIT, plan, running, unit

PASSWORDS = {1001: "hMr3kWpa", 1002: "kz7TnPbe", 1003: "w9QxgRdc"}
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")


START = ("systemctl", "start", "--", "cloudrepo-1000@1001.service")


def test_a_vm_is_stopped_before_it_is_started_again(tmp_path):
    have = moved(running(orders(vm(1001, 100))), tmp_path)
    order = orders(vm(1001, 100, cores=2, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    unit_names = ["--", "cloudrepo-1000@1001.service"]
    runner = FakeRunner().tell("systemctl", "stop", *unit_names).tell("systemctl", "start", *unit_names)
    apply_plan(tmp_path, order, have, runner, FakeMonitor({QMP: 0}), restart=True)

    assert runner.argvs == [["systemctl", "stop", *unit_names], ["systemctl", "start", *unit_names]]


def tools(runner: FakeRunner, monitor: FakeMonitor, unit_dir: Path) -> Tools:
    time = FakeTime()
    return Tools(runner, monitor, Clock(time.now, time.sleep), str(unit_dir))


def test_pruning_takes_one_call_per_kind(tmp_path):
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


def apply_plan(
    tmp_path: Path,
    order: tuple[SliceOrder, ...],
    have: Host,
    runner: FakeRunner,
    monitor: FakeMonitor,
    passwords: dict[int, str] | None = None,
    *,
    restart: bool = False,
    **others: Any,
) -> list[dict[str, Any]]:
    moved_settings = settings(state_dir=str(tmp_path), accounts=ME)
    texts = {path.replace(STATE_DIR, str(tmp_path)): text for path, text in have.texts.items()}
    host = Host(have.units, texts, have.passwords, variables=have.variables)
    todo = qemu_plan.plan(order, host, settings=moved_settings, restart=restart, constraints=Constraints(**others))
    return qemu_apply.apply(
        todo,
        order,
        tools(runner, monitor, tmp_path),
        settings=moved_settings,
        start_timeout_s=5,
        passwords=PASSWORDS if passwords is None else passwords,
    )


def test_starting_takes_one_call_per_kind(tmp_path):
    order = orders(*(vm(vm_id, 100, state_dir=str(tmp_path)) for vm_id in (1001, 1002)), state_dir=str(tmp_path))
    for vm_id in (1001, 1002):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
    runner = FakeRunner().tell("systemctl", "start", MORE)
    runner.tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "activating"))
    vms = apply_plan(tmp_path, order, Host(), runner, FakeMonitor({QMP: 30, "/run/cloudrepo/1002/qmp.sock": 0}))

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


def test_a_vm_with_uefi_starts_with_variables_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "variables").write_bytes(b"none yet")
    monkeypatch.setattr(devices, "OVMF_VARIABLES", str(tmp_path / "variables"))
    order = orders(vm(1001, 100, state_dir=str(tmp_path), firmware="uefi"), state_dir=str(tmp_path))
    made = tmp_path / "vms/1001" / devices.UEFI_VARIABLES
    replaced, replace = list[str](), os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: replaced.append(os.path.basename(new)) or replace(old, new))
    have = Host(variables={1001: str(made)})
    apply_plan(tmp_path, order, have, FakeRunner().tell(*START), FakeMonitor({QMP: 0}))
    assert (made.read_bytes(), made.stat().st_mode & 0o777) == (b"none yet", 0o600)
    # A run that is killed between them must not leave a VM whose variables seem to be lost.
    assert replaced.index(made.name) < replaced.index("vm.json")


def test_systemd_is_reloaded_for_a_changed_template(tmp_path):
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / "cloudrepo-1000@.service").write_text("changed by hand")
    runner = FakeRunner().tell("systemctl", "daemon-reload").tell(*START)
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    apply_plan(tmp_path, order, Host(), runner, FakeMonitor({QMP: 0}))
    assert [argv[1] for argv in runner.argvs] == ["daemon-reload", "start"]


def test_a_failing_vm_does_not_affect_the_others(tmp_path):
    order = orders(*(vm(vm_id, 100, state_dir=str(tmp_path)) for vm_id in (1001, 1002, 1003)), state_dir=str(tmp_path))
    for vm_id in (1001, 1002, 1003):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
    runner = FakeRunner().tell("systemctl", "start", MORE, rc=1)
    after = shown(1001, "failed") + shown(1002, "active", 12) + shown(1003, "activating")
    words = "".join(journal(f"cloudrepo-1000@{vm_id}.service", f"no such disk {vm_id}") for vm_id in (1001, 1003))
    runner.tell(*SHOW, MORE, stdout=after).tell("journalctl", MORE, stdout=words)
    with pytest.raises(SlicesError) as failed:
        apply_plan(tmp_path, order, Host(), runner, FakeMonitor({"/run/cloudrepo/1002/qmp.sock": 0}))

    assert failed.value.message == (
        "VM 1001 (vm1): unit cloudrepo-1000@1001.service: it ended:\nno such disk 1001\n"
        "VM 1003 (vm3): unit cloudrepo-1000@1003.service: its monitor did not answer within 5 s:\nno such disk 1003"
    )
    assert [(each["state"], each["pid"]) for each in failed.value.fields["vms"]] == [
        ("error", None),
        ("running", "12"),
        ("error", None),
    ]
    assert failed.value.fields["changed"] is True


def test_a_barred_vm_does_not_affect_the_others(tmp_path):
    order = orders(*(vm(vm_id, 100, state_dir=str(tmp_path)) for vm_id in (1001, 1002)), state_dir=str(tmp_path))
    for vm_id in (1001, 1002):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
    start = ("systemctl", "start", "--", "cloudrepo-1000@1002.service")
    runner = FakeRunner().tell(*start).tell(*SHOW, MORE, stdout=shown(1001, "inactive"))
    with pytest.raises(SlicesError) as failed:
        apply_plan(tmp_path, order, Host(), runner, FakeMonitor(), barred={1001: "1001 is bad"})

    assert failed.value.message == "1001 is bad"
    assert [(each["state"], each["failure"]) for each in failed.value.fields["vms"]] == [
        ("error", "1001 is bad"),
        ("running", None),
    ]


def moved(have: Host, folder: Path) -> Host:
    """The same host with another state folder."""
    texts = {path: text.replace(STATE_DIR, str(folder)) for path, text in have.texts.items()}
    return Host(have.units, texts, have.passwords)


def test_a_password_id_is_stored_after_the_password_was_changed(tmp_path):
    have = moved(running(orders(vm(1001, 100))), tmp_path)
    order = orders(vm(1001, 100, vnc_password_id=OTHER_ID, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/vnc.id"
    runner = FakeRunner().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "active", 4821))

    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): QEMU does not respond") as failed:
        apply_plan(tmp_path, order, have, runner, FakeMonitor({QMP: 1}))
    assert not note.exists()
    assert PASSWORDS[1001] not in str(failed.value.fields)

    monitor = FakeMonitor().tell("set_password")
    apply_plan(tmp_path, order, have, runner, monitor)
    assert monitor.commands == [(QMP, "set_password", {"protocol": "vnc", "password": PASSWORDS[1001]})]
    assert (tmp_path / "vms/1001/vnc.secret").read_text() == PASSWORDS[1001]
    assert note.read_text() == f"{OTHER_ID}\n"


def test_a_missing_password_is_refused_before_anything_is_changed(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): its VNC password changes, but vnc_passwords does"):
        apply_plan(tmp_path, order, Host(), FakeRunner(), FakeMonitor(), passwords={1002: "kz7TnPbe"})
    assert list((tmp_path / "vms/1001").iterdir()) == []


def test_a_carrier_is_stored_after_it_was_changed(tmp_path):
    have = running(orders(vm(1001, 100)))
    order = orders(vm(1001, None, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/links_down"
    have = moved(have, tmp_path)
    runner = FakeRunner().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "active", 4821))

    for monitor, wrong in (
        (FakeMonitor({QMP: 1}), "QEMU does not respond at"),
        (FakeMonitor().tell("set_link", error="Device 'nic-eth0' not found"), "refused set_link: Device"),
    ):
        with pytest.raises(SlicesError, match=rf"VM 1001 \(vm1\): .*{wrong}"):
            apply_plan(tmp_path, order, have, runner, monitor)
        assert not note.exists()

    monitor = FakeMonitor().tell("set_link")
    apply_plan(tmp_path, order, have, runner, monitor)
    assert monitor.commands == [(QMP, "set_link", {"name": "nic-eth0", "up": False})]
    assert note.read_text() == "nic-eth0\n"


def test_the_carrier_of_a_new_vm_is_dropped_when_its_monitor_answers(tmp_path):
    order = orders(vm(1001, None, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    note = tmp_path / "vms/1001/links_down"
    at_start: list[bool] = []
    runner = FakeRunner().on(*START, do=lambda _argv: at_start.append(note.exists()))
    monitor = FakeMonitor({QMP: 1}).tell("set_link")
    apply_plan(tmp_path, order, Host(), runner, monitor)

    assert at_start == [False]
    assert monitor.commands == [(QMP, "set_link", {"name": "nic-eth0", "up": False})]
    assert note.read_text() == "nic-eth0\n"


def test_a_new_vm_whose_carrier_cannot_be_dropped_is_an_error(tmp_path):
    order = orders(vm(1001, None, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    runner = FakeRunner().tell(*START).tell(*SHOW, START[-1], stdout=shown(1001, "active", 4821))
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): QEMU refused") as failed:
        apply_plan(tmp_path, order, Host(), runner, FakeMonitor().tell("set_link", error="no such NIC"))
    assert [each["state"] for each in failed.value.fields["vms"]] == ["error"]
    assert not (tmp_path / "vms/1001/links_down").exists()


def test_a_vm_without_a_folder_is_an_error(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    with pytest.raises(Refused) as refused:
        apply_plan(tmp_path, order, Host(), FakeRunner(), FakeMonitor())
    folder = f"VM folder {tmp_path}/vms/1001"
    assert refused.value.refusals == [Refusal("vm_folder_missing", folder)]
    assert refused.value.message == f"{folder} does not exist; run cloudrepo.slices.qcow2_images, which creates it"


def test_only_the_states_of_changed_vms_are_observed_again(tmp_path):
    have = moved(running(orders(vm(1001, 100), vm(1002, 100))), tmp_path)
    both = [vm(number, 100, state_dir=str(tmp_path)) for number in (1001, 1002)]
    order = orders({**both[0], "state": "stopped"}, both[1], state_dir=str(tmp_path))
    for number in (1001, 1002):
        (tmp_path / f"vms/{number}").mkdir(parents=True)
    systemd.enable([(1000, 1001)], unit_dir=str(tmp_path))
    runner = FakeRunner().tell("systemctl", "stop", "--", "cloudrepo-1000@1001.service")
    runner.tell(*SHOW, "cloudrepo-1000@1001.service", stdout=shown(1001, "inactive"))
    texts = {path.replace(STATE_DIR, str(tmp_path)): text for path, text in have.texts.items()}
    named = settings(state_dir=str(tmp_path), accounts=ME)
    todo = qemu_plan.plan(order, replace(have, texts=texts), settings=named, restart=False)
    how = {"settings": named, "start_timeout_s": 5, "passwords": {}}
    vms = qemu_apply.run(todo, order, have.units.vms, tools(runner, FakeMonitor(), tmp_path), **how)

    assert [argv[1] for argv in runner.argvs] == ["stop", "show"]
    assert [(each["state"], each["pid"]) for each in vms] == [("stopped", None), ("running", "4821")]
    assert systemd.enabled_names(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("active", "state", "pid"),
    [("active", "running", "7"), ("failed", "error", None), ("inactive", "stopped", None)],
)
def test_only_a_running_vm_has_a_pid(active, state, pid):
    (found,) = qemu_apply.states(orders(vm(1001)), {1001: unit(1001, active, 7)}, {}, paused=())
    assert (found["state"], found["pid"]) == (state, pid)


def test_a_running_vm_is_paused_and_resumed_without_a_restart():
    order = orders(vm(1001, 100, state="paused"))
    have = running(orders(vm(1001, 100)))

    todo = plan(order, have)
    assert todo.changes == [Change("unit", UNIT, "pause", {"state": "running"}, {"state": "paused"})]
    assert not todo.fresh

    paused = replace(have, paused={1001})
    assert plan(order, paused).changes == []
    back = plan(orders(vm(1001, 100)), paused)
    assert back.changes == [Change("unit", UNIT, "resume", {"state": "paused"}, {"state": "running"})]


def test_a_new_vm_is_started_and_paused_when_its_monitor_answers(tmp_path):
    order = orders(vm(1001, 100, state="paused", state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    assert plan(order, Host()).changes[-1].after == {"state": "paused", "startup": "enabled"}
    runner = FakeRunner().tell(*START)
    monitor = FakeMonitor({QMP: 2}).tell("stop")

    vms = apply_plan(tmp_path, order, Host(), runner, monitor)

    assert [(each["state"], each["pid"]) for each in vms] == [("paused", "4821")]
    assert monitor.commands == [(QMP, "stop", {})]


def test_a_guest_is_asked_before_its_vm_is_stopped(tmp_path):
    asked = {"shutdown": "acpi", "shutdown_timeout_s": 1}
    have = moved(running(orders(vm(1001, 100, **asked))), tmp_path)
    order = orders(vm(1001, 100, state_dir=str(tmp_path), state="stopped", **asked), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    (tmp_path / systemd.VM_WANTS).mkdir()
    stop = ("systemctl", "stop", "--", UNIT)
    runner = FakeRunner().tell(*stop).tell(*SHOW, UNIT, stdout=shown(1001, "inactive"))
    monitor, late = FakeMonitor().tell("system_powerdown"), []
    monitor.pids[QMP] = os.getpid()
    monitor.effects["system_powerdown"] = lambda _path: late.append(str(runner.argvs))
    moved_settings = settings(state_dir=str(tmp_path), accounts=ME)
    todo = qemu_plan.plan(order, have, settings=moved_settings, restart=False)
    made = tools(runner, monitor, tmp_path)
    options = {"settings": moved_settings, "start_timeout_s": 5, "passwords": PASSWORDS}
    (report,) = qemu_apply.apply(todo, order, made, warn=late.append, **options)
    assert report["state"] == "stopped"
    assert late == ["[]", "VM 1001 (vm1): its guest did not shut down within 1 s, so QEMU was stopped"]


def test_missing_user_data_is_refused_before_anything_is_changed(tmp_path):
    given = {"seed": [{"name": "meta-data", "content": "{}"}], "user_data_id": "0" * 32}
    order = orders(vm(1001, 100, state_dir=str(tmp_path), **given), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): .*user_data"):
        apply_plan(tmp_path, order, Host(), FakeRunner(), FakeMonitor())
    assert list((tmp_path / "vms/1001").iterdir()) == []


def test_what_is_removed_is_stopped_before_what_is_restarted(tmp_path):
    runner = FakeRunner().tell("systemctl", MORE)
    (order,) = orders(vm(1002, 100))
    todo = replaced(VmPlan(), prune=Prune(stop=(unit(1001),)), restart=((order.vms[0], ("name",)),))
    qemu_apply.clear(todo, tools(runner, FakeMonitor(), tmp_path))
    assert runner.argvs == [
        ["systemctl", "stop", "--", "cloudrepo-1000@1001.service"],
        ["systemctl", "stop", "--", "cloudrepo-1000@1002.service"],
    ]
    runner = FakeRunner()
    qemu_apply.clear(VmPlan(), tools(runner, FakeMonitor(), tmp_path))
    assert runner.argvs == []


def test_failed_units_are_reset_and_those_that_are_not_failed_any_more_are_no_error(tmp_path):
    order = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    (tmp_path / "vms/1001").mkdir(parents=True)
    failed = Host(replaced(running(order).units, vms={1001: unit(1001, "failed", None)}))
    runner = FakeRunner().tell("systemctl", "reset-failed", "--", "cloudrepo-1000@1001.service", rc=1)
    runner.tell(*START)
    (found,) = apply_plan(tmp_path, order, failed, runner, FakeMonitor())
    assert (found["state"], ["systemctl", "reset-failed", "--", "cloudrepo-1000@1001.service"] in runner.argvs) == (
        "running",
        True,
    )
    runner = FakeRunner().tell("systemctl", "stop", MORE).tell("systemctl", "reset-failed", MORE, rc=1)
    qemu_apply.prune(Prune(stop=(unit(1002, "failed", None),)), tools(runner, FakeMonitor(), tmp_path))
    assert [argv[1] for argv in runner.argvs] == ["stop", "reset-failed"]
