# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The list of lost machines on the network node, which workers ask for before they start VMs (docs/decisions/0021).

C(STATE_DIR/lost-machines) has the mark of each machine. C(slices-lost.socket) sends it to whoever connects, followed by
a line that distinguishes a complete list from a truncated one. A list that is older than the last one is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..changes import Change, between
from ..identity import MARK_PATTERN
from . import files, revisions

FILE = "lost-machines"
_END = "end of lost machines"


@dataclass(frozen=True)
class LostMachines:
    """The list of an order: the marks of lost machines, and the revision of the order, C(None) if it has none."""

    marks: frozenset[str]
    revision: int | None = None


@dataclass(frozen=True)
class FencePlan:
    """The current and the wanted list, and the revision of the latter; nothing to do if C(new) is C(None)."""

    path: str = ""
    old: frozenset[str] = field(default_factory=frozenset)
    new: frozenset[str] | None = None
    revision: int | None = None

    @property
    def changes(self) -> list[Change]:
        """Each machine that is added or removed."""
        if self.new is None:
            return []
        return [
            *(between("lost machine", mark, None, {}) for mark in sorted(self.new - self.old)),
            *(between("lost machine", mark, {}, None) for mark in sorted(self.old - self.new)),
        ]


def wanted(params: Mapping[str, Any]) -> LostMachines | None:
    """Return the list of an order. A call without a cloud has no information on lost machines.

    Args:
        params: C(cloud_uuid), C(lost_machines) and C(revision) of a module.
    """
    if params["cloud_uuid"] is None:
        return None
    return LostMachines(frozenset(each["mark"] for each in params["lost_machines"]), params["revision"])


def plan(lost: LostMachines | None, state_dir: str) -> FencePlan:
    """Compare the list with that of an order. Requires the lock of the host, so that no newer list is overwritten.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    if lost is None or revisions.is_older(lost.revision, state_dir=state_dir, kind=revisions.NETWORK_NODE):
        return FencePlan()
    return FencePlan(_path(state_dir), frozenset(read(state_dir)), lost.marks, lost.revision)


def apply(todo: FencePlan) -> None:
    """Write the list if it differs."""
    if todo.changes:
        # Everybody may read it: a mark is meaningless without the machine-id.
        files.write_text(todo.path, "".join(f"{mark}\n" for mark in sorted(todo.new or ())), mode=0o644)


def read(state_dir: str) -> tuple[str, ...]:
    """Return the marks of lost machines. Lines that are no marks are skipped, and the next order replaces them."""
    return _marks((files.read_text(_path(state_dir)) or "").splitlines())


def forget(state_dir: str) -> None:
    """Forget the list, which was another cloud's."""
    files.remove(_path(state_dir))


def list_text(state_dir: str) -> str:
    """Return what the network node answers."""
    return "".join(f"{line}\n" for line in (*read(state_dir), _END))


def read_answer(answer: str) -> tuple[str, ...] | None:
    """Return the marks of an answer, C(None) if it is not whole."""
    lines = answer.splitlines()
    return _marks(lines[:-1]) if lines and lines[-1] == _END else None


def _marks(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if re.fullmatch(MARK_PATTERN, line))


def _path(state_dir: str) -> str:
    return f"{state_dir}/{FILE}"
