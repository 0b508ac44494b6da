# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ownership
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovs import ALL_VLANS
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL, Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import (
    read_links,
    read_services,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ..fakes import MORE, FakeRunner, UnexpectedCommand, nic, orders, slices, vm
from ..netservices.test_work_order import LAN

IDS = {"cloudrepo-slice": "1000", "cloudrepo-vm": "1001", "cloudrepo-interface": "eth0", "cloudrepo-link": "100"}
GOOD = Port("tap_1001_eth0", "br-int", tag=100, vlan_mode="access", external_ids=IDS, number=1000, live_number=1000)
ATTRIBUTES = {
    "bridge": "br-int",
    "vlan_mode": "access",
    "tag": 100,
    "trunks": None,
    "type": "system",
    "ofport_request": 1000,
    "qos": None,
    "qinq-ethtype": None,
    "external_ids": IDS,
}


def switch(*ports: Port, **bridges: str) -> Switch:
    return Switch({"br-int": "system", **bridges}, {port.name: port for port in ports})


def access(have: Switch, *vlan_ids: int | None, unplugged: frozenset[str] = frozenset()) -> ovs.PortPlan:
    return ovs.plan_access_ports(
        orders(vm(1001, *vlan_ids)), have, bridge="br-int", management_vlan=400, unplugged=unplugged
    )


def bridge(have: Switch, *ports: dict[str, Any], **settings: Any) -> ovs.BridgePlan:
    wanted: dict[str, Any] = {"name": "br-int", "datapath_type": None, "present": True, **settings}
    return ovs.plan_bridge(ports=ports, have=have, **wanted)


@pytest.mark.parametrize(
    ("external_ids", "goes"), [({}, True), ({"iface-id": "x"}, True), ({ovs.SLICE: "1100"}, False)]
)
def test_a_port_that_lost_its_external_ids_goes_with_its_tap(external_ids, goes):
    """Without them, nothing else tells to which slice it belongs."""
    have = switch(Port("tap_1001_eth1", "br-int", 100, "access", external_ids=external_ids))
    todo = ovs.plan_access_ports(orders(), have, bridge="br-int", management_vlan=400, gone={"tap_1001_eth1"})
    assert [port.name for port in todo.remove] == ["tap_1001_eth1"] * goes
    assert ovs.plan_access_ports(orders(), have, bridge="br-int", management_vlan=400).remove == ()


TRUNK = {"name": "trunk0", "type": "system", "vlan_id": None}
GATEWAY = {"name": "gw400", "type": "internal", "vlan_id": 400}


def test_ports_of_networks_are_not_those_of_vms():
    links = read_links("169.254.64.0/24")
    services = ownership.whole(*read_services([{"slice_id": 1000, "networks": [LAN]}], links=links))
    todo = ovs.plan_network_ports(services, switch(GOOD), bridge="br-int")
    port = Port("net_101", "br-int", 101, "access", (), {"cloudrepo-services": "1000"}, "internal", 1001)
    assert (todo.add, todo.remove) == ((port,), ())
    assert todo.commands[-1] == ["set", "Interface", "net_101", "type=internal", "ofport_request=1001"]
    have = switch(GOOD, replace(port, live_number=1001))
    assert not ovs.plan_network_ports(services, have, bridge="br-int").changes
    none = ownership.whole(*read_services([{"slice_id": 1000}], links=links))
    assert ovs.plan_network_ports(none, have, bridge="br-int").remove == (have.ports["net_101"],)
    # On a host that is also a worker, a worker's order for the same slice does not remove it either.
    assert access(have, 100).remove == ()


def test_an_access_port_is_added_and_tagged_in_one_transaction():
    todo = access(switch(), 100, None)
    runner = FakeRunner().tell(*VSCTL, MORE)
    ovs.apply(todo.commands, runner)

    assert runner.argvs == [
        [
            *("ovs-vsctl", "--timeout=60"),
            *("--", "add-port", "br-int", "tap_1001_eth0"),
            *("--", "set", "Port", "tap_1001_eth0", "vlan_mode=access", "tag=100"),
            *("external_ids:cloudrepo-interface=eth0", "external_ids:cloudrepo-link=100"),
            *("external_ids:cloudrepo-slice=1000", "external_ids:cloudrepo-vm=1001"),
            *("--", "set", "Interface", "tap_1001_eth0", "ofport_request=1000"),
        ]
    ]
    assert todo.changes == [Change("port", "tap_1001_eth0", "create", after=ATTRIBUTES)]


def many(count: int, **fields: Any) -> list[Port]:
    return [replace(GOOD, name=f"tap_{1000 + number}_eth1", number=1000 + number, **fields) for number in range(count)]


def test_more_ports_than_fit_on_a_command_line_are_added_in_several_transactions():
    todo = ovs.PortPlan(add=tuple(many(9000)))
    runner = FakeRunner().tell(*VSCTL, MORE)
    ovs.apply(todo.commands, runner)
    assert len(runner.argvs) == 4
    sent = [word for argv in runner.argvs for word in argv]
    assert [word for word in sent if word.startswith("tap_")][::3] == [port.name for port in todo.add]
    for argv in runner.argvs:
        subprocess.run(["true", *argv], check=True)
        # A port and its VLAN are in one transaction.
        assert argv[3] == "add-port"
        assert argv[-4:-2] == ["set", "Interface"]


def test_ports_in_several_transactions_have_the_same_row_of_qos():
    row = "9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00"
    todo = ovs.PortPlan(add=tuple(many(9000, own_qdisc=True)))
    create = ("create", "QoS", "type=linux-noop", "external_ids:cloudrepo-limits=true")
    runner = FakeRunner().tell(*VSCTL, *create, stdout=f"{row}\n").tell(*VSCTL, "--", MORE)
    ovs.apply(todo.commands, runner)
    assert len(runner.argvs) > 2
    words = [word for argv in runner.argvs for word in argv if "qos" in word]
    assert words == [f"qos={row}"] * 9000


def test_nothing_is_sent_when_nothing_differs():
    todo = access(switch(GOOD), 100)

    assert not todo.changes
    with pytest.raises(UnexpectedCommand):
        ovs.apply([["x"]], FakeRunner())
    ovs.apply(todo.commands, FakeRunner())


@pytest.mark.parametrize(
    ("drift", "commands"),
    [
        ({"tag": 101}, []),
        ({"vlan_mode": None}, []),
        ({"vlan_mode": "native-untagged"}, []),
        ({"trunks": (3, 4)}, [["clear", "Port", "tap_1001_eth0", "trunks"]]),
        ({"external_ids": {**IDS, "cloudrepo-vm": "7"}}, []),
        (
            {"external_ids": {**IDS, "cloudrepo-old": "7", "iface-id": "x"}},
            [["remove", "Port", "tap_1001_eth0", "external_ids", "cloudrepo-old"]],
        ),
        # The first cannot reach other such ports, the second has a limit that nobody has asked for.
        ({"altered": ("protected",)}, [["set", "Port", "tap_1001_eth0", "protected=false"]]),
        (
            {"altered": ("ingress_policing_rate",)},
            [["set", "Interface", "tap_1001_eth0", "ingress_policing_rate=0"]],
        ),
    ],
)
def test_drift_is_corrected_in_place(drift, commands):
    todo = access(switch(Port(**{**vars(GOOD), **drift})), 100)

    assert todo.commands[0][:3] == ["set", "Port", "tap_1001_eth0"]
    assert todo.commands[1:] == commands
    (change,) = todo.changes
    assert (change.id, change.action, change.after) == ("tap_1001_eth0", "update", ATTRIBUTES)
    assert diff([change])["before"] != diff([change])["after"]


def test_a_port_is_marked_with_the_name_of_its_link_or_network():
    order = orders(vm(1001, interfaces=[{**nic(1001, 0, 100, 100), "segment": "core"}]))
    todo = ovs.plan_access_ports(order, switch(GOOD), bridge="br-int", management_vlan=400)
    assert "external_ids:cloudrepo-segment=core" in todo.commands[0]
    (port,) = todo.wanted
    assert not ovs.plan_access_ports(
        order, switch(replace(port, live_number=1000)), bridge="br-int", management_vlan=400
    ).changes


def test_external_ids_of_others_are_not_drift():
    assert not access(switch(Port(**{**vars(GOOD), "external_ids": {**IDS, "iface-id": "x"}})), 100).changes


def test_a_port_on_another_bridge_is_moved_in_the_same_transaction():
    todo = access(switch(Port(**{**vars(GOOD), "bridge": "br-ex"})), 100)

    assert [command[0] for command in todo.commands] == ["del-port", "add-port", "set", "set"]


def test_unlisted_ports_with_the_id_of_the_slice_are_removed():
    stale = Port("tap_1002_eth0", "br-int", external_ids={"cloudrepo-slice": "1000"})
    other = Port("tap_2000_eth0", "br-int", external_ids={"cloudrepo-slice": "2000"})
    todo = access(switch(GOOD, stale, other, Port("eno1", "br-int")), 100)

    assert todo.commands == [["del-port", "br-int", "tap_1002_eth0"]]


def test_the_port_of_an_interface_without_a_vlan_is_removed():
    assert access(switch(Port("tap_1001_eth0", "br-int")), None).commands == [["del-port", "br-int", "tap_1001_eth0"]]


def test_a_port_whose_tap_was_recreated_is_added_again_in_two_transactions():
    todo = access(switch(GOOD), 100, unplugged=frozenset({"tap_1001_eth0"}))

    before = {**ATTRIBUTES, "plugged": False}
    assert todo.changes == [Change("port", "tap_1001_eth0", "replug", before, ATTRIBUTES)]
    assert todo.unplug_commands == [["del-port", "br-int", "tap_1001_eth0"]]
    assert [command[0] for command in todo.commands] == ["add-port", "set", "set"]


@pytest.mark.parametrize(
    ("ports", "vlan_id", "action"),
    [
        ([], 100, "create"),
        ([replace(GOOD, tag=101)], 100, "update"),
        ([replace(GOOD, external_ids={})], 100, "update"),
        ([replace(GOOD, tag=400)], 100, "replug"),
        ([GOOD], None, "delete"),
        ([replace(GOOD, external_ids={})], None, "delete"),
        ([GOOD, replace(GOOD, name="tap_1002_eth0", number=1001, live_number=1001)], 100, "delete"),
    ],
)
def test_a_change_of_an_access_port_is_one_of_its_slice(ports: list[Port], vlan_id: int | None, action: str) -> None:
    todo = access(switch(*ports), vlan_id)
    assert [change.action for change in todo.changes] == [action]
    assert slices(todo.changes) == {1000}


def test_a_change_of_a_port_of_the_network_node_is_one_of_the_slice_of_the_network() -> None:
    links = read_links("169.254.64.0/24")
    one, none = (
        ownership.whole(*read_services([{"slice_id": 1042, "networks": networks}], links=links))
        for networks in ([LAN], [])
    )
    todo = ovs.plan_network_ports(one, switch(), bridge="br-int")
    assert ([change.action for change in todo.changes], slices(todo.changes)) == (["create"], {1042})
    gone = ovs.plan_network_ports(none, switch(*todo.add), bridge="br-int")
    assert ([change.action for change in gone.changes], slices(gone.changes)) == (["delete"], {1042})


@pytest.mark.parametrize("mark", ["", "many"])
def test_ports_of_the_infrastructure_belong_to_no_slice(mark: str) -> None:
    have = switch(
        replace(GOOD, name="old0", external_ids={"cloudrepo-infrastructure": "true", "cloudrepo-slice": mark})
    )
    todo = bridge(have, TRUNK)
    assert [change.action for change in todo.changes] == ["delete", "create"]
    assert slices(todo.changes) == {None}


def test_a_bridge_is_created_with_its_ports():
    todo = bridge(Switch(), TRUNK, GATEWAY, datapath_type="netdev")

    assert todo.commands == [
        ["add-br", "br-int"],
        ["set", "Bridge", "br-int", "datapath_type=netdev"],
        ["add-port", "br-int", "trunk0"],
        ["set", "Port", "trunk0", "vlan_mode=trunk", "trunks=1-4094", "external_ids:cloudrepo-infrastructure=true"],
        ["set", "Interface", "trunk0", "ofport_request=1"],
        ["add-port", "br-int", "gw400"],
        ["set", "Port", "gw400", "vlan_mode=access", "tag=400", "external_ids:cloudrepo-infrastructure=true"],
        ["set", "Interface", "gw400", "type=internal", "ofport_request=2"],
    ]
    assert [(change.kind, change.id, change.action) for change in todo.changes] == [
        ("bridge", "br-int", "create"),
        ("port", "trunk0", "create"),
        ("port", "gw400", "create"),
    ]
    assert diff(todo.changes) == {
        "before": "",
        "after": (
            "bridge br-int: datapath_type netdev\n"
            "port trunk0: bridge br-int, vlan_mode trunk, trunks 1-4094, type system, ofport_request 1, "
            "external_ids cloudrepo-infrastructure=true\n"
            "port gw400: bridge br-int, vlan_mode access, tag 400, type internal, ofport_request 2, "
            "external_ids cloudrepo-infrastructure=true\n"
        ),
    }


def test_existing_bridge_is_kept():
    mark = {"cloudrepo-infrastructure": "true"}
    have = switch(
        Port("trunk0", "br-int", vlan_mode="trunk", trunks=ALL_VLANS, external_ids=mark, number=1),
        Port("gw400", "br-int", tag=400, vlan_mode="access", external_ids=mark, kind="internal", number=2),
        GOOD,
    )

    assert not bridge(have, TRUNK, GATEWAY).changes
    assert bridge(have, TRUNK).commands == [["del-port", "br-int", "gw400"]]


def test_worker_and_network_node_share_a_bridge():
    have = switch(*bridge(Switch(), TRUNK, GATEWAY, owner="network_node").ports.wanted)
    other = {"name": "eno2", "type": "system", "vlan_id": None}

    assert not bridge(have, TRUNK, owner="worker").changes
    assert not bridge(have, TRUNK, GATEWAY, owner="network_node").changes
    assert bridge(have, other, owner="worker").ports.remove == ()
    assert bridge(have, TRUNK, owner="network_node").commands == [["del-port", "br-int", "gw400"]]


def test_a_port_without_an_owner_is_adopted_or_removed():
    have = switch(*bridge(Switch(), TRUNK, GATEWAY).ports.wanted)
    todo = bridge(have, TRUNK, owner="worker")

    assert todo.commands[0] == ["del-port", "br-int", "gw400"]
    assert "external_ids:cloudrepo-infrastructure=worker" in todo.commands[1]
    assert not bridge(switch(*todo.ports.wanted), TRUNK).changes


def test_a_bridge_takes_no_port_of_somebody_else():
    """The host may be reached through it."""
    have = switch(Port("trunk0", "br-ex"), Port("br-ex", "br-ex", kind="internal"), **{"br-ex": "system"})
    with pytest.raises(Refused) as caught:
        bridge(have, TRUNK, {**TRUNK, "name": "br-ex"}, {**TRUNK, "name": "br-int"})
    assert [refusal.message for refusal in caught.value.refusals] == [
        "port trunk0: it belongs to br-ex, not to br-int; a port is taken from another bridge only by its "
        "administrator; set cloudrepo_uplink to another interface, or remove this one from br-ex",
        "port br-ex: it is a bridge of Open vSwitch itself, and cannot be on br-int; a trunk is an interface that "
        "leads to other hosts; set cloudrepo_uplink to another interface",
        "port br-int: it is a bridge of Open vSwitch itself, and cannot be on br-int; a trunk is an interface that "
        "leads to other hosts; set cloudrepo_uplink to another interface",
    ]


def test_our_own_trunk_follows_the_name_of_the_bridge():
    """C(cloudrepo_bridge) was changed."""
    have = switch(*(replace(port, bridge="br-old") for port in bridge(Switch(), TRUNK).ports.wanted))
    assert bridge(have, TRUNK).commands[0] == ["del-port", "br-old", "trunk0"]


def test_an_open_trunk_is_limited_to_tagged_frames():
    have = switch(Port("trunk0", "br-int", tag=1))
    todo = bridge(have, TRUNK)

    assert diff(todo.changes)["before"].startswith("port trunk0: bridge br-int, tag 1, trunks any, type system")
    assert ["clear", "Port", "trunk0", "tag"] in todo.commands
    assert "trunks=1-4094" in todo.commands[0]


def test_the_datapath_is_changed_only_on_request():
    todo = bridge(switch(), datapath_type="netdev")
    assert todo.commands == [["set", "Bridge", "br-int", "datapath_type=netdev"]]
    assert diff(todo.changes) == {
        "before": "bridge br-int: datapath_type system\n",
        "after": "bridge br-int: datapath_type netdev\n",
    }
    assert not bridge(switch()).changes


def test_bridge_is_removed_with_all_its_ports():
    todo = bridge(switch(GOOD), present=False)

    assert todo.commands == [["del-br", "br-int"]]
    assert diff(todo.changes) == {"before": "bridge br-int: datapath_type system\n", "after": ""}
    assert not bridge(Switch(), present=False).changes


def test_port_numbers_are_kept_and_new_ones_are_unused():
    have = switch(GOOD, Port("tap_9_eth0", "br-int", number=1001), Port("eno1", "br-int", live_number=1002))
    todo = ovs.plan_access_ports(
        orders(vm(1001, 100, 101)), have, bridge="br-int", management_vlan=400, reserved={1003}
    )

    assert todo.numbers == {"tap_1001_eth0": 1000, "tap_1001_eth1": 1004}


def test_a_number_that_two_ports_request_is_replaced():
    todo = access(switch(GOOD, Port("other", "br-int", number=1000)), 100)

    assert todo.commands[-1] == ["set", "Interface", "tap_1001_eth0", "ofport_request=1001"]
    assert diff(todo.changes)["before"] != diff(todo.changes)["after"]


def test_a_port_without_its_requested_number_is_added_again():
    assert access(switch(Port(**{**vars(GOOD), "live_number": 3})), 100).unplug_commands


def test_a_port_is_removed_and_added_again_on_moves_to_and_from_vlan_400():
    todo = access(switch(GOOD), 400)

    assert todo.unplug_commands == [["del-port", "br-int", "tap_1001_eth0"]]
    assert [command[0] for command in todo.commands] == ["add-port", "set", "set"]
    assert access(switch(Port(**{**vars(GOOD), "tag": 400})), 100).unplug_commands
    assert not access(switch(GOOD), 101).unplug_commands


def test_a_bridge_can_drop_everything_without_flows():
    todo = bridge(switch(), fail_mode="secure")
    same = Switch({"br-int": "system"}, {}, {"br-int": "secure"})

    assert todo.commands == [["set", "Bridge", "br-int", "fail_mode=secure"]]
    assert diff(todo.changes) == {
        "before": "bridge br-int: datapath_type system, fail_mode standalone\n",
        "after": "bridge br-int: datapath_type system, fail_mode secure\n",
    }
    assert not bridge(same, fail_mode="secure").changes
    assert not bridge(same).changes


def shaped(have: Switch, **settings: Any) -> ovs.PortPlan:
    """Return the plan for an interface with these settings on VLAN 100."""
    return ovs.plan_access_ports(
        orders(vm(1001, interfaces=[{**nic(1001, 0, 100, 100), **settings}])),
        have,
        bridge="br-int",
        management_vlan=400,
    )


def test_a_tap_with_limits_has_the_noop_qos():
    todo = shaped(switch(GOOD), rx_kbps=100)
    made = [["--id=@noop_qos", "create", "QoS", "type=linux-noop", "external_ids:cloudrepo-limits=true"]]

    assert todo.commands[:-1] == made
    assert "qos=@noop_qos" in todo.commands[1]
    (change,) = todo.changes
    assert (change.before, change.after) == (ATTRIBUTES, {**ATTRIBUTES, "qos": "linux-noop"})


def test_one_row_serves_all_taps_with_limits():
    have = Switch({"br-int": "system"}, {GOOD.name: GOOD}, noop_qos="a-uuid")
    todo = shaped(have, delay_ms=5)

    assert [command[0] for command in todo.commands] == ["set"]
    assert "qos=a-uuid" in todo.commands[0]


def test_a_tap_without_limits_loses_the_noop_qos():
    old = Port(**{**vars(GOOD), "own_qdisc": True})

    assert shaped(switch(old), tx_kbps=100).commands[-1] == ["clear", "Port", "tap_1001_eth0", "qos"]
    assert not shaped(switch(old), rx_kbps=100).changes
    assert not shaped(switch(GOOD), tx_kbps=100).changes


def test_tags_of_guests_are_forwarded_inside_the_vlan_of_the_link():
    todo = shaped(switch(GOOD), qinq=True)

    assert todo.commands[0][3:6] == ["vlan_mode=dot1q-tunnel", "tag=100", "other_config:qinq-ethtype=802.1q"]
    outer = {**ATTRIBUTES, "vlan_mode": "dot1q-tunnel", "qinq-ethtype": "802.1q"}
    assert [change.after for change in todo.changes] == [outer]
    tunnel = Port(**{**vars(GOOD), "vlan_mode": "dot1q-tunnel", "tunnel_ethertype": "802.1q"})
    assert not shaped(switch(tunnel), qinq=True).changes
    assert shaped(switch(tunnel)).commands[0][3] == "vlan_mode=access"
    drifted = Port(**{**vars(tunnel), "tunnel_ethertype": None})
    (change,) = shaped(switch(drifted), qinq=True).changes
    assert (change.before, change.after) == ({**outer, "qinq-ethtype": None}, outer)


def test_uplink_carries_no_untagged_traffic():
    todo = bridge(switch(), TRUNK)

    assert "vlan_mode=trunk" in todo.commands[1]
    assert "trunks=1-4094" in todo.commands[1]
    assert not any(word.startswith("tag=") for word in todo.commands[1])


MARKED = Port(
    "trunk0", "br-int", vlan_mode="trunk", trunks=ALL_VLANS, external_ids={ovs.INFRASTRUCTURE: "true"}, number=1
)


def pruned(have: Switch, *vlan_ids: int | None) -> ovs.PortPlan:
    return ovs.plan_access_ports(
        orders(vm(1001, *vlan_ids)), have, bridge="br-int", management_vlan=400, prune_vlans=True
    )


def trunk_of(todo: ovs.PortPlan) -> list[str]:
    return [word for command in todo.commands if command[2] == "trunk0" for word in command if "trunks" in word]


def test_a_pruned_trunk_carries_the_vlans_of_the_ports_on_the_bridge():
    other = Port("tap_2001_eth1", "br-int", tag=140, vlan_mode="access", external_ids={"cloudrepo-slice": "2000"})
    theirs = Port("lab0", "br-int", vlan_mode="trunk", trunks=(7, 8))
    todo = pruned(switch(MARKED, other, theirs), 100)

    # In the transaction that adds the port.
    assert trunk_of(todo) == ["trunks=7-8,100,140,400"]
    assert ["add-port", "br-int", "tap_1001_eth0"] in todo.commands
    assert (todo.changes[-1].id, (todo.changes[-1].after or {})["trunks"]) == ("trunk0", "7-8,100,140,400")


def test_a_vlan_is_removed_from_the_trunk_with_its_last_port():
    small = Port(**{**vars(MARKED), "trunks": (100, 400)})

    assert not pruned(switch(small, GOOD), 100).changes
    todo = pruned(switch(small, GOOD))
    assert trunk_of(todo) == ["trunks=400"]
    assert todo.commands[0] == ["del-port", "br-int", "tap_1001_eth0"]
    assert trunk_of(pruned(switch(small, GOOD), 101)) == ["trunks=101,400"]


def test_a_trunk_is_not_changed_unless_it_is_pruned():
    assert not access(switch(MARKED, GOOD), 100).changes


def test_a_pruned_trunk_is_not_changed_with_the_bridge():
    small = switch(Port(**{**vars(MARKED), "trunks": (100, 400)}))

    assert not bridge(small, TRUNK, prune_vlans=True).changes
    open_one = switch(Port(**{**vars(MARKED), "trunks": ()}))
    elsewhere = switch(Port(**{**vars(MARKED), "trunks": (100, 400), "bridge": "br-ex"}))
    pruned_ones = [bridge(have, TRUNK, prune_vlans=True) for have in (switch(), open_one, elsewhere)]
    for todo in (bridge(small, TRUNK), *pruned_ones):
        assert [(change.id, (change.after or {})["trunks"]) for change in todo.changes] == [("trunk0", "1-4094")]


def test_an_administrator_may_limit_an_uplink():
    want = bridge(switch(), TRUNK).ports.add[0]
    have = switch(replace(want, live_number=1, altered=("ingress_policing_rate",)))
    assert bridge(have, TRUNK).ports.changes == []


def test_an_interface_without_a_vlan_takes_no_number() -> None:
    todo = access(switch(), None, 100)
    assert [(port.name, port.number) for port in todo.add] == [("tap_1001_eth1", 1000)]


@pytest.mark.parametrize(("live", "is_added_again"), [(None, False), (-1, False), (0, False), (1, True), (1000, False)])
def test_only_a_port_that_has_another_number_is_added_again(live: int | None, is_added_again: bool) -> None:
    assert bool(access(switch(replace(GOOD, live_number=live)), 100).replug) is is_added_again


def test_a_port_keeps_a_number_that_it_has_without_a_request() -> None:
    todo = access(switch(replace(GOOD, number=None, live_number=1000)), 100)
    assert todo.numbers == {"tap_1001_eth0": 1000}
    other = Port("other", "br-int", live_number=1000)
    assert access(switch(other), 100).numbers == {"tap_1001_eth0": 1001}


NETDEV = ["set", "Bridge", "br-int", "datapath_type=netdev"]


@pytest.mark.parametrize(
    ("have", "settings", "commands"),
    [
        (None, {}, [["add-br", "br-int"]]),
        (
            None,
            {"datapath_type": "netdev"},
            [["add-br", "br-int"], ["set", "Bridge", "br-int", "datapath_type=netdev"]],
        ),
        (None, {"fail_mode": "secure"}, [["add-br", "br-int"], ["set", "Bridge", "br-int", "fail_mode=secure"]]),
        ("system", {"datapath_type": "system"}, []),
        ("system", {"datapath_type": "netdev"}, [NETDEV]),
        ("system", {"fail_mode": "standalone"}, []),
        ("system", {"fail_mode": "secure"}, [["set", "Bridge", "br-int", "fail_mode=secure"]]),
    ],
)
def test_only_what_differs_is_set_on_a_bridge(have: str | None, settings: dict[str, Any], commands: Any) -> None:
    there = Switch({} if have is None else {"br-int": have}, {})
    todo = bridge(there, **settings)
    assert todo.commands == commands
    assert bool(todo.changes) is bool(commands)


def test_the_fail_mode_of_a_bridge_is_part_of_its_change() -> None:
    (change,) = bridge(Switch({"br-int": "system"}, {}), fail_mode="secure").changes
    assert (change.before, change.after) == (
        {"datapath_type": "system", "fail_mode": "standalone"},
        {"datapath_type": "system", "fail_mode": "secure"},
    )
    (change,) = bridge(Switch({}, {}), fail_mode="secure").changes
    assert (change.before, change.after) == (None, {"datapath_type": "system", "fail_mode": "secure"})
    assert bridge(Switch({}, {}), fail_mode="secure").fail_mode == ("standalone", "secure")


def test_a_port_of_another_type_is_given_its_type() -> None:
    assert access(switch(replace(GOOD, kind="internal")), 100).commands[-1] == [
        *("set", "Interface", "tap_1001_eth0", "type=system"),
    ]


def test_ports_of_other_bridges_are_neither_pruned_nor_carried():
    small = Port(**{**vars(MARKED), "trunks": (100, 400)})
    elsewhere = Port("lab1", "br-lab", tag=150, vlan_mode="access")
    theirs = Port(**{**vars(MARKED), "name": "trunk9", "bridge": "br-lab", "trunks": (5,)})
    assert not pruned(switch(small, GOOD, elsewhere, theirs), 100).changes


def test_the_numbers_of_taps_begin_at_1000():
    assert access(switch(), 100, 101).numbers == {"tap_1001_eth0": 1000, "tap_1001_eth1": 1001}


def test_another_management_vlan_stays_on_a_pruned_trunk_and_its_ports_are_added_again() -> None:
    def planned(have: Switch, *vlan_ids: int, prune: bool = False) -> ovs.PortPlan:
        order = orders(vm(1001, *vlan_ids))
        return ovs.plan_access_ports(order, have, bridge="br-int", management_vlan=3000, prune_vlans=prune)

    assert trunk_of(planned(switch(MARKED), 100, prune=True)) == ["trunks=100,3000"]
    moved = planned(switch(*planned(switch(), 3000).wanted), 100)
    assert [new.tag for _old, new in moved.replug] == [100]
    ordinary = planned(switch(*planned(switch(), 400).wanted), 100)
    assert (ordinary.replug, len(ordinary.update)) == ((), 1)
