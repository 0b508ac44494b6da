# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Invalid topologies: each violation is reported once, and values at the limits are accepted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice, wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.validate import problems
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind

from .builders import cluster, link, put, topology, vm

LONGEST = "a" * 63


def count(**fields: Any) -> int:
    """Return the number of violations in a topology with VMs a, b and c and these fields."""
    named = {"vms": [vm("a"), vm("b"), vm("c")], "links": []}
    found = problems(read_slice(topology(**{**named, **fields}), default_owner="admin"))
    assert len(set(map(str, found))) == len(found), "nothing is told twice"
    return len(found)


def test_a_plain_topology_has_no_problems() -> None:
    assert count() == 0


@pytest.mark.parametrize(
    ("name", "is_label"),
    [
        ("a", True),
        ("A-b-9", True),
        ("9a", True),
        (LONGEST, True),
        (f"{LONGEST}a", False),
        ("", False),
        ("-a", False),
        ("a-", False),
        ("a_b", False),
        ("a.b", False),
        ("ä", False),
        ("a\n", False),
    ],
)
@pytest.mark.parametrize(
    "fields_of",
    [
        lambda name: {"name": name},
        lambda name: {"vms": [vm(name)]},
        lambda name: {"links": [{**link("a", "b"), "name": name}]},
        lambda name: {"networks": [{"name": name}]},
    ],
)
def test_names_are_dns_labels(fields_of: Any, name: str, is_label: bool) -> None:
    assert count(**fields_of(name)) == (0 if is_label else 1)


@pytest.mark.parametrize("name", ["9", "12h", "1W", "ignore", "infinite"])
def test_dnsmasq_does_not_accept_some_labels_as_names(name: str) -> None:
    assert count(vms=[vm(name)]) == 1
    assert count(links=[{**link("a", "b"), "name": name}], networks=[{"name": name}]) == 0


@pytest.mark.parametrize("name", ["9x", "h12", "Ignore", "infinite1", "12-h"])
def test_accepted_names_are_names_for_dnsmasq(name: str) -> None:
    assert count(vms=[vm(name)]) == 0


def test_reserved_vlans_have_unique_labels_and_names() -> None:
    held = cluster()
    slice_ = put(held, topology())
    slice_.extra["reserved_vlans"] = [{"name": "x", "vlan_id": 110}, {"vlan_id": 111}, {"vlan_id": 112}]
    assert problems(wanted_from(slice_)) == []
    slice_.extra["reserved_vlans"] += [{"name": "x", "vlan_id": 113}, {"name": "y_", "vlan_id": 114}]
    assert len(problems(wanted_from(slice_))) == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["a", "b"], 0), (["a", "a"], 1), (["a", "A"], 1), (["a", "A", "a"], 1), (["a", "a", "b", "B"], 2)],
)
def test_names_are_compared_regardless_of_case(names: list[str], expected: int) -> None:
    assert count(vms=[vm(name) for name in names], networks=[{"name": "lan"}]) == expected
    assert count(links=[{**link("a", "b"), "name": name} for name in names]) == expected
    assert count(networks=[{"name": name} for name in names]) == expected


@pytest.mark.parametrize("kind", ["links", "networks"])
def test_links_and_networks_have_unique_names(kind: str) -> None:
    def named(*names: str | None) -> dict[str, Any]:
        ends = {"endpoints": ["a", "b"]} if kind == "links" else {}
        return {kind: [{"name": name, **ends} for name in names]}

    assert count(**named("x", "y")) == 0
    assert count(**named("x", "x")) == 1
    assert count(**named("x", "X")) == 1
    assert count(**named("x", "x", "x", "y", "y")) == 2
    if kind == "links":
        assert count(**named(None, None)) == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"vlan_pools": 0}, 1),
        ({"vlan_pools": 1}, 0),
        ({"vlan_pools": 100}, 0),
        ({"vlan_pools": 101}, 1),
        ({"vms": [vm("a", vnc_password_version=0)]}, 1),
        ({"vms": [vm("a", vnc_password_version=1)]}, 0),
        ({"vms": [vm("a", vnc_password_version=1_000_000)]}, 0),
        ({"vms": [vm("a", vnc_password_version=1_000_001)]}, 1),
        ({"vms": [vm("a", data_interfaces=-1)]}, 1),
        ({"vms": [vm("a", data_interfaces=0)]}, 0),
        ({"vms": [vm("a", data_interfaces=128)]}, 0),
        ({"vms": [vm("a", data_interfaces=129)]}, 1),
        ({"vms": [vm("a", vm_id=1), vm("b", vm_id=2), vm("c")]}, 0),
        ({"vms": [vm("a", vm_id=1), vm("b", vm_id=1), vm("c", vm_id=1)]}, 1),
        ({"links": [{**link("a", "b"), "link_id": 1}, {**link("b", "c"), "link_id": 1}]}, 1),
        ({"networks": [{"name": "x", "vlan_id": 100}, {"name": "y", "vlan_id": 100}]}, 1),
    ],
)
def test_numbers_have_bounds_and_ids_are_unique(fields: dict[str, Any], expected: int) -> None:
    assert count(**fields) == expected


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ([["a", "b"]], 0),
        ([["a"]], 1),
        ([[]], 1),
        ([["a", "b", "c"]], 1),
        ([["a", "a"]], 1),
        ([["a:eth1", "a:eth2"]], 1),
        ([["a", "x"]], 1),
        ([["x", "y"]], 2),
        ([["a:eth0", "b"]], 1),
        ([["a:eth1", "b"]], 0),
        ([["a:eth128", "b"]], 0),
        ([["a:eth129", "b"]], 1),
        ([["a:eth01", "b"]], 1),
        ([["a:eth", "b"]], 1),
        ([["a:", "b"]], 1),
        ([["a:ens1", "b"]], 1),
        ([["a:eth1", "b"], ["a:eth2", "c"]], 0),
        ([["a:eth1", "b"], ["a:eth1", "c"]], 1),
        ([["a:eth1", "b"], ["a:eth1", "c"], ["c", "a:eth1"]], 1),
    ],
)
def test_links_have_two_existing_free_endpoints(links: list[list[str]], expected: int) -> None:
    assert count(links=[{"endpoints": ends} for ends in links]) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [([], 0), (["a", "b", "c"], 0), (["a", "a"], 1), (["a", "x"], 1), (["a:eth0"], 1), (["a:eth1", "b"], 0)],
)
def test_members_of_networks_exist_and_are_unique(members: list[str], expected: int) -> None:
    assert count(networks=[{"name": "x", "members": members}]) == expected


def test_a_link_and_a_network_do_not_share_an_interface() -> None:
    assert count(links=[link("a:eth1", "b")], networks=[{"name": "x", "members": ["a:eth2"]}]) == 0
    assert count(links=[link("a:eth1", "b")], networks=[{"name": "x", "members": ["a:eth1"]}]) == 1


@pytest.mark.parametrize(
    ("told", "links", "expected"),
    [(0, 0, 0), (0, 1, 1), (1, 1, 0), (1, 2, 1), (2, 2, 0), (None, 128, 0), (None, 129, 1), (20, 21, 1)],
)
def test_each_link_takes_an_interface_of_its_vm(told: int | None, links: int, expected: int) -> None:
    others = [vm(f"n{number}") for number in range(links)]
    joined = [link("a", other["name"]) for other in others]
    assert count(vms=[vm("a", data_interfaces=told), *others], links=joined) == expected


@pytest.mark.parametrize(("told", "interface", "expected"), [(1, "eth1", 0), (1, "eth2", 1), (0, "eth1", 2)])
def test_a_link_can_only_use_interfaces_of_its_vm(told: int, interface: str, expected: int) -> None:
    """A VM without interfaces also exceeds its number of links."""
    machines = [vm("a", data_interfaces=told), vm("b")]
    assert count(vms=machines, links=[link(f"a:{interface}", "b")]) == expected


@pytest.mark.parametrize(
    ("interfaces", "expected"),
    [
        ([{"name": "eth1", "tx_kbps": 1}, {"name": "eth2", "tx_kbps": 1}], 0),
        ([{"name": "eth1", "tx_kbps": 1}, {"name": "eth1", "rx_kbps": 1}], 1),
        ([{"name": "eth1", "tx_kbps": 0, "loss_percent": 101}], 2),
    ],
)
def test_limits_are_valid_and_listed_once(interfaces: list[dict[str, Any]], expected: int) -> None:
    assert count(vms=[vm("a", interfaces=interfaces)]) == expected


@pytest.mark.parametrize(("mtu", "expected"), [(67, 1), (68, 0), (65521, 0), (65522, 1)])
def test_segments_have_a_possible_mtu(mtu: int, expected: int) -> None:
    assert count(links=[{**link("a", "b"), "mtu": mtu}]) == expected
    assert count(networks=[{"name": "x", "mtu": mtu}]) == expected


def test_problems_of_networks_are_reported() -> None:
    assert count(networks=[{"name": "x", "nat": True}, {"name": "y", "cidr": "x"}]) == 2


def test_links_without_a_name_are_called_by_their_number() -> None:
    links = [{**link("a", "b"), "name": "x"}, link("b", "none")]
    (refusal,) = problems(read_slice(topology(vms=[vm("a"), vm("b")], links=links), default_owner="admin"))
    assert refusal.object == "link web/2 (b–none)"


@pytest.mark.parametrize(("title", "is_valid"), [("a" * 200, True), ("a" * 201, False), ("a\nb", False), ("", False)])
@pytest.mark.parametrize(
    ("kind", "fields_of"),
    [
        ("slice", lambda title: {"title": title}),
        ("VM", lambda title: {"vms": [vm("a", title=title), vm("b")]}),
        ("link", lambda title: {"links": [{**link("a", "b"), "title": title}]}),
        ("network", lambda title: {"networks": [{"name": "n", "title": title}]}),
    ],
)
def test_titles_are_one_line(kind: str, fields_of: Any, title: str, is_valid: bool) -> None:
    named = {"vms": [vm("a"), vm("b")], "links": [], **fields_of(title)}
    found = list(problems(read_slice(topology(**named), default_owner="admin")))
    assert [(each.code, each.figures["kind"]) for each in found] == ([] if is_valid else [("invalid_title", kind)])


def told(**fields: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the violations in a topology with VMs a, b and c and these fields."""
    named = {"vms": [vm("a"), vm("b"), vm("c")], "links": []}
    found = problems(read_slice(topology(**{**named, **fields}), default_owner="admin"))
    return [(each.code, each.object, dict(each.figures)) for each in found]


def test_equal_names_are_counted_and_names_that_differ_in_case_are_listed() -> None:
    assert told(vms=[vm("a"), vm("b"), vm("a")]) == [
        ("duplicate_name", "slice web", {"kind": "VM", "name": "a", "count": 2})
    ]
    assert told(vms=[vm("a"), vm("b"), vm("A")]) == [
        ("names_differ_in_case", "slice web", {"kind": "VM", "names": ["a", "A"]})
    ]


def test_links_without_a_name_are_counted_from_1() -> None:
    (refused, *_others) = told(links=[link("a", "b"), {**link("b", "c"), "mtu": 1}])
    assert refused[1] == "link web/2 (b–c)"


@pytest.mark.parametrize(
    ("most", "names"), [(0, []), (1, ["eth1"]), (2, ["eth1", "eth2"]), (3, ["eth1 to eth3"]), (4, ["eth1 to eth4"])]
)
def test_the_interfaces_of_a_vm_are_listed_in_a_refusal(most: int, names: list[str]) -> None:
    machines = [vm("a", data_interfaces=most), vm("b")]
    found = [figures for code, _where, figures in told(vms=machines, links=[link("a:eth9", "b")]) if "known" in figures]
    assert found == [{"kind": "interface", "name": "a:eth9", "known": names}]


def test_each_reason_is_told_once_with_its_figures() -> None:
    assert told(links=[link("a", "a")]) == [("link_to_itself", "link web/1 (a–a)", {"vm": "a"})]
    found = told(networks=[{"name": "lan", "members": ["a", "a", "b"]}])
    assert [(code, figures) for code, _where, figures in found] == [("member_twice", {"vm": "a", "count": 2})]
    found = told(links=[link("a:eth1", "b"), link("a:eth1", "c"), link("a:eth1", "b")])
    assert [(code, figures) for code, _where, figures in found] == [("interface_in_use", {"endpoint": "a:eth1"})]


@pytest.mark.parametrize(("most", "links", "is_refused"), [(0, 0, False), (0, 1, True), (1, 1, False), (1, 2, True)])
def test_a_vm_has_an_interface_for_each_of_its_segments(most: int, links: int, is_refused: bool) -> None:
    found = told(
        vms=[vm("a", data_interfaces=most), vm("b"), vm("c")], links=[link("a", each) for each in "bc"[:links]]
    )
    figures = {"segments": links, "most": most}
    assert found == ([("too_few_interfaces", "VM web/a", figures)] if is_refused else [])


@pytest.mark.parametrize(
    ("most", "own", "code"),
    [(1, None, "kind_has_fewer_interfaces"), (1, 1, "too_few_interfaces"), (None, 1, "too_few_interfaces")],
)
def test_the_kind_is_named_if_it_has_fewer_interfaces(most: int | None, own: int | None, code: str) -> None:
    machines = [vm("a", data_interfaces=own), vm("b"), vm("c")]
    want = read_slice(topology(vms=machines, links=[link("a", "b"), link("a", "c")]), default_owner="admin")
    first, *others = want.vms
    kind = Kind("switch", max_data_interfaces=most)
    found = problems(replace(want, vms=(replace(first, of_kind=kind), *others)))
    assert [(each.code, each.object) for each in found] == [(code, "VM web/a")]


def test_an_interface_is_called_as_in_the_guest() -> None:
    want = read_slice(topology(vms=[vm("a"), vm("b")], links=[link("a:eth3", "b")]), default_owner="admin")
    kind = Kind("switch", max_data_interfaces=2, interface_pattern="swp{n}")
    first, second = want.vms
    (found,) = problems(replace(want, vms=(replace(first, of_kind=kind), second)))
    assert found.figures == {"kind": "interface", "name": "a:swp3", "known": ["swp1", "swp2"]}


@pytest.mark.parametrize(
    ("network", "members", "is_refused"),
    [
        ("r1", ["lo", "r1"], True),
        ("R1", ["LO"], True),
        ("r1", ["r1"], False),
        ("lan", ["lo", "r1"], False),
    ],
)
def test_a_member_does_not_get_the_dns_name_of_a_loopback_address(
    network: str, members: list[str], is_refused: bool
) -> None:
    name = next((each for each in members if each.lower() == "lo"), "lo")
    data = topology(vms=[vm(name), vm("r1")], links=[], networks=[{"name": network, "members": members}])
    found = [refusal.message for refusal in problems(read_slice(data, default_owner="admin"))]
    message = (
        f"slice web: VM lo on network {network} would have the name of VM r1's loopback address, "
        f"lo.{network}.internal; give one of them another name"
    )
    assert found == ([message] if is_refused else [])
