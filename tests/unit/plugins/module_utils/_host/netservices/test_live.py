# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import OFCTL
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import live
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.live import Device

from ..fakes import FakeRunner

FLOWS = (*OFCTL, "--no-stats", "dump-flows", "br-int", "table=0")
FAIL_MODE = ("ovs-vsctl", "--timeout=30", "get-fail-mode", "br-int")
SPACE = ("nsenter", "--net=/run/netns/slices-dhcp")
RULES = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")
SHARES = ("nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")
LISTED = """\
table ip cloudrepo {
    map slices {
        type ipv4_addr : inet_service
        elements = { 10.60.7.101 : 5300,
                 10.60.7.102 : 5300 }
    }

    chain input {
        ip daddr { 10.60.7.1, 10.60.7.2 } accept
    }
}
"""


def row(name: str, mac: str, address: str, *flags: str) -> str:
    """Return the output of C(ip -json address) for a device."""
    local, _slash, length = address.partition("/")
    info = [
        {"family": "inet", "local": local, "prefixlen": int(length)},
        {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
    ]
    return json.dumps([{"ifname": name, "address": mac, "flags": flags, "mtu": 1500, "addr_info": info}])


def gateway(*, flags: tuple[str, ...] = ("UP",), rules: str = LISTED, forwards: bool = True) -> FakeRunner:
    """Return a host with a gateway."""
    runner = FakeRunner()
    gw400 = row("gw400", "02:01:00:00:00:01", "10.60.7.1/24", *flags)
    dhcp400 = row("dhcp400", "02:01:00:00:00:02", "10.60.7.2/24", "UP")
    runner.tell(*FLOWS, stdout=" priority=0 actions=NORMAL\n" if forwards else "")
    if not forwards:
        runner.tell(*FAIL_MODE, stdout="standalone\n")
    runner.tell("ip", "-json", "address", "show", "dev", "gw400", stdout=gw400)
    runner.tell("ip", "-json", "-n", "slices-dhcp", "address", "show", "dev", "dhcp400", stdout=dhcp400)
    runner.tell("ip", "-n", "slices-dhcp", "route", "show", stdout="default via 10.60.7.1 dev dhcp400 linkdown \n")
    return runner.tell(*SPACE, *RULES, stdout=rules).tell(*SPACE, *SHARES, stdout="table ip cloudrepo_shares {\n}\n")


@pytest.fixture
def proc_sys(tmp_path: Path) -> str:
    """Return the settings of a kernel that forwards packets from the gateway."""
    for device in ("gw400", "wan0", "nat_1000"):
        folder = tmp_path / "net/ipv4/conf" / device
        folder.mkdir(parents=True)
        (folder / "forwarding").write_text("1\n")
    return str(tmp_path)


def test_the_state_of_a_gateway_contains_devices_settings_routes_and_rules_without_clients(proc_sys):
    assert live.gateway("wan0", "br-int", gateway(), proc_sys=proc_sys).splitlines() == [
        "wan wan0",
        "bridge br-int",
        "br-int forwards",
        "gw400 02:01:00:00:00:01",
        "gw400 10.60.7.1/24",
        "gw400 forwarding 1",
        "wan0 forwarding 1",
        "dhcp400 02:01:00:00:00:02",
        "dhcp400 10.60.7.2/24",
        "default via 10.60.7.1 dev dhcp400",
        "table ip cloudrepo {",
        "    map slices {",
        "        type ipv4_addr : inet_service",
        "    }",
        "",
        "    chain input {",
        "        ip daddr { 10.60.7.1, 10.60.7.2 } accept",
        "    }",
        "}",
        "table ip cloudrepo_shares {",
        "}",
    ]


def test_the_state_of_a_gateway_does_not_depend_on_its_clients(tmp_path, proc_sys):
    live.note(live.gateway_note(str(tmp_path)), live.gateway("wan0", "br-int", gateway(), proc_sys=proc_sys))
    fewer = "".join(line for line in LISTED.splitlines(keepends=True) if "10.60.7.10" not in line)
    for rules in (LISTED, fewer):
        assert live.gateway_differences(str(tmp_path), gateway(rules=rules), proc_sys=proc_sys) == ()


def test_differences_of_a_gateway_are_listed(tmp_path, proc_sys):
    live.note(live.gateway_note(str(tmp_path)), live.gateway("wan0", "br-int", gateway(), proc_sys=proc_sys))
    (Path(proc_sys) / "net/ipv4/conf/wan0/forwarding").write_text("0\n")
    other = gateway(flags=(), rules=LISTED.replace("accept", "drop"), forwards=False)
    assert live.gateway_differences(str(tmp_path), other, proc_sys=proc_sys) == (
        "< br-int forwards",
        "< gw400 02:01:00:00:00:01",
        "< gw400 10.60.7.1/24",
        "< wan0 forwarding 1",
        "> wan0 forwarding 0",
        "<         ip daddr { 10.60.7.1, 10.60.7.2 } accept",
        ">         ip daddr { 10.60.7.1, 10.60.7.2 } drop",
    )


def test_without_a_recorded_state_nothing_is_queried(tmp_path):
    assert live.gateway_differences(str(tmp_path), FakeRunner()) == ()
    assert live.network_differences(1000, str(tmp_path), FakeRunner()) == ()


def network(routes: str = "default via 169.254.64.0 dev nat\n") -> FakeRunner:
    """Return a host with the namespace of slice 1000."""
    space = ("nsenter", "--net=/run/netns/slice-1000")
    runner = FakeRunner().tell(*space, *RULES, stdout="table ip cloudrepo {\n}\n")
    runner.tell(*space, *SHARES, stdout="table ip cloudrepo_shares {\n}\n")
    runner.tell("ip", "-n", "slice-1000", "route", "show", stdout=routes)
    return runner.tell(*space, "sysctl", "net.ipv4.ip_forward", stdout="net.ipv4.ip_forward = 1\n")


def test_the_state_of_a_namespace_contains_rules_routes_and_forwarding(tmp_path, proc_sys):
    (tmp_path / "slices-network@1000").mkdir()
    noted = live.network(1000, network(), proc_sys=proc_sys)
    assert noted.splitlines() == [
        "table ip cloudrepo {",
        "}",
        "table ip cloudrepo_shares {",
        "}",
        "default via 169.254.64.0 dev nat",
        "net.ipv4.ip_forward = 1",
        "nat_1000 forwarding 1",
    ]
    live.note(live.network_note(1000, str(tmp_path)), noted)
    assert live.network_differences(1000, str(tmp_path), network(), proc_sys=proc_sys) == ()
    differing = live.network_differences(1000, str(tmp_path), network(""), proc_sys=proc_sys)
    assert differing == ("< default via 169.254.64.0 dev nat",)


def test_rules_in_another_order_differ():
    assert sorted(live.differences("accept\ndrop\n", "drop\naccept\n")) in (
        ["< accept", "> accept"],
        ["< drop", "> drop"],
    )


def test_devices_of_a_namespace_or_of_the_host():
    runner = FakeRunner().tell(
        "ip", "-json", "-n", "slice-1000", "address", "show", stdout=row("net_101", "m", "10.0.0.1/30")
    )
    runner.tell("ip", "-json", "address", "show", rc=1)
    assert live.devices(runner, "slice-1000") == {"net_101": Device("m", frozenset({"10.0.0.1/30"}), is_up=False)}
    assert live.devices(runner) == {}


def test_a_host_without_one_of_the_tables_has_no_rules():
    assert live.rules(FakeRunner().tell(*RULES, rc=1).tell(*SHARES)) is None
    assert live.rules(FakeRunner().tell(*RULES, stdout=LISTED).tell(*SHARES, rc=1)) is None
    assert live.rules(FakeRunner().tell(*RULES, stdout=LISTED).tell(*SHARES, stdout="more\n")) == f"{LISTED}more\n"


def test_the_state_without_tables_routes_and_settings(tmp_path):
    space = ("nsenter", "--net=/run/netns/slice-1000")
    runner = FakeRunner().tell(*space, *RULES, rc=1).tell(*space, *SHARES, rc=1)
    runner.tell("ip", "-n", "slice-1000", "route", "show", rc=1)
    runner.tell(*space, "sysctl", "net.ipv4.ip_forward", rc=1)
    assert live.network(1000, runner, proc_sys=str(tmp_path)) == "nat_1000 forwarding none\n"


def test_states_are_saved_until_the_next_start_of_the_host():
    assert live.nat_note() == "/run/slices-nat.rules"
    assert live.gateway_note() == "/run/slices-gateway.live"
    assert live.network_note(1000) == "/run/slices-network@1000/live"


def test_rules_are_those_of_both_tables_or_none():
    runner = FakeRunner().tell(*RULES, stdout="a\n").tell(*SHARES, stdout="b\n")
    assert live.rules(runner) == "a\nb\n"
    runner = FakeRunner().tell(*RULES, stdout="a\n").tell(*SHARES, rc=1)
    assert live.rules(runner) is None
