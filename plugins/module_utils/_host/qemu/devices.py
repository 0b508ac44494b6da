# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Firmware, disks and NICs of VMs whose guests expect other hardware than the usual one, in QEMU's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...bounds import CONVENTIONAL_NICS, DISK_BUSES, FIRMWARES, NIC_MODELS
from ...vm_order import VM

Sections = list[tuple[str, dict[str, str]]]
USUAL: Mapping[str, str] = {"firmware": FIRMWARES[0], "disk_bus": DISK_BUSES[0], "nic_model": NIC_MODELS[0]}
"""What VMs have of which nothing else is known."""
BRIDGE = "bridge"
_VIRTIO, _SCSI, _SATA = DISK_BUSES
_CONTROLLER_SLOT = "0x3"
OVMF_CODE, OVMF_VARIABLES = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
"""UEFI without variables, and the first variables of a VM, from Debian's package ovmf."""
UEFI_VARIABLES = "uefi_variables.fd"
# The last slot of the root bus before that of the disk for cloud-init.
_LAST_DATA_SLOT = 0x1D
_FUNCTIONS_PER_SLOT = 8
_PORTS_PER_AHCI = 6


def unusual(vm: VM) -> dict[str, Any]:
    """Return the hardware of a VM that differs from the usual one."""
    return {key: value for key, usual in USUAL.items() if (value := getattr(vm, key)) != usual}


def has_uefi(vm: VM) -> bool:
    """Return whether a VM boots with UEFI."""
    return vm.firmware != USUAL["firmware"]


def flash(vm: VM, folder: str) -> Sections:
    """Return the flash memory of a VM with UEFI; C(folder) is that of the VM."""
    if not has_uefi(vm):
        return []
    memory = {"if": "pflash", "format": "raw"}
    return [
        ('drive "firmware"', {**memory, "unit": "0", "readonly": "on", "file": OVMF_CODE}),
        ('drive "variables"', {**memory, "unit": "1", "file": f"{folder}/{UEFI_VARIABLES}"}),
    ]


def has_ahci(vm: VM) -> bool:
    """Return whether the chipset needs its controller for SATA."""
    return vm.disk_bus == _SATA or vm.cdrom is not None


def controllers(vm: VM) -> Sections:
    """Return the controller of the VM's disks, if they need one that the chipset does not have."""
    if vm.disk_bus != _SCSI:
        return []
    return [(f'device "{_SCSI}"', {"driver": "virtio-scsi-pci", "bus": "pcie.0", "addr": _CONTROLLER_SLOT})]


def disk(vm: VM, drive: str) -> dict[str, str]:
    """Return the device of the first disk."""
    return {
        _VIRTIO: {"driver": "virtio-blk-pci", "drive": drive, "bus": "pcie.0", "addr": _CONTROLLER_SLOT},
        _SCSI: {"driver": "scsi-hd", "drive": drive, "bus": f"{_SCSI}.0"},
        _SATA: {"driver": "ide-hd", "drive": drive, "bus": "ide.0"},
    }[vm.disk_bus]


def seed(vm: VM, drive: str, slot: str) -> dict[str, str]:
    """Return the device of the disk for cloud-init. A guest may only have the driver of its own disk.

    C(slot) is the slot of the root bus for a disk on virtio.
    """
    return {
        _VIRTIO: {"driver": "virtio-blk-pci", "drive": drive, "bus": "pcie.0", "addr": slot},
        _SCSI: {"driver": "scsi-cd", "drive": drive, "bus": f"{_SCSI}.0"},
        _SATA: {"driver": "ide-cd", "drive": drive, "bus": "ide.1"},
    }[vm.disk_bus]


def data_disk(vm: VM, drive: str, place: int, serial: str) -> Sections:
    """Return the device of a data disk, and its controller if it is the first one there.

    C(place) counts the data disks from 0. They have slots of the root bus of their own, or controllers on these slots.
    """
    head, common = f'device "data{place}"', {"drive": drive, "serial": serial}
    if vm.disk_bus == _SCSI:
        return [(head, {"driver": "scsi-hd", **common, "bus": f"{_SCSI}.0"})]
    if vm.disk_bus == _VIRTIO:
        return [(head, {"driver": "virtio-blk-pci", **common, **_data_slot(place)})]
    number, port = divmod(place, _PORTS_PER_AHCI)
    added = [] if port else [(f'device "ahci{number}"', {"driver": "ich9-ahci", **_data_slot(number)})]
    return [*added, (head, {"driver": "ide-hd", **common, "bus": f"ahci{number}.{port}"})]


def _data_slot(place: int) -> dict[str, str]:
    slot, function = divmod(place, _FUNCTIONS_PER_SLOT)
    return {"bus": "pcie.0", "addr": f"{_LAST_DATA_SLOT - slot:#x}.{function:#x}", "multifunction": "on"}


def is_on_bridge(vm: VM) -> bool:
    """Return whether the NICs of a VM are behind a bridge for conventional PCI, which has I/O ports for all of them."""
    return vm.nic_model in CONVENTIONAL_NICS


def bridge(port: str) -> tuple[str, dict[str, str]]:
    """Return the bridge for conventional PCI on a root port."""
    return f'device "{BRIDGE}"', {"driver": "pcie-pci-bridge", "bus": port}


def nic_on_bridge(number: int) -> dict[str, str]:
    """Return the place of the NIC with this number on the bridge, whose first slot is its own."""
    return {"bus": BRIDGE, "addr": f"{number + 1:#x}"}


def offload(vm: VM, *, checksum_offload: bool) -> dict[str, str]:
    """Return whether a NIC offloads checksums, which other models than the usual one do not let us say."""
    return {} if vm.nic_model != USUAL["nic_model"] else {"csum": "on" if checksum_offload else "off"}
