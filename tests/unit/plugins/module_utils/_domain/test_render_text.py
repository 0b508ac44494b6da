# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices as tables, and names and subnets that are derived from numbers."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.render_text import slice_table, slices_table
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network, Slice

from .builders import cluster, deployed, put, topology, vm


def test_the_table() -> None:
    slice_ = put(cluster(), topology())
    slice_.vms[0].see(Observed("running", "4821"))
    assert slice_table(slice_).splitlines() == [
        "slice web (1000) of admin: running, VLAN pool 100–119",
        "VM   ID    WORKER     STATE    PID   ADDRESS      INTERFACES:VLAN    VNC",
        "vm1  1001  10.0.10.1  running  4821  10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901",
        "vm2  1002  10.0.10.2  pending  -     -            eth0:- eth1:100    10.0.10.2:5902",
    ]


def test_one_line_per_slice() -> None:
    held = cluster()
    web = put(held, topology())
    web.vms[0].see(Observed("running", "4821"))
    empty = put(held, topology("empty", owner="alice", vms=[], links=[]))
    assert slices_table([web, empty], 400).splitlines() == [
        "SLICE  ID    OWNER  STATUS   RUNNING  VLANS  WORKERS",
        "web    1000  admin  running  1/2      1/20   10.0.10.1 10.0.10.2",
        "empty  1003  alice  design   0/0      0/20   -",
    ]
    assert slices_table([], 400) == "no slices"


def test_a_pending_change_of_power_is_in_the_table() -> None:
    held = cluster()
    deployed(put(held, topology()))
    new = put(held, topology(vms=[vm("vm1", internet=True, power="stopped"), vm("vm2")]))
    assert "vm1  1001  10.0.10.1  running, to be stopped  -    10.60.7.101" in slice_table(new)
    new.vms[0].see(Observed("stopped"))
    assert "vm1  1001  10.0.10.1  stopped  -    10.60.7.101" in slice_table(new)


def test_the_table_contains_networks() -> None:
    lan = {"name": "lan", "members": ["vm1", "vm2"], "gateway": True, "dhcp_enabled": True, "mtu": 1400, "qinq": True}
    slice_ = put(cluster(), topology(networks=[lan, {"name": "quiet", "members": ["vm1"]}]))
    assert slice_table(slice_).splitlines()[-2:] == [
        "network web/lan: VLAN 101, CIDR 192.168.101.0/24, gateway 192.168.101.1, "
        "DHCP 192.168.101.10,192.168.101.250, NAT off, members vm1:eth2 vm2:eth2, MTU 1400, QinQ on",
        "network web/quiet: VLAN 102, CIDR 192.168.102.0/24, gateway off, DHCP off, NAT off, members vm1:eth3",
    ]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, "gateway off, DHCP off, NAT off, members vm1:eth2"),
        ({"gateway": True}, "gateway 10.0.0.1, DHCP off, NAT off, members vm1:eth2"),
        ({"dhcp_enabled": True}, "gateway off, DHCP 10.0.0.10,10.0.0.250, NAT off, members vm1:eth2"),
        ({"gateway": True, "nat": True}, "gateway 10.0.0.1, DHCP off, NAT on, members vm1:eth2"),
        ({"mtu": 1501}, "gateway off, DHCP off, NAT off, members vm1:eth2, MTU 1501"),
        ({"qinq": True}, "gateway off, DHCP off, NAT off, members vm1:eth2, QinQ on"),
        ({"forward_bpdu": True}, "gateway off, DHCP off, NAT off, members vm1:eth2, BPDUs on"),
    ],
)
def test_the_table_contains_each_setting_of_a_network(fields: dict[str, Any], shown: str) -> None:
    lan = {"name": "lan", "members": ["vm1"], "cidr": "10.0.0.0/24", **fields}
    slice_ = put(cluster(), topology(networks=[lan]))
    assert slice_table(slice_).splitlines()[-1] == f"network web/lan: VLAN 101, CIDR 10.0.0.0/24, {shown}"


def test_a_network_without_name_and_range_is_shown_by_its_vlan() -> None:
    slice_ = Slice(1000, "admin")
    slice_.networks.append(Network(100, "192.168.100.0/24", None, dhcp_enabled=True))
    assert slice_table(slice_).splitlines()[-1].startswith("network 1000/100: VLAN 100, CIDR 192.168.100.0/24, ")
    assert ", DHCP on, " in slice_table(slice_)


def test_vms_that_are_deleted_do_not_count() -> None:
    web = deployed(put(cluster(), topology()))
    assert slices_table([web], 400).splitlines()[1].split()[3:] == ["running", "2/2", "1/20", "10.0.10.1", "10.0.10.2"]
    web.vms[0].deleting = True
    assert slices_table([web], 400).splitlines()[1].split()[4:] == ["1/1", "1/20", "10.0.10.2"]
    (line,) = (line for line in slice_table(web).splitlines() if line.startswith("vm1 "))
    web.vms[0].extra["power"] = "stopped"
    assert line in slice_table(web).splitlines()


def test_the_power_of_a_vm_that_no_host_has_reported_is_pending_only_if_it_shall_not_run() -> None:
    held = cluster()
    new = put(held, topology(vms=[vm("vm1"), vm("vm2", power="stopped"), vm("vm3", power="paused")], links=[]))
    shown = [line.split("10.0.10.")[1][1:].split("  -")[0].strip() for line in slice_table(new).splitlines()[2:]]
    assert shown == ["pending", "pending, to be stopped", "pending, to be paused"]


def test_the_table_contains_addresses() -> None:
    pools = {
        "links": {"ipv4": "10.1.0.0/16", "ipv6": "2001:db8:1::/48"},
        "networks": {"ipv4": "10.2.0.0/16", "ipv6": "2001:db8:2::/48"},
        "loopbacks": {"ipv4": "10.0.0.0/24"},
    }
    slice_ = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1"]}], addressing=pools))
    assert slice_table(slice_).splitlines()[-4:] == [
        "network web/lan: VLAN 101, CIDR 10.2.0.0/24, gateway off, DHCP off, NAT off, members vm1:eth2, "
        "CIDR6 2001:db8:2::/64",
        "loopbacks of web: vm1 10.0.0.1, vm2 10.0.0.2",
        "addresses of link web/1: vm1:eth1 10.1.0.1 2001:db8:1::1, vm2:eth1 10.1.0.2 2001:db8:1::2",
        "addresses of network web/lan: vm1:eth2 10.2.0.1 2001:db8:2::1",
    ]


def test_the_table_contains_titles_if_there_are_any() -> None:
    held = cluster()
    lan = {"name": "lan", "title": "Büro", "members": ["vm1"]}
    slice_ = put(held, topology(title="Shop", vms=[vm("vm1", title="São Paulo"), vm("vm2")], networks=[lan]))
    lines = slice_table(slice_).splitlines()
    assert lines[0] == 'slice web "Shop" (1000) of admin: design, VLAN pool 100–119'
    assert [line.split()[-2:] for line in lines[1:4]] == [
        ["VNC", "TITLE"],
        ["São", "Paulo"],
        ["eth1:100", "10.0.10.2:5902"],
    ]
    assert lines[4].startswith('network web/lan "Büro": VLAN 101')
    put(held, topology("plain", vms=[], links=[]))
    table = slices_table(list(held.slices.values()), 400).splitlines()
    assert [line.split()[-1] for line in table] == ["TITLE", "Shop", "-"]


def test_the_heading_contains_the_revision_of_a_changed_slice() -> None:
    slice_ = Slice(1000, "admin")
    slice_.extra["revision"] = 1795371735123
    heading = "slice 1000 (1000) of admin: design, VLAN pool 100–119, revision 1795371735123"
    assert slice_table(slice_).splitlines()[0] == heading
