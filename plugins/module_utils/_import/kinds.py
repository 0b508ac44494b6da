# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shipped kinds of guests by the names that netlab and containerlab have for devices, images and interfaces."""

from __future__ import annotations

import re

from ..bounds import SSH_START
from ..kinds import NO_CONSOLE, Kind
from ..shipped_kinds import SHIPPED

_BY_DEVICE = {
    **dict.fromkeys(("cumulus", "cumulus_nvue", "cumulus_cvx", "cvx"), "cumulus-vx"),
    "frr": "frr",
    "openwrt": "openwrt",
    **dict.fromkeys(("srlinux", "srl", "nokia_srlinux"), "nokia-srlinux"),
    **dict.fromkeys(("vyos", "vyosnetworks_vyos"), "vyos"),
}
_HOST = "linux"
_HOSTS = (_HOST, "docker")
"""What netlab and containerlab, and GNS3, call a device of which only the image says more."""
_BY_IMAGE = ("alpine", "cirros", "debian", "frr", "ubuntu", "vyos")
_OTHER_NAMES = {"nokia-srlinux": "e1-{n}"}
"""Names that containerlab has for the interfaces of a kind, which are not those in the guest."""
_LOADS = {"frr": "vtysh -f {}", "nokia-srlinux": "sr_cli -ed < {} && sr_cli -ed 'commit save'"}
_REPOSITORY = re.compile(r"(?:.*/)?([^/:@]+)(?:[:@].*)?")


def shipped(device: str | None, image: str | None) -> str | None:
    """Return the shipped kind of a device, or of the image of a host; C(None) if there is none."""
    if device not in (None, *_HOSTS):
        return _BY_DEVICE.get(device or "")
    match = _REPOSITORY.fullmatch(image or "")
    return match[1] if match is not None and match[1] in _BY_IMAGE else None


def has_start_up(kind: str | None, *, internet: bool) -> bool:
    """Return whether a VM of a kind may have a start-up. Only its registration says that of one that is not shipped.

    Args:
        kind: the kind.
        internet: whether the VM has an address on VLAN 400.
    """
    if kind not in SHIPPED:
        return True
    own = SHIPPED[kind].kind
    return internet if own.startup_via == SSH_START else own.console != NO_CONSOLE


def loads(kind: str | None, device: str | None, path: str, text: str) -> str | None:
    """Return the command that applies a start-up configuration, C(None) if none is known.

    Args:
        kind: the kind of the guest.
        device: the device in the other tool.
        path: the file with it in the guest.
        text: the configuration.
    """
    if text.startswith("#!"):
        return path
    if device == _HOST:
        return f"sh {path}"
    return _LOADS[kind].format(path) if kind in _LOADS else None


def interface(kind: str | None, name: str) -> str | None:
    """Return the name of a data interface for an endpoint of a slice, C(None) if there is no such interface.

    An interface of a kind that is not shipped is unchanged, because only its registration says what its names are.
    """
    if kind is not None and kind not in SHIPPED:
        return name
    guest = Kind("linux") if kind is None else SHIPPED[kind].kind
    pattern, other = _OTHER_NAMES.get(guest.name), name
    if pattern is not None:
        number = name.removeprefix(pattern.replace("{n}", ""))
        other = guest.interface_pattern.replace("{n}", number) if number != name else name
    standard = guest.standard_name(other)
    is_data = re.fullmatch("eth[1-9][0-9]{0,2}", standard) is not None
    return other if is_data and int(standard[3:]) <= guest.most_data_interfaces else None


def number(kind: str | None, name: str) -> int | None:
    """Return the number of a data interface; C(None) if only the registration of its kind says it."""
    if kind is not None and kind not in SHIPPED:
        return None
    guest = Kind("linux") if kind is None else SHIPPED[kind].kind
    return int(guest.standard_name(name)[3:])
