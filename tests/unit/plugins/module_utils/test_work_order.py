# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder, WorkerOrder


def test_the_sample_is_an_order():
    order = WorkerOrder.from_dict(WorkerOrder.sample())
    (vm,) = order.slices[0].vms
    assert (vm.slice_id, vm.running, str(vm)) == (1000, True, "VM 1001 (vm1)")
    assert [(nic.name, nic.is_shaped) for nic in vm.interfaces] == [("eth0", False), ("eth1", True)]
    assert WorkerOrder.from_dict(order.to_dict()) == order


def test_an_interface_without_a_vlan_and_one_that_is_down_have_no_carrier():
    data = SliceOrder.sample()
    first, second = data["vms"][0]["interfaces"]
    data["vms"][0]["interfaces"] = [{**first, "vlan_id": None}, {**second, "up": False}]
    assert SliceOrder.from_dict(data).vms[0].links_down == ("eth0", "eth1")


def test_a_vm_may_be_stopped():
    data = SliceOrder.sample()
    data["vms"][0]["state"] = "stopped"
    assert not SliceOrder.from_dict(data).vms[0].running
