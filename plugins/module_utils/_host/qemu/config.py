# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Renders the files of a VM: QEMU's configuration, the input of the unit's helpers, and the VM as it was started.

The VNC password is in a separate file (see C(vnc)).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ... import direct_boot
from ...bounds import BOOT_DEVICES, INITRD, KERNEL
from ...defaults import VNC_PLACES
from ...vm_order import VM, Disk, Interface
from ..accounts import Accounts
from ..datapath.taps import Tap, saved_line
from ..work_order import folder_of
from . import devices
from .sockets import qmp_socket, serial_socket, vnc_socket

CONFIG = "qemu.cfg"
TAPS = "taps"
LINKS_DOWN = "links_down"
STARTED = "vm.json"
CONSOLE = "console.log"
VNC_SECRET = "vnc.secret"
SEED = "seed.iso"
SEED_NOTE = "seed.id"
POWER_DOWN = "power_down"
# These are not in QEMU's configuration. Those of another VM are a conflict (ownership), missing ones are written.
_UUIDS = ("slice_uuid", "vm_uuid")
_LOOPBACK = "127.0.0.1"
_WITH_PASSWORD = " with a password"
_FIRST_PORT = 5900  # of display 0
SPARE_ROOT_PORTS = 2
"""The number of root ports without a NIC, for hot-plugging NICs. Each adds a millisecond to a VM's start."""
EXCLUSIVE_PORTS = 30
"""Number of NICs with a root port of their own. The NICs after these share ports."""
# Slots 1 to 3 of the root bus have the display, the random number generator and the disk. The ports are after them.
_FIRST_PORT_SLOT = 4
# The last slot before the chipset's own. Data disks are before it, from the last slot to the first.
_SEED_SLOT = "0x1e"
_FUNCTIONS_PER_SLOT = 8
_MACHINE_OPTIONS = {KERNEL: "kernel", INITRD: "initrd", direct_boot.ARGUMENTS: "append"}


@dataclass(frozen=True)
class Settings:
    """The settings for all VMs of a host.

    Attributes:
        checksum_offload: whether guests may offload checksums to the NIC.
        accounts: the users that run QEMU.
        vnc_listen: where displays listen, one of C(VNC_PLACES).
    """

    state_dir: str
    vnc_address: str
    accelerator: str
    checksum_offload: bool
    accounts: Accounts
    vnc_listen: str = VNC_PLACES[0]

    @property
    def vnc_asks(self) -> bool:
        """Whether displays require a password, which is the case if they listen on TCP."""
        return self.vnc_listen in ("worker", "loopback")

    def folder(self, vm_id: int) -> str:
        """Return the folder of a VM."""
        return folder_of(self.state_dir, vm_id)


def read_settings(params: Mapping[str, Any], accounts: Accounts) -> Settings:
    """Return the settings from a module's C(WORK_ORDER_ARGUMENTS) and C(RUNNING_ARGUMENTS)."""
    return Settings(
        state_dir=params["state_dir"],
        vnc_address=params["vnc_address"] or "",
        accelerator=params["accelerator"],
        checksum_offload=params["checksum_offload"],
        accounts=accounts,
        vnc_listen=params["vnc_listen"],
    )


def nic_id(interface: str) -> str:
    """Return the id of a NIC in QEMU."""
    return f"nic-{interface}"


def drive_id(disk: Disk) -> str:
    """Return the id of a disk in QEMU, which stays the same if a data disk is renamed."""
    return "disk" if disk.name is None else f"disk-{os.path.basename(disk.path)[: -len('.qcow2')]}"


def root_port(number: int) -> str:
    """Return the id of a root port in QEMU. Ports of NICs are numbered from 0, spare ports follow."""
    return f"port-{number}"


def nic_place(number: int) -> tuple[int, int]:
    """The root port of the NIC with this number, and its function there."""
    if number < EXCLUSIVE_PORTS:
        return number, 0
    port, function = divmod(number - EXCLUSIVE_PORTS, _FUNCTIONS_PER_SLOT)
    return EXCLUSIVE_PORTS + port, function


def root_ports(nics: int) -> int:
    """The number of root ports of a VM that is started with this many NICs, unless they are on a bridge."""
    return (nic_place(nics - 1)[0] + 1 if nics else 0) + SPARE_ROOT_PORTS


def render(vm: VM, settings: Settings) -> dict[str, str]:
    """Return the content of a VM's files, by name."""
    owner = settings.accounts.uid(vm.slice_id)
    return {
        CONFIG: _config(vm, settings),
        TAPS: "".join(saved_line(Tap(nic.tap, vm.slice_id, owner, mtu=nic.mtu)) for nic in vm.interfaces),
        LINKS_DOWN: links_down_text(vm.links_down),
        STARTED: json.dumps(as_started(vm, settings), indent=2, sort_keys=True) + "\n",
    }


def taps_text(text: str, owner: int | None) -> str:
    """Return the content of the taps file with another owner."""
    lines = [line.split() for line in text.splitlines()]
    return "".join(f"{' '.join([*words[:2], str(owner), *words[3:]])}\n" for words in lines)


def links_down_text(names: Iterable[str]) -> str:
    """Return the content of the file with the NICs that have no carrier."""
    return "".join(f"{nic_id(name)}\n" for name in names)


def as_started(vm: VM, settings: Settings) -> dict[str, Any]:
    """Return the properties of a VM that cannot change without a restart."""
    return {
        "vm_id": vm.vm_id,
        "slice_id": vm.slice_id,
        "user": settings.accounts.name(vm.slice_id),
        "name": vm.name,
        "cores": vm.cores,
        "ram_mib": vm.ram_mib,
        "disks": [vm.disks[0].path],
        "vnc": _display(vm, settings),
        "accelerator": settings.accelerator,
        "checksum_offload": settings.checksum_offload,
        "spare_root_ports": SPARE_ROOT_PORTS,
        "interfaces": [{"name": nic.name, "tap": nic.tap, "mac": nic.mac} for nic in vm.interfaces],
        **({"data_disks": {str(disk.name): disk.path for disk in vm.data_disks}} if vm.data_disks else {}),
        **devices.unusual(vm),
        **({"cdrom": vm.cdrom} if vm.cdrom is not None else {}),
        **direct_boot.given(vm),
        **({"boot": vm.boot} if vm.boot != BOOT_DEVICES[0] else {}),
        **({"cloud_init": seed_version(vm)} if vm.seed else {}),
        **{key: uuid for key in _UUIDS if (uuid := getattr(vm, key)) is not None},
    }


def seed_version(vm: VM) -> str:
    """Return what identifies the files for cloud-init, which a guest reads only when it starts."""
    files = json.dumps([*(each.to_dict() for each in vm.seed), *([vm.user_data_id] if vm.user_data_id else [])])
    return hashlib.sha256(files.encode()).hexdigest()[:8]


def read_started(text: str | None) -> dict[str, Any] | None:
    """Return the properties that a VM was started with, C(None) if they are unreadable."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("interfaces"), list):
        return None
    is_whole = all(isinstance(nic, dict) and {"name", "tap"} <= nic.keys() for nic in value["interfaces"])
    return value if is_whole else None


def restart_reasons(started: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why a running VM needs a restart to get the desired properties, as phrases; empty if it does not."""
    if started is None:
        return ("started with an unknown configuration",)
    have, wanted = {**devices.USUAL, **started}, {**devices.USUAL, **wanted}
    reasons = [
        f"{key} {have.get(key)} → {value}"
        for key, value in wanted.items()
        if key not in ("interfaces", "data_disks", *_UUIDS) and have.get(key) != value
    ]
    removable = ("cloud_init", "cdrom", *direct_boot.FIELDS, "boot")
    reasons += [f"{key} removed" for key in removable if key in started and key not in wanted]
    reasons += _disk_reasons(started.get("data_disks") or {}, wanted.get("data_disks") or {})
    old = {nic["name"]: nic for nic in started["interfaces"]}
    new = {nic["name"]: nic for nic in wanted["interfaces"]}
    reasons += [f"interface {name} removed" for name in old if name not in new]
    reasons += [f"interface {name} added" for name in new if name not in old]
    for name in new:
        if name in old:
            reasons += [
                f"interface {name} {key} {old[name].get(key)} → {value}"
                for key, value in new[name].items()
                if old[name].get(key) != value
            ]
    if not reasons and list(old) != list(new):
        reasons.append(f"interfaces {', '.join(old)} → {', '.join(new)}")
    return tuple(reasons)


def _disk_reasons(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        *(f"data disk {name} removed" for name in old if name not in new),
        *(f"data disk {name} added" for name in new if name not in old),
        *(f"data disk {name} replaced" for name in new if old.get(name, new[name]) != new[name]),
    ]


def started_with_password(started: Mapping[str, Any] | None) -> bool:
    """Return whether the display of a running VM requires a password, which cannot change without a restart."""
    return started is not None and str(started.get("vnc")).endswith(_WITH_PASSWORD)


def started_vnc_port(started: Mapping[str, Any] | None) -> int | None:
    """Return the TCP port of the display of a started VM, C(None) if it has none."""
    place = str((started or {}).get("vnc")).removesuffix(_WITH_PASSWORD)
    _address, _colon, number = place.rpartition(":")
    return _FIRST_PORT + int(number) if number.isdecimal() else None


def _display(vm: VM, settings: Settings) -> str:
    return (_vnc(vm, settings) or "none") + (_WITH_PASSWORD if settings.vnc_asks else "")


def _vnc(vm: VM, settings: Settings) -> str | None:
    if settings.vnc_listen == "none":
        return None
    if settings.vnc_listen == "unix":
        return f"unix:{vnc_socket(vm.vm_id)}"
    address = _LOOPBACK if settings.vnc_listen == "loopback" else settings.vnc_address
    number = vm.vnc_port - _FIRST_PORT
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def _vnc_sections(vm: VM, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    place = _vnc(vm, settings)
    if place is None:
        return []
    if not settings.vnc_asks:
        return [('vnc "default"', {"vnc": place})]
    return [
        ('object "vnc-password"', {"qom-type": "secret", "file": f"{settings.folder(vm.vm_id)}/{VNC_SECRET}"}),
        ('vnc "default"', {"vnc": place, "password-secret": "vnc-password"}),
    ]


def _config(vm: VM, settings: Settings) -> str:
    sockets = {"backend": "socket", "server": "on", "wait": "off"}
    sections: list[tuple[str, dict[str, str]]] = [
        *_machine(vm, settings),
        *devices.controllers(vm),
        ('drive "disk"', {"file": vm.disks[0].path, "format": "qcow2", "if": "none", "discard": "unmap"}),
        ('device "disk0"', {**devices.disk(vm, "disk"), **_boot_index(vm, "disk")}),
    ]
    for place, disk in enumerate(vm.data_disks):
        sections += _data_disk(vm, disk, place)
    sections += _cd_sections(vm)
    sections += _seed_sections(vm, settings)
    sections += _ports(vm)
    for number, nic in enumerate(vm.interfaces):
        sections += _nic(vm, nic, number, settings)
    sections += [
        *_vnc_sections(vm, settings),
        ('chardev "qmp"', {**sockets, "path": qmp_socket(vm.vm_id)}),
        ('mon "qmp"', {"mode": "control", "chardev": "qmp"}),
        (
            'chardev "serial"',
            {
                **sockets,
                "path": serial_socket(vm.vm_id),
                "logfile": f"{settings.folder(vm.vm_id)}/{CONSOLE}",
                "logappend": "on",
            },
        ),
        ('device "serial0"', {"driver": "isa-serial", "chardev": "serial"}),
    ]
    return "\n".join(_section(head, values) for head, values in sections)


def _on(is_on: bool) -> str:
    return "on" if is_on else "off"


def _boot_index(vm: VM, device: str) -> dict[str, str]:
    # QEMU takes the first place for a kernel.
    first = 0 if vm.kernel is None else 1
    return {"bootindex": str(first + vm.boot_order.index(device))} if device in vm.boot_order else {}


def _cd_sections(vm: VM) -> list[tuple[str, dict[str, str]]]:
    """Return the drive and its CD. Firmware and installers know a drive on SATA, whatever the disk is on."""
    if vm.cdrom is None:
        return []
    drive = {"file": vm.cdrom, "format": "raw", "if": "none", "media": "cdrom", "readonly": "on"}
    return [
        ('drive "cd"', drive),
        ('device "cd0"', {"driver": "ide-cd", "drive": "cd", "bus": "ide.2", **_boot_index(vm, "cdrom")}),
    ]


def _data_disk(vm: VM, disk: Disk, place: int) -> list[tuple[str, dict[str, str]]]:
    drive = {"file": disk.path, "format": "qcow2", "if": "none", "discard": "unmap"}
    return [(f'drive "{drive_id(disk)}"', drive), *devices.data_disk(vm, drive_id(disk), place, str(disk.name))]


def _machine(vm: VM, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    return [
        # A value in this file cannot contain a double quote.
        ("name", {"guest": (vm.title or vm.name).replace('"', "'")}),
        # Linux keeps time without an HPET. Omitting it and an unused controller makes the start 5% faster.
        (
            "machine",
            {
                "type": "q35",
                "accel": settings.accelerator,
                "sata": _on(devices.has_ahci(vm)),
                "hpet": "off",
                **{_MACHINE_OPTIONS[name]: value for name, value in direct_boot.given(vm).items()},
            },
        ),
        *devices.flash(vm, settings.folder(vm.vm_id)),
        ("memory", {"size": f"{vm.ram_mib}M"}),
        ("smp-opts", {"cpus": str(vm.cores)}),
        ('device "vga"', {"driver": "VGA", "bus": "pcie.0", "addr": "0x1"}),
        ('object "random"', {"qom-type": "rng-builtin"}),
        ('device "rng"', {"driver": "virtio-rng-pci", "rng": "random", "bus": "pcie.0", "addr": "0x2"}),
    ]


def _seed_sections(vm: VM, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    if not vm.seed:
        return []
    path = f"{settings.folder(vm.vm_id)}/{SEED}"
    return [
        ('drive "seed"', {"file": path, "format": "raw", "if": "none", "readonly": "on"}),
        ('device "seed0"', devices.seed(vm, "seed", _SEED_SLOT)),
    ]


def _ports(vm: VM) -> list[tuple[str, dict[str, str]]]:
    """Return the root ports of NICs and the spare ones; NICs on a bridge share the first one."""
    if not devices.is_on_bridge(vm):
        return [_root_port(number) for number in range(root_ports(len(vm.interfaces)))]
    first, *others = (_root_port(number) for number in range(1 + SPARE_ROOT_PORTS))
    del first[1]["io-reserve"]
    return [first, *others, devices.bridge(root_port(0))]


def _root_port(number: int) -> tuple[str, dict[str, str]]:
    slot, function = divmod(number, _FUNCTIONS_PER_SLOT)
    return (
        f'device "{root_port(number)}"',
        {
            "driver": "pcie-root-port",
            "bus": "pcie.0",
            "addr": f"{_FIRST_PORT_SLOT + slot:#x}.{function:#x}",
            "multifunction": "on",
            "chassis": str(number + 1),
            # NICs need no I/O ports, of which there are not enough for all root ports.
            "io-reserve": "0",
        },
    )


def _place(vm: VM, number: int) -> dict[str, str]:
    """Return where a NIC is. A fixed place keeps its name in the guest."""
    if devices.is_on_bridge(vm):
        return devices.nic_on_bridge(number)
    port, function = nic_place(number)
    if number < EXCLUSIVE_PORTS:
        return {"bus": root_port(port)}
    # A guest with one CPU has about 200 interrupt vectors. A port takes one, a NIC with MSI-X takes three.
    fewer = {"vectors": "0"} if vm.nic_model == devices.USUAL["nic_model"] else {}
    return {"bus": root_port(port), "addr": f"0x0.{function:#x}", "multifunction": "on", **fewer}


def _nic(vm: VM, nic: Interface, number: int, settings: Settings) -> list[tuple[str, dict[str, str]]]:
    backend = f"tap-{nic.name}"
    return [
        (f'netdev "{backend}"', {"type": "tap", "ifname": nic.tap, "script": "no", "downscript": "no"}),
        (
            f'device "{nic_id(nic.name)}"',
            {
                "driver": vm.nic_model,
                "netdev": backend,
                "mac": nic.mac,
                **_place(vm, number),
                # Without a boot ROM, a guest does not boot from a network.
                **((number == 0 and _boot_index(vm, "network")) or {"romfile": ""}),
                **devices.offload(vm, checksum_offload=settings.checksum_offload),
            },
        ),
    ]


def _section(head: str, values: Mapping[str, str]) -> str:
    return f"[{head}]\n" + "".join(f'  {key} = "{value}"\n' for key, value in values.items())
