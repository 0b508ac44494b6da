# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of an inventory source: their checks, and the kinds of guests that they describe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..errors import Refusal, Refused
from ..names import NAME, NAME_OR_ID
from .guests import CONNECTIONS, Kind, safe

CLOUD_GROUPS = ("orchestrator", "workers", "network_node")
"""The groups of the hosts of a cloud."""
_KIND_KEYS = ("name", "flavors", "user", "private_key_file", "python_interpreter", "connection_preference")
_LOGIN = {
    "ansible_user": "user",
    "ansible_ssh_private_key_file": "private_key_file",
    "ansible_python_interpreter": "python_interpreter",
}


def check(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Check the options in a source, before Ansible converts them to other types and ignores unknown ones.

    Raises:
        Refused: an option does not exist, or a name is no text.
    """
    # Ansible ignores the others: with `owners`, everybody's VMs would be hosts.
    _check_keys("inventory source", given, known)
    names = given.get("names")
    kinds = [each for each in given.get("kinds") or () if isinstance(each, Mapping)]
    wanted = [
        *(("names", each, NAME_OR_ID) for each in (names if isinstance(names, list) else [names])),
        *((option, given.get(option), NAME) for option in ("owner", "acting_user", "jump_host", "parent_group")),
        *(("kinds", each.get("name"), NAME) for each in kinds),
        *(("kinds", flavor, NAME) for each in kinds for flavor in each.get("flavors") or ()),
    ]
    refusals = [
        Refusal("name_of_other_type", option, {"got": value})
        for option, value, kind in wanted
        if value is not None and not kind.takes(value)
    ]
    if refusals:
        raise Refused(refusals)


def kinds(given: Iterable[Any], usual: Sequence[str]) -> list[Kind]:
    """Return the kinds of guests in the option C(kinds).

    Args:
        given: the option.
        usual: the option C(connection_preference).

    Raises:
        Refused: a kind has no name, an option that does not exist, or an unknown connection.
    """
    return [_kind(each, usual) for each in given]


def _kind(given: Any, usual: Sequence[str]) -> Kind:
    if not isinstance(given, Mapping) or not given.get("name"):
        raise Refused([Refusal("option_missing", "kinds", {"kind": "kind", "option": "name"})])
    where = f"kind {given['name']}"
    _check_keys(where, given, _KIND_KEYS)
    preference = tuple(_listed(given.get("connection_preference")) or usual)
    unknown = [each for each in preference if each not in CONNECTIONS]
    if unknown:
        raise Refused([Refusal("unknown_connection", where, {"known": CONNECTIONS, "got": unknown})])
    login = {name: given[key] for name, key in _LOGIN.items() if given.get(key)}
    return Kind(given["name"], tuple(_listed(given.get("flavors")) or ("*",)), preference, login)


def parent_group(given: str, others: Collection[str]) -> str:
    """Return the name of the group of all VMs.

    Args:
        given: the option C(parent_group).
        others: the names of the other groups of VMs.

    Raises:
        Refused: it is empty, that of another group of VMs, or that of hosts of the cloud.
    """
    name = safe(f"_{given}" if given[:1].isdigit() else given)
    if not name:
        raise Refused([Refusal("option_missing", "parent_group", {"kind": "group of all VMs", "option": "a name"})])
    if name in CLOUD_GROUPS:
        raise Refused([Refusal("group_of_cloud", "parent_group", {"got": name})])
    if name in others:
        raise Refused([Refusal("group_name_in_use", "parent_group", {"got": name})])
    return name


def host_name(wanted: Any, vm: str) -> str:
    """Return a host name from the option C(hostname).

    Args:
        wanted: the value of the template.
        vm: the VM for messages.

    Raises:
        Refused: the value is empty.
    """
    if wanted is None or not str(wanted).strip():
        raise Refused([Refusal("empty_host_name", "hostname", {"vm": vm, "got": wanted})])
    return str(wanted)


def _check_keys(where: str, given: Iterable[Any], known: Iterable[str]) -> None:
    unknown = sorted({str(key) for key in given} - {*known})
    if unknown:
        raise Refused([Refusal("unknown_options", where, {"got": unknown, "known": sorted(known)})])


def _listed(given: Any) -> list[str]:
    """Return a list that may have been given as a text with commas, as Ansible accepts it for other options."""
    return [each.strip() for each in given.split(",")] if isinstance(given, str) else list(given or ())
