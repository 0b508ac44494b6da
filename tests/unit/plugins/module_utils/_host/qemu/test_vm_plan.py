# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the changes to VMs are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import plan as qemu_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Host
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.vm_plan import Link, Prune, VmPlan, Write
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change

from ..fakes import orders, slices, vm
from .test_plan import OTHER_ID, UNIT, ids, plan, running, seeded, unit


def test_unlisted_vms_are_removed():
    have = running(orders(vm(1001, 100), vm(1002, 100)))
    todo = qemu_plan.plan_prune(orders(vm(1001, 100)), have)

    assert ([each.vm_id for each in todo.stop], todo.disable) == ([1002], ((1000, 1002),))
    assert (todo.templates, todo.slices) == ((), ())
    before = {"state": "active", "startup": "enabled"}
    assert todo.changes == [Change("unit", "cloudrepo-1000@1002.service", "delete", before=before)]


def test_a_slice_without_vms_leaves_nothing():
    have = running(orders(vm(1001, 100)))
    todo = qemu_plan.plan_prune(orders(), have)

    assert (todo.templates, todo.slices) == ((1000,), (1000,))
    assert [(change.kind, change.id, change.action) for change in todo.changes] == [
        ("unit", UNIT, "delete"),
        ("template", "cloudrepo-1000@.service", "delete"),
        ("cgroup", "cloudrepo-1000.slice", "delete"),
    ]
    assert slices(todo.changes) == {1000}
    assert qemu_plan.plan_prune(orders(), Host()).changes == []


def test_vms_that_no_longer_start_with_the_host_are_changes():
    order = orders(vm(1001, 100, state="stopped"))
    have = running(order, unit(active="inactive", pid=None))
    todo = plan(order, have)
    assert (ids(todo.disable), ids(todo.halt), ids(todo.start)) == ([1001], [], [])
    assert [(change.before, change.after) for change in todo.changes] == [
        ({"startup": "enabled"}, {"startup": "disabled"})
    ]


@pytest.mark.parametrize("paused", [True, False])
def test_the_pause_of_a_running_vm_is_its_change_and_that_of_a_restarted_one_is_not(paused):
    state = "paused" if paused else "running"
    order = orders(vm(1001, 100, state=state))
    have = running(order) if paused else replace(running(order), paused={1001})
    (change,) = plan(order, have).changes
    verbs = ("pause", "running", "paused") if paused else ("resume", "paused", "running")
    assert (change.action, change.before, change.after) == (verbs[0], {"state": verbs[1]}, {"state": verbs[2]})
    fresh = plan(orders(vm(1001, 100, state="paused")), Host())
    assert [each.action for each in fresh.changes if each.kind == "unit"] == ["start"]
    assert {each.after["state"] for each in fresh.changes if each.kind == "unit"} == {"paused"}


def facts(todo: VmPlan) -> dict[Any, Any]:
    return {change.id: change.after for change in todo.changes if change.kind == "unit"}


def test_a_new_display_password_and_disk_are_told_for_vms_that_run_and_not_for_those_that_start():
    have = running(orders(vm(1001, 100)))
    changed = plan(orders(vm(1001, 100, vnc_password_id=OTHER_ID)), have)
    assert facts(changed) == {UNIT: {"display_password": "new"}}
    # One that starts is told by its state alone.
    assert "display_password" not in facts(plan(orders(vm(1001, 100)), Host()))[UNIT]
    stopped = plan(orders(vm(1001, 100, state="stopped", vnc_password_id=OTHER_ID)), Host())
    assert [new.live for new in stopped.passwords] in ([False], [])
    told = facts(stopped).get(UNIT, {})
    assert ("display_password" in told) is bool(stopped.passwords)


def test_the_disk_for_cloud_init_is_told_for_vms_that_do_not_start():
    assert "seed.iso" not in facts(plan(orders(seeded()), Host()))[UNIT]
    stopped = plan(orders(seeded(state="stopped")), Host())
    assert ids(stopped.seeds) == [1001]
    assert facts(stopped)[UNIT]["seed.iso"] == "current"
    assert plan(orders(vm(1001, 100, state="stopped")), Host()).seeds == ()


FIRST, SECOND = all_vms(orders(vm(1001, 100), vm(1002, 100)))
STARTED = ("start", {"state": "stopped"}, {"state": "running"}, "", False)
RESTARTED = ("restart", {"state": "running"}, {"state": "restarted"}, "cores 1 → 2; name a → b", True)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"start": (FIRST,)}, STARTED),
        ({"start": (FIRST,), "failed": (FIRST,)}, ("start", {"state": "failed"}, {"state": "running"}, "", False)),
        ({"halt": (FIRST,)}, ("stop", {"state": "running"}, {"state": "stopped"}, "", False)),
        ({"restart": ((FIRST, ("cores 1 → 2", "name a → b")),)}, RESTARTED),
        ({"enable": (FIRST,)}, ("update", {"startup": "disabled"}, {"startup": "enabled"}, "", False)),
        (
            {"links": (Link(FIRST, "eth0", True), Link(FIRST, "eth1", False))},
            (
                "update",
                {"eth0_carrier": "down", "eth1_carrier": "up"},
                {"eth0_carrier": "up", "eth1_carrier": "down"},
                "",
                False,
            ),
        ),
        (
            {"writes": (Write(FIRST, "taps", "x", None), Write(FIRST, "qemu.cfg", "x", "y"))},
            ("update", {"taps": None, "qemu.cfg": "outdated"}, {"taps": "current", "qemu.cfg": "current"}, "", False),
        ),
    ],
)
def test_a_vm_is_told_by_its_unit(parts: dict[str, Any], told: tuple[Any, ...]) -> None:
    (change,) = VmPlan(**parts).changes
    assert (change.action, change.before, change.after, change.reason, change.restart) == told
    assert (change.kind, change.id) == ("unit", UNIT)


def test_carriers_and_files_of_vms_with_another_change_are_not_told() -> None:
    link, write = Link(FIRST, "eth0", False), Write(FIRST, "links_down", "nic-eth0", None)
    assert facts(VmPlan(start=(FIRST,), links=(link,), writes=(write,))) == {UNIT: {"state": "running"}}
    others = Link(SECOND, "eth0", False), Write(SECOND, "taps", "x", None)
    todo = VmPlan(restart=((FIRST, ("cores 1 → 2",)),), links=(link, others[0]), writes=(write, others[1]))
    assert facts(todo) == {UNIT: {"state": "restarted"}, "cloudrepo-1000@1002.service": {"eth0_carrier": "down"}}


def test_the_result_has_what_is_stopped_and_what_needs_a_restart() -> None:
    todo = VmPlan(prune=Prune(stop=(unit(),)), restart_required=((SECOND, ("cores 1 → 2",)),))
    assert todo.result == {
        "stopped": [UNIT],
        "restart_required": [{"vm_id": 1002, "name": "vm2", "reasons": ["cores 1 → 2"]}],
    }
