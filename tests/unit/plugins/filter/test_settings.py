# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.settings import FilterModule


def test_a_missing_interface_is_reported() -> None:
    missing = FilterModule().filters()["missing_interfaces"]
    values = {"network_node_uplink": "trunk0", "network_node_wan_interface": "eno1"}
    found = [{"name": "lo"}, {"name": "trunk0"}]
    assert missing(values, found) == [
        "settings: network_node_wan_interface is eno1, but this host has only the interfaces lo, trunk0"
    ]
    assert missing(values, [*found, {"name": "eno1"}]) == []
    assert missing({"worker_uplink": "", "network_node_wan_interface": None}, found) == []
    assert missing(values, []) == [], "the command ip is missing"


def test_of_many_interfaces_the_first_are_listed_without_those_of_vms() -> None:
    missing = FilterModule().filters()["missing_interfaces"]
    taps = [{"name": f"tap_{number}_eth0"} for number in range(1001, 2001)]
    few, many = ([{"name": f"eno{number}"} for number in range(count)] for count in (10, 1234))
    told = "settings: worker_uplink is trunk0, but this host has only the interfaces eno0, eno1, eno2, eno3, eno4, "
    told += "eno5, eno6, eno7, eno8, eno9"
    assert missing({"worker_uplink": "trunk0"}, [*taps, *few]) == [told]
    assert missing({"worker_uplink": "trunk0"}, [*taps, *many]) == [f"{told} and 1,224 more"]
    assert missing({"worker_uplink": "tap_1001_eth0"}, taps) == []


HAS = [
    {"name": "eno1", "addresses": ["192.0.2.11/24"], "kind": None, "master": None},
    {"name": "eno2", "addresses": ["169.254.7.7/16"], "kind": None, "master": None},
    {"name": "eno3", "addresses": [], "kind": None, "master": "br0"},
    {"name": "eno4", "addresses": [], "kind": None, "master": "bond0"},
    {"name": "eno5", "addresses": ["192.0.2.12/24"], "kind": None, "master": "ovs-system"},
    {"name": "eno6", "addresses": [], "kind": None, "master": "vrf0"},
    {"name": "br0", "addresses": [], "kind": "bridge", "master": None},
    {"name": "bond0", "addresses": [], "kind": "bond", "master": None},
    {"name": "vrf0", "addresses": [], "kind": "vrf", "master": None},
    {"name": "ovs-system", "addresses": [], "kind": "openvswitch", "master": None},
]


@pytest.mark.parametrize(
    ("uplink", "told"),
    [
        ("", []),
        (None, []),
        ("eno9", []),
        ("eno2", []),
        ("eno5", []),
        ("eno6", []),
        ("bond0", []),
        ("br-int", ["settings: uplink and bridge are both br-int; they must be different interfaces"]),
        (
            "br0",
            ["settings: uplink is br0, which is a bridge itself; name the interface that leads to the other hosts"],
        ),
        (
            "ovs-system",
            [
                "settings: uplink is ovs-system, which is a bridge itself; name the interface that leads to the other "
                "hosts"
            ],
        ),
        (
            "eno1",
            [
                "settings: uplink is eno1, which has the address 192.0.2.11/24; the host would lose it; move the "
                "address to another interface, or name another interface"
            ],
        ),
        (
            "eno3",
            [
                "settings: uplink is eno3, a port of br0 (bridge), so frames go to br0; remove it from br0, "
                "or name another interface"
            ],
        ),
        (
            "eno4",
            ["settings: uplink is eno4, a member of bond0 (bond), so frames go to bond0; name bond0 instead"],
        ),
    ],
)
def test_a_trunk_is_an_interface_of_its_own_without_an_address(uplink: str | None, told: list[str]) -> None:
    problems = FilterModule().filters()["trunk_problems"]
    assert problems({"uplink": uplink, "bridge": "br-int"}, HAS) == told


@pytest.mark.parametrize(
    ("wan", "told"),
    [
        ("eno1", []),
        ("br0", []),
        ("bond0", []),
        ("eno9", []),
        ("eno6", []),
        ("eno2", ["settings: wan and uplink are both eno2; they must be different interfaces"]),
        (
            "eno3",
            [
                "settings: wan is eno3, a port of br0 (bridge), so frames go to br0; remove it from br0, "
                "or name another interface"
            ],
        ),
        ("eno4", ["settings: wan is eno4, a member of bond0 (bond), so frames go to bond0; name bond0 instead"]),
        (
            "eno5",
            [
                "settings: wan is eno5, a port of ovs-system (openvswitch), so frames go to ovs-system; remove it "
                "from ovs-system, or name another interface"
            ],
        ),
    ],
)
def test_traffic_leaves_through_an_interface_that_nothing_else_has(wan: str, told: list[str]) -> None:
    assert FilterModule().filters()["wan_problems"]({"wan": wan, "uplink": "eno2"}, HAS) == told


def test_without_a_list_of_interfaces_only_names_are_compared() -> None:
    filters = FilterModule().filters()
    both = ["settings: wan and uplink are both eno1; they must be different interfaces"]
    assert filters["wan_problems"]({"wan": "eno1", "uplink": "eno1"}, []) == both
    assert filters["trunk_problems"]({"uplink": "eno1", "bridge": "br-int"}, []) == []


def test_each_invalid_setting_is_reported() -> None:
    problems = FilterModule().filters()["setting_problems"]
    assert problems({"worker_bridge": "br-int", "worker_uplink": "", "network_node_wan_interface": "eno1"}) == []
    assert problems({"worker_console_log_kib": 0, "worker_user": None}) == [
        "settings: worker_console_log_kib must be an integer, 1-1073741824, got 0"
    ]
