# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for orphans, which are objects on hosts that are not in the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NO_RESPONSE

MIB = 1 << 20
RESULTS = {"workers": "apply_work_order_orphans", "network_node": "network_node_orphans"}
"""The variable that hosts register, by group of the inventory."""


def orphan_lines(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each orphan on any host: its kind, its host, its age, and whether it is removed.

    They are followed by a line for each deleted disk in the trash of a worker.
    """
    deleted = [(name, disk) for name, result in _results(hostvars, groups) for disk in result.get("trash") or ()]
    return [
        *(_text(name, orphan) for name, orphan in _orphans(hostvars, groups)),
        *(f"{name}: in the trash: {_deleted(disk)}" for name, disk in deleted),
    ]


def orphan_problems(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], names: Sequence[str]
) -> list[str]:
    """Return why orphans are not removed: refusals, hosts that did not respond, and names without an orphan."""
    found = list(_orphans(hostvars, groups))
    known = {each for _name, orphan in found for each in (orphan["name"], orphan["path"])}
    problems = [
        *(f"{name}: {_why(result)}" for name, result in _results(hostvars, groups) if _is_lost(result)),
        *(
            f"{name}: {refusal['message']}"
            for name, result in _results(hostvars, groups)
            for refusal in result.get("refusals") or ()
            if not _is_lost(result)
        ),
    ]
    unknown = [name for name in names if name not in known]
    listed = sorted({orphan["name"] for _name, orphan in found})
    return problems + [Refusal("orphan_unknown", f"orphan {name}", {"known": listed}).message for name in unknown]


def _orphans(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, result in _results(hostvars, groups):
        yield from ((name, orphan) for orphan in result.get("orphans") or ())


def _results(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for group, registered in RESULTS.items():
        for name in groups.get(group, ()):
            # Unreachable hosts have a result as well.
            yield name, hostvars[name].get(registered) or {"unreachable": True}


def _is_lost(result: Mapping[str, Any]) -> bool:
    return bool(result.get("unreachable") or result.get("failed"))


def _why(result: Mapping[str, Any]) -> str:
    return NO_RESPONSE if result.get("unreachable") else str(result.get("msg"))


def described(orphan: Mapping[str, Any]) -> str:
    """Return what an orphan is: a disk with its size, or a slice with all that the host has of it."""
    number = _slice(orphan["slice_id"])
    if orphan["kind"] == "disk":
        vm = "an unknown VM" if orphan["vm_id"] is None else f"VM {orphan['vm_id']}"
        size = f"{orphan['size_bytes'] / MIB:.1f} MiB, written {orphan['modified']}"
        twin = f"; its UUID is that of {orphan['twin']}" if orphan.get("twin") else ""
        return f"disk {orphan['path']} of {vm} in {number} ({size}){twin}"
    return f"{number}: {', '.join(orphan['holds'])}"


def _slice(slice_id: int | None) -> str:
    return "an unknown slice" if slice_id is None else f"slice {slice_id}"


def _deleted(disk: Mapping[str, Any]) -> str:
    left = f"kept for {disk['left_s'] / 3600:.1f} h while the host runs" if disk["left_s"] else "about to be removed"
    return f"disk {disk['path']} ({disk['uuid'] or 'no UUID'}) of {_slice(disk['slice_id'])}; {left}"


def _text(host: str, orphan: Mapping[str, Any]) -> str:
    state = "removed" if orphan["removed"] else f"seen since {orphan['since']}" if orphan["since"] else "seen first now"
    return f"{host}: {orphan['name']}: {described(orphan)}; {state}"


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"orphan_lines": orphan_lines, "orphan_problems": orphan_problems}
