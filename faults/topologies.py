# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The slices of the lab: C(calm), which no fault is about, C(target), which is deployed and deleted, and more."""

from __future__ import annotations

from typing import Any

from .lab import ADDRESSES

Topology = dict[str, Any]
# So that links can be added while VMs run.
NICS = 4


def vm(name: str, worker: str, flavor: str = "still", **fields: Any) -> dict[str, Any]:
    return {"name": name, "worker": ADDRESSES[worker], "flavor": flavor, "data_interfaces": NICS, **fields}


CALM: Topology = {
    "name": "calm",
    "owner": "alice",
    "vms": [vm("one", "worker1", internet=True), vm("two", "worker2", internet=True)],
    "links": [{"name": "wire", "endpoints": ["one:eth1", "two:eth1"]}],
}

SMALL: Topology = {
    "name": "target",
    "owner": "bob",
    "vms": [
        vm("one", "worker1", internet=True, interfaces=[{"name": "eth1", "tx_kbps": 600, "rx_kbps": 900}]),
        vm("two", "worker2", internet=True),
    ],
    "links": [{"name": "wire", "endpoints": ["one:eth1", "two:eth1"]}],
    "networks": [
        {"name": "lan", "members": ["one:eth2", "two:eth2"], "gateway": True, "dhcp_enabled": True, "nat": True}
    ],
}

LARGE: Topology = {
    **SMALL,
    "vms": [*SMALL["vms"], vm("three", "worker1"), vm("four", "worker2")],
    "links": [
        *SMALL["links"],
        {"name": "more", "endpoints": ["three:eth1", "four:eth1"]},
        {"name": "most", "endpoints": ["two:eth3", "three:eth3"]},
    ],
}

PEOPLE: Topology = {
    "name": "people",
    "owner": "bob",
    "vms": [vm("guest", "worker2", "guest", internet=True)],
    "networks": [{"name": "lan", "members": ["guest:eth1"], "gateway": True, "dhcp_enabled": True, "nat": True}],
}


def pair(number: int) -> Topology:
    """Return a small slice with a number in its name."""
    owner = ("alice", "bob")[number % 2]
    return {
        "name": f"pair{number}",
        "owner": owner,
        "vms": [
            vm("one", "worker1", internet=number % 3 == 0),
            vm("two", "worker2", **({"power": "stopped"} if number % 5 == 0 else {})),
        ],
        "links": [{"name": "wire", "endpoints": ["one:eth1", "two:eth1"]}],
        "networks": [{"name": "lan", "members": ["one:eth2", "two:eth2"], "gateway": number % 2 == 0}],
    }
