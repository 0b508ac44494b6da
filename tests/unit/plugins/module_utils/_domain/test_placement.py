# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of the worker for a new VM."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.placement import Placement
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .builders import ROOM, cluster, put, refusals, topology, vm


def places(held, count: int, **settings: str) -> list[str]:  # type: ignore[no-untyped-def] # a Cluster
    held.users["admin"].quota_vms = 100
    slice_ = put(held, topology(vms=[vm(f"v{number}") for number in range(count)], links=[]), **settings)
    return [each.worker_ip[-1] for each in slice_.vms]


def test_round_robin_continues_after_the_newest_vm() -> None:
    held = cluster(workers=3)
    assert places(held, 4) == ["1", "2", "3", "1"]
    assert [each.worker_ip[-1] for each in put(held, topology("next", vms=[vm("a"), vm("b")], links=[])).vms] == [
        "2",
        "3",
    ]


def test_least_loaded_takes_the_worker_with_the_fewest_vms() -> None:
    held = cluster(workers=2)
    put(held, topology("first", vms=[vm("a", worker="10.0.10.1"), vm("b", worker="10.0.10.1")], links=[]))
    assert places(held, 3, placement="least_loaded") == ["2", "2", "1"]


def test_pack_fills_one_worker_after_the_other() -> None:
    assert places(cluster(workers=2, max_vms=2), 3, placement="pack") == ["1", "1", "2"]


def test_placement_is_sticky() -> None:
    held = cluster(workers=2)
    places(held, 4)
    assert places(held, 3) == ["1", "2", "1"]


def test_an_unschedulable_worker_is_skipped() -> None:
    held = cluster(workers=2)
    held.workers["10.0.10.1"].schedulable = False
    assert places(held, 2) == ["2", "2"]


def test_a_pinned_vm_is_placed_on_its_worker() -> None:
    slice_ = put(cluster(workers=3), topology(vms=[vm("a", worker="10.0.10.3"), vm("b")], links=[]))
    assert [each.worker_ip[-1] for each in slice_.vms] == ["3", "1"]


@pytest.mark.parametrize(
    ("worker", "flavor", "figures"),
    [
        ({"max_vms": 0}, "cirros", {"resource": "VMs", "total": 0, "allocated": 0, "requested": 1}),
        (
            {"cores": 1, "cpu_overcommit": 2.0},
            "big",
            {"resource": "cores", "total": 2, "allocated": 0, "requested": 4},
        ),
        ({"ram_gb": 4}, "big", {"resource": "GiB of RAM", "total": 4, "allocated": 0, "requested": 8}),
        ({"disk_gb": 10.5}, "big", {"resource": "GiB of disk", "total": 10.5, "allocated": 0, "requested": 20}),
    ],
)
def test_a_shortage_is_reported_with_its_figures(
    worker: dict[str, float], flavor: str, figures: dict[str, Any]
) -> None:
    held = cluster(workers=0)
    held.workers["10.0.10.1"] = Worker("10.0.10.1", **{**ROOM, **worker})
    assert refusals(held, topology(vms=[vm("a", flavor=flavor)], links=[])) == [
        Refusal("no_room", "VM web/a", {"shortages": [Refusal("resource_exhausted", "worker 10.0.10.1", figures)]})
    ]


def test_shortages_of_several_vms_are_reported_in_order() -> None:
    held = cluster(workers=1, cores=6, cpu_overcommit=1.0)
    names = {"a": "big", "b": "big", "c": "cirros", "d": "big", "e": "big"}
    refused = refusals(held, topology(vms=[vm(name, flavor=flavor) for name, flavor in names.items()], links=[]))
    assert [(each.object, each.figures["shortages"][0].figures["allocated"]) for each in refused] == [
        ("VM web/b", 4),
        ("VM web/d", 5),
        ("VM web/e", 5),
    ]


def test_unschedulable_workers_are_a_shortage() -> None:
    held = cluster(workers=2, schedulable=False)
    shortages = [Refusal("not_schedulable", f"worker 10.0.10.{number}") for number in (1, 2)]
    assert refusals(held, topology(vms=[vm("a")], links=[])) == [
        Refusal("no_room", "VM web/a", {"shortages": shortages})
    ]


@pytest.mark.parametrize(
    ("known", "unknown"), [({}, ["cores", "ram_gb"]), ({"cores": 8}, ["ram_gb"]), ({"ram_gb": 8}, ["cores"])]
)
def test_a_worker_takes_new_vms_once_its_capacity_is_known(known: dict[str, int], unknown: list[str]) -> None:
    held = cluster(workers=0)
    held.workers["10.0.10.1"] = Worker("10.0.10.1", **known)
    (refusal,) = refusals(held, topology(vms=[vm("a")], links=[]))
    assert refusal.message == (
        f"VM web/a: no worker has room: worker 10.0.10.1: it has no value for {', '.join(unknown)}; run "
        "cloudrepo.slices.site, or set cores and ram_gb with the module worker"
    )
    held.workers["10.0.10.1"] = Worker("10.0.10.1", **ROOM)
    assert put(held, topology(vms=[vm("a")], links=[])).vms[0].worker_ip == "10.0.10.1"


def test_a_vm_is_kept_and_can_grow_on_a_worker_with_unknown_capacity() -> None:
    held = cluster(workers=1)
    put(held, topology(vms=[vm("a")], links=[]))
    held.workers["10.0.10.1"] = Worker("10.0.10.1", schedulable=False)
    held.flavors["cirros"]["cores"] = 3
    assert put(held, topology(vms=[vm("a")], links=[])).vms[0].flavor["cores"] == 3


def test_the_shortages_of_a_worker_follow_vms_that_grow() -> None:
    held = cluster(workers=1, cores=6, cpu_overcommit=1.0)
    placement = Placement(held)
    flavor = {**held.flavors["big"], "cores": 7}

    def allocated() -> int:
        shortages: list[Refusal] = placement.refusal("VM web/a", flavor, None).figures["shortages"]
        return next(each.figures["allocated"] for each in shortages if each.figures["resource"] == "cores")

    assert allocated() == 0
    placement.grow("10.0.10.1", cores=2, ram_gb=0, disk_gb=0)
    assert allocated() == 2
