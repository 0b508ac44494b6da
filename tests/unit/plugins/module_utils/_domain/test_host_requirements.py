# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and faults of interfaces, and what links ask of trunks: stored, kept, dropped, refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import registering, slice_changes, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, link, put, refusal, topology, vm

SLOW = {"name": "eth1", "tx_kbps": 2000, "rx_kbps": 8000, "delay_ms": 20.0, "jitter_ms": 2.5, "loss_percent": 1.0}


def limited(*interfaces: dict[str, Any], **carried: Any) -> dict[str, Any]:
    """The data model's own slice, with limits on its second VM and a link that carries more."""
    return topology(
        vms=[vm("vm1", internet=True), vm("vm2", interfaces=list(interfaces))],
        links=[{**link("vm1:eth1", "vm2:eth1"), **carried}],
    )


def test_what_is_asked_for_is_stored_and_nothing_else() -> None:
    held = cluster()
    slice_ = put(held, limited({**SLOW, "up": True}, mtu=1400, qinq=True, forward_bpdu=False))
    stored = slice_.to_dict()
    assert {key: stored["vms"][1]["interfaces"][1].get(key) for key in SLOW} == SLOW
    assert "up" not in stored["vms"][1]["interfaces"][1]
    assert stored["links"][0]["mtu"] == 1400
    assert stored["links"][0]["qinq"] is True
    assert "forward_bpdu" not in stored["links"][0]
    assert Slice.from_dict(stored).to_dict() == stored


def test_what_is_as_usual_leaves_no_trace() -> None:
    plain, usual = cluster(), cluster()
    put(plain, topology())
    nothing = {"name": "eth1", "up": True, "delay_ms": 0.0, "jitter_ms": 0.0, "loss_percent": 0.0}
    put(usual, limited(nothing, mtu=1500, qinq=False, forward_bpdu=False))
    assert plain.to_dict() == usual.to_dict()


def test_what_the_topology_drops_goes() -> None:
    held, never = cluster(), cluster()
    put(held, limited(SLOW, {"name": "eth0", "up": False}, mtu=1400, qinq=True, forward_bpdu=True))
    put(held, topology())
    put(never, topology())
    assert held.to_dict() == never.to_dict()


def test_a_change_is_told_and_needs_no_restart() -> None:
    held = cluster()
    stored = deployed(put(held, topology()))
    before = Slice.from_dict(stored.to_dict())
    after = put(held, limited({**SLOW, "up": False}, mtu=1400, qinq=True))
    changed = slice_changes.changes(before, after)
    assert [(each.kind, each.action, each.restart) for each in changed] == [
        ("vm", "update", False),
        ("link", "update", False),
    ]
    eth1 = "eth1 52:54:00:03:ea:01 VLAN 100"
    limits = "down, tx 2000 kbit/s, rx 8000 kbit/s, delay 20 ms, jitter 2.5 ms, loss 1 %"
    assert changed[0].why == f"interfaces {eth1} → {eth1} ({limits})"
    assert changed[1].why == "mtu 1500 → 1400; qinq false → true"


def test_work_orders_say_it_where_there_is_something_to_say() -> None:
    held = cluster()
    slice_ = put(held, limited({"name": "eth1", "up": False, "tx_kbps": 9}, mtu=1400, forward_bpdu=True))
    orders = work_orders.work_orders(held, [slice_], "/var/lib/cloudrepo")["workers"]
    first, second = (orders[ip]["slices"][0]["vms"][0]["interfaces"] for ip in ("10.0.10.1", "10.0.10.2"))
    plain = {"name", "tap", "mac", "vlan_id", "link_id", "address"}
    assert first[0].keys() | second[0].keys() <= plain
    assert {key: first[1][key] for key in first[1].keys() - plain} == {"mtu": 1400, "forward_bpdu": True}
    assert {key: second[1][key] for key in second[1].keys() - plain} == {
        "mtu": 1400,
        "forward_bpdu": True,
        "up": False,
        "tx_kbps": 9,
    }


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"tx_kbps": -5}, "tx_kbps is -5, and 1 to 100000000 are possible; leave it out for no limit"),
        ({"rx_kbps": 0}, "rx_kbps is 0, and 1 to 100000000 are possible; leave it out for no limit"),
        ({"delay_ms": -1.5}, "delay_ms is -1.5, and 0 to 60000 are possible"),
        ({"delay_ms": float("nan")}, "delay_ms is nan, and 0 to 60000 are possible"),
        ({"delay_ms": 1, "jitter_ms": 70000}, "jitter_ms is 70000, and 0 to 60000 are possible"),
        ({"loss_percent": 100.5}, "loss_percent is 100.5, and 0 to 100 are possible"),
        ({"loss_percent": -1}, "loss_percent is -1, and 0 to 100 are possible"),
        ({"jitter_ms": 3}, "jitter_ms is 3 without a delay_ms that it could vary"),
    ],
)
def test_bad_figures_are_refused(limits: dict[str, Any], reason: str) -> None:
    assert refusal(cluster(), limited({"name": "eth1", **limits})) == [f"slice web: VM vm2: interface eth1: {reason}"]


def test_interfaces_that_are_not_there_or_there_twice_are_refused() -> None:
    assert refusal(cluster(), limited({"name": "eth7", "tx_kbps": 9})) == [
        "VM web/vm2: it has no interface eth7; its interfaces are eth0, eth1"
    ]
    assert refusal(cluster(), limited(SLOW, {"name": "eth1"})) == [
        "slice web: VM vm2: interface eth1 is listed 2 times; once is enough"
    ]


def test_netem_is_refused_where_a_worker_said_that_it_has_none() -> None:
    held = cluster()
    held.workers["10.0.10.2"].extra["netem"] = False
    assert refusal(held, limited(SLOW)) == [
        "VM web/vm2: eth1 asks for delay 20 ms, jitter 2.5 ms, loss 1 %, and the kernel of worker 10.0.10.2 has no "
        "netem, which makes delay, jitter and loss"
    ]
    put(held, limited({"name": "eth1", "tx_kbps": 1000, "rx_kbps": 1000, "up": False}))
    held.workers["10.0.10.2"].extra["netem"] = True
    put(held, limited(SLOW))


@pytest.mark.parametrize(
    ("carried", "trunk_mtu", "reason"),
    [
        ({"mtu": 9000}, 1500, "has an MTU of 9000; the trunk of worker 10.0.10.2 has an MTU of 1500"),
        ({}, 1450, "has an MTU of 1500; the trunk of worker 10.0.10.2 has an MTU of 1450"),
        (
            {"qinq": True},
            1503,
            "has an MTU of 1500 and carries the guests' own tags, which makes 1504; "
            "the trunk of worker 10.0.10.2 has an MTU of 1503",
        ),
        ({"qinq": True}, 1504, None),
        ({"mtu": 1450}, 1450, None),
    ],
)
def test_a_trunk_carries_what_its_links_need(carried: dict[str, Any], trunk_mtu: int, reason: str | None) -> None:
    held = cluster()
    held.workers["10.0.10.2"].extra["trunk_mtu"] = trunk_mtu
    if reason is None:
        put(held, limited(**carried))
    else:
        assert refusal(held, limited(**carried)) == [f"slice web: link 1 {reason}"]


def test_a_trunk_counts_only_where_a_link_takes_it() -> None:
    held = cluster()
    for worker in held.workers.values():
        worker.extra["trunk_mtu"] = 1000
    machines = [vm(name, worker="10.0.10.1") for name in ("vm1", "vm2")]
    lan = {"name": "lan", "members": ["vm1", "vm2"], "mtu": 9000}
    put(held, topology(vms=machines, links=[{**link("vm1", "vm2"), "mtu": 9000}], networks=[lan]))
    assert refusal(held, topology("two", vms=machines, links=[], networks=[{**lan, "gateway": True}])) == [
        "slice two: network lan has an MTU of 9000; the trunk of worker 10.0.10.1 has an MTU of 1000"
    ]


def test_the_network_nodes_trunk_counts_where_it_serves() -> None:
    held = cluster()
    registering.note_network_node(held, 1500)
    lan = {"name": "lan", "members": ["vm1", "vm2"], "mtu": 9000}
    machines = [vm(name, worker="10.0.10.1") for name in ("vm1", "vm2")]
    put(held, topology(vms=machines, links=[{**link("vm1", "vm2"), "mtu": 9000}], networks=[lan]))
    for served in ({"gateway": True}, {"dhcp_enabled": True}):
        assert refusal(held, topology("two", vms=machines, links=[], networks=[{**lan, **served}])) == [
            "slice two: network lan has an MTU of 9000; the trunk of the network node has an MTU of 1500"
        ]
    registering.note_network_node(held, 9000)
    put(held, topology("two", vms=machines, links=[], networks=[{**lan, "gateway": True}]))
    with pytest.raises(Refused, match=r"network node: trunk_mtu is 67, and 68 to 65535 are possible"):
        registering.note_network_node(held, 67)


def test_vlan_400_needs_the_trunks_of_its_vms_and_of_the_network_node() -> None:
    held = cluster()
    for worker in held.workers.values():
        worker.extra["trunk_mtu"] = 1000
    registering.note_network_node(held, 1499)
    machines = [vm("vm1", internet=True), vm("vm2")]
    assert refusal(held, topology(vms=machines, links=[])) == [
        "slice web: VLAN 400 has an MTU of 1500; the trunk of worker 10.0.10.1 has an MTU of 1000",
        "slice web: VLAN 400 has an MTU of 1500; the trunk of the network node has an MTU of 1499",
    ]
    put(held, topology(vms=machines[1:], links=[]))
    registering.note_network_node(held, 1500)
    held.workers["10.0.10.1"].extra["trunk_mtu"] = 1500
    put(held, topology(vms=[vm("vm2"), vm("vm1", internet=True, worker="10.0.10.1")], links=[]))


def test_impossible_mtus_are_refused() -> None:
    lan = {"name": "lan", "members": [], "mtu": 70000}
    assert refusal(cluster(), {**limited(mtu=60), "networks": [lan]}) == [
        "slice web: link 1 (vm1:eth1–vm2:eth1): mtu is 60, and 68 to 65521 are possible",
        "slice web: network lan: mtu is 70000, and 68 to 65521 are possible",
    ]


def test_what_a_workers_network_offers_is_registered() -> None:
    held = cluster()
    registering.put_worker(held, {"ip": "10.0.10.1", "trunk_mtu": 1600, "netem": False})
    assert held.workers["10.0.10.1"].extra == {"trunk_mtu": 1600, "netem": False}
    registering.put_worker(held, {"ip": "10.0.10.1", "cores": 3})
    assert held.workers["10.0.10.1"].extra == {"trunk_mtu": 1600, "netem": False}
    with pytest.raises(Refused, match=r"worker 10\.0\.10\.1: trunk_mtu is 60, and 68 to 65535 are possible"):
        registering.put_worker(held, {"ip": "10.0.10.1", "trunk_mtu": 60})
