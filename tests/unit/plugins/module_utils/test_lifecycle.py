# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data model's statuses for all combinations of desired and observed states."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import (
    ABSENT,
    POWERS,
    SEEN,
    VM_STATES,
    Life,
    Observed,
    seen_as,
    slice_status,
    vm_status,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Slice

# The observed state of a VM, and whether it was handed out; "any" stands for each power state.
TABLE = """
    wanted   seen     handed out  not yet
    absent   nothing  deleting    deleting
    absent   running  deleting    deleting
    absent   stopped  deleting    deleting
    absent   paused   deleting    deleting
    absent   error    deleting    deleting
    absent   unknown  deleting    deleting
    any      nothing  design      pending
    any      running  running     running
    any      stopped  stopped     stopped
    any      paused   stopped     stopped
    any      error    error       error
    any      unknown  error       error
"""
EXPECTED = {
    (wanted, seen, is_handed_out): status
    for told, seen, *statuses in (line.split() for line in TABLE.strip().splitlines()[1:])
    for wanted in (POWERS if told == "any" else (told,))
    for is_handed_out, status in zip((True, False), statuses)
}
WANTED, SEEN_OR_NOT = (*POWERS, ABSENT), ("nothing", *SEEN)


def test_the_table_covers_all_combinations_and_statuses() -> None:
    assert set(EXPECTED) == set(product(WANTED, SEEN_OR_NOT, (True, False)))
    assert set(EXPECTED.values()) == VM_STATES


@pytest.mark.parametrize(("wanted", "seen", "is_handed_out"), list(EXPECTED))
def test_the_status_of_a_vm(wanted: str, seen: str, is_handed_out: bool) -> None:
    told = None if seen == "nothing" else seen
    assert vm_status(wanted, told, handed_out=is_handed_out) == EXPECTED[wanted, seen, is_handed_out]


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("pid", [None, "4821"])
@pytest.mark.parametrize("since", [None, "2026-01-31T12:00:00Z"])
@pytest.mark.parametrize("seen", SEEN_OR_NOT)
@pytest.mark.parametrize("deleting", [True, False])
def test_desired_and_observed_state_are_stored_completely(
    power: str, pid: str | None, since: str | None, seen: str, deleting: bool
) -> None:
    vm = VM(1001, "vm1", "admin", "10.0.10.1", 5901, [])
    vm.power, vm.handed_out, vm.deleting = power, True, deleting
    if seen != "nothing":
        vm.see(Observed(seen, pid, since))
    again = VM.from_dict(vm.to_dict())
    assert (again.power, again.handed_out, again.deleting, again.observed) == (power, True, deleting, vm.observed)
    assert again.to_dict() == vm.to_dict()


@pytest.mark.parametrize(
    ("vms", "status"),
    [
        ([], "design"),
        ([("pending", "running")], "design"),
        ([("design", "stopped")], "design"),
        ([("running", "running"), ("pending", "running")], "running"),
        ([("running", "running"), ("stopped", "running")], "stopped"),
        ([("running", "running"), ("stopped", "stopped")], "running"),
        ([("stopped", "paused"), ("stopped", "stopped")], "stopped"),
        ([("error", "stopped"), ("stopped", "running"), ("running", "running")], "error"),
    ],
)
def test_the_status_of_a_slice(vms: list[tuple[str, str]], status: str) -> None:
    assert slice_status(vms, deleting=False) == status
    assert slice_status(vms, deleting=True) == "deleting"


def test_removed_vms_do_not_count() -> None:
    slice_ = Slice(1000, "admin")
    for number, state in ((1001, "running"), (1002, "error")):
        vm = VM(number, f"vm{number}", "admin", "10.0.10.1", 5901, [])
        vm.see(Observed(state))
        slice_.vms.append(vm)
    assert slice_.status == "error"
    slice_.vms[1].deleting = True
    assert slice_.status == "running"


@pytest.mark.parametrize(
    ("status", "pid", "life"),
    [
        ("pending", None, Life(handed_out=False, deleting=False, observed=None)),
        ("pending", "7", Life(handed_out=True, deleting=False, observed=Observed("running", "7"))),
        ("design", None, Life(handed_out=True, deleting=False, observed=None)),
        ("design", "7", Life(handed_out=True, deleting=False, observed=Observed("running", "7"))),
        ("deleting", None, Life(handed_out=True, deleting=True, observed=None)),
        ("deleting", "7", Life(handed_out=True, deleting=True, observed=Observed("running", "7"))),
        ("stopped", None, Life(handed_out=True, deleting=False, observed=Observed("stopped"))),
        ("odd", "7", Life(handed_out=True, deleting=False, observed=Observed("odd", "7"))),
    ],
)
def test_the_meaning_of_a_stored_status(status: str, pid: str | None, life: Life) -> None:
    assert seen_as(status, pid) == life


@pytest.mark.parametrize(
    ("revision", "moment", "other_revision", "other_moment", "precedes"),
    [
        (None, None, None, None, False),
        (1, None, None, None, False),
        (None, None, 2, None, False),
        (1, None, 2, None, True),
        (2, None, 1, None, False),
        (1, "b 9", 2, "b 1", True),
        (1, None, 1, None, False),
        (1, "b 1.5", 1, "b 2.5", True),
        (1, "b 2.5", 1, "b 2.5", False),
        (1, "b 2.5", 1, "b 1.5", False),
        (1, "a 1.5", 1, "b 2.5", False),
        (1, None, 1, "b 2.5", False),
    ],
)
def test_an_observation_is_older_by_its_order_and_then_by_its_moment(
    revision: int | None, moment: str | None, other_revision: int | None, other_moment: str | None, precedes: bool
) -> None:
    first = Observed("running", revision=revision, moment=moment)
    second = Observed("running", revision=other_revision, moment=other_moment)
    assert first.precedes(second) is precedes


def test_only_what_is_known_of_an_observation_is_stored() -> None:
    assert Observed("running", "1").to_dict() == {"state": "running"}
    assert Observed("running", "1", "s", 2, "m").to_dict() == {
        "state": "running",
        "since": "s",
        "revision": 2,
        "moment": "m",
    }


def test_a_moment_without_seconds_is_the_begin_of_its_boot() -> None:
    first, second = (Observed("running", revision=1, moment=moment) for moment in ("b", "b 0.5"))
    assert (first.precedes(second), second.precedes(first)) == (True, False)
