# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The share of one VM of what all VMs on VLAN 400 have in common: connection tracking in two network namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(__file__).parents[4] / "roles/network_node/templates"
RATE, PINGS = 50, 5000
VARIABLES = {
    "ansible_managed": "",
    "__network_node_dhcp_port": "uplink",
    "__network_node_gateway_port": "uplink",
    "__network_node_infrastructure": ["192.0.2.0/24"],
    "__network_node_link_local": "169.254.0.0/16",
    "__network_node_network": {"cidr": "10.60.7.0/24", "dhcp_server": "10.60.7.2", "gateway": "10.60.7.1"},
    "network_node_connection_rate_per_slice": 800,
    "network_node_connection_rate_per_vm": RATE,
    "network_node_connections_per_slice": 16000,
    "network_node_connections_per_vm": 4000,
    "network_node_dns_servers": [],
    "network_node_nat_links": "100.64.0.0/16",
    "network_node_query_rate_per_vm": RATE,
    "network_node_state_dir": "/nowhere",
    "network_node_wan_interface": "outside",
}
# Each identifier is a connection.
PING = f"""
import socket, struct, sys
def total(data):
    words = sum(struct.unpack(f"!{{len(data) // 2}}H", data))
    return (words & 0xffff) + (words >> 16)
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for ident in range({PINGS}):
    sender.sendto(struct.pack("!BBHHH", 8, 0, 0xffff - total(struct.pack("!BBHHH", 8, 0, 0, ident, 1)), ident, 1),
                  (sys.argv[1], 0))
"""

Inside = Callable[..., str]


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Run a command in a namespace: C(server), or C(vm) and C(outside), which are connected to it."""
    names = {name: f"cloudrepo-{name}-{os.getpid()}" for name in ("server", "vm", "outside")}

    def inside(name: str, *command: str, text: str | None = None) -> str:
        argv = ["ip", "netns", "exec", names[name], *command]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout

    try:
        for name in names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
        for name, link in (("vm", "uplink"), ("outside", "outside")):
            inside(name, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", link, "netns", names["server"])
        yield inside
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="root and nft make the namespaces")
@pytest.mark.parametrize(("template", "address"), [("nat.nft.j2", "10.60.7.1"), ("names.nft.j2", "10.60.7.2")])
def test_pings_of_one_vm_leave_connection_tracking_to_the_others(template: str, address: str, inside: Inside) -> None:
    rules = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True).get_template(template).render(VARIABLES)
    inside("server", "nft", "-f", "-", text=f"{rules}\n")
    for name, link, own in (("server", "uplink", address), ("vm", "eth0", "10.60.7.101")):
        inside(name, "ip", "address", "add", f"{own}/24", "dev", link)
        inside(name, "ip", "link", "set", link, "up")
    start = time.monotonic()
    inside("vm", sys.executable, "-c", PING, address)
    allowed = RATE * (2 + time.monotonic() - start)
    assert 0 < tracked(inside) <= allowed + 10
    assert allowed < PINGS / 2


FLOODER, SIBLING, OTHER, ASKED = "10.60.7.101", "10.60.7.102", "10.60.7.103", "203.0.113.1"
# By default, as many connections to one server as NAT has ports for it.
FLOOD = """
import socket, struct, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
sender.bind((sys.argv[1], 0))
for port in range(1024, int(sys.argv[3]) if sys.argv[3:] else 65536):
    sender.sendto(struct.pack("!HHHH", port, 53, 8, 0), (sys.argv[2], 0))
"""
QUESTIONS = 8
ASK = f"""
import socket, sys
answered = 0
for number in range({QUESTIONS}):
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.bind((sys.argv[1], 0))
    asking.settimeout(2)
    try:
        asking.sendto(b"question", (sys.argv[2], 53))
        answered += asking.recv(100) == b"question"
    except OSError:
        break
print(answered)
"""
ANSWER = """
import socket
answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
answering.bind(("", 53))
print("ready", flush=True)
while True:
    question, asker = answering.recvfrom(100)
    answering.sendto(question, asker)
"""
# Questions only, so that what the server itself can take plays no part.
QUIET = """
table ip quiet {
  chain input {
    type filter hook prerouting priority raw;
    udp dport 53 udp length 8 drop
  }
}
"""


@pytest.fixture
def nat(inside: Inside, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Load the rules of the network node, which connects VMs of two slices with a server on the outside.

    A parameter has settings of the role.
    """
    templates = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=True)
    variables = {**VARIABLES, "network_node_state_dir": str(tmp_path), **getattr(request, "param", {})}
    rules = templates.get_template("nat.nft.j2").render(variables)
    inside("server", "nft", "-f", "-", text=f"{rules}\n")
    elements = f"{{ {FLOODER} : 1000, {SIBLING} : 1000, {OTHER} : 1003 }}"
    inside("server", "nft", "add", "element", "ip", "cloudrepo_shares", "slices", elements)
    inside("outside", "nft", "-f", "-", text=QUIET)
    addresses = [("server", "uplink", "10.60.7.1/24"), ("server", "outside", "203.0.113.2/24")]
    addresses += [("vm", "eth0", f"{each}/24") for each in (FLOODER, SIBLING, OTHER)]
    addresses += [("outside", "eth0", f"{ASKED}/24")]
    for name, link, address in addresses:
        inside(name, "ip", "address", "add", address, "dev", link)
        inside(name, "ip", "link", "set", link, "up")
    inside("vm", "ip", "route", "add", "default", "via", "10.60.7.1")
    # On a slow machine, the first connections must not end before the last one begins.
    inside("server", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_udp_timeout=300")
    space = f"cloudrepo-outside-{os.getpid()}"
    answering = ["ip", "netns", "exec", space, sys.executable, "-c", ANSWER]
    with subprocess.Popen(answering, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield
        server.kill()


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="root and nft make the namespaces")
@pytest.mark.usefixtures("nat")
@pytest.mark.parametrize("has_shares", [True, False])
def test_a_flood_of_connections_of_one_slice_leaves_ports_of_nat_to_the_others(
    has_shares: bool, inside: Inside
) -> None:
    if not has_shares:
        inside("server", "nft", "delete", "table", "ip", "cloudrepo_shares")
    inside("vm", sys.executable, "-c", FLOOD, FLOODER, ASKED)
    answered = int(inside("vm", sys.executable, "-c", ASK, OTHER, ASKED))
    # Without shares, the test shows that the flood takes the ports of others.
    assert (answered == QUESTIONS) is has_shares, answered


def tracked(inside: Inside) -> int:
    """The number of all connections."""
    return int(inside("server", "cat", "/proc/sys/net/netfilter/nf_conntrack_count"))


UNLIMITED = {"network_node_connection_rate_per_vm": 100_000, "network_node_connection_rate_per_slice": 100_000}


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="root and nft make the namespaces")
@pytest.mark.usefixtures("nat")
@pytest.mark.parametrize(
    ("nat", "most"),
    [
        ({**UNLIMITED, "network_node_connections_per_vm": 100, "network_node_connections_per_slice": 150}, (100, 50)),
        ({**UNLIMITED, "network_node_connections_per_vm": 100, "network_node_connections_per_slice": 500}, (100, 100)),
    ],
    indirect=["nat"],
)
def test_the_connections_of_a_vm_and_of_all_vms_of_its_slice_are_limited(most: tuple[int, int], inside: Inside) -> None:
    found = []
    for address in (FLOODER, SIBLING, OTHER):
        inside("vm", sys.executable, "-c", FLOOD, address, ASKED, str(1024 + 1000))
        found.append(tracked(inside) - sum(found))
    # The last one is of another slice.
    assert found == [*most, 100]
