# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unique UUIDs for tests, which are the same in check mode and in the following run."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import identity


class Uuids:
    """Generates UUIDs from a counter; C(turn) must be called before each call of a module."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = self._number = 0
        self._was_check = False
        monkeypatch.setattr(identity, "new_uuid", self._next)

    def turn(self, *, check: bool) -> None:
        """Start a call of a module, with the same UUIDs again after a run in check mode, otherwise with new ones."""
        self._run += not self._was_check
        self._number, self._was_check = 0, check

    def _next(self) -> str:
        self._number += 1
        return str(uuid.UUID(int=self._run << 32 | self._number))


def without_uuids(data: Any) -> Any:
    """Return plain data without UUIDs, and without lists of disks that contain only default fields otherwise."""
    if isinstance(data, list):
        return [without_uuids(each) for each in data]
    if not isinstance(data, dict):
        return data
    found = {key: without_uuids(value) for key, value in data.items() if key not in ("uuid", "owner_uuid")}
    if [set(disk) for disk in found.get("disks", [])] == [{"path"}]:
        del found["disks"]
    return found
