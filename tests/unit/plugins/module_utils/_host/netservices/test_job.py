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
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.fences import LostMachines
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.job import Job, Todo
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    CommandFailed,
    Refusal,
    Refused,
    SlicesError,
)

from .....locks import is_held
from ..fakes import MORE, FakeRunner, journal
from .test_work_order import LAN, LINKS, VM1, order

REFUSED = {1041: [Refusal("not_found", "VM x", {"known": []})]}
NAMES = "slices-names@1000.service"
DHCP_RUNS = "Id=slices-dhcp.service\nActiveState=active\n"
IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")
RELOAD = ("systemctl", "reload", "--", "slices-dhcp.service")
NOTHING = '{"headings": [], "data": []}\n' * 4
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")


def looked_at() -> FakeRunner:
    """Return a host that is prepared, with the answers for a plan."""
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=DHCP_RUNS)
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
    def fail(argv: Sequence[str]) -> None:
        assert (tmp_path / "lost-machines").read_text() == "1" * 64 + "\n"
        assert json.loads((tmp_path / "revisions/network_node").read_text()) == {"0": 2_000, "1000": 2_000}
        raise CommandFailed(cmd=argv, rc=1, stdout="", stderr="no bus")

    lost = LostMachines(frozenset({"1" * 64}), 2_000)
    one = job(tmp_path, looked_at().on("ip", "-batch", "-", do=fail), lost=lost)
    todo = one.plan()
    assert [(change.kind, change.id) for change in todo.fence.changes] == [("lost machine", "1" * 64)]
    assert todo.changes == [*todo.fence.changes, *todo.plan.changes]
    assert todo.plan.changes != []
    with pytest.raises(CommandFailed, match="no bus"):
        one.apply(todo)


def test_a_late_order_applies_its_slices_without_its_list_of_lost_machines(tmp_path: Path) -> None:
    def run(lost: LostMachines, one: Job) -> Todo:
        with one.lock():
            todo = replace(one, lost=lost).plan()
            one.apply(todo)
        return todo

    def host(*programs: str) -> FakeRunner:
        runner = looked_at()
        for program in programs:
            runner.tell(program, MORE)
        return runner

    busy = ("systemctl", "ip", "nsenter", "conntrack", "nft")
    # Another run has declared a machine lost after this one has planned.
    (other,) = order(1041, reservations=(OTHER_VM,))
    run(LostMachines(frozenset({"1" * 64}), 3_000), replace(job(tmp_path, host(*busy)), orders=(other,)))
    todo = run(LostMachines(frozenset(), 2_000), job(tmp_path, host(*busy)))
    assert (todo.failure, todo.fence.changes) == (None, [])
    assert todo.plan.changes != []
    assert (tmp_path / "lost-machines").read_text() == "1" * 64 + "\n"
    # Another one has used it again since.
    run(LostMachines(frozenset(), 4_000), replace(job(tmp_path, host("systemctl")), orders=()))
    run(LostMachines(frozenset({"1" * 64}), 3_000), replace(job(tmp_path, host("systemctl")), orders=()))
    assert (tmp_path / "lost-machines").read_text() == ""


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
    assert (todo.failure, (todo.plan.units or {})[NAMES]) == (None, "restart")
    with pytest.raises(CommandFailed):
        job(tmp_path, silent()).plan()


def test_a_superseded_order_is_refused_before_anything_is_observed(tmp_path: Path) -> None:
    files.make_folders(str(tmp_path / "revisions"))
    (tmp_path / "revisions/network_node").write_text('{"1000": 2001}')
    with pytest.raises(Refused) as caught:
        job(tmp_path, FakeRunner()).plan()
    assert [each.code for each in caught.value.refusals] == ["order_superseded"]


OTHER_VM = {"vm_id": 1042, "name": "vm1", "mac": "52:54:00:04:12:00", "address": "10.60.7.102"}
OTHER_NAMES = "slices-names@1041.service"


def of_two(tmp_path: Path, runner: FakeRunner, **more: Any) -> Job:
    """Return a job for the slices 1000 and 1041."""
    one = job(tmp_path, runner, **more)
    (other,) = order(1041, reservations=(OTHER_VM,))
    both = (*one.orders, replace(other, revision=2_000))
    return replace(one, orders=tuple(replace(each, record='{"slice":{}}') for each in both))


def ready() -> FakeRunner:
    """Return a host on which everything works, and which has all that slices share."""
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=DHCP_RUNS)
    runner.tell("nft", "--stateless", MORE).tell("nft", "--json", MORE, stdout='{"nftables": []}')
    rules = [{"rule": {"family": family, "table": "cloudrepo_dhcp"}} for family in ("ip", "netdev")]
    ruleset = json.dumps({"nftables": [{"map": {"name": "slices"}}, *rules]})
    runner.tell(*IN_GATEWAY, "nft", "--json", MORE, stdout=ruleset).tell(*IN_GATEWAY, "ip", MORE)
    runner.tell(*IN_GATEWAY, "conntrack", MORE).tell("ip", "-batch", "-").tell("conntrack", MORE)
    runner.tell("systemctl", "--no-reload", "enable", MORE)
    return runner.tell(*IN_GATEWAY, "nft", "--file", "-").tell("nft", "--file", "-")


def applied(tmp_path: Path) -> list[int]:
    return [each.slice_id for each in applied_orders.read(str(tmp_path), "network_node")]


def failures(todo: Todo) -> list[tuple[int, bool, str]]:
    """Return the slices that were refused or have failed: id, whether it was begun, and why."""
    assert todo.failure is not None
    assert todo.failure.fields["failure"] is None
    return [(each["slice_id"], each["begun"], each["failure"]) for each in todo.failure.fields["refused"]]


def test_a_unit_of_one_slice_that_does_not_start_fails_its_slice_alone(tmp_path: Path) -> None:
    runner = ready().tell("systemctl", "restart", "--", NAMES, OTHER_NAMES, rc=1, stderr="Job failed.").tell(*RELOAD)
    states = f"Id={NAMES}\nActiveState=failed\n\nId={OTHER_NAMES}\nActiveState=active\n"
    runner.tell(*SHOW, NAMES, OTHER_NAMES, stdout=states)
    runner.tell("journalctl", MORE, stdout=journal(NAMES, "failed to create listening socket"))
    todo, _result = of_two(tmp_path, runner).steps.run()
    why = f"slice 1000: unit {NAMES} did not start:\nfailed to create listening socket"
    assert failures(todo) == [(1000, True, why)]
    assert applied(tmp_path) == [1041]
    assert json.loads((tmp_path / "revisions/network_node").read_text()) == {"1000": 2_000, "1041": 2_000}


@pytest.mark.parametrize("checked", [True, False])
def test_a_slice_whose_files_cannot_be_read_is_refused_alone(tmp_path: Path, checked: bool) -> None:
    folder = tmp_path / "names/1000.hosts"
    folder.mkdir(parents=True)
    runner = looked_at() if checked else ready().tell("systemctl", "restart", "--", OTHER_NAMES).tell(*RELOAD)
    one = of_two(tmp_path, runner, missing_ok=checked)
    todo = one.plan() if checked else one.steps.run()[0]
    assert failures(todo) == [(1000, False, f"slice 1000: {folder} cannot be read: Is a directory")]
    assert [each.slice_id for each in todo.seen.orders] == [1041]
    assert applied(tmp_path) == ([] if checked else [1041])


def test_a_slice_whose_files_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    """A file is where its folder has to be. The others are applied as after an interrupted run."""
    runner = ready().tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING).tell("ovs-vsctl", MORE)
    runner.tell("ip", "-json", MORE, stdout="[]").tell("systemctl", "restart", "--", OTHER_NAMES, "slices-dhcp.service")
    one = of_two(tmp_path, runner)
    (lan,) = order(networks=(LAN,))[0].networks
    one = replace(one, orders=(replace(one.orders[0], networks=(lan,)), one.orders[1]))
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks/1000").write_text("")
    todo, _result = one.steps.run()
    assert failures(todo) == [(1000, True, f"slice 1000: {tmp_path}/networks/1000: File exists")]
    assert applied(tmp_path) == [1041]


def test_what_fails_without_slices_is_a_failure_of_the_host(tmp_path: Path) -> None:
    runner = looked_at().tell("ip", "-batch", "-").tell("conntrack", MORE).tell("nsenter", MORE)
    runner.tell("systemctl", "--no-reload", "enable", MORE).tell("systemctl", MORE, rc=1, stderr="no bus")
    with pytest.raises(SlicesError, match="no bus"):
        of_two(tmp_path, runner).steps.run()
    assert applied(tmp_path) == []
