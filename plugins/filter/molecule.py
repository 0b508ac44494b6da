# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbooks that Molecule runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible.constants import LOCALHOST
from ansible.errors import AnsibleFilterError

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import UnreadableTopology
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import TIME

PREFIX = "mol"
_LONGEST_SCENARIO = 63 - len(PREFIX) - len("--12345678")
_TITLE = re.compile(r"Molecule scenario (.*), until ([0-9TZ:-]{20})")


def molecule_name(scenario: str, run_id: str) -> str:
    """Return the name of the slice of a run.

    Args:
        scenario: the name of the scenario; any text.
        run_id: eight hexadecimal digits.
    """
    label = re.sub(r"[^a-z0-9]+", "-", scenario.lower())[:_LONGEST_SCENARIO].strip("-")
    return "-".join(part for part in (PREFIX, label, run_id) if part)


def molecule_topology(text: str) -> Any:
    """Return the content of a scenario's file, in which no key may be set twice.

    Raises:
        AnsibleFilterError: the text is not a YAML mapping; the message contains the line.
    """
    try:
        return yaml_lines.load_data(text)
    except UnreadableTopology as error:
        raise _error(Refusal("topology_unreadable", "topology of the scenario", {"why": error.message})) from error


def molecule_slices(
    topology: Any, name: str, scenario: str, *, hours: int, now: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the slice of a run, named and with the time at which it expires in its title.

    Args:
        topology: the content of the scenario's file.
        name: the name of the slice.
        scenario: the name of the scenario.
        hours: how long the slice is kept if the run does not delete it.
        now: the time, in UTC; the present by default.

    Raises:
        AnsibleFilterError: the file does not contain one slice.
    """
    slices = topology.get("slices") if isinstance(topology, Mapping) else None
    listed = slices if isinstance(slices, list) else []
    if len(listed) != 1 or not isinstance(listed[0], Mapping):
        number = sum(isinstance(each, Mapping) for each in listed)
        raise _error(Refusal("slices_of_scenario", "topology of the scenario", {"got": number}))
    return [{**listed[0], "name": name, "title": _title(scenario[:100], hours, now)}]


def molecule_problems(
    names: Sequence[str], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a sentence for each VM that would have the name of a host or group of the inventory.

    Molecule reads the inventory with the VMs first, so the plugin does not see other hosts, and Ansible would take the
    VM and the host for one.

    Args:
        names: the names of the VMs.
        hostvars: the variables of all hosts. The VMs of an earlier run have an id.
        groups: the hosts of each group.
    """
    hosts = {*groups.get("all", ()), *LOCALHOST}
    found = (
        (name, "group" if name in groups else "host")
        for name in names
        if name in groups or (name in hosts and "cloudrepo_vm_id" not in hostvars.get(name, ()))
    )
    return [Refusal("vm_named_like_host", f"VM {name}", {"kind": kind}).message for name, kind in found]


def molecule_expired(slices: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the slices of runs that were cut off and have expired, as arguments of M(cloudrepo.slices.slice).

    They give the slice another hour. Of several runs that do this at the same time, one changes the slice, and may
    delete it.

    Args:
        slices: all slices, as modules return them.
        now: the time, in UTC; the present by default.
    """
    expired = ((each, _scenario(each, now)) for each in slices if each["status"] != "deleting")
    return [
        {
            "slice_id": each["slice_id"],
            "name": each["name"],
            "owner": each["owner"],
            "title": _title(scenario, 1, now),
            "based_on": each["revision"],
        }
        for each, scenario in expired
        if scenario is not None
    ]


def _title(scenario: str, hours: int, now: datetime | None) -> str:
    return f"Molecule scenario {scenario}, until {_time(now, hours)}"


def _time(now: datetime | None, hours: int = 0) -> str:
    return ((now or datetime.now(timezone.utc)) + timedelta(hours=hours)).strftime(TIME)


def _scenario(slice_: Mapping[str, Any], now: datetime | None) -> str | None:
    """Return the scenario of a slice that has expired, C(None) for any other slice."""
    found = _TITLE.fullmatch(slice_.get("title") or "")
    is_old = found is not None and found[2] < _time(now)
    return found[1] if found and is_old and str(slice_.get("name", "")).startswith(f"{PREFIX}-") else None


def _error(refusal: Refusal) -> AnsibleFilterError:
    return AnsibleFilterError(refusal.message)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "molecule_expired": molecule_expired,
            "molecule_name": molecule_name,
            "molecule_problems": molecule_problems,
            "molecule_slices": molecule_slices,
            "molecule_topology": molecule_topology,
        }
