# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The addresses that dnsmasq reserves: a file for each slice, in the form of C(dhcp-hostsfile)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refused
from . import files
from .runner import Runner

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_IP = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True)
class Change:
    """The file of a slice that differs; a text is empty when there is no file."""

    slice_id: int
    old: str | None
    new: str | None

    @property
    def adds_only(self) -> bool:
        """Whether every line that was there stays."""
        return self.new is not None and set((self.old or "").splitlines()) <= set(self.new.splitlines())


@dataclass(frozen=True)
class DhcpPlan:
    """What has to happen to the files of reservations."""

    changes: tuple[Change, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything differs."""
        return bool(self.changes)

    @property
    def verb(self) -> str:
        """How dnsmasq learns of it.

        On SIGHUP it reads its files anew, which suffices for what is added; a reservation that changed or went
        stays in the lease that it gave, and only a restart forgets that.
        """
        return "reload" if all(change.adds_only for change in self.changes) else "restart"

    @property
    def before(self) -> list[str]:
        """A line for each reservation that goes."""
        return [line for change in self.changes for line in _lines(change.slice_id, change.old, change.new)]

    @property
    def after(self) -> list[str]:
        """A line for each reservation that comes."""
        return [line for change in self.changes for line in _lines(change.slice_id, change.new, change.old)]


def observe(slices: Iterable[Mapping[str, Any]], *, hosts_dir: str) -> dict[int, str]:
    """The texts of the slices' files, by slice."""
    texts = {entry["slice_id"]: files.read_text(f"{hosts_dir}/{entry['slice_id']}") for entry in slices}
    return {slice_id: text for slice_id, text in texts.items() if text is not None}


def plan(slices: Iterable[Mapping[str, Any]], have: Mapping[int, str]) -> DhcpPlan:
    """What makes the files those of the order.

    Raises:
        Refused: a MAC, address or name that would not stay one field of dnsmasq's line.
    """
    slices = tuple(slices)
    reasons = [reason for entry in slices for item in entry["reservations"] or () for reason in _faults(item)]
    if reasons:
        raise Refused(reasons)
    wanted = {entry["slice_id"]: _text(entry["reservations"] or ()) for entry in slices}
    return DhcpPlan(
        tuple(
            Change(slice_id, have.get(slice_id), text or None)
            for slice_id, text in sorted(wanted.items())
            if have.get(slice_id) != (text or None)
        )
    )


def apply(todo: DhcpPlan, *, hosts_dir: str, service: str, runner: Runner) -> str | None:
    """Write the files, then tell the service, if it runs.

    Returns:
        C(reload) or C(restart), as done to the service; nothing when it does not run.
    """
    for change in todo.changes:
        path = f"{hosts_dir}/{change.slice_id}"
        if change.new is None:
            files.remove(path)
        else:
            os.makedirs(hosts_dir, mode=0o755, exist_ok=True)
            # dnsmasq reads its files after it has dropped root.
            files.write_text(path, change.new, mode=0o644)
    if not todo.changed or runner.run(["systemctl", "is-active", "--quiet", service], check=False).rc != 0:
        return None
    runner.run(["systemctl", todo.verb, service])
    return todo.verb


def _text(reservations: Iterable[Mapping[str, Any]]) -> str:
    ordered = sorted(reservations, key=lambda item: (item["vm_id"], item["mac"]))
    return "".join(f"{item['mac'].lower()},{item['ip']},{item['name']}\n" for item in ordered)


def _lines(slice_id: int, text: str | None, other: str | None) -> list[str]:
    gone = set((other or "").splitlines())
    return [f"reservation of slice {slice_id}: {line}" for line in (text or "").splitlines() if line not in gone]


def _faults(item: Mapping[str, Any]) -> Iterable[str]:
    who = f"VM {item['vm_id']}"
    if not _MAC.fullmatch(item["mac"].lower()):
        yield f"{who}: {item['mac']!r} is not a MAC address"
    if not _IP.fullmatch(item["ip"]):
        yield f"{who}: {item['ip']!r} is not an IPv4 address"
    if not _NAME.fullmatch(item["name"]):
        yield f"{who}: {item['name']!r} is not a host name"
