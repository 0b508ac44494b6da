# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans and applies the enabling and starting of a role's units on a host in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..changes import Change, between
from ..errors import CommandFailed, SlicesError
from . import systemd
from .runner import Runner

_PROPERTIES = "Id,ActiveState,UnitFileState,NeedDaemonReload"
_RUNNING = ("active", "reloading", "activating")


@dataclass(frozen=True)
class Todo:
    """The units that are not running or not enabled.

    Attributes:
        states: whether a unit is running and whether it is enabled, by unit.
        is_outdated: whether systemd has to be reloaded.
    """

    states: Mapping[str, tuple[bool, bool]] = field(default_factory=dict)
    is_outdated: bool = False

    @property
    def changes(self) -> list[Change]:
        """Each unit that differs."""
        after = attributes(is_running=True, is_enabled=True)
        return [
            between("unit", unit, attributes(is_running=is_running, is_enabled=is_enabled), after)
            for unit, (is_running, is_enabled) in self.states.items()
        ]


def plan(units: Sequence[str], runner: Runner) -> Todo:
    """Compare the units with their states in systemd.

    Raises:
        CommandFailed: systemd does not respond.
    """
    if not units:
        return Todo()
    shown = _show(units, runner)
    states = {unit: _state(shown.get(unit, {})) for unit in units}
    return Todo(
        {unit: state for unit, state in states.items() if state != (True, True)},
        any(block.get("NeedDaemonReload") == "yes" for block in shown.values()),
    )


def observe(units: Sequence[str], runner: Runner) -> dict[str, tuple[bool, bool]]:
    """Return whether each unit is running and whether it is enabled. A unit without a file is neither.

    Raises:
        CommandFailed: systemd does not respond.
    """
    shown = _show(units, runner)
    return {unit: _state(shown.get(unit, {})) for unit in units}


def apply(todo: Todo, runner: Runner) -> None:
    """Enable and start the units.

    Raises:
        SlicesError: a unit did not start; the message contains its last log lines.
    """
    if todo.is_outdated:
        runner.run(["systemctl", "daemon-reload"])
    if not todo.states:
        return
    units = list(todo.states)
    try:
        runner.run(["systemctl", "enable", "--quiet", "--now", "--", *units])
    except CommandFailed as error:
        words = systemd.last_words(units, runner)
        said = [f"{unit}: {lines}" for unit, lines in words.items() if lines]
        raise SlicesError("\n".join([error.message, *said]), **error.fields) from error


def _show(units: Sequence[str], runner: Runner) -> dict[str, dict[str, str]]:
    return {block["Id"]: block for block in systemd.show(units, runner, properties=_PROPERTIES)}


def _state(block: Mapping[str, str]) -> tuple[bool, bool]:
    return block.get("ActiveState") in _RUNNING, block.get("UnitFileState") == "enabled"


def attributes(*, is_running: bool, is_enabled: bool) -> dict[str, str]:
    """Return the state of a unit for a change."""
    return {"state": "running" if is_running else "stopped", "startup": "enabled" if is_enabled else "disabled"}
