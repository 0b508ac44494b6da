# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Constraints, Host
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vm_plan import VmPlan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit, Units, template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ..fakes import (
    MORE,
    PASSWORD_ID,
    FakeMonitor,
    FakeRunner,
    orders,
    settings,
    slices,
    vm,
)

SETTINGS = settings()
TEMPLATE = template_text("cloudrepo-0")


QMP = "/run/cloudrepo/1001/qmp.sock"
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
    """A host on which the order has been applied."""
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


def plan(order: tuple[SliceOrder, ...], have: Host, *, restart: bool = False, **others: Any) -> VmPlan:
    return qemu_plan.plan(order, have, settings=SETTINGS, restart=restart, constraints=Constraints(**others))


def ids(vms: Any) -> list[int]:
    return [each.vm_id for each in vms]


def test_a_vm_in_the_desired_state_is_not_changed():
    order = orders(vm(1001, None, 100))
    todo = plan(order, running(order))

    assert todo.changes == []


def test_a_new_vm_gets_everything():
    todo = plan(orders(vm(1001, 100)), Host())

    assert (todo.templates, ids(todo.enable), ids(todo.start)) == ({1000: TEMPLATE}, [1001], [1001])
    assert [write.name for write in todo.writes] == ["qemu.cfg", "taps", "links_down", "vm.json"]
    assert todo.changes == [Change("template", "cloudrepo-1000@.service", "write", after={}), STARTED]
    assert slices(todo.changes) == {1000}


def test_a_failed_vm_is_reset_and_started():
    order = orders(vm(1001, 100))
    todo = plan(order, running(order, unit(active="failed", pid=None)))

    assert (ids(todo.failed), ids(todo.start)) == ([1001], [1001])
    assert todo.changes == [Change("unit", UNIT, "start", {"state": "failed"}, {"state": "running"})]


def test_a_change_that_requires_a_restart_waits_for_permission():
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
def test_a_vm_whose_tap_was_recreated_waits_for_permission_to_restart(restart):
    have = running(orders(vm(1001, 100, None)))
    # The tap of eth2 is new, so it is not open yet.
    order = orders(vm(1001, 100, None, 101))
    unheld = {"tap_1001_eth1", "tap_1001_eth2"}
    todo = plan(order, have, restart=restart, unheld=unheld)

    why = ("interface eth2 added", "interface eth1: its tap was recreated")
    assert [reasons for _vm, reasons in (todo.restart if restart else todo.restart_required)] == [why]
    idle = Host(replace(have.units, vms={}), have.texts, have.passwords)
    assert (
        qemu_plan.plan(
            order, idle, settings=SETTINGS, restart=restart, constraints=Constraints(unheld=unheld)
        ).restart_required
        == ()
    )


def test_a_vm_of_another_user_waits_for_permission_to_restart():
    order = orders(vm(1001, 100))
    have = running(order)
    user = partial(re.sub, r'"user": "[^"]*"', '"user": "cloudrepo"')
    texts = {path: user(text).replace(" 998", " 7 1400") for path, text in have.texts.items()}
    have = Host(replace(have.units, templates={1000: "of another user"}), texts, have.passwords)
    todo = plan(order, have)

    assert todo.templates == {1000: TEMPLATE}
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


def test_the_carrier_follows_the_vlan_without_a_restart():
    todo = plan(orders(vm(1001, 400, None)), running(orders(vm(1001, None, 100))))

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", True), ("eth1", False)]
    assert [write.text for write in todo.writes] == ["nic-eth1\n"]
    before = {"eth0_carrier": "down", "eth1_carrier": "up"}
    assert todo.changes == [Change("unit", UNIT, "update", before, {"eth0_carrier": "up", "eth1_carrier": "down"})]


def test_the_carrier_of_a_vm_that_waits_for_a_restart_follows_the_vlan():
    todo = plan(orders(vm(1001, None, cores=2)), running(orders(vm(1001, 100, 101))))

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", False), ("eth1", False)]
    assert [(write.name, write.text) for write in todo.writes] == [("links_down", "nic-eth0\nnic-eth1\n")]
    assert [why for _vm, why in todo.restart_required] == [("cores 1 → 2", "interface eth1 removed")]


def test_a_new_password_requires_no_restart():
    todo = plan(orders(vm(1001, 100, vnc_password_id=OTHER_ID)), running(orders(vm(1001, 100))))

    assert [(new.vm.vm_id, new.live) for new in todo.passwords] == [(1001, True)]
    assert (todo.restart, todo.writes) == ((), ())
    assert todo.changes == [
        Change("unit", UNIT, "update", {"display_password": "another"}, {"display_password": "new"})
    ]


def test_a_vm_that_waits_for_a_restart_gets_a_new_password():
    wanted = orders(vm(1001, 100, cores=2, vnc_password_id=OTHER_ID))

    assert [new.live for new in plan(wanted, running(orders(vm(1001, 100)))).passwords] == [True]
    # A restart reads the file.
    assert [new.live for new in plan(wanted, running(orders(vm(1001, 100))), restart=True).passwords] == [False]


def test_a_vm_that_was_started_without_a_password_gets_it_with_a_restart():
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


def test_the_password_of_the_order_is_required_for_its_display():
    with pytest.raises(SlicesError, match=r"VM 1001 \(vm1\): a VM on a host with VNC passwords needs vnc_password_id"):
        plan(orders(vm(1001, 100, vnc_password_id=None)), Host())


@pytest.mark.parametrize("place", ["unix", "none"])
def test_a_display_without_authentication_requires_no_password(place):
    order = orders(vm(1001, 100, vnc_password_id=None))
    todo = qemu_plan.plan(order, Host(), settings=settings(vnc_listen=place), restart=False)

    assert (ids(todo.start), todo.passwords) == ([1001], ())


def test_carriers_of_a_new_vm_are_dropped_once_it_runs():
    order = orders(vm(1001, None, 100))
    todo = plan(order, Host())

    assert [(link.interface, link.up) for link in todo.links] == [("eth0", False)]
    assert todo.changes[-1] == STARTED


def test_a_vm_that_ran_before_starts_with_the_carriers_in_its_file():
    have = running(orders(vm(1001, None, 100)), unit(active="inactive", pid=None))
    todo = plan(orders(vm(1001, 400, None)), have)

    assert (ids(todo.start), todo.links) == ([1001], ())
    assert [(write.name, write.text) for write in todo.writes] == [("links_down", "nic-eth1\n")]


def test_a_missing_file_of_a_running_vm_is_recreated():
    order = orders(vm(1001, 100))
    have = running(order)
    texts = {path: text for path, text in have.texts.items() if not path.endswith("qemu.cfg")}
    todo = plan(order, Host(have.units, texts, have.passwords))

    assert [write.name for write in todo.writes] == ["qemu.cfg"]
    assert (todo.start, todo.restart) == ((), ())
    assert todo.changes == [Change("unit", UNIT, "update", {"qemu.cfg": None}, {"qemu.cfg": "current"})]


def test_a_vm_with_power_stopped_is_stopped_and_kept():
    todo = plan(orders(vm(1001, 100, state="stopped")), running(orders(vm(1001, 100))))

    assert (ids(todo.halt), ids(todo.disable), todo.start) == ([1001], [1001], ())
    before, after = {"state": "running", "startup": "enabled"}, {"state": "stopped", "startup": "disabled"}
    assert todo.changes == [Change("unit", UNIT, "stop", before, after)]


@pytest.mark.parametrize("restart", [False, True])
def test_a_barred_vm_is_not_started_or_restarted_and_its_unit_is_disabled(restart):
    order = orders(vm(1001, cores=2), vm(1002), vm(1003))
    have = running(orders(vm(1001), vm(1002), vm(1003)), unit(1001), unit(1002, "failed", None), unit(1003))
    todo = plan(order, have, restart=restart, barred={1001: "1001 is bad", 1002: "1002 is bad"})

    assert (todo.start, todo.restart, todo.enable) == ((), (), ())
    assert ids(todo.disable) == [1001, 1002]
    assert ids(vm for vm, _reasons in todo.restart_required) == [1001]
    assert todo.faults == {1001: "1001 is bad", 1002: "1002 is bad"}


def test_the_unit_of_a_vm_that_is_no_longer_barred_is_enabled_again():
    order = orders(vm(1001))
    have = running(order, unit(1001, "inactive", None))
    ignored = replace(have, units=replace(have.units, ignored=have.units.enabled))
    assert (
        plan(order, ignored).enable == plan(order, replace(have, units=replace(have.units, enabled=frozenset()))).enable
    )
    todo = plan(order, replace(have, units=replace(have.units, enabled=frozenset())))

    assert (ids(todo.start), ids(todo.enable), todo.faults) == ([1001], [1001], {})


def test_the_unit_of_a_vm_that_systemd_does_not_start_with_the_host_is_enabled_again():
    order = orders(vm(1001), vm(1002, state="stopped"))
    have = running(order, unit(1001), unit(1002, "inactive", None))
    ignored = replace(have, units=replace(have.units, ignored=have.units.enabled))

    assert (ids(plan(order, have).enable), ids(plan(order, ignored).enable)) == ([], [1001])
    assert ids(plan(order, ignored).disable) == ids(plan(order, have).disable) == [1002]


def test_a_vm_whose_unit_was_changed_keeps_running_and_is_listed_for_a_restart():
    order = orders(vm(1001), vm(1002))
    kept = plan(order, running(order), overridden={1001})
    why = ("its unit was changed by hand",)
    assert ([(vm.vm_id, reasons) for vm, reasons in kept.restart_required], kept.faults) == ([(1001, why)], {})
    restarted = plan(order, running(order), restart=True, overridden={1001})
    assert [(vm.vm_id, reasons) for vm, reasons in restarted.restart] == [(1001, why)]


def test_a_vm_on_a_replaced_image_is_an_error_until_its_restart():
    order = orders(vm(1001), vm(1002))
    kept = plan(order, running(order), outdated={1001: "1001 is old"})
    restarted = plan(order, running(order), restart=True, outdated={1001: "1001 is old"})

    assert [(vm.vm_id, reasons) for vm, reasons in kept.restart_required] == [(1001, ("its base image was replaced",))]
    assert kept.faults == {1001: "1001 is old"}
    assert [(vm.vm_id, reasons) for vm, reasons in restarted.restart] == [(1001, ("its base image was replaced",))]
    assert restarted.faults == {}


def test_a_vm_that_does_not_answer_is_kept_and_reported():
    order = orders(vm(1001, None, 100, state="paused"))
    have = replace(running(orders(vm(1001, 100))), hung={1001: "1001 hangs"})
    todo = plan(order, have)

    assert (todo.writes, todo.links, todo.pauses, todo.passwords, todo.fresh) == ((), (), (), (), ())
    assert todo.faults == {1001: "1001 hangs"}
    assert "QEMU does not answer or has failed" in dict(todo.restart_required)[order[0].vms[0]]


def test_a_vm_that_does_not_answer_is_restarted_or_stopped_on_request():
    order = orders(vm(1001, 100))
    have = replace(running(order), hung={1001: "1001 hangs"})
    todo = plan(order, have, restart=True)

    assert (ids(vm for vm, _why in todo.restart), todo.faults) == ([1001], {})
    off = plan(orders(vm(1001, 100, state="stopped")), have)
    assert (ids(off.halt), off.faults) == ([1001], {})


def test_a_vm_that_qemu_stopped_is_resumed_and_reported():
    order = orders(vm(1001, 100))
    todo = plan(order, replace(running(order), paused={1001}, faults={1001: "1001 could not write"}))

    assert [(each.vm.vm_id, each.paused) for each in todo.pauses] == [(1001, False)]
    assert todo.faults == {1001: "1001 could not write"}


def test_a_host_is_observed_from_units_files_and_monitors(tmp_path):
    made = settings(state_dir=str(tmp_path))
    order = orders(
        vm(1001, 100, state_dir=str(tmp_path)), vm(1002, 101, state_dir=str(tmp_path)), state_dir=str(tmp_path)
    )
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    first = all_vms(order)[0]
    written = {**render(first, made), "vnc.secret": "hMr3kWpa", "vnc.id": f"{PASSWORD_ID}\n"}
    for name, text in written.items():
        (folder / name).write_text(text)
    (folder / "vnc.secret").chmod(0o400)
    shown = f"Id={UNIT}\nActiveState=active\nMainPID=4821\n"
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=shown)
    monitor = FakeMonitor()
    monitor.statuses[QMP] = "paused"
    have = qemu_plan.observe(order, settings=made, runner=runner, monitor=monitor, unit_dir=str(tmp_path / "units"))
    assert (have.units.vms, have.paused, have.hung, have.faults) == ({1001: unit()}, {1001}, {}, {})
    assert {path: text for path, text in have.texts.items() if text is not None} == {
        f"{folder}/{name}": text for name, text in render(first, made).items()
    }
    assert (have.passwords, have.seeds) == ({1001: PASSWORD_ID}, {})
    silent = replace(made, vnc_listen="unix")
    again = qemu_plan.observe(order, settings=silent, runner=runner, monitor=monitor, unit_dir=str(tmp_path / "units"))
    assert again.passwords == {}


def test_a_template_that_others_may_write_is_written_again():
    order = orders(vm(1001))
    have = running(order)
    assert plan(order, have).changes == []
    todo = plan(order, replace(have, units=replace(have.units, exposed=frozenset({1000}))))
    assert [(change.kind, change.action) for change in todo.changes] == [("template", "write")]


ASKED = {"shutdown": "acpi", "shutdown_timeout_s": 90}


def running_and_asked(*units: Unit, text: str | None = "90\n") -> Host:
    """A host with a VM whose guest is asked to shut down; C(text) is its file for that."""
    have = running(orders(vm(1001, 100, **ASKED)), *units)
    return replace(have, texts={**have.texts, f"{SETTINGS.folder(1001)}/power_down": text})


def test_the_guest_of_a_vm_that_is_stopped_or_restarted_is_asked() -> None:
    have = running_and_asked()
    assert ids(plan(orders(vm(1001, 100, state="stopped", **ASKED)), have).asked) == [1001]
    assert ids(plan(orders(vm(1001, 100, cores=2, **ASKED)), have, restart=True).asked) == [1001]


@pytest.mark.parametrize(
    ("changes", "restart", "others"),
    [
        ({**ASKED}, True, {}),
        ({**ASKED, "cores": 2}, False, {}),
        ({"state": "stopped"}, False, {}),
        ({"cores": 2}, True, {}),
        ({**ASKED, "state": "stopped"}, False, {"held": {1001}}),
        ({**ASKED, "cores": 2}, True, {"barred": {1001: "its disk is lost"}}),
    ],
)
def test_the_guest_of_another_vm_is_not_asked(changes: dict[str, Any], restart: bool, others: dict[str, Any]) -> None:
    assert plan(orders(vm(1001, 100, **changes)), running_and_asked(), restart=restart, **others).asked == ()


@pytest.mark.parametrize("active", ["activating", "inactive", "failed"])
def test_a_vm_that_does_not_run_cannot_be_asked(active: str) -> None:
    have = running_and_asked(unit(1001, active, None))
    assert plan(orders(vm(1001, 100, state="stopped", **ASKED)), have).asked == ()


def test_a_vm_that_does_not_answer_is_not_asked() -> None:
    have = replace(running_and_asked(), hung={1001: "1001 hangs"})
    todo = plan(orders(vm(1001, 100, state="stopped", **ASKED)), have)
    assert (ids(todo.halt), todo.asked) == ([1001], ())


def test_a_deleted_vm_is_not_asked() -> None:
    todo = plan(orders(vm(1002, 101, **ASKED)), running_and_asked())
    assert ([each.vm_id for each in todo.prune.stop], todo.asked) == ([1001], ())


@pytest.mark.parametrize("active", ["inactive", "failed", "active"])
def test_a_vm_that_is_off_because_it_was_asked_counts_as_running(active: str) -> None:
    off = unit(1001, active, 4821 if active == "active" else None)
    halted = plan(orders(vm(1001, 100, state="stopped", **ASKED)), running_and_asked(off), off={1001: ()})
    assert ids(halted.halt) == [1001]
    (change,) = halted.changes
    assert (change.action, (change.before or {})["state"]) == ("stop", "running")
    order = orders(vm(1001, 100, cores=2, **ASKED))
    again = plan(order, running_and_asked(off), restart=True, off={1001: ("cores 1 → 2",)})
    assert ([(each.vm_id, why) for each, why in again.restart], again.start) == ([(1001, ("cores 1 → 2",))], ())
    assert [(each.action, each.reason) for each in again.changes] == [("restart", "cores 1 → 2")]


def test_a_vm_that_may_not_start_any_more_stays_off() -> None:
    order = orders(vm(1001, 100, cores=2, **ASKED))
    have = running_and_asked(unit(1001, "inactive", None))
    todo = plan(order, have, restart=True, off={1001: ("cores 1 → 2",)}, barred={1001: "its disk is lost"})
    assert (todo.restart, todo.start, todo.faults) == ((), (), {1001: "its disk is lost"})


@pytest.mark.parametrize(
    ("changes", "old", "new"),
    [
        ({**ASKED}, "90\n", None),
        ({**ASKED}, None, "90\n"),
        ({**ASKED, "shutdown_timeout_s": 30}, "90\n", "30\n"),
        ({}, "90\n", ""),
        ({}, "", None),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("cores", [1, 2])
def test_how_a_guest_is_asked_changes_without_a_restart(
    changes: dict[str, Any], old: str | None, new: str | None, cores: int
) -> None:
    """Also of a VM that waits for a restart. Most VMs have no file."""
    todo = plan(orders(vm(1001, 100, cores=cores, **changes)), running_and_asked(text=old))
    assert (todo.restart, ids(each for each, _why in todo.restart_required)) == ((), [1001] * (cores - 1))
    assert [(write.name, write.text) for write in todo.writes] == ([] if new is None else [("power_down", new)])
    said = {"power_down": "current"}
    assert [(each.action, each.after) for each in todo.changes] == ([] if new is None else [("update", said)])


def seeded(vm_id: int = 1001, **changes: Any) -> dict[str, Any]:
    return vm(vm_id, 100, seed=[{"name": "meta-data", "content": "{}"}], **changes)


def test_the_disk_of_a_vm_that_waits_for_a_restart_stays_as_it_was_started_with():
    have = running(orders(seeded()))
    waiting = plan(orders(seeded(cores=2)), have)
    assert ([each.vm_id for each, _why in waiting.restart_required], waiting.seeds) == ([1001], ())
    assert ids(plan(orders(seeded(cores=2)), have, restart=True).seeds) == [1001]


def test_missing_uefi_variables_are_written_when_the_vm_may_start_with_new_ones() -> None:
    order = orders(vm(1001, 100, firmware="uefi", state="stopped"))
    have = replace(running(order, unit(active="inactive", pid=None)), variables={1001: "/vms/1001/uefi_variables.fd"})
    todo = plan(order, have)
    assert ids(todo.variables) == [1001]
    (change,) = todo.changes
    assert (change.before, change.after) == (
        {"startup": "enabled", "uefi_variables.fd": None},
        {"startup": "disabled", "uefi_variables.fd": "current"},
    )
    assert plan(order, have, lost_variables={1001}).variables == ()
    assert plan(order, replace(have, variables={})).variables == ()


def test_a_vm_that_gets_uefi_only_with_a_restart_gets_its_variables_then() -> None:
    have = replace(running(orders(vm(1001, 100))), variables={1001: "/vms/1001/uefi_variables.fd"})
    order = orders(vm(1001, 100, firmware="uefi"))
    assert plan(order, have).variables == ()
    assert ids(plan(order, have, restart=True).variables) == [1001]
