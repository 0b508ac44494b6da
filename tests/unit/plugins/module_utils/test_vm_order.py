# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM, Interface
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder


def test_interfaces_without_a_vlan_or_that_are_down_have_no_carrier():
    data = SliceOrder.sample()
    first, second = data["vms"][0]["interfaces"]
    data["vms"][0]["interfaces"] = [{**first, "vlan_id": None}, {**second, "up": False}]
    assert SliceOrder.from_dict(data).vms[0].links_down == ("eth0", "eth1")


def test_a_vm_may_be_stopped():
    data = SliceOrder.sample()
    data["vms"][0]["state"] = "stopped"
    assert not SliceOrder.from_dict(data).vms[0].running


def minimal(**changes: Any) -> dict[str, Any]:
    """Return a slice with a VM that has only the required fields."""
    nic = {"name": "eth0", "tap": "tap_1001_eth0", "mac": "52:54:00:03:e9:00"}
    disk = {"path": "/s/vms/1001/vm1_img.qcow2", "size_bytes": 1 << 30, "backing_file": "/s/images/a.img"}
    machine = {"vm_id": 1001, "name": "vm1", "cores": 1, "ram_mib": 512, "disks": [disk], "vnc_port": 5901}
    return {"slice_id": 1000, "vms": [{**machine, "interfaces": [nic], **changes}]}


def machine(**changes: Any) -> VM:
    return SliceOrder.from_dict(minimal(**changes)).vms[0]


def test_optional_fields_have_their_defaults() -> None:
    order = SliceOrder.from_dict(minimal())
    (vm,) = order.vms
    (nic,), (disk,) = vm.interfaces, vm.disks
    assert (nic.vlan_id, nic.mtu, nic.qinq, nic.forward_bpdu, nic.up) == (None, 1500, False, False, True)
    assert [getattr(nic, key) for key in Interface.LIMITS] == [True, *[None] * 6]
    assert (disk.uuid, disk.first_seen, disk.recreate) == (None, None, False)
    assert (vm.state, vm.running, vm.paused, vm.seed, vm.title) == ("running", True, False, (), None)
    assert (vm.firmware, vm.disk_bus, vm.nic_model) == ("bios", "virtio", "virtio-net-pci")
    assert (vm.boot, vm.shutdown, vm.shutdown_timeout_s) == ("disk", "none", bounds.DEFAULT_SHUTDOWN_S)
    assert (order.slice_uuid, order.revision, order.peers, order.given_up, order.trunk) == (None, None, (), (), ())
    assert (order.record, order.receipt, vm.slice_id, vm.slice_uuid) == (None, None, 1000, None)


@pytest.mark.parametrize(
    ("state", "running", "paused"), [("running", True, False), ("paused", True, True), ("stopped", False, False)]
)
def test_a_paused_vm_has_a_process(state: str, running: bool, paused: bool) -> None:
    assert (machine(state=state).running, machine(state=state).paused) == (running, paused)


@pytest.mark.parametrize(
    ("field", "value", "is_shaped"),
    [
        ("rx_kbps", 8000, True),
        ("tx_kbps", 8000, False),
        ("delay_ms", 1.0, True),
        ("loss_percent", 0.5, True),
        ("loss_percent", 0.0, False),
        ("duplicate_percent", 0.5, True),
        ("duplicate_percent", 0.0, False),
    ],
)
def test_only_limits_of_received_traffic_are_set_on_the_tap(field: str, value: float, is_shaped: bool) -> None:
    (nic,) = minimal()["vms"][0]["interfaces"]
    assert machine(interfaces=[{**nic, field: value}]).interfaces[0].is_shaped is is_shaped


def codes(**changes: Any) -> list[str]:
    with pytest.raises(Refused) as refused:
        machine(**changes)
    return [refusal.code for refusal in refused.value.refusals]


def test_contradictory_orders_are_refused() -> None:
    made = minimal()["vms"][0]
    (nic,), (disk,) = made["interfaces"], made["disks"]
    data = {"path": disk["path"].replace("vm1_img", "db_3f9c1b52"), "size_bytes": 1 << 30, "name": "db"}
    assert [each.name for each in machine(disks=[disk, data]).data_disks] == ["db"]
    assert (
        codes(disks=[]) == codes(disks=[data]) == codes(disks=[disk, {**data, "name": None}]) == ["field_not_allowed"]
    )
    assert codes(disks=[disk, {**data, "backing_file": disk["backing_file"]}]) == ["field_not_allowed"]
    assert codes(disks=[{**disk, "name": "db"}]) == ["field_not_allowed"]
    assert codes(disks=[disk, data, data]) == ["listed_twice", "listed_twice"], "the path and the name"
    assert codes(disks=[disk, {**data, "name": "a" * 21}]) == ["field_not_allowed"], "more than a serial takes"
    many = [{**data, "path": f"{data['path'][:-6]}{number}.qcow2", "name": f"d{number}"} for number in range(17)]
    assert codes(disks=[disk, *many]) == ["out_of_range"]
    assert len(machine(disks=[disk, *many[:16]]).data_disks) == 16
    assert codes(interfaces=[nic, nic]) == ["listed_twice"]
    assert codes(interfaces=[{**nic, "jitter_ms": 1.0}]) == ["jitter_without_delay"]
    assert machine(interfaces=[{**nic, "jitter_ms": 1.0, "delay_ms": 2.0}]).interfaces[0].is_shaped
    file = {"name": "user-data", "content": "#cloud-config\n{}"}
    assert codes(seed=[file, file]) == ["listed_twice"]


@pytest.mark.parametrize("boot", ["", "floppy", "disk,disk", "cdrom,disk,cdrom", "disk,", "disk, cdrom"])
def test_other_boot_orders_are_refused(boot: str) -> None:
    assert codes(boot=boot) == ["field_not_allowed"]


def test_a_boot_order_is_read() -> None:
    assert machine(boot="network,cdrom,disk").boot_order == ("network", "cdrom", "disk")
    assert machine().boot_order == ("disk",)


def test_a_vm_in_messages() -> None:
    assert str(machine()) == "VM 1001 (vm1)"


def refusals(**changes: Any) -> list[Refusal]:
    with pytest.raises(Refused) as caught:
        machine(**changes)
    return caught.value.refusals


def nics(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"eth{number}", "tap": f"tap_1001_eth{number}", "mac": f"52:54:00:03:e9:{number:02x}"}
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("virtio-net-pci", bounds.INTERFACES.most),
        *((model, bounds.BRIDGED_INTERFACES.most) for model in bounds.CONVENTIONAL_NICS),
    ],
)
def test_the_number_of_nics_depends_on_their_model(model: str, most: int) -> None:
    assert len(machine(nic_model=model, interfaces=nics(most)).interfaces) == most
    (refusal,) = refusals(nic_model=model, interfaces=nics(most + 1))
    assert (refusal.code, refusal.figures["got"], refusal.figures["most"]) == ("out_of_range", most + 1, most)


@pytest.mark.parametrize(("user_data_id", "is_refused"), [(None, False), ("0" * 32, True)])
def test_user_data_is_not_there_twice(user_data_id: str | None, is_refused: bool) -> None:
    changes = {"seed": [{"name": "user-data", "content": "#cloud-config"}], "user_data_id": user_data_id}
    if is_refused:
        (refusal,) = refusals(**changes)
        assert (refusal.code, refusal.figures) == ("listed_twice", {"kind": "file", "name": "user-data", "count": 2})
    else:
        assert machine(**changes).user_data_id is None


@pytest.mark.parametrize("field", ["vnc_password_id", "user_data_id"])
def test_ids_of_secrets_are_no_secrets(field: str) -> None:
    """Ansible would hide them because of their names, and whatever looks like them in the whole output."""
    assert VM.arguments()[field]["no_log"] is False


def test_a_vm_without_disks_is_told_so() -> None:
    (refusal,) = refusals(disks=[])
    assert (refusal.figures["field"], refusal.figures["got"]) == ("disks", 0)


def test_only_an_interface_on_a_vlan_that_is_up_has_a_carrier() -> None:
    first, second, third = nics(3)
    made = machine(interfaces=[{**first, "vlan_id": 400}, {**second, "vlan_id": 100, "up": False}, third])
    assert made.links_down == ("eth1", "eth2")
