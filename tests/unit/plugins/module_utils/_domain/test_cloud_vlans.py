# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The VLANs of a cloud: slices get no others, and they change only as far as no slice has them."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import cloud_vlans
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from .builders import cluster, put, refusals, topology


def limited(pools: str) -> Cluster:
    held = cluster()
    cloud_vlans.change(held, vlan_pools=pools)
    return held


def empty(name: str, **fields: object) -> dict[str, object]:
    return topology(name, vms=[], links=[], **fields)


def test_slices_get_the_next_ids_whose_pools_the_cloud_may_use() -> None:
    held = limited("3,60-61")
    assert [put(held, empty(f"s{number}")).slice_id for number in range(3)] == [1003, 1060, 1061]
    assert refusals(held, empty("more")) == [
        Refusal("no_free_pool", "slice more", {"pools": "3,60-61", "used": 3, "free": 0})
    ]
    assert breaches(held) == []


def test_further_pools_are_those_of_the_cloud() -> None:
    held = limited("5,7-8")
    mesh = {"topology_type": "mesh", "size": 8, "flavor": "cirros"}
    held.users["admin"].quota_vms = 100
    slice_ = put(held, topology(**mesh, vms=[], links=[], vlan_pools=2))
    assert (slice_.slice_id, slice_.pools) == (1005, [5, 7])
    found = refusals(held, topology("two", **mesh, vms=[], links=[], vlan_pools=2))
    assert found[0] == Refusal("no_free_pool", "slice two", {"pools": "5,7-8", "used": 2, "free": 1})


def test_pools_that_a_lost_slice_has_left_behind_are_not_free() -> None:
    held = limited("1-2")
    held.extra["left_behind"] = {"vlan_pool": [1]}
    assert put(held, empty("web")).slice_id == 1002
    assert refusals(held, empty("more"))[0].figures == {"pools": "1-2", "used": 2, "free": 0}


def test_a_change_that_would_strand_slices_is_refused() -> None:
    held = cluster()
    for name in ("web", "lab"):
        put(held, empty(name))
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        cloud_vlans.change(held, vlan_pools="0,2-49")
    assert str(caught.value) == (
        "cloud keeps its VLANs, because 1 of its slices would be left without theirs: slice lab (1001): VLAN pool 1 "
        "(VLANs 120 to 139) is not one of 0,2-49; delete these slices first, or keep the setting"
    )
    assert held.to_dict() == before
    cloud_vlans.change(held, vlan_pools="0-1,7")
    assert held.extra["vlans"] == {"vlan_pools": "0-1,7"}
    cloud_vlans.change(held, vlan_pools=None)
    assert held.vlans.pools == (0, 1, 7)
    cloud_vlans.change(held, vlan_pools="0-99")
    assert held.to_dict() == before


@pytest.mark.parametrize("text", ["", "0-100", "9-3"])
def test_invalid_pools_are_refused(text: str) -> None:
    held = cluster()
    with pytest.raises(Refused, match="cloud: vlan_pools must be ranges of pools, 0-99, such as 0-49,60-79, got"):
        cloud_vlans.change(held, vlan_pools=text)
    assert "vlans" not in held.extra


def test_the_check_reports_slices_outside_the_pools() -> None:
    held = cluster()
    put(held, empty("web"))
    held.extra["vlans"] = {"vlan_pools": "1-99"}
    assert breaches(held) == ["slice web (1000) of admin: VLAN pool 0 (VLANs 100 to 119) is not one of 1-99"]
