# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import uuid

ORDER = SliceOrder(slice_id=1035, vms=(), slice_uuid=uuid(2))


def test_a_slice_of_the_same_number_is_told_with_both_uuids() -> None:
    assert list(ownership.of_slice(ORDER, "VM folder /vms/1036", uuid(2))) == []
    ((slice_id, refusal),) = ownership.of_slice(ORDER, "VM folder /vms/1036", uuid(1))
    assert (slice_id, refusal.code) == (1035, ownership.ANOTHER_SLICE)
    assert refusal.message == (
        f"slice 1035: this host holds another slice of this number: VM folder /vms/1036 is of {uuid(1)}, the work "
        f"order is of {uuid(2)}; run cloudrepo.slices.site, then delete this slice and deploy it again, so that it "
        "gets another number"
    )


@pytest.mark.parametrize(("held", "got"), [(None, uuid(2)), (uuid(1), None)])
def test_who_does_not_name_a_uuid_is_no_other(held: str | None, got: str | None) -> None:
    order = SliceOrder(slice_id=1035, vms=(), slice_uuid=got)
    ((_slice_id, refusal),) = ownership.of_slice(order, "port tap_1036_eth1", held)
    assert (refusal.figures["held"], refusal.figures["got"]) == (held or "no UUID", got or "no UUID")
    assert not list(ownership.of_slice(SliceOrder(slice_id=1, vms=()), "port x", None))


def test_conflicts_are_gathered_by_slice_and_refused_together() -> None:
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
