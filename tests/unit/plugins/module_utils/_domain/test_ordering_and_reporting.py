# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders, and what becomes of the reports that answer them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.status import record, recorded
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import (
    fingerprint,
    hand_out,
    work_orders,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import HostReport

from .builders import CHECKSUM, cluster, put, topology, vm

NOW = "2026-01-31T12:00:00Z"


def report(target: str, *running: int, failure: str | None = None) -> dict[str, Any]:
    vms = [{"vm_id": vm_id, "state": "running", "pid": str(vm_id * 2)} for vm_id in running]
    return {"host": f"host-{target[-1]}", "target": target, "failure": failure, "vms": vms}


def tell(held: Cluster, *reports: dict[str, Any]) -> list[str]:
    return record(held, list(held.slices.values()), [HostReport.from_dict(each) for each in reports], seen_at=NOW)


NODE = report("network_node")
BOTH = (report("10.0.10.1", 1001), report("10.0.10.2", 1002), NODE)


def test_the_order_of_a_worker() -> None:
    held = cluster(workers=3)
    orders = work_orders(held, [put(held, topology())], "/var/lib/cloudrepo")
    base = f"/var/lib/cloudrepo/images/{CHECKSUM}.img"
    assert orders["workers"]["10.0.10.1"] == {
        "worker_ip": "10.0.10.1",
        "images": [{"checksum": CHECKSUM, "path": base, "source": "/tmp/vm_images/cirros-0.6.2-x86_64-disk.img"}],
        "slices": [
            {
                "slice_id": 1000,
                "vms": [
                    {
                        "vm_id": 1001,
                        "name": "vm1",
                        "cores": 1,
                        "ram_mib": 512,
                        "disks": [
                            {
                                "path": "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2",
                                "size_bytes": 1 << 30,
                                "backing_file": base,
                            }
                        ],
                        "vnc_port": 5901,
                        "interfaces": [
                            {
                                "name": "eth0",
                                "tap": "tap_1001_eth0",
                                "mac": "52:54:00:03:e9:00",
                                "vlan_id": 400,
                                "address": "10.60.7.101",
                            },
                            {
                                "name": "eth1",
                                "tap": "tap_1001_eth1",
                                "mac": "52:54:00:03:e9:01",
                                "vlan_id": 100,
                                "link_id": 1,
                            },
                        ],
                    }
                ],
            }
        ],
    }
    assert orders["workers"]["10.0.10.3"]["slices"] == [{"slice_id": 1000, "vms": []}]
    assert orders["network_node"]["slices"] == [
        {
            "slice_id": 1000,
            "reservations": [{"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}],
        }
    ]


def test_an_interface_is_told_the_name_of_its_link_or_network() -> None:
    held = cluster(workers=1)
    links = [{"name": "core", "endpoints": ["vm1", "vm2"]}, {"endpoints": ["vm1", "vm2"]}]
    slice_ = put(held, topology(links=links, networks=[{"name": "lan", "members": ["vm1"]}]))
    (order,) = work_orders(held, [slice_], "/x")["workers"].values()
    interfaces = order["slices"][0]["vms"][0]["interfaces"]
    assert [interface.get("segment") for interface in interfaces] == [None, "core", None, "lan"]


def test_networks_that_want_something_of_the_network_node_are_on_its_order() -> None:
    held = cluster()
    members = ["vm1:eth2", "vm2:eth2"]
    networks = [
        {"name": "out", "members": members, "gateway": True, "dhcp_enabled": True, "nat": True},
        {"name": "quiet", "members": ["vm2:eth3"], "cidr": "10.0.0.0/24", "dhcp_enabled": True},
        {"name": "bare", "members": ["vm1:eth3"]},
        {"name": "empty", "gateway": True},
    ]
    slice_ = put(held, topology(networks=networks))
    order = work_orders(held, [slice_], "/x")["network_node"]["slices"][0]["networks"]
    assert order == [
        {
            "vlan_id": 101,
            "name": "out",
            "cidr": "192.168.101.0/24",
            "server_ip": "192.168.101.1",
            "gateway": True,
            "dhcp_range": "192.168.101.10,192.168.101.250",
            "nat": True,
            "members": [{"name": "vm1", "mac": "52:54:00:03:e9:02"}, {"name": "vm2", "mac": "52:54:00:03:ea:02"}],
        },
        {
            "vlan_id": 102,
            "name": "quiet",
            "cidr": "10.0.0.0/24",
            "server_ip": "10.0.0.1",
            "dhcp_range": "10.0.0.10,10.0.0.250",
            "members": [{"name": "vm2", "mac": "52:54:00:03:ea:03"}],
        },
    ]
    for each in slice_.vms:
        each.deleting = True
    assert work_orders(held, [slice_], "/x")["network_node"]["slices"] == [{"slice_id": 1000}]


def test_a_stored_network_whose_subnet_is_none_is_refused() -> None:
    held = cluster()
    slice_ = put(held, topology(networks=[{"name": "lan", "members": ["vm1"], "dhcp_enabled": True}]))
    slice_.networks[0].cidr = "nonsense"
    with pytest.raises(Refused) as caught:
        work_orders(held, [slice_], "/x")
    assert [each.code for each in caught.value.refusals] == ["invalid_subnet"]


def test_peers_of_a_slice_are_told_to_its_workers() -> None:
    held = cluster()
    slice_ = put(held, topology(peers=True))
    assert [order["slices"][0]["peers"] for order in work_orders(held, [slice_], "/x")["workers"].values()] == [
        [{"mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}]
    ] * 2


def test_what_is_deleted_is_on_no_order() -> None:
    held = cluster()
    slice_ = put(held, topology())
    hand_out([slice_])
    teardown.remove(held, slice_)
    orders = work_orders(held, [slice_], "/x")
    assert [order["slices"] for order in orders["workers"].values()] == [[{"slice_id": 1000, "vms": []}]] * 2
    assert orders["network_node"]["slices"] == [{"slice_id": 1000}]


def test_an_image_is_ordered_once_however_many_stand_on_it() -> None:
    held = cluster(workers=1)
    orders = work_orders(held, [put(held, topology()), put(held, topology("two"))], "/x")
    assert len(orders["workers"]["10.0.10.1"]["images"]) == 1


def test_handing_out_makes_pending_vms_known() -> None:
    slice_ = put(cluster(), topology())
    hand_out([slice_])
    assert {each.status for each in slice_.vms} == {"design"}


def test_a_report_of_success() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, *BOTH) == []
    assert (slice_.status, [(each.status, each.pid) for each in slice_.vms]) == (
        "running",
        [("running", "2002"), ("running", "2004")],
    )


def test_a_vm_that_shall_not_run_is_told_to_its_worker_and_seen_stopped() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", power="stopped"), vm("vm2")]))
    orders = work_orders(held, [slice_], "/x")["workers"]
    assert [order["slices"][0]["vms"][0].get("state") for order in orders.values()] == ["stopped", None]
    stopped = {**report("10.0.10.1"), "vms": [{"vm_id": 1001, "state": "stopped", "pid": None}]}
    assert tell(held, stopped, BOTH[1], NODE) == []
    assert (slice_.status, [(each.power, each.status) for each in slice_.vms]) == (
        "running",
        [("stopped", "stopped"), ("running", "running")],
    )
    assert recorded([slice_]) == [
        {"vm_id": 1001, "state": "stopped", "pid": None},
        {"vm_id": 1002, "state": "running", "pid": "2004"},
    ]


def test_a_report_changes_nothing_of_what_is_wanted_and_says_since_when_it_is_so() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", power="stopped"), vm("vm2")]))
    tell(held, *BOTH)
    first = slice_.vms[0]
    assert (first.power, first.status, first.observed) == ("stopped", "running", Observed("running", "2002", NOW))
    reports = [HostReport.from_dict(each) for each in (BOTH[0], report("10.0.10.2", failure="down"), NODE)]
    record(held, [slice_], reports, seen_at="2026-02-01T12:00:00Z")
    assert [each.observed for each in slice_.vms] == [
        Observed("running", "2002", NOW),
        Observed("unknown", None, "2026-02-01T12:00:00Z"),
    ]
    assert recorded([slice_]) is None


def test_a_worker_that_fails_does_not_hide_what_the_others_did() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, BOTH[0], report("10.0.10.2", failure="disk full"), NODE) == ["host-2: disk full"]
    assert (slice_.status, [each.status for each in slice_.vms]) == ("error", ["running", "error"])
    assert tell(held, *BOTH) == []
    assert slice_.status == "running"


def test_a_worker_that_was_superseded_leaves_its_vms_as_a_newer_report_said() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    late = {**report("10.0.10.1", failure="this work order is from …"), "superseded": True}
    assert tell(held, late, BOTH[1], NODE) == ["host-1: this work order is from …"]
    assert [(vm.status, vm.pid) for vm in slice_.vms] == [("running", "2002"), ("running", "2004")]


def test_a_worker_that_is_not_in_the_inventory_is_told() -> None:
    held = cluster()
    slice_ = put(held, topology())
    assert tell(held, BOTH[0], NODE) == ["VM vm2 (1002): its worker 10.0.10.2 is not in the inventory"]
    assert slice_.vms[1].status == "error"


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_slice_is_gone_only_when_all_hosts_have_let_go(missing: int) -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    teardown.remove(held, slice_)
    reports = [report("10.0.10.1"), report("10.0.10.2"), NODE]
    tell(held, *(each if number != missing else {**each, "failure": "no"} for number, each in enumerate(reports)))
    assert (slice_.status, len(slice_.vms), held.users["admin"].used_vms) == ("deleting", 2, 2)
    assert tell(held, *reports) == []
    assert (held.slices, held.users["admin"].used_vms, held.users["admin"].slices) == ({}, 0, [])


def test_vlans_and_addresses_are_free_when_their_hosts_have_let_go() -> None:
    held = cluster()
    put(held, topology())
    tell(held, *BOTH)
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    tell(held, report("10.0.10.1", 1001), report("10.0.10.2", failure="down"), NODE)
    assert slice_.vlan_pool_used == [100]
    assert slice_.extra["releasing"]["addresses"] == ["10.60.7.101"]
    tell(held, report("10.0.10.1", 1001), report("10.0.10.2"), NODE)
    assert (slice_.vlan_pool_used, slice_.extra, len(slice_.vms)) == ([], {"name": "web"}, 1)
    assert held.users["admin"].used_vms == 1


def test_without_a_network_node_the_workers_are_enough() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH[:2])
    teardown.remove(held, slice_)
    tell(held, report("10.0.10.1"), report("10.0.10.2"))
    assert held.slices == {}


def test_peers_meet_on_every_worker_if_the_slice_says_so() -> None:
    held = cluster()
    slice_ = put(held, topology())
    slice_.extra["peers"] = True
    orders = work_orders(held, [slice_], "/x")
    peers = [{"mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}]
    assert [order["slices"][0]["peers"] for order in orders["workers"].values()] == [peers, peers]


def test_an_answer_to_an_older_order_frees_nothing_and_judges_no_new_vm() -> None:
    held = cluster()
    slice_ = put(held, topology())
    tell(held, *BOTH)
    fingerprints = {"1000": fingerprint(slice_)}
    slice_ = put(held, topology(vms=[vm("vm1"), vm("vm3")], links=[]))
    reports = [HostReport.from_dict(each) for each in BOTH]
    assert record(held, [slice_], reports, fingerprints, seen_at=NOW) == []
    assert [(each.name, each.status) for each in slice_.vms] == [
        ("vm1", "running"),
        ("vm3", "pending"),
        ("vm2", "deleting"),
    ]
    assert (slice_.vlan_pool_used, slice_.extra["releasing"]["addresses"]) == ([100], ["10.60.7.101"])
    hand_out([slice_])
    assert record(held, [slice_], reports, {"1000": fingerprint(slice_)}, seen_at=NOW) == []
    assert (slice_.vlan_pool_used, [each.name for each in slice_.vms]) == ([], ["vm1", "vm3"])


def test_a_slice_that_was_given_up_after_its_order_stays_until_the_next() -> None:
    held = cluster()
    slice_ = put(held, topology())
    hand_out([slice_])
    fingerprints = {"1000": fingerprint(slice_)}
    teardown.remove(held, slice_)
    record(held, [slice_], [HostReport.from_dict(each) for each in BOTH], fingerprints, seen_at=NOW)
    assert (slice_.status, len(slice_.vms), list(held.slices)) == ("deleting", 2, [1000])
