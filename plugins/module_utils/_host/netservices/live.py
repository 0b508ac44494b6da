# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The live state of the network node as text, which units save after their start, to detect drift later."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...bounds import DEFAULT_MTU
from .. import files
from ..datapath import forwarding
from ..runner import Runner

DHCP_NAMESPACE = "slices-dhcp"
NETNS_DIR = "/run/netns"
RUN_DIR = "/run"
PROC_SYS = "/proc/sys"
_GATEWAY_PORT, _DHCP_PORT = "gw400", "dhcp400"
SHARES = "cloudrepo_shares"
TABLES = ("ip cloudrepo", f"ip {SHARES}")
"""Family and name of the tables with the host's packet rules for VMs."""


@dataclass(frozen=True)
class Device:
    """A network device, with its IPv4 addresses including prefix lengths."""

    mac: str
    addresses: frozenset[str]
    is_up: bool
    mtu: int = DEFAULT_MTU


def nat_note(run_dir: str = RUN_DIR) -> str:
    """Return the file to which the unit of the host's packet rules saves C(rules)."""
    return f"{run_dir}/slices-nat.rules"


def gateway_note(run_dir: str = RUN_DIR) -> str:
    """Return the file to which the gateway's unit saves C(gateway)."""
    return f"{run_dir}/slices-gateway.live"


def network_note(slice_id: int, run_dir: str = RUN_DIR) -> str:
    """Return the file to which the unit of a slice's networks saves C(network), until it stops."""
    return f"{run_dir}/slices-network@{slice_id}/live"


def note(path: str, text: str) -> None:
    """Save a state."""
    files.write_text(path, text, mode=0o644)


def listing(table: str) -> list[str]:
    """Return the command that lists a table, given by family and name, without what changes by itself."""
    # The sets of this table change with each sender.
    terse = ["--terse"] if table.endswith(f" {SHARES}") else []
    return ["nft", "--stateless", *terse, "list", "table", *table.split()]


def rules(runner: Runner) -> str | None:
    """Return the host's packet rules for VMs, C(None) if they are not all loaded."""
    listed = [runner.run(listing(table), check=False) for table in TABLES]
    return "".join(done.stdout for done in listed) if all(done.rc == 0 for done in listed) else None


def gateway(wan: str, bridge: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> str:
    """Return the state of VLAN 400's gateway and of the DHCP server's namespace, including packet rules.

    Args:
        wan: the external interface.
        bridge: the bridge with the ports of both. The first lines contain these names for C(gateway_differences).
        runner: runs commands on the host.
        proc_sys: the mount point of the kernel's settings.
    """
    return _lines(
        [
            f"wan {wan}",
            f"bridge {bridge}",
            *([f"{bridge} forwards"] if forwarding.forwards(bridge, runner) else []),
            *_device(_GATEWAY_PORT, runner),
            *(_forwarding(device, proc_sys) for device in (_GATEWAY_PORT, wan)),
            *_device(_DHCP_PORT, runner, DHCP_NAMESPACE),
            *_routes(DHCP_NAMESPACE, runner),
            # The elements are the clients, which change with slices.
            *_without_elements(_rules_of(DHCP_NAMESPACE, runner)),
        ]
    )


def network(slice_id: int, runner: Runner, *, proc_sys: str = PROC_SYS) -> str:
    """Return packet rules, routes and forwarding of a slice's namespace."""
    space = f"slice-{slice_id}"
    sysctl = runner.run(in_namespace(space, "sysctl", "net.ipv4.ip_forward"), check=False).stdout
    return _lines(
        [
            *_rules_of(space, runner),
            *_routes(space, runner),
            *sysctl.splitlines(),
            _forwarding(f"nat_{slice_id}", proc_sys),
        ]
    )


def gateway_differences(run_dir: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> tuple[str, ...]:
    """Return the differences between the saved and the current state of the gateway (C(differences))."""
    noted = files.read_text(gateway_note(run_dir))
    # Without a saved state, the unit has never been started.
    names = dict(line.partition(" ")[::2] for line in (noted or "").splitlines()[:2])
    if not noted or not names.keys() >= {"wan", "bridge"}:
        return ()
    return differences(noted, gateway(names["wan"], names["bridge"], runner, proc_sys=proc_sys))


def network_differences(slice_id: int, run_dir: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> tuple[str, ...]:
    """Return the differences between the saved and the current state of a slice's namespace (C(differences))."""
    noted = files.read_text(network_note(slice_id, run_dir))
    return differences(noted, network(slice_id, runner, proc_sys=proc_sys)) if noted else ()


def differences(noted: str, live: str) -> tuple[str, ...]:
    """Return the lines that differ: C(< line) for a saved line that is missing, C(> line) for an additional one."""
    if noted == live:
        return ()
    signs = {"-": "<", "+": ">"}
    compared = difflib.ndiff(noted.splitlines(), live.splitlines())
    return tuple(f"{signs[line[0]]} {line[2:]}" for line in compared if line[0] in signs)


def in_namespace(name: str, *command: str) -> list[str]:
    """Return the command line that runs a command in a network namespace."""
    return ["nsenter", f"--net={NETNS_DIR}/{name}", *command]


def devices(runner: Runner, namespace: str | None = None, name: str | None = None) -> dict[str, Device]:
    """Return the network devices of a namespace, or of the host itself, by name; all, or the one called C(name)."""
    where = [] if namespace is None else ["-n", namespace]
    which = [] if name is None else ["dev", name]
    done = runner.run(["ip", "-json", *where, "address", "show", *which], check=False)
    # This fails if the file of a namespace is only a leftover.
    rows = json.loads(done.stdout or "[]") if done.rc == 0 else []
    return {row["ifname"]: _read_device(row) for row in rows if row}


def _read_device(row: Mapping[str, Any]) -> Device:
    addresses = (each for each in row.get("addr_info", ()) if each.get("family") == "inet")
    return Device(
        mac=row.get("address", ""),
        addresses=frozenset(f"{each['local']}/{each['prefixlen']}" for each in addresses),
        is_up="UP" in row.get("flags", ()),
        mtu=row.get("mtu", 0),
    )


def _device(name: str, runner: Runner, namespace: str | None = None) -> Iterator[str]:
    device = devices(runner, namespace, name).get(name)
    if device is not None and device.is_up:
        yield from (f"{name} {value}" for value in (device.mac, *sorted(device.addresses)))


def _forwarding(device: str, proc_sys: str) -> str:
    value = files.read_text(f"{proc_sys}/net/ipv4/conf/{device}/forwarding")
    return f"{device} forwarding {'none' if value is None else value.strip()}"


def _routes(namespace: str, runner: Runner) -> list[str]:
    shown = runner.run(["ip", "-n", namespace, "route", "show"], check=False).stdout
    # The carrier does not depend on the unit.
    return [line.replace(" linkdown", "") for line in shown.splitlines()]


def _rules_of(namespace: str, runner: Runner) -> list[str]:
    listed = (runner.run(in_namespace(namespace, *listing(table)), check=False).stdout for table in TABLES)
    return [line for text in listed for line in text.splitlines()]


def _without_elements(listed: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in listed:
        inside = inside or "elements = {" in line
        if not inside:
            yield line
        inside = inside and "}" not in line


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)
