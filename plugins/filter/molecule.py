# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbooks that Molecule runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

PREFIX = "mol"
_LONGEST_SCENARIO = 63 - len(PREFIX) - len("--12345678")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_EXPIRY = re.compile(r"Molecule scenario .* until ([0-9TZ:-]{20})")


def molecule_name(scenario: str, run_id: str) -> str:
    """Return the name of the slice of a run.

    Args:
        scenario: the name of the scenario; any text.
        run_id: eight hexadecimal digits.
    """
    label = re.sub(r"[^a-z0-9]+", "-", scenario.lower())[:_LONGEST_SCENARIO].strip("-")
    return "-".join(part for part in (PREFIX, label, run_id) if part)


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
    if not isinstance(slices, Sequence) or len(slices) != 1 or not isinstance(slices[0], Mapping):
        raise AnsibleFilterError("the topology of a scenario must have one slice in the list slices")
    until = ((now or datetime.now(timezone.utc)) + timedelta(hours=hours)).strftime(_TIME)
    return [{**slices[0], "name": name, "title": f"Molecule scenario {scenario[:100]}, until {until}"}]


def molecule_leftovers(
    slices: Sequence[Mapping[str, Any]], own: Sequence[str] = (), *, now: datetime | None = None
) -> list[str]:
    """Return the ids of slices to delete: that of this run, and those of other runs that have expired.

    Args:
        slices: all slices, as modules return them.
        own: the names of the slices of this run.
        now: the time, in UTC; the present by default.
    """
    time = (now or datetime.now(timezone.utc)).strftime(_TIME)
    return [
        str(each["slice_id"])
        for each in slices
        if each["status"] != "deleting" and (each.get("name") in own or _has_expired(each, time))
    ]


def _has_expired(slice_: Mapping[str, Any], time: str) -> bool:
    found = _EXPIRY.fullmatch(slice_.get("title") or "")
    return str(slice_.get("name", "")).startswith(f"{PREFIX}-") and found is not None and found[1] < time


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "molecule_leftovers": molecule_leftovers,
            "molecule_name": molecule_name,
            "molecule_slices": molecule_slices,
        }
