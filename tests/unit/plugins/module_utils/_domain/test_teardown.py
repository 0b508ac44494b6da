# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resources of a slice are released at once, or after the hosts have removed them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network, Slice

from .builders import cluster, deployed, put, topology


def stored() -> tuple[Cluster, Slice]:
    """Return slice 1000 with a link on VLAN 100, a network on 101 and a description of the link's VLAN."""
    held = cluster()
    slice_ = put(held, topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    slice_.networks.append(Network(100, "192.168.100.0/24", None))
    return held, slice_


def test_segments_are_links_and_separate_networks() -> None:
    _held, slice_ = stored()
    assert list(teardown.segment_vlans(slice_)) == [100, 101]


def test_allocations_never_sent_to_a_host_are_released_at_once() -> None:
    _held, slice_ = stored()
    teardown.release_vlans(slice_, [100])
    assert (slice_.vlan_pool_used, "releasing" in slice_.extra) == ([101], False)


def test_allocations_possibly_sent_to_a_host_are_kept() -> None:
    _held, slice_ = stored()
    slice_.vms[1].handed_out = True
    teardown.release_vlans(slice_, [101, 100, 101])
    teardown.release_vlans(slice_, [])
    assert slice_.vlan_pool_used == [100, 101]
    assert slice_.extra["releasing"] == {"vlan_ids": [101, 100]}


@pytest.mark.parametrize("is_known", [False, True])
def test_nothing_is_stored_without_anything_to_release(is_known: bool) -> None:
    _held, slice_ = stored()
    slice_.vms[0].handed_out = is_known
    before = slice_.to_dict()
    teardown.release_vlans(slice_, iter(()))
    assert slice_.to_dict() == before


def test_released_allocations_are_lists_by_kind() -> None:
    _held, slice_ = stored()
    teardown.releasing(slice_, "addresses").append("10.60.7.101")
    assert teardown.releasing(slice_, "addresses") == ["10.60.7.101"]
    assert teardown.releasing(slice_, "vlan_ids") == []


@pytest.mark.parametrize(
    ("used", "kept"),
    [([100], None), ([100, 140], [2]), ([159], [2]), ([160], [3]), ([179, 140], [2, 3]), ([139, 180], None)],
)
def test_additional_pools_without_a_vlan_in_use_are_released(used: list[int], kept: list[int] | None) -> None:
    slice_ = Slice(1000, "admin")
    slice_.extra["further_pools"] = [2, 3]
    slice_.vlan_pool_used = used
    teardown.drop_empty_pools(slice_)
    assert slice_.extra.get("further_pools") == kept
    assert ("further_pools" in slice_.extra) is (kept is not None)


@pytest.mark.parametrize("value", [0, False, "", []])
def test_only_null_omits_a_field(value: Any) -> None:
    extra: dict[str, Any] = {"b": 1}
    teardown.set_extra(extra, "a", value)
    assert extra == {"a": value, "b": 1}
    teardown.set_extra(extra, "a", None)
    teardown.set_extra(extra, "a", None)
    assert extra == {"b": 1}


def test_a_slice_that_no_host_knows_is_removed_at_once() -> None:
    held, slice_ = stored()
    slice_.extra["reserved_vlans"] = [{"vlan_id": 102}]
    slice_.vlan_pool_used.append(102)
    teardown.remove(held, slice_)
    assert (held.slices, held.users["admin"].slices, held.users["admin"].used_vms) == ({}, [], 0)
    assert breaches(held) == []


def test_a_slice_that_hosts_know_is_kept_with_its_allocations() -> None:
    held, slice_ = stored()
    slice_.extra["reserved_vlans"] = [{"vlan_id": 102}]
    slice_.vlan_pool_used.append(102)
    deployed(slice_)
    slice_.vms[1].handed_out, slice_.vms[1].observed = False, None
    slice_.extra["further_pools"] = [7]
    for _each in range(2):
        teardown.remove(held, slice_)
        assert [(vm.vm_id, vm.deleting) for vm in slice_.vms] == [(1001, True)]
        assert (held.users["admin"].slices, held.users["admin"].used_vms) == ([1000], 1)
        assert (slice_.deleting, slice_.links, slice_.networks) == (True, [], [])
        assert slice_.vlan_pool_used == [100, 101, 102]
        assert slice_.extra["releasing"] == {"vlan_ids": [100, 101, 102]}
        assert "further_pools" not in slice_.extra, "none of its VLANs was in use"
        assert breaches(held) == []


def test_a_slice_without_vms_is_kept_while_it_gives_something_up() -> None:
    held, slice_ = stored()
    teardown.releasing(slice_, "addresses").append("10.60.7.150")
    teardown.remove(held, slice_)
    assert (list(held.slices), slice_.vms, slice_.deleting) == ([1000], [], True)
    teardown.forget(held, slice_)
    assert (held.slices, held.users["admin"].slices) == ({}, [])


def test_what_no_host_uses_any_more_is_dropped() -> None:
    slice_ = put(cluster(), topology())
    slice_.vms[0].deleting = True
    slice_.vlan_pool_used = [100, 101, 102]
    slice_.extra["further_pools"] = [5, 6]
    teardown.releasing(slice_, "vlan_ids").extend([101, 200])
    slice_.vlan_pool_used += [200, 220]
    teardown.drop_released(slice_)
    assert [vm.name for vm in slice_.vms] == ["vm2"]
    assert (slice_.vlan_pool_used, slice_.extra["further_pools"]) == ([100, 102, 220], [6])
    assert {"releasing", "release_id"}.isdisjoint(slice_.extra)
    teardown.drop_released(slice_)
    assert slice_.vlan_pool_used == [100, 102, 220]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_slice_with_vms_on_hosts_gives_something_up(is_known: bool) -> None:
    held, slice_ = stored()
    if is_known:
        deployed(slice_)
    teardown.releasing(slice_, "addresses").append("10.60.7.150")
    slice_.extra.pop("release_id", None)
    teardown.remove(held, slice_)
    assert ("release_id" in slice_.extra) is is_known
