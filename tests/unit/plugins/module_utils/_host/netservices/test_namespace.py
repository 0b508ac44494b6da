# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import namespace
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.namespace import Layout, Port
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, SlicesError

from ..fakes import MORE, FakeRunner

LAN = Port("net_101", "192.168.101.1/24", "02:01:00:00:00:65")
WIDE = Port("net_102", "10.0.0.1/30", "02:01:00:00:00:66", mtu=9000)
NAT = ("169.254.64.0/31", "169.254.64.1/31")
TEXT = """\
port net_101 192.168.101.1/24 02:01:00:00:00:65
port net_102 10.0.0.1/30 02:01:00:00:00:66 9000
nat 169.254.64.0/31 169.254.64.1/31
"""
VSCTL = ("ovs-vsctl", "--timeout=30")
IN_SPACE = ("nsenter", "--net=/run/netns/slice-1000")


def test_a_layout_is_read_back():
    layout = Layout((LAN, WIDE), NAT)
    assert (str(layout), namespace.read(TEXT)) == (TEXT, layout)
    assert namespace.read("") == Layout(())


@pytest.mark.parametrize("line", ["port net_101", "nat 169.254.64.0/31", "tunnel a b", "port a b c many"])
def test_an_invalid_layout_is_refused_with_its_file(tmp_path, line):
    (tmp_path / "devices").write_text(f"{line}\n")
    with pytest.raises(SlicesError, match=rf"^{tmp_path}/devices: "):
        namespace.make(str(tmp_path), FakeRunner())


class Host:
    """The expected commands for one port in a namespace."""

    def __init__(self) -> None:
        self.runner = FakeRunner()

    def has(self, device: str, where: str | None, *answers: bool) -> Host:
        """Expect queries for a device in a namespace or, without one, on the host, with these answers."""
        inside = [] if where is None else ["-n", where]
        for answer in answers:
            self.runner.tell("ip", *inside, "link", "show", "dev", device, rc=int(not answer))
        return self

    def takes(self, *commands: str) -> Host:
        """Expect commands."""
        for command in commands:
            self.runner.tell(*command.split(" "))
        return self

    @property
    def told(self) -> list[str]:
        """The commands without queries."""
        return [" ".join(argv) for argv in self.runner.argvs if "show" not in argv]


def test_a_port_that_is_in_its_namespace_stays():
    host = Host().has("lo", "s", True).has("net_101", "s", True).has("net_101", None, False)
    namespace.place_port("s", "net_101", host.runner)
    assert host.told == []


def test_a_missing_namespace_is_created_and_the_port_is_moved_to_it():
    host = Host().has("lo", "s", False).has("net_101", "s", False).has("net_101", None, True)
    # The file of a deleted namespace has to be removed.
    expected = [
        "ip netns delete s",
        "ip netns add s",
        "ovs-vsctl --timeout=30 wait-until Interface net_101 ofport>0",
        "ip -n s link delete dev net_101",
        "ip link set dev net_101 netns s",
    ]
    host.takes(*expected)
    namespace.place_port("s", "net_101", host.runner)
    assert host.told == expected


def test_a_missing_earlier_namespace_is_not_an_error():
    host = Host().has("lo", "s", False).has("net_101", "s", False).has("net_101", None, True)
    host.runner.tell("ip", "netns", "delete", "s", rc=1).tell("ip", "-n", "s", "link", "delete", MORE, rc=1)
    host.takes(
        "ip netns add s",
        "ovs-vsctl --timeout=30 wait-until Interface net_101 ofport>0",
        "ip link set dev net_101 netns s",
    )
    namespace.place_port("s", "net_101", host.runner)
    assert host.told[-1] == "ip link set dev net_101 netns s"


def test_a_device_that_was_deleted_with_its_namespace_is_recreated_by_open_vswitch():
    host = Host().has("lo", "s", True).has("net_101", "s", False).has("net_101", None, False, True)
    wait = "ovs-vsctl --timeout=30 wait-until Interface net_101 ofport>0"
    kinds = [f"ovs-vsctl --timeout=30 set Interface net_101 type={kind}" for kind in ("system", "internal")]
    expected = [wait, *kinds, wait, "ip -n s link delete dev net_101", "ip link set dev net_101 netns s"]
    host.takes(*dict.fromkeys(expected))
    namespace.place_port("s", "net_101", host.runner)
    assert host.told == expected


def test_a_recreated_port_replaces_the_previous_one():
    host = Host().has("lo", "s", True).has("net_101", "s", True).has("net_101", None, True)
    expected = ["ip -n s link delete dev net_101", "ip link set dev net_101 netns s"]
    host.takes(*expected)
    namespace.place_port("s", "net_101", host.runner)
    assert host.told == expected


def test_a_missing_port_of_the_bridge_is_an_error():
    host = Host().has("lo", "s", True).has("net_101", "s", False)
    host.runner.tell(*VSCTL, "wait-until", "Interface", "net_101", "ofport>0", rc=142, stderr="Alarm clock")
    with pytest.raises(CommandFailed, match="Alarm clock"):
        namespace.place_port("s", "net_101", host.runner)


def made(folder: Path, text: str, *, forwards: int, live: list[object]) -> Host:
    """Return a host that creates the namespace of slice 1000, whose ports are in place already."""
    (folder / "devices").write_text(text)
    host = Host().has("lo", "slice-1000", True)
    for port in ("net_101", "net_102"):
        if port in text:
            host.has(port, "slice-1000", True).has(port, None, False)
    host.takes(
        f"{' '.join(IN_SPACE)} nft -f {folder}/rules.nft",
        f"{' '.join(IN_SPACE)} sysctl -q -w net.ipv4.ip_forward={forwards}",
        "ip -n slice-1000 -batch -",
    )
    host.runner.tell(*IN_SPACE, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", rc=255)
    host.runner.tell("ip", "-json", "-n", "slice-1000", "address", "show", stdout=json.dumps(live))
    return host


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the networks of slice 1000."""
    path = tmp_path / "1000"
    path.mkdir()
    return path


def address(port: Port) -> dict[str, object]:
    """Return the output of C(ip -json address) for a port with its address."""
    local, _slash, length = port.address.partition("/")
    return {"ifname": port.name, "addr_info": [{"family": "inet", "local": local, "prefixlen": int(length)}]}


def test_a_namespace_with_nat(folder):
    host = made(folder, TEXT, forwards=1, live=[])
    host.has("nat", "slice-1000", False)
    host.takes(
        "ip link delete dev nat_1000",
        "ip link add nat_1000 type veth peer name nat netns slice-1000",
        "ip -batch -",
        "sysctl -q -w net/ipv4/conf/nat_1000/forwarding=1",
    )
    namespace.make(str(folder), host.runner)
    programs = [line.partition(" -f ")[0] for line in host.told]
    rules = programs.index(f"{' '.join(IN_SPACE)} nft")
    assert rules < programs.index(f"{' '.join(IN_SPACE)} sysctl -q -w net.ipv4.ip_forward=1")
    texts = {" ".join(argv): text for argv, text in zip(host.runner.argvs, host.runner.stdins) if "-batch" in argv}
    assert texts == {
        "ip -batch -": "address replace 169.254.64.0/31 dev nat_1000\nlink set dev nat_1000 up\n",
        "ip -n slice-1000 -batch -": """\
link set dev net_101 address 02:01:00:00:00:65 mtu 1500
address flush dev net_101
address add 192.168.101.1/24 dev net_101
link set dev net_101 up
link set dev net_102 address 02:01:00:00:00:66 mtu 9000
address flush dev net_102
address add 10.0.0.1/30 dev net_102
link set dev net_102 up
address replace 169.254.64.1/31 dev nat
link set dev nat up
route replace default via 169.254.64.0
""",
    }


def test_existing_ports_keep_their_address(folder):
    host = made(folder, str(Layout((LAN,), NAT)), forwards=1, live=[address(LAN)])
    host.has("nat", "slice-1000", True).has("nat_1000", None, True)
    host.takes("ip -batch -", "sysctl -q -w net/ipv4/conf/nat_1000/forwarding=1")
    namespace.make(str(folder), host.runner)
    assert host.runner.stdins[-1] == (
        "link set dev net_101 address 02:01:00:00:00:65 mtu 1500\nlink set dev net_101 up\n"
        "address replace 169.254.64.1/31 dev nat\nlink set dev nat up\nroute replace default via 169.254.64.0\n"
    )


def test_without_nat_nothing_is_forwarded_and_an_earlier_veth_pair_is_removed(folder):
    host = made(folder, str(Layout((LAN,))), forwards=0, live=[address(LAN)])
    host.runner.tell("ip", "link", "delete", "dev", "nat_1000", rc=1)
    namespace.make(str(folder), host.runner)
    assert "ip link delete dev nat_1000" in host.told


def test_rules_that_the_kernel_refuses_are_an_error_before_anything_is_forwarded(folder):
    (folder / "devices").write_text(str(Layout((LAN,), NAT)))
    host = Host().has("lo", "slice-1000", True).has("net_101", "slice-1000", True).has("net_101", None, False)
    host.runner.tell(*IN_SPACE, "nft", "-f", f"{folder}/rules.nft", rc=1, stderr="syntax error")
    with pytest.raises(CommandFailed, match="syntax error"):
        namespace.make(str(folder), host.runner)
    assert len(host.told) == 1


@pytest.mark.parametrize("there", ["nat", "nat_1000"])
def test_a_veth_pair_without_one_of_its_ends_is_made_anew(folder: Path, there: str) -> None:
    host = made(folder, str(Layout((LAN,), NAT)), forwards=1, live=[address(LAN)])
    host.has("nat", "slice-1000", there == "nat")
    if there == "nat":
        host.has("nat_1000", None, False)
    host.runner.tell("ip", "link", "delete", "dev", "nat_1000", rc=1)
    host.takes(
        "ip link add nat_1000 type veth peer name nat netns slice-1000",
        "ip -batch -",
        "sysctl -q -w net/ipv4/conf/nat_1000/forwarding=1",
    )
    namespace.make(str(folder), host.runner)
    assert "ip link add nat_1000 type veth peer name nat netns slice-1000" in host.told
