# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.fences import FencePlan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.job import Job
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refusal, Refused

from .....locks import is_held
from ..fakes import MORE, FakeRunner
from .test_plan import LINKS, VM1, order

REFUSED = {1041: [Refusal("not_found", "VM x", {"known": []})]}
NAMES = "slices-names@1000.service"


def looked_at() -> FakeRunner:
    """Return a host that is prepared, with the answers for a plan."""
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout="Id=slices-dhcp.service\nActiveState=active\n")
    runner.tell("nft", "--stateless", MORE).tell("nft", "--json", MORE, stdout='{"nftables": []}')
    return runner.tell("nsenter", "--net=/run/netns/slices-dhcp", "nft", "--json", MORE, stdout='{"nftables": []}')


def job(tmp_path: Path, runner: FakeRunner, **more: Any) -> Job:
    (one,) = order(reservations=(VM1,))
    return Job((replace(one, revision=2_000),), Folders(str(tmp_path), LINKS), runner, "br-int", **more)


def test_the_revision_is_stored_before_any_change_and_a_failure_contains_refused_slices(tmp_path: Path) -> None:
    seen: list[tuple[str, bool]] = []

    def fail(argv: Sequence[str]) -> None:
        seen.append(((tmp_path / "revisions/network_node").read_text(), is_held(tmp_path / "flows")))
        raise CommandFailed(cmd=argv, rc=1, stdout="", stderr="no bus")

    one = job(tmp_path, looked_at().on("ip", "-batch", "-", do=fail), refused=REFUSED)
    with one.lock():
        todo = one.plan()
        assert not (tmp_path / "revisions").exists()
        with pytest.raises(Refused) as caught:
            one.apply(todo)
    ((noted, held),) = seen
    assert (json.loads(noted), held) == ({"1000": 2_000}, True)
    assert [each["slice_id"] for each in caught.value.fields["refused"]] == [1041]
    assert caught.value.fields["failure"] == "ip failed with code 1: no bus"


def test_lost_machines_are_changes_and_stored_first(tmp_path: Path) -> None:
    fence = FencePlan(str(tmp_path / "lost-machines"), frozenset(), frozenset({"1" * 64}))

    def fail(argv: Sequence[str]) -> None:
        assert (tmp_path / "lost-machines").read_text() == "1" * 64 + "\n"
        raise CommandFailed(cmd=argv, rc=1, stdout="", stderr="no bus")

    one = job(tmp_path, looked_at().on("ip", "-batch", "-", do=fail), fence=fence)
    todo = one.plan()
    assert todo.changes == [*fence.changes, *todo.plan.changes]
    assert todo.plan.changes != []
    with pytest.raises(CommandFailed, match="no bus"):
        one.apply(todo)


def test_an_order_that_was_applied_is_stored(tmp_path: Path) -> None:
    runner = looked_at()
    for program in ("systemctl", "ip", "nsenter", "conntrack", "nft"):
        runner.tell(program, MORE)
    one = job(tmp_path, runner)
    one = replace(one, orders=(replace(one.orders[0], record='{"slice":{}}'),))
    with one.lock():
        one.apply(one.plan())
    (applied,) = applied_orders.read(str(tmp_path), "network_node")
    assert (applied.slice_id, applied.revision, applied.record) == (1000, 2_000, '{"slice":{}}')


def test_a_failing_command_is_an_error_unless_the_host_is_unprepared(tmp_path: Path) -> None:
    def silent() -> FakeRunner:
        return FakeRunner().tell("systemctl", MORE, rc=127)

    todo = job(tmp_path, silent(), missing_ok=True).plan()
    assert (todo.seen.failure, (todo.plan.units or {})[NAMES]) == (None, "restart")
    with pytest.raises(CommandFailed):
        job(tmp_path, silent()).plan()


def test_a_superseded_order_is_refused_before_anything_is_observed(tmp_path: Path) -> None:
    files.make_folders(str(tmp_path / "revisions"))
    (tmp_path / "revisions/network_node").write_text('{"1000": 2001}')
    with pytest.raises(Refused) as caught:
        job(tmp_path, FakeRunner()).plan()
    assert [each.code for each in caught.value.refusals] == ["order_superseded"]
