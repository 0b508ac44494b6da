# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.plugin_utils import wait_for_vms


class Module:
    """Stands in for the module: each VM is ready after a time."""

    def __init__(self, ready_after: Mapping[int, float]) -> None:
        self.ready_after, self.now = ready_after, 0.0
        self.calls: list[tuple[list[int], int]] = []

    def clock(self) -> float:
        return self.now

    def __call__(self, checks: Sequence[Mapping[str, Any]], timeout_s: int) -> Mapping[str, Any]:
        begin, self.now = self.now, self.now + timeout_s
        self.calls.append(([check["vm_id"] for check in checks], timeout_s))
        ready, late = [], []
        for check in checks:
            at = self.ready_after[check["vm_id"]]
            if at <= self.now:
                ready.append({**check, "seconds": at - begin})
            else:
                late.append({**check, "seconds": self.now - begin, "reason": "no answer"})
        return {"ready": ready, "waiting": late, **({"failed": True, "msg": "one call"} if late else {})}


def run(module: Module, timeout_s: int = 60) -> tuple[dict[str, Any], list[str]]:
    checks = [{"vm_id": vm_id, "name": f"web/vm{vm_id}"} for vm_id in module.ready_after]
    lines: list[str] = []
    result = wait_for_vms.wait(checks, module, timeout_s=timeout_s, report_s=15, now=module.clock, show=lines.append)
    return result, lines


def test_progress_is_shown_between_calls_for_those_that_are_left() -> None:
    module = Module({1: 5, 2: 20, 3: 40})
    result, lines = run(module)
    assert module.calls == [([1, 2, 3], 15), ([2, 3], 15), ([3], 15)]
    assert lines == [
        "1 of 3 VMs are ready after 15 s; waiting for web/vm2, web/vm3",
        "2 of 3 VMs are ready after 30 s; waiting for web/vm3",
    ]
    assert [(each["vm_id"], each["seconds"]) for each in result["ready"]] == [(1, 5), (2, 20), (3, 40)]
    assert (result["waiting"], result.get("failed")) == ([], None)


def test_one_limit_applies_to_all_calls() -> None:
    module = Module({1: 5, 2: 100, 3: 100})
    result, lines = run(module, timeout_s=20)
    assert [timeout_s for _ids, timeout_s in module.calls] == [15, 5]
    assert len(lines) == 1
    assert result["failed"]
    assert result["msg"] == "2 of 3 VMs are not ready after 20 s: web/vm2, web/vm3"
    assert [(each["vm_id"], each["seconds"], each["reason"]) for each in result["waiting"]] == [
        (2, 20, "no answer"),
        (3, 20, "no answer"),
    ]


def test_of_many_vms_some_are_named() -> None:
    _result, lines = run(Module(dict.fromkeys(range(1, 9), 20)))
    assert lines == [
        "0 of 8 VMs are ready after 15 s; waiting for web/vm1, web/vm2, web/vm3, web/vm4, web/vm5 and 3 more"
    ]


def test_of_many_vms_that_are_not_ready_some_are_named() -> None:
    result, _lines = run(Module(dict.fromkeys(range(1, 1_013), 100)), timeout_s=10)
    assert result["msg"].startswith("1012 of 1012 VMs are not ready after 10 s: web/vm1, web/vm2")
    assert result["msg"].endswith("web/vm10 and 1,002 more")
    assert len(result["waiting"]) == 1012


def test_another_failure_ends_the_wait() -> None:
    failure = {"failed": True, "msg": "no Python"}
    assert (
        wait_for_vms.wait(
            [{"vm_id": 1}], lambda *_given: failure, timeout_s=60, report_s=15, now=lambda: 0.0, show=lambda _line: None
        )
        == failure
    )
