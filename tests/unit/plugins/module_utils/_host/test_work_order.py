# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import (
    all_given_up,
    all_vms,
    read_each,
    read_slices,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from .fakes import STATE_DIR, disk, nic, orders, vm


def test_an_order_is_read():
    (read,) = all_vms(orders(vm(1001, None, 100)))

    assert (read.slice_id, read.vm_id, read.running) == (1000, 1001, True)
    assert [interface.vlan_id for interface in read.interfaces] == [None, 100]
    assert read.links_down == ("eth0",)


def test_macs_are_converted_to_lower_case():
    (read,) = all_vms(orders(vm(interfaces=[{**nic(1001, 0, 5), "mac": "52:54:00:AA:BB:CC"}])))

    assert read.interfaces[0].mac == "52:54:00:aa:bb:cc"


DISKS = "an overlay with a backing_file, then data disks with a name and without a backing_file"


def not_allowed(field: str, allowed: str, got: Any) -> tuple[str, dict[str, Any]]:
    return "field_not_allowed", {"field": field, "allowed": allowed, "got": got}


@pytest.mark.parametrize(
    ("changes", "code", "figures"),
    [
        ({"name": 'a"b'}, *not_allowed("name", bounds.VM_NAME.rule, 'a"b')),
        ({"name": "../x"}, *not_allowed("name", bounds.VM_NAME.rule, "../x")),
        ({"vnc_port": 5900}, *not_allowed("vnc_port", "5901-65535", 5900)),
        ({"vnc_password_id": "../x"}, *not_allowed("vnc_password_id", "16 hexadecimal digits", "../x")),
        ({"cores": 0}, *not_allowed("cores", "1-255", 0)),
        (
            {"disks": [disk(path="/etc/shadow")]},
            *not_allowed("path", "the absolute path of a .qcow2 file", "/etc/shadow"),
        ),
        (
            {"disks": [disk(path=f"{STATE_DIR}/vms/1002/vm2_img.qcow2")]},
            "disk_elsewhere",
            {"folder": f"{STATE_DIR}/vms/1001", "got": f"{STATE_DIR}/vms/1002/vm2_img.qcow2"},
        ),
        (
            {"disks": [disk(path=f"{STATE_DIR}/vms/1001/../1002/vm2_img.qcow2")]},
            *not_allowed("path", "the absolute path of a .qcow2 file", f"{STATE_DIR}/vms/1001/../1002/vm2_img.qcow2"),
        ),
        (
            {"disks": [disk(path=f"{STATE_DIR}/vms/1001/vm.json")]},
            *not_allowed("path", "the absolute path of a .qcow2 file", f"{STATE_DIR}/vms/1001/vm.json"),
        ),
        ({"disks": [disk(size_bytes=0)]}, *not_allowed("size_bytes", "512-2251799813685248", 0)),
        ({"disks": [disk(backing_file="base.img")]}, *not_allowed("backing_file", "an absolute path", "base.img")),
        (
            {"disks": [disk(backing_file="/a\n[drive]")]},
            *not_allowed("backing_file", "an absolute path", "/a\n[drive]"),
        ),
        ({"disks": []}, *not_allowed("disks", DISKS, 0)),
        ({"disks": [disk(), disk(1002)]}, *not_allowed("disks", DISKS, disk(1002)["path"])),
        (
            {"interfaces": [{**nic(1001, 0, 5), "tap": "eth0"}]},
            *not_allowed("tap", "tap_ and 1-11 more characters", "eth0"),
        ),
        (
            {"interfaces": [{**nic(1001, 0, 5), "tap": "tap_100001_eth10"}]},
            *not_allowed("tap", "tap_ and 1-11 more characters", "tap_100001_eth10"),
        ),
        (
            {"interfaces": [{**nic(1001, 0, 5), "tap": "tap_1\nlink del"}]},
            *not_allowed("tap", "tap_ and 1-11 more characters", "tap_1\nlink del"),
        ),
        (
            {"interfaces": [{**nic(1001, 0, 5), "name": 'eth"'}]},
            *not_allowed("name", bounds.INTERFACE_NAME.rule, 'eth"'),
        ),
        ({"interfaces": [{**nic(1001, 0, 5), "mac": "52:54"}]}, *not_allowed("mac", "a MAC address", "52:54")),
        ({"interfaces": [nic(1001, 0, 4095)]}, *not_allowed("vlan_id", "1-4094", 4095)),
        ({"interfaces": [{**nic(1001, 0, 5), "mtu": 60}]}, *not_allowed("mtu", "68-65521", 60)),
        ({"interfaces": [{**nic(1001, 0, 5), "tx_kbps": 0}]}, *not_allowed("tx_kbps", "1-100000000", 0)),
        ({"interfaces": [{**nic(1001, 0, 5), "rx_kbps": -1}]}, *not_allowed("rx_kbps", "1-100000000", -1)),
        ({"interfaces": [{**nic(1001, 0, 5), "delay_ms": -1}]}, *not_allowed("delay_ms", "0-60000", -1)),
        (
            {"interfaces": [{**nic(1001, 0, 5), "loss_percent": 101}]},
            *not_allowed("loss_percent", "0-100", 101),
        ),
        (
            {"interfaces": [{**nic(1001, 0, 5), "duplicate_percent": -1}]},
            *not_allowed("duplicate_percent", "0-100", -1),
        ),
        ({"interfaces": [{**nic(1001, 0, 5), "jitter_ms": 2}]}, "jitter_without_delay", {"got": 2}),
        (
            {"interfaces": [nic(1001, 0, 5), {**nic(1001, 1, 5), "tap": "tap_1001_eth0"}]},
            "listed_twice",
            {"kind": "tap", "name": "tap_1001_eth0", "count": 2},
        ),
        (
            {"interfaces": [nic(1001, 1, 5), {**nic(1001, 2, 5), "name": "eth1"}]},
            "listed_twice",
            {"kind": "interface", "name": "eth1", "count": 2},
        ),
    ],
)
def test_invalid_orders_are_refused(changes, code, figures):
    with pytest.raises(Refused) as refused:
        orders(vm(1001, 100, **changes) if "interfaces" not in changes else vm(1001, **changes))
    assert [(each.code, each.figures) for each in refused.value.refusals] == [(code, figures)]


def test_every_reason_is_reported():
    with pytest.raises(Refused) as refused:
        orders(vm(1001, cores=0), vm(1002, name="", ram_mib=0))

    assert refused.value.refusals == [
        Refusal("field_not_allowed", f"slice 1000, VM {vm_id}", {"field": field, "allowed": allowed, "got": got})
        for vm_id, field, allowed, got in (
            (1001, "cores", "1-255", 0),
            (1002, "name", bounds.VM_NAME.rule, ""),
            (1002, "ram_mib", "1-983040", 0),
        )
    ]


def test_duplicates_on_a_host_are_refused():
    with pytest.raises(Refused) as refused:
        orders(vm(1001, 400), vm(1001, 400))

    assert refused.value.refusals == [
        Refusal("listed_twice", "slice 1000", {"kind": kind, "name": name, "count": 2})
        for kind, name in (("VM", 1001), ("tap", "tap_1001_eth0"))
    ]


def test_slices_without_vms_are_kept():
    (order,) = read_slices([{"slice_id": 1000, "vms": []}], state_dir=STATE_DIR)

    assert order.vms == ()


def test_an_interface_that_is_down_stays_on_its_vlan():
    (read,) = all_vms(orders(vm(interfaces=[{**nic(1001, 0, 5), "up": False}, nic(1001, 1, 5), nic(1001, 2, None)])))

    assert read.links_down == ("eth0", "eth2")
    assert read.interfaces[0].vlan_id == 5


def test_an_invalid_slice_does_not_affect_the_others():
    one = {"slice_id": 1000, "vms": [vm(1001, cores=0)]}
    other = {"slice_id": 1003, "vms": [vm(1004, 400)]}
    read, refused = read_each([one, other], state_dir=STATE_DIR)
    assert [order.slice_id for order in read] == [1003]
    assert {slice_id: [each.code for each in why] for slice_id, why in refused.items()} == {1000: ["field_not_allowed"]}


def test_what_two_slices_have_refuses_both():
    slices = [
        {"slice_id": 1000, "vms": [vm(1001)]},
        {"slice_id": 1003, "vms": [vm(1001)]},
        {"slice_id": 1006, "vms": []},
    ]
    read, refused = read_each(slices, state_dir=STATE_DIR)
    assert [order.slice_id for order in read] == [1006]
    figures = {"kind": "VM", "name": 1001, "count": 2}
    assert {slice_id: why[0] for slice_id, why in refused.items()} == {
        slice_id: Refusal("listed_twice", f"slice {slice_id}", figures) for slice_id in (1000, 1003)
    }


def test_given_up_disks_are_in_their_folders_and_not_wanted():
    elsewhere = {"vm_id": 1002, "path": f"{STATE_DIR}/vms/1003/vm_img.qcow2"}
    wanted = {"vm_id": 1001, "path": disk()["path"]}
    fine = {"vm_id": 1002, "path": f"{STATE_DIR}/vms/1002/vm_img.qcow2"}
    with pytest.raises(Refused) as refused:
        orders(vm(1001, 100), given_up=[elsewhere, wanted, fine])
    assert [(each.code, each.object) for each in refused.value.refusals] == [
        ("disk_elsewhere", "given-up disk of VM 1002"),
        ("wanted_and_given_up", "VM 1001 (vm1)"),
    ]
    assert [each.path for each in all_given_up(orders(given_up=[fine]))] == [fine["path"]]
