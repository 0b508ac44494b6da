# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A receipt is valid for one host and for one release of one slice. test_status.py shows what it releases."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import lost_workers, teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.displays import make_key
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.receipts import (
    RELEASE_ID,
    gives_up,
    mark,
    receipt,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster

from .builders import cluster, put, topology

TARGETS = ("10.0.10.1", "10.0.10.2", "network_node")


def ordered() -> Cluster:
    made = cluster()
    for name in ("web", "db"):
        put(made, topology(name))
    make_key(made)
    hand_out(list(made.slices.values()))
    return made


def receipts(made: Cluster) -> list[str | None]:
    return [receipt(made, one, target) for one in made.slices.values() for target in TARGETS]


def test_a_receipt_is_valid_only_for_its_host_slice_and_database() -> None:
    held = (ordered(), ordered())
    for made in held:
        for slice_ in made.slices.values():
            teardown.remove(made, slice_)
    found = [each for made in held for each in receipts(made)]
    assert (len(found), len({*found}), None in found) == (12, 12, False)
    assert all(each is not None and bounds.RECEIPT.allows(each) for each in found)


def test_work_orders_contain_a_receipt_while_something_is_given_up() -> None:
    made = ordered()
    slices = list(made.slices.values())
    assert receipts(made) == [None] * 6
    for order in _orders(made):
        assert all("receipt" not in one for one in order["slices"])
    before = work_orders(made, slices, "/x")
    teardown.remove(made, slices[0])
    assert work_orders(made, slices, "/x") != before
    for order in _orders(made):
        told = {one["slice_id"]: one.get("receipt") for one in order["slices"]}
        target = order.get("worker_ip", "network_node")
        assert told == {1000: receipt(made, slices[0], target), 1003: None}
        assert told[1000]


def test_the_receipt_of_the_network_node_is_only_valid_with_its_list_of_lost_machines() -> None:
    """It would release what a worker had that was declared lost since, before the worker could know."""
    made = ordered()
    slice_ = made.slices[1000]
    teardown.remove(made, slice_)
    made.workers["10.0.10.2"].extra["machine_id"] = "ab" * 16

    def told() -> tuple[str | None, ...]:
        return tuple(receipt(made, slice_, target) for target in TARGETS)

    before = told()
    lost_workers.declare(made, "10.0.10.2")
    assert (told()[:2], told()[2] == before[2]) == (before[:2], False)
    lost_workers.mark_returned(made, {"ip": "10.0.10.2", "machine_id": "ab" * 16})
    assert told() == before
    lost_workers.take_in(made, ["1" * 64])
    assert (told()[:2], told()[2] == before[2]) == (before[:2], False)


def test_without_a_key_there_is_no_receipt() -> None:
    made = cluster()
    slice_ = put(made, topology())
    hand_out([slice_])
    teardown.remove(made, slice_)
    assert receipts(made) == [None] * 3


def _orders(made: Cluster) -> list[dict[str, Any]]:
    orders = work_orders(made, list(made.slices.values()), "/x")
    return [*orders["workers"].values(), orders["network_node"]]


def test_a_receipt_does_not_depend_on_the_order_in_which_things_are_stored() -> None:
    made = ordered()
    slice_ = made.slices[1000]
    held = {"vlan_ids": [101, 100], "addresses": ["10.60.7.102", "10.60.7.101"]}
    slice_.extra["releasing"] = held
    before = receipt(made, slice_, "network_node")
    slice_.extra["releasing"] = {key: values[::-1] for key, values in reversed(held.items())}
    assert before is not None
    assert receipt(made, slice_, "network_node") == before
    slice_.extra["releasing"] = {**held, "addresses": ["10.60.7.101"]}
    assert receipt(made, slice_, "network_node") != before


def test_a_mark_stays_until_it_is_removed() -> None:
    slice_ = put(cluster(), topology())
    mark(slice_)
    first = slice_.extra[RELEASE_ID]
    mark(slice_)
    assert first
    assert slice_.extra[RELEASE_ID] == first
    del slice_.extra[RELEASE_ID]
    mark(slice_)
    assert slice_.extra[RELEASE_ID] != first


@pytest.mark.parametrize("what", ["slice", "VM", "disk", "VLANs"])
def test_each_thing_that_is_given_up_makes_another_receipt(what: str) -> None:
    made = ordered()
    slice_ = made.slices[1000]
    assert not gives_up(slice_)
    if what == "slice":
        slice_.deleting = True
    elif what == "VM":
        slice_.vms[1].deleting = True
    elif what == "disk":
        slice_.vms[1].disks[0].extra["given_up"] = True
    else:
        slice_.extra["releasing"] = {"vlan_ids": [100]}
    assert gives_up(slice_)
    first = receipt(made, slice_, "10.0.10.1")
    assert first is not None
    slice_.extra["releasing"] = {**slice_.extra.get("releasing", {}), "addresses": ["10.60.7.109"]}
    assert receipt(made, slice_, "10.0.10.1") != first


def test_a_receipt_depends_only_on_what_is_given_up() -> None:
    made = ordered()
    slice_ = made.slices[1000]
    slice_.vms[1].deleting = True
    before = receipt(made, slice_, "10.0.10.1")
    del slice_.vms[0]
    assert receipt(made, slice_, "10.0.10.1") == before
