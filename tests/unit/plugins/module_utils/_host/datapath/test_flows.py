# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The flows of VLAN 400, evaluated by a small simulated switch, and their transfer to the real one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import flows, ovs
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import OFCTL, SHARED, Flow
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import Management, mac_of
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ..fakes import MORE, STATE_DIR, FakeRunner, slices, vm

FIXTURE = Path(__file__).parents[5] / "fixtures" / "flows.txt"
MARK = {"cloudrepo-infrastructure": "true"}
TRUNK = Port("trunk0", "br-int", vlan_mode="trunk", external_ids=MARK, number=1)
GATEWAY = Port("gw400", "br-int", tag=400, vlan_mode="access", external_ids=MARK, number=2, kind="internal")
DHCP = Port("dhcp400", "br-int", tag=400, vlan_mode="access", external_ids=MARK, number=3, kind="internal")
WORKER = Switch({"br-int": "system"}, {"trunk0": TRUNK})
MANAGEMENT = Management("10.60.7.1", "10.60.7.2")
GATEWAY_MAC, DHCP_MAC = "02:00:0a:3c:07:01", "02:00:0a:3c:07:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"
TO_TRUNK = "push_vlan:0x8100,set_field:4496->vlan_vid,output:1"

# MACs and addresses: A and B of slice 1000 on ports 1000 and 1002, and C of slice 2000 on port 1003; PEER of slice 1000
# is on another worker. Port 1001 is A's link.
A, B, C, PEER = (("52:54:00:03:e9:00", "10.60.7.101"), ("52:54:00:03:ea:00", "10.60.7.102"),
                 ("52:54:00:07:d1:00", "10.60.7.103"), ("52:54:00:03:eb:00", "10.60.7.104"))  # fmt: skip


def nic(vm_id: int, index: int, mac: str, vlan_id: int | None, address: str | None = None) -> dict[str, Any]:
    return {"name": f"eth{index}", "tap": f"tap_{vm_id}_eth{index}", "mac": mac, "vlan_id": vlan_id, "address": address}


def two_slices(*, peers: bool = False) -> tuple[SliceOrder, ...]:
    link = nic(1001, 1, "52:54:00:03:e9:01", 100)
    slices = [
        {
            "slice_id": 1000,
            "peers": [{"mac": mac, "address": address} for mac, address in (A, B, PEER)] if peers else [],
            "vms": [
                vm(1001, interfaces=[nic(1001, 0, A[0], 400, A[1]), link]),
                vm(1002, interfaces=[nic(1002, 0, B[0], 400, B[1])]),
            ],
        },
        {"slice_id": 2000, "vms": [vm(2001, interfaces=[nic(2001, 0, C[0], 400, C[1])])]},
    ]
    return read_slices(slices, state_dir=STATE_DIR)


def rules(switch: Switch = WORKER, *, peers: bool = False) -> frozenset[Flow]:
    orders = two_slices(peers=peers)
    numbers = ovs.plan_access_ports(orders, switch, bridge="br-int", management_vlan=400).numbers
    shared = flows.shared_flows(switch, bridge="br-int", management=MANAGEMENT)
    return shared.union(
        *(flows.slice_flows(order, numbers, switch, bridge="br-int", management=MANAGEMENT) for order in orders)
    )


def walk(known: frozenset[Flow], **frame: str) -> str:
    """Return the last actions for a frame, after its way through the tables.

    The frame's fields have OpenFlow's names, and C(kind) contains its protocols. An untagged frame has no C(vlan_tci).
    """
    kinds = frame.pop("kind", "").split()
    table = 0
    while True:
        fields = {*kinds, *(f"{key}={value}" for key, value in frame.items())}
        fields |= set() if "dl_vlan" in frame else {"vlan_tci=0x0000/0x1fff"}
        found = [flow for flow in known if flow.table == table and flow.match <= fields]
        best = max(found, key=lambda flow: flow.priority)
        assert [flow for flow in found if flow.priority == best.priority] == [best]
        actions, goes_on, target = best.actions.partition("goto_table:")
        if not goes_on:
            return actions
        if "pop_vlan" in actions:
            frame.pop("dl_vlan")
        if "load:" in actions:
            frame["reg0"] = actions.partition("load:")[2].partition("->")[0]
        table = int(target)


def ip(source: tuple[str, str], to: str, port: int = 1000, **fields: str) -> dict[str, str]:
    values = {"in_port": str(port), "dl_src": source[0], "dl_dst": to, "nw_src": source[1], "kind": "ip tcp"}
    return {**values, "nw_dst": dict((A, B, C, PEER)).get(to, "203.0.113.1"), **fields}


def arp(source: tuple[str, str], target: str, port: int = 1000, **fields: str) -> dict[str, str]:
    values = {"in_port": str(port), "dl_src": source[0], "dl_dst": BROADCAST, "kind": "arp"}
    return {**values, "arp_sha": source[0], "arp_spa": source[1], "arp_tpa": target, **fields}


def dhcp(mac: str, port: int = 1000, **fields: str) -> dict[str, str]:
    values = {"in_port": str(port), "dl_src": mac, "dl_dst": BROADCAST, "kind": "ip udp"}
    return {**values, "nw_src": "0.0.0.0", "nw_dst": "255.255.255.255", "tp_src": "68", "tp_dst": "67", **fields}


@pytest.mark.parametrize("frame", [ip(A, GATEWAY_MAC), arp(A, "10.60.7.1"), arp(A, "10.60.7.2"), dhcp(A[0])])
def test_a_vm_reaches_the_infrastructure(frame):
    assert walk(rules(), **frame) == TO_TRUNK


@pytest.mark.parametrize(
    "frame",
    [
        ip(C, GATEWAY_MAC),
        ip((A[0], C[1]), GATEWAY_MAC),
        ip((GATEWAY_MAC, "10.60.7.1"), C[0]),
        ip(A, GATEWAY_MAC, dl_vlan="400"),
        ip(A, GATEWAY_MAC, kind="ip udp", tp_src="67", tp_dst="68"),
        ip(A, GATEWAY_MAC, kind="ipv6 icmp6"),
        ip(A, "33:33:00:00:00:01", kind="ipv6 icmp6"),
        arp((A[0], "10.60.7.1"), "10.60.7.1"),
        arp(A, "10.60.7.1", arp_sha=GATEWAY_MAC),
        arp(A, "10.60.7.1", dl_src=C[0]),
        dhcp(GATEWAY_MAC),
        dhcp(A[0], tp_src="67", tp_dst="68"),
        {"in_port": "1000", "dl_src": A[0], "dl_dst": "01:80:c2:00:00:00", "kind": ""},
        {"in_port": "77", "dl_src": A[0], "dl_dst": GATEWAY_MAC, "kind": "ip"},
    ],
)
def test_a_vm_cannot_use_addresses_of_others(frame):
    assert walk(rules(peers=True), **frame) == "drop"


@pytest.mark.parametrize("to", [B, C, PEER])
def test_vms_do_not_reach_each_other(to):
    assert walk(rules(), **ip(A, to[0])) == "drop"
    assert walk(rules(), **arp(A, to[1])) == "drop"
    assert walk(rules(), **ip(A, BROADCAST)) == "drop"
    assert walk(rules(), **ip(to, A[0], 1, dl_vlan="400")) == "drop"


def test_only_peers_reach_each_other():
    known = rules(peers=True)

    assert walk(known, **ip(A, B[0])) == walk(known, **arp(A, B[1])) == "output:1002"
    assert walk(known, **ip(A, PEER[0])) == walk(known, **arp(A, PEER[1])) == TO_TRUNK
    assert walk(known, **ip(PEER, A[0], 1, dl_vlan="400")) == "output:1000"
    assert walk(known, **ip(PEER, C[0], 1, dl_vlan="400")) == "drop"
    assert walk(known, **ip(A, C[0])) == walk(known, **ip(C, A[0], 1003)) == "drop"


def test_the_infrastructure_reaches_only_the_destination():
    known = rules()

    assert walk(known, **ip((GATEWAY_MAC, "203.0.113.1"), A[0], 1, dl_vlan="400")) == "output:1000"
    assert walk(known, **arp((GATEWAY_MAC, "10.60.7.1"), C[1], 1, dl_vlan="400")) == "output:1003"
    assert walk(known, **ip((GATEWAY_MAC, "10.60.7.1"), "52:54:00:99:99:00", 1, dl_vlan="400")) == "drop"
    # A DHCP reply to the broadcast address is dropped, and one to a client's MAC only reaches the client.
    assert walk(known, **dhcp(DHCP_MAC, 1, dl_vlan="400", tp_src="67", tp_dst="68")) == "drop"
    answer = dhcp(DHCP_MAC, 1, dl_vlan="400", tp_src="67", tp_dst="68", dl_dst=A[0])
    assert walk(known, **answer) == "output:1000"
    assert walk(known, **{**answer, "dl_src": PEER[0]}) == "drop"


def test_packets_for_another_address_are_not_delivered_to_its_previous_vm():
    known = rules(peers=True)
    gateway = (GATEWAY_MAC, "10.60.7.1")

    assert walk(known, **ip(gateway, A[0], 1, dl_vlan="400", nw_dst=C[1])) == "drop"
    assert walk(known, **arp(gateway, C[1], 1, dl_vlan="400", dl_dst=A[0])) == "drop"
    assert walk(known, **arp(gateway, A[1], 1, dl_vlan="400", dl_dst=A[0])) == "output:1000"
    assert walk(known, **ip(PEER, A[0], 1, dl_vlan="400", nw_dst=B[1])) == "drop"


def test_links_are_transparent():
    for mac, kind in (("0e:00:00:00:00:01", ""), (GATEWAY_MAC, "ipv6"), (A[0], "arp")):
        assert walk(rules(), in_port="1001", dl_src=mac, dl_dst=BROADCAST, kind=kind) == "NORMAL"
    assert walk(rules(), in_port="1", dl_vlan="100", dl_src=A[0], dl_dst=BROADCAST) == "NORMAL"


def test_a_host_that_is_also_the_network_node():
    known = rules(Switch({"br-int": "system"}, {"trunk0": TRUNK, "gw400": GATEWAY, "dhcp400": DHCP}))

    assert walk(known, **ip(A, GATEWAY_MAC)) == walk(known, **dhcp(A[0])) == "output:3,output:2"
    assert walk(known, **ip(PEER, GATEWAY_MAC, 1, dl_vlan="400")) == "output:3,output:2"
    assert walk(known, **dhcp(DHCP_MAC, 3, tp_src="67", tp_dst="68", dl_dst=A[0], nw_dst=A[1])) == "output:1000"
    for frame in (ip(A, B[0]), ip(A, C[0]), ip((A[0], C[1]), GATEWAY_MAC), ip((GATEWAY_MAC, "10.60.7.1"), C[0])):
        assert walk(known, **frame) == "drop"
    assert walk(known, **ip((GATEWAY_MAC, "10.60.7.1"), A[0], 2)) == "output:1000"
    assert walk(known, **ip((GATEWAY_MAC, "10.60.7.1"), PEER[0], 2)) == TO_TRUNK
    assert walk(known, **ip((GATEWAY_MAC, "10.60.7.1"), A[0], 1, dl_vlan="400")) == "drop"


def test_the_network_nodes_own_port_in_a_slices_network_is_as_transparent_as_a_link():
    mark = {"cloudrepo-services": "1000"}
    port = Port("net_101", "br-int", tag=101, vlan_mode="access", external_ids=mark, number=1004, kind="internal")
    known = rules(Switch({"br-int": "system"}, {"trunk0": TRUNK, "net_101": port}))

    assert walk(known, in_port="1004", dl_src="02:01:00:00:00:65", dl_dst=BROADCAST, kind="arp") == "NORMAL"


def test_a_host_without_an_uplink():
    known = rules(Switch({"br-int": "system"}), peers=True)

    assert walk(known, **ip(A, GATEWAY_MAC)) == "drop"
    assert walk(known, **ip(A, B[0])) == "output:1002"


def test_an_interface_without_an_address_can_only_use_dhcp():
    order = read_slices(
        [{"slice_id": 1000, "vms": [vm(1001, interfaces=[nic(1001, 0, A[0], 400)])]}], state_dir=STATE_DIR
    )
    known = flows.shared_flows(WORKER, bridge="br-int", management=MANAGEMENT)
    known |= flows.slice_flows(order[0], {"tap_1001_eth0": 1000}, WORKER, bridge="br-int", management=MANAGEMENT)

    assert walk(known, **dhcp(A[0])) == TO_TRUNK
    assert walk(known, **ip(A, GATEWAY_MAC)) == walk(known, **arp(A, "10.60.7.1")) == "drop"


DUMP = """OFPST_FLOW reply (OF1.4) (xid=0x2):
 cookie=0x636c726400000000, priority=0 actions=drop
 cookie=0x636c7264000003e8, table=2, priority=50,udp,in_port=1000,nw_src=0.0.0.0,tp_src=68 actions=goto_table:4
 cookie=0x636c7264000003e9, in_port=7 actions=drop
"""


def test_flows_are_read_back():
    runner = FakeRunner().tell(*OFCTL, MORE, stdout=DUMP)

    assert flows.observe(runner, "br-int") == {
        Flow(SHARED, 0, 0, frozenset(), "drop"),
        Flow(1000, 2, 50, frozenset({"udp", "in_port=1000", "nw_src=0.0.0.0", "tp_src=68"}), "goto_table:4"),
        # Open vSwitch leaves out the defaults of table and priority.
        Flow(1001, 0, 32768, frozenset({"in_port=7"}), "drop"),
    }
    assert runner.argvs[0][-2:] == ["br-int", "cookie=0x636c726400000000/0xffffffff00000000"]


def test_only_flows_of_the_slices_are_planned_and_replaced_in_place(tmp_path):
    old = Flow(1000, 0, 50, frozenset({"in_port=1000"}), "NORMAL")
    new = Flow(1000, 0, 50, frozenset({"in_port=1000"}), "goto_table:1")
    gone = Flow(1000, 1, 50, frozenset({"in_port=7", "arp"}), "drop")
    other = Flow(2000, 0, 50, frozenset({"in_port=1003"}), "NORMAL")
    todo = flows.plan([new], [old, gone, other], [1000], {})

    assert todo.bundle == (
        "delete_strict cookie=0x636c7264000003e8/-1,table=1,priority=50,arp,in_port=7\n"
        "cookie=0x636c7264000003e8,table=0,priority=50,in_port=1000,actions=goto_table:1\n"
    )
    assert todo.changes == [
        Change(
            "flows",
            1000,
            "update",
            before={
                "flows": [
                    "table=0,priority=50,in_port=1000 actions=NORMAL",
                    "table=1,priority=50,arp,in_port=7 actions=drop",
                ]
            },
            after={"flows": ["table=0,priority=50,in_port=1000 actions=goto_table:1"]},
        ),
        Change("file", "flows/1000.flows", "write", after={"lines": 1}),
    ]
    assert slices(todo.changes) == {1000}
    runner = FakeRunner().tell(*OFCTL, "--bundle", "add-flows", "br-int", "-")
    flows.apply(todo, runner, bridge="br-int", folder=str(tmp_path))
    assert runner.argvs == [[*OFCTL, "--bundle", "add-flows", "br-int", "-"]]
    saved = flows.read_saved(str(tmp_path), [1000])
    assert not flows.plan([new], [new, other], [1000], saved).changes

    away = flows.plan([], [other], [1000], saved)
    assert (away.changes, away.bundle) == ([Change("file", "flows/1000.flows", "delete", before={})], "")
    assert slices(away.changes) == {1000}
    shared = flows.plan([replace(new, owner=SHARED)], [], [SHARED], {})
    assert ([change.id for change in shared.changes], slices(shared.changes)) == (
        ["shared", "flows/shared.flows"],
        {None},
    )
    flows.apply(away, FakeRunner(), bridge="br-int", folder=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_macs_of_the_infrastructure_are_derived_from_the_addresses():
    assert (mac_of("10.60.7.1"), mac_of("10.60.7.2")) == (GATEWAY_MAC, DHCP_MAC)


def test_orders_with_invalid_addresses_are_refused():
    vms = [vm(1001, interfaces=[nic(1001, 0, A[0], 400, "10.60.7.300"), nic(1001, 1, A[0], 400, "10.60.7.101")])]
    with pytest.raises(Refused) as refusal:
        read_slices([{"slice_id": 1000, "vms": vms, "peers": [{"mac": "x", "address": "y"}]}], state_dir=STATE_DIR)

    assert refusal.value.refusals == [
        Refusal("field_not_allowed", where, {"field": field, "allowed": allowed, "got": got})
        for where, field, allowed, got in (
            ("slice 1000, VM 1001, interface eth0", "address", "an IPv4 address", "10.60.7.300"),
            ("slice 1000, peer x", "mac", "a MAC address", "x"),
            ("slice 1000, peer x", "address", "an IPv4 address", "y"),
        )
    ]


def on_link(*ports: dict[str, Any], switch: Switch = WORKER) -> frozenset[Flow]:
    """Return the flows of a link on VLAN 100 with these ports from 1000 on, each with its settings."""
    order = read_slices(
        [
            {
                "slice_id": 1000,
                "vms": [vm(1001, interfaces=[{**nic(1001, i, A[0], 100), **each} for i, each in enumerate(ports)])],
            }
        ],
        state_dir=STATE_DIR,
    )
    numbers = ovs.plan_access_ports(order, switch, bridge="br-int", management_vlan=400).numbers
    shared = flows.shared_flows(switch, bridge="br-int", management=MANAGEMENT)
    return shared | flows.slice_flows(order[0], numbers, switch, bridge="br-int", management=MANAGEMENT)


BPDUS = {
    "STP": "01:80:c2:00:00:00",
    "LACP": "01:80:c2:00:00:02/ff:ff:ff:ff:ff:fe",
    "LLDP": "01:80:c2:00:00:0e",
    "CDP, PVST+": "01:00:0c:cc:cc:cc/ff:ff:ff:ff:ff:fe",
}
ON_LINK = "push_vlan:0x8100,set_field:4196->vlan_vid,output:1"


@pytest.mark.parametrize("mac", BPDUS.values(), ids=BPDUS)
def test_bpdus_are_forwarded_if_the_link_requests_it(mac):
    known = on_link({"forward_bpdu": True}, {"forward_bpdu": True})

    assert walk(known, in_port="1000", dl_dst=mac) == f"output:1001,{ON_LINK}"
    assert walk(known, in_port="1", dl_vlan="100", dl_dst=mac) == "pop_vlan,output:1000,output:1001"
    # NORMAL drops them.
    assert walk(known, in_port="1000", dl_vlan="7", dl_dst=mac) == "NORMAL"
    assert walk(known, in_port="1", dl_vlan="101", dl_dst=mac) == "NORMAL"
    assert walk(on_link({}, {}), in_port="1000", dl_dst=mac) == "NORMAL"


def test_pause_frames_are_never_forwarded():
    known = on_link({"forward_bpdu": True}, {"forward_bpdu": True})
    assert walk(known, in_port="1000", dl_dst="01:80:c2:00:00:01") == "NORMAL"


def test_bpdus_of_a_single_port_without_a_trunk_are_dropped():
    known = on_link({"forward_bpdu": True}, switch=Switch({"br-int": "system"}))
    assert walk(known, in_port="1000", dl_dst=BPDUS["STP"]) == "drop"


def test_tagged_bpdus_are_forwarded_with_qinq():
    known = on_link({"forward_bpdu": True, "qinq": True})
    assert walk(known, in_port="1000", dl_vlan="7", dl_dst=BPDUS["STP"]) == ON_LINK


def test_frames_of_a_vm_pass_its_meter():
    known = on_link({"tx_kbps": 100, "forward_bpdu": True}, {})

    assert walk(known, in_port="1000", dl_dst=B[0]) == "meter:1000,NORMAL"
    assert walk(known, in_port="1000", dl_dst=BPDUS["STP"]) == f"meter:1000,{ON_LINK}"
    assert walk(known, in_port="1001", dl_dst=A[0]) == "NORMAL"
    guarded = on_link({"tx_kbps": 100, "vlan_id": 400, "address": A[1]})
    (first,) = [flow for flow in guarded if flow.in_port == 1000 and flow.table == 0]
    assert (first.actions, first.meter) == ("meter:1000,goto_table:1", 1000)
    assert walk(guarded, **ip(A, GATEWAY_MAC)) == TO_TRUNK


def test_files_of_flows_are_named_by_their_owner():
    assert (flows.file_of(SHARED), flows.file_of(1000)) == ("shared.flows", "1000.flows")
    assert flows.folder_in("/s") == "/s/flows"


def test_a_port_without_a_number_has_no_flows():
    nothing = Switch({"br-int": "system"}, {"trunk0": replace(TRUNK, number=None, live_number=-1)})
    known = flows.shared_flows(nothing, bridge="br-int", management=MANAGEMENT)
    assert known == flows.shared_flows(Switch({"br-int": "system"}), bridge="br-int", management=MANAGEMENT)
    live = Switch({"br-int": "system"}, {"trunk0": replace(TRUNK, number=None, live_number=7)})
    assert "output:7" in str(flows.shared_flows(live, bridge="br-int", management=MANAGEMENT))
    elsewhere = Switch({"br-int": "system"}, {"trunk0": replace(TRUNK, bridge="br-ex")})
    assert flows.shared_flows(elsewhere, bridge="br-int", management=MANAGEMENT) == known
    (order,) = read_slices(
        [{"slice_id": 1000, "vms": [vm(1001, interfaces=[nic(1001, 0, A[0], 400)])]}], state_dir=STATE_DIR
    )
    assert "in_port" not in str(flows.slice_flows(order, {}, WORKER, bridge="br-int", management=MANAGEMENT))


def golden() -> str:
    """Return all flows of hosts that have every kind of them."""
    both = Switch({"br-int": "system"}, {"trunk0": TRUNK, "gw400": GATEWAY, "dhcp400": DHCP})
    cases = {
        "a worker": rules(peers=True),
        "a worker that is also the network node": rules(both, peers=True),
        "a link": on_link({"forward_bpdu": True, "tx_kbps": 100}, {"forward_bpdu": True, "qinq": True}, {}),
    }
    lines = [
        line for title, known in cases.items() for line in (f"# {title}", *sorted(each.text for each in known), "")
    ]
    return "\n".join(lines)


def test_flows_do_not_change_by_accident() -> None:
    """Hosts would be given all flows anew. If this is meant, write what golden() returns to the file."""
    assert golden() == FIXTURE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("match", "number"), [("in_port=7", 7), ("in_port=LOCAL", None), ("dl_vlan=400", None)])
def test_the_port_of_a_flow_is_that_of_its_match(match, number):
    assert flows.Flow(1000, 0, 100, frozenset({"ip", match}), "NORMAL").in_port == number


def test_changes_and_files_are_those_of_each_owner(tmp_path: Path) -> None:
    first = Flow(1000, 0, 50, frozenset({"in_port=1"}), "NORMAL")
    second = Flow(2000, 0, 50, frozenset({"in_port=2"}), "drop")
    todo = flows.plan([first], [second], [1000, 2000], {"2000.flows": "old"})
    assert todo.files == {"1000.flows": f"{first.text}\n", "2000.flows": ""}
    assert todo.changes[:2] == [
        Change("flows", 1000, "create", after={"flows": ["table=0,priority=50,in_port=1 actions=NORMAL"]}),
        Change("flows", 2000, "delete", before={"flows": ["table=0,priority=50,in_port=2 actions=drop"]}),
    ]
    runner = FakeRunner().tell(*OFCTL, "--bundle", "add-flows", "br-int", "-")
    flows.apply(todo, runner, bridge="br-int", folder=str(tmp_path))
    assert [(each.name, each.stat().st_mode & 0o777) for each in tmp_path.iterdir()] == [("1000.flows", 0o644)]
    assert flows.read_saved(str(tmp_path), [1000, 2000]) == {"1000.flows": f"{first.text}\n"}
    both = flows.plan([first, second], [], [1000, 2000], {})
    assert both.files == {"1000.flows": f"{first.text}\n", "2000.flows": f"{second.text}\n"}


@pytest.mark.parametrize(
    ("asked", "live", "number"), [(7, 9, 7), (None, 1, 1), (None, 0, None), (None, -1, None), (None, None, None)]
)
def test_the_number_of_a_port_is_the_requested_one_or_the_one_it_has(
    asked: int | None, live: int | None, number: int | None
) -> None:
    assert flows._number_of(replace(TRUNK, number=asked, live_number=live)) == number


@pytest.mark.parametrize("switch", [WORKER, Switch({"br-int": "system"}, {"trunk0": TRUNK, "gw400": GATEWAY})])
def test_another_management_vlan_has_the_same_flows_with_its_number(switch: Switch) -> None:
    def moved(text: str) -> str:
        return text.replace("dl_vlan=400", "dl_vlan=3000").replace("set_field:4496", "set_field:7096")

    there = Switch(
        switch.bridges, {name: replace(port, tag=3000 if port.tag else None) for name, port in switch.ports.items()}
    )
    management = Management("10.60.7.1", "10.60.7.2", 3000)
    numbers = {"tap_1001_eth0": 1000, "tap_1001_eth1": 1001, "tap_1002_eth0": 1002}
    order = two_slices(peers=True)[0]
    nics = [
        replace(
            each, interfaces=tuple(replace(nic, vlan_id=3000 if nic.vlan_id == 400 else 100) for nic in each.interfaces)
        )
        for each in order.vms
    ]
    found = flows.shared_flows(there, bridge="br-int", management=management)
    found |= flows.slice_flows(replace(order, vms=tuple(nics)), numbers, there, bridge="br-int", management=management)
    usual = flows.shared_flows(switch, bridge="br-int", management=MANAGEMENT)
    usual |= flows.slice_flows(order, numbers, switch, bridge="br-int", management=MANAGEMENT)
    assert sorted(flow.text for flow in found) == sorted(moved(flow.text) for flow in usual)
    assert any("3000" in flow.text or "7096" in flow.text for flow in found)
