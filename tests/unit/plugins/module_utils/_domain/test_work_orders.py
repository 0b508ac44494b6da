# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders for hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import records, teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import (
    base_image_path,
    faults,
    find_vms,
    hand_out,
    work_orders,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import CHECKSUM, cluster, put, topology, vm


def without_records(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the slices of an order without their records (C(test_records))."""
    return [{key: value for key, value in each.items() if key != "record"} for each in order["slices"]]


def test_the_order_of_a_worker() -> None:
    held = cluster(workers=3)
    slice_ = put(held, topology())
    orders = work_orders(held, [slice_], "/var/lib/cloudrepo")
    base = f"/var/lib/cloudrepo/images/{CHECKSUM}.img"
    order = orders["workers"]["10.0.10.1"]
    assert {**order, "slices": without_records(order)} == {
        "worker_ip": "10.0.10.1",
        "images": [{"checksum": CHECKSUM, "path": base, "source": "/tmp/vm_images/cirros-0.6.2-x86_64-disk.img"}],
        "slices": [
            {
                "slice_id": 1000,
                "slice_uuid": slice_.uuid,
                "vms": [
                    {
                        "vm_id": 1001,
                        "vm_uuid": slice_.vms[0].uuid,
                        "name": "vm1",
                        "cores": 1,
                        "ram_mib": 512,
                        "disks": [
                            {
                                "path": "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2",
                                "size_bytes": 1 << 30,
                                "backing_file": base,
                                "uuid": slice_.vms[0].disks[0].uuid,
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
    assert orders["workers"]["10.0.10.3"]["slices"] == [{"slice_id": 1000, "slice_uuid": slice_.uuid, "vms": []}]
    assert without_records(orders["network_node"]) == [
        {
            "slice_id": 1000,
            "slice_uuid": slice_.uuid,
            "reservations": [{"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}],
        }
    ]


def test_an_interface_has_the_name_of_its_link_or_network() -> None:
    held = cluster(workers=1)
    links = [{"name": "core", "endpoints": ["vm1", "vm2"]}, {"endpoints": ["vm1", "vm2"]}]
    slice_ = put(held, topology(links=links, networks=[{"name": "lan", "members": ["vm1"]}]))
    (order,) = work_orders(held, [slice_], "/x")["workers"].values()
    interfaces = order["slices"][0]["vms"][0]["interfaces"]
    assert [interface.get("segment") for interface in interfaces] == [None, "core", None, "lan"]


def test_networks_with_services_are_on_the_order_of_the_network_node() -> None:
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
    assert without_records(work_orders(held, [slice_], "/x")["network_node"]) == [
        {"slice_id": 1000, "slice_uuid": slice_.uuid}
    ]


def test_the_network_node_knows_static_addresses_for_its_names() -> None:
    held = cluster()
    pools = {"networks": {"ipv4": "10.2.0.0/16", "ipv6": "2001:db8:2::/48"}, "loopbacks": {"ipv4": "10.0.0.0/24"}}
    lan = {"name": "lan", "members": ["vm1"], "gateway": True}
    slice_ = put(held, topology(networks=[lan], addressing=pools))
    (services,) = work_orders(held, [slice_], "/x")["network_node"]["slices"]
    assert services["networks"][0]["members"] == [
        {"name": "vm1", "mac": "52:54:00:03:e9:02", "address": "10.2.0.2", "address6": "2001:db8:2::1"}
    ]
    assert [each["loopback"] for each in services["reservations"]] == ["10.0.0.1"]
    assert "loopback6" not in services["reservations"][0]


def test_the_order_of_networks_and_members_does_not_matter() -> None:
    held = cluster()
    networks = [
        {"name": "out", "members": ["vm1:eth2", "vm2:eth2"], "gateway": True},
        {"name": "quiet", "members": ["vm2:eth3"], "dhcp_enabled": True},
    ]
    slice_ = put(held, topology(networks=networks))
    before, old = work_orders(held, [slice_], "/x")["network_node"], Slice.from_dict(slice_.to_dict())
    networks[0]["members"] = ["vm2:eth2", "vm1:eth2"]
    again = put(held, topology(networks=networks[::-1]))
    after = work_orders(held, [again], "/x")["network_node"]
    assert after["slices"][0]["networks"] == before["slices"][0]["networks"]
    assert changes(old, again) == [], "it is stored in its old order"


def test_a_stored_network_with_an_invalid_subnet_is_refused() -> None:
    held = cluster()
    slice_ = put(held, topology(networks=[{"name": "lan", "members": ["vm1"], "dhcp_enabled": True}]))
    slice_.networks[0].cidr = "nonsense"
    with pytest.raises(Refused) as caught:
        work_orders(held, [slice_], "/x")
    assert [each.code for each in caught.value.refusals] == ["invalid_subnet"]
    assert [each.code for each in faults(slice_)] == ["invalid_subnet"]


def test_orders_contain_links_that_need_more_than_the_default_trunk_mtu() -> None:
    held = cluster(workers=3)
    links = [
        {"name": "core", "endpoints": ["vm1:eth1", "vm2:eth1"], "mtu": 9000, "qinq": True},
        {"name": "usual", "endpoints": ["vm1:eth2", "vm2:eth2"]},
    ]
    networks = [{"name": "lan", "members": ["vm1:eth3"], "gateway": True, "mtu": 9000}]
    slice_ = put(held, topology(links=links, networks=networks))
    orders = work_orders(held, [slice_], "/x")
    found = {ip: order["slices"][0].get("trunk", []) for ip, order in orders["workers"].items()}
    core, lan = {"name": "link web/core", "mtu": 9004}, {"name": "network web/lan", "mtu": 9000}
    assert found == {"10.0.10.1": [core, lan], "10.0.10.2": [core], "10.0.10.3": []}
    assert orders["network_node"]["slices"][0]["trunk"] == [lan]


def test_orders_contain_the_peers_of_a_slice() -> None:
    held = cluster()
    slice_ = put(held, topology(peers=True))
    assert [order["slices"][0]["peers"] for order in work_orders(held, [slice_], "/x")["workers"].values()] == [
        [{"mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}]
    ] * 2


def test_disks_of_deleted_vms_are_listed_as_given_up() -> None:
    held = cluster()
    slice_ = put(held, topology())
    hand_out([slice_])
    teardown.remove(held, slice_)
    orders = work_orders(held, [slice_], "/x")
    first, second = ({"vm_id": vm.vm_id, "path": vm.qcow_image, "uuid": vm.disks[0].uuid} for vm in slice_.vms)
    assert first["path"] == "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2"
    nothing = {"slice_id": 1000, "slice_uuid": slice_.uuid}
    assert [order["slices"] for order in orders["workers"].values()] == [
        [{**nothing, "vms": [], "given_up": [first]}],
        [{**nothing, "vms": [], "given_up": [second]}],
    ]
    assert orders["network_node"]["slices"] == [nothing]


def test_an_image_is_listed_once_for_several_disks() -> None:
    held = cluster(workers=1)
    orders = work_orders(held, [put(held, topology()), put(held, topology("two"))], "/x")
    assert len(orders["workers"]["10.0.10.1"]["images"]) == 1


def test_creating_work_orders_makes_pending_vms_known() -> None:
    slice_ = put(cluster(), topology())
    hand_out([slice_])
    assert {each.status for each in slice_.vms} == {"design"}


def test_peers_of_a_slice_are_on_the_orders_of_all_workers() -> None:
    held = cluster()
    slice_ = put(held, topology())
    slice_.extra["peers"] = True
    orders = work_orders(held, [slice_], "/x")
    peers = [{"mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}]
    assert [order["slices"][0]["peers"] for order in orders["workers"].values()] == [peers, peers]


def test_a_disk_that_was_seen_is_recreated_only_by_name() -> None:
    held = cluster()
    slice_ = put(held, topology())
    slice_.vms[0].disks[0].extra["first_seen"] = "2026-01-31T12:00:00Z"
    orders = work_orders(held, [slice_], "/x", recreate=[1002])
    disks = [order["slices"][0]["vms"][0]["disks"][0] for order in orders["workers"].values()]
    assert [(disk.get("first_seen"), disk.get("recreate")) for disk in disks] == [
        ("2026-01-31T12:00:00Z", None),
        (None, True),
    ]


def test_vms_are_found_by_name_with_their_slice_and_by_id() -> None:
    held = cluster()
    slices = [put(held, topology()), put(held, topology("two", vms=[vm("vm1"), vm("db")], links=[]))]
    (web1, web2), (two1, db) = ([each.vm_id for each in slice_.vms] for slice_ in slices)
    assert find_vms(slices, ["vm2", f"{db}", "two/vm1", f"{slices[0].slice_id}/vm1"]) == {web2, db, two1, web1}
    with pytest.raises(Refused) as refused:
        find_vms(slices, ["vm1", "vm3", "web/db"])
    known = ["web/vm1", "web/vm2", "two/vm1", "two/db"]
    assert refused.value.refusals == [
        Refusal("ambiguous_vm", "VM vm1", {"count": 2, "found": [f"web/vm1 ({web1})", f"two/vm1 ({two1})"]}),
        Refusal("not_found", "VM vm3", {"known": known}),
        Refusal("not_found", "VM web/db", {"known": known}),
    ]


def test_hosts_get_records_of_their_slices() -> None:
    held = cluster(workers=3)
    slice_ = put(held, topology())
    orders = work_orders(held, [slice_], "/x")
    told = {
        ip: [vm_id for each in order["slices"] if "record" in each for vm_id in vms_of(each["record"])]
        for ip, order in orders["workers"].items()
    }
    assert told == {"10.0.10.1": [1001], "10.0.10.2": [1002], "10.0.10.3": []}
    assert vms_of(orders["network_node"]["slices"][0]["record"]) == [1001, 1002]
    hand_out([slice_])
    teardown.remove(held, slice_)
    orders = work_orders(held, [slice_], "/x")
    every = [order["slices"][0] for order in (*orders["workers"].values(), orders["network_node"])]
    assert [each for each in every if "record" in each] == []


def vms_of(record: str) -> list[int]:
    slice_, _record = records.read(record)
    return [vm.vm_id for vm in slice_.vms]


def test_what_the_database_lacks_of_a_slice_is_refused() -> None:
    held = cluster()
    slice_ = put(held, topology(networks=[{"name": "lan", "members": ["vm1"], "gateway": True}]))
    assert list(faults(slice_)) == []
    first, second = slice_.vms
    first.flavor = None
    second.interfaces[1].mac = None
    slice_.networks[0].cidr, slice_.networks[0].gateway_ip = "none", None
    assert [(each.code, each.object) for each in faults(slice_)][:2] == [
        ("flavor_without_checksum", "VM vm1 (1001)"),
        ("stored_without", "VM vm2 (1002)"),
    ]
    assert len(list(faults(slice_))) == 3
    second.deleting = True
    second.flavor = None
    assert len(list(faults(slice_))) == 2


def test_orders_without_a_cloud_name_none() -> None:
    held = cluster()
    slice_ = put(held, topology())
    found = work_orders(held, [slice_], "/s")
    assert {"cloud_uuid", "cloud_title", "cloud_incarnation"}.isdisjoint(found["network_node"])
    cloud = held.identify("lab")
    found = work_orders(held, [slice_], "/s")
    for order in (found["network_node"], *found["workers"].values()):
        assert (order["cloud_uuid"], order["cloud_title"], order["cloud_incarnation"]) == (
            cloud.uuid,
            "lab",
            cloud.incarnation,
        )


def test_orders_are_for_a_machine_and_not_for_an_address() -> None:
    held = cluster()
    slice_ = put(held, topology())
    held.workers["10.0.10.1"].extra["machine_id"] = "a" * 32
    assert all("machine_mark" not in order for order in work_orders(held, [slice_], "/s")["workers"].values())
    cloud = held.identify("lab")
    found = work_orders(held, [slice_], "/s")
    assert found["workers"]["10.0.10.1"]["machine_mark"] == machine_mark(cloud.uuid, "a" * 32)
    assert "machine_mark" not in found["workers"]["10.0.10.2"]
    assert "machine_mark" not in found["network_node"]
    held.extra["network_node_machine_id"] = "b" * 32
    found = work_orders(held, [slice_], "/s")
    assert found["network_node"]["machine_mark"] == machine_mark(cloud.uuid, "b" * 32)


def test_base_images_are_named_by_their_checksums() -> None:
    assert base_image_path("/s", "ab" * 32) == f"/s/images/{'ab' * 32}.img"


@pytest.mark.parametrize(
    ("flavor", "cores", "ram_mib", "size_bytes"), [("cirros", 1, 512, 1 << 30), ("big", 4, 8192, 20 << 30)]
)
def test_a_vm_has_the_size_of_its_flavor(flavor: str, cores: int, ram_mib: int, size_bytes: int) -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[{"name": "a", "flavor": flavor}], links=[]))
    (order,) = work_orders(held, [slice_], "/x")["workers"]["10.0.10.1"]["slices"]
    (made,) = order["vms"]
    assert (made["cores"], made["ram_mib"], made["disks"][0]["size_bytes"]) == (cores, ram_mib, size_bytes)


def test_a_worker_gets_only_the_images_of_its_own_vms() -> None:
    held = cluster()
    machines = [
        {"name": name, "flavor": flavor, "worker": ip}
        for name, flavor, ip in (("a", "cirros", "10.0.10.1"), ("b", "big", "10.0.10.2"), ("c", "big", "10.0.10.2"))
    ]
    slice_ = put(held, topology(vms=machines, links=[]))
    workers = work_orders(held, [slice_], "/x")["workers"]
    assert {ip: [image["checksum"][:2] for image in order["images"]] for ip, order in workers.items()} == {
        "10.0.10.1": ["ab"],
        "10.0.10.2": ["cd"],
    }


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda _slice: None, []),
        (lambda slice_: setattr(slice_.vms[0], "flavor", None), ["flavor_without_checksum"]),
        (lambda slice_: slice_.vms[0].flavor.pop("checksum"), ["flavor_without_checksum"]),
        (lambda slice_: slice_.vms[1].disks.clear(), ["stored_without"]),
        (lambda slice_: setattr(slice_.vms[1].interfaces[1], "mac", None), ["stored_without"]),
        (lambda slice_: setattr(slice_.networks[0], "cidr", "many"), ["invalid_subnet"]),
        (lambda slice_: slice_.vms[0].flavor.update(checksum="ab"), ["field_not_allowed"]),
        (lambda slice_: [vm.flavor.update(image="") for vm in slice_.vms], ["field_not_allowed"]),
        (
            lambda slice_: slice_.vms[0].extra.update(
                cloud_init={"interfaces": [{"name": "eth1", "addresses": ["10.0.0.1"]}]}
            ),
            ["guest_address_without_prefix"],
        ),
    ],
)
def test_what_a_work_order_needs_and_the_database_does_not_have(
    change: Callable[[Slice], Any], codes: list[str]
) -> None:
    slice_ = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    change(slice_)
    assert [each.code for each in faults(slice_)] == codes


def test_slices_that_are_handed_out_have_uuids() -> None:
    held = cluster()
    slice_ = put(held, topology())
    for each in (slice_, *slice_.vms, *(disk for vm_ in slice_.vms for disk in vm_.disks)):
        each.extra.pop("uuid", None)
    hand_out([slice_])
    assert all(each.uuid for each in (slice_, *slice_.vms, *(disk for vm_ in slice_.vms for disk in vm_.disks)))
    assert [vm_.handed_out for vm_ in slice_.vms] == [True, True]


def test_lost_workers_get_no_order() -> None:
    held = cluster(workers=3)
    slice_ = put(held, topology())
    held.workers["10.0.10.3"].extra["lost"] = True
    assert list(work_orders(held, [slice_], "/x")["workers"]) == ["10.0.10.1", "10.0.10.2"]


@pytest.mark.parametrize(("recreate", "told"), [((), False), ((1001,), True), ((1002,), False)])
def test_all_disks_of_a_vm_are_recreated_by_its_id(recreate: tuple[int, ...], told: bool) -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", data_disks=[{"name": "db", "size_gb": 1.5}]), vm("vm2")]))
    (order,) = (
        one
        for each in work_orders(held, [slice_], "/x", recreate=recreate)["workers"].values()
        for part in each["slices"]
        for one in part["vms"]
        if one["vm_id"] == 1001
    )
    first, second = order["disks"]
    assert (first.get("recreate", False), second.get("recreate", False)) == (told, told)
    disk = slice_.vms[0].disks[1]
    assert {key: second[key] for key in second if key != "recreate"} == {
        "path": disk.path,
        "size_bytes": 3 << 29,
        "name": "db",
        "uuid": disk.uuid,
    }


def test_an_interface_without_a_vlan_carries_what_is_usual() -> None:
    held = cluster()
    joined = {"endpoints": ["vm1", "vm2"], "mtu": 9000}
    slice_ = put(held, topology(vms=[vm("vm1", data_interfaces=2), vm("vm2")], links=[joined]))
    order = work_orders(held, [slice_], "/x")["workers"]["10.0.10.1"]
    (one,) = order["slices"][0]["vms"]
    assert [nic.get("mtu") for nic in one["interfaces"]] == [None, 9000, None]
