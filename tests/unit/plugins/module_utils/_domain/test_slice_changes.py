# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import (
    attributes,
    changes,
    changes_topology,
    revise,
    state_changes,
    states,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import remove
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef, between, diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import slice_ref
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .builders import cluster, deployed, put, topology, vm

README = Path(__file__).resolve().parents[5] / "README.md"


def copy(slice_: Slice) -> Slice:
    return Slice.from_dict(slice_.to_dict())


def test_new_objects_are_changes_with_their_main_attributes() -> None:
    lan = {"name": "lan", "members": ["vm2"], "gateway": True}
    found = changes(None, put(cluster(), topology(networks=[lan])))
    assert {each.action for each in found} == {"create"}
    assert diff(found) == {
        "before": "",
        "after": (
            "slice web (1000): name web, owner admin, status design, topology_type custom, vlan_pool 100–119, "
            "vlan_pools 1, peers false\n"
            "vm web/vm1 (1001): name vm1, status pending, power running, worker 10.0.10.1, flavor cirros, "
            "cores 1, ram_gb 0.5, disk_gb 1, vnc_port 5901, vnc_password_version 1\n"
            "vm web/vm1 (1001): eth0 52:54:00:03:e9:00 VLAN 400 10.60.7.101\n"
            "vm web/vm1 (1001): eth1 52:54:00:03:e9:01 VLAN 100\n"
            "vm web/vm2 (1002): name vm2, status pending, power running, worker 10.0.10.2, flavor cirros, "
            "cores 1, ram_gb 0.5, disk_gb 1, vnc_port 5902, vnc_password_version 1\n"
            "vm web/vm2 (1002): eth0 52:54:00:03:ea:00 no VLAN\n"
            "vm web/vm2 (1002): eth1 52:54:00:03:ea:01 VLAN 100\n"
            "vm web/vm2 (1002): eth2 52:54:00:03:ea:02 VLAN 101\n"
            "link web/1 (1): vlan_id 100, ends vm1:eth1–vm2:eth1, mtu 1500, qinq false, forward_bpdu false\n"
            "network web/lan (101): name lan, vlan_id 101, cidr 192.168.101.0/24, gateway_ip 192.168.101.1, "
            "dhcp_enabled false, nat false, mtu 1500, qinq false, forward_bpdu false\n"
            "network web/lan (101): vm2:eth2\n"
        ),
    }


def test_peers_and_nat_are_changes() -> None:
    lan = {"name": "lan", "members": ["vm2"], "gateway": True}
    held = cluster()
    old = copy(put(held, topology(networks=[lan])))
    new = put(held, topology(networks=[{**lan, "nat": True}], peers=True))
    assert [(each.kind, each.why) for each in changes(old, new)] == [
        ("slice", "peers false → true"),
        ("network", "nat false → true"),
    ]


def test_addresses_are_changes() -> None:
    held = cluster()
    lan = {"name": "lan", "members": ["vm2"]}
    old = copy(put(held, topology(networks=[lan])))
    pools = {
        "links": {"ipv4": "10.1.0.0/16"},
        "networks": {"ipv6": "2001:db8::/48"},
        "loopbacks": {"ipv4": "10.0.0.0/30"},
    }
    new = put(held, topology(networks=[lan], addressing=pools))
    assert [(each.kind, each.why) for each in changes(old, new)] == [
        (
            "slice",
            "addressing none → links 10.1.0.0/16 in /30, networks 2001:db8::/48 in /64, loopbacks 10.0.0.0/30 in /32",
        ),
        ("vm", "loopback none → ipv4=10.0.0.1"),
        ("vm", "loopback none → ipv4=10.0.0.2"),
        ("link", "cidr none → 10.1.0.0/30; addresses none → vm1:eth1 10.1.0.1, vm2:eth1 10.1.0.2"),
        ("network", "cidr6 none → 2001:db8::/64; addresses none → vm2:eth2 2001:db8::1"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "restart"),
    [
        ({"cloud_init": {}}, {"cloud_init": {"hostname": "r1"}}, True),
        ({"cloud_init": {"user_data": "#!/bin/sh\n:\n"}}, {"cloud_init": {"user_data": "#!/bin/sh\nid\n"}}, True),
        ({"cloud_init": {}}, {"cloud_init": {}, "loopback": {"ipv4": "10.0.0.1"}}, True),
        ({}, {"loopback": {"ipv4": "10.0.0.1"}}, False),
    ],
)
def test_a_guest_reads_its_set_up_when_it_starts(before: Any, after: Any, restart: bool) -> None:
    held = cluster()
    old = copy(deployed(put(held, topology(vms=[vm("vm1", **before)], links=[]))))
    (change,) = changes(old, put(held, topology(vms=[vm("vm1", **after)], links=[])))
    assert (change.kind, change.restart) == ("vm", restart)


def test_a_change_has_reasons_and_a_restart_flag() -> None:
    held = cluster()
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    before = copy(deployed(put(held, topology())))
    after = put(held, topology(vms=[vm("vm1", flavor="two", internet=True), vm("vm3")], links=[]))

    found = changes(before, after)
    assert [(each.kind, each.name, each.id, each.action, each.restart) for each in found] == [
        ("vm", "web/vm1", 1001, "update", True),
        ("vm", "web/vm3", 1003, "create", False),
        ("vm", "web/vm2", 1002, "delete", False),
        ("link", "web/1", 1, "delete", False),
    ]
    assert found[0].why == "flavor cirros → two; cores 1 → 2; interfaces eth1 52:54:00:03:e9:01 VLAN 100 → none"
    assert found[2].after == {"status": "deleting"}, "its host has not removed it yet"
    assert found[3].after is None
    assert changes(after, copy(after)) == []


def test_desired_and_observed_power_of_a_vm_are_changes() -> None:
    held = cluster()
    old = copy(deployed(put(held, topology())))
    new = put(held, topology(vms=[vm("vm1", internet=True, power="stopped"), vm("vm2")]))
    assert [(each.name, each.why, each.restart) for each in changes(old, new)] == [
        ("web/vm1", "power running → stopped", False)
    ]
    before = states([new])
    new.vms[0].see(Observed("stopped"))
    assert state_changes(before, states([new]))[-1].why == "status running → stopped; observed running → stopped"


def test_renaming_a_vm_does_not_change_the_endpoints_of_links() -> None:
    held = cluster()
    before = copy(put(held, topology()))
    after = copy(before)
    after.vms[0].name = "router"
    assert [(each.kind, each.name, each.why) for each in changes(before, after)] == [
        ("vm", "web/router", "name vm1 → router")
    ]


def test_other_stored_fields_are_changes_as_well() -> None:
    plain = put(cluster(), topology())
    noted = copy(plain)
    noted.extra["note"] = "new"
    assert changes(plain, noted) == [
        Change("slice", 1000, "update", {"note": None}, {"note": "new"}, name="web"),
    ]
    assert changes(noted, plain) == [
        Change("slice", 1000, "update", {"note": "new"}, {"note": None}, name="web"),
    ]


def test_changes_by_hosts_are_reported_until_they_have_released_the_slice() -> None:
    held = cluster()
    slice_ = put(held, topology())
    before = states([slice_])
    assert state_changes(before, states([slice_])) == []
    deployed(slice_).vms[0].see(Observed("running", "71"))
    running = states([slice_])
    assert [(each.name, each.why) for each in state_changes(before, running)] == [
        ("web", "status design → running"),
        ("web/vm1", "status pending → running; observed none → running; pid none → 71"),
        ("web/vm2", "status pending → running; observed none → running"),
    ]
    remove(held, slice_)
    gone = state_changes(running, states([slice_]))
    assert [(each.kind, each.action) for each in gone] == [("slice", "delete"), ("vm", "delete"), ("vm", "delete")]
    assert (gone[0].after or {})["releasing"] == {"vlan_ids": [100]}
    forgotten = state_changes(states([slice_]), {})
    assert [(each.kind, each.action, each.after) for each in forgotten] == [
        ("slice", "delete", None),
        ("vm", "delete", None),
        ("vm", "delete", None),
    ]


def test_the_readme_shows_the_output_of_a_dry_run() -> None:
    text = README.read_text(encoding="utf-8")
    (block, *_others) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (wanted,) = yaml.safe_load(block)["slices"]
    held = cluster()
    held.workers = {ip: Worker(ip, cores=8, ram_gb=32) for ip in ("192.0.2.11", "192.0.2.12")}
    slice_ = put(held, topology(**wanted))
    hand_out([slice_])
    told = [f"+{line}" for line in diff(changes(None, slice_))["after"].splitlines()]
    assert [line for line in text.splitlines() if line.startswith("+")] == told


def test_a_changed_slice_gets_the_revision_of_the_cluster_and_a_deleted_one_none() -> None:
    held = cluster()
    slice_, other = put(held, topology()), put(held, topology("lab"))
    before = held.revision
    gone = SliceRef(1999, "gone", "admin")
    found = [between("vm", 1001, {"cores": 1}, {"cores": 2}, slice=slice_ref(slice_))]
    revise(held, [*found, between("slice", 1999, {"name": "gone"}, None, slice=gone)])
    assert held.revision is not None
    assert held.revision != before
    assert (slice_.extra["revision"], "revision" in other.extra) == (held.revision, False)


def test_a_reserved_vlan_has_its_name_and_its_number() -> None:
    before = put(cluster(), topology())
    after = copy(before)
    after.extra["reserved_vlans"] = [{"vlan_id": 110, "name": "r"}, {"vlan_id": 111}]
    found = [each for each in changes(before, after) if each.kind == "vlan"]
    assert [(each.action, each.after) for each in found] == [
        ("create", {"name": "r", "vlan_id": 110}),
        ("create", {"name": None, "vlan_id": 111}),
    ]


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ({"status": "design"}, {"status": "running"}, False),
        ({"cores": 1, "status": "design"}, {"cores": 2, "status": "running"}, True),
        ({"cores": 1}, {}, True),
        (None, {"status": "design"}, True),
        ({"status": "running"}, None, True),
    ],
)
def test_reported_states_are_no_change_of_a_topology(before: Any, after: Any, counts: bool) -> None:
    assert changes_topology(between("vm", 1001, before, after)) is counts


def test_data_disks_are_told_until_their_host_has_reported_them() -> None:
    disks = [{"name": name, "size_gb": 1} for name in ("db", "log", "old")]
    slice_ = put(cluster(), topology(vms=[vm("a", data_disks=disks), vm("b")], links=[]))
    slice_.vms[0].disks[2].extra["first_seen"] = "2026-01-01T00:00:00Z"
    slice_.vms[0].disks[3].extra["given_up"] = True
    found = states([slice_])
    _slice, first, second = (found[key] for key in found)
    assert first[1]["new_disks"] == ["db 1 GiB"]
    assert first[1]["given_up_disks"] == ["old 1 GiB"]
    assert not {"new_disks", "given_up_disks"} & {*second[1]}
    assert attributes(slice_.vms[0], {})["data_disks"] == ["db 1 GiB", "log 1 GiB"]
    assert "data_disks" not in attributes(slice_.vms[1], {})


def test_the_state_of_a_slice_has_its_vlans() -> None:
    held = cluster()
    web, lab = put(held, topology()), put(held, topology("lab", vms=[], links=[]))
    found = states([web, lab])
    assert found["slice", 1000][1] == {"status": "design", "vlan_pool_used": "100", "releasing": None}
    assert found["slice", 1003][1] == {"status": "design", "vlan_pool_used": None, "releasing": None}


@pytest.mark.parametrize(("dhcp", "shown"), [(True, "192.168.100.10,192.168.100.250"), (False, None)])
def test_a_range_is_told_while_there_is_dhcp(dhcp: bool, shown: str | None) -> None:
    slice_ = put(cluster(), topology(links=[], networks=[{"name": "lan", "members": ["vm1"], "dhcp_enabled": True}]))
    slice_.networks[0].dhcp_enabled = dhcp
    assert attributes(slice_.networks[0], {})["dhcp_range"] == shown


def test_identities_that_a_slice_is_given_are_a_change() -> None:
    after = put(cluster(), topology())
    before = copy(after)
    for each in (before, *before.vms, *(disk for one in before.vms for disk in one.disks)):
        each.extra.pop("uuid", None)
    found = changes(before, after)
    assert [(each.kind, each.slice) for each in found] == [("slice", slice_ref(after))]
    assert changes(after, copy(after)) == []


def test_a_change_of_a_deployed_slice_without_a_topology_gives_it_no_revision() -> None:
    held = cluster()
    web = put(held, topology())
    seen = between("vm", 1001, {"status": "design"}, {"status": "running"}, slice=slice_ref(web))
    moved = between("worker", "10.0.10.1", {"cores": 1}, {"cores": 2})
    revise(held, [seen, moved])
    assert "revision" not in web.extra
    assert held.revision is not None
    revise(held, [between("vm", 1001, {"power": "running"}, {"power": "stopped"}, slice=slice_ref(web))])
    assert web.extra["revision"] == held.revision


def test_only_what_a_running_vm_cannot_change_needs_a_restart() -> None:
    held = cluster()
    slice_ = deployed(put(held, topology()))
    for field, value, is_restarting in (("cores", 2, True), ("ram_gb", 2, True), ("disk_gb", 2, False)):
        after = copy(slice_)
        assert after.vms[0].flavor is not None
        after.vms[0].flavor[field] = value
        (change,) = changes(slice_, after)
        assert change.restart is is_restarting
    after = copy(slice_)
    after.vms[0].flavor = None
    assert [each.restart for each in changes(slice_, after)] == [True]
