# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of one part of a topology, which leave the other parts unchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import edits
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.addressing import End
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.host_requirements import Limits
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import (
    Endpoint,
    Reservation,
    WantedLink,
    WantedNetwork,
    WantedSlice,
    WantedVM,
    wanted_from,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .builders import cluster, put, topology
from .builders import vm as entry


def end(text: str) -> Endpoint:
    return Endpoint.parse(text)


SLOW = Limits.read({"name": "eth1", "tx_kbps": 5})
A = WantedVM("a", "cirros", internet=True, worker="w", vm_id=1, interfaces=(SLOW,), power="stopped")
B = WantedVM("b", "cirros", vm_id=2)
FRESH = WantedVM("fresh", "cirros")
X = WantedLink((end("a:eth1"), end("b:eth1")), "x", 1, mtu=1400)
Y = WantedLink((end("a:eth2"), end("b:eth2")), None, 2)
N = WantedNetwork(
    "n",
    (end("a:eth3"), end("b:eth3")),
    cidr="10.0.0.0/24",
    gateway=True,
    gateway_ip="10.0.0.1",
    dhcp_enabled=True,
    dhcp_range="10.0.0.10,10.0.0.20",
    vlan_id=100,
)
M = WantedNetwork("m", (end("b:eth4"),), vlan_id=101)
RESERVED = (Reservation("r", 110), Reservation(None, 111))
WEB = WantedSlice("web", "admin", (A, B, FRESH), (X, Y), (N, M), reserved=RESERVED)


def put_vm(**data: Any) -> tuple[WantedVM, int]:
    """Add or change a VM, and check that nothing else has changed."""
    want, place = edits.put_vm(WEB, data)
    assert [each for number, each in enumerate(want.vms) if number != place] == [
        each for number, each in enumerate(WEB.vms) if number != place
    ]
    return want.vms[place], place


def test_a_new_vm_is_appended() -> None:
    assert put_vm(name="c", flavor="big", power="stopped") == (WantedVM("c", "big", power="stopped"), 3)
    assert put_vm(name="c", new_name="d") == (WantedVM("d", None), 3)


@pytest.mark.parametrize("data", [{"name": "a"}, {"vm_id": 1}, {"vm_id": 1, "name": "a"}])
def test_omitted_options_of_a_vm_are_unchanged(data: dict[str, Any]) -> None:
    assert put_vm(**data) == (A, 0)
    assert edits.put_vm(WEB, data)[0] == WEB


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flavor", "big"),
        ("internet", False),
        ("data_interfaces", 0),
        ("worker", "v"),
        ("vnc_password_version", 2),
        ("power", "running"),
    ],
)
def test_given_options_of_a_vm_are_set(field: str, value: Any) -> None:
    new, _place = put_vm(name="a", **{field: value})
    assert getattr(new, field) == value
    assert {key: each for key, each in vars(new).items() if key != field} == {
        key: each for key, each in vars(A).items() if key != field
    }


def test_limits_that_are_not_listed_are_removed() -> None:
    assert put_vm(name="a", interfaces=[])[0].interfaces == ()
    assert put_vm(name="a", interfaces=[{"name": "eth2", "up": False}])[0].interfaces == (
        Limits.read({"name": "eth2", "up": False}),
    )


def test_a_renamed_vm_keeps_its_places() -> None:
    for data in ({"name": "a", "new_name": "z"}, {"vm_id": 1, "name": "z"}, {"vm_id": 1, "new_name": "z"}):
        want, place = edits.put_vm(WEB, data)
        assert (want.vms[place].name, want.vms[place].vm_id) == ("z", 1)
        assert [str(each) for each in want.links] == ["z:eth1–b:eth1", "z:eth2–b:eth2"]
        assert [str(each) for each in want.networks[0].members] == ["z:eth3", "b:eth3"]
        assert want.networks[1] == M
        # The second time, it is found by its new name.
        assert edits.put_vm(want, {"name": "a", "new_name": "z"}) == (want, place)


def test_removing_a_vm_removes_its_links_and_memberships() -> None:
    want = edits.take_vm(WEB, {"name": "a"})
    assert (want.vms, want.links) == ((B, FRESH), ())
    assert [[str(each) for each in network.members] for network in want.networks] == [["b:eth3"], ["b:eth4"]]
    assert edits.take_vm(WEB, {"vm_id": 1}) == want
    for data in ({"name": "z"}, {"vm_id": 9}, {"name": "z", "new_name": "a"}):
        assert edits.take_vm(WEB, data) == WEB


def test_a_link_is_found_by_id_name_or_endpoints() -> None:
    for data in ({"link_id": 1}, {"name": "x"}, {"endpoints": ["b:eth1", "a"]}):
        assert edits.put_link(WEB, {**data, "mtu": 9000})[0].links[0].mtu == 9000
        assert edits.take_link(WEB, data).links == (Y,)
    assert edits.put_link(WEB, {"link_id": 2, "name": "y"})[0].links[1] == WantedLink(Y.endpoints, "y", 2)
    assert edits.put_link(WEB, {"name": "x", "new_name": "z"})[0].links[0].name == "z"
    for data in ({"name": "z"}, {"link_id": 9}, {"endpoints": ["a", "c"]}):
        assert edits.take_link(WEB, data) == WEB


def test_a_new_link_has_two_ends() -> None:
    want, place = edits.put_link(WEB, {"endpoints": ["a", "fresh"], "name": "z", "qinq": True})
    assert (place, want.links[2]) == (2, WantedLink((end("a"), end("fresh")), "z", qinq=True))
    assert want.links[:2] == WEB.links
    assert edits.put_link(WEB, {"endpoints": ["a", "fresh"]})[0].links[2].name is None


def test_a_moved_end_leaves_the_other_where_it_is() -> None:
    def moved(*endpoints: str) -> str:
        return str(edits.put_link(WEB, {"name": "x", "endpoints": list(endpoints)})[0].links[0])

    assert moved("a", "fresh") == "a:eth1–fresh"
    assert moved("b", "a") == "b:eth1–a:eth1"
    assert moved("a:eth5", "b") == "a:eth5–b:eth1"
    assert moved() == str(X)


@pytest.mark.parametrize(
    "data",
    [
        {"endpoints": ["a", "b"]},  # ambiguous
        {"link_id": 9},
        {"name": "z"},  # new, without endpoints
        {},
        {"name": "x", "endpoints": None, "new_name": "y2", "link_id": 9},
    ],
)
def test_ambiguous_links_are_refused(data: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        edits.put_link(WEB, data)


def put_network(**data: Any) -> WantedNetwork:
    want, place = edits.put_network(WEB, data)
    assert [each for number, each in enumerate(want.networks) if number != place] == [
        each for number, each in enumerate(WEB.networks) if number != place
    ]
    return want.networks[place]


def test_a_network_is_found_by_vlan_or_name() -> None:
    assert put_network(name="n") == put_network(vlan_id=100) == N
    assert put_network(vlan_id=100, name="z").name == put_network(name="n", new_name="z").name == "z"
    assert put_network(name="z", members=["a"]) == WantedNetwork("z", (end("a"),))
    assert edits.take_network(WEB, {"name": "n"}).networks == edits.take_network(WEB, {"vlan_id": 100}).networks == (M,)
    assert edits.take_network(WEB, {"name": "z"}) == edits.take_network(WEB, {"vlan_id": 9}) == WEB


@pytest.mark.parametrize(
    ("members", "append", "now"),
    [
        (None, False, "a:eth3 b:eth3"),
        ([], False, ""),
        ([], True, "a:eth3 b:eth3"),
        (["b", "fresh"], False, "b:eth3 fresh"),
        (["b", "fresh"], True, "a:eth3 b:eth3 fresh"),
        (["b:eth9"], True, "a:eth3 b:eth3 b:eth9"),
    ],
)
def test_members_replace_the_existing_ones_or_are_added(members: list[str] | None, append: bool, now: str) -> None:
    assert " ".join(map(str, put_network(name="n", members=members, append=append).members)) == now


@pytest.mark.parametrize(
    ("data", "gateway", "dhcp"),
    [
        ({}, (True, "10.0.0.1"), (True, "10.0.0.10,10.0.0.20")),
        ({"cidr": "10.0.0.0/24"}, (True, "10.0.0.1"), (True, "10.0.0.10,10.0.0.20")),
        ({"cidr": "10.9.0.0/24"}, (True, None), (True, None)),
        ({"cidr": "10.9.0.0/24", "gateway_ip": "10.9.0.7"}, (True, "10.9.0.7"), (True, None)),
        ({"cidr": "10.9.0.0/24", "dhcp_range": "x,y"}, (True, None), (True, "x,y")),
        ({"gateway": False}, (False, None), (True, "10.0.0.10,10.0.0.20")),
        ({"dhcp_enabled": False}, (True, "10.0.0.1"), (False, None)),
        ({"gateway_ip": "10.0.0.9"}, (True, "10.0.0.9"), (True, "10.0.0.10,10.0.0.20")),
        ({"gateway": False, "gateway_ip": "10.0.0.9"}, (False, "10.0.0.9"), (True, "10.0.0.10,10.0.0.20")),
    ],
)
def test_a_new_subnet_changes_gateway_and_range(data: dict[str, Any], gateway: Any, dhcp: Any) -> None:
    new = put_network(name="n", **data)
    assert ((new.gateway, new.gateway_ip), (new.dhcp_enabled, new.dhcp_range)) == (gateway, dhcp)


def test_a_gateway_address_implies_a_gateway() -> None:
    assert put_network(name="m", gateway_ip="10.0.0.9").gateway


def test_reserved_vlans() -> None:
    want, place = edits.put_vlan(WEB, {"name": "s"})
    assert (want.reserved, place) == ((*RESERVED, Reservation("s")), 2)
    assert edits.put_vlan(WEB, {})[0].reserved == (*RESERVED, Reservation())
    for data, there in (({"name": "r"}, 0), ({"vlan_id": 111}, 1), ({"vlan_id": 111, "name": "r"}, 1)):
        assert edits.put_vlan(WEB, data) == (WEB, there)
    assert edits.take_vlan(WEB, {"name": "r"}).reserved == (Reservation(None, 111),)
    assert edits.take_vlan(WEB, {"vlan_id": 111}).reserved == (Reservation("r", 110),)
    assert edits.take_vlan(WEB, {"name": "s"}) == edits.take_vlan(WEB, {"vlan_id": 9}) == WEB
    with pytest.raises(Refused):
        edits.put_vlan(WEB, {"vlan_id": 9})
    with pytest.raises(Refused):
        edits.take_vlan(WEB, {})
    empty = WantedSlice("web", "admin", (), ())
    assert edits.put_vlan(empty, {"name": "s"})[0].reserved == (Reservation("s"),)
    assert edits.take_vlan(empty, {"name": "s"}) == empty


@pytest.mark.parametrize(
    ("put", "data"),
    [
        (edits.put_vm, {"vm_id": 9}),
        (edits.put_vm, {}),
        (edits.put_vm, {"new_name": "z"}),
        (edits.put_vm, {"name": "a", "new_name": "b"}),
        (edits.take_vm, {}),
        (edits.put_network, {"vlan_id": 9}),
        (edits.put_network, {"name": "n", "new_name": "m"}),
        (edits.take_network, {}),
        (edits.take_link, {}),
    ],
)
def test_an_object_must_be_identified_and_names_are_unique(put: edits.Put | edits.Take, data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        put(WEB, data)
    assert len(caught.value.refusals) == 1


def test_renaming_an_object_to_its_own_name_changes_nothing() -> None:
    assert edits.put_vm(WEB, {"name": "a", "new_name": "a"}) == (WEB, 0)


@pytest.mark.parametrize("endpoints", [["a", "b"], ["b", "a"]])
def test_a_link_that_is_one_of_several_is_not_found_by_its_vms(endpoints: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        edits.put_link(WEB, {"endpoints": endpoints, "mtu": 9000})
    ends = ":".join(endpoints)
    assert [each.code for each in caught.value.refusals] == ["ambiguous_link"], ends
    assert caught.value.message.startswith("slice web: 2 links are between ")
    assert caught.value.message.endswith("; give the interfaces or the link_id")
    _want, place = edits.put_link(WEB, {"endpoints": ["b:eth2", "a:eth2"], "mtu": 9000})
    assert place == 1


def test_an_edit_keeps_the_addresses_of_the_ends_that_stay_and_are_not_given_again() -> None:
    def addressed(*addresses: tuple[str, str], **data: Any) -> dict[str, str]:
        told = [{"endpoint": name, "ipv4": address} for name, address in addresses]
        data.setdefault("name", "x")
        want, place = edits.put_link(before, {**data, "addresses": told})
        return {each.vm: str(each.ipv4) for each in want.links[place].addresses}

    before = WEB
    first = edits.put_link(
        WEB, {"name": "x", "addresses": [{"vm": "a", "ipv4": "10.0.0.1"}, {"vm": "b", "ipv4": "10.0.0.2"}]}
    )
    before = first[0]
    kept = edits.put_link(before, {"name": "x", "addresses": [{"vm": "a", "ipv4": "10.0.0.9"}]})[0].links[0].addresses
    assert {each.vm: each.ipv4 for each in kept} == {"a": "10.0.0.9", "b": "10.0.0.2"}
    moved = edits.put_link(before, {"name": "x", "endpoints": ["a:eth1", "fresh:eth1"]})[0].links[0].addresses
    assert {each.vm: each.ipv4 for each in moved} == {"a": "10.0.0.1"}


BOTH = (End("10.0.0.5", "2001:db8::5", "a"), End("10.0.0.6", "2001:db8::6", "b"))


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({}, BOTH),
        ({"cidr": "10.0.0.0/24"}, BOTH),
        ({"cidr": "10.9.0.0/24"}, (End(None, "2001:db8::5", "a"), End(None, "2001:db8::6", "b"))),
        ({"cidr6": "2001:db8:9::/64"}, (End("10.0.0.5", None, "a"), End("10.0.0.6", None, "b"))),
        ({"cidr": "10.9.0.0/24", "cidr6": "2001:db8:9::/64"}, ()),
        ({"dhcp_enabled": True}, (End(None, "2001:db8::5", "a"), End(None, "2001:db8::6", "b"))),
        ({"dhcp_enabled": False}, BOTH),
        ({"members": ["b:eth3"]}, BOTH[1:]),
        ({"addresses": [{"vm": "a", "ipv4": "10.0.0.7"}]}, (BOTH[1], End("10.0.0.7", None, "a"))),
    ],
)
def test_addresses_of_members_stay_as_long_as_their_subnet(data: dict[str, Any], kept: tuple[End, ...]) -> None:
    plain = replace(N, gateway_ip=None, dhcp_range=None, cidr6="2001:db8::/64", addresses=BOTH)
    want, _place = edits.put_network(replace(WEB, networks=(plain, M)), {"name": "n", **data})
    assert want.networks[0].addresses == kept


def test_removing_a_vm_removes_its_addresses_and_leaves_those_of_others() -> None:
    want = edits.take_vm(replace(WEB, networks=(replace(N, addresses=BOTH), M)), {"name": "a"})
    assert want.networks[0].addresses == BOTH[1:]


@pytest.mark.parametrize(("cdrom", "now"), [("iso", "iso"), ("", None), (None, "old")])
def test_a_cd_is_inserted_and_taken_out(cdrom: str | None, now: str | None) -> None:
    before = replace(WEB, vms=(replace(A, cdrom="old"), B, FRESH))
    want, place = edits.put_vm(before, {"name": "a", "cdrom": cdrom})
    assert want.vms[place].cdrom == now


def test_a_network_that_has_no_vlan_yet_is_not_that_of_another_one() -> None:
    fresh = replace(WEB, networks=(N, WantedNetwork("fresh", ())))
    assert edits.put_network(fresh, {"name": "new"})[1] == 2
    assert edits.put_network(fresh, {"name": "fresh", "title": "T"})[0].networks[1].title == "T"
    assert edits.take_network(fresh, {"name": "fresh"}).networks == (N,)


@pytest.mark.parametrize(
    ("put_it", "data", "known"),
    [
        (edits.put_vm, {"vm_id": 9}, [1, 2]),
        (edits.put_link, {"link_id": 9}, [1, 2]),
        (edits.put_network, {"vlan_id": 999}, [100, 101]),
    ],
)
def test_an_unknown_id_is_refused_with_those_that_exist(put_it: edits.Put, data: dict[str, Any], known: Any) -> None:
    fresh = WantedLink((end("b:eth9"), end("fresh:eth9")), "new")
    want = replace(WEB, links=(*WEB.links, fresh), networks=(*WEB.networks, WantedNetwork("new", ())))
    with pytest.raises(Refused) as caught:
        put_it(want, data)
    (refusal,) = caught.value.refusals
    assert list(refusal.figures["known"]) == known


def test_links_between_other_vms_stay_when_a_vm_is_removed() -> None:
    other = WantedLink((end("b:eth9"), end("fresh:eth9")), "other")
    want = edits.take_vm(replace(WEB, links=(X, other, Y)), {"name": "a"})
    assert want.links == (other,)


def test_another_flavor_leaves_the_kind_of_a_vm() -> None:
    held = cluster()
    held.kinds = {"router": {}}
    stored = wanted_from(put(held, topology(vms=[entry("a", kind="router"), entry("b")], links=[])))
    changed = edits.put_vm(stored, {"name": "a", "flavor": "big"})[0].vms
    assert [(each.flavor, each.kind) for each in changed] == [("big", "router"), (None, None)]
    plain = edits.put_vm(stored, {"name": "a", "power": "stopped"})[0].vms[0]
    assert (plain.kind, plain.of_kind is not None) == (None, True)
    other = edits.put_vm(stored, {"name": "a", "flavor": "big", "kind": "pc"})[0].vms[0]
    assert other.kind == "pc"
    assert edits.put_vm(stored, {"name": "b", "flavor": "big"})[0].vms[1].kind is None


def test_a_vm_may_be_called_by_its_title_alone() -> None:
    titled = replace(WEB, vms=(A, replace(B, title="Router 1"), replace(FRESH, title="Router 2")))
    want, place = edits.put_vm(titled, {"title": "Router 2", "power": "stopped"})
    assert (place, want.vms[place]) == (2, replace(FRESH, title="Router 2", power="stopped"))
    want, place = edits.put_vm(titled, {"title": "Router 3"})
    assert (place, want.vms[:3], want.vms[place].title) == (3, titled.vms, "Router 3")
    with pytest.raises(Refused) as caught:
        edits.put_vm(replace(titled, vms=(replace(A, title="Router 1"), *titled.vms[1:])), {"title": "Router 1"})
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.figures["names"]) == ("title_of_several", ["a", "b"])
