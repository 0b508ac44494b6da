# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds of guests: the hardware that they expect, and what their interfaces are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import bounds, direct_boot
from .bounds import CONSOLES, DISK_BUSES, FIRMWARES, INITRD, KERNEL, NIC_MODELS, SHUTDOWNS, STARTUP_WAYS
from .contract import Contract, integer, text
from .errors import Refusal

KIND = "kind"
"""The extra field of a VM with its kind, and of a flavor with the name of a kind."""
CLOUD_INIT, NO_SET_UP = "cloud_init", "none"
NO_CONSOLE = CONSOLES[-1]
READY = ("auto", "none", "console", "cloud_init", "ping", "ssh", "http")
"""The checks that need no further option."""
_STANDARD = re.compile(r"eth([0-9]|[1-9][0-9]{1,2})")
_MANAGEMENT = "eth0"
_PATTERN = "eth{n}"


@dataclass(frozen=True)
class Kind(Contract):
    """A kind of guest.

    An interface has two names: the one in topologies, C(eth0) for management and C(eth1) and so on for data, and its
    own name in the guest.
    """

    NOUN = "kind"
    KEY = "name"

    name: str = field(metadata=text("The kind's name.", sample="vyos", form=bounds.IDENTIFIER))
    image: str | None = field(
        default=None,
        metadata=text(
            "Name of a flavor whose image VMs of this kind get, unless O(cloudrepo.slices.slice#module:vms[].image) "
            "is set.",
            sample="vyos",
            form=bounds.IDENTIFIER,
        ),
    )
    firmware: str = field(
        default=FIRMWARES[0],
        metadata=text(
            "How it boots, V(bios) by default.",
            "For V(uefi), workers need OVMF (Debian's package C(ovmf)). Each VM has variables of its own.",
            sample="uefi",
            choices=FIRMWARES,
        ),
    )
    kernel: str | None = field(
        default=None,
        metadata=text(
            "A Linux kernel for x86 (bzImage) that VMs boot directly, without a boot loader on their disk. It is a "
            "file on the orchestrator, or a URL from which the workers download it. An empty text removes it.",
            "It needs V(bios). Without C(console=ttyS0) in O(kernel_arguments), it writes nothing to the serial "
            "console.",
            sample=None,
            form=bounds.IMAGE_SOURCE,
        ),
    )
    kernel_checksum: str | None = field(
        default=None,
        metadata=text(
            "SHA-256 checksum of O(kernel) in hexadecimal. Required for a URL, verified for a file.",
            sample=None,
            form=bounds.SHA256,
        ),
    )
    initrd: str | None = field(
        default=None,
        metadata=text(
            "The initrd of O(kernel), a file on the orchestrator or a URL. It is an archive of cpio (newc), as it is "
            "or compressed with gzip, bzip2, xz, zstd, lzop or C(lz4 -l). An empty text removes it.",
            sample=None,
            form=bounds.IMAGE_SOURCE,
        ),
    )
    initrd_checksum: str | None = field(
        default=None,
        metadata=text(
            "SHA-256 checksum of O(initrd) in hexadecimal. Required for a URL, verified for a file.",
            sample=None,
            form=bounds.SHA256,
        ),
    )
    kernel_arguments: str | None = field(
        default=None,
        metadata=text(
            f"Arguments of O(kernel), at most {bounds.KERNEL_ARGUMENTS_LENGTH.most:,} printable ASCII characters "
            "without double quotes. An empty text removes them.",
            sample=None,
            form=bounds.KERNEL_ARGUMENTS,
        ),
    )
    disk_bus: str = field(
        default=DISK_BUSES[0],
        metadata=text("How its disks are connected, V(virtio) by default.", sample="virtio", choices=DISK_BUSES),
    )
    nic_model: str = field(
        default=NIC_MODELS[0],
        metadata=text(
            "The model of its NICs, V(virtio-net-pci) by default.",
            f"With V(e1000) and V(rtl8139), a VM has at most {bounds.MOST_ON_BRIDGE - 1} data interfaces.",
            sample="e1000",
            choices=NIC_MODELS,
        ),
    )
    max_data_interfaces: int | None = field(
        default=None,
        metadata=integer(
            "The number of data interfaces that it supports. The default is as many as the machine type supports.",
            sample=8,
            limit=bounds.DATA_INTERFACES,
        ),
    )
    interface_pattern: str = field(
        default=_PATTERN,
        metadata=text(
            "Names of its data interfaces. C({n}) is the number. The default is V(eth{n}).",
            sample="swp{n}",
            form=bounds.INTERFACE_PATTERN,
        ),
    )
    first_interface: int = field(
        default=1,
        metadata=integer(
            "Number of its first data interface, V(1) by default.", sample=1, limit=bounds.FIRST_INTERFACE
        ),
    )
    management_interface: str = field(
        default=_MANAGEMENT,
        metadata=text("Name of its first interface, V(eth0) by default.", sample="mgmt0", form=bounds.GUEST_INTERFACE),
    )
    set_up: str = field(
        default=CLOUD_INIT,
        metadata=text(
            "How it is configured, V(cloud_init) by default. With V(none),"
            " O(cloudrepo.slices.slice#module:vms[].cloud_init) is refused.",
            sample="none",
            choices=(CLOUD_INIT, NO_SET_UP),
        ),
    )
    ready_when: str = field(
        default=READY[0],
        metadata=text(
            "The check that a VM without O(cloudrepo.slices.slice#module:vms[].ready_when) passes when it is ready,"
            " V(auto) by default.",
            "For a VM without an address on VLAN 400, V(console) is used instead of V(ping), V(ssh) and V(http).",
            sample="console",
            choices=READY,
        ),
    )
    shutdown: str = field(
        default=SHUTDOWNS[0],
        metadata=text(
            "How the guest is asked to shut down before its VM is stopped or restarted. With V(acpi), it gets the "
            "event of a power button. With V(none), the default, it is not asked.",
            "A guest is not asked if its VM is deleted or paused.",
            sample="acpi",
            choices=SHUTDOWNS,
        ),
    )
    shutdown_timeout_s: int = field(
        default=bounds.DEFAULT_SHUTDOWN_S,
        metadata=integer(
            f"Seconds that the guest has for it, V({bounds.DEFAULT_SHUTDOWN_S}) by default. Then its VM is stopped.",
            sample=120,
            limit=bounds.SHUTDOWN_S,
        ),
    )
    console: str = field(
        default=CONSOLES[0],
        metadata=text(
            "What it has on its serial console when it is ready, V(shell) of root without a login, which is the"
            " default, V(login), or V(none) of which a password is known.",
            "With V(none), O(cloudrepo.slices.slice#module:vms[].startup) is refused unless it goes over ssh.",
            sample="login",
            choices=CONSOLES,
        ),
    )
    console_user: str = field(
        default="root",
        metadata=text(
            "The user that logs in, there or over ssh, V(root) by default.", sample="vyos", form=bounds.CONSOLE_LINE
        ),
    )
    console_password: str | None = field(
        default=None,
        metadata=text(
            "Its password on the console, if it has one. It is stored and shown as it is, so use only passwords that"
            " everybody knows, such as that of a published image.",
            sample="vyos",
            form=bounds.CONSOLE_LINE,
            no_log=False,
        ),
    )
    console_shell: str | None = field(
        default=None,
        metadata=text(
            "The command that gives this user a root shell after the login, if it needs one. Over ssh, it must not ask"
            " for a password.",
            sample="sudo -i",
            form=bounds.CONSOLE_LINE,
        ),
    )
    startup_via: str = field(
        default=STARTUP_WAYS[0],
        metadata=text(
            "How O(cloudrepo.slices.slice#module:vms[].startup) gets into the guest, unless it says so itself."
            " V(console), the default, types it on the serial console.",
            "V(ssh) connects to the address of the VM on VLAN 400 through the network node, as O(console_user) with a"
            " key of the controller.",
            sample="ssh",
            choices=STARTUP_WAYS,
        ),
    )

    def faults(self, where: str) -> Iterator[Refusal]:
        """See C(Contract)."""
        yield from direct_boot.faults(where, self)
        for name in bounds.BOOT_IMAGES:
            source, checksum = getattr(self, name), getattr(self, f"{name}_checksum")
            if source is not None and checksum is None:
                yield Refusal("image_without_checksum", where, {"got": source})
            if source is None and checksum is not None:
                yield Refusal("checksum_without_image", where, {"option": f"{name}_checksum", "image": name})

    @property
    def boot_images(self) -> tuple[tuple[str, str, str], ...]:
        """Its kernel and its initrd, those that it has, each as checksum, source and what it is."""
        given = ((self.kernel_checksum, self.kernel, KERNEL), (self.initrd_checksum, self.initrd, INITRD))
        return tuple((checksum, source, content) for checksum, source, content in given if checksum and source)

    @classmethod
    def stored(cls, data: Mapping[str, Any]) -> Kind:
        """Return a stored kind, whose fields are not checked again. Unknown fields are ignored."""
        known = {part.name for part in cls.parts()}
        return cls(**{name: value for name, value in data.items() if name in known})

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Kind | None:
        """Return the kind in the extra fields of a VM, C(None) if it has none."""
        return cls.stored(extra[KIND]) if KIND in extra else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether the name of an interface could mean another one."""
        names = [self.own_name(f"eth{number}") for number in range(bounds.MOST_INTERFACES)]
        others = (name for number, name in enumerate(names) if name != f"eth{number}")
        return len(set(names)) < len(names) or any(_STANDARD.fullmatch(name) for name in others)

    @property
    def most_data_interfaces(self) -> int:
        """The number of data interfaces that it can have."""
        room = bounds.MOST_ON_BRIDGE - 1 if self.nic_model in bounds.CONVENTIONAL_NICS else bounds.MOST_DATA_INTERFACES
        return room if self.max_data_interfaces is None else min(room, self.max_data_interfaces)

    def own_name(self, interface: str) -> str:
        """Return the name in the guest of an interface of a topology."""
        match = _STANDARD.fullmatch(interface)
        if match is None:
            return interface
        number = int(match[1])
        if number == 0:
            return self.management_interface
        return self.interface_pattern.replace("{n}", str(self.first_interface + number - 1))

    def standard_name(self, interface: str) -> str:
        """Return the name in topologies of an interface, which may be called as in the guest. Others are unchanged."""
        if interface == self.management_interface:
            return _MANAGEMENT
        digits = interface.removeprefix(self.interface_pattern.replace("{n}", ""))
        if digits == interface or re.fullmatch("0|[1-9][0-9]{0,3}", digits) is None:
            return interface
        number = int(digits) - self.first_interface + 1
        return f"eth{number}" if number > 0 else interface
