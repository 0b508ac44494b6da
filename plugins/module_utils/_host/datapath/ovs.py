# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans for the ports and bridges of the collection in Open vSwitch, which are applied in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Callable

from ...changes import Change, SliceRef, between
from ...errors import Refusal, Refused
from ...network_order import Services
from ...vlans import ranges
from ...vm_order import VM, Interface
from ...work_order import SliceOrder
from ..runner import Runner
from ..work_order import all_vms, slice_ids
from . import ovsdb, port_numbers
from .ovsdb import Port, Switch

SLICE = "cloudrepo-slice"
SLICE_UUID = "cloudrepo-slice-uuid"
VM_UUID = "cloudrepo-vm-uuid"
# Its value is the owner of the port: a host may be worker and network node, each with its own ports on the bridge.
INFRASTRUCTURE = "cloudrepo-infrastructure"
UNOWNED = "true"
# Distinguishes the network node's ports of a slice from those of the slice's VMs if the host is also a worker.
SERVICES = "cloudrepo-services"
# Adds the tag to tagged frames as well, which an access port would drop.
TUNNEL = "dot1q-tunnel"
# A trunk without a list of VLANs also carries VLAN 0, that is, untagged frames. Listing all VLANs excludes these, so
# that an uplink has no native VLAN in either direction.
ALL_VLANS = tuple(range(1, 4095))
_NOOP_QOS = "@noop_qos"


@dataclass(frozen=True)
class PortPlan:
    """The plan for ports.

    Attributes:
        replug: ports that are removed and added again, because their device was recreated and the switch still has
            the old one open, or because their flows change in the meantime.
        wanted: all desired ports.
        noop_qos: the row of the C(linux-noop) QoS; C(None) if the host does not have it yet.
        slices: the slice of each device of the order, by name.
    """

    add: tuple[Port, ...] = ()
    update: tuple[tuple[Port, Port], ...] = ()
    remove: tuple[Port, ...] = ()
    replug: tuple[tuple[Port, Port], ...] = ()
    wanted: tuple[Port, ...] = ()
    noop_qos: str | None = None
    slices: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """Each port that differs."""
        unplugged = ({**old.attributes, "plugged": False} for old, _new in self.replug)
        return [
            *(between("port", port.name, port.attributes, None, slice=self._slice(port)) for port in self.remove),
            *(between("port", port.name, None, port.attributes, slice=self._slice(port)) for port in self.add),
            *(
                between("port", new.name, old.attributes, new.attributes, slice=self._slice(new))
                for old, new in self.update
            ),
            *(
                Change("port", new.name, "replug", before, new.attributes, slice=self._slice(new))
                for before, (_old, new) in zip(unplugged, self.replug)
            ),
        ]

    def _slice(self, port: Port) -> SliceRef | None:
        """Return the slice of a port. The order does not list those that it removes, but they bear its mark."""
        mark = port.external_ids.get(SLICE) or port.external_ids.get(SERVICES)
        slice_id = self.slices.get(port.name) or (int(mark) if mark and mark.isdecimal() else None)
        return None if slice_id is None else SliceRef(slice_id)

    @property
    def numbers(self) -> dict[str, int]:
        """The OpenFlow numbers of the desired ports, by name."""
        return {port.name: port.number for port in self.wanted if port.number is not None}

    @property
    def unplug_commands(self) -> list[list[str]]:
        """The commands of a separate transaction: in one transaction, the switch would keep a port unchanged."""
        return [["del-port", old.bridge, old.name] for old, _new in self.replug]

    @property
    def commands(self) -> list[list[str]]:
        """The commands of the transaction; removals come first, because a port may be added to another bridge."""
        found = [["del-port", port.bridge, port.name] for port in self.remove]
        for old, new in self.update:
            found += _update(old, new)
        for port in (*self.add, *(new for _old, new in self.replug)):
            found += _add(port)
        return _with_row(found, self.noop_qos)


@dataclass(frozen=True)
class BridgePlan:
    """The plan for a bridge and its infrastructure ports."""

    name: str
    have: str | None
    want: str | None
    make: bool = False
    remove: bool = False
    ports: PortPlan = PortPlan()
    fail_mode: tuple[str, str | None] | None = None

    @property
    def changes(self) -> list[Change]:
        """The bridge, if it differs, and each port that differs."""
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
    gone: Collection[str] = (),
    reserved: Collection[int] = (),
    prune_vlans: bool = False,
    management_vlan: int,
) -> PortPlan:
    """Return the plan for the access ports of the order's slices.

    Args:
        orders: the slices.
        have: the observed state.
        bridge: the desired bridge of the ports.
        unplugged: devices that no switch has open, although its database may contain them.
        gone: taps of the slices that are removed. Their ports go too, even without our external_ids.
        reserved: OpenFlow numbers that no new port may have, because flows refer to them.
        prune_vlans: whether trunks carry only the VLANs of ports on the bridge, including ports of others.
        management_vlan: the management VLAN, which each trunk carries.
    """
    orders = tuple(orders)
    plugged = [(vm, nic) for vm in all_vms(orders) for nic in vm.interfaces if nic.vlan_id is not None]
    numbers = port_numbers.allocate([nic.tap for _vm, nic in plugged], have, port_numbers.ACCESS, reserved)
    wanted = {nic.tap: _access_port(vm, nic, bridge, numbers[nic.tap]) for vm, nic in plugged}
    slices = {nic.tap: vm.slice_id for vm in all_vms(orders) for nic in vm.interfaces}
    todo = _plan(
        wanted,
        have,
        ours=_is_ours(orders, slices, gone),
        unplugged={*unplugged, *_to_replug(wanted, have, management_vlan)},
        slices=slices,
    )
    return replace(todo, update=(*todo.update, *_pruned(todo, have, bridge, management_vlan))) if prune_vlans else todo


def _is_ours(orders: tuple[SliceOrder, ...], taps: Collection[str], gone: Collection[str]) -> Callable[[Port], bool]:
    """Return whether a port belongs to the slices."""
    marks = {str(slice_id) for slice_id in slice_ids(orders)}

    def is_ours(port: Port) -> bool:
        holder = port.external_ids.get(SLICE)
        # The port of an interface without a VLAN is ours by its name, even without our external_ids.
        return port.name in taps or holder in marks or (holder is None and port.name in gone)

    return is_ours


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
        # Linux allows for a tag of this type beyond the MTU, and every trunk carries it.
        tunnel_ethertype="802.1q" if nic.qinq else None,
    )


def _uuids(slice_uuid: str | None, vm_uuid: str | None = None) -> dict[str, str]:
    return {key: uuid for key, uuid in ((SLICE_UUID, slice_uuid), (VM_UUID, vm_uuid)) if uuid is not None}


def _pruned(todo: PortPlan, have: Switch, bridge: str, management_vlan: int) -> Iterable[tuple[Port, Port]]:
    """Return the trunks whose VLANs differ from those of the bridge's ports after the plan.

    They are changed in the transaction that adds and removes the ports, so that no port is ever without its VLAN.
    """
    gone = {port.name for port in todo.remove}
    ports = {name: port for name, port in have.ports.items() if name not in gone}
    ports.update({port.name: port for port in todo.wanted})
    here = [port for port in ports.values() if port.bridge == bridge]
    trunks = [port for port in here if INFRASTRUCTURE in port.external_ids and port.vlan_mode == "trunk"]
    held = {management_vlan}
    for port in here:
        if port not in trunks:
            held.update(port.trunks if port.tag is None else (port.tag, *port.trunks))
    vlans = tuple(sorted(held))
    return ((port, replace(port, trunks=vlans)) for port in trunks if port.trunks != vlans)


def plan_network_ports(orders: Iterable[Services], have: Switch, *, bridge: str) -> PortPlan:
    """Return the plan for the network node's ports in the networks of the order's slices.

    Args:
        orders: the slices.
        have: the observed state.
        bridge: the desired bridge of the ports.
    """
    orders = tuple(orders)
    names = [network.port for order in orders for network in order.networks]
    numbers = port_numbers.allocate(names, have, port_numbers.ACCESS)
    wanted = {
        network.port: Port(
            name=network.port,
            bridge=bridge,
            tag=network.vlan_id,
            vlan_mode="access",
            external_ids={SERVICES: str(order.slice_id), **_uuids(order.slice_uuid)},
            kind="internal",
            number=numbers[network.port],
        )
        for order in orders
        for network in order.networks
    }
    marks = {str(order.slice_id) for order in orders}
    return _plan(
        wanted,
        have,
        ours=lambda port: port.external_ids.get(SERVICES) in marks,
        unplugged=_to_replug(wanted, have, None),
        slices={network.port: order.slice_id for order in orders for network in order.networks},
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
    """Return the plan for a bridge and its infrastructure ports.

    Args:
        name: the bridge.
        datapath_type: its datapath type; C(None) leaves it unchanged.
        ports: its infrastructure ports, each with C(name), C(type) and C(vlan_id).
        have: the observed state.
        present: whether the bridge should exist.
        owner: the owner of the ports; ports that are not listed are removed if they belong to this owner or to none.
        fail_mode: its fail mode; C(None) leaves it unchanged.
        prune_vlans: whether existing trunks keep their VLANs, which are then maintained by C(plan_access_ports).

    Raises:
        Refused: a port is a bridge itself, or belongs to another bridge and is not ours.
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
        ports=_plan(wanted, have, ours=lambda port: _is_infrastructure(port, name, owner)),
    )


def _is_infrastructure(port: Port, bridge: str, owner: str) -> bool:
    return port.bridge == bridge and port.external_ids.get(INFRASTRUCTURE) in (owner, UNOWNED)


def _infrastructure_ports(
    bridge: str, ports: Sequence[Mapping[str, Any]], have: Switch, owner: str, *, prune_vlans: bool
) -> dict[str, Port]:
    refusals = list(_foreign(bridge, [port["name"] for port in ports], have))
    if refusals:
        raise Refused(refusals)
    numbers = port_numbers.allocate([port["name"] for port in ports], have, port_numbers.INFRASTRUCTURE)
    marks = {port.name: port.external_ids.get(INFRASTRUCTURE, UNOWNED) for port in have.ports.values()}
    # A port that two owners list belongs to the first one.
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


def _foreign(bridge: str, names: Iterable[str], have: Switch) -> Iterator[Refusal]:
    """Yield refusals for devices that are bridges, or ports of a bridge that somebody else has put them on."""
    for name in names:
        port = have.ports.get(name)
        if name in have.bridges:
            yield Refusal("port_is_bridge", f"port {name}", {"bridge": bridge})
        elif port is not None and port.bridge != bridge and INFRASTRUCTURE not in port.external_ids:
            yield Refusal("port_of_another_bridge", f"port {name}", {"bridge": bridge, "other": port.bridge})


def apply(commands: Iterable[Sequence[str]], runner: Runner) -> None:
    """Apply a plan's commands in one transaction, or in several if they are too long for one command line.

    All commands of a port are in the same transaction, because a port without its VLAN would carry all of them.
    """
    commands = list(commands)
    first = commands[0][0] if commands else ""
    if first == f"--id={_NOOP_QOS}" and len(ovsdb.parts(commands)) > 1:
        noop_qos = ovsdb.create(commands[0][1:], runner)
        commands = [
            [f"qos={noop_qos}" if each == f"qos={_NOOP_QOS}" else each for each in command] for command in commands[1:]
        ]
    for part in ovsdb.parts(commands):
        ovsdb.commit(part, runner)


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


def _to_replug(wanted: Mapping[str, Port], have: Switch, management_vlan: int | None) -> set[str]:
    """Return the ports that are removed while their flows change, and then added again.

    A port that moves to or from the management VLAN would otherwise be without its filters for a moment. A port that
    did not get its requested number may get it when it is added again.
    """
    found = set()
    for name, new in wanted.items():
        old = have.ports.get(name)
        if old is None:
            continue
        has_wrong_number = old.number == new.number and (old.live_number or 0) > 0 and old.live_number != new.number
        if has_wrong_number or (old.tag != new.tag and management_vlan in (old.tag, new.tag)):
            found.add(name)
    return found


def _plan(
    wanted: Mapping[str, Port],
    have: Switch,
    *,
    ours: Callable[[Port], bool],
    unplugged: Collection[str] = (),
    slices: Mapping[str, int] = MappingProxyType({}),
) -> PortPlan:
    pairs = [(have.ports[name], port) for name, port in wanted.items() if name in have.ports]
    return PortPlan(
        add=tuple(port for name, port in wanted.items() if name not in have.ports),
        update=tuple((old, new) for old, new in pairs if new.name not in unplugged and _facts(old) != _facts(new)),
        replug=tuple((old, new) for old, new in pairs if new.name in unplugged),
        remove=tuple(port for name, port in have.ports.items() if name not in wanted and ours(port)),
        wanted=tuple(wanted.values()),
        noop_qos=have.noop_qos,
        slices=slices,
    )


def _facts(port: Port) -> tuple[Any, ...]:
    ethertype = port.tunnel_ethertype if port.vlan_mode == TUNNEL else None
    # An administrator may limit an uplink.
    altered = () if INFRASTRUCTURE in port.external_ids else port.altered
    kinds = (port.kind, port.number, port.own_qdisc, ethertype, altered)
    return (port.bridge, port.tag, port.vlan_mode, port.trunks, *kinds, port.our_ids)


def _with_row(commands: list[list[str]], noop_qos: str | None) -> list[list[str]]:
    """Return the commands with the UUID of the QoS row, or with a command that creates it first."""
    word = f"qos={_NOOP_QOS}"
    if not any(word in command for command in commands):
        return commands
    if noop_qos is None:
        mark = f"external_ids:{ovsdb.NOOP_QOS_MARK}=true"
        return [[f"--id={_NOOP_QOS}", "create", "QoS", f"type={ovsdb.LINUX_NOOP}", mark], *commands]
    return [[f"qos={noop_qos}" if each == word else each for each in command] for command in commands]


def _add(port: Port) -> list[list[str]]:
    commands = [["add-port", port.bridge, port.name], ["set", "Port", port.name, *_columns(port)]]
    kind = [] if port.kind == "system" else [f"type={port.kind}"]
    number = [] if port.number is None else [f"ofport_request={port.number}"]
    if kind or number:
        commands.append(["set", "Interface", port.name, *kind, *number])
    return commands


def _update(old: Port, new: Port) -> list[list[str]]:
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
    if ovsdb.PROTECTED in old.altered:
        commands.append(["set", "Port", new.name, f"{ovsdb.PROTECTED}=false"])
    if ovsdb.POLICING in old.altered:
        commands.append(["set", "Interface", new.name, f"{ovsdb.POLICING}=0"])
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
        columns.append(f"trunks={ranges(port.trunks)}")
    if port.own_qdisc:
        columns.append(f"qos={_NOOP_QOS}")
    if port.vlan_mode == TUNNEL:
        columns.append(f"other_config:qinq-ethtype={port.tunnel_ethertype}")
    return columns + ovsdb.ids(port.external_ids)
