# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares what is stored of slices (C(slice_info)) with what the hosts really hold (C(observe.py))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Slice = Mapping[str, Any]
Host = Mapping[str, Any]
NETWORK_NODE = "netnode"
MISSING, EXTRA, UNTRUE = "lost", "doubled", "untrue"


@dataclass(frozen=True, order=True)
class Difference:
    """A difference.

    Attributes:
        kind: C(lost) if something is missing on a host, C(doubled) if a host holds more than is stored, C(untrue) if
            the stored state of a VM is wrong.
    """

    kind: str
    host: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind} on {self.host}: {self.text}"


@dataclass
class Wanted:
    """The objects that a host must hold, each as words."""

    units: set[str] = field(default_factory=set)
    qemus: set[str] = field(default_factory=set)
    taps: set[str] = field(default_factory=set)
    ports: dict[str, int | None] = field(default_factory=dict)
    disks: dict[str, str] = field(default_factory=dict)
    flows: set[int] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    reservations: dict[str, str] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=set)


def compare(slices: Iterable[Slice], hosts: Mapping[str, Host], workers: Mapping[str, str]) -> list[Difference]:
    """Return all differences between what is stored and the hosts that were observed.

    Args:
        slices: the stored slices.
        hosts: the observations, by host.
        workers: the names of workers, by address.
    """
    wanted = {name: Wanted() for name in hosts}
    slices = list(slices)
    for each in slices:
        for vm in each["vms"]:
            if workers[vm["worker_ip"]] in wanted:
                _add_vm(wanted[workers[vm["worker_ip"]]], each, vm)
        if NETWORK_NODE in wanted:
            _add_services(wanted[NETWORK_NODE], each)
    found = [difference for name, host in hosts.items() for difference in _differences(name, wanted[name], host)]
    return sorted({*found, *states(slices, hosts, workers)})


def _add_vm(wanted: Wanted, each: Slice, vm: Mapping[str, Any]) -> None:
    vm_id, slice_id = vm["vm_id"], each["slice_id"]
    if vm["status"] == "running":
        wanted.units.add(f"cloudrepo-{slice_id}@{vm_id}.service")
        wanted.qemus.add(str(vm_id))
    wanted.folders.add(str(vm_id))
    wanted.applied.add(f"worker/{slice_id}.json")
    for disk in vm["disks"]:
        wanted.disks[disk["path"]] = disk["uuid"]
    for nic in vm["interfaces"]:
        tap = f"tap_{vm_id}_{nic['name']}"
        wanted.taps.add(tap)
        if nic["vlan_id"] is not None:
            wanted.ports[tap] = nic["vlan_id"]
            wanted.flows.add(slice_id)


def _add_services(wanted: Wanted, each: Slice) -> None:
    slice_id = each["slice_id"]
    reserved = {
        nic["mac"]: nic["ip_config"]["ip"] for vm in each["vms"] for nic in vm["interfaces"] if nic["ip_config"]
    }
    wanted.reservations.update(reserved)
    if reserved:
        wanted.units.add(f"slices-names@{slice_id}.service")
    served = [network for network in each["networks"] if network["gateway_ip"] or network["dhcp_enabled"]]
    if served:
        wanted.units.add(f"slices-network@{slice_id}.service")
        wanted.namespaces.add(f"slice-{slice_id}")
    wanted.applied.add(f"network_node/{slice_id}.json")


def _differences(name: str, wanted: Wanted, host: Host) -> Iterator[Difference]:
    active = {unit for unit, each in host["units"].items() if each["state"] not in ("inactive", "failed")}
    have: list[tuple[str, Any, Any]] = [
        ("unit", wanted.units, active),
        ("tap", wanted.taps, host["taps"]),
        ("port", wanted.ports.items(), host["ports"].items()),
        ("flows of slice", wanted.flows, host["flows"]),
        ("VM folder", wanted.folders, host["folders"]),
        ("QEMU of VM", wanted.qemus, host["qemus"]),
        ("disk", wanted.disks.items(), [(path, each["uuid"]) for path, each in host["disks"].items()]),
        ("applied order", wanted.applied, host["applied"]),
        ("reservation", wanted.reservations.items(), host["reservations"].items()),
        ("namespace", wanted.namespaces, host["namespaces"]),
        ("deleted disk", (), host["trash"]),
        ("temporary file", (), host["drafts"]),
    ]
    for what, should, does in have:
        yield from (Difference(MISSING, name, f"{what} {_words(key)}") for key in set(should) - set(does))
        yield from (Difference(EXTRA, name, f"{what} {_words(key)}") for key in set(does) - set(should))
    for vm_id, pids in host["qemus"].items():
        if len(pids) > 1:
            yield Difference(EXTRA, name, f"QEMU of VM {vm_id}, with the pids {pids}")


def _words(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def states(slices: Iterable[Slice], hosts: Mapping[str, Host], workers: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the VMs whose stored state is not that on their host. VMs that no report has been about are left out."""
    for each in slices:
        for vm in each["vms"]:
            name = workers[vm["worker_ip"]]
            if name not in hosts or vm["status"] not in ("running", "stopped"):
                continue
            does = _state(hosts[name], str(vm["vm_id"]))
            is_paused = vm.get("power") == "paused"
            if vm["status"] == "stopped" and not is_paused:
                should: tuple[str, int | None] = ("stopped", None)
            else:
                should = ("paused" if is_paused else "running", int(vm["pid"]))
            if does != should:
                label = f"VM {each['name']}/{vm['name']} ({vm['vm_id']})"
                yield Difference(UNTRUE, name, f"{label} is stored as {should}, and is {does}")


def _state(host: Host, vm_id: str) -> tuple[str, int | None]:
    pids = host["qemus"].get(vm_id, [])
    if not pids:
        return "stopped", None
    return host["answers"].get(vm_id, "silent"), pids[0]


def pids(slices: Iterable[Slice], hosts: Mapping[str, Host]) -> dict[str, int]:
    """Return the pids of QEMU by the UUID of the VM."""
    running = {vm_id: pids[0] for host in hosts.values() for vm_id, pids in host["qemus"].items()}
    stored = (vm for each in slices for vm in each["vms"])
    return {vm["uuid"]: running[str(vm["vm_id"])] for vm in stored if str(vm["vm_id"]) in running}
