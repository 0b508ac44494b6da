# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A slice as a text table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..bounds import DEFAULT_MTU
from ..cluster import REVISION, slice_label
from ..lifecycle import RUNNING
from ..models import VM, Link, Network, Slice
from . import data_disks
from .addressing import ADDRESSES, LOOPBACK
from .allocation import pool_text
from .expiry import FIELD as EXPIRES
from .kinds import names_shown, shown
from .slice_changes import attributes


def slice_table(slice_: Slice) -> str:
    """Return a text table with VM, id, worker, state, pid, address, VLANs of interfaces and VNC display."""
    rows: list[tuple[str, ...]] = [("VM", "ID", "WORKER", "STATE", "PID", "ADDRESS", "INTERFACES:VLAN", "VNC", "TITLE")]
    for vm in slice_.vms:
        address = next((each.ip_config["ip"] for each in vm.interfaces if each.ip_config), "-")
        interfaces = " ".join(f"{shown(each)}:{each.vlan_id or '-'}" for each in vm.interfaces)
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
                vm.extra.get("title", ""),
            )
        )
    pool = ", ".join(pool_text(number) for number in slice_.pools)
    label = f"{_label(slice_label(slice_), slice_)} ({slice_.slice_id})"
    revision = f", revision {slice_.extra[REVISION]}" if REVISION in slice_.extra else ""
    expires = f", expires {slice_.extra[EXPIRES]}" if EXPIRES in slice_.extra else ""
    heading = f"slice {label} of {slice_.owner}: {slice_.status}, VLAN pool {pool}{revision}{expires}"
    names = {vm.vm_id: vm.name for vm in slice_.vms}
    return "\n".join(
        [
            heading,
            *aligned(_without_empty_titles(rows)),
            *(_network_line(slice_, each, names) for each in slice_.networks),
            *_address_lines(slice_, names),
            *_disk_lines(slice_),
        ]
    )


def slices_table(slices: Sequence[Slice], management_vlan: int) -> str:
    """Return slices as a text table with a line each; C(no slices) if there are none."""
    if not slices:
        return "no slices"
    rows: list[tuple[str, ...]] = [("SLICE", "ID", "OWNER", "STATUS", "RUNNING", "VLANS", "WORKERS", "TITLE")]
    for slice_ in slices:
        vms = slice_.live_vms
        running = sum(1 for vm in vms if vm.status == RUNNING)
        workers = " ".join(dict.fromkeys(vm.worker_ip for vm in vms)) or "-"
        used = f"{len(slice_.vlan_pool_used)}/{len(slice_.pool(management_vlan))}"
        name = slice_label(slice_)
        title = slice_.extra.get("title", "")
        count = f"{running}/{len(vms)}"
        rows.append((name, str(slice_.slice_id), slice_.owner, slice_.status, count, used, workers, title))
    return "\n".join(aligned(_without_empty_titles(rows)))


def _without_empty_titles(rows: Sequence[tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """Return the rows without the last column if it only has a head."""
    return rows if any(row[-1] for row in rows[1:]) else [row[:-1] for row in rows]


def _label(name: str, thing: Slice | Network) -> str:
    """Return the name, and the title if there is one."""
    return f'{name} "{thing.extra["title"]}"' if "title" in thing.extra else name


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a text table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _state(vm: VM) -> str:
    """Return the VM's status, and its desired power state if a deploy has to change it."""
    seen = RUNNING if vm.observed is None else vm.observed.state
    return vm.status if vm.deleting or vm.power in (RUNNING, seen) else f"{vm.status}, to be {vm.power}"


def _address_lines(slice_: Slice, names: Mapping[int, str]) -> Iterator[str]:
    """Yield a line for the loopbacks, and one for each link or network whose ends have addresses."""
    label = slice_label(slice_)
    loopbacks = [f"{vm.name} {' '.join(vm.extra[LOOPBACK].values())}" for vm in slice_.live_vms if LOOPBACK in vm.extra]
    if loopbacks:
        yield f"loopbacks of {label}: {', '.join(loopbacks)}"
    things: list[tuple[str, Link | Network]] = [
        *((f"link {label}/{each.label}", each) for each in slice_.links),
        *((f"network {label}/{each.label}", each) for each in slice_.networks),
    ]
    shown = names_shown(slice_)
    for name, thing in things:
        facts: dict[str, Any] = dict(attributes(thing, names, shown))
        if ADDRESSES in facts:
            yield f"addresses of {name}: {', '.join(facts[ADDRESSES])}"


def _disk_lines(slice_: Slice) -> Iterator[str]:
    """Yield a line for the data disks, and one for each that is in the trash or on its way there."""
    label = slice_label(slice_)
    disks = [f"{vm.name} {data_disks.label(disk)}" for vm in slice_.vms for disk in vm.data_disks]
    if disks:
        yield f"data disks of {label}: {', '.join(disks)}"
    given_up = [f"{vm.name} {data_disks.label(disk)}" for vm in slice_.live_vms for disk in vm.given_up_disks]
    if given_up:
        yield f"data disks given up by {label}: {', '.join(given_up)}"
    for each in data_disks.all_trashed(slice_):
        disk = f"{each['name']} {each['size_gb']:g} GiB of {label}/{each['vm']}"
        place = f"the trash of {each['worker_ip']}" if "worker_ip" in each else "the trash"
        yield f"data disk {disk}: in {place} until {each['until']}, restore {each['uuid']}"


def _network_line(slice_: Slice, network: Network, names: Mapping[int, str]) -> str:
    facts: dict[str, Any] = dict(attributes(network, names, names_shown(slice_)))
    dhcp = (facts["dhcp_range"] or "on") if facts["dhcp_enabled"] else "off"
    fields = {
        "VLAN": facts["vlan_id"],
        "CIDR": facts["cidr"],
        "gateway": facts["gateway_ip"] or "off",
        "DHCP": dhcp,
        "NAT": "on" if facts["nat"] else "off",
        "members": " ".join(facts["members"]),
        **({"CIDR6": facts["cidr6"]} if "cidr6" in facts else {}),
        **({} if facts["mtu"] == DEFAULT_MTU else {"MTU": facts["mtu"]}),
        **({"QinQ": "on"} if facts["qinq"] else {}),
        **({"BPDUs": "on"} if facts["forward_bpdu"] else {}),
    }
    label = _label(f"{slice_label(slice_)}/{network.label}", network)
    return f"network {label}: " + ", ".join(f"{name} {value}" for name, value in fields.items())
