# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates the probes of names, name servers and gateways for a guest: guest_probes.py <GUEST

GUEST is JSON: C(name) and C(slice) of the guest, C(gateway), that of its network, C(has_nat), whether this leads to the
outside, C(neighbour), the C(name), C(address) on VLAN 400 and C(lan) address of another VM of its slice, C(stranger),
the name of a VM of another slice, and C(closed), addresses that no gateway may lead to. Prints the steps of probes.py
by subject.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from typing import Any

Probe = dict[str, Any]
Steps = list[list[Probe]]

DHCP_SERVER = "10.60.7.2"
GATEWAY = "10.60.7.1"
OUTSIDE = "203.0.113.1"
# The source of connections to the outside.
NAT_ADDRESS = "203.0.113.2"
# Where dnsmasq listens for each slice; clients are redirected to those of their own slice.
NAME_PORTS = (5300, 5303)
HOST_PORTS = (22, 80, 111)


def subjects(guest: dict[str, Any]) -> dict[str, Steps]:
    """Return the steps for each subject."""
    return {
        "names": names(guest),
        "servers": servers(guest),
        "internet": internet(guest),
        "strangers": strangers(guest),
        "closed": closed(guest),
    }


def resolved(address: str) -> str:
    """Return a regular expression for an address in the output of nslookup, with or without a number."""
    return rf"Address[: 0-9]* {re.escape(address)}\b"


def names(guest: dict[str, Any]) -> Steps:
    """Return the probes of the neighbour's names: VLAN 400 has its short and long name, the network its own."""
    neighbour = guest["neighbour"]
    asked = [
        (neighbour["name"], DHCP_SERVER, neighbour["address"]),
        (f"{neighbour['name']}.internal", DHCP_SERVER, neighbour["address"]),
        (f"{neighbour['name']}.lan.internal", guest["gateway"], neighbour["lan"]),
    ]
    return [
        [{"name": f"{name} at {server}", "command": f"nslookup {name} {server}", "says": [resolved(address)]}]
        for name, server, address in asked
    ]


def servers(guest: dict[str, Any]) -> Steps:
    """Return the probes of the name servers from DHCP: each interface gets one, which knows its names."""
    neighbour = guest["neighbour"]
    steps: Steps = []
    for nic, server, name, address in (
        ("eth0", DHCP_SERVER, f"{neighbour['name']}.internal", neighbour["address"]),
        ("eth1", guest["gateway"], f"{neighbour['name']}.lan.internal", neighbour["lan"]),
    ):
        ask = f": >/etc/resolv.conf; udhcpc -f -i {nic} -s /etc/dhcp -n -q -t 10 -T 1"
        steps += [
            [{"name": f"a lease of {nic}", "command": ask, "rc": 0}],
            [
                {
                    "name": f"the name server of {nic}",
                    "command": "cat /etc/resolv.conf",
                    "finds": {r"nameserver ([0-9.]+)": [server]},
                }
            ],
            [{"name": f"{name} at it", "command": f"nslookup {name}", "says": [resolved(address)]}],
        ]
    return steps


def internet(guest: dict[str, Any]) -> Steps:
    """Return the probes of names of the internet, by UDP at both servers and by TCP."""
    mine = f"{guest['slice']}.{guest['name']}.example"
    question = "".join(f"\\{byte:03o}" for byte in query("tcp.example.net"))
    address = "".join(f"{int(part):02x}" for part in OUTSIDE.split("."))
    by_vlan: Probe = {
        "name": "a name of the internet by VLAN 400",
        "command": f"nslookup {mine}.net {DHCP_SERVER}",
        "says": [resolved(OUTSIDE)],
    }
    by_lan: Probe = {
        "name": "a name of the internet by the network",
        "command": f"nslookup {mine}.org {guest['gateway']}",
        "says" if guest["has_nat"] else "lacks": [resolved(OUTSIDE)],
    }
    # The answer ends with the address.
    by_tcp: Probe = {
        "name": "a name of the internet by TCP",
        "command": f"printf '{question}' | timeout 10 nc {DHCP_SERVER} 53 | hexdump -v -e '1/1 \"%02x\"'",
        "says": [rf"{address}\Z"],
    }
    return [[by_vlan], [by_lan], [by_tcp]]


def query(name: str) -> bytes:
    """Return a DNS query for the IPv4 addresses of a name, as TCP carries it (RFC 1035)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    message = struct.pack(">6H", 0x1234, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
    return struct.pack(">H", len(message)) + message


def strangers(guest: dict[str, Any]) -> Steps:
    """Return the probes of names of another slice, which no server may resolve, and of the servers' own ports."""
    stranger = guest["stranger"]
    asked = [
        {"name": f"{name} at {server}", "command": f"nslookup {name} {server}", "lacks": ["^Name:"]}
        for server in (DHCP_SERVER, guest["gateway"])
        for name in (stranger, f"{stranger}.internal", f"{stranger}.lan.internal")
    ]
    ports = [
        {"name": f"port {port} of the DHCP server", "command": f"nc -w 2 {DHCP_SERVER} {port}", "rc": "nonzero"}
        for port in NAME_PORTS
    ]
    return [[*asked, *ports]]


def closed(guest: dict[str, Any]) -> Steps:
    """Return the probes of what no gateway may lead to; what must fail is tried at the same time."""
    outside: Probe = {
        "name": "the outside",
        "command": f"timeout 5 wget -q -O - http://{OUTSIDE}/",
        "says" if guest["has_nat"] else "lacks": [f"client {re.escape(NAT_ADDRESS)}"],
    }
    hosts = [connect(address, port) for address in (GATEWAY, DHCP_SERVER, guest["gateway"]) for port in HOST_PORTS]
    addresses = " ".join(guest["closed"])
    steps: Steps = []
    for via in (f"{guest['gateway']} dev eth1", f"{GATEWAY} dev eth0"):
        add = f"for a in {addresses}; do ip route replace $a via {via} || exit; done"
        delete = f"for a in {addresses}; do ip route del $a || exit; done"
        tried = [
            each
            for address in guest["closed"]
            for each in (
                {"name": f"{address} via {via}", "command": f"ping -c 1 -W 1 {address}", "rc": "nonzero"},
                connect(address, 22, f" via {via}"),
            )
        ]
        steps += [
            [{"name": f"routes via {via}", "command": add, "rc": 0}],
            tried,
            [{"name": f"no routes via {via}", "command": delete, "rc": 0}],
        ]
    route = f"{OUTSIDE} via {guest['gateway']} dev eth1"
    return [
        [{"name": "a route to the outside", "command": f"ip route replace {route}", "rc": 0}],
        [outside, *hosts],
        [{"name": "no route to the outside", "command": f"ip route del {OUTSIDE}", "rc": 0}],
        *steps,
    ]


def connect(address: str, port: int, way: str = "") -> Probe:
    """Return the probe of a port that must not accept a connection."""
    return {"name": f"{address}:{port}{way}", "command": f"timeout 2 nc -w 1 {address} {port}", "rc": "nonzero"}


if __name__ == "__main__":
    print(json.dumps(subjects(json.load(sys.stdin))))
