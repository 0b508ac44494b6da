# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices as graphs in Mermaid and DOT (Graphviz)."""

from __future__ import annotations

from collections.abc import Iterator

from ..cluster import slice_label
from ..models import VM, Link, Network, Slice
from .kinds import names_shown, shown

Edge = tuple[str, str, str]


def mermaid(slice_: Slice) -> str:
    """Return the slice as a Mermaid flowchart of VMs, networks and links."""
    return "\n".join(
        [
            "---",
            f"title: {_heading(slice_)}",
            "---",
            "flowchart LR",
            *(f'  {node}["{_clean(label)}"]' for node, label in _vms(slice_)),
            *(f'  {node}(["{_clean(label)}"])' for node, label in _segments(slice_)),
            *(f'  {first} ---|"{_clean(label)}"| {second}' for first, second, label in _edges(slice_)),
        ]
    )


def dot(slice_: Slice) -> str:
    """Return the slice as an undirected graph in DOT."""
    return "\n".join(
        [
            f'graph "{_clean(_title(slice_label(slice_), slice_))}" {{',
            *(f'  {node} [shape=box, label="{_clean(label)}"];' for node, label in _vms(slice_)),
            *(f'  {node} [shape=ellipse, label="{_clean(label)}"];' for node, label in _segments(slice_)),
            *(f'  {first} -- {second} [label="{_clean(label)}"];' for first, second, label in _edges(slice_)),
            "}",
        ]
    )


def _heading(slice_: Slice) -> str:
    """Return the title as a value in YAML."""
    title = _clean(_title(slice_label(slice_), slice_))
    return f'"{title}"' if "title" in slice_.extra else title


def _vms(slice_: Slice) -> Iterator[tuple[str, str]]:
    return ((f"vm{vm.vm_id}", _title(vm.name, vm)) for vm in slice_.live_vms)


def _segments(slice_: Slice) -> Iterator[tuple[str, str]]:
    """Yield the networks with members, and the management VLAN if a VM is on it."""
    for network in slice_.networks:
        if "name" in network.extra:
            name = _title(network.extra["name"], network)
            yield f"net{network.vlan_id}", f"{name} {network.cidr} VLAN {network.vlan_id}"
    managed = [nic.vlan_id for vm in slice_.live_vms for nic in vm.interfaces if nic.ip_config]
    if managed:
        yield "internet", f"internet VLAN {managed[0]}"


def _edges(slice_: Slice) -> Iterator[Edge]:
    names = names_shown(slice_)
    for link in slice_.links:
        first, second = (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)
        name = f"{_title('', link)} VLAN {link.vlan_id}".strip()
        label = f"{names.get(first, first[1])} {name} {names.get(second, second[1])}"
        yield f"vm{link.vm1_id}", f"vm{link.vm2_id}", label
    for network in slice_.networks:
        for member in network.extra.get("members", ()):
            end = (member["vm_id"], member["interface"])
            yield f"vm{end[0]}", f"net{network.vlan_id}", names.get(end, end[1])
    yield from _internet(slice_)


def _internet(slice_: Slice) -> Iterator[Edge]:
    for vm in slice_.live_vms:
        for interface in vm.interfaces:
            if interface.ip_config:
                yield f"vm{vm.vm_id}", "internet", f"{shown(interface)} {interface.ip_config['ip']}"


def _title(name: str, thing: Slice | VM | Network | Link) -> str:
    title: str = thing.extra.get("title", name)
    return title


def _clean(text: str) -> str:
    """Return text that is safe between quotes, because titles may contain any characters.

    Mermaid reads HTML and C(#) with a code.
    """
    return "".join(character if character.isprintable() and character not in '"\\<>#`' else "_" for character in text)
