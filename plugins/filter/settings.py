# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the settings of hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils import settings
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import TAP_NAME
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import first_names

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
        f"settings: {variable} is {name}, but this host has only the interfaces {first_names(others)}"
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
    problems = _same(values)
    if found is None or problems:
        return problems
    said = f"settings: {variable} is {name}, which"
    if found.get("kind") in _BRIDGES:
        return [f"{said} is a bridge itself; name the interface that leads to the other hosts"]
    if _kind_of(found.get("master"), interfaces) != _OVS:
        # The switch takes all frames of its ports, so that an address on one of them is dead already.
        problems += [
            f"{said} has the address {address}, which the host would lose; a trunk has none, so move the address to "
            "another interface, or name another one"
            for address in found["addresses"]
            if not ipaddress.IPv4Interface(address).is_link_local
        ]
    return [*problems, *_held(said, found, interfaces, but=_OVS)]


def wan_problems(values: Mapping[str, str | None], interfaces: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each reason why no traffic could leave a host through an interface that it has.

    Args:
        values: the interface by the name of its variable, then those that it must not be; empty or null if not set.
        interfaces: C(interfaces) of M(cloudrepo.slices.host_info).
    """
    (variable, name), *_others = values.items()
    found = _find(name, interfaces)
    return _same(values) + (_held(f"settings: {variable} is {name}, which", found, interfaces) if found else [])


def _find(name: str | None, interfaces: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((each for each in interfaces if each["name"] == name), None)


def _kind_of(name: str | None, interfaces: Sequence[Mapping[str, Any]]) -> str | None:
    found = _find(name, interfaces)
    return None if found is None else found.get("kind")


def _same(values: Mapping[str, str | None]) -> list[str]:
    (variable, name), *others = values.items()
    return [
        f"settings: {variable} and {other} are both {name}; they must be different interfaces"
        for other, taken in others
        if name and name == taken
    ]


def _held(
    said: str, found: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]], but: str | None = None
) -> list[str]:
    """Return a sentence if a bridge or bond takes the frames of an interface, but not for one of the kind C(but)."""
    master = found.get("master")
    kind = _kind_of(master, interfaces)
    if kind not in (*_BRIDGES, *_BONDS) or kind == but:
        return []
    advice = f"name {master} instead" if kind in _BONDS else f"remove it from {master}, or name another interface"
    return [f"{said} belongs to {master} ({kind}), which gets its frames; {advice}"]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "missing_interfaces": missing_interfaces,
            "setting_problems": setting_problems,
            "trunk_problems": trunk_problems,
            "wan_problems": wan_problems,
        }
