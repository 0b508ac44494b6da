# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and groups of guests; C(tests/unit/plugins/inventory) has the rest from end to end."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import guests as rules
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from .builders import cluster, put, topology

LABELS = st.text(st.sampled_from("ab-._ é{%1"), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["slice", "owner", "worker"]), LABELS), unique=True))
def test_groups_have_unique_valid_names(labels: list[tuple[str, str]]) -> None:
    names, problems = rules.group_names((grouping, label, label) for grouping, label in labels)
    assert set(names) == set(labels)
    assert len(set(names.values())) == len(labels)
    assert all(re.fullmatch(r"[a-z]+_[A-Za-z0-9_]*", name) for name in names.values())
    by_base = {rules.safe(f"{grouping}_{label}") for grouping, label in labels}
    assert (problems == []) == (len(by_base) == len(labels))


def test_groups_with_equal_names_are_reported() -> None:
    groups = [("owner", "a-b", "a-b"), ("owner", "a.b", "a.b"), ("slice", "1000", "web"), ("slice", "1003", "web")]
    names, problems = rules.group_names(groups)
    assert names["slice", "1003"] == "slice_web_1003"
    assert len(set(names.values())) == 4
    # A suffix says nothing of the other groups, so that a name stays when these change.
    assert rules.group_names(groups[:2])[0]["owner", "a.b"] == names["owner", "a.b"]
    owners, slices = list(names.values())[:2], list(names.values())[2:]
    assert problems == [
        Refusal("group_names_equal", "group name owner_a_b", {"count": 2, "renamed": owners}),
        Refusal("group_names_equal", "group name slice_web", {"count": 2, "renamed": slices}),
    ]


@pytest.mark.parametrize(("address", "lack"), [(None, "address"), ("10.60.7.101", "jump_host")])
def test_what_a_connection_lacks(address: str | None, lack: str) -> None:
    refusal = rules.without_connection({"cloudrepo_address": address}, "web/vm1 (1001)", ("jump",))
    figures = {"preferred": ["jump"]}
    assert refusal == Refusal(f"no_connection_without_{lack}", "VM web/vm1 (1001)", figures)


def test_conflicting_names_get_the_id_appended() -> None:
    names, problems = rules.unique_names([(1, "a"), (2, "b"), (3, "a"), (4, "c")], taken=["c"])
    assert names == {1: "a-1", 2: "b", 3: "a-3", 4: "c-4"}
    assert problems == [
        Refusal("host_names_equal", "host name a", {"count": 2, "renamed": ["a-1", "a-3"]}),
        Refusal("host_name_in_use", "host name c", {"count": 1, "renamed": ["c-4"]}),
    ]


def test_a_new_name_is_not_that_of_another_vm_or_group() -> None:
    """Commands for a host or group must not reach the VMs of another."""
    names, _problems = rules.unique_names([(1, "a"), (2, "a"), (3, "a-1"), (4, "b"), (5, "b-4")], taken=["b", "b-4-4"])
    assert names == {1: "a-1-1", 2: "a-2", 3: "a-1", 4: "b-4-4-4", 5: "b-4"}
    groups, _problems = rules.group_names(
        [("slice", "1000", "web"), ("slice", "1003", "web"), ("slice", "1005", "web-1000")]
    )
    assert list(groups.values()) == ["slice_web_1000_1000", "slice_web_1003", "slice_web_1000"]


def test_vms_that_are_being_deleted_are_not_guests() -> None:
    held = cluster()
    web, shop = put(held, topology("web")), put(held, topology("shop"))
    web.vms[0].deleting = True
    shop.deleting = True
    assert [(each["cloudrepo_slice_name"], each["cloudrepo_vm_name"]) for each in rules.guests([web, shop])] == [
        ("web", "vm2")
    ]


def test_a_vm_is_described_by_its_variables() -> None:
    held = cluster()
    networks = [{"name": "lan", "members": ["vm2"]}, {"name": "dmz", "members": ["vm1"]}]
    slice_ = put(held, topology(links=[{"endpoints": ["vm1:eth1", "vm2:eth1"], "name": "core"}], networks=networks))
    first, second = rules.guests([slice_])
    assert first == {
        "cloudrepo_vm_id": 1001,
        "cloudrepo_vm_uuid": slice_.vms[0].uuid,
        "cloudrepo_vm_name": "vm1",
        "cloudrepo_slice_id": 1000,
        "cloudrepo_slice_name": "web",
        "cloudrepo_owner": "admin",
        "cloudrepo_state": "pending",
        "cloudrepo_power": "running",
        "cloudrepo_flavor": "cirros",
        "cloudrepo_kind": None,
        "cloudrepo_cores": 1,
        "cloudrepo_ram_gb": 0.5,
        "cloudrepo_worker": "10.0.10.1",
        "cloudrepo_address": "10.60.7.101",
        "cloudrepo_interfaces": [
            interface(0, vlan_id=400, address="10.60.7.101"),
            interface(1, vlan_id=100),
            interface(2, vlan_id=102, network="dmz"),
        ],
        "cloudrepo_links": [
            {
                "link_id": 1,
                "name": "core",
                "vlan_id": 100,
                "interface": "eth1",
                "guest_interface": "eth1",
                "peer": "vm2",
                "peer_interface": "eth1",
                "peer_guest_interface": "eth1",
                "addresses": [],
                "peer_addresses": [],
            }
        ],
        "cloudrepo_networks": ["dmz"],
        "cloudrepo_loopback": {},
        "cloudrepo_vnc": {"host": "10.0.10.1", "port": 5901},
    }
    assert (second["cloudrepo_address"], second["cloudrepo_networks"]) == (None, ["lan"])
    assert [end["peer"] for end in second["cloudrepo_links"]] == ["vm1"]
    assert [each["vlan_id"] for each in second["cloudrepo_interfaces"]] == [None, 100, 101]


def interface(number: int, **fields: Any) -> dict[str, Any]:
    named = {"name": f"eth{number}", "guest_name": f"eth{number}", "mac": f"52:54:00:03:e9:{number:02x}"}
    return {**named, "vlan_id": None, "address": None, "network": None, "addresses": [], **fields}


def test_a_vm_has_the_addresses_of_its_links_and_of_its_loopback() -> None:
    pools = {"links": {"ipv4": "10.1.0.0/16", "ipv6": "2001:db8:1::/48"}, "loopbacks": {"ipv4": "10.0.0.0/24"}}
    first, second = rules.guests([put(cluster(), topology(addressing=pools))])
    assert (first["cloudrepo_loopback"], second["cloudrepo_loopback"]) == ({"ipv4": "10.0.0.1"}, {"ipv4": "10.0.0.2"})
    own = ["10.1.0.2/30", "2001:db8:1::2/64"]
    assert [each["addresses"] for each in second["cloudrepo_interfaces"]] == [[], own]
    (end,) = first["cloudrepo_links"]
    assert (end["addresses"], end["peer_addresses"]) == (["10.1.0.1/30", "2001:db8:1::1/64"], own)


def test_a_vm_without_a_flavor_and_a_network_without_a_name_are_described_as_well() -> None:
    slice_ = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    slice_.vms[0].flavor = None
    del slice_.networks[0].extra["name"]
    first = rules.guests([slice_])[0]
    assert (first["cloudrepo_flavor"], first["cloudrepo_cores"], first["cloudrepo_networks"]) == ("", None, [])
    assert {each["network"] for each in first["cloudrepo_interfaces"]} == {None}


LINUX = rules.Kind("linux", ("ubuntu*", "debian"), rules.CONNECTIONS, {})
REST = rules.Kind("rest", ("*",), rules.CONNECTIONS, {})


@pytest.mark.parametrize(
    ("flavor", "kinds", "kind"),
    [
        ("ubuntu-22", [LINUX, REST], LINUX),
        ("debian", [REST, LINUX], REST),
        ("Debian", [LINUX], None),
        ("cirros", [LINUX, REST], REST),
    ],
)
def test_the_first_kind_that_matches_the_flavor_counts(
    flavor: str, kinds: list[rules.Kind], kind: rules.Kind | None
) -> None:
    assert rules.kind_of({"cloudrepo_flavor": flavor}, kinds) is kind


@pytest.mark.parametrize(
    ("address", "has_jump_host", "preference", "connection"),
    [
        ("10.60.7.101", True, rules.CONNECTIONS, rules.CONNECTIONS[0]),
        ("10.60.7.101", False, (rules.JUMP, rules.DIRECT), rules.DIRECT),
        ("10.60.7.101", True, (rules.JUMP, rules.DIRECT), rules.JUMP),
        (None, True, rules.CONNECTIONS, rules.CONSOLE),
        (None, True, (rules.DIRECT, rules.JUMP), None),
        ("10.60.7.101", False, (rules.CONSOLE, rules.DIRECT), rules.CONSOLE),
    ],
)
def test_the_first_possible_connection_is_used(
    address: str | None, has_jump_host: bool, preference: tuple[str, ...], connection: str | None
) -> None:
    guest = {"cloudrepo_address": address}
    assert rules.connection_of(guest, preference, has_jump_host=has_jump_host) == connection


def test_a_vm_is_in_the_requested_groups() -> None:
    slice_ = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    guest = {**rules.guests([slice_])[0], "cloudrepo_kind": "linux"}
    every = ("slice", "owner", "flavor", "kind", "worker", "state", "network")
    assert list(rules.groups_of(guest, every)) == [
        ("slice", "1000", "web"),
        ("owner", "admin", "admin"),
        ("flavor", "cirros", "cirros"),
        ("kind", "linux", "linux"),
        ("worker", "10.0.10.1", "10.0.10.1"),
        ("state", "pending", "pending"),
        ("network", "1000/lan", "web_lan"),
    ]
    assert list(rules.groups_of({**guest, "cloudrepo_kind": None}, ("kind", "state"))) == [
        ("state", "pending", "pending")
    ]


def test_the_address_is_that_of_the_first_interface_that_has_one() -> None:
    slice_ = put(cluster(), topology())
    slice_.vms[0].interfaces.reverse()
    (first, _second) = rules.guests([slice_])
    assert [each["address"] for each in first["cloudrepo_interfaces"]] == [None, "10.60.7.101"]
    assert first["cloudrepo_address"] == "10.60.7.101"


def test_the_suffix_of_a_slice_is_its_id_and_that_of_a_network_its_identity() -> None:
    names, _problems = rules.group_names(
        [("slice", "1000/a", "w"), ("slice", "1003/b", "w"), ("network", "1000/a", "w"), ("network", "1003/b", "w")]
    )
    assert list(names.values()) == ["slice_w_1000", "slice_w_1003", "network_w_1000_a", "network_w_1003_b"]
