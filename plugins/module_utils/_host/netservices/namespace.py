# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network namespace of a slice: its description in a file, and its creation, which is idempotent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ...bounds import DEFAULT_MTU
from ...errors import SlicesError
from .. import files
from ..runner import Runner
from .live import devices, in_namespace

_VSCTL = ("ovs-vsctl", "--timeout=30")
_NAT = "nat"


@dataclass(frozen=True)
class Port:
    """An internal port of Open vSwitch in the namespace; its address includes the prefix length."""

    name: str
    address: str
    mac: str
    mtu: int = DEFAULT_MTU


@dataclass(frozen=True)
class Layout:
    """The content of a namespace.

    Attributes:
        nat: the addresses of the NAT link, on the host and in the namespace; C(None) without NAT.
    """

    ports: tuple[Port, ...]
    nat: tuple[str, str] | None = None

    def __str__(self) -> str:
        """Return the text of its file: a line per port, and one for the NAT link."""
        lines = [" ".join(["port", port.name, port.address, port.mac, *_unusual(port.mtu)]) for port in self.ports]
        lines += [] if self.nat is None else [" ".join(["nat", *self.nat])]
        return "".join(f"{line}\n" for line in lines)


def read(text: str) -> Layout:
    """Parse the text of a layout.

    Raises:
        ValueError: a line is invalid.
    """
    ports: list[Port] = []
    nat = None
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "nat":
            outer, inner = words
            nat = outer, inner
        elif kind == "port":
            name, address, mac, *mtu = words
            ports.append(Port(name, address, mac, *map(int, mtu)))
        else:
            raise ValueError(f"{line!r} is neither a port nor a NAT link")
    return Layout(tuple(ports), nat)


def make(folder: str, runner: Runner) -> None:
    """Create the namespace of the slice whose networks have this folder.

    Raises:
        SlicesError: its file is invalid.
        CommandFailed: a command of Open vSwitch or iproute2 failed.
    """
    path = f"{folder}/devices"
    try:
        layout = read(files.read_text(path) or "")
    except ValueError as error:
        raise SlicesError(f"{path}: {error}") from error
    slice_id = os.path.basename(folder)
    space, outer = f"slice-{slice_id}", f"nat_{slice_id}"
    for port in layout.ports:
        place_port(space, port.name, runner)
    # Rules are loaded before forwarding is enabled, which is only needed with NAT.
    runner.run(in_namespace(space, "nft", "-f", f"{folder}/rules.nft"))
    # A kernel without IPv6 does not have this setting.
    runner.run(in_namespace(space, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1"), check=False)
    runner.run(in_namespace(space, "sysctl", "-q", "-w", f"net.ipv4.ip_forward={int(layout.nat is not None)}"))
    if layout.nat is None:
        runner.run(["ip", "link", "delete", "dev", outer], check=False)
    else:
        _make_nat(space, outer, layout.nat[0], runner)
    _batch(["ip", "-n", space], _inside(layout, space, runner), runner)


def place_port(namespace: str, port: str, runner: Runner) -> None:
    """Move an internal port of Open vSwitch to a network namespace, which is created if it is missing.

    Raises:
        CommandFailed: a command of Open vSwitch or iproute2 failed.
    """
    if not _exists("lo", runner, namespace):
        runner.run(["ip", "netns", "delete", namespace], check=False)  # in case its file is only a leftover
        runner.run(["ip", "netns", "add", namespace])
    if not _exists(port, runner, namespace):
        _await(port, runner)
        if not _exists(port, runner):
            # Its device was deleted with a namespace, which the switch does not notice. Changing the type makes the
            # switch create another device.
            for kind in ("system", "internal"):
                runner.run([*_VSCTL, "set", "Interface", port, f"type={kind}"])
            _await(port, runner)
    if _exists(port, runner):
        # A restarted switch creates its ports on the host. With the userspace datapath, the old device still exists.
        runner.run(["ip", "-n", namespace, "link", "delete", "dev", port], check=False)
        runner.run(["ip", "link", "set", "dev", port, "netns", namespace])


def _make_nat(space: str, outer: str, address: str, runner: Runner) -> None:
    """Create the NAT link and configure its end on the host."""
    if not _exists(_NAT, runner, space) or not _exists(outer, runner):
        runner.run(["ip", "link", "delete", "dev", outer], check=False)
        runner.run(["ip", "link", "add", outer, "type", "veth", "peer", "name", _NAT, "netns", space])
    lines = [f"address replace {address} dev {outer}", f"link set dev {outer} up"]
    _batch(["ip"], lines, runner)
    runner.run(["sysctl", "-q", "-w", f"net/ipv4/conf/{outer}/forwarding=1"])


def _inside(layout: Layout, space: str, runner: Runner) -> Iterator[str]:
    """Yield the lines of C(ip -batch) in the namespace."""
    have = devices(runner, space)
    for port in layout.ports:
        yield f"link set dev {port.name} address {port.mac} mtu {port.mtu}"
        if port.name not in have or have[port.name].addresses != {port.address}:
            yield f"address flush dev {port.name}"
            yield f"address add {port.address} dev {port.name}"
        yield f"link set dev {port.name} up"
    if layout.nat is not None:
        outer, inner = layout.nat
        yield f"address replace {inner} dev {_NAT}"
        yield f"link set dev {_NAT} up"
        yield f"route replace default via {outer.partition('/')[0]}"


def _batch(command: list[str], lines: Iterator[str] | list[str], runner: Runner) -> None:
    runner.run([*command, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))


def _exists(device: str, runner: Runner, namespace: str | None = None) -> bool:
    where = [] if namespace is None else ["-n", namespace]
    return runner.run(["ip", *where, "link", "show", "dev", device], check=False).rc == 0


def _await(port: str, runner: Runner) -> None:
    runner.run([*_VSCTL, "wait-until", "Interface", port, "ofport>0"])


def _unusual(mtu: int) -> list[str]:
    return [] if mtu == DEFAULT_MTU else [str(mtu)]
