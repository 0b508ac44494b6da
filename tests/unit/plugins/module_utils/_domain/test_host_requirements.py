# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and faults of interfaces, and requirements of links for trunks: stored, kept, removed or refused."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    host_requirements,
    registration,
    slice_changes,
    work_orders,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from ...uuids import without_uuids
from .builders import cluster, deployed, link, put, refusals, topology, vm

SLOW = {
    "name": "eth1",
    "tx_kbps": 2000,
    "rx_kbps": 8000,
    "delay_ms": 20.0,
    "jitter_ms": 2.5,
    "loss_percent": 1.0,
    "duplicate_percent": 0.5,
}

MTU = {"option": "mtu", "least": 68, "most": 65521}
TRUNK_MTU = {"option": "trunk_mtu", "least": 68, "most": 65535}
NAN = float("nan")


def small_trunk(where: str, needed: int, host: str, trunk_mtu: int) -> Refusal:
    return Refusal("trunk_mtu_too_small", where, {"needed": needed, "host": host, "trunk_mtu": trunk_mtu})


def limited(*interfaces: dict[str, Any], **carried: Any) -> dict[str, Any]:
    """Return the data model's sample slice, with limits on its second VM and a link with other frames."""
    return topology(
        vms=[vm("vm1", internet=True), vm("vm2", interfaces=list(interfaces))],
        links=[{**link("vm1:eth1", "vm2:eth1"), **carried}],
    )


def test_only_given_limits_are_stored() -> None:
    held = cluster()
    slice_ = put(held, limited({**SLOW, "up": True}, mtu=1400, qinq=True, forward_bpdu=False))
    stored = slice_.to_dict()
    assert {key: stored["vms"][1]["interfaces"][1].get(key) for key in SLOW} == SLOW
    assert "up" not in stored["vms"][1]["interfaces"][1]
    assert stored["links"][0]["mtu"] == 1400
    assert stored["links"][0]["qinq"] is True
    assert "forward_bpdu" not in stored["links"][0]
    assert Slice.from_dict(stored).to_dict() == stored


def test_default_limits_are_not_stored() -> None:
    plain, usual = cluster(), cluster()
    put(plain, topology())
    nothing = {"name": "eth1", "up": True, "delay_ms": 0.0, "jitter_ms": 0.0, "loss_percent": 0.0}
    nothing["duplicate_percent"] = 0.0
    put(usual, limited(nothing, mtu=1500, qinq=False, forward_bpdu=False))
    assert without_uuids(plain.to_dict()) == without_uuids(usual.to_dict())


def test_objects_missing_from_the_topology_are_removed() -> None:
    held, never = cluster(), cluster()
    put(held, limited(SLOW, {"name": "eth0", "up": False}, mtu=1400, qinq=True, forward_bpdu=True))
    put(held, topology())
    put(never, topology())
    assert without_uuids(held.to_dict()) == without_uuids(never.to_dict())


def test_a_change_of_limits_requires_no_restart() -> None:
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
    limits = "down, tx 2000 kbit/s, rx 8000 kbit/s, delay 20 ms, jitter 2.5 ms, loss 1 %, duplicate 0.5 %"
    assert changed[0].why == f"interfaces {eth1} → {eth1} ({limits})"
    assert changed[1].why == "mtu 1500 → 1400; qinq false → true"


def test_work_orders_contain_limits_only_if_set() -> None:
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
    ("limits", "code", "figures"),
    [
        ({"tx_kbps": -5}, "rate_out_of_range", {"option": "tx_kbps", "got": -5, "least": 1, "most": 100000000}),
        ({"rx_kbps": 0}, "rate_out_of_range", {"option": "rx_kbps", "got": 0, "least": 1, "most": 100000000}),
        ({"delay_ms": -1.5}, "out_of_range", {"option": "delay_ms", "got": -1.5, "least": 0, "most": 60000}),
        ({"delay_ms": NAN}, "out_of_range", {"option": "delay_ms", "got": NAN, "least": 0, "most": 60000}),
        (
            {"delay_ms": 1, "jitter_ms": 70000},
            "out_of_range",
            {"option": "jitter_ms", "got": 70000, "least": 0, "most": 60000},
        ),
        ({"loss_percent": 100.5}, "out_of_range", {"option": "loss_percent", "got": 100.5, "least": 0, "most": 100}),
        ({"loss_percent": -1}, "out_of_range", {"option": "loss_percent", "got": -1, "least": 0, "most": 100}),
        (
            {"duplicate_percent": 100.5},
            "out_of_range",
            {"option": "duplicate_percent", "got": 100.5, "least": 0, "most": 100},
        ),
        ({"jitter_ms": 3}, "jitter_without_delay", {"got": 3}),
    ],
)
def test_invalid_numbers_are_refused(limits: dict[str, Any], code: str, figures: dict[str, Any]) -> None:
    assert refusals(cluster(), limited({"name": "eth1", **limits})) == [Refusal(code, "VM web/vm2 eth1", figures)]


def test_missing_and_duplicate_interfaces_are_refused() -> None:
    assert refusals(cluster(), limited({"name": "eth7", "tx_kbps": 9})) == [
        Refusal("unknown_reference", "VM web/vm2", {"kind": "interface", "name": "eth7", "known": ["eth0", "eth1"]})
    ]
    assert refusals(cluster(), limited(SLOW, {"name": "eth1"})) == [
        Refusal("listed_twice", "VM web/vm2", {"kind": "interface", "name": "eth1", "count": 2})
    ]


def test_netem_is_refused_if_a_worker_has_no_netem() -> None:
    held = cluster()
    held.workers["10.0.10.2"].extra["netem"] = False
    assert refusals(held, limited(SLOW)) == [
        Refusal(
            "netem_missing",
            "VM web/vm2 eth1",
            {"asked": ["delay 20 ms", "jitter 2.5 ms", "loss 1 %", "duplicate 0.5 %"], "host": "worker 10.0.10.2"},
        )
    ]
    put(held, limited({"name": "eth1", "tx_kbps": 1000, "rx_kbps": 1000, "up": False}))
    held.workers["10.0.10.2"].extra["netem"] = True
    put(held, limited(SLOW))


@pytest.mark.parametrize(
    ("carried", "trunk_mtu", "refused"),
    [
        ({"mtu": 9000}, 1500, small_trunk("link web/1", 9000, "worker 10.0.10.2", 1500)),
        ({}, 1450, small_trunk("link web/1", 1500, "worker 10.0.10.2", 1450)),
        (
            {"qinq": True},
            1503,
            small_trunk("link web/1", 1504, "worker 10.0.10.2", 1503),
        ),
        ({"qinq": True}, 1504, None),
        ({"mtu": 1450}, 1450, None),
    ],
)
def test_a_trunk_needs_the_mtu_of_its_links(carried: dict[str, Any], trunk_mtu: int, refused: Refusal | None) -> None:
    held = cluster()
    held.workers["10.0.10.2"].extra["trunk_mtu"] = trunk_mtu
    if refused is None:
        put(held, limited(**carried))
    else:
        assert refusals(held, limited(**carried)) == [refused]


def test_the_mtu_of_a_trunk_is_checked_only_if_a_link_uses_it() -> None:
    held = cluster()
    for worker in held.workers.values():
        worker.extra["trunk_mtu"] = 1000
    machines = [vm(name, worker="10.0.10.1") for name in ("vm1", "vm2")]
    lan = {"name": "lan", "members": ["vm1", "vm2"], "mtu": 9000}
    put(held, topology(vms=machines, links=[{**link("vm1", "vm2"), "mtu": 9000}], networks=[lan]))
    assert refusals(held, topology("two", vms=machines, links=[], networks=[{**lan, "gateway": True}])) == [
        small_trunk("network two/lan", 9000, "worker 10.0.10.1", 1000)
    ]


def test_the_trunk_of_the_network_node_is_checked_for_networks_that_it_serves() -> None:
    held = cluster()
    registration.note_network_node(held, 1500)
    lan = {"name": "lan", "members": ["vm1", "vm2"], "mtu": 9000}
    machines = [vm(name, worker="10.0.10.1") for name in ("vm1", "vm2")]
    put(held, topology(vms=machines, links=[{**link("vm1", "vm2"), "mtu": 9000}], networks=[lan]))
    for served in ({"gateway": True}, {"dhcp_enabled": True}):
        assert refusals(held, topology("two", vms=machines, links=[], networks=[{**lan, **served}])) == [
            small_trunk("network two/lan", 9000, "the network node", 1500)
        ]
    registration.note_network_node(held, 9000)
    put(held, topology("two", vms=machines, links=[], networks=[{**lan, "gateway": True}]))
    with pytest.raises(Refused) as caught:
        registration.note_network_node(held, 67)
    assert caught.value.refusals == [Refusal("out_of_range", "network node", {**TRUNK_MTU, "got": 67})]


def test_vlan_400_uses_the_trunks_of_its_workers_and_of_the_network_node() -> None:
    held = cluster()
    for worker in held.workers.values():
        worker.extra["trunk_mtu"] = 1000
    registration.note_network_node(held, 1499)
    machines = [vm("vm1", internet=True), vm("vm2")]
    assert refusals(held, topology(vms=machines, links=[])) == [
        small_trunk("slice web on VLAN 400", 1500, "worker 10.0.10.1", 1000),
        small_trunk("slice web on VLAN 400", 1500, "the network node", 1499),
    ]
    put(held, topology(vms=machines[1:], links=[]))
    registration.note_network_node(held, 1500)
    held.workers["10.0.10.1"].extra["trunk_mtu"] = 1500
    put(held, topology(vms=[vm("vm2"), vm("vm1", internet=True, worker="10.0.10.1")], links=[]))


def test_impossible_mtus_are_refused() -> None:
    lan = {"name": "lan", "members": [], "mtu": 70000}
    assert refusals(cluster(), {**limited(mtu=60), "networks": [lan]}) == [
        Refusal("out_of_range", "link web/1 (vm1:eth1–vm2:eth1)", {**MTU, "got": 60}),
        Refusal("out_of_range", "network web/lan", {**MTU, "got": 70000}),
    ]


def test_mtu_and_netem_of_a_worker_are_registered() -> None:
    held = cluster()
    registration.put_worker(held, {"ip": "10.0.10.1", "trunk_mtu": 1600, "netem": False})
    assert held.workers["10.0.10.1"].extra == {"trunk_mtu": 1600, "netem": False}
    registration.put_worker(held, {"ip": "10.0.10.1", "cores": 3})
    assert held.workers["10.0.10.1"].extra == {"trunk_mtu": 1600, "netem": False}
    with pytest.raises(Refused) as caught:
        registration.put_worker(held, {"ip": "10.0.10.1", "trunk_mtu": 60})
    assert caught.value.refusals == [Refusal("out_of_range", "worker 10.0.10.1", {**TRUNK_MTU, "got": 60})]


def test_a_worker_that_is_not_registered_lacks_nothing() -> None:
    """Such as one that was removed by hand from a file of Cloud Repositorio."""
    held = cluster()
    slice_ = put(held, limited(SLOW))
    del held.workers["10.0.10.2"]
    held.workers["10.0.10.1"].extra["trunk_mtu"] = 1000
    assert list(host_requirements.shortcomings(slice_, held)) == [
        small_trunk(where, 1500, "worker 10.0.10.1", 1000) for where in ("link web/1", "slice web on VLAN 400")
    ]


def test_ends_and_members_that_are_not_in_the_slice_use_no_trunk() -> None:
    held = cluster()
    lan = {"name": "lan", "members": ["vm1", "vm2"]}
    slice_ = put(held, topology(vms=[vm("vm1"), vm("vm2")], networks=[lan]))
    assert [each.name for each in host_requirements.crossings(slice_)] == ["link web/1", "network web/lan"]
    slice_.vms[1].deleting = True
    assert list(host_requirements.crossings(slice_)) == []


@pytest.mark.parametrize("jitter_ms", [0.5, 1])
def test_any_jitter_needs_a_delay(jitter_ms: float) -> None:
    found = refusals(cluster(), limited({"name": "eth1", "jitter_ms": jitter_ms}))
    assert [(each.code, each.figures) for each in found] == [("jitter_without_delay", {"got": jitter_ms})]


def test_limits_are_equal_whether_they_are_stored_or_not() -> None:
    """An interface whose limits were given again has not changed."""
    read = host_requirements.Limits.read
    assert read(SLOW) == read(SLOW, is_stored=True)
    assert read(SLOW) != read({**SLOW, "tx_kbps": 2001})


def test_stored_limits_are_known_as_such() -> None:
    slice_ = put(cluster(), topology(vms=[vm("vm1", interfaces=[{"name": "eth1", "tx_kbps": 5}]), vm("vm2")]))
    found = host_requirements.stored(slice_.vms[0].interfaces[1])
    assert (found.name, found.settings["tx_kbps"], found.is_stored, found.fields) == ("eth1", 5, True, {"tx_kbps": 5})
    assert not host_requirements.Limits.read({"name": "eth1"}).is_stored


def test_limits_have_no_fields_by_default_and_are_no_stored_ones() -> None:
    plain = host_requirements.Limits.read({"name": "eth1"})
    assert (plain.fields, plain.is_stored, str(plain)) == ({}, False, "")
    assert tuple(plain.settings) == host_requirements.FIELDS
