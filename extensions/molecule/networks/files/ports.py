# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether the networks' ports have been restored: ports.py

Fails if a port is not up in its slice's namespace, with its address and its MTU.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

WANTED = {
    "slice-1000": ("net_100", "192.168.100.1/24", None),
    "slice-1003": ("net_160", "10.30.0.1/24", 1400),
}


def is_back(links: list[dict[str, Any]], address: str, mtu: int | None) -> bool:
    """Return whether the output of C(ip -json address show) is one port that is up, with this address and MTU."""
    if len(links) != 1 or "UP" not in links[0]["flags"]:
        return False
    addresses = [f"{each['local']}/{each['prefixlen']}" for each in links[0]["addr_info"]]
    return address in addresses and mtu in (None, links[0]["mtu"])


def ask(namespace: str, port: str) -> list[dict[str, Any]]:
    """Return the output for a port; an empty list if namespace or port are missing."""
    command = ["ip", "-json", "-n", namespace, "address", "show", "dev", port]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    links: list[dict[str, Any]] = json.loads(done.stdout or "[]") if done.returncode == 0 else []
    return [link for link in links if link]  # ip prints empty objects for other devices


if __name__ == "__main__":
    absent = [port for space, (port, address, mtu) in WANTED.items() if not is_back(ask(space, port), address, mtu)]
    raise SystemExit(f"still missing: {', '.join(absent)}" if absent else 0)
