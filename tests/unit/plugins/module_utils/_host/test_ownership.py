# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import uuid

ORDER = SliceOrder(slice_id=1035, vms=(), slice_uuid=uuid(2))


def test_another_slice_with_the_same_id_is_reported_with_both_uuids() -> None:
    assert list(ownership.of_slice(ORDER, "VM folder /vms/1036", uuid(2))) == []
    ((slice_id, refusal),) = ownership.of_slice(ORDER, "VM folder /vms/1036", uuid(1))
    assert (slice_id, refusal.code) == (1035, ownership.ANOTHER_SLICE)
    assert refusal.message == (
        f"slice 1035: this host has another slice with this id: VM folder /vms/1036 belongs to {uuid(1)}, the work "
        f"order is for {uuid(2)}; run cloudrepo.slices.site, then delete this slice and deploy it again, so that it "
        "gets another id"
    )


@pytest.mark.parametrize(("held", "got"), [(None, uuid(2)), (uuid(1), None)])
def test_a_missing_uuid_on_one_side_is_a_conflict(held: str | None, got: str | None) -> None:
    order = SliceOrder(slice_id=1035, vms=(), slice_uuid=got)
    ((_slice_id, refusal),) = ownership.of_slice(order, "port tap_1036_eth1", held)
    assert (refusal.figures["held"], refusal.figures["got"]) == (held or "no UUID", got or "no UUID")
    assert not list(ownership.of_slice(SliceOrder(slice_id=1, vms=()), "port x", None))


def test_conflicts_of_a_slice_are_refused_together() -> None:
    other = SliceOrder(slice_id=1000, vms=(), slice_uuid=uuid(3))
    conflicts = [*ownership.of_slice(ORDER, "a", None), *ownership.of_slice(other, "b", None)]
    conflicts += ownership.of_slice(ORDER, "c", None)
    found = ownership.by_slice(conflicts)
    assert {slice_id: [each.figures["where"] for each in refusals] for slice_id, refusals in found.items()} == {
        1035: ["a", "c"],
        1000: ["b"],
    }
    with pytest.raises(Refused) as refused:
        ownership.refuse(conflicts)
    assert [each.figures["where"] for each in refused.value.refusals] == ["a", "b", "c"]
    ownership.refuse([])


def test_each_slice_is_read_separately() -> None:
    def read_one(data: Mapping[str, Any]) -> SliceOrder:
        if data.get("wrong"):
            raise Refused([Refusal("field_missing", f"slice {data['slice_id']}", {"field": "vms"})])
        return SliceOrder(slice_id=data["slice_id"], vms=())

    def faults(orders: tuple[SliceOrder, ...]) -> Iterator[ownership.Conflict]:
        yield from ownership.repeated("slice", ((order.slice_id, order.slice_id) for order in orders))

    slices = [{"slice_id": 1, "wrong": True}, {"slice_id": 2}, {"slice_id": 3}, {"slice_id": 3}]
    orders, refused = ownership.read(slices, read_one, faults)
    assert [order.slice_id for order in orders] == [2]
    assert {slice_id: [each.code for each in why] for slice_id, why in refused.items()} == {
        1: ["field_missing"],
        3: ["listed_twice"],
    }
    with pytest.raises(Refused) as caught:
        ownership.whole(orders, refused)
    assert [each.code for each in caught.value.refusals] == ["field_missing", "listed_twice"]
    assert ownership.whole(orders, {}) == orders
    for slice_id in (None, "1", 0):
        with pytest.raises(Refused):
            ownership.read([{"slice_id": slice_id, "wrong": True}], read_one, faults)


def test_a_duplicate_in_an_order_refuses_each_of_its_slices_once() -> None:
    held = [(1, "a"), (1, "a"), (2, "a"), (2, "b"), (3, "c")]
    figures = {"kind": "tap", "name": "a", "count": 3}
    assert list(ownership.repeated("tap", held)) == [
        (slice_id, Refusal("listed_twice", f"slice {slice_id}", figures)) for slice_id in (1, 2)
    ]


def test_nothing_is_observed_if_all_slices_are_refused_before() -> None:
    refused = {1000: [Refusal("user_missing", "user x", {"slice_id": 1000})]}

    def observe(orders: tuple[SliceOrder, ...]) -> list[int]:
        raise AssertionError(orders)

    with pytest.raises(Refused) as caught:
        ownership.look((), refused, observe=observe, conflicts=lambda _orders, _have: ())
    assert [each["slice_id"] for each in caught.value.fields["refused"]] == [1000]


OTHER = SliceOrder(slice_id=1000, vms=(), slice_uuid=uuid(3))


def look(refused: ownership.Refusals, *held: int) -> tuple[ownership.Seen[SliceOrder, list[int]], list[list[int]]]:
    """Observe a host on which other slices have these ids, and also return what was observed."""
    looked: list[list[int]] = []

    def observe(orders: tuple[SliceOrder, ...]) -> list[int]:
        looked.append([order.slice_id for order in orders])
        return looked[-1]

    def conflicts(orders: tuple[SliceOrder, ...], _have: list[int]) -> Iterator[ownership.Conflict]:
        for order in orders:
            yield from ownership.of_slice(order, "x", uuid(9) if order.slice_id in held else order.slice_uuid)

    return ownership.look((ORDER, OTHER), refused, observe=observe, conflicts=conflicts), looked


def test_refused_slices_do_not_affect_the_others() -> None:
    seen, looked = look({})
    assert (seen.orders, seen.have, seen.refused, looked) == ((ORDER, OTHER), [1035, 1000], {}, [[1035, 1000]])
    late = [Refusal("order_superseded", "slice 1035", {"got": "1", "applied": "2"})]
    seen, looked = look({1035: late})
    assert (seen.orders, seen.refused, looked) == ((OTHER,), {1035: late}, [[1000]])
    seen, looked = look({}, 1000)
    assert (seen.orders, seen.have, looked) == ((ORDER,), [1035], [[1035, 1000], [1035]])
    assert [each.code for each in seen.refused[1000]] == ["another_slice"]


def test_nothing_more_is_observed_if_all_slices_are_refused() -> None:
    late = {
        order.slice_id: [Refusal("order_superseded", "x", {"got": "1", "applied": "2"})] for order in (ORDER, OTHER)
    }
    with pytest.raises(Refused) as refused:
        look(late)
    assert [each["slice_id"] for each in refused.value.fields["refused"]] == [1035, 1000]
    with pytest.raises(Refused) as refused:
        look({1035: late[1035]}, 1000)
    assert [(each["slice_id"], each["another"]) for each in refused.value.fields["refused"]] == [
        (1035, False),
        (1000, True),
    ]


def test_an_order_without_slices_is_applied() -> None:
    seen = ownership.look((), {}, observe=len, conflicts=lambda _orders, _have: ())
    assert (seen.orders, seen.have) == ((), 0)


def test_other_failures_are_returned_with_the_refusals() -> None:
    refused = ownership.by_slice(ownership.of_slice(ORDER, "x", None))
    with pytest.raises(Refused) as caught, ownership.named_in_failure(refused):
        raise SlicesError("VM 1004: it ended", vms=[1004])
    told = caught.value
    assert told.message == "VM 1004: it ended\n" + refused[1035][0].message
    assert (told.fields["failure"], told.fields["vms"]) == ("VM 1004: it ended", [1004])
    assert told.fields["refused"] == [
        {"slice_id": 1035, "failure": refused[1035][0].message, "another": True, "begun": False}
    ]
    with pytest.raises(Refused) as caught, ownership.named_in_failure(refused):
        raise Refused([Refusal("vm_not_running", "VM 1004")], vms=[])
    assert [each["code"] for each in caught.value.fields["refusals"]] == ["another_slice"]
    with pytest.raises(SlicesError) as alone, ownership.named_in_failure({}):
        raise SlicesError("it ended")
    assert "refused" not in alone.value.fields


def test_a_look_fails_if_slices_were_refused() -> None:
    seen, _looked = look({}, 1000)
    assert seen.failure is not None
    assert [each["slice_id"] for each in seen.failure.fields["refused"]] == [1000]
    assert look({})[0].failure is None


def test_slices_that_have_failed_are_returned_with_the_refused_ones() -> None:
    seen, _looked = look({}, 1000)
    failure = seen.failure_with({1035: "no tap"})
    assert failure is not None
    assert [(each["slice_id"], each["begun"], each["another"]) for each in failure.fields["refused"]] == [
        (1000, False, True),
        (1035, True, False),
    ]
    assert failure.fields["refused"][1]["failure"] == "slice 1035: no tap"
    assert failure.message.splitlines()[0] == "slice 1035: no tap"
    with pytest.raises(Refused) as caught, ownership.named_in_failure({}, {1035: "no tap"}):
        raise SlicesError("VM 1004: it ended")
    assert (caught.value.message, caught.value.fields["failure"]) == (
        "VM 1004: it ended\nslice 1035: no tap",
        "VM 1004: it ended",
    )
