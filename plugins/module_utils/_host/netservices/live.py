# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is live on the network node, as text: units note it when they have made it, and deploys compare."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...bounds import DEFAULT_MTU
from .. import files
from ..runner import Runner

DHCP_NAMESPACE = "slices-dhcp"
NETNS_DIR = "/run/netns"
RUN_DIR = "/run"
PROC_SYS = "/proc/sys"
_GATEWAY_PORT, _DHCP_PORT = "gw400", "dhcp400"
_LIST_RULES = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")


@dataclass(frozen=True)
class Device:
    """A network device: its IPv4 addresses, each with its prefix."""

    mac: str
    addresses: frozenset[str]
    is_up: bool
    mtu: int = DEFAULT_MTU


def nat_note(run_dir: str = RUN_DIR) -> str:
    """Where the unit that loads the host's packet rules notes C(rules)."""
    return f"{run_dir}/slices-nat.rules"


def gateway_note(run_dir: str = RUN_DIR) -> str:
    """Where the gateway's unit notes C(gateway)."""
    return f"{run_dir}/slices-gateway.live"


def network_note(slice_id: int, run_dir: str = RUN_DIR) -> str:
    """Where the unit of a slice's networks notes C(network); it goes when the unit stops."""
    return f"{run_dir}/slices-network@{slice_id}/live"


def note(path: str, text: str) -> None:
    """Note what was made."""
    files.write_text(path, text, mode=0o644)


def rules(runner: Runner) -> str | None:
    """The host's packet rules of VMs, nothing where there are none."""
    done = runner.run(_LIST_RULES, check=False)
    return done.stdout if done.rc == 0 else None


def gateway(wan: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> str:
    """The gateway of VLAN 400 and the namespace of its DHCP server, with the packet rules there.

    Args:
        wan: the interface to the outside; the first line names it, so that C(gateway_differences) knows it.
        runner: the host's.
        proc_sys: the kernel's settings.
    """
    return _lines(
        [
            f"wan {wan}",
            *_device(_GATEWAY_PORT, runner),
            *(_forwarding(device, proc_sys) for device in (_GATEWAY_PORT, wan)),
            *_device(_DHCP_PORT, runner, DHCP_NAMESPACE),
            *_routes(DHCP_NAMESPACE, runner),
            # Clients come and go with slices.
            *_without_elements(_rules_of(DHCP_NAMESPACE, runner)),
        ]
    )


def network(slice_id: int, runner: Runner, *, proc_sys: str = PROC_SYS) -> str:
    """The packet rules, routes and forwarding of a slice's namespace."""
    space = f"slice-{slice_id}"
    forwarding = runner.run(in_namespace(space, "sysctl", "net.ipv4.ip_forward"), check=False).stdout
    return _lines(
        [
            *_rules_of(space, runner),
            *_routes(space, runner),
            *forwarding.splitlines(),
            _forwarding(f"nat_{slice_id}", proc_sys),
        ]
    )


def gateway_differences(run_dir: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> tuple[str, ...]:
    """How the gateway differs from what its unit noted; see C(differences)."""
    noted = files.read_text(gateway_note(run_dir))
    # One that has noted nothing has not been made.
    wan = (noted or "").partition("\n")[0].partition(" ")[2]
    return differences(noted, gateway(wan, runner, proc_sys=proc_sys)) if noted and wan else ()


def network_differences(slice_id: int, run_dir: str, runner: Runner, *, proc_sys: str = PROC_SYS) -> tuple[str, ...]:
    """How a slice's namespace differs from what its unit noted; see C(differences)."""
    noted = files.read_text(network_note(slice_id, run_dir))
    return differences(noted, network(slice_id, runner, proc_sys=proc_sys)) if noted else ()


def differences(noted: str, live: str) -> tuple[str, ...]:
    """The lines that differ: C(< line) for one that was noted and is missing, C(> line) for one that was not noted."""
    if noted == live:
        return ()
    signs = {"-": "<", "+": ">"}
    told = difflib.ndiff(noted.splitlines(), live.splitlines())
    return tuple(f"{signs[line[0]]} {line[2:]}" for line in told if line[0] in signs)


def in_namespace(name: str, *command: str) -> list[str]:
    """The command that runs another one in a network namespace."""
    return ["nsenter", f"--net={NETNS_DIR}/{name}", *command]


def devices(runner: Runner, namespace: str | None = None, name: str | None = None) -> dict[str, Device]:
    """The network devices of a namespace, or of the host itself, by name; all if there is no name."""
    where = [] if namespace is None else ["-n", namespace]
    which = [] if name is None else ["dev", name]
    done = runner.run(["ip", "-json", *where, "address", "show", *which], check=False)
    # A namespace whose file is there and that is none any more has nothing.
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
    # Whether anybody is at the other end is not the unit's doing.
    return [line.replace(" linkdown", "") for line in shown.splitlines()]


def _rules_of(namespace: str, runner: Runner) -> list[str]:
    return runner.run(in_namespace(namespace, *_LIST_RULES), check=False).stdout.splitlines()


def _without_elements(listed: Iterable[str]) -> Iterator[str]:
    inside = False
    for line in listed:
        inside = inside or "elements = {" in line
        if not inside:
            yield line
        inside = inside and "}" not in line


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)
