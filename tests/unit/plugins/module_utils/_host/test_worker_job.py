# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A work order on a worker: what is missing is refused before anything is changed, and locks are held."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, files, ownership, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import taps, trunks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import Management
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.reconcile import (
    Settings as DatapathSettings,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Clock, Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.worker import Settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.worker_job import Job, Todo
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    CommandFailed,
    Refusal,
    Refused,
    SlicesError,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import Crossing, SliceOrder

from ....locks import is_held
from .disk.test_overlays import base_image
from .disk.test_qcow2 import qcow2
from .fakes import (
    ME,
    MORE,
    TAP_FILTER,
    FakeMonitor,
    FakeRunner,
    FakeTime,
    Stages,
    disk,
    mark,
    orders,
    settings,
    uuid,
    vm,
)

GIB = 1 << 30
PASSWORDS = {1001: "hMr3kWpa"}
NOTHING = '{"headings": [], "data": []}\n' * 4
STOP = ("systemctl", "stop", "--", "cloudrepo-1000@1002.service")
START = ("systemctl", "start", "--", "cloudrepo-1000@1001.service")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
UNTOUCHED = "Id=cloudrepo-1041@1042.service\nActiveState=active\nMainPID=77\n"
OTHER_RUNS = "Id=cloudrepo-1000@1002.service\nActiveState=active\nMainPID=7\n"


@pytest.fixture(autouse=True)
def no_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "observe", taps.Devices)


def place(tmp_path: Path) -> Settings:
    wires = DatapathSettings("br-int", Management("10.60.7.1", "10.60.7.2"), str(tmp_path / "flows"))
    return Settings(settings(state_dir=str(tmp_path), accounts=ME), wires)


def with_users(tmp_path: Path, *slice_ids: int) -> Settings:
    """Settings of a host that has the users of these slices."""
    made = place(tmp_path)
    users = replace(ME, known=dict.fromkeys(slice_ids, ME.known[1000]))
    return replace(made, vms=replace(made.vms, accounts=users))


def order(tmp_path: Path, revision: int | None = None) -> tuple[SliceOrder, ...]:
    (one,) = orders(vm(1001, 100, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    return (replace(one, revision=revision),)


def looked_at(units: str = "", slices: Sequence[int] = (1000,)) -> FakeRunner:
    runner = FakeRunner().tell("nft", MORE, stdout=TAP_FILTER)
    runner.tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
    runner.tell("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60", "--no-stats", MORE)
    patterns = [name for each in slices for name in (f"cloudrepo-{each}@*.service", f"cloudrepo-{each}.slice")]
    return runner.tell(*SHOW, *patterns, stdout=units)


def wired(slices: Sequence[int] = (1000,)) -> FakeRunner:
    """A host that has an unlisted VM of the slice, and connects VMs to the bridge."""
    runner = looked_at(OTHER_RUNS, slices).tell("ovs-vsctl", MORE).tell("ip", "-batch", "-")
    return runner.tell("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60", "--bundle", MORE)


def ready(tmp_path: Path, slices: Sequence[int] = (1000,)) -> FakeRunner:
    """A host as C(wired) that has the base image, and applies the order."""
    base_image(tmp_path)
    runner = wired(slices)

    def create(argv: Sequence[str]) -> None:
        qcow2(Path(argv[-2]), int(argv[-1]), str(tmp_path / "images/base.img"))

    return runner.on("qemu-img", "create", MORE, do=create)


def turn_is_held(tmp_path: Path) -> bool:
    """Return whether this process has locked slices, as other processes see it."""
    inode = (tmp_path / "revisions/worker.lock").stat().st_ino
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any(
        words[4] == str(os.getpid()) and words[5].endswith(f":{inode}") for words in locks if words[1] == "POSIX"
    )


def job(tmp_path: Path, runner: FakeRunner, revision: int | None = None, **changes: Any) -> Job:
    clock = FakeTime()
    unit_dir = tmp_path / "units"
    unit_dir.mkdir(exist_ok=True)
    return Job(
        tuple(changes.pop("orders", None) or order(tmp_path, revision)),
        Tools(runner, FakeMonitor(), Clock(clock.now, clock.sleep), str(unit_dir)),
        **{"settings": place(tmp_path), "start_timeout_s": 5, "passwords": PASSWORDS, **changes},
    )


def run_job(
    tmp_path: Path, runner: FakeRunner, revision: int | None = None, **changes: Any
) -> tuple[Todo, dict[str, Any]]:
    return job(tmp_path, runner, revision, **changes).steps.run()


def test_removed_vms_are_stopped_first_and_vms_are_started_last(tmp_path: Path) -> None:
    held: list[tuple[str, bool]] = []

    def note(argv: Sequence[str]) -> None:
        held.append((argv[1], is_held(tmp_path / "flows")))

    def note_turn(argv: Sequence[str]) -> None:
        note(argv)
        turns.append(turn_is_held(tmp_path))

    turns: list[bool] = []
    runner = ready(tmp_path).on(*STOP, do=note_turn).on(*START, do=note_turn)
    watch = Stages()
    todo, result = run_job(tmp_path, runner, 2_000, watch=watch)
    assert watch.names == ["observe", "qemu", "images", "ovs", "taps", "ovs", "taps", "qemu"]
    told = [argv[:2] for argv in runner.argvs]
    first = told.index(["systemctl", "stop"])
    assert [argv[0] for argv in told[:first]] == ["nft", "ovs-vsctl", "ovs-ofctl", "systemctl"]
    assert [argv[0] for argv in told[first + 1 : -1]] == ["qemu-img", "ip", "ovs-ofctl", "ovs-vsctl"]
    assert told[-1] == ["systemctl", "start"]
    # The lock of all slices is released before VMs start.
    assert held == [("stop", True), ("start", False)]
    # Another order for the same slice waits until its VMs have started.
    assert turns == [True, True]
    assert not turn_is_held(tmp_path)
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]
    assert set(result["timings_s"]) == {"observe", "qemu", "images", "ovs", "taps"}
    assert {"VM folder", "tap", "port", "unit"} <= {change.kind for change in todo.changes}
    assert (todo.seen.refused, bool(todo.missing)) == ({}, False)
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": 2_000}


def test_overrides_of_units_are_removed_before_vms_start(tmp_path: Path) -> None:
    """Those of the order's slices, and of the host, but not those of other slices."""
    names = ("cloudrepo-1000@1001.service.d", "cloudrepo-1003@1004.service.d", "slices-fence.service.d")
    for name in names:
        (tmp_path / "units" / name).mkdir(parents=True)
    left: list[list[str]] = []

    def note(_argv: Sequence[str]) -> None:
        left.append([name for name in names if (tmp_path / "units" / name).exists()])

    runner = ready(tmp_path).tell(*STOP).on(*START, do=note).tell("systemctl", "daemon-reload")
    runner.tell("systemctl", "try-restart", "--", "slices-fence.service")
    todo, _result = run_job(tmp_path, runner)
    assert [change.id for change in todo.changes if change.kind == "unit override"] == [
        str(tmp_path / "units" / name) for name in (names[0], names[2])
    ]
    assert left == [[names[1]]]
    # The VM was not running.
    assert todo.plan.vms.restart_required == ()


@pytest.mark.parametrize(
    ("has_image", "passwords", "images", "vm_ids"),
    [(False, {}, 1, [1001]), (False, PASSWORDS, 1, []), (True, {}, 0, [1001]), (True, {1002: "x"}, 0, [1001])],
)
def test_nothing_is_changed_if_something_is_missing(
    tmp_path: Path, has_image: bool, passwords: dict[int, str], images: int, vm_ids: list[int]
) -> None:
    if has_image:
        base_image(tmp_path)
    with pytest.raises(Refused) as caught:
        run_job(tmp_path, looked_at(OTHER_RUNS), 2_000, passwords=passwords)
    assert len(caught.value.refusals) == images + len(vm_ids)
    assert caught.value.fields["missing_images"] == [str(tmp_path / "images/base.img")] * images
    assert caught.value.fields["missing_passwords"] == vm_ids
    assert not (tmp_path / "revisions/worker").exists()
    assert not (tmp_path / "vms").exists()


def test_a_superseded_order_is_refused_before_anything_is_observed(tmp_path: Path) -> None:
    (tmp_path / "revisions").mkdir()
    (tmp_path / "revisions/worker").write_text('{"1000": 2000}')
    with pytest.raises(Refused) as caught:
        run_job(tmp_path, FakeRunner(), 1_999)
    assert [each["slice_id"] for each in caught.value.fields["refused"]] == [1000]
    with pytest.raises(Refused) as caught:
        run_job(tmp_path, looked_at(), 2_000)
    assert [each.code for each in caught.value.refusals] == ["base_image_missing"]


def test_a_refused_slice_does_not_affect_the_others(tmp_path: Path) -> None:
    """The host has a lost slice 1035, and a new one has got its id."""
    folder = tmp_path / "vms/1036"
    folder.mkdir(parents=True)
    mark(folder, 1035, slice_uuid=uuid(1), vm_uuid=uuid(2), disks={"vm36_img.qcow2": uuid(3)})
    (folder / "vm36_img.qcow2").write_text("a tenant's")
    runner = ready(tmp_path).tell(*STOP).tell(*START)
    runner.tell(*SHOW, MORE, stdout=OTHER_RUNS + "\nId=cloudrepo-1035@1036.service\nActiveState=active\nMainPID=8\n")
    new = vm(1036, 101, state_dir=str(tmp_path), vm_uuid=uuid(5))
    (other,) = orders(new, slice_id=1035, state_dir=str(tmp_path), slice_uuid=uuid(4))
    both = [replace(each, revision=2_000, record="{}") for each in (*order(tmp_path), other)]
    todo, result = run_job(tmp_path, runner, 2_000, orders=both, settings=with_users(tmp_path, 1000, 1035))
    assert {slice_id: {each.code for each in why} for slice_id, why in todo.seen.refused.items()} == {
        1035: {ownership.ANOTHER_SLICE}
    }
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]
    assert (folder / "vm36_img.qcow2").read_text() == "a tenant's"
    assert not any("1036" in word for argv in runner.argvs for word in argv)
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": 2_000}
    (applied,) = applied_orders.read(str(tmp_path), revisions.WORKER)
    assert (applied.slice_id, applied.revision, applied.record) == (1000, 2_000, "{}")
    assert [(each.vm_id, each.state) for each in applied.vms] == [(1001, "running")]


OTHER_IMAGE = "other.img"
META = {"name": "meta-data", "content": "{}"}


@pytest.mark.parametrize(
    ("changes", "known", "code"),
    [
        ({"backing_file": OTHER_IMAGE}, True, "base_image_missing"),
        ({"size_bytes": 1 << 19}, True, "disk_smaller_than_base"),
        ({"password": None}, True, "password_missing"),
        ({"user_data_id": "ab" * 16}, True, "user_data_missing"),
        ({}, False, "user_missing"),
    ],
)
def test_a_slice_that_the_host_cannot_support_does_not_affect_the_others(
    tmp_path: Path, changes: dict[str, Any], known: bool, code: str
) -> None:
    passwords = {**PASSWORDS, 1042: changes.pop("password", "kz7TnPbe")}
    seed = {"seed": [META], "user_data_id": changes.pop("user_data_id")} if "user_data_id" in changes else {}
    disks = [disk(1042, state_dir=str(tmp_path), **changes)]
    if "backing_file" in changes:
        disks[0]["backing_file"] = str(tmp_path / "images" / OTHER_IMAGE)
    new = vm(1042, 101, disks=disks, state_dir=str(tmp_path), **seed)
    (other,) = orders(new, slice_id=1041, state_dir=str(tmp_path))
    runner = ready(tmp_path).tell(*STOP).tell(*START).tell(*SHOW, MORE, stdout=OTHER_RUNS)
    args = {
        "orders": (replace(other, revision=2_000), *order(tmp_path, 2_000)),
        "settings": with_users(tmp_path, 1000, *([1041] if known else [])),
        "passwords": {vm_id: password for vm_id, password in passwords.items() if password},
    }
    todo, result = run_job(tmp_path, runner, **args)
    assert {slice_id: [each.code for each in why] for slice_id, why in todo.seen.refused.items()} == {1041: [code]}
    assert todo.missing.to_dict() == {
        "missing_images": [disks[0]["backing_file"]] * (code == "base_image_missing"),
        "missing_passwords": [1042] * (code == "password_missing"),
        "missing_user_data": [1042] * (code == "user_data_missing"),
    }
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]
    assert not (tmp_path / "vms/1042").exists()
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": 2_000}


def test_a_reduced_trunk_mtu_is_noticed_and_does_not_affect_other_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunks, "mtus", lambda _switch: {"trunk0": 1500})
    (other,) = orders(vm(1042, 101, state_dir=str(tmp_path)), slice_id=1041, state_dir=str(tmp_path))
    jumbo = replace(other, trunk=(Crossing("link web/core", 9000),))
    runner = ready(tmp_path).tell(*STOP).tell(*START).tell(*SHOW, MORE, stdout=OTHER_RUNS)
    args = {"orders": (*order(tmp_path), jumbo), "settings": with_users(tmp_path, 1000, 1041)}
    todo, result = run_job(tmp_path, runner, **args)
    assert {slice_id: [each.message for each in why] for slice_id, why in todo.seen.refused.items()} == {
        1041: [
            "link web/core: the trunk needs an MTU of 9000, trunk0 has 1500",
        ]
    }
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]


def test_a_failure_contains_refused_slices(tmp_path: Path) -> None:
    base_image(tmp_path)
    runner = looked_at(OTHER_RUNS).tell(*STOP, rc=1, stderr="no bus")
    refused = {1041: [Refusal("user_missing", "user cloudrepo-41", {"slice_id": 1041})]}
    with pytest.raises(Refused) as caught:
        run_job(tmp_path, runner, refused=refused)
    assert caught.value.fields["failure"] == "systemctl failed with code 1: no bus"
    assert [each["slice_id"] for each in caught.value.fields["refused"]] == [1041]


def test_a_vm_that_does_not_start_is_reported_with_the_refused_slices(tmp_path: Path) -> None:
    refused = {1041: [Refusal("user_missing", "user cloudrepo-41", {"slice_id": 1041})]}
    runner = ready(tmp_path).tell(*STOP).tell(*START, rc=1).tell("journalctl", MORE)
    runner.tell(*SHOW, "cloudrepo-1000@1001.service", stdout="Id=cloudrepo-1000@1001.service\nActiveState=failed\n")
    checked = job(tmp_path, runner, refused=refused)
    checked = replace(checked, tools=replace(checked.tools, monitor=FakeMonitor({"/run/cloudrepo/1001/qmp.sock": 30})))
    with pytest.raises(SlicesError) as caught:
        checked.steps.run()
    assert "it ended" in caught.value.fields["failure"]
    assert [each["slice_id"] for each in caught.value.fields["refused"]] == [1041]
    assert [(each["vm_id"], each["state"]) for each in caught.value.fields["vms"]] == [(1001, "error")]
    assert caught.value.fields["changed"] is True
    assert caught.value.fields["stopped"] == ["cloudrepo-1000@1002.service"]
    assert caught.value.fields["moment"]


def test_the_slices_without_the_vm_that_does_not_start_are_stored_as_applied(tmp_path: Path) -> None:
    both, base = ("cloudrepo-1000@1001.service", "cloudrepo-1041@1042.service"), str(tmp_path / "images/base.img")
    runner = ready(tmp_path, (1000, 1041)).tell(*STOP).tell("systemctl", "start", "--", *both, rc=1)
    runner.tell("journalctl", MORE)
    runner.on("qemu-img", "create", MORE, do=lambda argv: qcow2(Path(argv[-2]), int(argv[-1]), base))
    runner.tell(*SHOW, both[1], stdout=f"Id={both[1]}\nActiveState=failed\n")
    one = job(tmp_path, runner, **add_other(tmp_path))
    silent = FakeMonitor({"/run/cloudrepo/1001/qmp.sock": 0, "/run/cloudrepo/1042/qmp.sock": 30})
    one = replace(one, tools=replace(one.tools, monitor=silent))
    with pytest.raises(SlicesError, match="it ended") as caught:
        one.steps.run()
    assert "refused" not in caught.value.fields
    assert applied(tmp_path) == [1000]


def lose_disk(tmp_path: Path) -> tuple[SliceOrder, ...]:
    """A host whose VM had a disk, and its work order."""
    base_image(tmp_path)
    seen = disk(1001, state_dir=str(tmp_path), first_seen="2026-01-31T12:00:00Z")
    return orders(vm(1001, 100, state_dir=str(tmp_path), disks=[seen]), state_dir=str(tmp_path))


def test_a_vm_whose_disk_is_lost_is_an_error_and_gets_no_new_disk(tmp_path: Path) -> None:
    runner = wired().tell(*STOP).tell(*SHOW, "cloudrepo-1000@1001.service")
    with pytest.raises(SlicesError, match=r"disk .*/vm1_img.qcow2 is missing, last seen 2026-01-31T12:00") as caught:
        run_job(tmp_path, runner, orders=lose_disk(tmp_path))
    assert [(each["vm_id"], each["state"]) for each in caught.value.fields["vms"]] == [(1001, "error")]
    assert not any(argv[0] == "qemu-img" or argv[1] == "start" for argv in runner.argvs)
    assert not (tmp_path / "vms/1001/vm1_img.qcow2").exists()


def test_check_mode_plans_slices_with_missing_images_and_passwords(tmp_path: Path) -> None:
    checked = job(tmp_path, looked_at(OTHER_RUNS), passwords={}, missing_ok=True).plan()
    assert (checked.failure, checked.result["missing_images"]) == (None, [str(tmp_path / "images/base.img")])
    assert [(each["vm_id"], each["state"]) for each in checked.result["vms"]] == [(1001, "stopped")]
    assert not (tmp_path / "vms").exists()
    todo, result = run_job(tmp_path, ready(tmp_path).tell(*STOP).tell(*START))
    assert (todo.changes, todo.result["stopped"]) == (checked.changes, checked.result["stopped"])
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]


def add_other(tmp_path: Path) -> dict[str, Any]:
    """Return the arguments of a job for the slices 1000 and 1041."""
    disks = [disk(1042, state_dir=str(tmp_path), size_bytes=2 * GIB)]
    (other,) = orders(vm(1042, 101, disks=disks, state_dir=str(tmp_path)), slice_id=1041, state_dir=str(tmp_path))
    return {
        "orders": tuple(replace(each, revision=2_000, record="{}") for each in (*order(tmp_path), other)),
        "settings": with_users(tmp_path, 1000, 1041),
        "passwords": {**PASSWORDS, 1042: "kz7TnPbe"},
    }


def failing(tmp_path: Path, *command: str, words: str, stderr: str) -> FakeRunner:
    """Return a host on which a command fails if its words or its input contain C(words)."""
    runner = ready(tmp_path).tell(*SHOW, MORE, stdout=f"{OTHER_RUNS}\n{UNTOUCHED}").tell(*STOP).tell(*START)

    def refuse(argv: Sequence[str]) -> None:
        if words in " ".join([*argv, runner.stdins[-1] or ""]):
            raise CommandFailed(cmd=argv, rc=1, stdout="", stderr=stderr)
        if argv[0] == "qemu-img":
            qcow2(Path(argv[-2]), int(argv[-1]), str(tmp_path / "images/base.img"))

    return runner.on(*command, do=refuse)


def failures(todo: Todo) -> list[tuple[int, bool, str]]:
    """Return the slices that were refused or have failed: id, whether it was begun, and why."""
    assert todo.failure is not None
    assert todo.failure.fields["failure"] is None
    return [(each["slice_id"], each["begun"], each["failure"]) for each in todo.failure.fields["refused"]]


def applied(tmp_path: Path) -> list[int]:
    return [each.slice_id for each in applied_orders.read(str(tmp_path), revisions.WORKER)]


@pytest.mark.parametrize(
    ("command", "words", "stderr"),
    [
        (("ip", "-batch", "-"), "tap_1042_eth0", "RTNETLINK answers: No buffer space available"),
        (("ovs-vsctl", MORE), "tap_1042_eth0", "constraint violation"),
        (("qemu-img", "create", MORE), str(2 * GIB), "Could not open backing file"),
    ],
)
def test_a_tap_a_port_or_a_disk_of_one_slice_that_fails_does_not_affect_the_others(
    tmp_path: Path, command: tuple[str, ...], words: str, stderr: str
) -> None:
    """The states of its VMs are those on the host, and it is not stored as applied."""
    runner = failing(tmp_path, *command, words=words, stderr=stderr)
    todo, result = run_job(tmp_path, runner, **add_other(tmp_path))
    assert failures(todo) == [(1041, True, f"slice 1041: {command[0]} failed with code 1: {stderr}")]
    assert [(each["vm_id"], each["state"], each["pid"], each["failure"]) for each in result["vms"]] == [
        (1001, "running", "4821", None),
        (1042, "running", "77", None),
    ]
    assert applied(tmp_path) == [1000]
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": 2_000, "1041": 2_000}


@pytest.mark.parametrize("checked", [True, False])
def test_a_slice_with_a_file_that_cannot_be_read_is_refused_alone(tmp_path: Path, checked: bool) -> None:
    path = tmp_path / "vms/1042/qemu.cfg"
    path.mkdir(parents=True)
    runner = looked_at(OTHER_RUNS) if checked else ready(tmp_path).tell(*STOP).tell(*START)
    runner.tell(*SHOW, MORE, stdout=OTHER_RUNS)
    one = job(tmp_path, runner, **add_other(tmp_path), missing_ok=checked)
    todo = one.plan() if checked else one.steps.run()[0]
    assert failures(todo) == [(1041, False, f"slice 1041: {path} cannot be read: Is a directory")]
    assert applied(tmp_path) == ([] if checked else [1000])


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_folder_with_a_strange_owner_file_does_not_affect_other_slices(tmp_path: Path, is_listed: bool) -> None:
    """Whether its slice is in the order or not."""
    path = tmp_path / "vms/1042/vm1_img.qcow2"
    qcow2(path, GIB)
    path.with_name("identity.json").mkdir()
    runner = ready(tmp_path).tell(*STOP).tell(*START)
    if is_listed:
        runner.tell(*SHOW, MORE, stdout=OTHER_RUNS)
    args = add_other(tmp_path)
    todo, result = run_job(tmp_path, runner, **{**args, "orders": args["orders"][: 2 if is_listed else 1]})
    refused = {slice_id: {each.code for each in why} for slice_id, why in todo.seen.refused.items()}
    assert refused == ({1041: {"path_replaced", "folder_without_owner"}} if is_listed else {})
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "running")]
    assert path.exists()


def test_a_vm_whose_files_cannot_be_written_fails_with_its_slice_alone(tmp_path: Path) -> None:
    """This is found after all slices are prepared. A VM of another slice that does not start is reported beside it."""

    def spoil(_argv: Sequence[str]) -> None:
        (tmp_path / "vms/1042/qemu.cfg").mkdir(parents=True)

    failed = "Id=cloudrepo-1000@1001.service\nActiveState=failed\n"
    runner = ready(tmp_path).on(*STOP, do=spoil).tell(*START, rc=1).tell("journalctl", MORE)
    runner.tell(*SHOW, MORE, stdout=f"{OTHER_RUNS}\n{failed}")
    one = job(tmp_path, runner, **add_other(tmp_path))
    silent = FakeMonitor({"/run/cloudrepo/1001/qmp.sock": 30})
    one = replace(one, tools=replace(one.tools, monitor=silent))
    with pytest.raises(Refused) as caught:
        one.steps.run()
    told = caught.value.fields
    assert "it ended" in told["failure"]
    assert [(each["slice_id"], each["begun"]) for each in told["refused"]] == [(1041, True)]
    assert told["refused"][0]["failure"].startswith(f"slice 1041: {tmp_path}/vms/1042/qemu.cfg")
    assert [(each["vm_id"], each["state"]) for each in told["vms"]] == [(1001, "error"), (1042, "stopped")]
    assert applied(tmp_path) == []


def data_order(tmp_path: Path, *, is_given_up: bool, size_bytes: int = GIB) -> tuple[SliceOrder, ...]:
    """The work order of a stopped VM with a data disk, or without it."""
    path = f"{tmp_path}/vms/1001/db_00000001.qcow2"
    data = {"path": path, "name": "db", "uuid": uuid(1)}
    first = disk(1001, state_dir=str(tmp_path), size_bytes=size_bytes)
    disks = [first] if is_given_up else [first, {**data, "size_bytes": GIB}]
    return orders(
        vm(1001, 100, state_dir=str(tmp_path), disks=disks),
        state_dir=str(tmp_path),
        given_up=[{**data, "vm_id": 1001}] if is_given_up else [],
    )


def test_a_vm_whose_disk_is_in_use_is_reported_and_keeps_it(tmp_path: Path) -> None:
    first = ready(tmp_path).tell(*STOP).tell(*START)
    run_job(tmp_path, first, orders=data_order(tmp_path, is_given_up=False))
    path = tmp_path / "vms/1001/db_00000001.qcow2"
    again = started()
    with open(path, "rb"):
        _todo, result = run_job(tmp_path, again, orders=data_order(tmp_path, is_given_up=True))
    assert [each.get("holds_given_up") for each in result["vms"]] == [True]
    assert path.exists()
    _todo, result = run_job(tmp_path, started(), orders=data_order(tmp_path, is_given_up=True))
    assert ["holds_given_up" in each for each in result["vms"]] == [False]
    assert not path.exists()


def full_until(freed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be written before C(freed) is gone, as on a full file system."""
    write = files.write_all

    def write_all(wanted: Iterable[files.File]) -> None:
        wanted = list(wanted)
        if wanted and freed.exists():
            raise OSError(errno.ENOSPC, "No space left on device", wanted[0].path)
        write(wanted)

    monkeypatch.setattr(files, "write_all", write_all)


def test_a_disk_is_deleted_on_a_full_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ready(tmp_path).tell(*STOP).tell(*START)
    run_job(tmp_path, first, orders=data_order(tmp_path, is_given_up=False))
    path = tmp_path / "vms/1001/db_00000001.qcow2"
    full_until(path, monkeypatch)
    keeping = replace(place(tmp_path), disk_retention_h=24)
    going = [replace(one, revision=2_000) for one in data_order(tmp_path, is_given_up=True)]
    _todo, result = run_job(tmp_path, started(), orders=going, settings=keeping)
    (warning,) = result["warnings"]
    assert warning.startswith(nearly_full(f"{path} of slice 1000 (to be kept until 20"))
    assert not path.exists()
    assert json.loads((tmp_path / "revisions/worker").read_text()) == {"1000": 2_000}


def nearly_full(begin: str) -> str:
    return f"the file system of the trash is nearly full, so these disks were removed before their time: {begin}"


def test_a_delete_tells_what_it_removes_from_the_trash_of_a_nearly_full_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own disk, and those that others have deleted before. What was due is removed without a word."""
    run_job(tmp_path, ready(tmp_path).tell(*STOP).tell(*START), orders=data_order(tmp_path, is_given_up=False))
    for name, retention_s in (("1-1777", 3600), ("2-1888", 0)):
        folder = tmp_path / "trash" / name
        folder.mkdir(parents=True)
        (folder / "a_img.qcow2").write_text("of another tenant")
        (folder / "retention_s").write_text(f"{retention_s}")
    monkeypatch.setattr(trash, "_is_full", lambda _state, _expected: True)
    keeping = replace(place(tmp_path), disk_retention_h=24)
    _todo, result = run_job(tmp_path, started(), orders=data_order(tmp_path, is_given_up=True), settings=keeping)
    (warning,) = result["warnings"]
    gone = [each.partition(" (")[0].rpartition("-")[2] for each in warning.removeprefix(nearly_full("")).split("; ")]
    assert gone == ["1777/a_img.qcow2 of an unknown slice", "1001/db_00000001.qcow2 of slice 1000"]
    assert list((tmp_path / "trash").iterdir()) == []


def test_a_delete_that_fails_also_tells_what_it_has_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(tmp_path, ready(tmp_path).tell(*STOP).tell(*START), orders=data_order(tmp_path, is_given_up=False))
    monkeypatch.setattr(trash, "_is_full", lambda _state, _expected: True)
    keeping = replace(place(tmp_path), disk_retention_h=24)
    runner = looked_at("Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=4821\n")
    runner.tell("ip", "-batch", "-", rc=1, stderr="RTNETLINK answers: No buffer space available")
    with pytest.raises(SlicesError, match="No buffer space") as caught:
        run_job(tmp_path, runner, orders=data_order(tmp_path, is_given_up=True), settings=keeping)
    (warning,) = caught.value.fields["warnings"]
    assert warning.startswith(nearly_full(f"{tmp_path}/trash/"))


def test_an_order_that_makes_no_space_fails_on_a_full_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ready(tmp_path).tell(*STOP).tell(*START)
    run_job(tmp_path, first, orders=data_order(tmp_path, is_given_up=False))
    full_until(tmp_path, monkeypatch)
    later = [replace(one, revision=2_000) for one in data_order(tmp_path, is_given_up=False)]
    with pytest.raises(OSError, match="No space left on device"):
        run_job(tmp_path, looked_at("Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=4821\n"), orders=later)


def started() -> FakeRunner:
    """The host with the VM running, which was started with its data disk."""
    runner = looked_at("Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=4821\n")
    runner.tell("ovs-vsctl", MORE).tell("ip", "-batch", "-")
    return runner.tell("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60", "--bundle", MORE)


@pytest.mark.parametrize("error", [None, "No space left on device"])
def test_the_disk_of_a_running_vm_is_enlarged_by_its_qemu(tmp_path: Path, error: str | None) -> None:
    first = ready(tmp_path).tell(*STOP).tell(*START)
    run_job(tmp_path, first, orders=data_order(tmp_path, is_given_up=False))
    larger = data_order(tmp_path, is_given_up=False, size_bytes=2 * GIB)
    made = job(tmp_path, started(), orders=larger)
    monitor = FakeMonitor().tell("block_resize", error=error)
    made = replace(made, tools=replace(made.tools, monitor=monitor))
    with open(tmp_path / "vms/1001/vm1_img.qcow2", "rb"):
        if error is None:
            _todo, result = made.steps.run()
            assert [each["state"] for each in result["vms"]] == ["running"]
        else:
            with pytest.raises(SlicesError, match="QEMU refused block_resize: No space left on device") as caught:
                made.steps.run()
            assert [each["state"] for each in caught.value.fields["vms"]] == ["error"]
    told = [(command, arguments) for _path, command, arguments in monitor.commands]
    assert told == [("block_resize", {"device": "disk", "size": 2 * GIB})]


def test_an_order_is_noted_once_before_anything_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[int] = []
    note = revisions.note
    monkeypatch.setattr(revisions, "note", lambda *args, **kwargs: noted.append(1) or note(*args, **kwargs))
    one = job(tmp_path, ready(tmp_path).tell(*STOP).tell(*START))
    assert one.start_timeout_s == 5
    assert Job((), one.tools, one.settings).start_timeout_s == 0
    one.steps.run()
    assert noted == [1]


STOP_1001 = ("systemctl", "stop", "--", "cloudrepo-1000@1001.service")
RUNS = "Id=cloudrepo-1000@1001.service\nActiveState=active\nMainPID=4821\n"
IS_OFF = "Id=cloudrepo-1000@1001.service\nActiveState=inactive\nMainPID=0\n"
QMP = "/run/cloudrepo/1001/qmp.sock"


def asked_order(tmp_path: Path, **changes: Any) -> tuple[SliceOrder, ...]:
    wanted = vm(1001, 100, state_dir=str(tmp_path), shutdown="acpi", shutdown_timeout_s=1, **changes)
    return orders(wanted, state_dir=str(tmp_path))


def applied_before(tmp_path: Path) -> None:
    """Apply an order for a VM whose guest is asked to shut down."""
    run_job(tmp_path, ready(tmp_path).tell(*STOP).tell(*START), orders=asked_order(tmp_path))
    assert (tmp_path / "vms/1001/power_down").read_text() == "1\n"


def before_and_after() -> FakeRunner:
    """The host with the VM, which is off once it was asked, or stopped."""
    runner = started().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=RUNS)
    patterns = ("cloudrepo-1000@*.service", "cloudrepo-1000.slice")
    return runner.tell(*SHOW, *patterns, stdout=IS_OFF).tell(*STOP_1001)


@pytest.mark.parametrize(("obeys", "warnings"), [(True, 0), (False, 1)])
@pytest.mark.parametrize(
    ("changes", "options", "action"),
    [({"state": "stopped"}, {}, "stop"), ({"cores": 2}, {"restart": True}, "restart")],
)
def test_a_guest_shuts_down_before_its_vm_is_stopped_or_restarted(
    tmp_path: Path, changes: dict[str, Any], options: dict[str, bool], action: str, obeys: bool, warnings: int
) -> None:
    applied_before(tmp_path)
    runner = before_and_after()
    if action == "restart":
        runner.tell(*START)
    else:
        runner.tell(*SHOW, "cloudrepo-1000@1001.service", stdout=IS_OFF)
    made = job(tmp_path, runner, orders=asked_order(tmp_path, **changes), **options)
    monitor = FakeMonitor().tell("system_powerdown")
    locks: list[tuple[bool, bool]] = []
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:

        def press(_path: str) -> None:
            assert STOP_1001 not in [tuple(argv) for argv in runner.argvs]
            locks.append((turn_is_held(tmp_path), is_held(tmp_path / "flows")))
            if obeys:
                process.kill()

        monitor.pids[QMP], monitor.effects["system_powerdown"] = process.pid, press
        todo, result = replace(made, tools=replace(made.tools, monitor=monitor)).steps.run()
        process.kill()
    # Others may use the host in the meantime, and only orders for the same slice wait.
    assert locks == [(True, False)]
    # It is a change of a running VM, although it is off when the plan is made.
    (change,) = (change for change in todo.changes if change.kind == "unit")
    assert (change.action, (change.before or {})["state"]) == (action, "running")
    assert change.reason.startswith("cores 1 → 2" if action == "restart" else "")
    late = "VM 1001 (vm1): its guest did not shut down within 1 s, so QEMU was stopped"
    assert result.get("warnings", []) == [late] * warnings
    assert [each["state"] for each in result["vms"]] == ["running" if action == "restart" else "stopped"]


def test_a_guest_of_a_vm_that_is_deleted_is_not_asked(tmp_path: Path) -> None:
    applied_before(tmp_path)
    runner = looked_at(RUNS).tell(*STOP_1001)
    runner.tell("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60", "--bundle", MORE)
    runner.tell("systemctl", "daemon-reload")
    (empty,) = orders(slice_id=1000, state_dir=str(tmp_path))
    _todo, result = run_job(tmp_path, runner, orders=(empty,))
    assert "warnings" not in result


def test_a_refused_order_asks_no_guest(tmp_path: Path) -> None:
    """The fake monitor has no answer to the question."""
    applied_before(tmp_path)
    (tmp_path / "revisions/worker").write_text('{"1000": 2000}')
    old = [replace(one, revision=1_999) for one in asked_order(tmp_path, state="stopped")]
    runner = FakeRunner().tell(*SHOW, "cloudrepo-1000@1001.service", stdout=RUNS)
    with pytest.raises(Refused, match="1999"):
        run_job(tmp_path, runner, 1_999, orders=old)


def test_nothing_is_asked_about_vms_that_are_off_or_keep_running(tmp_path: Path) -> None:
    applied_before(tmp_path)
    _todo, result = run_job(tmp_path, started(), orders=asked_order(tmp_path))
    assert [each["state"] for each in result["vms"]] == ["running"]
    off = looked_at(IS_OFF).tell("ovs-vsctl", MORE).tell("ip", "-batch", "-")
    off.tell("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60", "--bundle", MORE)
    off.tell(*SHOW, "cloudrepo-1000@1001.service", stdout=IS_OFF)
    _todo, result = run_job(tmp_path, off, orders=asked_order(tmp_path, state="stopped"))
    assert [each["state"] for each in result["vms"]] == ["stopped"]
