# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms, read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from .fakes import STATE_DIR, disk, nic, orders, vm


def test_order_becomes_values():
    (read,) = all_vms(orders(vm(1001, None, 100)))

    assert (read.slice_id, read.vm_id, read.running) == (1000, 1001, True)
    assert [interface.vlan_id for interface in read.interfaces] == [None, 100]
    assert read.links_down == ("eth0",)


def test_macs_are_written_small():
    (read,) = all_vms(orders(vm(interfaces=[{**nic(1001, 0, 5), "mac": "52:54:00:AA:BB:CC"}])))

    assert read.interfaces[0].mac == "52:54:00:aa:bb:cc"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": 'a"b'}, "name"),
        ({"name": "../x"}, "name"),
        ({"vnc_port": 5899}, "vnc_port must be 5900-65535, got 5899"),
        ({"vnc_password_id": "../x"}, "vnc_password_id must be 16 hexadecimal digits"),
        ({"cores": 0}, "cores must be at least 1, got 0"),
        ({"disks": [disk(path="/etc/shadow")]}, "path must be the absolute path of a .qcow2 file"),
        (
            {"disks": [disk(path=f"{STATE_DIR}/vms/1001/../1002/vm2_img.qcow2")]},
            "a disk must be a .qcow2 file in /var/lib/cloudrepo/vms/1001",
        ),
        ({"disks": [disk(path=f"{STATE_DIR}/vms/1001/vm.json")]}, "path must be the absolute path of a .qcow2 file"),
        ({"disks": [disk(size_bytes=0)]}, "size_bytes must be at least 1, got 0"),
        ({"disks": [disk(backing_file="base.img")]}, "backing_file must be an absolute path"),
        ({"disks": [disk(backing_file="/a\n[drive]")]}, "backing_file must be an absolute path"),
        ({"disks": []}, "disks must be 1 disk, got 0"),
        ({"disks": [disk(), disk(1002)]}, "disks must be 1 disk, got 2"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "eth0"}]}, "tap must be tap_ and 1-11 more characters"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "tap_100001_eth10"}]}, "tap must be tap_ and 1-11 more characters"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "tap_1\nlink del"}]}, "tap must be tap_ and 1-11 more characters"),
        ({"interfaces": [{**nic(1001, 0, 5), "name": 'eth"'}]}, "name must be letters"),
        ({"interfaces": [{**nic(1001, 0, 5), "mac": "52:54"}]}, "mac must be a MAC address"),
        ({"interfaces": [nic(1001, 0, 4095)]}, "interface eth0: vlan_id must be 1-4094, got 4095"),
        ({"interfaces": [{**nic(1001, 0, 5), "mtu": 60}]}, "mtu must be 68-65521, got 60"),
        ({"interfaces": [{**nic(1001, 0, 5), "tx_kbps": 0}]}, "tx_kbps must be 1-100000000, got 0"),
        ({"interfaces": [{**nic(1001, 0, 5), "rx_kbps": -1}]}, "rx_kbps must be 1-100000000, got -1"),
        ({"interfaces": [{**nic(1001, 0, 5), "delay_ms": -1}]}, "delay_ms must be 0-60000, got -1"),
        (
            {"interfaces": [{**nic(1001, 0, 5), "loss_percent": 101}]},
            "loss_percent must be 0-100, got 101",
        ),
        ({"interfaces": [{**nic(1001, 0, 5), "jitter_ms": 2}]}, "jitter_ms needs delay_ms"),
        ({"interfaces": [nic(1001, 0, 5), {**nic(1001, 1, 5), "tap": "tap_1001_eth0"}]}, "tap_1001_eth0 is listed 2"),
        (
            {"interfaces": [nic(1001, 1, 5), {**nic(1001, 2, 5), "name": "eth1"}]},
            "VM 1001: interface eth1 is listed 2 times",
        ),
    ],
)
def test_what_no_host_should_be_given_is_refused(changes, reason):
    with pytest.raises(Refused, match=reason):
        orders(vm(1001, 100, **changes) if "interfaces" not in changes else vm(1001, **changes))


def test_every_reason_is_named():
    with pytest.raises(Refused) as refused:
        orders(vm(1001, cores=0), vm(1002, name="", ram_mib=0))

    assert refused.value.refusals == [
        Refusal("field_not_allowed", f"slice 1000, VM {vm_id}", {"field": field, "allowed": allowed, "got": got})
        for vm_id, field, allowed, got in (
            (1001, "cores", "at least 1", 0),
            (1002, "name", "a host name", ""),
            (1002, "ram_mib", "at least 1", 0),
        )
    ]


def test_what_is_listed_twice_on_a_host_is_refused():
    with pytest.raises(Refused) as refused:
        orders(vm(1001, 400), vm(1001, 400))

    assert refused.value.refusals == [
        Refusal("listed_twice", "work order", {"kind": kind, "name": name, "count": 2})
        for kind, name in (("VM", 1001), ("tap", "tap_1001_eth0"), ("MAC", "52:54:00:03:e9:00"))
    ]


def test_slices_without_vms_are_kept():
    (order,) = read_slices([{"slice_id": 1000, "vms": []}], state_dir=STATE_DIR)

    assert order.vms == ()


def test_interface_that_is_down_stays_on_its_vlan():
    (read,) = all_vms(orders(vm(interfaces=[{**nic(1001, 0, 5), "up": False}, nic(1001, 1, 5), nic(1001, 2, None)])))

    assert read.links_down == ("eth0", "eth2")
    assert read.interfaces[0].vlan_id == 5
