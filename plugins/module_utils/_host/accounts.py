# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The system users that run QEMU: one for each slice on the host."""

from __future__ import annotations

import pwd
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import Refusal
from ..vlans import pool_number
from ..work_order import SliceOrder
from . import ownership
from .ownership import Conflict


@dataclass(frozen=True)
class Account:
    """The uid and primary gid of an unprivileged user."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Accounts:
    """The users of slices.

    Attributes:
        prefix: the prefix of their names, and the name of the group that may enter the parent of the VM folders. All
            users are in it.
        known: the existing users, by slice id.
    """

    prefix: str
    known: Mapping[int, Account] = field(default_factory=dict)

    def name(self, slice_id: int) -> str:
        """Return the name of a slice's user."""
        return f"{self.prefix}-{pool_number(slice_id)}"

    def is_user(self, name: str) -> bool:
        """Return whether a name is that of the user of some slice."""
        return name.startswith(f"{self.prefix}-") and name[len(self.prefix) + 1 :].isdecimal()

    def of(self, slice_id: int) -> Account:
        """Return the user of a slice that has VMs in the order."""
        return self.known[slice_id]

    def find(self, slice_id: int) -> Account | None:
        """Return the user of a slice, C(None) if it does not exist."""
        return self.known.get(slice_id)

    def uid(self, slice_id: int) -> int | None:
        """Return the uid of a slice's user, C(None) if it does not exist."""
        account = self.find(slice_id)
        return None if account is None else account.uid


def find_accounts(prefix: str, orders: Iterable[SliceOrder], *, missing_ok: bool) -> Accounts:
    """Return the users of the order's slices that have VMs.

    Raises:
        Refused: there are C(conflicts).
    """
    orders = tuple(orders)
    found = look_up(prefix, orders)
    ownership.refuse(conflicts(orders, found, missing_ok=missing_ok))
    return found


def look_up(prefix: str, orders: Iterable[SliceOrder]) -> Accounts:
    """Return the existing users of the order's slices, also of those without VMs, which may have left things behind."""
    names = Accounts(prefix)
    found = {order.slice_id: _look_up(names.name(order.slice_id)) for order in orders}
    return Accounts(prefix, {slice_id: account for slice_id, account in found.items() if account is not None})


def conflicts(orders: Iterable[SliceOrder], accounts: Accounts, *, missing_ok: bool) -> Iterator[Conflict]:
    """Yield why slices cannot have VMs on this host: several would share a user, or the user is missing, unless
    C(missing_ok) is set."""
    by_name: dict[str, list[int]] = {}
    for order in orders:
        if order.vms:
            by_name.setdefault(accounts.name(order.slice_id), []).append(order.slice_id)
    for name, slice_ids in by_name.items():
        for slice_id in slice_ids:
            if len(slice_ids) > 1:
                yield slice_id, Refusal("user_shared", f"user {name}", {"slices": slice_ids})
            elif accounts.find(slice_id) is None and not missing_ok:
                yield slice_id, Refusal("user_missing", f"user {name}", {"slice_id": slice_id})


def _look_up(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid)
