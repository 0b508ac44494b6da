# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import overlays
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.overlays import Disks
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image, read_image
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError

from ..fakes import ACCOUNTS, ME, MORE, STATE_DIR, FakeRunner, disk, orders, vm
from .test_qcow2 import qcow2

GIB = 1 << 30
BASE = f"{STATE_DIR}/images/base.img"
OVERLAY = f"{STATE_DIR}/vms/1001/vm1_img.qcow2"


def test_disk_smaller_than_its_base_is_refused_with_both_figures():
    with pytest.raises(Refused) as refused:
        overlays.plan(orders(vm()), Disks(bases={BASE: Image("qcow2", 2 * GIB)}), accounts=ACCOUNTS)
    figures = {"got": GIB, "least": 2 * GIB, "image": BASE}
    assert refused.value.refusals == [Refusal("disk_smaller_than_base", "VM 1001 (vm1)", figures)]


def test_missing_base_is_no_fault_of_the_plan_but_of_the_host():
    todo = overlays.plan(orders(vm()), Disks(), accounts=ACCOUNTS)

    assert todo.changes == [
        Change("VM folder", 1001, "create", after={"slice_id": 1000}),
        Change("overlay", OVERLAY, "create", after={"size_bytes": 1073741824, "backing_file": BASE}),
    ]
    with pytest.raises(Refused) as refused:
        overlays.need_bases(todo, Disks())
    assert refused.value.refusals == [Refusal("base_image_missing", f"base image {BASE}")]


def test_overlay_that_exists_is_left_alone():
    have = Disks(folders={1001: 1000}, overlays={OVERLAY: Image("qcow2", 1, "/old.img")})
    todo = overlays.plan(orders(vm()), have, accounts=ACCOUNTS)

    assert not todo.changes
    assert [(kept.vm_id, image.backing_file) for kept, _disk, image in todo.kept] == [(1001, "/old.img")]


def test_folder_of_another_slice_is_refused():
    with pytest.raises(Refused) as refused:
        overlays.plan(orders(vm()), Disks(folders={1001: 1100}), accounts=ACCOUNTS)
    assert refused.value.refusals == [Refusal("folder_of_another_slice", "VM 1001 (vm1)", {"owner": 1100})]


def test_unlisted_folders_of_the_slice_go():
    todo = overlays.plan(orders(), Disks(folders={1001: 1000, 1002: 1100}), accounts=ACCOUNTS)

    assert todo.remove == ((1001, 1000),)
    assert todo.changes == [Change("VM folder", 1001, "delete", before={"slice_id": 1000})]


def carry_out(tmp_path: Path, *vms: dict[str, Any], runner: FakeRunner) -> overlays.DiskPlan:
    order = orders(*vms, state_dir=str(tmp_path))
    have = overlays.observe(order, state_dir=str(tmp_path))
    todo = overlays.plan(order, have, accounts=ME)
    overlays.apply(todo, have, state_dir=str(tmp_path), accounts=ME, runner=runner)
    return todo


def test_overlays_that_are_alike_are_made_once_and_copied(tmp_path):
    def create(argv: Sequence[str]) -> None:
        qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])

    qcow2(tmp_path / "images/base.img", GIB // 2)
    runner = FakeRunner().on("qemu-img", "create", MORE, do=create)
    vms = [vm(number, state_dir=str(tmp_path)) for number in (1001, 1002)]
    vms.append(vm(1003, state_dir=str(tmp_path), disks=[disk(1003, state_dir=str(tmp_path), size_bytes=2 * GIB)]))
    carry_out(tmp_path, *vms, runner=runner)

    assert [argv[-1] for argv in runner.argvs] == [str(GIB), str(2 * GIB)]
    assert runner.argvs[0][:5] == ["qemu-img", "create", "-q", "-f", "qcow2"]
    base = f"{tmp_path}/images/base.img"
    assert [read_image(each["disks"][0]["path"]) for each in vms] == [
        Image("qcow2", GIB, base),
        Image("qcow2", GIB, base),
        Image("qcow2", 2 * GIB, base),
    ]
    folder = tmp_path / "vms/1001"
    assert sorted(os.listdir(folder)) == ["slice_id", "vm1_img.qcow2"]
    assert (folder / "slice_id").read_text() == "1000\n"
    assert [(folder / name).stat().st_mode & 0o777 for name in (".", "slice_id", "vm1_img.qcow2")] == [
        0o750,
        0o640,
        0o600,
    ]
    assert not carry_out(tmp_path, *vms, runner=FakeRunner()).changes


def test_failed_creation_leaves_no_draft(tmp_path):
    qcow2(tmp_path / "images/base.img", 1)
    with pytest.raises(SlicesError):
        carry_out(tmp_path, vm(state_dir=str(tmp_path)), runner=FakeRunner().tell("qemu-img", "create", MORE, rc=1))

    assert os.listdir(tmp_path / "vms/1001") == ["slice_id"]


def test_folder_goes_with_all_that_it_holds(tmp_path):
    folder = tmp_path / "vms/1001"
    (folder / "deeper").mkdir(parents=True)
    (folder / "slice_id").write_text("1000\n")
    (folder / "deeper/file").write_text("")
    (folder / "link").symlink_to("/")
    (tmp_path / "vms/1002").mkdir()
    carry_out(tmp_path, runner=FakeRunner())

    assert os.listdir(tmp_path / "vms") == ["1002"]


def test_what_belongs_to_somebody_else_changes_hands(tmp_path):
    qcow2(tmp_path / "images/base.img", GIB)
    create = {"do": lambda argv: qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])}
    wanted = vm(1001, state_dir=str(tmp_path))
    carry_out(tmp_path, wanted, runner=FakeRunner().on("qemu-img", "create", MORE, **create))
    folder = tmp_path / "vms/1001"
    for name in ("console.log", "vm.json", "vnc.secret", "eth0.pcap"):
        (folder / name).write_text("")
    order = orders(wanted, state_dir=str(tmp_path))
    have = overlays.observe(order, state_dir=str(tmp_path))
    uid, gid = os.getuid(), os.getgid()
    assert overlays.plan(order, have, accounts=ME).given == {}

    other = Accounts("cloudrepo", {1000: Account(uid + 1, gid + 1)})
    todo = overlays.plan(order, have, accounts=other)
    read, owned = ["slice_id", "vm.json"], ["vm1_img.qcow2", "console.log", "vnc.secret"]
    paths = [str(folder), *(f"{folder}/{name}" for name in read + owned)]
    mine = {"owner": uid, "group": gid}
    assert todo.changes == [
        *(Change("path", path, "update", mine, {"owner": uid, "group": gid + 1}) for path in paths[:3]),
        *(Change("path", path, "update", mine, {"owner": uid + 1, "group": gid + 1}) for path in paths[3:]),
    ]
    assert overlays.plan(order, have, accounts=Accounts("cloudrepo")).changes == []


def test_giving_does_not_follow_links(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(os, "chown", lambda *args, **options: given.append((args, options)))
    todo = overlays.DiskPlan(given={"/vms/1001/console.log": ((0, 0), (998, 997))})
    overlays.apply(todo, Disks(), state_dir=str(tmp_path), accounts=ACCOUNTS, runner=FakeRunner())

    assert todo.changes
    assert given == [(("/vms/1001/console.log", 998, 997), {"follow_symlinks": False})]
