# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other machines with the addresses of the network node are found. The scenario changes asks real ones."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import duplicates
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.duplicates import Answer
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ..fakes import FakeRunner

MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("0200000000aa")
GATEWAY, DHCP = "10.60.7.1", "10.60.7.2"
TAG = bytes.fromhex("81000190")
ARP = bytes.fromhex("0806")
NAMESPACE = ("ip", "-json", "-n", "slices-dhcp", "address", "show")


def packet(address: str, mac: bytes = OTHER, operation: str = "0002", kind: str = "000108000604") -> bytes:
    """An ARP packet, by its bytes."""
    mine = bytes.fromhex(kind + operation) + mac + socket.inet_aton(address)
    return mine + MAC + bytes(4)


def tagged(address: str, tag: bytes = TAG, mac: bytes = OTHER) -> tuple[bytes, int | None]:
    return MAC + mac + tag + ARP + packet(address, mac), None


class FakeLink:
    """A trunk on which machines answer each probe with a list of frames, after the earlier probes were answered."""

    mac = MAC

    def __init__(self, *rounds: list[tuple[bytes, int | None]]) -> None:
        self.sent: list[bytes] = []
        self.is_open = True
        self._rounds = iter(rounds)
        self._frames: Iterator[tuple[bytes, int | None]] = iter(())
        self._is_asked = False

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        self._is_asked = True

    def receive(self, timeout_s: float) -> tuple[bytes, int | None] | None:
        assert 0 < timeout_s <= duplicates.INTERVAL_S
        if self._is_asked:
            self._frames, self._is_asked = iter(next(self._rounds, [])), False
        return next(self._frames, None)

    def close(self) -> None:
        self.is_open = False


def test_an_arp_probe_is_sent_on_vlan_400_without_a_sender_address() -> None:
    frame = duplicates.probe(MAC, GATEWAY, 400)
    assert frame.hex() == (
        "ffffffffffff020000000001" "8100" "0190" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "00000000" "000000000000" "0a3c0701"
    ).ljust(128, "0")  # fmt: skip


@pytest.mark.parametrize(
    "received",
    [
        tagged(GATEWAY),
        tagged(GATEWAY, bytes.fromhex("8100e190")),  # with a priority
        (MAC + OTHER + ARP + packet(GATEWAY), 400),  # the kernel has removed the tag
        (MAC + OTHER + ARP + packet(GATEWAY, operation="0001") + bytes(18), 400),  # a request from there, padded
    ],
)
def test_an_arp_packet_shows_which_machine_uses_the_address(received: tuple[bytes, int | None]) -> None:
    assert duplicates.read(*received, management_vlan=400) == Answer(GATEWAY, "02:00:00:00:00:aa")


@pytest.mark.parametrize(
    "received",
    [
        (b"", None),
        tagged(GATEWAY, bytes.fromhex("81000191")),
        (MAC + OTHER + ARP + packet(GATEWAY), None),  # untagged
        (MAC + OTHER + ARP + packet(GATEWAY), 401),
        (tagged(GATEWAY)[0], 400),  # a second tag
        (MAC + OTHER + ARP + packet(GATEWAY)[:-1], 400),
        (MAC + OTHER + bytes.fromhex("0800") + packet(GATEWAY), 400),
        (MAC + OTHER + ARP + packet(GATEWAY, kind="000608000604"), 400),
    ],
)
def test_other_frames_are_ignored(received: tuple[bytes, int | None]) -> None:
    assert duplicates.read(*received, management_vlan=400) is None


def test_another_management_vlan_is_asked_instead() -> None:
    assert duplicates.probe(MAC, GATEWAY, 3000).hex()[24:32] == "81000bb8"
    received = tagged(GATEWAY, bytes.fromhex("81000bb8"))
    assert duplicates.read(*received, management_vlan=3000) == Answer(GATEWAY, "02:00:00:00:00:aa")
    assert duplicates.read(*tagged(GATEWAY), management_vlan=3000) is None
    link = FakeLink([received])
    assert duplicates.ask(link, [GATEWAY], management_vlan=3000) == [Answer(GATEWAY, "02:00:00:00:00:aa")]
    assert link.sent == [duplicates.probe(MAC, GATEWAY, 3000)]


def test_all_addresses_are_probed_several_times() -> None:
    link = FakeLink()
    assert duplicates.ask(link, [GATEWAY, DHCP], management_vlan=400) == []
    assert link.sent == [duplicates.probe(MAC, each, 400) for each in (GATEWAY, DHCP)] * duplicates.PROBES


def test_a_late_answer_is_accepted_and_the_first_machine_is_reported() -> None:
    strange = tagged("10.60.7.9")
    link = FakeLink([strange], [tagged(DHCP), tagged(GATEWAY), tagged(GATEWAY, mac=MAC)], [tagged(GATEWAY)])
    found = duplicates.ask(link, [GATEWAY, DHCP], management_vlan=400)
    assert found == [Answer(GATEWAY, "02:00:00:00:00:aa"), Answer(DHCP, "02:00:00:00:00:aa")]
    assert len(link.sent) == 4, "after all answers nothing is asked again"


def a_host(gateway: str = "", dhcp: str = "") -> FakeRunner:
    """A host that has these addresses."""
    runner = FakeRunner()
    for command, held in ((("ip", "-json", "address", "show"), gateway), (NAMESPACE, dhcp)):
        told = [{"family": "inet", "local": held, "prefixlen": 24}] if held else []
        runner.tell(*command, stdout=json.dumps([{"ifname": "eth0", "addr_info": told}]))
    return runner


def find(link: FakeLink, runner: FakeRunner) -> list[str]:
    return duplicates.find("trunk0", [GATEWAY, DHCP], runner, management_vlan=400, connect=lambda _name: link)


def test_a_duplicate_address_is_refused_with_both_macs() -> None:
    link = FakeLink([tagged(GATEWAY)])
    with pytest.raises(Refused) as refused:
        find(link, a_host())
    assert refused.value.message == (
        "this host needs 10.60.7.1 on VLAN 400 with MAC 02:00:0a:3c:07:01, but another machine on trunk0 answers for it"
        " with MAC 02:00:00:00:00:aa; run cloudrepo.slices.site with -e retire=true if that is a former network node;"
        " otherwise take it off the trunk, or give each cloud a management VLAN or a trunk of its own"
    )
    assert not link.is_open


def test_a_network_node_is_recognized_by_its_mac() -> None:
    link = FakeLink([tagged(DHCP, mac=bytes.fromhex("02000a3c0702"))])
    with pytest.raises(Refused) as refused:
        find(link, a_host())
    assert "another network node on trunk0 answers for it with MAC 02:00:0a:3c:07:02;" in refused.value.message


def test_duplicates_of_addresses_in_use_are_a_warning() -> None:
    both = [tagged(GATEWAY), tagged(DHCP)]
    told = find(FakeLink(both), a_host(GATEWAY, DHCP))
    assert [sentence.split(" on VLAN 400")[0] for sentence in told] == [
        f"this host needs {at}" for at in (GATEWAY, DHCP)
    ]


def test_a_duplicate_is_refused_even_if_the_host_has_another_address() -> None:
    with pytest.raises(Refused) as refused:
        find(FakeLink([tagged(GATEWAY), tagged(DHCP)]), a_host(GATEWAY))
    assert [refusal.figures["address"] for refusal in refused.value.refusals] == [DHCP]


@pytest.mark.parametrize(("held", "probes"), [((), 3), ((GATEWAY,), 3), ((GATEWAY, DHCP), 1)])
def test_a_host_with_all_addresses_probes_once(held: tuple[str, ...], probes: int) -> None:
    link = FakeLink()
    assert find(link, a_host(*held)) == []
    assert len(link.sent) == 2 * probes


def test_an_interface_that_does_not_exist_is_not_searched() -> None:
    assert duplicates.find("nosuchdevice0", [GATEWAY], a_host(), management_vlan=400) == []


class FakeSocket:
    """A packet socket that records how it is set up, and receives prepared messages."""

    def __init__(self, *messages: Any, fails: bool = False) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._messages, self._fails = iter(messages), fails

    def setsockopt(self, *option: Any) -> None:
        self.calls.append(("option", *option))

    def bind(self, address: tuple[str, int]) -> None:
        self.calls.append(("bind", *address))
        if self._fails:
            raise OSError(19, "No such device")

    def getsockname(self) -> tuple[Any, ...]:
        return ("trunk0", 3, 0, 1, MAC)

    def send(self, frame: bytes) -> None:
        self.calls.append(("send", frame))

    def settimeout(self, timeout_s: float) -> None:
        self.calls.append(("timeout", timeout_s))

    def recvmsg(self, _size: int, _ancillary: int) -> Any:
        message = next(self._messages)
        if isinstance(message, OSError):
            raise message
        return message

    def close(self) -> None:
        self.calls.append(("close",))


def opened(monkeypatch: pytest.MonkeyPatch, fake: FakeSocket) -> duplicates.PacketLink:
    def make(family: int, kind: int) -> FakeSocket:
        assert (family, kind) == (socket.AF_PACKET, socket.SOCK_RAW), "no protocol yet"
        return fake

    monkeypatch.setattr(duplicates.socket, "socket", make)
    return duplicates.PacketLink("trunk0")


def test_a_socket_is_filtered_before_it_receives_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSocket()
    link = opened(monkeypatch, fake)
    link.send(b"frame")
    link.close()
    filtered, aux, *rest = fake.calls
    assert filtered[:3] == ("option", socket.SOL_SOCKET, 26)
    assert aux == ("option", 263, 8, 1)
    assert rest == [("bind", "trunk0", 3), ("send", b"frame"), ("close",)]
    assert link.mac == MAC


def test_a_socket_that_cannot_be_bound_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSocket(fails=True)
    with pytest.raises(OSError, match="No such device"):
        opened(monkeypatch, fake)
    assert fake.calls[-1] == ("close",)


def auxiliary(status: int, tag: int) -> tuple[int, int, bytes]:
    return 263, 8, struct.pack("=IIIHHHH", status, 60, 60, 0, 14, tag, 0x8100)


def test_frames_of_others_are_received_with_the_vlan_of_a_removed_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    host, outgoing = ("trunk0", 3, 0, 1, OTHER), ("trunk0", 3, socket.PACKET_OUTGOING, 1, MAC)
    fake = FakeSocket(
        (b"a", [auxiliary(1 << 4, 0xE190)], 0, host),
        (b"b", [auxiliary(1 << 5, 400)], 0, host),
        (b"c", [(263, 9, b""), (1, 8, b"")], 0, host),
        (b"d", [], 0, outgoing),
        socket.timeout(),
    )
    link = opened(monkeypatch, fake)
    assert [link.receive(0.5) for _each in range(5)] == [(b"a", 400), (b"b", None), (b"c", None), (b"", None), None]
    assert fake.calls[-1] == ("timeout", 0.5)


def passes(frame: bytes) -> bool:
    """Run the filter, whose instructions load two bytes, compare them and return."""
    program = [struct.unpack_from("=HBBI", duplicates._PROGRAM, at) for at in range(0, len(duplicates._PROGRAM), 8)]
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        if code == 0x06:
            return operand > 0
        if code == 0x28:
            value = int.from_bytes(frame[operand : operand + 2], "big")
        else:
            assert code == 0x15
            at += if_true if value == operand else if_false
        at += 1


@pytest.mark.parametrize(
    ("frame", "is_arp"),
    [
        (tagged(GATEWAY)[0], True),
        (MAC + OTHER + ARP + packet(GATEWAY), True),
        (MAC + OTHER + bytes.fromhex("0800") + bytes(40), False),
        (MAC + OTHER + TAG + bytes.fromhex("0800") + bytes(40), False),
    ],
)
def test_the_kernel_drops_all_frames_but_arp(frame: bytes, is_arp: bool) -> None:
    assert passes(frame) is is_arp


def test_frames_have_the_numbers_of_the_kernels_headers() -> None:
    """linux/if_ether.h, linux/if_packet.h and asm-generic/socket.h, which Python does not have."""
    told = (duplicates._ETH_P_ALL, duplicates._SOL_PACKET, duplicates._PACKET_AUXDATA, duplicates._SO_ATTACH_FILTER)
    assert told == (3, 263, 8, 26)
    assert (b"\xff" * 6, bytes(6), bytes(4)) == (duplicates._BROADCAST, duplicates._UNKNOWN_MAC, duplicates._NO_ADDRESS)
    assert (duplicates._MINIMUM, duplicates.PROBES, duplicates.INTERVAL_S) == (64, 3, 0.25)
