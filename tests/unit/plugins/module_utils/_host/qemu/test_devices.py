# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VMs with other firmware, disk buses and NICs than usual, in QEMU's configuration and in a real QEMU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import devices, qmp
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import (
    as_started,
    render,
    restart_reasons,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import (
    KERNEL_ARGUMENTS_LENGTH,
    MOST_DATA_DISKS,
    MOST_INTERFACES,
    MOST_ON_BRIDGE,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM

from ..disk.images import bzimage
from ..fakes import STATE_DIR, disk, orders, settings, vm

SEED = [{"name": "meta-data", "content": "{}"}]


def one(nics: int = 2, **fields: Any) -> VM:
    (read,) = all_vms(orders(vm(1001, *range(1, nics + 1), **fields)))
    return read


def disks_of(count: int) -> list[dict[str, Any]]:
    """The first disk and data disks."""
    folder = f"{STATE_DIR}/vms/1001"
    names = [f"disk{number}" for number in range(count)]
    paths = [f"{folder}/{name}_11111111.qcow2" for name in names]
    return [disk(), *({"path": path, "name": name, "size_bytes": 1 << 30} for path, name in zip(paths, names))]


def sections(read: VM) -> dict[str, dict[str, str]]:
    """The sections of a VM's configuration, by the name of the device or drive."""
    found = re.findall(
        r'^\[(?:device|drive|machine) ?"?(.*?)"?\]\n((?:  .*\n)*)', render(read, settings())["qemu.cfg"], re.M
    )
    return {name: dict(re.findall(r'^  (.*) = "(.*)"$', lines, re.M)) for name, lines in found}


def test_uefi_is_in_flash_memory_with_variables_of_the_vm() -> None:
    found = sections(one(firmware="uefi"))
    assert found["firmware"] == {
        "if": "pflash",
        "format": "raw",
        "unit": "0",
        "readonly": "on",
        "file": devices.OVMF_CODE,
    }
    assert found["variables"]["file"] == f"{STATE_DIR}/vms/1001/uefi_variables.fd"
    assert "readonly" not in found["variables"]
    assert "firmware" not in sections(one())


@pytest.mark.parametrize(
    ("bus", "disk", "seed", "sata"),
    [
        ("virtio", ("virtio-blk-pci", "pcie.0"), ("virtio-blk-pci", "pcie.0"), "off"),
        ("scsi", ("scsi-hd", "scsi.0"), ("scsi-cd", "scsi.0"), "off"),
        ("sata", ("ide-hd", "ide.0"), ("ide-cd", "ide.1"), "on"),
    ],
)
def test_the_disk_for_cloud_init_is_on_the_bus_of_the_disk(
    bus: str, disk: tuple[str, str], seed: tuple[str, str], sata: str
) -> None:
    found = sections(one(disk_bus=bus, seed=SEED))
    assert (found["disk0"]["driver"], found["disk0"]["bus"], found["disk0"]["bootindex"]) == (*disk, "0")
    assert (found["seed0"]["driver"], found["seed0"]["bus"]) == seed
    assert found[""]["sata"] == sata
    assert ("scsi" in found) is (bus == "scsi")


@pytest.mark.parametrize(
    ("bus", "driver", "places"),
    [
        ("virtio", "virtio-blk-pci", ["pcie.0 0x1d.0x0", "pcie.0 0x1d.0x6", "pcie.0 0x1d.0x7", "pcie.0 0x1c.0x7"]),
        ("scsi", "scsi-hd", ["scsi.0", "scsi.0", "scsi.0", "scsi.0"]),
        ("sata", "ide-hd", ["ahci0.0", "ahci1.0", "ahci1.1", "ahci2.3"]),
    ],
)
def test_data_disks_are_on_the_bus_of_the_first_disk(bus: str, driver: str, places: list[str]) -> None:
    found = sections(one(disk_bus=bus, disks=disks_of(MOST_DATA_DISKS)))
    data = [found[f"data{place}"] for place in (0, 6, 7, 15)]
    assert [" ".join(filter(None, (one["bus"], one.get("addr")))) for one in data] == places
    assert {one["driver"] for one in data} == {driver}
    assert [one["serial"] for one in data] == ["disk0", "disk6", "disk7", "disk15"]
    controllers = [found[name]["addr"] for name in ("ahci0", "ahci1", "ahci2") if name in found]
    assert controllers == (["0x1d.0x0", "0x1d.0x1", "0x1d.0x2"] if bus == "sata" else [])


@pytest.mark.parametrize("model", ["e1000", "rtl8139"])
def test_nics_that_need_io_ports_are_on_a_bridge(model: str) -> None:
    found = sections(one(3, nic_model=model))
    assert found["bridge"] == {"driver": "pcie-pci-bridge", "bus": "port-0"}
    assert [(found[f"nic-eth{n}"]["bus"], found[f"nic-eth{n}"]["addr"]) for n in range(3)] == [
        ("bridge", "0x1"),
        ("bridge", "0x2"),
        ("bridge", "0x3"),
    ]
    assert "io-reserve" not in found["port-0"]
    assert [found[name]["io-reserve"] for name in ("port-1", "port-2")] == ["0", "0"]
    assert "port-3" not in found


def test_other_models_have_no_options_of_virtio() -> None:
    found = sections(one(MOST_INTERFACES, nic_model="vmxnet3"))
    nics = [found[f"nic-eth{number}"] for number in range(MOST_INTERFACES)]
    assert all(nic["driver"] == "vmxnet3" and not {"vectors", "csum"} & nic.keys() for nic in nics)
    assert nics[-1]["multifunction"] == "on"


def test_a_bridge_has_room_for_some_nics_only() -> None:
    one(MOST_ON_BRIDGE, nic_model="e1000")
    with pytest.raises(Refused) as refused:
        one(MOST_ON_BRIDGE + 1, nic_model="e1000")
    figures = {"option": "number of interfaces", "got": MOST_ON_BRIDGE + 1, "least": 0, "most": MOST_ON_BRIDGE}
    assert refused.value.refusals == [Refusal("out_of_range", "slice 1000, VM 1001", figures)]


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {}, ()),
        ({}, {"firmware": "uefi"}, ("firmware bios → uefi",)),
        ({"disk_bus": "sata"}, {}, ("disk_bus sata → virtio",)),
        ({"nic_model": "e1000"}, {"nic_model": "e1000e"}, ("nic_model e1000 → e1000e",)),
        ({"nic_model": "e1000"}, {"nic_model": "e1000"}, ()),
    ],
)
def test_other_hardware_requires_a_restart(
    before: dict[str, str], after: dict[str, str], reasons: tuple[str, ...]
) -> None:
    was, will = (as_started(one(**fields), settings()) for fields in (before, after))
    assert restart_reasons(was, will) == reasons


def test_what_a_usual_vm_was_started_with_does_not_name_its_hardware() -> None:
    assert not devices.USUAL.keys() & as_started(one(), settings()).keys()


@pytest.mark.parametrize(
    "fields",
    [
        {"firmware": "uefi"},
        {"disk_bus": "scsi", "seed": SEED},
        {"disk_bus": "sata", "seed": SEED},
        {"disk_bus": "scsi", "disks": disks_of(MOST_DATA_DISKS)},
        {"disk_bus": "sata", "disks": disks_of(MOST_DATA_DISKS)},
        {"nic_model": "e1000", "nics": MOST_ON_BRIDGE},
        {"nic_model": "rtl8139", "nics": 2},
        {"nic_model": "e1000e", "nics": 33},
        {"nic_model": "vmxnet3", "nics": 33},
        {"kernel": "/kernel", "kernel_arguments": "a" * KERNEL_ARGUMENTS_LENGTH.most, "boot": "disk,network"},
        {"kernel": "/kernel", "initrd": "/initrd", "disks": disks_of(1)},
    ],
    ids=",".join,
)
def test_real_qemu_accepts_other_hardware(fields: dict[str, Any], tmp_path: Path) -> None:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None or (fields.get("firmware") == "uefi" and not os.path.isfile(devices.OVMF_CODE)):
        pytest.skip("QEMU or OVMF is not installed")
    read = one(**fields)
    (tmp_path / "seed.iso").write_bytes(bytes(2048))
    if fields.get("firmware") == "uefi":
        shutil.copy(devices.OVMF_VARIABLES, tmp_path / devices.UEFI_VARIABLES)
    text = render(read, settings(vnc_listen="none"))["qemu.cfg"]
    text = re.sub(
        r'type = "tap"\n  ifname = .*\n  script = .*\n  downscript = .*\n', 'type = "hubport"\n  hubid = "0"\n', text
    )
    for number, each in enumerate(read.disks):
        path = tmp_path / f"disk{number}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
        text = text.replace(each.path, str(path))
    (tmp_path / "kernel").write_bytes(bzimage())
    (tmp_path / "initrd").write_bytes(b"070701")
    for name in ("kernel", "initrd"):
        text = text.replace(f'= "/{name}"', f'= "{tmp_path}/{name}"')
    text = text.replace("/run/cloudrepo/1001", str(tmp_path)).replace(f"{STATE_DIR}/vms/1001", str(tmp_path))
    (tmp_path / "qemu.cfg").write_text(text)
    argv = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-readconfig", tmp_path / "qemu.cfg"]
    with subprocess.Popen(argv) as process:
        try:
            deadline = time.monotonic() + 60
            down = {"nic-eth1": False}
            while qmp.plug(SocketMonitor(), f"{tmp_path}/qmp.sock", down) is None:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            process.kill()


DIRECT = {"kernel": "/images/k.img", "initrd": "/images/i.img", "kernel_arguments": "console=ttyS0 root=/dev/vda1"}


def test_a_kernel_is_booted_before_the_disks() -> None:
    """QEMU gives it the first place, and does not start if anything else has it."""
    found = sections(one(cdrom="/images/cd.img", boot="cdrom,disk", **DIRECT))
    machine = found[""]
    assert (machine["kernel"], machine["initrd"], machine["append"]) == tuple(DIRECT.values())
    assert (found["cd0"]["bootindex"], found["disk0"]["bootindex"]) == ("1", "2")
    assert found["disk"]["file"] == disk()["path"]
    plain = sections(one())
    assert not {"kernel", "initrd", "append"} & plain[""].keys()
    assert plain["disk0"]["bootindex"] == "0"


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ({}, {"kernel": "/k"}, ("kernel None → /k",)),
        (DIRECT, DIRECT, ()),
        (DIRECT, {}, ("kernel removed", "initrd removed", "kernel_arguments removed")),
        (DIRECT, {**DIRECT, "kernel_arguments": "quiet"}, ("kernel_arguments console=ttyS0 root=/dev/vda1 → quiet",)),
        (DIRECT, {**DIRECT, "initrd": "/j"}, ("initrd /images/i.img → /j",)),
    ],
)
def test_another_kernel_requires_a_restart(
    before: dict[str, str], after: dict[str, str], reasons: tuple[str, ...]
) -> None:
    was, will = (as_started(one(**fields), settings()) for fields in (before, after))
    assert restart_reasons(was, will) == reasons


@pytest.mark.parametrize("does", [True, False])
def test_the_usual_nic_says_whether_it_offloads_checksums(does: bool) -> None:
    assert devices.offload(one(), checksum_offload=does) == {"csum": "on" if does else "off"}
    assert devices.offload(one(nic_model="e1000"), checksum_offload=does) == {}
