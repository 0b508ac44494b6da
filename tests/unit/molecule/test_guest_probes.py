# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probes of names, name servers and gateways for a guest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/networks/files/guest_probes.py"
guest_probes = load(SCRIPT)
probes = load("extensions/molecule/shared/files/probes.py")

GUEST: dict[str, Any] = {
    "name": "vm1",
    "slice": "office",
    "gateway": "192.168.100.1",
    "has_nat": True,
    "neighbour": {"name": "desk", "address": "10.60.7.102", "lan": "192.168.100.11"},
    "stranger": "till",
    "closed": ["10.0.10.1", "10.30.0.1"],
}
WITHOUT_NAT = {**GUEST, "slice": "shop", "has_nat": False}


def broken(guest: dict[str, Any], subject: str, name: str, rc: int, stdout: str) -> list[str]:
    """Return the rules of a probe that an answer breaks."""
    (probe,) = [each for step in guest_probes.subjects(guest)[subject] for each in step if each["name"] == name]
    told: list[str] = probes.Probe(**probe).broken(probes.Answer(rc, stdout))
    return told


def found(address: str) -> str:
    return f"Server:\t\t10.60.7.2\nAddress:\t10.60.7.2:53\n\nName:\tasked\nAddress: {address}\n"


@pytest.mark.parametrize("guest", [GUEST, WITHOUT_NAT])
def test_every_probe_can_be_read_and_has_a_name_of_its_own(guest: dict[str, Any]) -> None:
    for steps in guest_probes.subjects(guest).values():
        names = [probe.name for step in probes.read(steps) for probe in step]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("desk at 10.60.7.2", "10.60.7.102"),
        ("desk.internal at 10.60.7.2", "10.60.7.102"),
        ("desk.lan.internal at 192.168.100.1", "192.168.100.11"),
    ],
)
def test_each_name_has_the_address_of_its_network(name: str, address: str) -> None:
    assert broken(GUEST, "names", name, 0, found(address)) == []
    assert broken(GUEST, "names", name, 0, found(f"{address}1")) != []
    assert broken(GUEST, "names", name, 1, found("10.60.7.104")) != []


@pytest.mark.parametrize(("nic", "server"), [("eth0", "10.60.7.2"), ("eth1", "192.168.100.1")])
def test_each_interface_has_one_name_server(nic: str, server: str) -> None:
    name = f"the name server of {nic}"
    assert broken(GUEST, "servers", name, 0, f"nameserver {server}\n") == []
    assert broken(GUEST, "servers", name, 0, "") != []
    assert broken(GUEST, "servers", name, 0, f"nameserver {server}\nnameserver 203.0.113.1\n") != []


def test_leases_are_requested_one_after_the_other_before_names() -> None:
    asked = [probe["command"].split()[0:5] for step in guest_probes.servers(GUEST) for probe in step]
    assert [words for words in asked if "-i" in words or words[0] == "nslookup"] == [
        [":", ">/etc/resolv.conf;", "udhcpc", "-f", "-i"],
        ["nslookup", "desk.internal"],
        [":", ">/etc/resolv.conf;", "udhcpc", "-f", "-i"],
        ["nslookup", "desk.lan.internal"],
    ]
    assert {len(step) for step in guest_probes.servers(GUEST)} == {1}


@pytest.mark.parametrize(("guest", "is_resolved"), [(GUEST, True), (WITHOUT_NAT, False)])
def test_names_of_the_internet_are_resolved_by_a_network_with_nat(guest: dict[str, Any], is_resolved: bool) -> None:
    name = "a name of the internet by the network"
    assert (broken(guest, "internet", name, 0, found("203.0.113.1")) == []) is is_resolved
    assert (broken(guest, "internet", name, 1, "** server can't find it: REFUSED") == []) is not is_resolved
    for each in (GUEST, WITHOUT_NAT):
        assert broken(each, "internet", "a name of the internet by VLAN 400", 1, "** server can't find it") != []


def test_the_answer_by_tcp_ends_with_the_address() -> None:
    name = "a name of the internet by TCP"
    assert broken(GUEST, "internet", name, 0, "00311234c00c000100010000003c0004cb007101") == []
    assert broken(GUEST, "internet", name, 0, "00311234c00c000100010000003c0004cb007102") != []
    assert broken(GUEST, "internet", name, 0, "cb00710100") != []
    assert broken(GUEST, "internet", name, 0, "") != []


def test_the_query_by_tcp_is_one_of_dns() -> None:
    assert guest_probes.query("tcp.example.net") == (
        b"\0\x21\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03tcp\x07example\x03net\0\0\x01\0\x01"
    )
    printed = re.search(r"printf '([^']*)'", guest_probes.internet(GUEST)[2][0]["command"])
    assert printed is not None
    sent = subprocess.run(["sh", "-c", f"printf '{printed[1]}'"], capture_output=True, check=True).stdout
    assert sent == guest_probes.query("tcp.example.net")


def test_no_server_resolves_names_of_another_slice() -> None:
    (step,) = guest_probes.strangers(GUEST)
    asked = [probe["name"] for probe in step]
    assert len([name for name in asked if name.startswith("till")]) == 6
    assert broken(GUEST, "strangers", "till at 10.60.7.2", 1, "** server can't find till: NXDOMAIN") == []
    assert broken(GUEST, "strangers", "till at 10.60.7.2", 0, found("10.60.7.104")) == ["a match of ^Name:"]
    assert broken(GUEST, "strangers", "port 5303 of the DHCP server", 1, "") == []
    assert broken(GUEST, "strangers", "port 5303 of the DHCP server", 0, "") != []


@pytest.mark.parametrize(("guest", "is_open"), [(GUEST, True), (WITHOUT_NAT, False)])
def test_only_a_network_with_nat_leads_to_the_outside(guest: dict[str, Any], is_open: bool) -> None:
    assert (broken(guest, "closed", "the outside", 0, "client 203.0.113.2") == []) is is_open
    assert (broken(guest, "closed", "the outside", 143, "") == []) is not is_open
    assert broken(GUEST, "closed", "the outside", 0, "client 10.60.7.101") != []


def test_each_closed_address_is_tried_by_both_gateways_with_routes_by_them() -> None:
    steps = guest_probes.closed(GUEST)
    for position, via in ((3, "192.168.100.1 dev eth1"), (6, "10.60.7.1 dev eth0")):
        before, tried, after = steps[position : position + 3]
        assert [probe["command"] for probe in before + after] == [
            f"for a in 10.0.10.1 10.30.0.1; do ip route replace $a via {via} || exit; done",
            "for a in 10.0.10.1 10.30.0.1; do ip route del $a || exit; done",
        ]
        assert [probe["command"] for probe in tried] == [
            "ping -c 1 -W 1 10.0.10.1",
            "timeout 2 nc -w 1 10.0.10.1 22",
            "ping -c 1 -W 1 10.30.0.1",
            "timeout 2 nc -w 1 10.30.0.1 22",
        ]
        assert {probe["rc"] for probe in tried} == {"nonzero"}
    assert len(steps) == 9


def test_ports_of_gateways_and_servers_are_closed() -> None:
    _outside, *tried = guest_probes.closed(GUEST)[1]
    assert [probe["name"] for probe in tried] == [
        f"{address}:{port}" for address in ("10.60.7.1", "10.60.7.2", "192.168.100.1") for port in (22, 80, 111)
    ]
    assert {probe["rc"] for probe in tried} == {"nonzero"}


def test_the_steps_are_printed() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT], input=json.dumps(GUEST), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == guest_probes.subjects(GUEST)
