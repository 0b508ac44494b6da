# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import one_by_one, ownership
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.ownership import Refusals
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

ORDERS = tuple(SliceOrder(slice_id=slice_id, vms=()) for slice_id in (1000, 1003, 1041))
FIRST = SlicesError("all of them failed")


def acts(faults: Mapping[int | None, Exception], seen: list[list[int]]) -> Callable[[tuple[SliceOrder, ...]], None]:
    """Return what fails for some slices, C(None) for no slice at all, and notes the slices of each call."""

    def act(orders: tuple[SliceOrder, ...]) -> None:
        ids = [order.slice_id for order in orders]
        seen.append(ids)
        for slice_id in ids or [None]:
            if slice_id in faults:
                raise faults[slice_id]

    return act


def test_each_slice_is_handled_alone_after_what_they_share() -> None:
    seen: list[list[int]] = []
    found = one_by_one.faults(ORDERS, acts({1003: SlicesError("no tap")}, seen), FIRST)
    assert seen == [[], [1000], [1003], [1041]]
    assert one_by_one.reasons(found) == {1003: "no tap"}


@pytest.mark.parametrize(
    ("orders", "faults", "raised"),
    [
        (ORDERS[:1], {}, "all of them failed"),
        ((), {}, "all of them failed"),
        (ORDERS, {None: SlicesError("no switch")}, "no switch"),
        (ORDERS, dict.fromkeys((1000, 1003, 1041), SlicesError("no bus")), "all of them failed"),
    ],
)
def test_a_fault_that_is_not_that_of_a_slice_is_raised(
    orders: tuple[SliceOrder, ...], faults: Mapping[int | None, Exception], raised: str
) -> None:
    with pytest.raises(SlicesError, match=raised):
        one_by_one.faults(orders, acts(faults, []), FIRST)


def test_slices_may_all_fail_for_reasons_of_their_own() -> None:
    faults = {order.slice_id: SlicesError(f"no tap of {order.slice_id}") for order in ORDERS}
    assert set(one_by_one.faults(ORDERS, acts(faults, []), FIRST)) == {1000, 1003, 1041}


def test_bugs_are_raised() -> None:
    with pytest.raises(KeyError):
        one_by_one.faults(ORDERS, acts({1003: KeyError("x")}, []), FIRST)
    assert one_by_one.reason(OSError(20, "Not a directory", "/s/1000")) == "/s/1000: Not a directory"
    with pytest.raises(OSError, match="Bad file descriptor"):
        one_by_one.reason(OSError(9, "Bad file descriptor"))


def test_slices_that_cannot_be_planned_are_refused_with_those_that_are_refused_already() -> None:
    late = {1041: [Refusal("order_superseded", "slice 1041", {"got": "1", "applied": "2"})]}
    faults: dict[int | None, Exception] = {1000: SlicesError("/s/1000: Is a directory")}
    seen: list[list[int]] = []

    def plan(orders: tuple[SliceOrder, ...], refused: Refusals) -> Refusals:
        acts(faults, seen)(tuple(order for order in orders if order.slice_id not in refused))
        return refused

    refused = one_by_one.plan(ORDERS, late, plan)
    assert seen == [[1000, 1003], [], [1000], [1003], [1003]]
    assert {slice_id: [each.message for each in why] for slice_id, why in refused.items()} == {
        1041: [late[1041][0].message],
        1000: ["slice 1000: /s/1000: Is a directory"],
    }
    faults[1000] = Refused([Refusal("vm_not_running", "VM 1001")])
    assert [each.code for each in one_by_one.plan(ORDERS, {}, plan)[1000]] == ["vm_not_running"]


def test_an_order_of_which_all_slices_are_refused_is_not_planned_again() -> None:
    seen: list[int] = []

    def plan(orders: tuple[SliceOrder, ...], _refused: Refusals) -> None:
        seen.append(len(orders))
        raise ownership.failure({1000: [Refusal("vm_not_running", "VM 1001")]})

    with pytest.raises(Refused, match="VM 1001"):
        one_by_one.plan(ORDERS, {}, plan)
    assert seen == [3]
