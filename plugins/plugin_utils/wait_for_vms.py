# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits for guests in several calls of a module, and shows the progress between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import first_names

MOST_NAMES = 5

Call = Callable[[Sequence[Mapping[str, Any]], int], Mapping[str, Any]]


def wait(
    checks: Sequence[Mapping[str, Any]],
    call: Call,
    *,
    timeout_s: int,
    report_s: int,
    now: Callable[[], float],
    show: Callable[[str], None],
) -> dict[str, Any]:
    """Return the result of the module C(wait_for_vms) for the whole time.

    Args:
        checks: its argument.
        call: calls the module with the checks of VMs that are not ready yet, and a time limit in seconds.
        timeout_s: the time limit for all calls.
        report_s: the time limit of a call.
        now: the clock.
        show: shows a line of progress.
    """
    begin = now()
    ready: list[dict[str, Any]] = []
    left: Sequence[Mapping[str, Any]] = list(checks)
    while True:
        called = now() - begin
        result = dict(call(left, max(1, min(report_s, round(timeout_s - called)))))
        if "waiting" not in result:  # the module failed in another way
            return result
        ready += (_later(each, called) for each in result["ready"])
        waiting = [_later(each, called) for each in result["waiting"]]
        waited = now() - begin
        if not waiting or waited >= timeout_s:
            return {**result, **_outcome(ready, waiting, waited)}
        names = [str(each["name"]) for each in waiting]
        show(f"{len(ready)} of {len(checks)} VMs are ready after {waited:.0f} s; waiting for {_some(names)}")
        ids = {each["vm_id"] for each in waiting}
        left = [check for check in left if check["vm_id"] in ids]


def _later(each: Mapping[str, Any], by_s: float) -> dict[str, Any]:
    return {**each, "seconds": round(each["seconds"] + by_s, 2)}


def _outcome(ready: Sequence[Any], waiting: Sequence[Mapping[str, Any]], waited: float) -> dict[str, Any]:
    if not waiting:
        return {"ready": list(ready), "waiting": []}
    names = first_names(str(each["name"]) for each in waiting)
    count = len(ready) + len(waiting)
    msg = f"{len(waiting)} of {count} VMs are not ready after {waited:.0f} s: {names}"
    return {"ready": list(ready), "waiting": list(waiting), "msg": msg}


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
