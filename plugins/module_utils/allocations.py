# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that are unique in a cluster, which are numbers of several kinds, and the slices to which they are allocated.

This is the only definition of uniqueness. Rules query free numbers of a kind, the check of the database finds numbers
that are allocated twice, and the SQL schema has one table whose primary key is kind and number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from .models import VM, Slice

ID = "id"
MAC_BLOCK = "mac_block"
MAC = "mac"
VNC_PORT = "vnc_port"
ADDRESS = "address"
VLAN = "vlan"
VLAN_POOL = "vlan_pool"

MAC_BLOCKS = 65536

_MAC_TEXT = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)


class Allocation(NamedTuple):
    """A number of a kind, and the VM to which it is allocated (C(None) for the slice itself)."""

    kind: str
    number: int
    vm_id: int | None


def allocated(slice_: Slice, kind: str | None = None) -> Iterator[Allocation]:
    """Yield the numbers that are allocated to the slice, of one kind or of all."""
    for each in KINDS if kind is None else (kind,):
        for number, vm_id in _HOLDERS[each](slice_):
            yield Allocation(each, number, vm_id)


def mac_number(text: str | None) -> int | None:
    """Return a MAC as a number, C(None) if the text is not a MAC."""
    return int(text.replace(":", ""), 16) if text is not None and _MAC_TEXT.fullmatch(text) else None


def address_number(text: str | None) -> int | None:
    """Return an IPv4 address as a number, C(None) if the text is not an address."""
    try:
        return int(ipaddress.IPv4Address(text)) if isinstance(text, str) else None
    except ValueError:
        return None


def show(kind: str, number: int) -> str:
    """Return kind and number for messages."""
    if kind == MAC:
        digits = f"{number:012x}"
        return "MAC " + ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    if kind == ADDRESS:
        return f"address {ipaddress.IPv4Address(number)}"
    return {
        ID: f"id {number}",
        MAC_BLOCK: f"MAC block {number}",
        VNC_PORT: f"VNC port {number}",
        VLAN: f"VLAN {number}",
        VLAN_POOL: f"VLAN pool {number}",
    }[kind]


_Held = Iterator[tuple[int, Optional[int]]]


def _ids(slice_: Slice) -> _Held:
    yield slice_.slice_id, None
    for vm in slice_.vms:
        yield vm.vm_id, vm.vm_id


def _mac_blocks(slice_: Slice) -> _Held:
    return ((vm.vm_id % MAC_BLOCKS, vm.vm_id) for vm in slice_.vms)


def _macs(slice_: Slice) -> _Held:
    for vm in slice_.vms:
        for interface in vm.interfaces:
            number = mac_number(interface.mac)
            if number is not None:
                yield number, vm.vm_id


def _vnc_ports(slice_: Slice) -> _Held:
    return ((vm.vnc_port, vm.vm_id) for vm in slice_.vms)


def vm_addresses(vm: VM) -> Iterator[str | None]:
    """Yield the addresses of the VM on the management VLAN."""
    for interface in vm.interfaces:
        if interface.ip_config:
            yield interface.ip_config.get("ip")


def _addresses(slice_: Slice) -> _Held:
    for vm in slice_.vms:
        for text in vm_addresses(vm):
            number = address_number(text)
            if number is not None:
                yield number, vm.vm_id
    # Released addresses stay allocated until the hosts have removed them.
    for text in slice_.extra.get("releasing", {}).get("addresses", ()):
        number = address_number(text)
        if number is not None:
            yield number, None


def _vlans(slice_: Slice) -> _Held:
    return ((vlan_id, None) for vlan_id in slice_.vlan_pool_used)


def _pools(slice_: Slice) -> _Held:
    return ((number, None) for number in slice_.pools)


_HOLDERS: dict[str, Callable[[Slice], _Held]] = {
    ID: _ids,
    MAC_BLOCK: _mac_blocks,
    MAC: _macs,
    VNC_PORT: _vnc_ports,
    ADDRESS: _addresses,
    VLAN: _vlans,
    VLAN_POOL: _pools,
}
KINDS = tuple(_HOLDERS)
