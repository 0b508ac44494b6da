# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generated topologies, networks and further pools, and their refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import reconcile, teardown, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.identities import identify_user
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topologies import SHAPES, Topology, generate
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import (
    added_to,
    read_slice,
    wanted_from,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import MANAGEMENT_VLAN

from .builders import cluster, link, put, refusals, topology, vm


def roomy(**fields: Any) -> Cluster:
    held = cluster(**fields)
    held.users["admin"].quota_vms = 2000
    return held


def made(kind: str, size: int, **fields: Any) -> dict[str, Any]:
    return {"name": kind, "owner": "admin", "topology_type": kind, "size": size, "flavor": "cirros", **fields}


def pairs(slice_: Slice) -> list[tuple[str, str]]:
    names = {each.vm_id: each.name[2:] for each in slice_.vms}
    return [(names[each.vm1_id], names[each.vm2_id]) for each in slice_.links]


@pytest.mark.parametrize(
    ("kind", "size", "joined"),
    [
        ("linear", 3, ["12", "23"]),
        ("ring", 3, ["12", "23", "31"]),
        ("star", 4, ["12", "13", "14"]),
        ("tree", 6, ["12", "13", "24", "25", "36"]),
        ("mesh", 4, ["12", "13", "14", "23", "24", "34"]),
    ],
)
def test_links_of_each_topology_type(kind: str, size: int, joined: list[str]) -> None:
    slice_ = put(roomy(), made(kind, size))
    assert pairs(slice_) == [(pair[0], pair[1]) for pair in joined]
    assert slice_.topology_type == kind


def test_a_bus_is_one_network() -> None:
    slice_ = put(roomy(), made("bus", 3, name_pattern="host-{n}"))
    assert [each.to_dict() for each in slice_.networks] == [
        {
            "vlan_id": 100,
            "cidr": "192.168.100.0/24",
            "gateway_ip": None,
            "dhcp_enabled": False,
            "dhcp_range": None,
            "status": "pending",
            "name": "bus",
            "members": [{"vm_id": 1000 + number, "interface": "eth1"} for number in (1, 2, 3)],
        }
    ]
    assert [each.name for each in slice_.vms] == ["host-1", "host-2", "host-3"]
    assert {(each.interfaces[1].vlan_id, each.interfaces[1].link_id) for each in slice_.vms} == {(100, None)}


def test_a_tree_with_networks_has_one_per_parent() -> None:
    slice_ = put(roomy(), made("tree", 6, segments="networks"))
    names = {each.vm_id: each.name for each in slice_.vms}
    assert [[names[member["vm_id"]] for member in each.extra["members"]] for each in slice_.networks] == [
        ["vm1", "vm2", "vm3"],
        ["vm2", "vm4", "vm5"],
        ["vm3", "vm6"],
    ]


@given(
    kind=st.sampled_from([*SHAPES]), size=st.integers(3, 12), pools=st.integers(1, 4), slice_id=st.integers(1000, 1099)
)
def test_every_topology_type_is_valid_and_idempotent(kind: str, size: int, pools: int, slice_id: int) -> None:
    held = roomy()
    held.next_vm_id = slice_id
    identify_user(held, held.users["admin"])  # otherwise the slice gives its owner a UUID
    empty = held.to_dict()
    want = made(kind, size, vlan_pools=pools, internet=True)
    needed = 1 if kind == "bus" else SHAPES[kind].segments(size, 2)
    if needed > len(Slice(slice_id, "admin").pool(MANAGEMENT_VLAN)) and pools == 1:
        assert [each.code for each in refusals(held, want)] == ["topology_too_large"]
        return
    if needed > 20 * pools - 1:
        return  # depends on whether pool 15 is one of them
    slice_ = put(held, want)
    assert breaches(held) == []
    before = held.to_dict()
    put(held, want)
    reconcile.reconcile_slice(held, wanted_from(slice_), reconcile.Settings(), acting_user="admin")
    assert held.to_dict() == before
    teardown.remove(held, slice_)
    assert {**held.to_dict(), "next_vm_id": slice_id} == empty


def test_listed_objects_are_added_to_generated_ones() -> None:
    slice_ = put(roomy(), made("linear", 2, vms=[vm("vm2", internet=True), vm("probe")], links=[link("probe", "vm1")]))
    assert [each.name for each in slice_.vms] == ["vm1", "vm2", "probe"]
    assert slice_.vms[1].interfaces[0].vlan_id == 400
    assert len(slice_.links) == 2


def test_append_keeps_existing_objects() -> None:
    held = roomy()
    put(held, topology(networks=[{"name": "lan", "members": ["vm1"]}], vlan_pools=2))
    more = {
        "name": "web",
        "owner": "admin",
        "append": True,
        "vms": [vm("vm3")],
        "links": [link("vm2", "vm1"), link("vm1", "vm3")],
        "networks": [{"name": "lan", "members": ["vm1", "vm3"]}],
    }
    for _each in range(2):
        want = added_to(wanted_from(held.slices[1000]), read_slice(more, default_owner="admin"))
        slice_ = reconcile.reconcile_slice(held, want, reconcile.Settings(), acting_user="admin")
        assert [each.name for each in slice_.vms] == ["vm1", "vm2", "vm3"]
        assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (2, 102)]
        assert len(slice_.networks[0].extra["members"]) == 2
        assert slice_.extra["max_vlan_pools"] == 2
    assert breaches(held) == []


def test_further_pools_are_allocated_and_released_with_links() -> None:
    held = roomy()
    slice_ = put(held, made("mesh", 7, vlan_pools=2))
    assert (slice_.further_pools, [each.vlan_id for each in slice_.links][-1]) == ([1], 120)
    other = put(held, topology("other", vms=[], links=[]))
    assert other.vlan_pool_start != 120
    held.next_vm_id = 1101
    assert put(held, topology("third", vms=[], links=[])).slice_id == 1102
    slice_ = put(held, made("mesh", 6, vlan_pools=2, name="mesh"))
    assert "further_pools" not in slice_.extra
    assert breaches(held) == []


def test_pool_15_always_has_19_vlans() -> None:
    held = roomy()
    for number in range(15):
        held.next_vm_id = 1000 + number
        put(held, topology(f"s{number}", vms=[], links=[]))
    held.next_vm_id = 1016
    slice_ = put(held, made("mesh", 7, vlan_pools=2))
    assert slice_.further_pools == [15]
    assert slice_.links[-1].vlan_id == 401
    assert breaches(held) == []


@pytest.mark.parametrize(
    ("fields", "code", "figures"),
    [
        (
            {"topology_type": "ring", "size": 2},
            "out_of_range",
            {"option": "size of a ring topology", "got": 2, "least": 3, "most": 10000},
        ),
        (
            {"topology_type": "star", "size": 10**9},
            "out_of_range",
            {"option": "size of a star topology", "got": 10**9, "least": 1, "most": 10000},
        ),
        ({"topology_type": "star"}, "option_missing", {"kind": "star topology", "option": "size"}),
        (
            {"topology_type": "star", "size": 2, "flavor": None},
            "option_missing",
            {"kind": "star topology", "option": "flavor"},
        ),
        ({"topology_type": "custom", "size": 3}, "size_of_custom_topology", {"got": 3}),
        (
            {"topology_type": "tree", "size": 3, "branching": 0},
            "too_small",
            {"option": "branching", "got": 0, "least": 1},
        ),
        ({"topology_type": "bus", "size": 3, "name_pattern": "vm"}, "name_pattern_without_number", {"got": "vm"}),
        ({"topology_type": "bus", "size": 2, "name_pattern": "vm"}, "name_pattern_without_number", {"got": "vm"}),
        (
            {"topology_type": "mesh", "size": 8},
            "topology_too_large",
            {"segments": 28, "kind": "links", "needed": 2, "pool_size": 20, "pools": 1, "pool_count": 100},
        ),
        ({"topology_type": "ring", "size": 4, "segments": "networks"}, "segments_of_tree_only", {"got": "ring"}),
        ({"vlan_pools": 101}, "out_of_range", {"option": "vlan_pools", "got": 101, "least": 1, "most": 100}),
    ],
)
def test_invalid_topology_types(fields: dict[str, Any], code: str, figures: dict[str, Any]) -> None:
    want = {"name": "x", "owner": "admin", "flavor": "cirros", **fields}
    assert refusals(roomy(), want) == [Refusal(code, "slice x", figures)]


@pytest.mark.parametrize(
    ("fields", "code", "figures"),
    [
        (
            {"cidr": "nonsense"},
            "invalid_subnet",
            {"option": "cidr", "got": "nonsense", "why": "Expected 4 octets in 'nonsense'"},
        ),
        ({"cidr": "10.0.0.0/31"}, "out_of_range", {"option": "prefix of cidr", "got": 31, "least": 8, "most": 30}),
        ({"cidr": "127.0.0.0/24"}, "special_subnet", {"option": "cidr", "got": "127.0.0.0/24"}),
        (
            {"cidr": "10.0.0.0/30", "gateway": True},
            "subnet_too_small",
            {"option": "cidr", "got": "10.0.0.0/30", "room": 2, "needed": 3},
        ),
        (
            {"gateway_ip": "10.0.0.1"},
            "address_outside_subnet",
            {"option": "gateway_ip", "got": "10.0.0.1", "subnet": "192.168.101.0/24"},
        ),
        (
            {"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"},
            "address_outside_subnet",
            {"option": "gateway_ip", "got": "10.0.0.255", "subnet": "10.0.0.0/24"},
        ),
        (
            {"gateway": False, "gateway_ip": "10.0.0.1"},
            "option_needs_option",
            {"option": "gateway_ip", "needs": "gateway"},
        ),
        (
            {"dhcp_range": "10.0.0.1,10.0.0.2"},
            "option_needs_option",
            {"option": "dhcp_range", "needs": "dhcp_enabled"},
        ),
        (
            {"dhcp_enabled": True, "cidr": "10.0.0.0/24", "dhcp_range": "10.0.0.9,10.0.0.2"},
            "range_reversed",
            {"option": "dhcp_range", "first": "10.0.0.9", "last": "10.0.0.2"},
        ),
        (
            {"dhcp_enabled": True, "dhcp_range": "10.0.0.9", "cidr": "10.0.0.0/24"},
            "dhcp_range_format",
            {"got": "10.0.0.9", "subnet": "10.0.0.0/24"},
        ),
        (
            {"dhcp_enabled": True, "gateway_ip": "192.168.101.20"},
            "range_holds_server",
            {
                "option": "dhcp_range",
                "first": "192.168.101.10",
                "last": "192.168.101.250",
                "server": "192.168.101.20",
            },
        ),
        (
            {"dhcp_enabled": True, "gateway": True, "cidr": "10.0.0.0/24", "dhcp_range": "10.0.0.1,10.0.0.9"},
            "range_holds_server",
            {"option": "dhcp_range", "first": "10.0.0.1", "last": "10.0.0.9", "server": "10.0.0.1"},
        ),
        (
            {"dhcp_enabled": True, "gateway_ip": "10.0.0.20", "cidr": "10.0.0.0/24"},
            "range_holds_server",
            {"option": "dhcp_range", "first": "10.0.0.10", "last": "10.0.0.250", "server": "10.0.0.20"},
        ),
        (
            {"dhcp_enabled": True, "cidr": "10.0.0.0/24", "dhcp_range": "10.0.0.1,10.0.0.9"},
            "range_holds_server",
            {"option": "dhcp_range", "first": "10.0.0.1", "last": "10.0.0.9", "server": "10.0.0.1"},
        ),
        (
            {"dhcp_enabled": True, "cidr": "10.0.0.0/24", "dhcp_range": "10.0.1.1,10.0.0.9"},
            "address_outside_subnet",
            {"option": "dhcp_range", "got": "10.0.1.1", "subnet": "10.0.0.0/24"},
        ),
        (
            {"dhcp_enabled": True, "cidr": "10.0.0.0/30"},
            "subnet_too_small",
            {"option": "cidr", "got": "10.0.0.0/30", "room": 2, "needed": 3},
        ),
        ({"nat": True}, "option_needs_option", {"option": "nat", "needs": "gateway"}),
    ],
)
def test_invalid_networks(fields: dict[str, Any], code: str, figures: dict[str, Any]) -> None:
    want = topology(networks=[{"name": "lan", "members": ["vm1", "vm2"], **fields}])
    assert refusals(roomy(), want) == [Refusal(code, "network web/lan", figures)]


def overlap(subnet: str, of: str, other: str, other_of: str) -> Refusal:
    return Refusal("subnets_overlap", "slice web", {"subnet": subnet, "of": of, "other": other, "other_of": other_of})


def test_overlapping_subnets_are_refused() -> None:
    networks = [
        {"name": "a", "cidr": "10.1.0.0/16"},
        {"name": "b", "cidr": "10.1.9.0/24"},
        {"name": "c", "cidr": "10.60.7.8/29"},
    ]
    assert refusals(roomy(), topology(networks=networks)) == [
        overlap("10.1.9.0/24", "network b", "10.1.0.0/16", "network a"),
        overlap("10.60.7.8/29", "network c", "10.60.7.0/24", "the management network"),
    ]


def test_overlaps_are_reported_with_other_errors() -> None:
    networks = [
        {"name": "a", "cidr": "10.1.0.0/16"},
        {"name": "b", "cidr": "10.1.9.0/24"},
        {"name": "c", "cidr": "10.2.0.0/33"},
    ]
    assert refusals(roomy(), topology(networks=networks)) == [
        Refusal(
            "invalid_subnet",
            "network web/c",
            {"option": "cidr", "got": "10.2.0.0/33", "why": "'33' is not a valid netmask"},
        ),
        overlap("10.1.9.0/24", "network b", "10.1.0.0/16", "network a"),
    ]


def test_default_subnets_are_checked_for_overlaps() -> None:
    networks = [{"name": "a"}, {"name": "b", "cidr": "192.168.0.0/16"}]
    assert refusals(roomy(), topology(networks=networks)) == [
        overlap("192.168.101.0/24", "network a", "192.168.0.0/16", "network b")
    ]


def test_networks_with_nat_must_not_overlap_the_infrastructure() -> None:
    networks = [
        {"name": "a", "cidr": "10.0.0.0/16", "gateway": True, "nat": True},
        {"name": "b", "cidr": "192.0.2.0/24", "gateway": True},
    ]
    held = roomy()
    assert refusals(held, topology(networks=networks), infrastructure=("10.0.10.0/24", "192.0.2.11/32")) == [
        Refusal("nat_overlaps_infrastructure", "network web/a", {"got": "10.0.0.0/16", "other": "10.0.10.0/24"})
    ]
    assert refusals(held, topology(), infrastructure=("10.0.10.3/24",)) == [
        Refusal(
            "invalid_subnet",
            "settings",
            {"option": "infrastructure_networks", "got": "10.0.10.3/24", "why": "10.0.10.3/24 has host bits set"},
        )
    ]


def test_nat_is_stored_only_if_it_is_enabled() -> None:
    held = roomy()
    lan = {"name": "lan", "members": ["vm1"], "gateway": True}
    assert put(held, topology(networks=[{**lan, "nat": True}])).networks[0].to_dict()["nat"] is True
    assert "nat" not in put(held, topology(networks=[lan])).networks[0].to_dict()


def images() -> Cluster:
    """A cluster with a flavor of another image."""
    held = cluster()
    held.flavors["frr"] = {**held.flavors["big"], "image": "/frr.img", "checksum": "ef" * 32, "virtual_size_gb": 10}
    return held


def test_a_vm_may_have_the_image_of_another_flavor() -> None:
    held, want = images(), topology(vms=[vm("a", flavor="big", image="frr")], links=[])
    slice_ = put(held, want)
    flavor = slice_.vms[0].flavor
    assert flavor == {"cores": 4, "ram_gb": 8, "disk_gb": 20, "image": "/frr.img", "checksum": "ef" * 32, "name": "big"}
    assert slice_.vms[0].extra["image"] == "frr"
    assert put(held, want).to_dict() == slice_.to_dict()
    orders = work_orders.work_orders(held, [slice_], "/x")["workers"].values()
    assert [image["source"] for order in orders for image in order["images"]] == ["/frr.img"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": "nothing"}, "slice web: flavor nothing (VMs a) does not exist"),
        ({"image": "frr"}, "VM web/a: disk_gb must be at least 10, the size of the disk in the image, got 1"),
    ],
)
def test_the_image_of_another_flavor_must_exist_and_fit(fields: dict[str, Any], message: str) -> None:
    (found,) = refusals(images(), topology(vms=[vm("a", **fields)], links=[]))
    assert message in found.message


@pytest.mark.parametrize("image", [None, "cirros"])
def test_an_image_cannot_change(image: str | None) -> None:
    held = images()
    put(held, topology(vms=[vm("a", flavor="big", image="frr")], links=[]))
    (found,) = refusals(held, topology(vms=[vm("a", flavor="big", image=image)], links=[]))
    assert found.message.startswith("VM web/a: its disk was made from /frr.img, but flavor ")


def test_peers_are_stored_only_if_they_are_enabled() -> None:
    held = roomy()
    assert put(held, topology(peers=True)).to_dict()["peers"] is True
    assert put(held, topology(append=True)).extra["peers"] is True
    assert put(held, topology(peers=False, append=True)).extra.get("peers") is None
    assert "peers" not in put(held, topology()).to_dict()


def test_gateway_and_dhcp_are_optional() -> None:
    slice_ = put(roomy(), topology(networks=[{"name": "lan", "members": [], "gateway": True, "dhcp_enabled": True}]))
    network = slice_.networks[0]
    assert (network.gateway_ip, network.dhcp_range) == ("192.168.101.1", "192.168.101.10,192.168.101.250")


@pytest.mark.parametrize(
    ("kind", "least"), [("linear", 1), ("ring", 3), ("star", 1), ("tree", 1), ("mesh", 1), ("bus", 1)]
)
def test_the_smallest_of_each_type(kind: str, least: int) -> None:
    assert len(put(roomy(), made(kind, least)).vms) == least
    (refusal,) = refusals(roomy(), made(kind, least - 1))
    assert refusal.figures["least"] == least


def test_a_tree_may_be_a_line() -> None:
    assert pairs(put(roomy(), made("tree", 3, branching=1))) == [("1", "2"), ("2", "3")]


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind != "bus"])
@pytest.mark.parametrize("branching", [1, 2, 3])
def test_the_number_of_generated_links(kind: str, branching: int) -> None:
    shape = SHAPES[kind]
    for size in range(shape.least, 9):
        assert shape.segments(size, branching) == len(list(shape.pairs(size, branching)))


def generated(kind: str, size: int, pools: int = 1, **fields: Any) -> Topology:
    return generate("x", {"topology_type": kind, "size": size, "flavor": "cirros", **fields}, pools)


def test_a_mesh_links_each_pair_once() -> None:
    assert generated("mesh", 3).links == (("vm1", "vm2"), ("vm1", "vm3"), ("vm2", "vm3"))
    assert generated("mesh", 1).links == ()


def test_a_tree_has_two_branches_by_default() -> None:
    assert generated("tree", 4) == generated("tree", 4, branching=2)
    assert generated("tree", 4) != generated("tree", 4, branching=3)


@pytest.mark.parametrize(
    ("kind", "size", "fields"),
    [
        ("linear", 21, {}),
        ("ring", 20, {}),
        ("star", 21, {}),
        ("tree", 21, {}),
        ("tree", 41, {"segments": "networks"}),
        ("tree", 61, {"segments": "networks", "branching": 3}),
        ("linear", 41, {"pools": 2}),
        ("linear", 21, {"pools": 0}),
    ],
)
def test_a_topology_has_at_most_as_many_segments_as_its_pools(kind: str, size: int, fields: dict[str, Any]) -> None:
    made = generated(kind, size, **fields)
    assert len(made.links) + len(made.networks) == 20 * max(fields.get("pools", 1), 1)
    with pytest.raises(Refused) as caught:
        generated(kind, size + 1, **fields)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures["segments"]) == ("topology_too_large", len(made.links + made.networks) + 1)


def test_a_bus_needs_one_vlan_however_many_vms_it_has() -> None:
    assert [len(members) for _name, members in generated("bus", 300).networks] == [300]
    assert (SHAPES["bus"].segments(300, 2), list(SHAPES["bus"].pairs(300, 2))) == (1, [])


def test_one_vm_needs_no_number_in_its_name() -> None:
    assert generated("star", 1, name_pattern="hub").vms == ("hub",)
    with pytest.raises(Refused) as caught:
        generated("star", 2, name_pattern="hub")
    assert [each.code for each in caught.value.refusals] == ["name_pattern_without_number"]
    with pytest.raises(Refused) as caught:
        generate("x", {"topology_type": "star", "name_pattern": "hub"}, 1)
    assert [each.code for each in caught.value.refusals] == ["option_missing", "option_missing"]
