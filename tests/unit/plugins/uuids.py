# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UUIDs for tests: those that a check foretells are those of the run that follows it, and none comes twice."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import identity


class Uuids:
    """Counts, in place of chance; C(turn) has to be told of each call of a module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = self._number = 0
        self._was_check = False
        monkeypatch.setattr(identity, "new_uuid", self._next)

    def turn(self, *, check: bool) -> None:
        """Begin a call: the same UUIDs again after a check, others after a run."""
        self._run += not self._was_check
        self._number, self._was_check = 0, check

    def _next(self) -> str:
        self._number += 1
        return str(uuid.UUID(int=self._run << 32 | self._number))


def without_uuids(data: Any) -> Any:
    """Return plain data without UUIDs, and without lists of disks that say no more than these."""
    if isinstance(data, list):
        return [without_uuids(each) for each in data]
    if not isinstance(data, dict):
        return data
    found = {key: without_uuids(value) for key, value in data.items() if key != "uuid"}
    if [set(disk) for disk in found.get("disks", [])] == [{"path"}]:
        del found["disks"]
    return found
