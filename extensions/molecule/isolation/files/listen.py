# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""usage: listen.py FILE

Counts the frames on interfaces of a host until SIGTERM: taps, NAT links, the gateway's port, the management network,
and as C(NAMESPACE/INTERFACE) the ports of networks in the namespaces of slices. Then writes the counters to FILE as
JSON: C({"frames": {INTERFACE: {"in" or "out": {WHAT: COUNT}}}, "lost": COUNT}). C(out) are frames that the host sends
to the interface; on a tap, these are the frames to its guest. WHAT is the canary in a frame, such as C(1001:007) for
the VM and the number of its attack, otherwise the kind of answer, otherwise the sender. FILE.ready is created when all
sockets are open.
"""

from __future__ import annotations

import ctypes
import json
import re
import selectors
import signal
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
PACKET_OUTGOING = 4
TURN = 1000
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
# Not used by the guests' own connections. Each scan uses other ports, because a server keeps state for each of them.
SCAN_PORTS = range(20000, 30000)
CANARY = re.compile(rb"~(\d+:\d+)~")
INFRASTRUCTURE = "02:00:"
NAMESPACES = Path("/run/netns")
ON_HOST = re.compile(r"tap_.*|nat_.*|gw400|mgmt0")
IN_SLICE = re.compile(r"net_\d+")


class Listener(Protocol):
    """The interface of a non-blocking packet socket."""

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        """See C(socket.socket)."""


def mac(data: bytes) -> str:
    """Return a MAC address as text."""
    return data.hex(":")


def tell(frame: bytes) -> str:
    """Return the canary of a frame, otherwise the kind of answer, otherwise the sender."""
    source, kind = mac(frame[6:12]), frame[12:14].hex()
    rest = frame[14:]
    # A guest may send truncated headers, which are padded with zeros.
    ip = rest.ljust(20, b"\0") if kind == "0800" else bytes(20)
    payload = ip[(ip[0] & 15) * 4 :].ljust(14, b"\0")
    # ICMP errors contain the original packet with its canary. Redirects from guests may be attacks themselves.
    quoting = b"\x03\x05\x0b\x0c" if source.startswith(INFRASTRUCTURE) else b"\x03"
    if ip[9] == socket.IPPROTO_ICMP and payload[0] in quoting:
        return f"error {source}"
    is_answer = ip[9] == socket.IPPROTO_TCP and payload[13] & 0x12 == 0x12
    if is_answer and int.from_bytes(payload[2:4], "big") in SCAN_PORTS:
        return f"open {socket.inet_ntoa(ip[12:16])}:{int.from_bytes(payload[:2], 'big')}"
    canary = CANARY.search(frame)
    if canary:
        return canary[1].decode()
    if kind == "0806" and rest[6:8] == b"\0\2" and len(rest) >= 28:
        return f"arp {source} {mac(rest[18:24])} {socket.inet_ntoa(rest[24:28])}"
    if ip[9] == socket.IPPROTO_UDP and payload[:2] == b"\0\x43":
        return f"dhcp {source} {mac(payload[36:42])} {payload[12:16].hex()}"
    return f"from {source} {kind}"


def watched(host: Iterable[str], slices: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the interfaces to listen on, of those of the host and of each slice's namespace."""
    ports = [f"{space}/{name}" for space, names in slices.items() for name in names if IN_SLICE.fullmatch(name)]
    return sorted(filter(ON_HOST.fullmatch, host)) + sorted(ports)


def names_in(namespace: Path) -> list[str]:
    """Return the interfaces of a network namespace."""
    enter(namespace)
    try:
        return [name for _index, name in socket.if_nameindex()]
    finally:
        enter(Path("/proc/1/ns/net"))


def open_socket(interface: str) -> socket.socket:
    """Return a socket that receives all frames on C(interface)."""
    namespace, _slash, name = interface.rpartition("/")
    if namespace:
        enter(NAMESPACES / namespace)
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        opened.bind((name, ETH_P_ALL))
        opened.setblocking(False)
        return opened
    finally:
        if namespace:
            enter(Path("/proc/1/ns/net"))


def enter(namespace: Path) -> None:
    """Move this process to a network namespace."""
    with namespace.open() as opened:
        if ctypes.CDLL(None, use_errno=True).setns(opened.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "cannot enter the network namespace", str(namespace))


def take(heard: Listener, frames: dict[str, Counter[str]]) -> None:
    """Count received frames, up to a limit, so that the queues of other interfaces do not overflow."""
    for _turn in range(TURN):
        try:
            frame, (_name, _protocol, direction, *_rest) = heard.recvfrom(65536)
        except BlockingIOError:
            break
        frames["out" if direction == PACKET_OUTGOING else "in"][tell(frame)] += 1


def lost_by(listener: socket.socket) -> int:
    """Return the number of frames that were dropped because a socket's queue was full."""
    _received, dropped = struct.unpack("II", listener.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return int(dropped)


def main(target: Path) -> None:
    slices = {space.name: names_in(space) for space in NAMESPACES.glob("slice-*")}
    interfaces = watched((name for _index, name in socket.if_nameindex()), slices)
    frames: dict[str, dict[str, Counter[str]]] = {each: {"in": Counter(), "out": Counter()} for each in interfaces}
    sockets = {interface: open_socket(interface) for interface in interfaces}
    selector = selectors.DefaultSelector()
    for interface, listener in sockets.items():
        selector.register(listener, selectors.EVENT_READ, interface)
    stopping: list[int] = []
    wake, woken = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    selector.register(woken, selectors.EVENT_READ)
    Path(f"{target}.ready").touch()
    while True:
        ready = [key for key, _events in selector.select(timeout=0 if stopping else None)]
        if stopping and not ready:
            break
        for key in ready:
            if key.fileobj is not woken:
                take(sockets[key.data], frames[key.data])
            elif stopping:
                selector.unregister(woken)
    lost = sum(map(lost_by, sockets.values()))
    target.write_text(json.dumps({"frames": frames, "lost": lost}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
