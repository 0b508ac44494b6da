# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the variables that select slices, and for the hosts of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import selection as rules
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


def selection(given: Mapping[str, Any], omit: Any) -> dict[str, Any]:
    """Return C({slices, names, owner, all}), one of which is set.

    Args:
        given: the variables that select slices; those that are not defined have the value C(omit).
        omit: Ansible's placeholder.
    """
    found = rules.read(_defined(given, omit), _load)
    return {**asdict(rules.Selection()), **{name: value for name, value in vars(found).items() if value}}


def selection_problems(given: Mapping[str, Any], omit: Any, accepted: Sequence[str]) -> list[str]:
    """Return a sentence for each problem of the variables that select slices."""
    return [refusal.message for refusal in rules.problems(_defined(given, omit), accepted, _load)]


def orchestrator_problems(orchestrators: Sequence[str], hosts: Sequence[str]) -> list[str]:
    """Return why a run has no access to the database, as a sentence.

    Args:
        orchestrators: the hosts of the group C(orchestrator).
        hosts: the hosts of a play after C(--limit).
    """
    if not orchestrators:
        return [Refusal("orchestrator_missing", "inventory").message]
    first = orchestrators[0]
    if first not in hosts:
        return [Refusal("orchestrator_left_out", "--limit", {"host": first}).message]
    return []


def _defined(given: Mapping[str, Any], omit: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not omit}


class _Loader(yaml.SafeLoader):
    """Refuses a key that is set twice, of which the last one would silently win."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _value in node.value:
            # A mapping may be merged with several others, a merge key each.
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line, first = key.start_mark.line + 1, lines.get((key.tag, key.value))
                if first is not None:
                    problem = f"{key.value} was set in line {first} already"
                    raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
                lines[key.tag, key.value] = line
        return node


def _load(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{line}{getattr(error, 'problem', None) or error}") from error


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "orchestrator_problems": orchestrator_problems,
            "selection": selection,
            "selection_problems": selection_problems,
        }
