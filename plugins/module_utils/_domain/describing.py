# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices in words: a line an object for diffs, a table for people, and what one change adds, changes and removes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..cluster import slice_label
from ..models import VM, Interface, Link, Slice
from .allocation import pool_text


def slice_lines(one: Slice) -> list[str]:
    """Return a line for the slice and one for each VM and link in it."""
    return list(_objects(one).values())


def state_lines(one: Slice) -> list[str]:
    """Return a line for the slice and one for each VM that tells its state and process."""
    name = slice_label(one)
    return [
        f"slice {name} ({one.slice_id}): {one.status}",
        *(f"vm {name}/{vm.name} ({vm.vm_id}): {vm.status}, pid {vm.pid or 'none'}" for vm in one.vms),
    ]


def slice_table(one: Slice) -> str:
    """Return the slice as a text table: VM, id, worker, state, pid, address, interfaces with VLANs, VNC display."""
    rows = [("VM", "ID", "WORKER", "STATE", "PID", "ADDRESS", "INTERFACES:VLAN", "VNC")]
    for vm in one.vms:
        address = next((each.ip_config["ip"] for each in vm.interfaces if each.ip_config), "-")
        interfaces = " ".join(f"{each.name}:{each.vlan_id or '-'}" for each in vm.interfaces)
        rows.append(
            (
                vm.name,
                str(vm.vm_id),
                vm.worker_ip,
                vm.status,
                vm.pid or "-",
                address,
                interfaces,
                f"{vm.worker_ip}:{vm.vnc_port}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    title = f"slice {slice_label(one)} ({one.slice_id}) of {one.owner}: {one.status}, VLAN pool {_pool(one)}"
    return "\n".join([title, *lines])


def changes(before: Slice | None, after: Slice | None) -> dict[str, list[dict[str, Any]]]:
    """Return the plan between two states of a slice.

    Returns:
        C({added, changed, removed}), each a list of C({kind, name, id, reasons, restart_required}); C(reasons) are
        phrases such as C(cores 1 → 2), C(restart_required) is true where a running VM must restart for it.
    """
    old = _keyed(before)
    new = _keyed(after)
    return {
        "added": [_entry(key, ["not there yet"]) for key in new if key not in old],
        "changed": [
            _entry(key, reasons, restart_required=_must_restart(old[key], new[key]))
            for key in new
            if key in old and (reasons := _differences(old[key], new[key]))
        ],
        "removed": [_entry(key, ["not asked for any more"]) for key in old if key not in new],
    }


def merge(plans: Iterable[Mapping[str, list[dict[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """Return several plans as one."""
    merged: dict[str, list[dict[str, Any]]] = {"added": [], "changed": [], "removed": []}
    for plan in plans:
        for what, entries in plan.items():
            merged[what].extend(entries)
    return merged


Key = tuple[str, str, int]


def _keyed(one: Slice | None) -> dict[Key, Slice | VM | Link]:
    if one is None:
        return {}
    label = slice_label(one)
    found: dict[Key, Slice | VM | Link] = {("slice", label, one.slice_id): one}
    found.update({("vm", f"{label}/{vm.name}", vm.vm_id): vm for vm in one.vms if vm.status != "deleting"})
    found.update({("link", f"{label}/{link.link_id}", link.link_id): link for link in one.links})
    return found


def _objects(one: Slice) -> dict[Key, str]:
    names = {vm.vm_id: vm.name for vm in one.vms}
    return {key: _line(key, thing, names) for key, thing in _keyed(one).items()}


def _line(key: Key, thing: Slice | VM | Link, names: Mapping[int, str]) -> str:
    kind, name, number = key
    if isinstance(thing, Slice):
        return f"{kind} {name} ({number}): owner {thing.owner}, VLAN pool {_pool(thing)}"
    if isinstance(thing, VM):
        interfaces = ", ".join(_interface(each) for each in thing.interfaces)
        where = f"worker {thing.worker_ip}, {_size(thing)}, VNC port {thing.vnc_port}"
        return f"{kind} {name} ({number}): {where}, {interfaces}"
    return (
        f"{kind} {name}: VLAN {thing.vlan_id}, {names[thing.vm1_id]}:{thing.vm1_interface}–"
        f"{names[thing.vm2_id]}:{thing.vm2_interface}"
    )


def _pool(one: Slice) -> str:
    return pool_text(one.slice_id)


def _size(vm: VM) -> str:
    if vm.flavor is None:
        return "no flavor"
    return f"{vm.flavor['cores']} cores, {vm.flavor['ram_gb']:g} GiB, disk {vm.flavor['disk_gb']:g} GiB"


def _interface(interface: Interface) -> str:
    where = f"VLAN {interface.vlan_id}" if interface.vlan_id else "no VLAN"
    address = f" {interface.ip_config['ip']}" if interface.ip_config else ""
    return f"{interface.name} {interface.mac} {where}{address}"


def _differences(old: Slice | VM | Link, new: Slice | VM | Link) -> list[str]:
    return [
        f"{name} {old_value} → {new_value}"
        for (name, old_value), (_same, new_value) in zip(_facts(old), _facts(new))
        if old_value != new_value
    ]


def _facts(thing: Slice | VM | Link) -> Sequence[tuple[str, Any]]:
    if isinstance(thing, VM):
        flavor = thing.flavor or {}
        return (
            *((name, flavor.get(name)) for name in ("cores", "ram_gb")),
            ("interfaces", ", ".join(f"{each.name} {each.vlan_id or 'off'}" for each in thing.interfaces)),
            ("address", next((each.ip_config["ip"] for each in thing.interfaces if each.ip_config), "none")),
        )
    if isinstance(thing, Link):
        return (("VLAN", thing.vlan_id),)
    return (("status", thing.status),)


def _must_restart(old: Slice | VM | Link, new: Slice | VM | Link) -> bool:
    """Return whether a VM that runs cannot take the change as it runs: its cores, memory and number of NICs."""
    if not (isinstance(old, VM) and isinstance(new, VM)) or old.status != "running":
        return False
    return _facts(old)[:2] != _facts(new)[:2] or len(old.interfaces) != len(new.interfaces)


def _entry(key: Key, reasons: list[str], *, restart_required: bool = False) -> dict[str, Any]:
    kind, name, number = key
    return {"kind": kind, "name": name, "id": number, "reasons": reasons, "restart_required": restart_required}
