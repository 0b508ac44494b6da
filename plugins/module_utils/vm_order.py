# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VM in the work order of a worker, with its interfaces, disks and files for cloud-init."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from . import bounds, direct_boot
from .bounds import DISK_BUSES, FIRMWARES, NIC_MODELS, SHUTDOWNS
from .contract import (
    Contract,
    enclosing,
    flag,
    integer,
    ipv4_address,
    mac_address,
    many,
    number,
    repeated,
    text,
    uuid,
)
from .errors import Refusal

SAMPLE_CHECKSUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"""The SHA-256 of base images in samples."""


@dataclass(frozen=True)
class Interface(Contract):
    """A NIC of a VM.

    Attributes:
        FAULTS: the fields that need netem. Zero means none.
        LIMITS: the fields that are set in topologies and stored by the same names, the faults among them.
    """

    NOUN = "interface"
    KEY = "name"
    FAULTS: ClassVar[tuple[str, ...]] = ("delay_ms", "jitter_ms", "loss_percent", "duplicate_percent")
    LIMITS: ClassVar[tuple[str, ...]] = ("up", "tx_kbps", "rx_kbps", *FAULTS)

    name: str = field(
        metadata=text(
            "The interface's name, such as V(eth1).",
            sample=("eth0", "eth1"),
            form=bounds.INTERFACE_NAME,
        )
    )
    tap: str = field(
        metadata=text(
            "The name of its tap on this host, C(tap_) followed by at most 11 characters.",
            sample=("tap_1001_eth0", "tap_1001_eth1"),
            form=bounds.TAP_NAME,
        )
    )
    mac: str = field(
        metadata=mac_address("The MAC address that the guest sees.", sample=("52:54:00:03:e9:00", "52:54:00:03:e9:01"))
    )
    vlan_id: int | None = field(
        default=None,
        metadata=integer(
            "The VLAN of its access port.",
            "Without a VLAN, the tap is not on the bridge and the guest has no carrier.",
            sample=(400, 100),
            limit=bounds.VLAN,
        ),
    )
    link_id: int | None = field(
        default=None,
        metadata=integer(
            "Id of the link, stored with the port for information.", sample=(None, 1), limit=bounds.LINK_ID
        ),
    )
    segment: str | None = field(
        default=None,
        metadata=text(
            "Name of the link or network, stored with the port for information.",
            sample=(None, "core"),
            form=bounds.LABEL,
        ),
    )
    address: str | None = field(
        default=None,
        metadata=ipv4_address(
            "IPv4 address of an interface on VLAN 400. Packets with another source address are dropped.",
            "Without an address, only DHCP is allowed.",
            sample=("10.60.7.101", None),
        ),
    )
    mtu: int = field(
        default=bounds.DEFAULT_MTU,
        metadata=integer(
            "MTU of the tap, which is that of its link or network.",
            sample=(None, 9000),
            limit=bounds.MTU,
        ),
    )
    qinq: bool = field(
        default=False,
        metadata=flag(
            "Whether to forward frames that the guest has tagged, inside the VLAN of the link (802.1ad). Otherwise "
            "they are dropped.",
            sample=(None, True),
        ),
    )
    forward_bpdu: bool = field(
        default=False,
        metadata=flag(
            "Whether to forward STP, LACP, 802.1X, LLDP and Cisco's CDP, VTP, PAgP and PVST+, which a bridge does not "
            "forward by default.",
            sample=(None, True),
        ),
    )
    up: bool = field(
        default=True,
        metadata=flag(
            "Whether the interface has a carrier in the guest, if it is on a link, network or VLAN 400.",
            sample=(None, False),
        ),
    )
    tx_kbps: int | None = field(
        default=None,
        metadata=integer(
            "Rate limit for sent traffic, in kbit/s. Excess packets are dropped. By default there is no limit.",
            sample=(None, 2000),
            limit=bounds.RATE_KBPS,
        ),
    )
    rx_kbps: int | None = field(
        default=None,
        metadata=integer(
            "Rate limit for received traffic, in kbit/s. Excess packets are queued for up to 100 ms, or the time that "
            "16 frames take, and then dropped. By default there is no limit.",
            sample=(None, 8000),
            limit=bounds.RATE_KBPS,
        ),
    )
    delay_ms: float | None = field(
        default=None,
        metadata=number(
            "Delay of received traffic, in milliseconds. For a delay in both directions, set it at both ends.",
            "Faults, such as a delay, require workers whose kernel has netem, the module C(sch_netem).",
            sample=(None, 20.0),
            limit=bounds.DELAY_MS,
        ),
    )
    jitter_ms: float | None = field(
        default=None,
        metadata=number(
            "Largest deviation from the delay, up and down, in milliseconds.", sample=(None, 2.0), limit=bounds.DELAY_MS
        ),
    )
    loss_percent: float | None = field(
        default=None,
        metadata=number(
            "Percentage of received packets to drop at random.", sample=(None, 0.5), limit=bounds.LOSS_PERCENT
        ),
    )
    duplicate_percent: float | None = field(
        default=None,
        metadata=number(
            "Percentage of received packets to deliver twice, chosen at random.",
            sample=(None, 1.0),
            limit=bounds.DUPLICATE_PERCENT,
        ),
    )

    def faults(self, where: str) -> Iterator[Refusal]:
        """See C(Contract)."""
        if self.jitter_ms and not self.delay_ms:
            yield Refusal("jitter_without_delay", where, {"got": self.jitter_ms})

    @property
    def is_shaped(self) -> bool:
        """Whether traffic to the guest has a rate limit or faults on its tap."""
        return bool(self.rx_kbps) or any(getattr(self, key) for key in self.FAULTS)


@dataclass(frozen=True)
class Disk(Contract):
    """A disk of a VM: an overlay on a base image, or a data disk, which has a name and is empty at first."""

    NOUN = "disk"
    KEY = "path"

    path: str = field(
        metadata=text(
            "Path of its qcow2 file, in the VM's folder C(STATE_DIR/vms/VM_ID).",
            sample=("/var/lib/cloudrepo/vms/1001/vm1_img.qcow2", "/var/lib/cloudrepo/vms/1001/db_3f9c1b52.qcow2"),
            form=bounds.DISK_PATH,
        )
    )
    size_bytes: int = field(
        metadata=integer(
            "Its size in bytes. A smaller disk is enlarged, a larger one is left as it is.",
            sample=(1 << 30, 5 << 30),
            limit=bounds.DISK_BYTES,
        )
    )
    backing_file: str | None = field(
        default=None,
        metadata=text(
            "Path of the base image. A data disk has none.",
            sample=(f"/var/lib/cloudrepo/images/{SAMPLE_CHECKSUM[:16]}.img", None),
            form=bounds.PATH,
        ),
    )
    name: str | None = field(
        default=None,
        metadata=text(
            "The name of a data disk, which is its serial in the guest. The disk that the VM boots from has none.",
            sample=(None, "db"),
            form=bounds.DISK_NAME,
        ),
    )
    uuid: str | None = field(
        default=None,
        metadata=uuid(
            "Its UUID.",
            sample=("c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03", "3f9c1b52-7d40-4f6e-9a2b-1c8e5d7f6a04"),
        ),
    )
    first_seen: str | None = field(
        default=None,
        metadata=text(
            "When the host first reported the VM with this disk, in UTC.",
            "A disk that was seen and is missing is not created again, and the state of its VM is C(error).",
            sample=("2026-01-31T12:00:00Z", None),
            form=bounds.UTC_TIME,
        ),
    )
    recreate: bool = field(
        default=False,
        metadata=flag("Whether to create the disk again if it was seen and is missing.", sample=None),
    )


@dataclass(frozen=True)
class SeedFile(Contract):
    """A file for cloud-init in a guest (NoCloud)."""

    NOUN = "file"
    KEY = "name"

    name: str = field(
        metadata=text(
            "The file's name.",
            sample=("meta-data", "vendor-data"),
            choices=("meta-data", "user-data", "vendor-data", "network-config"),
        )
    )
    content: str = field(
        metadata=text(
            "Its content.",
            sample=('{"instance-id": "0b9d4f5c-1f2e3d4c", "local-hostname": "vm1"}', "#cloud-config\n{}"),
            form=bounds.SEED_FILE,
        )
    )


@dataclass(frozen=True)
class VM(Contract):
    """The desired state of a VM on this host."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    name: str = field(metadata=text("The VM's name.", sample="vm1", form=bounds.VM_NAME))
    cores: int = field(metadata=integer("Its virtual CPUs.", sample=1, limit=bounds.CORES))
    ram_mib: int = field(metadata=integer("Its memory in MiB.", sample=512, limit=bounds.RAM_MIB))
    disks: tuple[Disk, ...] = field(
        metadata=many(
            Disk,
            "Its disks. It boots from the first one, an overlay on a base image. The others are data disks, which the "
            "guest finds below C(/dev/disk/by-id) by their names, as C(virtio-NAME), "
            "C(scsi-0QEMU_QEMU_HARDDISK_NAME) or C(ata-QEMU_HARDDISK_NAME), depending on C(disk_bus).",
        )
    )
    vnc_port: int = field(metadata=integer("The TCP port of its display.", sample=5901, limit=bounds.VNC_PORT))
    interfaces: tuple[Interface, ...] = field(
        metadata=many(Interface, "All its interfaces, in the order in which the guest sees them, C(eth0) first.")
    )
    slice_id: int = field(metadata=enclosing())
    slice_uuid: str | None = field(metadata=enclosing())
    vm_uuid: str | None = field(
        default=None,
        metadata=uuid(
            "The VM's UUID.",
            "A host that has another VM with this id refuses the order of this slice and changes neither.",
            sample="0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02",
        ),
    )
    vnc_password_id: str | None = field(
        default=None,
        metadata=text(
            "Identifies the password of its display, so that the host knows whether to set it. A work order never "
            "contains the password itself.",
            sample="8b1a9953c4611296",
            pattern=r"[0-9a-f]{16}",
            rule="16 hexadecimal digits",
            no_log=False,
        ),
    )
    title: str | None = field(
        default=None,
        metadata=text(
            "The title of its display. The default is its name. A change takes effect at the next start.",
            sample="Web server",
            form=bounds.OBJECT_TITLE,
        ),
    )
    seed: tuple[SeedFile, ...] = field(
        default=(),
        metadata=many(
            SeedFile,
            "Files for cloud-init, which the guest finds on a read-only disk with the label C(cidata).",
            "A VM without files has no such disk.",
        ),
    )
    cdrom: str | None = field(
        default=None,
        metadata=text(
            "Path of the image of the CD in its drive, one of C(images). A VM without a CD has no drive.",
            sample=f"/var/lib/cloudrepo/images/{SAMPLE_CHECKSUM}.img",
            form=bounds.PATH,
        ),
    )
    boot: str = field(
        default=bounds.BOOT_DEVICES[0],
        metadata=text("From what it boots, in this order.", sample="cdrom,disk", form=bounds.BOOT_ORDER),
    )
    kernel: str | None = field(
        default=None,
        metadata=text(
            "Path of a Linux kernel, one of C(images). The VM boots it instead of what C(boot) says.",
            sample=None,
            form=bounds.PATH,
        ),
    )
    initrd: str | None = field(
        default=None,
        metadata=text("Path of the initrd of this kernel, one of C(images).", sample=None, form=bounds.PATH),
    )
    kernel_arguments: str | None = field(
        default=None,
        metadata=text("Arguments of this kernel.", sample=None, form=bounds.KERNEL_ARGUMENTS),
    )
    user_data_id: str | None = field(
        default=None,
        metadata=text(
            "Identifies the guest's user data, so that the host knows whether to write it to the disk. A work order "
            "never contains the user data itself. Without it, there is none, or C(seed) contains it.",
            sample="0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4",
            pattern=r"[0-9a-f]{32}",
            rule="32 hexadecimal digits",
            no_log=False,
        ),
    )
    firmware: str = field(
        default=FIRMWARES[0],
        metadata=text(
            "How it boots. For V(uefi), the host needs OVMF (Debian's package C(ovmf)).",
            sample=None,
            choices=FIRMWARES,
        ),
    )
    disk_bus: str = field(
        default=DISK_BUSES[0],
        metadata=text("How its disks and that for cloud-init are connected.", sample=None, choices=DISK_BUSES),
    )
    nic_model: str = field(
        default=NIC_MODELS[0],
        metadata=text(
            "The model of its NICs.",
            f"A VM has at most {bounds.MOST_ON_BRIDGE} with V(e1000) and V(rtl8139).",
            sample=None,
            choices=NIC_MODELS,
        ),
    )
    shutdown: str = field(
        default=SHUTDOWNS[0],
        metadata=text(
            "How its guest is asked to shut down before it is stopped or restarted. For V(none), it is not asked.",
            sample="acpi",
            choices=SHUTDOWNS,
        ),
    )
    shutdown_timeout_s: int = field(
        default=bounds.DEFAULT_SHUTDOWN_S,
        metadata=integer(
            "Seconds that the guest has for it. Then the VM is stopped.", sample=120, limit=bounds.SHUTDOWN_S
        ),
    )
    state: str = field(
        default="running",
        metadata=text(
            "Desired state of the VM. If V(stopped), it keeps its disk, taps and ports; if V(paused), its QEMU process "
            "as well.",
            sample="running",
            choices=("running", "stopped", "paused"),
        ),
    )

    def __str__(self) -> str:
        """Its name in messages."""
        return f"VM {self.vm_id} ({self.name})"

    def faults(self, where: str) -> Iterator[Refusal]:
        """See C(Contract)."""
        yield from self._disk_faults(where)
        room = bounds.BRIDGED_INTERFACES if self.nic_model in bounds.CONVENTIONAL_NICS else bounds.INTERFACES
        yield from room.problems(where, "number of interfaces", len(self.interfaces))
        yield from repeated(where, "interface", (nic.name for nic in self.interfaces))
        names = [file.name for file in self.seed]
        yield from direct_boot.faults(where, self)
        yield from repeated(where, "file", [*names, *(["user-data"] if self.user_data_id is not None else [])])

    def _disk_faults(self, where: str) -> Iterator[Refusal]:
        allowed = "an overlay with a backing_file, then data disks with a name and without a backing_file"
        if not self.disks:
            yield Refusal("field_not_allowed", where, {"field": "disks", "allowed": allowed, "got": 0})
        for place, disk in enumerate(self.disks):
            if (disk.backing_file is None, disk.name is None) != (place > 0, place == 0):
                yield Refusal("field_not_allowed", where, {"field": "disks", "allowed": allowed, "got": disk.path})
        yield from bounds.DATA_DISKS.problems(where, "number of data disks", len(self.data_disks))
        yield from repeated(where, "disk", (disk.path for disk in self.disks))
        yield from repeated(where, "data disk", (disk.name for disk in self.data_disks))

    @property
    def boot_order(self) -> tuple[str, ...]:
        """From what it boots, in this order."""
        return tuple(self.boot.split(","))

    @property
    def images(self) -> dict[str, str]:
        """The paths of images that it uses besides the backing files of its disks, by what they are for."""
        given = {"cdrom": self.cdrom, bounds.KERNEL: self.kernel, bounds.INITRD: self.initrd}
        return {use: path for use, path in given.items() if path is not None}

    @property
    def data_disks(self) -> tuple[Disk, ...]:
        """Its disks except for the one that it boots from."""
        return self.disks[1:]

    @property
    def running(self) -> bool:
        """Whether it should have a QEMU process, paused or not."""
        return self.state != "stopped"

    @property
    def paused(self) -> bool:
        """Whether its CPUs should be paused."""
        return self.state == "paused"

    @property
    def links_down(self) -> tuple[str, ...]:
        """Names of the interfaces that have no carrier in the guest."""
        return tuple(interface.name for interface in self.interfaces if interface.vlan_id is None or not interface.up)
