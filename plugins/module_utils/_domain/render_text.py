# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices in words: a line an object for diffs, a table for people, and what one change adds, changes and removes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from ..bounds import DEFAULT_MTU
from ..cluster import slice_label
from ..lifecycle import RUNNING
from ..models import VM, Interface, Link, Network, Slice
from . import displays
from .allocation import pool_text
from .host_requirements import stored


def slice_lines(slice_: Slice) -> list[str]:
    """Return a line for the slice and one for each VM, link and network in it."""
    names = {vm.vm_id: vm.name for vm in slice_.vms}
    return [_line(label, thing, names) for label, thing in _things(slice_).values()]


def state_lines(slice_: Slice) -> list[str]:
    """Return a line for the slice and one for each VM that tells its state and process."""
    name = slice_label(slice_)
    return [
        f"slice {name} ({slice_.slice_id}): {slice_.status}",
        *(f"vm {name}/{vm.name} ({vm.vm_id}): {_state(vm)}, pid {vm.pid or 'none'}" for vm in slice_.vms),
    ]


def slice_table(slice_: Slice) -> str:
    """Return the slice as a text table: VM, id, worker, state, pid, address, interfaces with VLANs, VNC display."""
    rows = [("VM", "ID", "WORKER", "STATE", "PID", "ADDRESS", "INTERFACES:VLAN", "VNC")]
    for vm in slice_.vms:
        address = next((each.ip_config["ip"] for each in vm.interfaces if each.ip_config), "-")
        interfaces = " ".join(f"{each.name}:{each.vlan_id or '-'}" for each in vm.interfaces)
        rows.append(
            (
                vm.name,
                str(vm.vm_id),
                vm.worker_ip,
                _state(vm),
                vm.pid or "-",
                address,
                interfaces,
                f"{vm.worker_ip}:{vm.vnc_port}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    title = (
        f"slice {slice_label(slice_)} ({slice_.slice_id}) of {slice_.owner}: {slice_.status}, VLAN pool {_pool(slice_)}"
    )
    names = {vm.vm_id: vm.name for vm in slice_.vms}
    networks = [_line(label, thing, names) for label, thing in _things(slice_).values() if isinstance(thing, Network)]
    return "\n".join([title, *lines, *networks])


def changes(before: Slice | None, after: Slice | None) -> dict[str, list[dict[str, Any]]]:
    """Return the plan between two states of a slice.

    Returns:
        C({added, changed, removed}), each a list of C({kind, name, id, reasons, restart_required}); C(reasons) are
        phrases such as C(cores 1 → 2), C(restart_required) is true where a running VM must restart for it. The id of
        a network is its VLAN.
    """
    old, new = _things(before), _things(after)
    # Ends and members are told by the names of now: a VM of another name is no other end.
    names = {vm.vm_id: vm.name for slice_ in (before, after) if slice_ for vm in slice_.vms}
    was = {key: _facts(thing, names) for key, (_label, thing) in old.items()}
    now = {key: _facts(thing, names) for key, (_label, thing) in new.items()}
    return {
        "added": [_entry(key, new[key][0], ["not there yet"]) for key in new if key not in old],
        "changed": [
            _entry(key, new[key][0], reasons, restart_required=_must_restart(old[key][1], new[key][1]))
            for key in new
            if key in old and (reasons := _differences(was[key], now[key]))
        ],
        "removed": [_entry(key, old[key][0], ["not asked for any more"]) for key in old if key not in new],
    }


def merge(plans: Iterable[Mapping[str, list[dict[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """Return several plans as one."""
    merged: dict[str, list[dict[str, Any]]] = {"added": [], "changed": [], "removed": []}
    for plan in plans:
        for what, entries in plan.items():
            merged[what].extend(entries)
    return merged


Key = tuple[str, int]
Reserved = dict[str, Any]
Thing = Union[Slice, VM, Link, Network, Reserved]
Facts = Sequence[tuple[str, Any]]


def _things(slice_: Slice | None) -> dict[Key, tuple[str, Thing]]:
    """Return the parts of a slice by kind and id, each with what it is called."""
    if slice_ is None:
        return {}
    label = slice_label(slice_)
    found: dict[Key, tuple[str, Thing]] = {("slice", slice_.slice_id): (label, slice_)}
    found.update({("vm", vm.vm_id): (f"{label}/{vm.name}", vm) for vm in slice_.live_vms})
    found.update(
        {("link", link.link_id): (f"{label}/{link.extra.get('name', link.link_id)}", link) for link in slice_.links}
    )
    found.update(
        {
            ("network", network.vlan_id): (f"{label}/{network.extra.get('name', network.vlan_id)}", network)
            for network in slice_.networks
        }
    )
    found.update(
        {
            ("vlan", each["vlan_id"]): (f"{label}/{each.get('name', each['vlan_id'])}", each)
            for each in slice_.extra.get("reserved_vlans", ())
        }
    )
    return found


def _line(label: str, thing: Thing, names: Mapping[int, str]) -> str:
    if isinstance(thing, Slice):
        peers = ", peers on VLAN 400" if thing.extra.get("peers") else ""
        return f"slice {label} ({thing.slice_id}): owner {thing.owner}, VLAN pool {_pool(thing)}{peers}"
    if isinstance(thing, VM):
        interfaces = ", ".join(_interface(each) for each in thing.interfaces)
        where = f"worker {thing.worker_ip}, {_size(thing)}, VNC port {thing.vnc_port}"
        power = "" if thing.power == RUNNING else f", {thing.power}"
        return f"vm {label} ({thing.vm_id}): {where}, {interfaces}{power}"
    if isinstance(thing, Link):
        carried = "".join(f", {name} {value}" for name, value in _carried(thing, always=False))
        return f"link {label}: VLAN {thing.vlan_id}, {_ends(thing, names)}{carried}"
    if isinstance(thing, Network):
        return f"network {label}: VLAN {thing.vlan_id}, " + ", ".join(
            f"{name} {value}"
            for name, value in (*_network_facts(thing, names), *_carried(thing, always=False))
            if name != "name"
        )
    return f"vlan {label}: VLAN {thing['vlan_id']} reserved"


def _state(vm: VM) -> str:
    """What the VM is, and what it will be where a deploy has yet to make it so."""
    seen = RUNNING if vm.observed is None else vm.observed.state
    return vm.status if vm.deleting or vm.power in (RUNNING, seen) else f"{vm.status}, to be {vm.power}"


def _pool(slice_: Slice) -> str:
    return ", ".join(pool_text(number) for number in slice_.pools)


def _size(vm: VM) -> str:
    if vm.flavor is None:
        return "no flavor"
    return f"{vm.flavor['cores']} cores, {vm.flavor['ram_gb']:g} GiB, disk {vm.flavor['disk_gb']:g} GiB"


def _interface(interface: Interface) -> str:
    where = f"VLAN {interface.vlan_id}" if interface.vlan_id else "no VLAN"
    address = f" {interface.ip_config['ip']}" if interface.ip_config else ""
    return f"{interface.name} {interface.mac} {where}{address}{_limits(interface)}"


def _limits(interface: Interface) -> str:
    said = str(stored(interface))
    return f" ({said})" if said else ""


def _carried(segment: Link | Network, *, always: bool = True) -> Facts:
    """What a link or network carries; what is as usual only where that is asked for."""
    usual = {"mtu": DEFAULT_MTU, "qinq": "off", "forward_bpdu": "off"}
    names = {"mtu": "MTU", "qinq": "QinQ", "forward_bpdu": "BPDUs"}
    return [
        (names[key], segment.extra[key] if key == "mtu" else "on") if key in segment.extra else (names[key], usual[key])
        for key in usual
        if always or key in segment.extra
    ]


def _ends(link: Link, names: Mapping[int, str]) -> str:
    return (
        f"{names.get(link.vm1_id, link.vm1_id)}:{link.vm1_interface}–"
        f"{names.get(link.vm2_id, link.vm2_id)}:{link.vm2_interface}"
    )


def _differences(old: Facts, new: Facts) -> list[str]:
    return [
        f"{name} {old_value} → {new_value}"
        for (name, old_value), (_same, new_value) in zip(old, new)
        if old_value != new_value
    ]


def _facts(thing: Thing, names: Mapping[int, str]) -> Facts:
    if isinstance(thing, VM):
        return (
            ("power", thing.power),
            ("flavor", (thing.flavor or {}).get("name", "unnamed")),
            ("pinned to", thing.pinned_to or "no worker"),
            *_started_facts(thing),
            (
                "interfaces",
                ", ".join(f"{each.name} {each.vlan_id or 'off'}{_limits(each)}" for each in thing.interfaces),
            ),
            ("address", next((each.ip_config["ip"] for each in thing.interfaces if each.ip_config), "none")),
            ("data_interfaces", thing.extra.get("data_interfaces", "as needed")),
            (displays.VERSION, displays.version(thing)),
        )
    if isinstance(thing, Link):
        return (
            ("name", thing.extra.get("name", "none")),
            ("VLAN", thing.vlan_id),
            ("ends", _ends(thing, names)),
            *_carried(thing),
        )
    if isinstance(thing, Network):
        return (*_network_facts(thing, names), *_carried(thing))
    if isinstance(thing, Slice):
        return (
            ("name", slice_label(thing)),
            ("deleting", "yes" if thing.deleting else "no"),
            ("topology_type", thing.topology_type),
            ("VLAN pools", _pool(thing)),
            ("vlan_pools", thing.extra.get("max_vlan_pools", 1)),
            ("peers", "on" if thing.extra.get("peers") else "off"),
        )
    return (("name", thing.get("name", "none")),)


def _started_facts(vm: VM) -> Facts:
    """What a VM is started with, and cannot change as it runs."""
    flavor = vm.flavor or {}
    return (("name", vm.name), ("cores", flavor.get("cores")), ("ram_gb", flavor.get("ram_gb")))


def _network_facts(network: Network, names: Mapping[int, str]) -> Facts:
    members = network.extra.get("members", ())
    dhcp = (network.dhcp_range or "on") if network.dhcp_enabled else "off"
    return (
        ("name", network.extra.get("name", "none")),
        ("CIDR", network.cidr),
        ("gateway", network.gateway_ip or "off"),
        ("DHCP", dhcp),
        ("NAT", "on" if network.extra.get("nat") else "off"),
        ("members", " ".join(f"{names.get(each['vm_id'], each['vm_id'])}:{each['interface']}" for each in members)),
    )


def _must_restart(old: Thing, new: Thing) -> bool:
    """Return whether a VM that runs cannot take the change as it runs: name, cores, memory and number of NICs."""
    if not (isinstance(old, VM) and isinstance(new, VM)) or old.status != "running":
        return False
    return _started_facts(old) != _started_facts(new) or len(old.interfaces) != len(new.interfaces)


def _entry(key: Key, label: str, reasons: list[str], *, restart_required: bool = False) -> dict[str, Any]:
    kind, number = key
    return {"kind": kind, "name": label, "id": number, "reasons": reasons, "restart_required": restart_required}
