# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The part of a work order that a worker carries out, as values (docs/work-order.md).

The names in an order become paths, unit names and lines of configuration that root reads, so they are
checked here, once, whoever wrote the order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..bounds import DEFAULT_MTU, LEAST_MTU, MOST_KBPS, MOST_MS, MOST_MTU
from ..errors import Refused
from ..vlans import MANAGEMENT_VLAN

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,71}")  # a label of 63 characters and _img.qcow2
_TAP = re.compile(r"tap_[A-Za-z0-9_.-]{1,11}")
_IP = re.compile(r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_PASSWORD_ID = re.compile(r"[0-9a-f]{16}")
_SETTINGS = (
    *("mtu", "qinq", "forward_bpdu", "up", "tx_kbps", "rx_kbps"),
    *("delay_ms", "jitter_ms", "loss_percent"),
)
# What a netdev group and half a cookie hold.
_LAST_ID = 0xFFFFFFFF
_PATH = re.compile(r"/[^\"\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Interface:
    """A NIC of a VM.

    Attributes:
        vlan_id: empty when it hangs on nothing.
        address: its IPv4 address on VLAN 400, which it may not leave.
        mtu: of its link or network, and so of its tap.
        qinq: whether the guest's own VLAN tags pass.
        forward_bpdu: whether STP, LACP, LLDP and Cisco's CDP, VTP, PAgP and PVST+ pass.
        up: whether the guest sees a carrier where there is one.
        tx_kbps: the most that the guest may send, in kbit/s; C(rx_kbps) the most that it may receive.
        delay_ms: how late the guest receives; C(jitter_ms) varies it, C(loss_percent) never comes.
    """

    name: str
    tap: str
    mac: str
    vlan_id: int | None
    link_id: int | None
    address: str | None = None
    mtu: int = DEFAULT_MTU
    qinq: bool = False
    forward_bpdu: bool = False
    up: bool = True
    tx_kbps: int | None = None
    rx_kbps: int | None = None
    delay_ms: float | None = None
    jitter_ms: float | None = None
    loss_percent: float | None = None

    @property
    def is_shaped(self) -> bool:
        """Whether its tap does more to frames for the guest than to hand them over."""
        return bool(self.rx_kbps or self.delay_ms or self.jitter_ms or self.loss_percent)


@dataclass(frozen=True)
class Peer:
    """An interface on VLAN 400, on whatever host, that the VMs of its slice may meet there."""

    mac: str
    address: str | None


@dataclass(frozen=True)
class VM:
    """A VM as it shall be on this host.

    Attributes:
        vnc_password_id: tells whether its display has the password that it shall have, which no order holds.
    """

    vm_id: int
    name: str
    slice_id: int
    cores: int
    ram_mib: int
    disk_bytes: int
    overlay: str
    backing_file: str
    vnc_port: int
    interfaces: tuple[Interface, ...]
    running: bool = True
    vnc_password_id: str | None = None

    def __str__(self) -> str:
        """What messages call it."""
        return f"VM {self.vm_id} ({self.name})"

    @property
    def links_down(self) -> tuple[str, ...]:
        """The interfaces whose guest side sees no carrier, by name."""
        return tuple(interface.name for interface in self.interfaces if interface.vlan_id is None or not interface.up)


@dataclass(frozen=True)
class SliceOrder:
    """All that a slice has on this host, and its peers, which are empty unless its VMs may meet on VLAN 400."""

    slice_id: int
    vms: tuple[VM, ...]
    peers: tuple[Peer, ...] = ()


def read_slices(slices: Iterable[Mapping[str, Any]], *, state_dir: str) -> tuple[SliceOrder, ...]:
    """The slices of a work order.

    Args:
        slices: the order's C(slices), in the shapes of the modules' argument specification.
        state_dir: the folder under which every overlay must lie.

    Raises:
        Refused: a name, path or number that no host should be given; every one is named.
    """
    orders = tuple(SliceOrder(entry["slice_id"], tuple(_vms(entry)), tuple(_peers(entry))) for entry in slices)
    reasons = [
        f"slice {order.slice_id}: its id is not between 1 and {_LAST_ID}"
        for order in orders
        if not 1 <= order.slice_id <= _LAST_ID
    ]
    reasons += [reason for order in orders for vm in order.vms for reason in _faults(vm, state_dir)]
    reasons += [reason for order in orders for reason in _peer_faults(order)]
    reasons += _repeated("slice", [order.slice_id for order in orders])
    reasons += _repeated("VM", [vm.vm_id for order in orders for vm in order.vms])
    reasons += _repeated("tap", [nic.tap for order in orders for vm in order.vms for nic in vm.interfaces])
    on_400 = [nic for order in orders for vm in order.vms for nic in vm.interfaces if nic.vlan_id == MANAGEMENT_VLAN]
    reasons += _repeated("MAC", [nic.mac for nic in on_400])
    reasons += _repeated("address", [nic.address for nic in on_400 if nic.address is not None])
    if reasons:
        raise Refused(reasons)
    return orders


def folder_of(state_dir: str, vm_id: int) -> str:
    """The folder that holds everything of one VM."""
    return f"{state_dir}/vms/{vm_id}"


def all_vms(orders: Iterable[SliceOrder]) -> tuple[VM, ...]:
    """Every VM of every slice, in the order's order."""
    return tuple(vm for order in orders for vm in order.vms)


def slice_ids(orders: Iterable[SliceOrder]) -> frozenset[int]:
    """The slices that an order is about."""
    return frozenset(order.slice_id for order in orders)


def _vms(entry: Mapping[str, Any]) -> Iterable[VM]:
    for vm in entry["vms"] or ():
        yield VM(
            vm_id=vm["vm_id"],
            name=vm["name"],
            slice_id=entry["slice_id"],
            cores=vm["cores"],
            ram_mib=vm["ram_mib"],
            disk_bytes=vm["disk_bytes"],
            overlay=vm["overlay"],
            backing_file=vm["backing_file"],
            vnc_port=vm["vnc_port"],
            interfaces=tuple(
                Interface(
                    nic["name"],
                    nic["tap"],
                    nic["mac"].lower(),
                    nic.get("vlan_id"),
                    nic.get("link_id"),
                    nic.get("address"),
                    **{key: nic[key] for key in _SETTINGS if nic.get(key) is not None},
                )
                for nic in vm["interfaces"] or ()
            ),
            running=vm.get("state") != "stopped",
            vnc_password_id=vm.get("vnc_password_id"),
        )


def _peers(entry: Mapping[str, Any]) -> Iterable[Peer]:
    for peer in entry.get("peers") or ():
        yield Peer(peer["mac"].lower(), peer.get("address"))


def _peer_faults(order: SliceOrder) -> Iterable[str]:
    for peer in order.peers:
        if not _MAC.fullmatch(peer.mac):
            yield f"slice {order.slice_id}: {peer.mac!r} of a peer is not a MAC address"
        if peer.address is not None and not _IP.fullmatch(peer.address):
            yield f"slice {order.slice_id}: {peer.address!r} of a peer is not an IPv4 address"


def _faults(vm: VM, state_dir: str) -> Iterable[str]:
    who = f"VM {vm.vm_id}"
    if not _NAME.fullmatch(vm.name):
        yield f"{who}: name {vm.name!r} is not a host name"
    if vm.vm_id < 1:
        yield f"{who} of slice {vm.slice_id}: ids count from 1"
    if vm.cores < 1 or vm.ram_mib < 1 or vm.disk_bytes < 1:
        yield f"{who}: cores, ram_mib and disk_bytes count from 1"
    if not 5900 <= vm.vnc_port <= 65535:
        yield f"{who}: VNC port {vm.vnc_port} is not between 5900 and 65535"
    if vm.vnc_password_id is not None and not _PASSWORD_ID.fullmatch(vm.vnc_password_id):
        yield f"{who}: {vm.vnc_password_id!r} is not the id of a password (16 hex digits)"
    folder, _slash, file = vm.overlay.rpartition("/")
    if folder != folder_of(state_dir, vm.vm_id) or not _NAME.fullmatch(file) or not file.endswith(".qcow2"):
        yield f"{who}: overlay {vm.overlay!r} is not a .qcow2 file in {folder_of(state_dir, vm.vm_id)}"
    if not _PATH.fullmatch(vm.backing_file):
        yield f"{who}: backing file {vm.backing_file!r} is not an absolute path"
    for name, times in Counter(nic.name for nic in vm.interfaces).items():
        if times > 1:
            yield f"{who}: interface {name} is listed twice"
    for nic in vm.interfaces:
        if not _TAP.fullmatch(nic.tap):
            yield f"{who}: {nic.tap!r} is not a tap name (tap_…, 15 characters at most)"
        if not _NAME.fullmatch(nic.name):
            yield f"{who}: {nic.name!r} is not an interface name"
        if not _MAC.fullmatch(nic.mac):
            yield f"{who}: {nic.mac!r} is not a MAC address"
        if nic.vlan_id is not None and not 1 <= nic.vlan_id <= 4094:
            yield f"{who}: VLAN {nic.vlan_id} of {nic.name} is not between 1 and 4094"
        if nic.address is not None and not _IP.fullmatch(nic.address):
            yield f"{who}: {nic.address!r} of {nic.name} is not an IPv4 address"
        yield from (f"{who}: {fault}" for fault in _setting_faults(nic))


def _setting_faults(nic: Interface) -> Iterable[str]:
    if not LEAST_MTU <= nic.mtu <= MOST_MTU:
        yield f"MTU {nic.mtu} of {nic.name} is not between {LEAST_MTU} and {MOST_MTU}"
    for what, kbps in (("tx_kbps", nic.tx_kbps), ("rx_kbps", nic.rx_kbps)):
        if kbps is not None and not 1 <= kbps <= MOST_KBPS:
            yield f"{what} {kbps} of {nic.name} is not between 1 and {MOST_KBPS}"
    for what, value, most in (
        ("delay_ms", nic.delay_ms, MOST_MS),
        ("jitter_ms", nic.jitter_ms, MOST_MS),
        ("loss_percent", nic.loss_percent, 100),
    ):
        if value is not None and not 0 <= value <= most:
            yield f"{what} {value:g} of {nic.name} is not between 0 and {most}"
    if nic.jitter_ms and not nic.delay_ms:
        yield f"jitter_ms {nic.jitter_ms:g} of {nic.name} has no delay_ms to vary"


def _repeated(noun: str, values: Sequence[Any]) -> list[str]:
    return [f"{noun} {value} is listed twice" for value, times in Counter(values).items() if times > 1]
