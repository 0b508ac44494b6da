# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The taps of VMs' NICs. The netdev group of a tap is its slice's id."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...bounds import DEFAULT_MTU, TAP_NAME
from ...changes import Change, SliceRef, between
from ...errors import Refusal, Refused, SlicesError
from ...work_order import SliceOrder
from ..accounts import Accounts
from ..files import read_text
from ..runner import Runner
from ..work_order import all_vms, slice_ids

PREFIX = "tap_"
RECREATE = "recreate"
SYS_NET = "/sys/class/net"
# Taps are removed as a group by one request, because the kernel then waits for an RCU grace period only once. They
# are moved to a separate group before, because a slice's id may also be the group of a device that is not ours.
REMOVAL_GROUP = 0x636C7264
_IFF_UP = 0x1
_IFF_NOARP = 0x80
_IFF_PROMISC = 0x100
_IFF_TAP = 0x0002
_PERSISTENT = 0x0800


@dataclass(frozen=True)
class Tap:
    """A tap, desired or observed.

    Attributes:
        owner: the uid that may open it; C(None) if unknown (in a plan for a host without that user).
        busy: whether a process has it open, which is derived from the carrier.
        plugged: whether a switch has it open, which is derived from its promiscuous mode.
        arp: whether the host itself replies to ARP requests on it.
        mtu: the MTU of its link or network.
    """

    name: str
    group: int
    owner: int | None
    up: bool = True
    persistent: bool = True
    busy: bool = False
    plugged: bool = False
    arp: bool = False
    mtu: int = DEFAULT_MTU

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes for a change."""
        return {
            "state": "up" if self.up else "down",
            "group": self.group,
            "owner": self.owner,
            "mtu": self.mtu,
            "arp": self.arp,
        }

    @property
    def slice(self) -> SliceRef | None:
        """Its slice; C(None) if an interrupted run has already moved it to the group for removals."""
        return None if self.group == REMOVAL_GROUP else SliceRef(self.group)


@dataclass(frozen=True)
class Devices:
    """The network devices of a host: its taps, and the netdev groups of other devices, by name."""

    taps: Mapping[str, Tap] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TapPlan:
    """The plan for taps.

    Attributes:
        recreate: taps of another user that no process has open.
        kept: taps of another user that a process has open. They stay until the VM stops, and are recreated by the next
            plan or when the host starts.
        unplugged: desired taps that no switch has open, or that are recreated.
    """

    create: tuple[Tap, ...] = ()
    recreate: tuple[tuple[Tap, Tap], ...] = ()
    adjust: tuple[tuple[Tap, Tap], ...] = ()
    remove: tuple[Tap, ...] = ()
    kept: tuple[str, ...] = ()
    unplugged: frozenset[str] = frozenset()

    @property
    def made(self) -> frozenset[str]:
        """The taps that are created or recreated."""
        return frozenset(tap.name for tap in (*self.create, *(new for _old, new in self.recreate)))

    @property
    def changes(self) -> list[Change]:
        """Each tap that differs."""
        return [
            *(between("tap", tap.name, tap.attributes, None, slice=tap.slice) for tap in self.remove),
            *(between("tap", tap.name, None, tap.attributes, slice=tap.slice) for tap in self.create),
            *(
                Change("tap", new.name, RECREATE, old.attributes, new.attributes, slice=new.slice)
                for old, new in self.recreate
            ),
            *(between("tap", new.name, old.attributes, new.attributes, slice=new.slice) for old, new in self.adjust),
        ]


def observe(root: str = SYS_NET) -> Devices:
    """Return the host's devices, from sysfs."""
    taps: dict[str, Tap] = {}
    others: dict[str, int] = {}
    for name in sorted(os.listdir(root)):
        folder = f"{root}/{name}"
        group = _number(f"{folder}/netdev_group")
        if group is None:
            continue  # a file such as bonding_masters, or a device that has just been removed
        kind = _number(f"{folder}/tun_flags")
        if kind is None or not kind & _IFF_TAP:
            others[name] = group
            continue
        flags = _number(f"{folder}/flags") or 0
        taps[name] = Tap(
            name=name,
            group=group,
            owner=_number(f"{folder}/owner"),
            up=bool(flags & _IFF_UP),
            persistent=bool(kind & _PERSISTENT),
            busy=_is_busy(folder),
            plugged=bool(flags & _IFF_PROMISC),
            arp=not flags & _IFF_NOARP,
            mtu=_number(f"{folder}/mtu") or DEFAULT_MTU,
        )
    return Devices(taps, others)


def plan(orders: Iterable[SliceOrder], have: Devices, *, accounts: Accounts, freed: Iterable[int] = ()) -> TapPlan:
    """Return the plan for the taps of the order.

    Args:
        orders: the slices.
        have: the host's devices.
        accounts: the users that own the taps.
        freed: the ids of running VMs that are stopped before the plan is applied.

    Raises:
        Refused: a device with the name of a tap is not a tap, or the netdev group for removals is in use.
    """
    orders, freed = tuple(orders), frozenset(freed)
    wanted = {
        nic.tap: Tap(name=nic.tap, group=vm.slice_id, owner=accounts.uid(vm.slice_id), mtu=nic.mtu)
        for vm in all_vms(orders)
        for nic in vm.interfaces
    }
    free = {nic.tap for vm in all_vms(orders) if vm.vm_id in freed for nic in vm.interfaces}
    _need_taps(orders, have)
    removed = _to_remove(orders, wanted, have, accounts)
    pairs = [(have.taps[name], tap) for name, tap in wanted.items() if name in have.taps]
    foreign = [(old, new) for old, new in pairs if not old.persistent or _other_owner(old, new)]
    # The carrier of a tap that is down is unknown, so it counts as busy.
    recreate = [(old, new) for old, new in foreign if old.name in free or (old.up and not old.busy)]
    adjust = [
        (old, _as_is(old, new))
        for old, new in pairs
        if (old, new) not in recreate and (not old.up or old.arp or old.group != new.group or old.mtu != new.mtu)
    ]
    return TapPlan(
        create=tuple(tap for name, tap in wanted.items() if name not in have.taps),
        recreate=tuple(recreate),
        adjust=tuple(adjust),
        remove=removed,
        kept=tuple(old.name for old, new in foreign if (old, new) not in recreate),
        unplugged=frozenset(wanted) - {old.name for old, new in pairs if old.plugged and (old, new) not in recreate},
    )


def _to_remove(
    orders: Iterable[SliceOrder], wanted: Collection[str], have: Devices, accounts: Accounts
) -> tuple[Tap, ...]:
    """Return the taps of these slices to remove: by their names and group, or by their user if they were renamed.

    Without VMs on this host, a slice may not be the only one with its user.
    """
    orders = tuple(orders)
    ours = {*slice_ids(orders), REMOVAL_GROUP}
    users = {order.slice_id: uid for order in orders if (uid := accounts.uid(order.slice_id)) is not None}
    own = {users[order.slice_id] for order in orders if order.vms and order.slice_id in users}
    removed = tuple(
        tap
        for tap in have.taps.values()
        if tap.name not in wanted
        if (
            tap.group in ours
            if _is_ours(tap.name)
            else tap.owner in own or (tap.group in users and tap.owner == users[tap.group])
        )
    )
    if removed:
        _need_free_group(have)
    return removed


def unheld(orders: Iterable[SliceOrder], have: Devices) -> frozenset[str]:
    """Return the taps of the order that no process has open: missing ones, and those recreated while a VM is running.

    Taps that are down are excluded, because their carrier is unknown.
    """
    wanted = (nic.tap for vm in all_vms(orders) for nic in vm.interfaces)
    return frozenset(name for name in wanted if (tap := have.taps.get(name)) is None or (tap.up and not tap.busy))


def saved_line(tap: Tap) -> str:
    """Return the line from which a tap is restored when the host starts."""
    mtu = "" if tap.mtu == DEFAULT_MTU else f" {tap.mtu}"
    return f"{tap.name} {tap.group} {tap.owner}{mtu}\n"


def read_saved(line: str) -> Tap:
    """Parse a line of C(saved_line).

    Raises:
        ValueError: the line does not describe a tap. This is strict because root runs commands with these words.
    """
    name, *words = line.split() or [""]
    if not TAP_NAME.allows(name) or not all(word.isdecimal() for word in words) or len(words) not in (2, 3):
        raise ValueError(f"{line.strip()!r} does not describe a tap")
    group, owner, *mtu = map(int, words)
    return Tap(name, group, owner, mtu=mtu[0] if mtu else DEFAULT_MTU)


def plan_restore(wanted: Iterable[Tap], have: Devices) -> TapPlan:
    """Return the plan that creates missing taps and recreates those of another user, as when the host starts.

    The kernel refuses to delete taps that a process has open.
    """
    pairs = [(tap, have.taps.get(tap.name)) for tap in wanted]
    return TapPlan(
        create=tuple(tap for tap, found in pairs if found is None),
        recreate=tuple((found, tap) for tap, found in pairs if found is not None and found.owner != tap.owner),
    )


def apply_present(todo: TapPlan, runner: Runner, *, force: bool = False) -> None:
    """Create, recreate and adjust taps with one C(ip -batch -).

    Args:
        todo: the plan.
        runner: runs commands on the host.
        force: whether to continue with the other taps after an error.

    Raises:
        CommandFailed: the kernel has rejected a tap.
    """
    lines = []
    for old, _new in todo.recreate:
        # The kernel refuses tuntap del, unlike link del, if a process has the tap open.
        lines.append(f"tuntap del dev {old.name} mode tap")
    for tap in (*todo.create, *(new for _old, new in todo.recreate)):
        lines.append(f"tuntap add dev {tap.name} mode tap user {tap.owner}")
        # The host must not communicate on a tenant's link: no link-local address, no ARP replies. With the userspace
        # datapath, the host's stack receives all frames of a guest.
        lines.append(f"link set dev {tap.name} addrgenmode none")
        lines.append(f"link set dev {tap.name} {_mtu(tap, DEFAULT_MTU)}arp off group {tap.group} up")
    for old, new in todo.adjust:
        lines.append(f"link set dev {new.name} {_mtu(new, old.mtu)}arp off group {new.group} up")
    if lines:
        options = ["-force"] if force else []
        runner.run(["ip", *options, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))


def apply_absent(todo: TapPlan, runner: Runner) -> None:
    """Remove taps, whose ports must have been removed before."""
    if not todo.remove:
        return
    named = [tap for tap in todo.remove if _is_ours(tap.name)]
    lines = [f"link del dev {tap.name}" for tap in todo.remove if tap not in named]
    if named:
        lines += [f"link set dev {tap.name} group {REMOVAL_GROUP}" for tap in named]
        lines.append(f"link del group {REMOVAL_GROUP}")
    runner.run(["ip", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))


def _mtu(tap: Tap, have: int) -> str:
    return "" if tap.mtu == have else f"mtu {tap.mtu} "


def _as_is(old: Tap, new: Tap) -> Tap:
    return Tap(new.name, new.group, old.owner, persistent=old.persistent, busy=old.busy, mtu=new.mtu)


def _other_owner(old: Tap, new: Tap) -> bool:
    return new.owner is not None and old.owner != new.owner


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX)


def _need_taps(orders: Iterable[SliceOrder], have: Devices) -> None:
    nics = [(vm, nic) for vm in all_vms(orders) for nic in vm.interfaces if nic.tap in have.others]
    if nics:
        raise Refused([Refusal("device_is_no_tap", str(vm), {"device": nic.tap}) for vm, nic in nics])


def _need_free_group(have: Devices) -> None:
    groups = {**{tap.name: tap.group for tap in have.taps.values()}, **have.others}
    strangers = [name for name, group in groups.items() if group == REMOVAL_GROUP and not _is_ours(name)]
    if strangers:
        group = f"netdev group {REMOVAL_GROUP}"
        raise Refused([Refusal("removal_group_in_use", group, {"devices": sorted(strangers)})])


def _is_busy(folder: str) -> bool:
    try:
        return _number(f"{folder}/carrier") == 1
    except SlicesError:  # the carrier of a device that is down cannot be read
        return False


def _number(path: str) -> int | None:
    text = read_text(path)
    try:
        return None if text is None else int(text.strip(), 0)
    except ValueError:
        return None
