# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds that exist without being registered, with the sources of their facts."""

from __future__ import annotations

from dataclasses import dataclass

from .bounds import ACPI, SSH_START
from .kinds import NO_CONSOLE, NO_SET_UP, Kind


@dataclass(frozen=True)
class Shipped:
    """A kind that exists without being registered.

    Attributes:
        kind: the kind.
        what: the guest in words.
        source: where its facts are from.
        is_tried: whether the tests of this collection run such a guest.
    """

    kind: Kind
    what: str
    source: str
    is_tried: bool = False


def _cloud_image(name: str, *, user: str) -> Kind:
    """Return a kind whose user logs in with a key that cloud-init sets up, and on no console."""
    return Kind(
        name,
        ready_when="cloud_init",
        console=NO_CONSOLE,
        console_user=user,
        console_shell="sudo -i",
        startup_via=SSH_START,
        shutdown=ACPI,
    )


# With acpi, systemd-logind, acpid or procd shuts the guest down, unless it is configured in another way.
_ALL = (
    Shipped(
        Kind("lab-guest", set_up=NO_SET_UP, ready_when="console", shutdown=ACPI),
        "the guest of the lab: Debian's cloud kernel and busybox in memory",
        "roles/lab/files/build-guest",
        is_tried=True,
    ),
    Shipped(
        Kind(
            "cirros",
            ready_when="console",
            console="login",
            console_user="cirros",
            console_password="gocubsgo",  # its login banner shows it
            console_shell="sudo -i",
            shutdown=ACPI,
        ),
        "CirrOS",
        "https://github.com/cirros-dev/cirros (its own reader of NoCloud; virtio; getty on ttyS0; acpid)",
    ),
    Shipped(
        _cloud_image("debian", user="debian"),
        "Debian's cloud images, genericcloud and nocloud",
        "Debian's wiki, page Cloud (BIOS and UEFI; virtio; cloud-init, whose user is debian; console=ttyS0; systemd)",
        is_tried=True,
    ),
    Shipped(
        _cloud_image("ubuntu", user="ubuntu"),
        "Ubuntu's cloud images",
        "https://documentation.ubuntu.com/public-images (BIOS and UEFI; virtio; cloud-init, whose user is ubuntu; "
        "console=ttyS0; systemd)",
    ),
    Shipped(
        Kind("alpine", ready_when="console", console=NO_CONSOLE, shutdown=ACPI),
        "Alpine Linux's cloud images for NoCloud, with tiny-cloud or cloud-init",
        "https://alpinelinux.org/cloud (variants for BIOS and for UEFI; this is the one for BIOS; acpid)",
    ),
    Shipped(
        _cloud_image("frr", user="debian"),
        "FRR on one of Debian's cloud images",
        "https://docs.frrouting.org (FRR uses the names of Linux); otherwise as debian",
        is_tried=True,
    ),
    Shipped(
        Kind(
            "vyos",
            ready_when="console",
            console="login",
            console_user="vyos",
            console_password="vyos",  # its documentation has it
            console_shell="sudo -i",
            shutdown=ACPI,
        ),
        "VyOS, an image with cloud-init",
        "https://docs.vyos.io (chapters on cloud-init and on running on KVM: virtio, eth0 first, ttyS0; systemd)",
    ),
    Shipped(
        Kind("openwrt", set_up=NO_SET_UP, ready_when="console", shutdown=ACPI),
        "OpenWrt for x86-64, an image ext4-combined",
        "https://openwrt.org/docs/guide-user/virtualization/qemu (BIOS; virtio; a shell on ttyS0; eth0 is the LAN); "
        "OpenWrt's /etc/rc.button/power",
    ),
    Shipped(
        Kind(
            "cumulus-vx",
            interface_pattern="swp{n}",
            set_up=NO_SET_UP,
            ready_when="console",
            console=NO_CONSOLE,  # its first login has to change the password
            shutdown=ACPI,
        ),
        "Cumulus VX",
        "https://docs.nvidia.com/networking-ethernet-software/cumulus-vx (KVM: virtio; eth0, then swp1 and so on); "
        "a Debian with systemd",
    ),
    Shipped(
        Kind(
            "nokia-srlinux",
            interface_pattern="ethernet-1/{n}",
            management_interface="mgmt0",
            set_up=NO_SET_UP,
            ready_when="console",
            console="login",
            console_user="admin",
            console_password="NokiaSrl1!",  # its documentation has it
            console_shell="bash",
        ),
        "Nokia SR Linux in a VM, for those who have such an image; Nokia publishes containers",
        "https://documentation.nokia.com/srlinux (mgmt0, then ethernet-1/1 and so on)",
    ),
)

SHIPPED = {each.kind.name: each for each in _ALL}
