# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that the caller of a playbook may set, from C(playbooks/vars/callers.yml)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import (
    INTERFACE,
    LABEL,
    VM,
    Grammar,
    flag,
    integer,
    listed,
    malformed,
    optional,
)

TABLE = Path(__file__).resolve().parents[2] / "playbooks/vars/callers.yml"
JOB_WORDS = ("awx_", "tower_")
"""The prefixes of variables that AWX sets in each job. Only those for the acting user are used."""
ARTIFACTS = ("slices_result", "job_files")
"""What our jobs leave to the next one of a workflow, besides C(slice_name). AWX passes it as variables, and no playbook
reads these."""
READ_RAW = ("topologies", "slices", "text")
"""Types of variables that no playbook refers to: C(guard) parses them and returns them as data."""


@dataclass(frozen=True)
class Playbook:
    """The variables that the caller of a playbook may set.

    Attributes:
        variables: the variables that every user may set.
        admin_variables: further variables of the playbook. Admins may set all variables.
        admins_only: whether only admins may run it.
        ignored: variables that a workflow passes to all of its jobs and that this playbook does not read.
        writes: the variable for the file that it writes on the controller, if it writes one.
        interrupted: what to do after a signal has ended a run, unless it is to run the playbook again.
        required: variables that must be set.
        one_slice: whether it refuses more than one slice.
    """

    name: str
    variables: tuple[str, ...] = ()
    admin_variables: tuple[str, ...] = ()
    admins_only: bool = False
    interrupted: str = ""
    ignored: tuple[str, ...] = ()
    writes: str = ""
    required: tuple[str, ...] = ()
    one_slice: bool = False

    @property
    def accepted(self) -> tuple[str, ...]:
        """All variables of the playbook."""
        return (*self.variables, *self.admin_variables)

    def admin_only(self, names: Iterable[str]) -> list[str]:
        """Return the names of variables that only an admin may set."""
        known = (*self.variables, *self.ignored, *ARTIFACTS)
        return sorted(name for name in names if name not in known and not name.startswith(JOB_WORDS))


@dataclass(frozen=True)
class Table:
    """All playbooks, and the grammars of their variables."""

    playbooks: Mapping[str, Playbook]
    grammars: Mapping[str, Grammar]

    def malformed(self, values: Mapping[str, Any]) -> Iterator[Refusal]:
        """Yield a refusal for each variable that a playbook refers to and that does not match its grammar.

        Values that match are not templates, which Ansible would evaluate on the controller.
        """
        yield from malformed(values, self.grammars, "variables")


def read_table(path: Path = TABLE) -> Table:
    """Return the content of the file."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    playbooks = {
        name: Playbook(
            name,
            tuple(said.get("variables", ())),
            tuple(said.get("admin_variables", ())),
            said.get("admins_only", False),
            said.get("interrupted", "").strip(),
            tuple(said.get("ignored", ())),
            said.get("writes", ""),
            tuple(said.get("required", ())),
            said.get("one_slice", False),
        )
        for name, said in data["playbooks"].items()
    }
    variables = data["variables"].items()
    return Table(playbooks, {name: _grammar(said) for name, said in variables if said["type"] not in READ_RAW})


def refuse(playbook: Playbook, names: Iterable[str], user: str) -> Iterator[Refusal]:
    """Yield why a user who is not an admin may not run a playbook with these variables."""
    if playbook.admins_only:
        yield Refusal("admins_only", f"playbook {playbook.name}", {"user": user})
    restricted = playbook.admin_only(names)
    if restricted and not playbook.admins_only:
        figures = {"variables": restricted, "user": user, "accepted": list(playbook.variables)}
        yield Refusal("variables_of_admins", f"playbook {playbook.name}", figures)


def incomplete(playbook: Playbook, given: Container[str]) -> Iterator[Refusal]:
    """Yield a refusal if a required variable is not set, by the caller or in the inventory."""
    missing = [name for name in playbook.required if name not in given]
    if missing:
        yield Refusal("variables_missing", f"playbook {playbook.name}", {"missing": missing})


def several_slices(playbook: Playbook, names: Sequence[str]) -> Iterator[Refusal]:
    """Yield a refusal if a playbook for one slice gets the names of several."""
    if playbook.one_slice and len(names) > 1:
        yield Refusal("several_slices", f"playbook {playbook.name}", {"got": list(names)})


def _grammar(said: Mapping[str, Any]) -> Grammar:
    if said["type"] == "integer":
        return integer(said["minimum"], said["maximum"])
    # A blank field of a form is an empty text.
    # Ansible reads a text of digits from AWX as a number.
    vm = Grammar(VM.rule, lambda value: VM.allows(str(value) if _is_number(value) else value))
    several = optional(listed(vm))
    vms = Grammar(several.rule, lambda value: several.allows([value] if _is_number(value) else value))
    return {"flag": flag(), "label": LABEL, "interface": INTERFACE, "vms": vms}[said["type"]]


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
