# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints what slices hold on a host, or judges what they hold on all hosts: held.py look | held.py judge <SEEN

It asks the host itself: processes, sockets, disks, ports, and the reservations of the network node. C(look) prints a
JSON list of rows, each with the UUID of a slice, a kind and a text.

SEEN is JSON:
- C(before) and C(after): the rows by host, at two times;
- C(kept): slices, each with C(name) and C(uuid), that must hold the same at both times, all kinds or C(kinds) of it;
- C(gone): slices that must hold nothing at the second time;
- C(planned): slices, as M(cloudrepo.slices.slice_info) returns them, that no host has;
- C(in_use): the numbers that the database does not give away by kind, as in its high-water mark, if they are checked.

No two slices may hold the same id, VLAN, address or VNC port, and what they hold must be in use. Prints each broken
rule, and fails if there are any.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

STATE_DIR = "/var/lib/cloudrepo"
MANAGEMENT_VLAN = 400
"""The VLAN that all slices have in common."""
FIRST_VLAN, POOL_VLANS = 100, 20
"""The first VLAN of the first pool, and the VLANs of a pool."""
NUMBERS = ("id", "vlan", "address", "vnc port")
"""The kinds that are numbers of one slice."""
KINDS = (*NUMBERS, "process", "disk", "port")
PORTS = ("ovs-vsctl", "--format=json", "--columns=name,tag,external_ids", "list", "port")
SOCKETS = ("ss", "--no-header", "--tcp", "--listening", "--numeric", "--processes")
PROCESSES = ("pgrep", "--list-full", "qemu-system")
PROCESS = re.compile(r"^(\d+) .*/vms/(\d+)/", re.MULTILINE)
SOCKET = re.compile(r":(\d+)\s+\S+\s+users:\(\(\"qemu-system[^\"]*\",pid=(\d+),")
NOT_FOUND = 1

Ask = Callable[[Sequence[str]], str]


class Row(NamedTuple):
    """Something that a slice holds on a host."""

    owner: str
    kind: str
    what: str


def ask(command: Sequence[str]) -> str:
    """Return the output of a command.

    Raises:
        CalledProcessError: it failed; this does not include C(pgrep) without a match.
    """
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if not (command[0] == "pgrep" and done.returncode == NOT_FOUND):
        done.check_returncode()
    return done.stdout


def look(ask: Ask, state_dir: str = STATE_DIR) -> Iterator[Row]:
    """Yield what slices hold on this host."""
    owners: dict[int, str] = {}
    for name in numbers(f"{state_dir}/vms"):
        folder = f"{state_dir}/vms/{name}"
        with open(f"{folder}/identity.json", encoding="utf-8") as file:
            said = json.load(file)
        owners[name] = said["slice_uuid"]
        yield from (Row(owners[name], "id", str(said[key])) for key in ("slice_id", "vm_id"))
        for disk in sorted(said["disks"]):
            yield Row(owners[name], "disk", f"{folder}/{disk} inode {os.stat(f'{folder}/{disk}').st_ino}")
    vms = {pid: int(vm) for pid, vm in PROCESS.findall(ask(PROCESSES))}
    yield from (Row(owners[vm], "process", f"VM {vm} pid {pid}") for pid, vm in vms.items())
    for port, pid in SOCKET.findall(ask(SOCKETS)):
        yield Row(owners[vms[pid]], "vnc port", port)
    yield from ports(json.loads(ask(PORTS))["data"])
    for name in numbers(f"{state_dir}/dhcp/hosts.d"):
        with open(f"{state_dir}/names/{name}.uuid", encoding="utf-8") as file:
            owner = file.read().strip()
        with open(f"{state_dir}/dhcp/hosts.d/{name}", encoding="utf-8") as file:
            yield from (Row(owner, "address", line.split(",")[1]) for line in file)


def ports(rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Yield the ports of slices with their VLANs, from the output of C(ovs-vsctl)."""
    for name, tag, external_ids in rows:
        marks = dict(external_ids[1])
        owner = marks.get("cloudrepo-slice-uuid")
        if owner is None:
            continue
        # The gateway of a network, or the interface of a VM.
        kind = "gateway" if "cloudrepo-services" in marks else "port"
        yield Row(owner, kind, f"{name} VLAN {tag}")
        if tag not in (["set", []], MANAGEMENT_VLAN):
            yield Row(owner, "vlan", str(tag))


def numbers(folder: str) -> list[int]:
    """Return the names in a folder that are numbers."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(name) for name in names if name.isdecimal())


def planned(slice_: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the numbers that a slice of the database would hold on hosts."""
    owner = slice_["uuid"]
    yield Row(owner, "id", str(slice_["slice_id"]))
    yield from (Row(owner, "vlan", str(vlan)) for vlan in slice_["vlan_pool_used"])
    for vm in slice_["vms"]:
        yield from (Row(owner, "id", str(vm["vm_id"])), Row(owner, "vnc port", str(vm["vnc_port"])))
        for interface in vm["interfaces"]:
            if interface.get("ip_config"):
                yield Row(owner, "address", interface["ip_config"]["ip"])


def judge(seen: Mapping[str, Any]) -> list[str]:
    """Return a line for each broken rule."""
    before, after = rows(seen.get("before", {})), rows(seen["after"])
    wrong = []
    for slice_ in seen.get("kept", ()):
        for kind in slice_.get("kinds", KINDS):
            had, has = (held_by(slice_["uuid"], kind, each) for each in (before, after))
            if not had or had != has:
                wrong.append(f"slice {slice_['name']}: {kind}s were {had}, and are {has}")
    for slice_ in seen.get("gone", ()):
        left = [what for kind in (*KINDS, "gateway") for what in held_by(slice_["uuid"], kind, after)]
        if left:
            wrong.append(f"slice {slice_['name']} still holds {left}")
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in [row for _host, row in after] + [row for slice_ in seen.get("planned", ()) for row in planned(slice_)]:
        if row.kind in NUMBERS:
            holders[row.kind, row.what].add(row.owner)
    shared = {number: owners for number, owners in holders.items() if len(owners) > 1}
    wrong += [f"{kind} {what} is held by slices {sorted(owners)}" for (kind, what), owners in shared.items()]
    return wrong + [f"{kind} {what} is free, but held" for kind, what in free(after, seen.get("in_use") or {})]


Seen = list[tuple[str, Row]]


def rows(hosts: Mapping[str, Iterable[Sequence[str]]]) -> Seen:
    """Return the rows of all hosts, each with its host."""
    return [(host, Row(*row)) for host in sorted(hosts) for row in hosts[host]]


def free(seen: Seen, in_use: Mapping[str, Sequence[int]]) -> Iterator[tuple[str, str]]:
    """Yield the addresses, VNC ports and VLANs that slices hold and the database would give away."""
    for kind, what in sorted({(row.kind, row.what) for _host, row in seen}) if in_use else ():
        if kind == "address":
            is_free = int(ipaddress.IPv4Address(what)) not in in_use["address"]
        elif kind == "vnc port":
            is_free = int(what) not in in_use["vnc_port"]
        elif kind == "vlan":
            is_free = (int(what) - FIRST_VLAN) // POOL_VLANS not in in_use["vlan_pool"]
        else:
            continue
        if is_free:
            yield kind, what


def held_by(owner: str, kind: str, seen: Seen) -> list[str]:
    """Return what a slice holds of a kind, with the host if it is an object there."""
    found = ((host, row) for host, row in seen if (row.owner, row.kind) == (owner, kind))
    return sorted({row.what if kind in NUMBERS else f"{host}: {row.what}" for host, row in found})


def main(mode: str) -> None:
    if mode == "look":
        print(json.dumps(list(look(ask))))
        return
    seen = json.load(sys.stdin)
    wrong = judge(seen)
    print("\n".join(wrong or [f"{len(rows(seen['after']))} rows are as expected"]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
