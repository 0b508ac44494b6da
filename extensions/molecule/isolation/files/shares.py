# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates the probes of a flood: what the other tenant asks meanwhile, and whether the floods lasted until its end.

usage: shares.py questions <GUEST | shares.py floods <NAMES

GUEST is JSON: C(name) of the guest, C(peer), the name of the other VM of its slice, C(router), the gateway of its
network, and C(count), how often each question is asked. NAMES is a JSON list of floods, whose process ids are in
C(/run/pid.NAME), their finished turns in C(/run/sent.NAME), and their errors in C(/run/failed.NAME). Prints the steps
of probes.py.
"""

from __future__ import annotations

import json
import sys
from typing import Any

Steps = list[list[dict[str, Any]]]

DHCP_SERVER = "10.60.7.2"
GATEWAY = "10.60.7.1"
OUTSIDE = "203.0.113.1"


def questions(guest: dict[str, Any]) -> Steps:
    """Return the questions, one after the other; each is sent once, and its answer is due within five seconds."""
    steps: Steps = []
    for turn in range(1, guest["count"] + 1):
        mine = f"{turn}.{guest['name']}.example"
        asked = {
            "slice": resolve(f"{guest['peer']}.internal", DHCP_SERVER),
            "outside": resolve(f"{mine}.com", DHCP_SERVER),
            "nat": resolve(f"{mine}.com", OUTSIDE),
            "router": resolve(f"{mine}.net", guest["router"]),
            "dhcp": "udhcpc -f -i eth0 -n -q -t 1 -T 5 -s /bin/true",
            "ping": f"ping -c 1 -W 5 {GATEWAY}",
        }
        steps += [[{"name": f"{kind}, question {turn}", "command": asked[kind], "rc": 0}] for kind in asked]
    return steps


def resolve(name: str, server: str) -> str:
    """Return the command that asks a server for the address of a name."""
    return f"nslookup -type=a -retry=1 -timeout=5 {name} {server}"


def floods(names: list[str]) -> Steps:
    """Return the probes of the floods: each is still running, and has finished more than one turn."""
    return [
        [
            {
                "name": f"flood {name} is running",
                "command": f"kill -0 $(cat /run/pid.{name}) || {{ cat /run/failed.{name}; false; }}",
                "rc": 0,
            },
            {
                "name": f"turns of flood {name}",
                "command": f"tail -n 2 /run/sent.{name}",
                "finds": {"^turn$": ["turn", "turn"]},
            },
        ]
        for name in names
    ]


def main(kind: str) -> None:
    given = json.load(sys.stdin)
    print(json.dumps(questions(given) if kind == "questions" else floods(given)))


if __name__ == "__main__":
    main(*sys.argv[1:])
