# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reloads and restarts services whose files have changed since they read them.

A run may be interrupted after it has written the files and before the services have read them; the next one then finds
the files unchanged. So the checksums of the files that services have read are saved, after all of them have read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..changes import Change
from . import files
from .files import File
from .runner import Runner

COMMANDS = {"reloaded": "reload", "restarted": "restart", "restarted_if_active": "try-restart"}
"""How a service takes up its files, and the command of systemctl."""
_OLD, _NEW = {"files": "as before"}, {"files": "as written"}


@dataclass(frozen=True)
class Service:
    """A unit, or with a pattern several, and a key of C(COMMANDS)."""

    name: str
    state: str


@dataclass(frozen=True)
class Plan:
    """The services that have not read their files, in the order in which they will.

    Attributes:
        path: the file with the checksums.
        checksums: its content once all services have read their files.
    """

    path: str = ""
    checksums: str = ""
    services: tuple[Service, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Each service."""
        return [Change("unit", each.name, COMMANDS[each.state], _OLD, _NEW) for each in self.services]


def read_service(wanted: Mapping[str, Any]) -> Service:
    """Return a service of a module's arguments."""
    return Service(wanted["name"], wanted["state"])


def plan(services: Iterable[Service], wanted: Iterable[File], *, path: str) -> Plan:
    """Compare the files with the checksums of those that the services have read, which C(path) contains."""
    checksums = "".join(f"{files.checksum(file.content)}  {file.path}\n" for file in wanted)
    return Plan() if files.read_text(path) == checksums else Plan(path, checksums, tuple(services))


def apply(todo: Plan, runner: Runner) -> None:
    """Reload and restart the services in their order.

    Raises:
        CommandFailed: one of them did not start. The next call begins again.
    """
    if not todo.services:
        return
    for service in todo.services:
        # Those that only run for some slices are reported and repaired by the next deploy of such a slice.
        check = service.state != "restarted_if_active"
        runner.run(["systemctl", COMMANDS[service.state], "--", service.name], check=check)
    files.write_text(todo.path, todo.checksums, mode=0o600)
