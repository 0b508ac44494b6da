# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of single parts of a slice with pools keep the addresses of all others."""

from __future__ import annotations

from typing import Any

import pytest

from ..module_utils._domain import builders
from ..module_utils._domain.test_address_plan import POOLS, plan, triangle
from .module_calls import Door, Memory


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    door = Door(Memory(builders.cluster()), monkeypatch)
    lan = {"name": "lan", "members": ["a", "b"], "gateway": True}
    ok(door("slice", **triangle(networks=[lan])))
    return door


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


def addresses(door: Door) -> dict[str, Any]:
    with door.store.transaction(write=False) as cluster:
        return plan(cluster.slices[1000])


def test_an_edit_of_one_part_keeps_all_addresses(door: Door) -> None:
    before = addresses(door)
    ok(door("vm", slice="web", name="a", power="stopped"))
    ok(door("link", slice="web", endpoints=["a", "b"], mtu=9000))
    ok(door("network", slice="web", name="lan", nat=True))
    ok(door("vlan", slice="web", name="spare"))
    assert addresses(door) == before


def test_a_new_vm_and_its_link_take_the_lowest_free_addresses(door: Door) -> None:
    before = addresses(door)
    ok(door("vm", slice="web", name="d", flavor="cirros"))
    ok(door("link", slice="web", endpoints=["d", "a"]))
    ok(door("network", slice="web", name="lan", members=["d"], append=True))
    assert addresses(door) == {
        **before,
        "d": ["10.0.0.4", "2001:db8::4"],
        "d:eth1": ["10.1.0.13/30", "2001:db8:1:3::1/64"],
        "a:eth4": ["10.1.0.14/30", "2001:db8:1:3::2/64"],
        "d:eth2": ["10.2.0.4/24", "2001:db8:2::3/64"],
    }


def test_a_removed_vm_takes_its_addresses_along(door: Door) -> None:
    before = addresses(door)
    ok(door("vm", slice="web", name="b", state="absent"))
    kept = ("a", "c", "a:eth2", "c:eth2", "a:eth3")
    assert addresses(door) == {end: before[end] for end in kept}
    again = ok(door("vm", slice="web", name="e", flavor="cirros", loopback={"ipv4": "10.0.0.9"}))
    assert again["vm"]["loopback"] == {"ipv4": "10.0.0.9", "ipv6": "2001:db8::2"}


def test_a_renamed_vm_keeps_its_addresses(door: Door) -> None:
    before = addresses(door)
    ok(door("vm", slice="web", name="b", new_name="z"))
    assert addresses(door) == {end.replace("b", "z"): told for end, told in before.items()}


def test_another_subnet_of_a_link_replaces_the_addresses_of_its_ends(door: Door) -> None:
    found = ok(
        door("link", slice="web", endpoints=["a", "b"], cidr="10.9.0.0/30", addresses=[{"vm": "a", "ipv4": "10.9.0.2"}])
    )
    assert found["link"]["addresses"] == [
        {"vm_id": 1001, "ipv4": "10.9.0.2", "ipv6": "2001:db8:1::1"},
        {"vm_id": 1002, "ipv4": "10.9.0.1", "ipv6": "2001:db8:1::2"},
    ]


def test_a_link_that_moves_gives_its_new_end_a_free_address(door: Door) -> None:
    ok(door("link", slice="web", endpoints=["a", "b"], new_name="core"))
    ok(door("vm", slice="web", name="d", flavor="cirros"))
    before = addresses(door)["b:eth1"]
    ok(door("link", slice="web", name="core", endpoints=["a", "d"]))
    assert addresses(door)["d:eth1"] == before


def test_dhcp_replaces_the_static_addresses_of_members(door: Door) -> None:
    ok(door("network", slice="web", name="lan", dhcp_enabled=True))
    assert addresses(door)["a:eth3"] == ["2001:db8:2::1/64"]


def test_the_pools_are_those_of_the_slice(door: Door) -> None:
    slice_ = ok(door("slice_info", names=["web"]))["slices"][0]
    assert slice_["addressing"] == {
        "links": {**POOLS["links"], "prefix": 30, "prefix6": 64},
        "networks": {**POOLS["networks"], "prefix": 24, "prefix6": 64},
        "loopbacks": POOLS["loopbacks"],
    }
    assert slice_["links"][0]["cidr"] == "10.1.0.0/30"
    assert slice_["vms"][0]["loopback"] == {"ipv4": "10.0.0.1", "ipv6": "2001:db8::1"}
