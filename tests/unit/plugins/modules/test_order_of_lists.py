# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of a topology's lists is no change, neither of the database nor on a host."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from tests.unit.plugins.module_utils._domain import builders

from .module_calls import Door, Memory
from .readers import read_back

FOLDERS = Folders("/s", ipaddress.IPv4Network("169.254.64.0/24"))
SLICE: dict[str, Any] = {
    "name": "web",
    "peers": True,
    "expires": "2026-12-31T18:00:00Z",
    "vms": [
        builders.vm(
            "a",
            internet=True,
            interfaces=[{"name": "eth1", "tx_kbps": 5}, {"name": "eth2", "up": False}],
            data_interfaces=9,
            data_disks=[{"name": "db", "size_gb": 2}, {"name": "log", "size_gb": 1}],
            cloud_init={
                "ssh_keys": ["ssh-rsa AAAA one", "ssh-rsa BBBB two", "ssh-rsa CCCC three"],
                "interfaces": [
                    {"name": "eth7", "addresses": ["10.77.0.1/24"]},
                    {"name": "eth8", "addresses": ["10.78.0.1/24", "2001:db8:78::1/64"]},
                ],
            },
        ),
        builders.vm("b", internet=True, loopback={"ipv4": "10.255.0.1"}),
        builders.vm("c", data_interfaces=12),
    ],
    "links": [
        {
            "endpoints": ["a", "b"],
            "name": "x",
            "cidr": "10.5.0.0/30",
            "addresses": [{"vm": "a", "ipv4": "10.5.0.2"}, {"vm": "b", "ipv4": "10.5.0.1"}],
        },
        {"endpoints": ["b:eth2", "c"], "name": "y", "mtu": 9000},
        {"endpoints": ["a", "c"]},
        {"endpoints": ["a", "c"], "mtu": 9000},
        {"endpoints": ["a", "c"], "qinq": True},
        {"endpoints": ["a", "c"], "title": "Uplink"},
        {"endpoints": ["a:eth9", "c:eth9"], "forward_bpdu": True},
        {"endpoints": ["b", "c"], "cidr": "10.7.0.0/30"},
        {"endpoints": ["b", "c"], "cidr": "10.7.0.4/30", "addresses": [{"vm": "b", "ipv4": "10.7.0.6"}]},
        {"endpoints": ["b", "c"], "cidr": "10.7.0.8/30", "mtu": 9000},
        {"endpoints": ["b", "c"]},
    ],
    "networks": [
        {"name": "lan", "members": ["a", "b", "c"], "gateway": True, "dhcp_enabled": True, "nat": True},
        {
            "name": "quiet",
            "members": ["c", "a"],
            "cidr": "10.6.0.0/24",
            "addresses": [{"vm": "a", "ipv4": "10.6.0.20"}, {"vm": "c", "ipv4": "10.6.0.10"}],
        },
    ],
}


def shuffled(value: Any, data: st.DataObject) -> Any:
    """Return a value with all its lists in another order."""
    if isinstance(value, Mapping):
        return {name: shuffled(each, data) for name, each in value.items()}
    if isinstance(value, list):
        return data.draw(st.permutations([shuffled(each, data) for each in value]))
    return value


def unordered(value: Any) -> Any:
    """Return a value with sorted lists."""
    if isinstance(value, Mapping):
        return {name: unordered(each) for name, each in value.items()}
    return sorted(map(unordered, value), key=repr) if isinstance(value, list) else value


def files_of_network_node(orders: Mapping[str, Any]) -> dict[str, str]:
    services, _refused = read_services(orders["network_node"]["slices"], links=read_links(str(FOLDERS.links)))
    return {path: text for one in services for path, text in texts(one, FOLDERS).items()}


@settings(max_examples=30)
@given(data=st.data())
def test_another_order_of_lists_changes_nothing(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        held = builders.cluster(3, extra={"trunk_mtu": 9000})
        door = Door(Memory(held), patch)
        first = door("slice", slices=[SLICE], work_orders=True)
        again = door("slice", slices=[shuffled(SLICE, data)], work_orders=True)
        assert (first["changed"], again.get("msg"), again["changed"], again["changes"]) == (True, None, False, [])
        assert again["diff"] == {"before": "", "after": ""}
        read_back(again["work_orders"])
        assert unordered(again["work_orders"]) == unordered(first["work_orders"])
        assert files_of_network_node(again["work_orders"]) == files_of_network_node(first["work_orders"])
