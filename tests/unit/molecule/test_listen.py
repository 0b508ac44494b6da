# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Classification of frames in the isolation scenario."""

from __future__ import annotations

import socket
from collections import Counter
from typing import Any

import pytest

from ..scripts import load

listen = load("extensions/molecule/isolation/files/listen.py")

HOST, VM = "02:00:0a:3c:07:01", "52:54:00:03:e9:00"
CANARY = b"~1001:007~"


def data(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def ethernet(kind: str, payload: bytes, source: str = HOST) -> bytes:
    return data(VM) + data(source) + bytes.fromhex(kind) + payload


def ipv4(protocol: int, payload: bytes, source: str = HOST, options: bytes = b"") -> bytes:
    header = bytearray(20)
    header[0] = 0x40 + 5 + len(options) // 4
    header[9] = protocol
    header[12:16] = socket.inet_aton("203.0.113.1")
    return ethernet("0800", bytes(header) + options + payload, source)


def tcp(source_port: int, target_port: int, flags: int) -> bytes:
    return source_port.to_bytes(2, "big") + target_port.to_bytes(2, "big") + bytes(9) + bytes([flags]) + bytes(6)


def icmp(kind: int) -> bytes:
    return bytes([kind]) + bytes(7) + CANARY


@pytest.mark.parametrize("options", [b"", bytes(4), bytes(40)])
def test_a_frame_is_recognized_by_its_canary_at_any_offset(options: bytes) -> None:
    assert listen.tell(ethernet("88b5", CANARY)) == "1001:007"
    assert listen.tell(ipv4(socket.IPPROTO_UDP, bytes(8) + CANARY + bytes(9), options=options)) == "1001:007"
    assert listen.tell(ethernet("0806", bytes(28) + CANARY)) == "1001:007"


@pytest.mark.parametrize("marked", [b"~1001:007", b"1001:007~", b"~1001~", b"~:7~", b"~1001:~"])
def test_data_that_resembles_a_canary_is_not_a_canary(marked: bytes) -> None:
    assert listen.tell(ethernet("88b5", marked)) == f"from {HOST} 88b5"


@pytest.mark.parametrize(
    ("flags", "port", "is_open"),
    [
        (0x12, 20000, True),
        (0x12, 29999, True),
        (0x1A, 25000, True),  # PSH as well
        (0x12, 19999, False),  # a connection of the guest itself
        (0x12, 30000, False),
        (0x02, 25000, False),
        (0x10, 25000, False),
        (0x14, 25000, False),  # RST
    ],
)
@pytest.mark.parametrize("options", [b"", bytes(8)])
def test_a_port_that_answers_a_scan_is_open(flags: int, port: int, is_open: bool, options: bytes) -> None:
    frame = ipv4(socket.IPPROTO_TCP, tcp(80, port, flags), options=options)
    assert listen.tell(frame) == ("open 203.0.113.1:80" if is_open else f"from {HOST} 0800")


def test_an_answer_to_a_scan_is_not_a_canary_even_if_it_contains_one() -> None:
    assert listen.tell(ipv4(socket.IPPROTO_TCP, tcp(443, 20001, 0x12) + CANARY)) == "open 203.0.113.1:443"


@pytest.mark.parametrize("kind", [3, 5, 11, 12])
def test_an_icmp_error_of_the_infrastructure_is_not_a_leak_even_if_it_quotes_a_canary(kind: int) -> None:
    assert listen.tell(ipv4(socket.IPPROTO_ICMP, icmp(kind))) == f"error {HOST}"


@pytest.mark.parametrize(("kind", "what"), [(3, f"error {VM}"), (5, "1001:007"), (11, "1001:007"), (12, "1001:007")])
def test_guests_send_no_icmp_errors_except_host_unreachable(kind: int, what: str) -> None:
    assert listen.tell(ipv4(socket.IPPROTO_ICMP, icmp(kind), source=VM)) == what


@pytest.mark.parametrize("kind", [0, 8])
def test_a_ping_and_its_reply_are_recognized_by_their_canary(kind: int) -> None:
    assert listen.tell(ipv4(socket.IPPROTO_ICMP, icmp(kind))) == "1001:007"


@pytest.mark.parametrize(("operation", "is_answer"), [(1, False), (2, True), (3, False)])
def test_an_arp_reply_is_listed_with_its_recipient(operation: int, is_answer: bool) -> None:
    arp = bytes(6) + operation.to_bytes(2, "big") + data(HOST) + bytes(4) + data(VM) + socket.inet_aton("10.60.7.101")
    said = f"arp {HOST} {VM} 10.60.7.101" if is_answer else f"from {HOST} 0806"
    assert listen.tell(ethernet("0806", arp)) == said


@pytest.mark.parametrize(("port", "is_server"), [(66, False), (67, True), (68, False)])
def test_a_dhcp_reply_is_listed_with_its_client_and_request(port: int, is_server: bool) -> None:
    bootp = b"\2\1\6\0" + bytes.fromhex("41545441") + bytes(20) + data(VM) + bytes(10)
    udp = port.to_bytes(2, "big") + (68).to_bytes(2, "big") + bytes(4) + bootp
    said = f"dhcp {HOST} {VM} 41545441" if is_server else f"from {HOST} 0800"
    assert listen.tell(ipv4(socket.IPPROTO_UDP, udp)) == said


@pytest.mark.parametrize("length", range(14, 54))
def test_a_frame_that_ends_within_a_header_is_recognized_by_its_sender(length: int) -> None:
    arp = bytes(6) + b"\0\2" + data(HOST) + bytes(4) + data(VM) + socket.inet_aton("10.60.7.101")
    assert listen.tell(ethernet("0806", arp)[: min(length, 41)]) == f"from {HOST} 0806"
    for protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_TCP, socket.IPPROTO_UDP):
        assert listen.tell(ipv4(protocol, bytes(20))[:length]) == f"from {HOST} 0800"


def test_only_interfaces_that_a_guest_could_reach_are_listened_on() -> None:
    host = ["lo", "br-int", "trunk0", "tap_1001_eth1", "tap_1001_eth0", "nat_1000", "gw400", "mgmt0", "gw4000", "wan0"]
    slices = {"slice-1003": ["lo", "net_160", "nat_1003"], "slice-1000": ["net_101", "net_100", "net_"]}
    assert listen.watched(host, slices) == [
        *("gw400", "mgmt0", "nat_1000", "tap_1001_eth0", "tap_1001_eth1"),
        *("slice-1000/net_100", "slice-1000/net_101", "slice-1003/net_160"),
    ]


class Queue:
    """A packet socket with frames of one direction in its queue."""

    def __init__(self, count: int, direction: int) -> None:
        self.count = count
        self._direction = direction

    def recvfrom(self, size: int, /) -> tuple[bytes, Any]:
        assert size >= 9018, "a jumbo frame would be cut off"
        if not self.count:
            raise BlockingIOError
        self.count -= 1
        return ethernet("88b5", CANARY), ("tap_1001_eth0", 0x88B5, self._direction, 1, b"")


@pytest.mark.parametrize(("direction", "counted_as"), [(0, "in"), (1, "in"), (2, "in"), (3, "in"), (4, "out")])
def test_frames_sent_by_the_host_side_are_outgoing(direction: int, counted_as: str) -> None:
    frames: dict[str, Counter[str]] = {"in": Counter(), "out": Counter()}
    listen.take(Queue(3, direction), frames)
    other = {"in": "out", "out": "in"}[counted_as]
    assert (frames[counted_as], frames[other]) == ({"1001:007": 3}, {})


def test_a_flooded_interface_does_not_delay_the_others() -> None:
    frames: dict[str, Counter[str]] = {"in": Counter(), "out": Counter()}
    queue = Queue(1500, 0)
    listen.take(queue, frames)
    assert (frames["in"].total(), queue.count) == (1000, 500)
