# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order in which the switch got a port and its flows."""

from __future__ import annotations

import pytest

from ..scripts import load

first_seen = load("extensions/molecule/changes/files/first_seen.py").first_seen


def flow(event: str, port: int) -> str:
    return f" event={event} table=0 cookie=0x636c7264000003e8 priority=50,in_port={port} actions=NORMAL"


def port(number: int, name: str) -> str:
    return f"OFPT_PORT_STATUS (OF1.4) (xid=0x0): ADD: {number}({name}): addr:0e:00:00:00:00:01"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], []),
        ([flow("ADDED", 1000), port(1000, "tap_1001_eth0")], ["tap_1001_eth0 flow"]),
        ([port(1000, "tap_1001_eth0"), flow("ADDED", 1000)], ["tap_1001_eth0 "]),
        ([flow("ADDED", 1001), port(1000, "tap_1001_eth0")], ["tap_1001_eth0 "]),
        ([flow("ADDED", 1), flow("DELETED", 1), port(1, "tap_1001_eth0")], ["tap_1001_eth0 none"]),
        ([flow("DELETED", 1), flow("ADDED", 1), port(1, "tap_1001_eth0")], ["tap_1001_eth0 flow"]),
        ([flow("ADDED", 10), port(1, "tap_1001_eth0")], ["tap_1001_eth0 "]),
        ([flow("ADDED", 1).replace("table=0", "table=3"), port(1, "tap_1001_eth0")], ["tap_1001_eth0 "]),
        ([port(7, "trunk0")], []),
        ([port(1, "tap_1001_eth0").replace("ADD", "DEL")], []),
    ],
)
def test_flows_and_ports_in_their_order(lines: list[str], told: list[str]) -> None:
    assert first_seen(lines) == told


def test_all_ports_are_listed_in_the_order_of_their_names() -> None:
    lines = [flow("ADDED", 1), port(1, "tap_1003_eth1"), flow("ADDED", 2), port(2, "tap_1001_eth2")]
    assert first_seen(lines) == ["tap_1001_eth2 flow", "tap_1003_eth1 flow"]
