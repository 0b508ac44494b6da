# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topologies as values: from arguments and stored slices, and their combination."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.addressing import Addresses, End
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import (
    Endpoint,
    Reservation,
    WantedLink,
    WantedNetwork,
    WantedSlice,
    WantedVM,
    added_to,
    ends,
    fits,
    highest_interfaces,
    interface_number,
    is_between,
    read_limits,
    read_link,
    read_network,
    read_slice,
    read_vm,
    wanted_from,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network

from .builders import cluster, link, put, topology, vm


def read(**fields: Any) -> WantedSlice:
    return read_slice({"name": "web", **fields}, default_owner="bob")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("a", Endpoint("a", None)), ("a:eth1", Endpoint("a", "eth1")), ("a:", Endpoint("a", "")), (":", Endpoint("", ""))],
)
def test_an_endpoint_is_a_vm_with_an_optional_interface(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("interface", "number"),
    [
        ("eth1", 1),
        ("eth9", 9),
        ("eth20", 20),
        ("eth999", 999),
        ("eth1000", None),
        ("eth0", None),
        ("eth01", None),
        ("eth", None),
        ("eth-1", None),
        ("eth²", None),
        ("eth٣", None),
        ("ens1", None),
        ("", None),
        (None, None),
    ],
)
def test_the_number_of_a_data_interface(interface: str | None, number: int | None) -> None:
    assert interface_number(interface) == number


def test_minimal_options() -> None:
    assert read() == WantedSlice("web", "bob", (), ())
    assert read_vm({"name": "a"}) == WantedVM("a", None)
    assert read_link({}) == WantedLink(())
    assert read_network({"name": "n"}) == WantedNetwork("n")


def test_all_options_of_a_slice() -> None:
    want = read(
        owner="alice",
        vms=[{"name": "a", "flavor": "cirros", "internet": True, "data_interfaces": 0, "worker": "w", "vm_id": 7}],
        links=[{"endpoints": ["a:eth1", "b"], "name": "x", "link_id": 3, "mtu": 9000, "qinq": True}],
        networks=[{"name": "n", "members": ["a"], "forward_bpdu": True}],
        vlan_pools=2,
        slice_id=1000,
        peers=True,
    )
    assert (want.owner, want.vlan_pools, want.slice_id, want.peers) == ("alice", 2, 1000, True)
    assert want.vms == (WantedVM("a", "cirros", internet=True, data_interfaces=0, worker="w", vm_id=7),)
    endpoints = (Endpoint("a", "eth1"), Endpoint("b", None))
    assert want.links == (WantedLink(endpoints, "x", 3, mtu=9000, qinq=True),)
    assert want.networks == (WantedNetwork("n", (Endpoint("a", None),), forward_bpdu=True),)


@pytest.mark.parametrize(
    ("fields", "pools", "peers"),
    [
        ({}, 1, False),
        ({"append": True}, None, None),
        ({"append": True, "vlan_pools": 3, "peers": False}, 3, False),
        ({"append": False, "peers": True}, 1, True),
        ({"append": True, "peers": True}, None, True),
    ],
)
def test_append_keeps_unlisted_objects(fields: dict[str, Any], pools: int | None, peers: bool | None) -> None:
    want = read(**fields)
    assert (want.vlan_pools, want.peers) == (pools, peers)


def test_a_listed_vm_replaces_the_generated_one() -> None:
    want = read(topology_type="ring", size=3, flavor="cirros", internet=True, vms=[{"name": "vm2", "flavor": "big"}])
    names = [each.name for each in want.vms]
    assert len(names) == 3
    assert names[-1] == "vm2"
    made, listed = [each for each in want.vms if each.name != "vm2"], want.vms[-1]
    assert {(each.flavor, each.internet) for each in made} == {("cirros", True)}
    assert (listed.flavor, listed.internet) == ("big", False)
    assert (want.topology_type, len(want.links)) == ("ring", 3)


@pytest.mark.parametrize(
    ("fields", "gateway"),
    [
        ({}, False),
        ({"gateway": True}, True),
        ({"gateway_ip": "10.0.0.1"}, True),
        ({"gateway_ip": "10.0.0.1", "gateway": False}, False),
    ],
)
def test_a_gateway_address_implies_a_gateway(fields: dict[str, Any], gateway: bool) -> None:
    assert read_network({"name": "n", **fields}).gateway is gateway


@pytest.mark.parametrize(
    ("wanted", "end", "does_fit"),
    [("a", "a:eth1", True), ("a:eth1", "a:eth1", True), ("a:eth2", "a:eth1", False), ("b", "a:eth1", False)],
)
def test_an_endpoint_without_an_interface_matches_any(wanted: str, end: str, does_fit: bool) -> None:
    assert fits(Endpoint.parse(wanted), Endpoint.parse(end)) is does_fit


@pytest.mark.parametrize(
    ("endpoints", "is_it"),
    [
        (["a", "b"], True),
        (["b", "a"], True),
        (["a:eth1", "b:eth2"], True),
        (["b:eth2", "a:eth1"], True),
        (["a:eth2", "b:eth1"], False),
        (["a", "c"], False),
        (["a", "a"], False),
        (["a"], False),
        (["a", "b", "c"], False),
    ],
)
def test_the_endpoints_of_a_link_have_no_order(endpoints: list[str], is_it: bool) -> None:
    assert is_between(read_link({"endpoints": endpoints}), read_link({"endpoints": ["a:eth1", "b:eth2"]})) is is_it


def test_endpoints_and_the_highest_interface_of_each_vm() -> None:
    want = read(links=[link("a:eth2", "b")], networks=[{"name": "n", "members": ["a:eth3", "c:eth1", "a:eth1"]}])
    assert [str(end) for end in ends(want.links, want.networks)] == ["a:eth2", "b", "a:eth3", "c:eth1", "a:eth1"]
    assert highest_interfaces(ends(want.links, want.networks)) == {"a": 3, "b": 0, "c": 1}


def a_stored_one() -> Any:
    limits = [{"name": "eth1", "tx_kbps": 100}]
    machines = [vm("a", internet=True, interfaces=limits), vm("b", data_interfaces=3), vm("c")]
    lan = {"name": "lan", "members": ["a", "c"], "cidr": "10.0.0.0/24", "gateway": True, "nat": True, "mtu": 1400}
    held = cluster()
    want = topology(vms=machines, links=[{**link("a:eth1", "b"), "name": "x", "qinq": True}], networks=[lan])
    return held, put(held, want)


def test_reconciling_the_stored_topology_changes_nothing() -> None:
    held, slice_ = a_stored_one()
    before = held.to_dict()
    reconcile_slice(held, wanted_from(slice_), Settings(), acting_user="admin")
    assert held.to_dict() == before


def test_the_stored_topology_is_described_with_ids() -> None:
    _held, slice_ = a_stored_one()
    slice_.networks.append(Network(100, "192.168.100.0/24", None))  # describes the link's VLAN
    slice_.extra["reserved_vlans"] = [{"vlan_id": 110, "name": "r"}, {"vlan_id": 111}]
    want = wanted_from(slice_)
    assert (want.slice_id, want.vlan_pools, want.peers, want.owner) == (1000, None, None, "admin")
    assert [(each.vm_id, each.name, each.flavor, each.internet) for each in want.vms] == [
        (1001, "a", None, True),
        (1002, "b", None, False),
        (1003, "c", None, False),
    ]
    assert [each.data_interfaces for each in want.vms] == [None, 3, None]
    assert [[limits.fields for limits in each.interfaces] for each in want.vms] == [[{"tx_kbps": 100}], [], []]
    assert [(str(each), each.link_id, each.name, each.qinq) for each in want.links] == [("a:eth1–b:eth1", 1, "x", True)]
    (lan,) = want.networks
    assert (lan.vlan_id, lan.gateway, lan.gateway_ip, lan.nat, lan.mtu) == (101, True, "10.0.0.1", True, 1400)
    assert [str(end) for end in lan.members] == ["a:eth2", "c:eth1"]
    assert want.reserved == (Reservation("r", 110), Reservation(None, 111))


def test_unused_interfaces_are_kept() -> None:
    _held, slice_ = a_stored_one()
    slice_.vms[1].extra.pop("data_interfaces")
    slice_.vms[2].interfaces.append(slice_.vms[1].interfaces[-1])
    assert [each.data_interfaces for each in wanted_from(slice_).vms] == [None, 3, 2]


def test_deleted_vms_and_their_objects_are_not_in_the_topology() -> None:
    _held, slice_ = a_stored_one()
    slice_.vms[0].deleting = True
    want = wanted_from(slice_)
    assert ([each.name for each in want.vms], want.links) == (["b", "c"], ())
    assert [str(end) for end in want.networks[0].members] == ["c:eth1"]


def base() -> WantedSlice:
    """Return a topology with VMs a (1) and b (2), link a–b (1) with the name x, and network n with member a."""
    return WantedSlice(
        "web",
        "admin",
        (WantedVM("a", None, vm_id=1), WantedVM("b", None, vm_id=2)),
        (WantedLink((Endpoint("a", "eth1"), Endpoint("b", "eth1")), "x", 1),),
        (WantedNetwork("n", (Endpoint("a", "eth2"),), cidr="10.0.0.0/24", vlan_id=100),),
        topology_type="ring",
        reserved=(Reservation("r", 110),),
        slice_id=1000,
    )


def more(**fields: Any) -> WantedSlice:
    return added_to(base(), read(append=True, **fields))


def test_without_edits_the_slice_is_unchanged() -> None:
    want = more()
    assert (want.vms, want.links, want.networks) == (base().vms, base().links, base().networks)
    assert (want.topology_type, want.reserved, want.slice_id) == ("ring", base().reserved, 1000)
    assert more(topology_type="bus", size=2, flavor="cirros").topology_type == "bus"


def test_a_listed_vm_updates_the_stored_vm_of_its_name() -> None:
    want = more(vms=[vm("b", internet=True), vm("c")])
    assert [(each.name, each.vm_id, each.internet) for each in want.vms] == [
        ("a", 1, False),
        ("b", 2, True),
        ("c", None, False),
    ]
    renamed = more(vms=[vm("z", vm_id=1)])
    assert [(each.name, each.vm_id) for each in renamed.vms] == [("b", 2), ("z", 1)]
    assert [(each.name, each.vm_id) for each in more(vms=[vm("a", vm_id=1)]).vms] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("listed", "count"),
    [
        ([link("a", "b")], 1),
        ([link("b", "a:eth1")], 1),
        ([link("a:eth2", "b")], 2),
        ([link("a", "b"), link("a", "b")], 2),
        ([link("a", "c")], 2),
        ([{**link("a", "c"), "name": "x"}], 1),
        ([{**link("a", "b"), "name": "y"}], 2),
        ([{**link("a", "b"), "link_id": 1}], 1),
        ([{**link("a", "c"), "link_id": 1}], 1),
        ([{**link("a", "b"), "link_id": 2}], 2),
        ([{**link("a", "b"), "link_id": 2, "name": "x"}], 2),
    ],
)
def test_an_existing_link_is_not_added(listed: list[dict[str, Any]], count: int) -> None:
    want = more(links=listed)
    assert len(want.links) == count
    assert want.links[0] == base().links[0]


def test_networks_of_a_name_gain_members() -> None:
    want = more(networks=[{"name": "n", "members": ["a", "b", "a:eth3"], "cidr": "10.9.0.0/24"}, {"name": "m"}])
    first, second = want.networks
    assert ([str(end) for end in first.members], first.cidr, first.vlan_id) == (
        ["a:eth2", "b", "a:eth3"],
        "10.0.0.0/24",
        100,
    )
    assert second.name == "m"


def test_limits_are_sorted() -> None:
    assert read_limits(None) == ()
    assert [each.name for each in read_limits([{"name": "eth2"}, {"name": "eth1", "up": False}])] == ["eth2", "eth1"]


@pytest.mark.parametrize(("cdrom", "read"), [("iso", "iso"), ("", None), (None, None)])
def test_an_empty_drive_is_no_cd(cdrom: str | None, read: str | None) -> None:
    assert read_vm(vm("a", cdrom=cdrom)).cdrom == read


@pytest.mark.parametrize(
    ("loopback", "read"),
    [
        (None, None),
        ({}, None),
        ({"ipv4": None, "ipv6": None}, None),
        ({"ipv4": "10.0.0.1", "ipv6": None}, Addresses("10.0.0.1", None)),
        ({"ipv6": "2001:db8::1"}, Addresses(None, "2001:db8::1")),
    ],
)
def test_a_loopback_without_addresses_is_none(loopback: dict[str, Any] | None, read: Addresses | None) -> None:
    assert read_vm(vm("a", loopback=loopback)).loopback == read


def test_the_stored_addresses_of_ends_are_described_by_vm() -> None:
    pools = {"links": {"ipv4": "10.1.0.0/16", "ipv6": "2001:db8::/48"}}
    slice_ = put(cluster(), topology(addressing=pools))
    assert wanted_from(slice_).links[0].addresses == (
        End("10.1.0.1", "2001:db8::1", "vm1"),
        End("10.1.0.2", "2001:db8::2", "vm2"),
    )
    slice_.vms[1].deleting = True
    slice_.links[0].extra["addresses"][0] = {"vm_id": 1001}
    assert [link.addresses for link in wanted_from(slice_).links] in ([], [()])


def test_what_is_added_replaces_only_what_it_names() -> None:
    lan = WantedNetwork("lan", (Endpoint("a", "eth1"), Endpoint("b", "eth1")))
    given = (End("10.0.0.1", None, "a"), End("10.0.0.2", None, "b"))
    first = WantedSlice("web", "bob", (WantedVM("a", "x", vm_id=1), WantedVM("b", "x", vm_id=2)), (), title="Old")
    before = replace(first, networks=(replace(lan, addresses=given),))
    more = WantedNetwork("lan", (Endpoint("c", None),), addresses=(End("10.0.0.9", None, "b"),))
    after = added_to(before, WantedSlice("web", "bob", (WantedVM("c", "x"), WantedVM("d", "x")), (), (more,)))
    assert [(each.name, each.vm_id) for each in after.vms] == [("a", 1), ("b", 2), ("c", None), ("d", None)]
    assert after.networks[0].addresses == (given[0], End("10.0.0.9", None, "b"))
    assert after.title == "Old"
    assert added_to(before, WantedSlice("web", "bob", (), (), title="New")).title == "New"


def test_a_vm_that_is_renamed_by_its_id_replaces_the_one_of_that_id() -> None:
    vms = (WantedVM("a", "x", vm_id=1), WantedVM("b", "x", vm_id=2), WantedVM("c", "x"))
    before = WantedSlice("web", "bob", vms, ())
    after = added_to(before, WantedSlice("web", "bob", (WantedVM("z", "x", vm_id=1),), ()))
    assert [(each.name, each.vm_id) for each in after.vms] == [("b", 2), ("c", None), ("z", 1)]


def test_a_vm_without_links_has_no_more_interfaces_than_it_needs() -> None:
    slice_ = put(cluster(), topology(links=[], networks=[{"name": "lan", "members": ["vm2"], "gateway": True}]))
    want = wanted_from(slice_)
    assert [each.data_interfaces for each in want.vms] == [None, None]
    assert (want.networks[0].nat, want.networks[0].gateway) == (False, True)


def test_the_addresses_of_members_that_are_being_deleted_are_not_described() -> None:
    pools = {"networks": {"ipv4": "10.2.0.0/16"}}
    lan = {"name": "lan", "members": ["vm1", "vm2"]}
    slice_ = put(cluster(), topology(links=[], networks=[lan], addressing=pools))
    assert [each.vm for each in wanted_from(slice_).networks[0].addresses] == ["vm1", "vm2"]
    slice_.vms[1].deleting = True
    (network,) = wanted_from(slice_).networks
    assert ([each.vm for each in network.addresses], [each.vm for each in network.members]) == (["vm1"], ["vm1"])
