# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Links and networks get VLANs and interfaces and keep them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import Reservation, read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network, Slice

from .builders import cluster, link, put, refusals, topology, vm


def test_removing_a_link_renumbers_no_other() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    links = [link("a", "b"), link("b", "c"), link("c", "a")]
    slice_ = put(held, topology(vms=machines, links=links))
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (2, 101), (3, 102)]
    slice_ = put(
        held,
        topology(vms=[vm("a"), vm("b", data_interfaces=2), vm("c", data_interfaces=2)], links=[links[0], links[2]]),
    )
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (3, 102)]
    assert slice_.vlan_pool_used == [100, 102]
    slice_ = put(held, topology(vms=machines, links=links))
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (3, 102), (4, 101)]


def test_endpoints_without_an_interface_take_the_lowest_free_one_and_keep_it() -> None:
    held = cluster()
    machines = [vm("a", data_interfaces=3), vm("b"), vm("c")]
    slice_ = put(held, topology(vms=machines, links=[link("a:eth2", "b"), link("a", "c")]))
    assert [(each.vm1_interface, each.vm2_interface) for each in slice_.links] == [("eth2", "eth1"), ("eth1", "eth1")]
    again = put(held, topology(vms=machines, links=[link("c", "a"), link("b", "a")]))
    assert {each.link_id: each.vm1_interface for each in again.links} == {1: "eth2", 2: "eth1"}


def test_a_slice_with_the_pool_of_the_management_vlan_has_up_to_19_links() -> None:
    held = cluster()
    held.next_vm_id = 1015
    machines = [vm("hub", data_interfaces=19), *(vm(f"n{number}") for number in range(1, 20))]
    held.users["admin"].quota_vms = 50
    want = topology(vms=machines, links=[link("hub", f"n{number}") for number in range(1, 20)])
    assert [each.vlan_id for each in put(held, want).links] == list(range(401, 420))


def test_too_many_links_are_refused_with_the_count() -> None:
    held = cluster()
    held.users["admin"].quota_vms = 50
    machines = [vm("a", data_interfaces=11), *(vm(f"n{number}", data_interfaces=3) for number in range(11))]
    links = [link("a", f"n{number}") for number in range(11)] + [link(f"n{n}", f"n{n + 1}") for n in range(10)]
    assert refusals(held, topology(vms=machines, links=links)) == [
        Refusal(
            "too_few_vlans",
            "slice web",
            {"links": 21, "networks": 0, "reserved": 0, "pools": ["100–119"], "total": 20, "releasing": 0},
        )
    ]


def test_a_named_link_keeps_its_vlan_when_its_endpoints_change() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    put(held, topology(vms=machines, links=[link("a", "b"), {**link("b", "c"), "name": "x"}]))
    slice_ = put(held, topology(vms=machines, links=[{**link("a", "c"), "name": "x"}]))
    assert [(each.link_id, each.vlan_id, each.vm1_id, each.vm2_id) for each in slice_.links] == [(2, 101, 1001, 1003)]
    assert breaches(held) == []


def pairs(count: int) -> dict[str, Any]:
    """Return the VMs and links of a chain with so many links."""
    machines = [vm(f"n{number}") for number in range(count + 1)]
    return {"vms": machines, "links": [link(f"n{number}", f"n{number + 1}") for number in range(count)]}


@pytest.mark.parametrize(
    ("links", "pools", "further"), [(20, 1, 0), (20, 2, 0), (21, 2, 1), (40, 2, 1), (41, 3, 2), (60, 3, 2)]
)
def test_further_pools_are_taken_as_they_are_needed(links: int, pools: int, further: int) -> None:
    held = cluster()
    held.users["admin"].quota_vms = 100
    slice_ = put(held, topology(vlan_pools=pools, **pairs(links)))
    assert len(slice_.further_pools) == further
    assert len({each.vlan_id for each in slice_.links}) == links
    assert breaches(held) == []


def test_pools_run_out() -> None:
    held = cluster()
    held.users["admin"].quota_vms = 100
    for number in range(99):
        put(held, topology(f"s{number}", vms=[], links=[]))
    found = refusals(held, topology(vlan_pools=2, **pairs(21)))
    assert [each.code for each in found] == ["no_free_pool", "too_few_vlans"]
    assert found[0] == Refusal("no_free_pool", "slice web", {"pools": "0-99", "used": 99, "free": 1})


def reserve(held: Cluster, want: dict[str, Any], *reserved: Reservation) -> Slice:
    wanted = replace(read_slice(want, default_owner="admin"), reserved=reserved)
    return reconcile_slice(held, wanted, Settings(), acting_user="admin")


def test_reserved_vlans_are_kept_and_released_by_number() -> None:
    held = cluster()
    slice_ = reserve(held, topology(), Reservation("r"), Reservation())
    assert slice_.extra["reserved_vlans"] == [{"vlan_id": 101, "name": "r"}, {"vlan_id": 102}]
    assert put(held, topology()).extra["reserved_vlans"] == slice_.extra["reserved_vlans"]
    slice_ = reserve(held, topology(), Reservation(None, 102), Reservation("s"))
    assert slice_.extra["reserved_vlans"] == [{"vlan_id": 102}, {"vlan_id": 101, "name": "s"}]
    with pytest.raises(Refused) as caught:
        reserve(held, topology(), Reservation(None, 110), Reservation(None, 102))
    figures = {"kind": "reserved VLAN", "name": 110, "known": [101, 102]}
    assert caught.value.refusals == [Refusal("unknown_reference", "slice web", figures)]
    assert "reserved_vlans" not in reserve(held, topology()).extra
    assert breaches(held) == []


def test_reserved_vlans_take_room() -> None:
    held = cluster()
    held.users["admin"].quota_vms = 100
    want = topology(**pairs(19))
    with pytest.raises(Refused) as caught:
        reserve(held, want, Reservation(), Reservation())
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures["links"], refusal.figures["reserved"]) == ("too_few_vlans", 19, 2)
    assert len(reserve(held, want, Reservation()).vlan_pool_used) == 20


LAN = {"name": "lan", "members": ["vm1"], "gateway": True, "nat": True}


def test_a_network_keeps_its_vlan_and_its_state_and_nat_needs_a_subnet_of_its_own() -> None:
    held = cluster()
    network = put(held, topology(networks=[{**LAN, "title": "Office"}])).networks[0]
    network.status = "running"
    again = put(held, topology(networks=[{**LAN, "mtu": 9000}, {**LAN, "name": "other", "nat": False}]))
    assert [(each.vlan_id, each.status, each.extra.get("nat")) for each in again.networks] == [
        (101, "running", True),
        (102, "pending", None),
    ]
    assert [each.extra.get("title") for each in again.networks] == [None, None]
    assert [each.extra.get("mtu") for each in again.networks] == [9000, None]
    for infrastructure, count in (("192.168.101.0/25", 1), ("192.168.102.0/24", 0)):
        found = refusals_or_none(held, topology(networks=[LAN]), infrastructure=(infrastructure,))
        assert [each.code for each in found] == ["nat_overlaps_infrastructure"] * count


def refusals_or_none(held: Cluster, want: dict[str, Any], **settings: Any) -> list[Refusal]:
    try:
        put(held, want, **settings)
    except Refused as refused:
        return refused.refusals
    return []


def test_an_end_of_a_link_that_stays_keeps_its_place() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    put(held, topology(vms=machines, links=[{**link("a", "b"), "name": "x"}]))
    for ends, expected in (
        (("b", "a"), (1001, 1002)),
        (("c", "a"), (1001, 1003)),
        (("c", "b"), (1002, 1003)),
        (("a", "c"), (1001, 1003)),
    ):
        (made,) = put(held, topology(vms=machines, links=[{**link(*ends), "name": "x"}])).links
        assert {made.vm1_id, made.vm2_id} == {*expected}
    (made,) = put(held, topology(vms=machines, links=[{**link("c", "a"), "name": "x"}])).links
    assert (made.vm1_id, made.vm2_id) == (1001, 1003)


def bundle(count: int) -> dict[str, Any]:
    """Return VMs a and b with this many links."""
    return {"vms": [vm("a"), vm("b")], "links": [link("a", "b")] * count}


def test_a_further_pool_is_taken_when_the_first_one_is_full_and_given_back_when_it_is_empty() -> None:
    held = cluster()
    assert put(held, topology(**bundle(20), vlan_pools=2)).further_pools == []
    slice_ = put(held, topology(**bundle(21), vlan_pools=2))
    assert slice_.further_pools == [1]
    assert slice_.links[20].vlan_id == 120
    assert put(held, topology(**bundle(20), vlan_pools=2)).further_pools == []


def test_a_full_pool_needs_no_further_one() -> None:
    held = cluster()
    hog = put(held, topology("hog", vms=[], links=[]))
    hog.extra["further_pools"] = list(range(2, 100))
    held.next_vm_id = 1001
    assert len(put(held, topology(**bundle(20), vlan_pools=2)).links) == 20


def test_a_network_has_the_title_of_its_topology() -> None:
    held = cluster()
    lan = {"name": "lan", "members": ["a"]}
    wants = [topology(vms=[vm("a")], links=[], networks=[{**lan, **more}]) for more in ({"title": "Office"}, {})]
    made = [put(held, want).networks[0] for want in wants]
    assert [(each.extra.get("title"), each.cidr) for each in made] == [
        (title, "192.168.100.0/24") for title in ("Office", None)
    ]


def test_the_network_of_a_link_stays_as_long_as_the_link() -> None:
    """A file of Cloud Repositorio has a network without a name for each link."""
    held = cluster()
    slice_ = put(held, topology(**bundle(2)))
    slice_.networks = [Network(vlan, f"192.168.{vlan}.0/24", None) for vlan in (100, 101)]
    assert [each.vlan_id for each in put(held, topology(**bundle(2))).networks] == [100, 101]
    assert [each.vlan_id for each in put(held, topology(**bundle(1))).networks] == [100]
    lan = {"name": "lan", "members": ["a"]}
    slice_ = put(held, topology(**bundle(1), networks=[lan]))
    assert [each.extra.get("name") for each in slice_.networks] == [None, "lan"]
    assert [each.extra.get("name") for each in put(held, topology(**bundle(1))).networks] == [None]


@pytest.mark.parametrize(
    ("endpoints", "ends"),
    [
        (["a:eth1", "b:eth1"], ("a:eth1", "b:eth1")),
        (["b:eth1", "a:eth1"], ("a:eth1", "b:eth1")),
        # One end stays, and keeps its position.
        (["b:eth1", "a:eth2"], ("a:eth2", "b:eth1")),
        (["b:eth2", "a:eth1"], ("a:eth1", "b:eth2")),
        (["a:eth2", "b:eth1"], ("a:eth2", "b:eth1")),
        (["b:eth2", "a:eth2"], ("b:eth2", "a:eth2")),
    ],
)
def test_an_end_that_stays_keeps_its_position(endpoints: list[str], ends: tuple[str, str]) -> None:
    held = cluster()
    vms = [vm("a", data_interfaces=2), vm("b", data_interfaces=2)]
    put(held, topology(vms=vms, links=[{"endpoints": ["a:eth1", "b:eth1"], "name": "x"}]))
    slice_ = put(held, topology(vms=vms, links=[{"endpoints": endpoints, "name": "x"}]))
    names, made = {each.vm_id: each.name for each in slice_.vms}, slice_.links[0]
    assert (f"{names[made.vm1_id]}:{made.vm1_interface}", f"{names[made.vm2_id]}:{made.vm2_interface}") == ends


def test_the_other_end_of_a_named_link_may_go_with_its_vm() -> None:
    held = cluster()
    pools = {"addressing": {"links": {"ipv4": "10.1.0.0/16"}}}
    put(held, topology(vms=[vm("a"), vm("b"), vm("c")], links=[{**link("a", "b"), "name": "x"}], **pools))
    slice_ = put(held, topology(vms=[vm("a"), vm("c")], links=[{**link("a", "c"), "name": "x"}], **pools))
    assert [(each.link_id, each.vm1_id, each.vm2_id) for each in slice_.links] == [(1, 1001, 1003)]
    assert breaches(held) == []


def test_a_network_loses_the_member_whose_vm_is_removed() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    put(held, topology(vms=machines, links=[], networks=[{"name": "lan", "members": ["a", "b", "c"]}]))
    want = topology(vms=machines[:2], links=[], networks=[{"name": "lan", "members": ["a", "b"]}])
    (network,) = put(held, want).networks
    assert [each["vm_id"] for each in network.extra["members"]] == [1001, 1002]
    assert breaches(held) == []


def test_addresses_titles_and_ipv6_subnets_are_stored_with_links_and_networks() -> None:
    given = {"endpoints": ["vm1", "vm2"], "title": "Core 1", "cidr": "10.1.0.0/30", "cidr6": "fd00::/64"}
    addresses = [{"vm": "vm1", "ipv4": "10.1.0.1"}, {"vm": "vm2", "ipv6": "fd00::9"}]
    lan = {"name": "lan", "members": ["vm1"], "cidr6": "fd01::/64", "title": "LAN"}
    held = cluster()
    slice_ = put(held, topology(links=[{**given, "addresses": addresses}], networks=[lan]))
    assert slice_.links[0].extra == {
        "title": "Core 1",
        "cidr": "10.1.0.0/30",
        "cidr6": "fd00::/64",
        "addresses": [
            {"vm_id": 1001, "ipv4": "10.1.0.1", "ipv6": "fd00::1"},
            {"vm_id": 1002, "ipv4": "10.1.0.2", "ipv6": "fd00::9"},
        ],
    }
    extra = slice_.networks[0].extra
    assert (extra["cidr6"], extra["title"], extra["members"]) == (
        "fd01::/64",
        "LAN",
        [{"vm_id": 1001, "interface": "eth1" if "eth1" in str(extra["members"]) else "eth2", "ipv6": "fd01::1"}],
    )
    plain = put(held, topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    assert (plain.links[0].extra, sorted(plain.networks[0].extra)) == ({}, ["members", "name"])


def test_addresses_without_a_subnet_are_refused() -> None:
    told = [{"vm": "vm1", "ipv6": "fd00::1"}]
    joined = {"endpoints": ["vm1", "vm2"], "addresses": told}
    lan = {"name": "lan", "members": ["vm1"], "addresses": told}
    assert [
        (each.code, each.object, each.figures["pool"]) for each in refusals(cluster(), topology(links=[joined]))
    ] == [("address_without_subnet", "link web/1", "addressing.links.ipv6")]
    found = refusals(cluster(), topology(networks=[lan]))
    assert [(each.code, each.object, each.figures["pool"]) for each in found] == [
        ("address_without_subnet", "network web/lan", "addressing.networks.ipv6")
    ]


@pytest.mark.parametrize("fields", [{"nat": False}, {"nat": True}])
def test_only_a_network_with_nat_must_not_overlap_the_infrastructure(fields: dict[str, Any]) -> None:
    lan = {"name": "lan", "members": [], "cidr": "10.0.0.0/16", "gateway": True, **fields}
    found = refusals_or_none(cluster(), topology(networks=[lan]), infrastructure=("10.0.10.0/24", "10.1.0.0/16"))
    figures = {"got": "10.0.0.0/16", "other": "10.0.10.0/24"}
    refusal = Refusal("nat_overlaps_infrastructure", "network web/lan", figures)
    assert found == ([refusal] if fields["nat"] else [])


def test_a_new_link_has_the_id_after_the_highest() -> None:
    held = cluster()
    machines = [vm("a", data_interfaces=3), vm("b", data_interfaces=3)]
    first = put(held, topology(vms=machines, links=[link("a:eth1", "b:eth1")]))
    first.links[0].link_id = 41
    for each in first.vms:
        each.interfaces[1].link_id = 41
    links = [link("a:eth1", "b:eth1"), link("a:eth2", "b:eth2"), link("a:eth3", "b:eth3")]
    assert [each.link_id for each in put(held, topology(vms=machines, links=links)).links] == [41, 42, 43]


def test_dropped_reservations_are_released_and_the_others_stay() -> None:
    held = cluster()
    reserve(held, topology(), Reservation("a", None), Reservation("b", None), Reservation("c", None))
    vlans = [each["vlan_id"] for each in held.slices[1000].extra["reserved_vlans"]]
    slice_ = reserve(held, topology(), Reservation("a", vlans[0]), Reservation("c", vlans[2]))
    assert [each["vlan_id"] for each in slice_.extra["reserved_vlans"]] == [vlans[0], vlans[2]]
    assert vlans[1] not in slice_.vlan_pool_used
    assert {vlans[0], vlans[2]} <= {*slice_.vlan_pool_used}


def test_subnets_of_links_must_not_overlap_and_networks_are_checked_when_they_are_complete() -> None:
    links = [{**link("vm1", "vm2"), "cidr": "10.1.0.0/30"}, {**link("vm1", "vm2"), "cidr": "10.1.0.0/29"}]
    assert [each.code for each in refusals(cluster(), topology(links=links))] == ["subnets_overlap"]
    short = {"name": "lan", "members": ["vm1", "vm2"], "gateway": True, "cidr": "10.0.0.0/30"}
    assert [each.code for each in refusals(cluster(), topology(networks=[short]))] == ["subnet_too_small"]


def test_links_and_networks_carry_what_is_asked_for() -> None:
    carried = {"mtu": 9000, "qinq": True, "forward_bpdu": True}
    held = cluster()
    lan = {"name": "lan", "members": ["vm1"]}
    slice_ = put(held, topology(links=[{**link("vm1", "vm2"), **carried}], networks=[{**lan, **carried}]))
    for each in (slice_.links[0], slice_.networks[0]):
        assert {key: each.extra.get(key) for key in carried} == carried
    slice_ = put(held, topology(networks=[lan]))
    for each in (slice_.links[0], slice_.networks[0]):
        assert {*carried} & {*each.extra} == set()
