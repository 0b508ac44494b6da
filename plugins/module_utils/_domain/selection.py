# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which slices a playbook acts on: the one definition for all playbooks.

Exactly one of C(VARIABLES) is set. Everything else is a mistake of the caller: an empty value may be a form field that
was left blank, or a misspelt variable in a template, and must not be read as "all" or as "none".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VARIABLES = ("slices", "slice_name", "slice_owner", "slice_all")
TRUE = ("true", "yes", "on", "y", "t", "1")


@dataclass(frozen=True)
class Selection:
    """What the modules that act on slices are called with.

    Attributes:
        slices: topologies to store first; None where stored slices are selected.
        names: names, C(OWNER/NAME) or ids of stored slices.
        owner: the user whose slices are all selected.
        all: whether all slices that the acting user may act on are selected.
    """

    slices: Sequence[Any] | None = None
    names: tuple[str, ...] = ()
    owner: str | None = None
    all: bool = False


def problems(given: Mapping[str, Any], accepted: Sequence[str], load: Callable[[str], Any]) -> list[str]:
    """Return what is wrong with a selection, a sentence each.

    Args:
        given: the variables of C(VARIABLES) that are defined, whatever their values.
        accepted: those that the playbook can be called with.
        load: reads YAML or JSON; raises C(ValueError) for what is neither.
    """
    choice = f"Set exactly one of {', '.join(_assigned(name) for name in accepted)}."
    if not given:
        return [f"No slices are selected. {choice}"]
    refused = [name for name in given if name not in accepted]
    found = [f"{' and '.join(refused)} cannot be used with this playbook. {choice}"] if refused else []
    if len(given) > 1 and not refused:
        found.append(f"{' and '.join(given)} are set together. {choice}")
    return found + [
        f"{name} {problem}." for name, value in given.items() if (problem := _CHECKS[name](value, load)) is not None
    ]


def read(given: Mapping[str, Any], load: Callable[[str], Any]) -> Selection:
    """Return the selection that variables without C(problems) make."""
    [(name, value)] = given.items()
    if name == "slices":
        return Selection(slices=_topologies(value, load))
    if name == "slice_name":
        return Selection(names=tuple(str(each) for each in (value if _is_list(value) else [value])))
    return Selection(owner=str(value)) if name == "slice_owner" else Selection(all=True)


def _assigned(name: str) -> str:
    return "slice_all=true" if name == "slice_all" else name


def _topologies(value: Any, load: Callable[[str], Any]) -> Any:
    """Topologies as a list; a whole file of them, pasted into a form, has the list under C(slices)."""
    loaded = load(value) if isinstance(value, str) else value
    return loaded["slices"] if isinstance(loaded, Mapping) and set(loaded) == {"slices"} else loaded


def _check_slices(value: Any, load: Callable[[str], Any]) -> str | None:
    if _is_empty(value):
        return _told(value)
    try:
        topologies = _topologies(value, load)
    except ValueError as error:
        return f"is neither YAML nor JSON: {error}"
    if not _is_list(topologies) or not all(isinstance(each, Mapping) for each in topologies):
        return "must be a list of topologies"
    return None if topologies else _told(topologies)


def _check_names(value: Any, _load: Callable[[str], Any]) -> str | None:
    for each in value if _is_list(value) and value else [value]:
        if _is_empty(each):
            return _told(each) if each is value else f"has a name that {_told(each)}"
        if isinstance(each, bool) or not isinstance(each, (str, int)):
            return f"must be a name, an id or a list of these, got {each!r}"
    return None


def _check_owner(value: Any, _load: Callable[[str], Any]) -> str | None:
    if _is_empty(value):
        return _told(value)
    return None if isinstance(value, str) else f"must be the name of one user, got {value!r}"


def _check_all(value: Any, _load: Callable[[str], Any]) -> str | None:
    if _is_empty(value):
        return _told(value)
    return None if str(value).lower() in TRUE else f"must be true, got {str(value).lower()}"


_CHECKS: Mapping[str, Callable[[Any, Callable[[str], Any]], str | None]] = {
    "slices": _check_slices,
    "slice_name": _check_names,
    "slice_owner": _check_owner,
    "slice_all": _check_all,
}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_empty(value: Any) -> bool:
    blank = value.strip() if isinstance(value, str) else value
    return value is None or (isinstance(blank, (str, Sequence, Mapping)) and not blank)


def _told(value: Any) -> str:
    return "is null" if value is None else "is empty"
