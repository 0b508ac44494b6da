# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The selection of slices for a playbook, the same for all playbooks.

Exactly one of C(VARIABLES) must be set, to a value that is not empty. An empty value may be a blank form field or a
misspelt variable in a template, so it must not mean "all" or "none".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal

VARIABLES = ("slices", "slices_file", "slice_name", "slice_owner", "slice_all")
_WHERE = "selection"
TRUE = ("true", "yes", "on", "y", "t", "1")


@dataclass(frozen=True)
class Selection:
    """The arguments of modules that act on slices.

    Attributes:
        slices: topologies to store first; None if stored slices are selected.
        names: names, C(OWNER/NAME) or ids of stored slices.
        owner: the user whose slices are all selected.
        all: whether all slices that the acting user may act on are selected.
    """

    slices: Sequence[Any] | None = None
    names: tuple[str, ...] = ()
    owner: str | None = None
    all: bool = False


def problems(given: Mapping[str, Any], accepted: Sequence[str], load: Callable[[str], Any]) -> list[Refusal]:
    """Return refusals for an invalid selection.

    Args:
        given: the variables of C(VARIABLES) that are defined, including empty ones.
        accepted: the variables that the playbook accepts.
        load: parses YAML or JSON; raises C(ValueError) if it is invalid.
    """
    choice = [_assigned(name) for name in accepted]
    if not given:
        return [Refusal("nothing_selected", _WHERE, {"accepted": choice})]
    refused = [name for name in given if name not in accepted]
    found = []
    if refused:
        found.append(Refusal("variable_not_accepted", _WHERE, {"variables": refused, "accepted": choice}))
    elif len(given) > 1:
        found.append(Refusal("several_variables", _WHERE, {"variables": list(given), "accepted": choice}))
    return [*found, *(refusal for name, value in given.items() for refusal in _CHECKS[name](value, load))]


def read(given: Mapping[str, Any], load: Callable[[str], Any]) -> Selection:
    """Return the selection from variables without C(problems)."""
    [(name, value)] = given.items()
    if name in ("slices", "slices_file"):
        return Selection(slices=_topologies(value, load))
    if name == "slice_name":
        return Selection(names=tuple(str(each) for each in (value if _is_list(value) else [value])))
    return Selection(owner=str(value)) if name == "slice_owner" else Selection(all=True)


def _assigned(name: str) -> str:
    return "slice_all=true" if name == "slice_all" else name


def _topologies(value: Any, load: Callable[[str], Any]) -> Any:
    """Return the list of topologies, which is under C(slices) if a whole file was pasted into a form."""
    loaded = load(value) if isinstance(value, str) else value
    return loaded["slices"] if isinstance(loaded, Mapping) and set(loaded) == {"slices"} else loaded


def _check_slices(value: Any, load: Callable[[str], Any], variable: str = "slices") -> Iterator[Refusal]:
    if _is_empty(value):
        yield from _empty(variable, value)
        return
    try:
        topologies = _topologies(value, load)
    except ValueError as error:
        yield Refusal("topologies_unreadable", variable, {"why": str(error)})
        return
    if _is_empty(topologies):
        yield from _empty(variable, topologies)
    # An entry of another kind among topologies is refused on its own (plugin_utils/malformed_slices.py).
    elif not _is_list(topologies) or not any(isinstance(each, Mapping) for each in topologies):
        yield _wrong(variable, "a list of topologies", value)


def _check_file(value: Any, load: Callable[[str], Any]) -> Iterator[Refusal]:
    yield from _check_slices(value, load, "slices_file")


def _check_names(value: Any, _load: Callable[[str], Any]) -> Iterator[Refusal]:
    if _is_empty(value):
        yield from _empty("slice_name", value)
        return
    for each in value if _is_list(value) else [value]:
        if _is_empty(each):
            yield from _empty("a name in slice_name", each)
        elif isinstance(each, bool) or not isinstance(each, (str, int)):
            yield _wrong("slice_name", "a name, an id or a list of these", each)


def _check_owner(value: Any, _load: Callable[[str], Any]) -> Iterator[Refusal]:
    if _is_empty(value):
        yield from _empty("slice_owner", value)
    elif not isinstance(value, str):
        yield _wrong("slice_owner", "the name of one user", value)


def _check_all(value: Any, _load: Callable[[str], Any]) -> Iterator[Refusal]:
    if _is_empty(value):
        yield from _empty("slice_all", value)
    elif str(value).lower() not in TRUE:
        yield _wrong("slice_all", "true", value)


def _empty(variable: str, value: Any) -> Iterator[Refusal]:
    yield Refusal("variable_is_empty", variable, {"state": "null" if value is None else "empty"})


def _wrong(variable: str, allowed: str, value: Any) -> Refusal:
    return Refusal("field_not_allowed", _WHERE, {"field": variable, "allowed": allowed, "got": value})


_CHECKS: Mapping[str, Callable[[Any, Callable[[str], Any]], Iterator[Refusal]]] = {
    "slices": _check_slices,
    "slices_file": _check_file,
    "slice_name": _check_names,
    "slice_owner": _check_owner,
    "slice_all": _check_all,
}


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_empty(value: Any) -> bool:
    blank = value.strip() if isinstance(value, str) else value
    return value is None or (isinstance(blank, (str, Sequence, Mapping)) and not blank)
