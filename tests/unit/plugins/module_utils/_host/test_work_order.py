# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms, read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .fakes import STATE_DIR, nic, orders, vm


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
        ({"vnc_port": 5899}, "VNC port"),
        ({"vnc_password_id": "../x"}, "not the id of a password"),
        ({"cores": 0}, "cores"),
        ({"overlay": "/etc/shadow"}, "overlay"),
        ({"overlay": f"{STATE_DIR}/vms/1001/../1002/vm2_img.qcow2"}, "overlay"),
        ({"overlay": f"{STATE_DIR}/vms/1001/vm.json"}, "overlay"),
        ({"backing_file": "base.img"}, "backing file"),
        ({"backing_file": "/a\n[drive]"}, "backing file"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "eth0"}]}, "tap name"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "tap_100001_eth10"}]}, "tap name"),
        ({"interfaces": [{**nic(1001, 0, 5), "tap": "tap_1\nlink del"}]}, "tap name"),
        ({"interfaces": [{**nic(1001, 0, 5), "name": 'eth"'}]}, "interface name"),
        ({"interfaces": [{**nic(1001, 0, 5), "mac": "52:54"}]}, "MAC"),
        ({"interfaces": [nic(1001, 0, 4095)]}, "VLAN 4095"),
        ({"interfaces": [{**nic(1001, 0, 5), "mtu": 60}]}, "MTU 60 of eth0 is not between 68 and 65521"),
        ({"interfaces": [{**nic(1001, 0, 5), "tx_kbps": 0}]}, "tx_kbps 0 of eth0 is not between 1 and 100000000"),
        ({"interfaces": [{**nic(1001, 0, 5), "rx_kbps": -1}]}, "rx_kbps -1 of eth0 is not between 1 and 100000000"),
        ({"interfaces": [{**nic(1001, 0, 5), "delay_ms": -1}]}, "delay_ms -1 of eth0 is not between 0 and 60000"),
        (
            {"interfaces": [{**nic(1001, 0, 5), "loss_percent": 101}]},
            "loss_percent 101 of eth0 is not between 0 and 100",
        ),
        ({"interfaces": [{**nic(1001, 0, 5), "jitter_ms": 2}]}, "jitter_ms 2 of eth0 has no delay_ms to vary"),
        ({"interfaces": [nic(1001, 0, 5), nic(1001, 0, 5)]}, "tap tap_1001_eth0 is listed twice"),
        (
            {"interfaces": [nic(1001, 1, 5), {**nic(1001, 2, 5), "name": "eth1"}]},
            "VM 1001: interface eth1 is listed twice",
        ),
    ],
)
def test_what_no_host_should_be_given_is_refused(changes, reason):
    with pytest.raises(Refused, match=reason):
        orders(vm(1001, 100, **changes) if "interfaces" not in changes else vm(1001, **changes))


def test_every_reason_is_named():
    with pytest.raises(Refused) as refused:
        orders(vm(1001, cores=0), vm(1001, name=""))

    assert len(refused.value.reasons) == 3


def test_slices_without_vms_are_kept():
    (order,) = read_slices([{"slice_id": 1000, "vms": []}], state_dir=STATE_DIR)

    assert order.vms == ()


def test_interface_that_is_down_stays_on_its_vlan():
    (read,) = all_vms(orders(vm(interfaces=[{**nic(1001, 0, 5), "up": False}, nic(1001, 1, 5), nic(1001, 2, None)])))

    assert read.links_down == ("eth0", "eth2")
    assert read.interfaces[0].vlan_id == 5
