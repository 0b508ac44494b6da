# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices in words."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.render_text import (
    changes,
    slice_lines,
    slice_table,
    state_lines,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, put, topology, vm


def test_a_line_an_object() -> None:
    assert slice_lines(put(cluster(), topology())) == [
        "slice web (1000): owner admin, VLAN pool 100–119",
        "vm web/vm1 (1001): worker 10.0.10.1, 1 cores, 0.5 GiB, disk 1 GiB, VNC port 5901, "
        "eth0 52:54:00:03:e9:00 VLAN 400 10.60.7.101, eth1 52:54:00:03:e9:01 VLAN 100",
        "vm web/vm2 (1002): worker 10.0.10.2, 1 cores, 0.5 GiB, disk 1 GiB, VNC port 5902, "
        "eth0 52:54:00:03:ea:00 no VLAN, eth1 52:54:00:03:ea:01 VLAN 100",
        "link web/1: VLAN 100, vm1:eth1–vm2:eth1",
    ]


def test_what_is_said_of_peers_and_of_a_way_out() -> None:
    lan = {"name": "lan", "members": ["vm2"], "gateway": True}
    held = cluster()
    old = put(held, topology(networks=[lan]))
    new = put(held, topology(networks=[{**lan, "nat": True}], peers=True))
    lines = slice_lines(new)
    assert lines[0] == "slice web (1000): owner admin, VLAN pool 100–119, peers on VLAN 400"
    assert lines[-1] == (
        "network web/lan: VLAN 101, CIDR 192.168.101.0/24, gateway 192.168.101.1, DHCP off, NAT on, members vm2:eth2"
    )
    assert [each["reasons"] for each in changes(old, new)["changed"]] == [["peers off → on"], ["NAT off → on"]]


def test_the_table() -> None:
    slice_ = put(cluster(), topology())
    slice_.vms[0].see(Observed("running", "4821"))
    assert slice_table(slice_).splitlines() == [
        "slice web (1000) of admin: running, VLAN pool 100–119",
        "VM   ID    WORKER     STATE    PID   ADDRESS      INTERFACES:VLAN    VNC",
        "vm1  1001  10.0.10.1  running  4821  10.60.7.101  eth0:400 eth1:100  10.0.10.1:5901",
        "vm2  1002  10.0.10.2  pending  -     -            eth0:- eth1:100    10.0.10.2:5902",
    ]


def test_a_power_that_a_deploy_has_yet_to_bring_about_is_told() -> None:
    held = cluster()
    old = deployed(put(held, topology()))
    new = put(held, topology(vms=[vm("vm1", internet=True, power="stopped"), vm("vm2")]))
    assert [each["reasons"] for each in changes(old, new)["changed"]] == [["power running → stopped"]]
    assert "vm web/vm1 (1001): running, to be stopped, pid none" in state_lines(new)
    assert slice_lines(new)[1].endswith("VLAN 100, stopped")
    new.vms[0].see(Observed("stopped"))
    assert "vm web/vm1 (1001): stopped, pid none" in state_lines(new)


def test_the_plan_gives_reasons_and_says_what_must_restart() -> None:
    held = cluster()
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    first = deployed(put(held, topology()))
    before = Slice.from_dict(first.to_dict())
    after = put(held, topology(vms=[vm("vm1", flavor="two", internet=True), vm("vm3")], links=[]))

    def entry(kind: str, name: str, number: int, reason: str, *, restart: bool = False) -> dict[str, object]:
        return {"kind": kind, "name": name, "id": number, "reasons": [reason], "restart_required": restart}

    plan = changes(before, after)
    assert plan["added"] == [entry("vm", "web/vm3", 1003, "not there yet")]
    assert plan["removed"] == [
        entry("vm", "web/vm2", 1002, "not asked for any more"),
        entry("link", "web/1", 1, "not asked for any more"),
    ]
    assert plan["changed"] == [
        {
            **entry("vm", "web/vm1", 1001, "", restart=True),
            "reasons": ["flavor cirros → two", "cores 1 → 2", "interfaces eth0 400, eth1 100 → eth0 400"],
        }
    ]
    assert changes(after, after) == {"added": [], "changed": [], "removed": []}
    assert [each["kind"] for each in changes(None, after)["added"]] == ["slice", "vm", "vm"]
