# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ports and bridges of Open vSwitch that are ours: what they shall be and the one transaction that makes it so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Callable

from ...changes import Change, between
from ...errors import SlicesError
from ...network_order import Services
from ...vlans import MANAGEMENT_VLAN
from ...work_order import VM, Interface, SliceOrder
from ..runner import Runner
from ..work_order import all_vms, slice_ids
from . import ovsdb
from .ovsdb import Port, Switch

SLICE = "cloudrepo-slice"
SLICE_UUID = "cloudrepo-slice-uuid"
VM_UUID = "cloudrepo-vm-uuid"
# Its value is who lists the port; a host may be worker and network node, and each has ports of its own on the bridge.
INFRASTRUCTURE = "cloudrepo-infrastructure"
UNOWNED = "true"
# The network node may be a worker as well, and there its ports are not among those of the slice's VMs.
SERVICES = "cloudrepo-services"
# The tag is added whatever the frame carries already, where an access port drops what is tagged.
TUNNEL = "dot1q-tunnel"
# Without a list a trunk also passes VLAN 0, that is untagged frames. With one it drops what is not on it, so an
# uplink with every VLAN listed has no native VLAN in either direction.
ALL_VLANS = tuple(range(1, 4095))
# Flows know a port by its OpenFlow number, so ports ask for theirs. Those of VMs keep clear of the ones that the
# switch gives to ports that ask for none. OpenFlow's own meanings begin at 0xff00.
INFRASTRUCTURE_NUMBERS = range(1, 1000)
ACCESS_NUMBERS = range(1000, 0xFF00)
_NOOP_QOS = "@noop_qos"


@dataclass(frozen=True)
class PortPlan:
    """What has to happen to ports.

    Attributes:
        replug: ports that leave the switch and come back: because their device was made anew behind it, and it
            holds on to the one that is gone, or because their flows change meanwhile.
        wanted: all ports that shall be there.
        noop_qos: the row for ports whose queueing disciplines are ours; nothing where the host has none yet.
    """

    add: tuple[Port, ...] = ()
    mend: tuple[tuple[Port, Port], ...] = ()
    remove: tuple[Port, ...] = ()
    replug: tuple[tuple[Port, Port], ...] = ()
    wanted: tuple[Port, ...] = ()
    noop_qos: str | None = None

    @property
    def changes(self) -> list[Change]:
        """Each port that differs."""
        return [
            *(between("port", port.name, port.attributes, None) for port in self.remove),
            *(between("port", port.name, None, port.attributes) for port in self.add),
            *(between("port", new.name, old.attributes, new.attributes) for old, new in self.mend),
            *(
                Change("port", new.name, "replug", {**old.attributes, "plugged": False}, new.attributes)
                for old, new in self.replug
            ),
        ]

    @property
    def numbers(self) -> dict[str, int]:
        """By name the OpenFlow numbers of the ports that shall be there."""
        return {port.name: port.number for port in self.wanted if port.number is not None}

    @property
    def unplug_commands(self) -> list[list[str]]:
        """The commands of a transaction of their own: a switch takes a port that went and came at once for the old."""
        return [["del-port", old.bridge, old.name] for old, _new in self.replug]

    @property
    def commands(self) -> list[list[str]]:
        """The commands of the transaction; removals come first, for a port may come back on another bridge."""
        found = [["del-port", port.bridge, port.name] for port in self.remove]
        for old, new in self.mend:
            found += _mend(old, new)
        for port in (*self.add, *(new for _old, new in self.replug)):
            found += _add(port)
        return _with_row(found, self.noop_qos)


@dataclass(frozen=True)
class BridgePlan:
    """What has to happen to a bridge and its infrastructure ports."""

    name: str
    have: str | None
    want: str | None
    make: bool = False
    remove: bool = False
    ports: PortPlan = PortPlan()
    fail_mode: tuple[str, str | None] | None = None

    @property
    def changes(self) -> list[Change]:
        """The bridge, if it differs, and each port that does."""
        if not (self.make or self.remove or self._retype or self.fail_mode):
            return self.ports.changes
        old_mode, new_mode = self.fail_mode or (None, None)
        have = None if self.make else {"datapath_type": self.have, "fail_mode": old_mode}
        want = None if self.remove else {"datapath_type": self.want or self.have or "system", "fail_mode": new_mode}
        return [between("bridge", self.name, have, want), *self.ports.changes]

    @property
    def commands(self) -> list[list[str]]:
        """The commands of the transaction."""
        if self.remove:
            return [["del-br", self.name]]
        found = [["add-br", self.name]] if self.make else []
        if self.want is not None and (self.make or self._retype):
            found.append(["set", "Bridge", self.name, f"datapath_type={self.want}"])
        if self.fail_mode is not None:
            found.append(["set", "Bridge", self.name, f"fail_mode={self.fail_mode[1]}"])
        return found + self.ports.commands

    @property
    def _retype(self) -> bool:
        return not self.make and not self.remove and self.want is not None and self.have != self.want


def plan_access_ports(
    orders: Iterable[SliceOrder],
    have: Switch,
    *,
    bridge: str,
    unplugged: Collection[str] = (),
    reserved: Collection[int] = (),
    prune_vlans: bool = False,
) -> PortPlan:
    """What makes the access ports of the order's slices those of the order.

    Args:
        orders: the slices.
        have: what the host has.
        bridge: the bridge that the ports shall be on.
        unplugged: devices that no switch has open, whatever its database says.
        reserved: OpenFlow numbers that no new port may have, because flows speak of them.
        prune_vlans: whether trunks carry only the VLANs that ports on the bridge are on, whoever's they are.
    """
    orders = tuple(orders)
    taps = [nic.tap for vm in all_vms(orders) for nic in vm.interfaces if nic.vlan_id is not None]
    numbers = _numbers(taps, have, ACCESS_NUMBERS, reserved)
    wanted = {
        nic.tap: _access_port(vm, nic, bridge, numbers[nic.tap])
        for vm in all_vms(orders)
        for nic in vm.interfaces
        if nic.vlan_id is not None
    }
    # A listed tap that has a port and shall have none is ours by its name, whatever the port says of itself.
    off = {nic.tap for vm in all_vms(orders) for nic in vm.interfaces if nic.vlan_id is None}
    marks = {str(slice_id) for slice_id in slice_ids(orders)}
    todo = _plan(
        wanted,
        have,
        ours=lambda port: port.name in off or port.external_ids.get(SLICE) in marks,
        unplugged={*unplugged, *_to_replug(wanted, have)},
    )
    return replace(todo, mend=(*todo.mend, *_pruned(todo, have, bridge))) if prune_vlans else todo


def _access_port(vm: VM, nic: Interface, bridge: str, number: int) -> Port:
    return Port(
        name=nic.tap,
        bridge=bridge,
        tag=nic.vlan_id,
        vlan_mode=TUNNEL if nic.qinq else "access",
        external_ids={
            SLICE: str(vm.slice_id),
            **_uuids(vm.slice_uuid, vm.vm_uuid),
            "cloudrepo-vm": str(vm.vm_id),
            "cloudrepo-interface": nic.name,
            **({} if nic.link_id is None else {"cloudrepo-link": str(nic.link_id)}),
            **({} if nic.segment is None else {"cloudrepo-segment": nic.segment}),
        },
        number=number,
        own_qdisc=nic.is_shaped,
        # Linux has room beyond the MTU for a tag of this type, and every trunk carries it.
        tunnel_ethertype="802.1q" if nic.qinq else None,
    )


def _uuids(slice_uuid: str | None, vm_uuid: str | None = None) -> dict[str, str]:
    return {key: uuid for key, uuid in ((SLICE_UUID, slice_uuid), (VM_UUID, vm_uuid)) if uuid is not None}


def _pruned(todo: PortPlan, have: Switch, bridge: str) -> Iterable[tuple[Port, Port]]:
    """Trunks that carry more or less than the ports on the bridge are going to need.

    They change in the transaction that brings and takes ports, so no port waits for its VLAN.
    """
    gone = {port.name for port in todo.remove}
    ports = {name: port for name, port in have.ports.items() if name not in gone}
    ports.update({port.name: port for port in todo.wanted})
    here = [port for port in ports.values() if port.bridge == bridge]
    trunks = [port for port in here if INFRASTRUCTURE in port.external_ids and port.vlan_mode == "trunk"]
    held = {MANAGEMENT_VLAN}
    for port in here:
        if port not in trunks:
            held.update(port.trunks if port.tag is None else (port.tag, *port.trunks))
    vlans = tuple(sorted(held))
    return ((port, replace(port, trunks=vlans)) for port in trunks if port.trunks != vlans)


def plan_network_ports(orders: Iterable[Services], have: Switch, *, bridge: str) -> PortPlan:
    """What makes the network node's own ports in the networks of slices those of the order.

    Args:
        orders: the slices.
        have: what the host has.
        bridge: the bridge that the ports shall be on.
    """
    orders = tuple(orders)
    names = [network.port for one in orders for network in one.networks]
    numbers = _numbers(names, have, ACCESS_NUMBERS, ())
    wanted = {
        network.port: Port(
            name=network.port,
            bridge=bridge,
            tag=network.vlan_id,
            vlan_mode="access",
            external_ids={SERVICES: str(one.slice_id), **_uuids(one.slice_uuid)},
            kind="internal",
            number=numbers[network.port],
        )
        for one in orders
        for network in one.networks
    }
    marks = {str(one.slice_id) for one in orders}
    return _plan(
        wanted,
        have,
        ours=lambda port: port.external_ids.get(SERVICES) in marks,
        unplugged=_to_replug(wanted, have),
    )


def plan_bridge(
    *,
    name: str,
    datapath_type: str | None,
    ports: Sequence[Mapping[str, Any]],
    have: Switch,
    present: bool,
    owner: str = UNOWNED,
    fail_mode: str | None = None,
    prune_vlans: bool = False,
) -> BridgePlan:
    """What makes a bridge and its infrastructure ports as they shall be.

    Args:
        name: the bridge.
        datapath_type: its datapath; any when not given.
        ports: its infrastructure ports, each with C(name), C(type) and C(vlan_id).
        have: what the host has.
        present: whether the bridge shall be there.
        owner: who lists the ports; only this one's ports and nobody's go when they are not listed.
        fail_mode: what it does without flows; as it is when not given.
        prune_vlans: whether a trunk that is there keeps its VLANs, which C(plan_access_ports) sees to.
    """
    found = have.bridges.get(name)
    if not present:
        return BridgePlan(name=name, have=found, want=None, remove=found is not None)
    wanted = _infrastructure_ports(name, ports, have, owner, prune_vlans=prune_vlans)
    mode = None if found is None else have.fail_modes.get(name, "standalone")
    return BridgePlan(
        name=name,
        have=found,
        want=datapath_type,
        make=found is None,
        fail_mode=(mode or "standalone", fail_mode) if fail_mode not in (None, mode) else None,
        ports=_plan(
            wanted,
            have,
            ours=lambda port: port.bridge == name and port.external_ids.get(INFRASTRUCTURE) in (owner, UNOWNED),
        ),
    )


def _infrastructure_ports(
    bridge: str, ports: Sequence[Mapping[str, Any]], have: Switch, owner: str, *, prune_vlans: bool
) -> dict[str, Port]:
    numbers = _numbers([port["name"] for port in ports], have, INFRASTRUCTURE_NUMBERS, ())
    marks = {port.name: port.external_ids.get(INFRASTRUCTURE, UNOWNED) for port in have.ports.values()}
    # A port that two of them list stays its first owner's.
    owners = {key: mark for key, mark in marks.items() if mark != UNOWNED}
    wanted = {
        port["name"]: _infrastructure(bridge, port, numbers[port["name"]], owners.get(port["name"], owner))
        for port in ports
    }
    if not prune_vlans:
        return wanted
    kept = {port.name: port.trunks for port in have.ports.values() if port.trunks and port.bridge == bridge}
    return {
        key: replace(port, trunks=kept.get(key, port.trunks)) if port.trunks else port for key, port in wanted.items()
    }


def apply(commands: Iterable[Sequence[str]], runner: Runner) -> None:
    """Carry out a plan's commands in one transaction."""
    ovsdb.commit(commands, runner)


def _infrastructure(bridge: str, port: Mapping[str, Any], number: int, owner: str) -> Port:
    vlan_id = port.get("vlan_id")
    return Port(
        name=port["name"],
        bridge=bridge,
        tag=vlan_id,
        vlan_mode="trunk" if vlan_id is None else "access",
        trunks=ALL_VLANS if vlan_id is None else (),
        external_ids={INFRASTRUCTURE: owner},
        kind=port["type"],
        number=number,
    )


def _numbers(names: Iterable[str], have: Switch, numbers: range, reserved: Collection[int]) -> dict[str, int]:
    """By port the OpenFlow number to ask for: the one that it asked for before, else the lowest that is free.

    Raises:
        SlicesError: none is free.
    """
    names = tuple(names)
    asked = {name: port.number for name, port in have.ports.items() if port.number is not None}
    times = Counter(asked.values())
    found = {name: asked[name] for name in names if asked.get(name) in numbers and times[asked[name]] == 1}
    others = {port.live_number for name, port in have.ports.items() if name not in names}
    taken = {*found.values(), *asked.values(), *others, *reserved}
    free = (number for number in numbers if number not in taken)
    for name in names:
        if name not in found:
            number = next(free, None)
            if number is None:
                raise SlicesError(f"port {name}: all {len(numbers)} OpenFlow numbers of its kind are in use")
            found[name] = number
    return found


def _to_replug(wanted: Mapping[str, Port], have: Switch) -> set[str]:
    """Ports that leave the switch while their flows change.

    One that goes to or from VLAN 400 would for a moment be there without its guard; one that did not get its number
    may get it when it asks again.
    """
    found = set()
    for name, new in wanted.items():
        old = have.ports.get(name)
        if old is None:
            continue
        astray = old.number == new.number and (old.live_number or 0) > 0 and old.live_number != new.number
        if astray or (old.tag != new.tag and MANAGEMENT_VLAN in (old.tag, new.tag)):
            found.add(name)
    return found


def _plan(
    wanted: Mapping[str, Port], have: Switch, *, ours: Callable[[Port], bool], unplugged: Collection[str] = ()
) -> PortPlan:
    pairs = [(have.ports[name], port) for name, port in wanted.items() if name in have.ports]
    return PortPlan(
        add=tuple(port for name, port in wanted.items() if name not in have.ports),
        mend=tuple((old, new) for old, new in pairs if new.name not in unplugged and _facts(old) != _facts(new)),
        replug=tuple((old, new) for old, new in pairs if new.name in unplugged),
        remove=tuple(port for name, port in have.ports.items() if name not in wanted and ours(port)),
        wanted=tuple(wanted.values()),
        noop_qos=have.noop_qos,
    )


def _facts(port: Port) -> tuple[Any, ...]:
    ethertype = port.tunnel_ethertype if port.vlan_mode == TUNNEL else None
    kinds = (port.kind, port.number, port.own_qdisc, ethertype)
    return (port.bridge, port.tag, port.vlan_mode, port.trunks, *kinds, port.our_ids)


def _with_row(commands: list[list[str]], noop_qos: str | None) -> list[list[str]]:
    """Commands whose ports name the row that there is, or one that they make first."""
    word = f"qos={_NOOP_QOS}"
    if not any(word in command for command in commands):
        return commands
    if noop_qos is None:
        mark = f"external_ids:{ovsdb.HANDS_OFF_MARK}=true"
        return [[f"--id={_NOOP_QOS}", "create", "QoS", f"type={ovsdb.HANDS_OFF}", mark], *commands]
    return [[f"qos={noop_qos}" if each == word else each for each in command] for command in commands]


def _add(port: Port) -> list[list[str]]:
    commands = [["add-port", port.bridge, port.name], ["set", "Port", port.name, *_columns(port)]]
    kind = [] if port.kind == "system" else [f"type={port.kind}"]
    number = [] if port.number is None else [f"ofport_request={port.number}"]
    if kind or number:
        commands.append(["set", "Interface", port.name, *kind, *number])
    return commands


def _mend(old: Port, new: Port) -> list[list[str]]:
    if old.bridge != new.bridge:
        return [["del-port", old.bridge, old.name], *_add(new)]
    commands = [["set", "Port", new.name, *_columns(new)]]
    empty = [
        column
        for column, was, is_ in (("tag", old.tag, new.tag), ("trunks", old.trunks, new.trunks))
        if was not in (None, ()) and is_ in (None, ())
    ]
    if old.own_qdisc and not new.own_qdisc:
        empty.append("qos")
    if empty:
        commands.append(["clear", "Port", new.name, *empty])
    stale = sorted(old.our_ids.keys() - new.our_ids.keys())
    if stale:
        commands.append(["remove", "Port", new.name, "external_ids", *stale])
    if old.kind != new.kind:
        commands.append(["set", "Interface", new.name, f"type={new.kind}"])
    if old.number != new.number:
        commands.append(["set", "Interface", new.name, f"ofport_request={new.number}"])
    return commands


def _columns(port: Port) -> list[str]:
    columns = [f"vlan_mode={port.vlan_mode}"]
    if port.tag is not None:
        columns.append(f"tag={port.tag}")
    if port.trunks:
        columns.append(f"trunks={ovsdb.ranges(port.trunks)}")
    if port.own_qdisc:
        columns.append(f"qos={_NOOP_QOS}")
    if port.vlan_mode == TUNNEL:
        columns.append(f"other_config:qinq-ethtype={port.tunnel_ethertype}")
    return columns + ovsdb.ids(port.external_ids)
