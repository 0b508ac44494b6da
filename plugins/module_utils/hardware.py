# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hardware that VMs can have instead of the usual one, for orchestrator and hosts."""

from __future__ import annotations

FIRMWARES = ("bios", "uefi")
DISK_BUSES = ("virtio", "scsi", "sata")
NIC_MODELS = ("virtio-net-pci", "e1000", "e1000e", "rtl8139", "vmxnet3")
"""The usual one is the first of each."""
_CONVENTIONAL = ("e1000", "rtl8139")
MOST_ON_BRIDGE = 31
"""The number of NICs that a bridge for conventional PCI has room for, besides its own slot."""


def is_conventional(nic_model: str) -> bool:
    """Return whether a NIC is no PCI Express device. Such a NIC needs I/O ports, of which root ports have none."""
    return nic_model in _CONVENTIONAL
