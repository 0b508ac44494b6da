# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the settings of hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils import settings
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import TAP_NAME
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

_WHERE = "settings"
_OVS = "openvswitch"
_BRIDGES = ("bridge", _OVS)
_BONDS = ("bond", "team")
"""Kinds of devices that other devices can belong to."""


def setting_problems(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each invalid variable of a role.

    Args:
        values: the values by name; null if not set.
    """
    return [refusal.message for refusal in settings.problems(values)]


def missing_interfaces(values: Mapping[str, str | None], interfaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each variable with an interface that the host does not have.

    Args:
        values: the interfaces by the names of their variables; empty or null if not set.
        interfaces: C(interfaces) of M(cloudrepo.slices.host_info); if it is empty, nothing is checked.
    """
    names = [str(each["name"]) for each in interfaces]
    # A worker has thousands of taps.
    others = [name for name in names if not TAP_NAME.allows(name)]
    return [
        Refusal("no_such_interface", _WHERE, {"variable": variable, "name": name, "known": others}).message
        for variable, name in values.items()
        if name and names and name not in names
    ]


def trunk_problems(values: Mapping[str, str | None], interfaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each reason why an interface cannot be a trunk, although the host has it.

    Args:
        values: the trunk by the name of its variable, then the interfaces that it must not be; empty or null if not
            set.
        interfaces: C(interfaces) of M(cloudrepo.slices.host_info).
    """
    (variable, name), *_others = values.items()
    found = _find(name, interfaces)
    problems = [*_same(values)]
    if found is not None and not problems:
        problems += _no_trunk(variable, found, interfaces)
    return [problem.message for problem in problems]


def wan_problems(values: Mapping[str, str | None], interfaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each reason why no traffic could leave a host through an interface that it has.

    Args:
        values: the interface by the name of its variable, then those that it must not be; empty or null if not set.
        interfaces: C(interfaces) of M(cloudrepo.slices.host_info).
    """
    (variable, name), *_others = values.items()
    found = _find(name, interfaces)
    held = _held(variable, found, interfaces) if found else ()
    return [problem.message for problem in (*_same(values), *held)]


def _no_trunk(variable: str, found: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]) -> Iterator[Refusal]:
    figures = {"variable": variable, "name": found["name"]}
    if found.get("kind") in _BRIDGES:
        yield Refusal("trunk_is_bridge", _WHERE, figures)
        return
    if _kind_of(found.get("master"), interfaces) != _OVS:
        # The switch takes all frames of its ports, so that an address on one of them is dead already.
        for address in found["addresses"]:
            if not ipaddress.IPv4Interface(address).is_link_local:
                yield Refusal("trunk_has_address", _WHERE, {**figures, "address": address})
    yield from _held(variable, found, interfaces, but=_OVS)


def _find(name: str | None, interfaces: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((each for each in interfaces if each["name"] == name), None)


def _kind_of(name: str | None, interfaces: Sequence[Mapping[str, Any]]) -> str | None:
    found = _find(name, interfaces)
    return None if found is None else found.get("kind")


def _same(values: Mapping[str, str | None]) -> Iterator[Refusal]:
    (variable, name), *others = values.items()
    for other, taken in others:
        if name and name == taken:
            yield Refusal("same_interface", _WHERE, {"variable": variable, "other": other, "name": name})


def _held(
    variable: str, found: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]], but: str | None = None
) -> Iterator[Refusal]:
    """Yield a refusal if a bridge or bond takes the frames of an interface, but not for one of the kind C(but)."""
    master = found.get("master")
    kind = _kind_of(master, interfaces)
    figures = {"variable": variable, "name": found["name"], "master": master, "kind": kind}
    if kind in _BONDS and kind != but:
        yield Refusal("interface_of_bond", _WHERE, figures)
    elif kind in _BRIDGES and kind != but:
        yield Refusal("interface_of_bridge", _WHERE, figures)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "missing_interfaces": missing_interfaces,
            "setting_problems": setting_problems,
            "trunk_problems": trunk_problems,
            "wan_problems": wan_problems,
        }
