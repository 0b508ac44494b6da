# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finds other machines on the management VLAN that answer for the addresses of the network node (RFC 5227).

Probes are sent on the trunk with a VLAN tag, so that neither the bridge nor its ports have to exist yet. They have no
sender address, so that no ARP cache changes. This host does not receive them, and so does not answer them itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Callable, Protocol

from ...errors import Refusal, Refused
from ..datapath.management import mac_of
from ..runner import Runner
from .live import DHCP_NAMESPACE, devices

PROBES, INTERVAL_S = 3, 0.25
_VLAN, _ARP, _IPV4, _ETHERNET = 0x8100, 0x0806, 0x0800, 1
_REQUEST = 1
_BROADCAST, _UNKNOWN_MAC, _NO_ADDRESS = b"\xff" * 6, b"\0" * 6, b"\0" * 4
_ARP_PACKET = struct.Struct("!HHBBH6s4s6s4s")
_MINIMUM = 64
"""The length of the shortest frame with a tag, without its checksum."""


@dataclass(frozen=True)
class Answer:
    """An address that a machine uses, and its MAC."""

    address: str
    mac: str


class Link(Protocol):
    """A connection to a trunk."""

    mac: bytes

    def send(self, frame: bytes) -> None:
        """Send a frame."""

    def receive(self, timeout_s: float) -> tuple[bytes, int | None] | None:
        """Return a frame, with its VLAN if the kernel has removed the tag; C(None) after the timeout."""


def probe(mac: bytes, address: str, management_vlan: int) -> bytes:
    """Return the frame that asks on the management VLAN who uses an address."""
    header = _BROADCAST + mac + struct.pack("!HHH", _VLAN, management_vlan, _ARP)
    target = socket.inet_aton(address)
    packet = _ARP_PACKET.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, mac, _NO_ADDRESS, _UNKNOWN_MAC, target)
    return (header + packet).ljust(_MINIMUM, b"\0")


def read(frame: bytes, vlan_id: int | None, *, management_vlan: int) -> Answer | None:
    """Return who a frame is from, C(None) if it is not ARP on the management VLAN.

    Args:
        frame: the frame.
        vlan_id: its VLAN if the kernel has removed the tag.
        management_vlan: the management VLAN.
    """
    start = 12
    if vlan_id is None and frame[start : start + 2] == struct.pack("!H", _VLAN):
        vlan_id = int.from_bytes(frame[14:16], "big") & 0xFFF
        start = 16
    packet = frame[start + 2 : start + 2 + _ARP_PACKET.size]
    is_arp = frame[start : start + 2] == struct.pack("!H", _ARP) and len(packet) == _ARP_PACKET.size
    if not is_arp or vlan_id != management_vlan:
        return None
    *kind, _operation, mac, address, _target_mac, _target = _ARP_PACKET.unpack(packet)
    return Answer(socket.inet_ntoa(address), mac.hex(":")) if kind == [_ETHERNET, _IPV4, 6, 4] else None


def ask(link: Link, addresses: Collection[str], *, management_vlan: int, probes: int = PROBES) -> list[Answer]:
    """Return the first machine that answers for each address, in the order of the addresses.

    Args:
        link: the connection to the trunk.
        addresses: IPv4 addresses.
        management_vlan: the VLAN on which to ask.
        probes: how often each address is asked for, as long as one is missing.

    Raises:
        OSError: the trunk is down.
    """
    found: dict[str, Answer] = {}
    for _number in range(probes):
        for address in addresses:
            link.send(probe(link.mac, address, management_vlan))
        for answer in _answers(link, management_vlan):
            if answer.address in addresses:
                found.setdefault(answer.address, answer)
        if len(found) == len(addresses):
            break
    return [found[address] for address in addresses if address in found]


def _answers(link: Link, management_vlan: int) -> Iterator[Answer]:
    """Yield what arrives until the next probe."""
    deadline = time.monotonic() + INTERVAL_S
    while (left := deadline - time.monotonic()) > 0 and (received := link.receive(left)):
        answer = read(*received, management_vlan=management_vlan)
        if answer is not None:
            yield answer


class PacketLink:
    """A C(Link) to an interface of this host.

    Raises:
        OSError: there is no such interface, it is down, or this process may not open it.
    """

    def __init__(self, interface: str) -> None:
        # Open vSwitch takes frames before sockets for a single protocol see them.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        try:
            # Before the socket receives anything, so that a busy trunk does not fill its buffer.
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _FILTER)
            self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            self._socket.bind((interface, _ETH_P_ALL))
            self.mac: bytes = self._socket.getsockname()[4]
        except OSError:
            self._socket.close()
            raise

    def send(self, frame: bytes) -> None:
        """See C(Link)."""
        self._socket.send(frame)

    def receive(self, timeout_s: float) -> tuple[bytes, int | None] | None:
        """See C(Link)."""
        self._socket.settimeout(timeout_s)
        try:
            frame, ancillary, _flags, sender = self._socket.recvmsg(2048, socket.CMSG_SPACE(_AUXDATA.size))
        except socket.timeout:
            return None
        # What this host itself sends on the trunk.
        return (b"", None) if sender[2] == socket.PACKET_OUTGOING else (frame, _removed_tag(ancillary))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


# linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h
_ETH_P_ALL, _SOL_PACKET, _PACKET_AUXDATA, _SO_ATTACH_FILTER = 3, 263, 8, 26
_AUXDATA = struct.Struct("=IIIHHHH")
_TAG_WAS_REMOVED = 1 << 4

# ARP, with a tag or without it, as a program for the kernel: ldh [12]; jeq ARP; jeq VLAN; ldh [16]; jeq ARP; ret.
_PROGRAM = b"".join(
    struct.pack("=HBBI", *each)
    for each in (
        *((0x28, 0, 0, 12), (0x15, 3, 0, _ARP), (0x15, 0, 3, _VLAN)),
        *((0x28, 0, 0, 16), (0x15, 0, 1, _ARP), (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)),
    )
)
_CODE = ctypes.create_string_buffer(_PROGRAM, len(_PROGRAM))
_FILTER = struct.pack("HP", len(_PROGRAM) // 8, ctypes.addressof(_CODE))


def _removed_tag(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, _length, _caught, _mac, _net, tag, _protocol = _AUXDATA.unpack(data[: _AUXDATA.size])
            return tag & 0xFFF if status & _TAG_WAS_REMOVED else None
    return None


def find(
    interface: str,
    addresses: Collection[str],
    runner: Runner,
    *,
    management_vlan: int,
    connect: Callable[[str], PacketLink] = PacketLink,
) -> list[str]:
    """Return a sentence for each address of this host that another machine answers for as well.

    Nothing is found on an interface that does not exist or is down.

    Raises:
        Refused: another machine answers for an address that this host does not have yet.
    """
    held = _held(runner)
    # A host that already has the addresses only gets a warning, for which each run would wait.
    probes = 1 if held.issuperset(addresses) else PROBES
    try:
        with contextlib.closing(connect(interface)) as link:
            answers = ask(link, addresses, management_vlan=management_vlan, probes=probes)
    except OSError:
        return []
    refusals = [(each, _refusal(interface, each, management_vlan)) for each in answers]
    new = [refusal for answer, refusal in refusals if answer.address not in held]
    if new:
        raise Refused(new)
    return [refusal.message for _answer, refusal in refusals]


def _held(runner: Runner) -> set[str]:
    """Return the addresses of this host and of its DHCP server."""
    found = [*devices(runner).values(), *devices(runner, DHCP_NAMESPACE).values()]
    return {address.partition("/")[0] for device in found for address in device.addresses}


def _refusal(interface: str, answer: Answer, management_vlan: int) -> Refusal:
    own = mac_of(answer.address)
    figures = {
        "address": answer.address,
        "vlan": management_vlan,
        "own": own,
        "mac": answer.mac,
        "interface": interface,
        # MACs are derived from addresses, so two network nodes with the same address have the same one.
        "who": "another network node" if answer.mac == own else "another machine",
    }
    return Refusal("address_answered", "this host", figures)
