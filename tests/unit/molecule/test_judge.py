# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict of the isolation scenario: each leak and each failed control is reported, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/isolation/files/judge.py"
judge = load(SCRIPT)

ATTACK, ALLOWED, ROUTED = "000", "001", "002"
GATEWAY_MAC, DHCP_MAC = "02:00:0a:3c:07:01", "02:00:0a:3c:07:02"
ROUTER_MAC = "02:01:00:00:00:65"
TO_ROUTER = {"reaches": ["gateway"], "may_reach": ["self"]}
MAC = {
    (name, nic): f"52:54:00:03:{number:02x}:0{index}"
    for number, name in enumerate(("red1", "red2", "blue1", "blue2"))
    for index, nic in enumerate(("eth0", "eth1", "eth2"))
}


def guest(name: str, vm_id: int, slice_id: int) -> dict[str, Any]:
    tenant, number = name[:-1], int(name[-1])
    return {
        "vm_id": vm_id,
        "slice_id": slice_id,
        "tenant": tenant,
        "peer": f"{tenant}{3 - number}",
        "address": f"10.60.7.{vm_id - 900}",
        "macs": {nic: MAC[name, nic] for nic in ("eth0", "eth1", "eth2")},
        "router": ROUTER_MAC,
    }


def a_round() -> dict[str, Any]:
    """Return a round without failures: red attacks twice and pings its router, blue's control reaches its peer."""
    frames: dict[str, dict[str, dict[str, dict[str, int]]]] = {"worker1": {}, "worker2": {}, "node": {}}
    observed = {
        "guests": {
            "red1": guest("red1", 1001, 1000),
            "red2": guest("red2", 1002, 1000),
            "blue1": guest("blue1", 1004, 1003),
            "blue2": guest("blue2", 1005, 1003),
        },
        "tries": {
            "red": [
                {"name": "Forged", "via": "eth0", "frames": ["a", "b"], "times": 10},
                {"name": "To the peer", "via": "eth1", "frames": ["a"], "reaches": ["peer"]},
                {"name": "To the router", "via": "eth2", "frames": ["a"], **TO_ROUTER},
            ],
            "blue": [{"name": "To the gateway", "via": "eth0", "frames": ["a"], "reaches": ["gateway", "self"]}],
        },
        "injected": [
            {"name": "Untagged", "reaches": []},
            {"name": "Tagged", "reaches": ["red1 eth2", "red's router"]},
        ],
        "scanners": ["red"],
        "infrastructure": [GATEWAY_MAC, DHCP_MAC],
        "dhcp_server": DHCP_MAC,
        "forged_xid": "41545441",
        "scanned_by": ["eth0"],
        "must_be_open": ["203.0.113.1:80"],
        "may_be_open": ["203.0.113.1:80", "10.60.7.1:53"],
        "knocks": [
            {"name": "somebody at red1", "enters": False, "entered": False},
            {"name": "red1 at red1", "enters": True, "entered": True},
        ],
    }
    observed["counted"] = {host: {"frames": seen, "lost": 0} for host, seen in frames.items()}
    for vm_id, peer in ((1001, 1002), (1002, 1001)):
        add_frames(observed, f"tap_{vm_id}_eth0", "in", f"{vm_id}:{ATTACK}", 20)
        add_frames(observed, f"tap_{vm_id}_eth1", "in", f"{vm_id}:{ALLOWED}", 1)
        add_frames(observed, f"tap_{peer}_eth1", "out", f"{vm_id}:{ALLOWED}", 1)
        add_frames(observed, f"tap_{vm_id}_eth2", "in", f"{vm_id}:{ROUTED}", 1)
        add_frames(observed, "slice-1000/net_101", "out", f"{vm_id}:{ROUTED}", 1)
        add_frames(observed, f"tap_{vm_id}_eth0", "out", "open 203.0.113.1:80", 1)
    for vm_id in (1004, 1005):
        add_frames(observed, f"tap_{vm_id}_eth0", "in", f"{vm_id}:000", 1)
        add_frames(observed, "gw400", "out", f"{vm_id}:000", 1)
        add_frames(observed, f"tap_{vm_id}_eth0", "out", f"{vm_id}:000", 1)
    add_frames(observed, "tap_1001_eth2", "out", "0:001", 3)
    add_frames(observed, "nat_1000", "out", "0:001", 3)
    return observed


def add_frames(observed: dict[str, Any], interface: str, direction: str, what: str, count: int) -> None:
    """Add frames to the counters of a host's interface; interfaces that are not taps are those of the network node."""
    host = "node" if not interface.startswith("tap_") else "worker1"
    both = observed["counted"][host]["frames"].setdefault(interface, {"in": {}, "out": {}})
    both[direction][what] = both[direction].get(what, 0) + count


def test_a_round_without_failures() -> None:
    table, wrong = judge.judge(a_round())
    assert wrong == []
    assert [re.split(r" {2,}", line) for line in table[:-1]] == [
        ["what", "sent", "reached by right", "leaked"],
        ["red: Forged", "40", "0", "0"],
        ["red: To the peer", "2", "2", "0"],
        ["red: To the router", "2", "2", "0"],
        ["blue: To the gateway", "2", "4", "0"],
        ["trunk: Untagged", "3", "0", "0"],
        ["trunk: Tagged", "3", "6", "0"],
    ]
    assert table[-1] == (
        "all: 9 attacks tried, 52 frames sent, 0 frames leaked; displays let in 0 of 1 strangers and 1 of 1 owners"
    )


@pytest.mark.parametrize(
    ("interface", "place"),
    [
        ("tap_1002_eth0", "red2 eth0"),
        ("tap_1004_eth1", "blue1 eth1"),
        ("gw400", "gateway"),
        ("slice-1003/net_301", "blue's router"),
        ("nat_1003", "blue's router"),
        ("mgmt0", "node mgmt0"),
    ],
)
def test_an_attack_that_reaches_another_guest_is_a_leak(interface: str, place: str) -> None:
    observed = a_round()
    add_frames(observed, interface, "out", f"1001:{ATTACK}", 3)
    table, wrong = judge.judge(observed)
    assert wrong == [f"leak: 3 frames of red1 reached {place}: Forged"]
    assert table[1].split()[-3:] == ["40", "0", "3"]
    assert "3 frames leaked" in table[-1]


def test_frames_on_a_host_interface_are_leaks_in_both_directions_and_on_a_tap_in_one() -> None:
    observed = a_round()
    add_frames(observed, "mgmt0", "in", f"1001:{ATTACK}", 1)
    assert judge.judge(observed)[1] == ["leak: 1 frames of red1 reached node mgmt0: Forged"]
    observed = a_round()
    add_frames(observed, "tap_1002_eth0", "in", f"1001:{ATTACK}", 1)  # sent, under the canary of another: no receiver
    assert judge.judge(observed)[1] == []


@pytest.mark.parametrize(
    ("vm_id", "canary", "via", "place"),
    [
        (1001, ALLOWED, "eth1", "red1 eth1"),  # the peer is allowed, the sender is not
        (1002, ROUTED, "eth2", "red1 eth2"),  # its gateway and itself, not its peer
        (1004, "000", "eth0", "blue2 eth0"),
    ],
)
def test_permission_to_reach_one_destination_does_not_extend_to_another(
    vm_id: int, canary: str, via: str, place: str
) -> None:
    observed = a_round()
    tap = {"red1 eth1": 1001, "red1 eth2": 1001, "blue2 eth0": 1005}[place]
    add_frames(observed, f"tap_{tap}_{via}", "out", f"{vm_id}:{canary}", 1)
    assert [line.partition(" reached ")[2].partition(":")[0] for line in judge.judge(observed)[1]] == [place]


def test_permitted_destinations_may_be_unreachable() -> None:
    observed = a_round()
    add_frames(observed, "tap_1001_eth2", "out", f"1001:{ROUTED}", 5)
    table, wrong = judge.judge(observed)
    assert wrong == []
    assert table[3].split()[-2:] == ["7", "0"]


def test_a_control_that_reaches_no_target_makes_the_round_inconclusive() -> None:
    observed = a_round()
    del observed["counted"]["node"]["frames"]["gw400"]
    assert judge.judge(observed)[1] == [
        "control: nothing of blue1 reached gateway: To the gateway",
        "control: nothing of blue2 reached gateway: To the gateway",
    ]


@pytest.mark.parametrize(("sent", "is_wrong"), [(19, True), (20, False), (21, False)])
def test_an_attack_whose_frames_did_not_leave_its_guest_is_inconclusive(sent: int, is_wrong: bool) -> None:
    observed = a_round()
    observed["counted"]["worker1"]["frames"]["tap_1001_eth0"]["in"][f"1001:{ATTACK}"] = sent
    assert judge.judge(observed)[1] == ["control: red1 sent 19 of 20 frames: Forged"] * is_wrong


def test_a_listener_that_lost_frames_makes_the_round_inconclusive() -> None:
    observed = a_round()
    observed["counted"]["worker2"]["lost"] = 1
    assert judge.judge(observed)[1] == ["control: worker2 lost 1 frames that it should have counted"]


def test_frames_sent_into_the_trunk_reach_only_their_destination() -> None:
    observed = a_round()
    add_frames(observed, "tap_1005_eth2", "out", "0:000", 2)
    add_frames(observed, "tap_1005_eth2", "out", "0:001", 1)
    del observed["counted"]["node"]["frames"]["nat_1000"]
    table, wrong = judge.judge(observed)
    assert wrong == [
        "leak: 2 frames that were sent into the trunk reached blue2 eth2: Untagged",
        "control: nothing that was sent into the trunk reached red's router: Tagged",
        "leak: 1 frames that were sent into the trunk reached blue2 eth2: Tagged",
    ]
    assert "3 frames leaked" in table[-1]


STRANGER = MAC["blue1", "eth0"]


@pytest.mark.parametrize(
    ("nic", "what"),
    [
        ("eth0", "open 10.60.7.1:53"),
        ("eth0", f"arp {GATEWAY_MAC} {MAC['red1', 'eth0']} 10.60.7.101"),
        ("eth0", f"from {DHCP_MAC} 0800"),
        ("eth0", f"error {GATEWAY_MAC}"),
        ("eth0", f"dhcp {DHCP_MAC} {MAC['red1', 'eth0']} 00000001"),
        ("eth1", f"from {MAC['red2', 'eth1']} 86dd"),
        ("eth1", f"arp {MAC['red2', 'eth1']} {STRANGER} 1.2.3.4"),  # any ARP of the peer is allowed on a link
        ("eth2", f"from {MAC['red2', 'eth2']} 0800"),
        ("eth2", f"dhcp {ROUTER_MAC} {STRANGER} 41545441"),  # the server of its network
    ],
)
def test_a_guest_may_receive_frames_from_its_peer_and_from_its_servers(nic: str, what: str) -> None:
    observed = a_round()
    add_frames(observed, f"tap_1001_{nic}", "out", what, 1)
    assert judge.judge(observed)[1] == []


@pytest.mark.parametrize(
    ("nic", "what"),
    [
        ("eth0", "open 10.60.7.1:54"),
        ("eth0", f"arp {STRANGER} {MAC['red1', 'eth0']} 10.60.7.101"),
        ("eth0", f"arp {GATEWAY_MAC} {STRANGER} 10.60.7.101"),
        ("eth0", f"arp {GATEWAY_MAC} {MAC['red1', 'eth0']} 10.60.7.102"),
        ("eth0", f"from {MAC['red2', 'eth0']} 0800"),  # peers do not reach each other on VLAN 400
        ("eth0", f"dhcp {GATEWAY_MAC} {MAC['red1', 'eth0']} 00000001"),
        ("eth0", f"dhcp {DHCP_MAC} {STRANGER} 00000001"),
        ("eth0", f"dhcp {DHCP_MAC} {MAC['red1', 'eth0']} 41545441"),
        ("eth1", f"from {GATEWAY_MAC} 0800"),
        ("eth1", f"from {MAC['red2', 'eth2']} 0800"),
        ("eth1", f"arp {STRANGER} {STRANGER} 1.2.3.4"),
        ("eth2", f"error {GATEWAY_MAC}"),
    ],
)
def test_frames_from_other_senders_at_a_guest_are_leaks(nic: str, what: str) -> None:
    observed = a_round()
    add_frames(observed, f"tap_1001_{nic}", "out", what, 2)
    table, wrong = judge.judge(observed)
    assert wrong == [f"leak: 2 frames to red1 {nic}: {what}"]
    assert "2 frames leaked" in table[-1]


def test_a_scan_that_misses_an_open_port_is_inconclusive() -> None:
    observed = a_round()
    del observed["counted"]["worker1"]["frames"]["tap_1002_eth0"]["out"]["open 203.0.113.1:80"]
    assert judge.judge(observed)[1] == ["control: the scan of red2 by eth0 did not see 203.0.113.1:80"]


def test_displays_accept_only_the_password_of_their_owner() -> None:
    observed = a_round()
    observed["knocks"][0]["entered"] = True
    observed["knocks"][1]["entered"] = False
    table, wrong = judge.judge(observed)
    assert wrong == ["leak: a display let in somebody at red1", "control: a display kept out red1 at red1"]
    assert table[-1].endswith("displays let in 1 of 1 strangers and 0 of 1 owners")


@pytest.mark.parametrize("is_well", [True, False])
def test_the_exit_code_depends_on_the_result(is_well: bool) -> None:
    observed = a_round()
    if not is_well:
        add_frames(observed, "mgmt0", "out", f"1001:{ATTACK}", 1)
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT], input=json.dumps(observed), capture_output=True, text=True, check=False
    )
    assert done.returncode == (0 if is_well else 1)
    assert ("leak: 1 frames of red1 reached node mgmt0: Forged" in done.stdout.splitlines()) is not is_well
