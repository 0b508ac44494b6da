# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import (
    origins,
    overlays,
    startup_notes,
    trash,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.base_images import Note
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.origins import Origin
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.overlays import Disks, Orphan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image, read_image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import MARK, Folder, text_of
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM

from ..fakes import ACCOUNTS, ME, MORE, STATE_DIR, FakeRunner, disk, given_up, mark, orders, slices, uuid, vm
from .images import noted
from .test_origins import need_attributes
from .test_qcow2 import qcow2

GIB = 1 << 30
BASE = f"{STATE_DIR}/images/base.img"
OVERLAY = f"{STATE_DIR}/vms/1001/vm1_img.qcow2"
FOLDER = Folder(f"{STATE_DIR}/vms/1001", 1000)


def folder(vm: VM, **changes: Any) -> Folder:
    """The folder of a VM."""
    disks = {Path(disk.path).name: disk.uuid for disk in vm.disks}
    values = {"slice_id": vm.slice_id, "slice_uuid": vm.slice_uuid, "vm_uuid": vm.vm_uuid, "disks": disks}
    return Folder(f"/vms/{vm.vm_id}", **{**values, "text": text_of(vm), **changes})


def test_a_disk_smaller_than_its_base_image_is_refused_with_both_sizes():
    with pytest.raises(Refused) as refused:
        overlays.plan(orders(vm()), Disks(bases={BASE: Note("ab" * 32, 1, 1, "qcow2", 2 * GIB)}), accounts=ACCOUNTS)
    figures = {"got": GIB, "least": 2 * GIB, "image": BASE}
    assert refused.value.refusals == [Refusal("disk_smaller_than_base", "VM 1001 (vm1)", figures)]


def test_a_missing_base_image_is_an_error_of_the_host():
    todo = overlays.plan(orders(vm()), Disks(), accounts=ACCOUNTS)

    assert todo.changes == [
        Change("VM folder", 1001, "create", after={"slice_id": 1000}),
        Change("overlay", OVERLAY, "create", after={"size_bytes": 1073741824, "backing_file": BASE}),
    ]
    assert slices(todo.changes) == {1000}
    with pytest.raises(Refused) as refused:
        overlays.need_bases(todo, Disks())
    assert refused.value.refusals == [Refusal("base_image_missing", f"base image {BASE}")]


def test_an_existing_overlay_is_not_changed():
    order = orders(vm())
    have = Disks(folders={1001: folder(order[0].vms[0])}, overlays={OVERLAY: Image("qcow2", GIB, "/old.img")})
    todo = overlays.plan(order, have, accounts=ACCOUNTS)

    assert not todo.changes
    assert [(kept.vm_id, image.backing_file) for kept, _disk, image in todo.kept] == [(1001, "/old.img")]


def test_a_folder_of_another_slice_is_refused():
    have = Disks(folders={1001: Folder("/vms/1001", 1101, uuid(1), uuid(2))})
    with pytest.raises(Refused) as refused:
        overlays.plan(orders(vm(), slice_uuid=uuid(3)), have, accounts=ACCOUNTS)
    figures = {"path": "/vms/1001", "owner": 1101, "held": uuid(1), "got": uuid(3)}
    assert refused.value.refusals == [Refusal("folder_of_another_slice", "VM 1001 (vm1)", figures)]


def test_a_given_up_overlay_is_removed_with_its_folder():
    have = Disks(folders={1001: FOLDER, 1002: Folder("/vms/1002", 1101)}, found={1001: [OVERLAY]})
    todo = overlays.plan(orders(given_up=[given_up(1001), given_up(1003)]), have, accounts=ACCOUNTS)

    assert todo.remove == ((1001, 1000),)
    assert todo.orphans == ()
    assert todo.changes == [
        Change("overlay", OVERLAY, "delete", before={"uuid": None}),
        Change("VM folder", 1001, "delete", before={"slice_id": 1000}),
    ]
    assert slices(todo.changes) == {1000}


def test_an_unlisted_overlay_is_an_orphan_and_kept_with_its_folder():
    todo = overlays.plan(orders(), Disks(folders={1001: FOLDER}, found={1001: [OVERLAY]}), accounts=ACCOUNTS)

    assert todo.changes == []
    assert [each.to_dict() for each in todo.orphans] == [
        {"path": OVERLAY, "uuid": None, "vm_id": 1001, "slice_id": 1000}
    ]


@pytest.mark.parametrize(("held", "goes"), [(uuid(1), True), (uuid(2), False), (None, False)])
def test_an_overlay_is_removed_only_if_its_uuid_is_that_of_the_given_up_disk(held, goes):
    folder = replace(FOLDER, disks={"vm1_img.qcow2": held})
    have = Disks(folders={1001: folder}, found={1001: [OVERLAY]})
    todo = overlays.plan(orders(given_up=[given_up(1001, uuid=uuid(1))]), have, accounts=ACCOUNTS)

    assert ([each.uuid for _slice_id, each in todo.discard], [each.uuid for each in todo.orphans]) == (
        ([uuid(1)], []) if goes else ([], [held])
    )
    assert todo.remove == (((1001, 1000),) if goes else ())


def test_a_folder_without_an_overlay_is_removed():
    todo = overlays.plan(orders(), Disks(folders={1001: FOLDER}, found={1001: []}), accounts=ACCOUNTS)

    assert todo.changes == [Change("VM folder", 1001, "delete", before={"slice_id": 1000})]


def test_a_folder_with_an_overlay_that_was_not_given_up_is_kept():
    other = f"{STATE_DIR}/vms/1001/old_img.qcow2"
    have = Disks(folders={1001: FOLDER}, found={1001: [OVERLAY, other]})
    todo = overlays.plan(orders(given_up=[given_up(1001)]), have, accounts=ACCOUNTS)

    assert (todo.remove, todo.orphans) == ((), (Orphan(1001, 1000, other),))
    assert [change.id for change in todo.changes] == [OVERLAY]


def test_a_second_overlay_of_a_vm_is_an_orphan_until_it_is_given_up():
    other = f"{STATE_DIR}/vms/1001/old_img.qcow2"
    image = Image("qcow2", GIB, BASE)
    have = Disks(folders={1001: FOLDER}, found={1001: [OVERLAY, other]}, overlays={OVERLAY: image})

    assert overlays.plan(orders(vm()), have, accounts=ACCOUNTS).orphans == (Orphan(1001, 1000, other),)
    gone = [{"vm_id": 1001, "path": other}]
    todo = overlays.plan(orders(vm(), given_up=gone), have, accounts=ACCOUNTS)
    assert (todo.remove, [each.path for _slice_id, each in todo.discard], todo.orphans) == ((), [other], ())


def base_image(folder: Path, name: str = "base.img", **changes: Any) -> str:
    """A base image that is recorded as verified."""
    path = folder / "images" / name
    qcow2(path, GIB // 2)
    return str(noted(path, **changes))


def apply_plan(
    tmp_path: Path,
    *vms: dict[str, Any],
    runner: FakeRunner,
    given_up: Sequence[dict[str, Any]] = (),
    retention_h: float = 0,
) -> overlays.DiskPlan:
    order = orders(*vms, state_dir=str(tmp_path), given_up=given_up)
    have = overlays.observe(order, state_dir=str(tmp_path))
    todo = overlays.plan(order, have, accounts=ME, retention_h=retention_h)
    overlays.apply(todo, have, state_dir=str(tmp_path), accounts=ME, runner=runner, removed=[])
    return todo


def create(argv: Sequence[str]) -> None:
    """Create an overlay like qemu-img."""
    qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])


def test_equal_overlays_are_created_once_and_copied(tmp_path):
    base_image(tmp_path)
    runner = FakeRunner().on("qemu-img", "create", MORE, do=create)
    vms = [vm(number, state_dir=str(tmp_path)) for number in (1001, 1002)]
    vms.append(vm(1003, state_dir=str(tmp_path), disks=[disk(1003, state_dir=str(tmp_path), size_bytes=2 * GIB)]))
    apply_plan(tmp_path, *vms, runner=runner)

    assert [argv[-1] for argv in runner.argvs] == [str(GIB), str(2 * GIB)]
    assert runner.argvs[0][:5] == ["qemu-img", "create", "-q", "-f", "qcow2"]
    base = f"{tmp_path}/images/base.img"
    assert [read_image(each["disks"][0]["path"]) for each in vms] == [
        Image("qcow2", GIB, base),
        Image("qcow2", GIB, base),
        Image("qcow2", 2 * GIB, base),
    ]
    folder = tmp_path / "vms/1001"
    assert sorted(os.listdir(folder)) == ["identity.json", "vm1_img.qcow2"]
    assert json.loads((folder / "identity.json").read_text())["slice_id"] == 1000
    assert [(folder / name).stat().st_mode & 0o777 for name in (".", "identity.json", "vm1_img.qcow2")] == [
        0o750,
        0o640,
        0o600,
    ]
    assert not apply_plan(tmp_path, *vms, runner=FakeRunner()).changes


def test_a_folder_belongs_to_the_group_of_its_slice(tmp_path, monkeypatch):
    owners = []

    def chown(path, uid, gid):
        owners.append((path, uid, gid, os.stat(path).st_mode & 0o777))

    monkeypatch.setattr(os, "chown", chown)
    base_image(tmp_path)
    with pytest.raises(SlicesError):
        apply_plan(tmp_path, vm(state_dir=str(tmp_path)), runner=FakeRunner().tell("qemu-img", "create", MORE, rc=1))
    assert owners == [(f"{tmp_path}/vms/1001", -1, os.getgid(), 0o750)], "never open to others"


def test_a_disk_that_is_created_again_has_had_no_start_up(tmp_path):
    base_image(tmp_path)
    wanted = vm(1001, state_dir=str(tmp_path))
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    runner = FakeRunner().on("qemu-img", "create", MORE, do=create)
    apply_plan(tmp_path, wanted, runner=runner)
    startup_notes.write(str(path), "0" * 32)
    apply_plan(tmp_path, wanted, runner=runner)
    assert startup_notes.read(str(path)) == "0" * 32
    path.unlink()
    apply_plan(tmp_path, wanted, runner=runner)
    assert path.exists()
    assert startup_notes.read(str(path)) is None


def test_a_failed_creation_leaves_no_temporary_file(tmp_path):
    base_image(tmp_path)
    with pytest.raises(SlicesError):
        apply_plan(tmp_path, vm(state_dir=str(tmp_path)), runner=FakeRunner().tell("qemu-img", "create", MORE, rc=1))

    assert os.listdir(tmp_path / "vms/1001") == ["identity.json"]


def test_a_folder_is_removed_with_its_content(tmp_path):
    folder = tmp_path / "vms/1001"
    (folder / "deeper").mkdir(parents=True)
    mark(folder)
    (folder / "deeper/file").write_text("")
    (folder / "link").symlink_to("/")
    qcow2(folder / "vm1_img.qcow2", GIB)
    (tmp_path / "vms/1002").mkdir()
    apply_plan(tmp_path, runner=FakeRunner())
    assert sorted(os.listdir(folder)) == ["deeper", "identity.json", "link", "vm1_img.qcow2"]

    apply_plan(tmp_path, runner=FakeRunner(), given_up=[given_up(1001, state_dir=str(tmp_path))])
    assert os.listdir(tmp_path / "vms") == ["1002"]


def test_a_folder_with_overlays_deeper_in_it_is_kept_with_them(tmp_path):
    """Somebody has moved one there to keep it, and nobody gave it up."""
    folder = tmp_path / "vms/1001"
    (folder / "before").mkdir(parents=True)
    mark(folder, disks={"vm1_img.qcow2": uuid(1)})
    for name in ("vm1_img.qcow2", "before/vm1_img.qcow2"):
        qcow2(folder / name, GIB)
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    todo = apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone])
    assert [(each.kind, each.id) for each in todo.changes] == [("overlay", f"{folder}/vm1_img.qcow2")]
    assert (folder / "before/vm1_img.qcow2").exists()
    assert apply_plan(tmp_path, runner=FakeRunner()).changes == []
    (folder / "before/vm1_img.qcow2").unlink()
    assert [each.kind for each in apply_plan(tmp_path, runner=FakeRunner()).changes] == ["VM folder"]
    assert not folder.exists()


@pytest.mark.parametrize("name", [".vm1_img.qcow2", ".old"])
def test_a_disk_that_somebody_has_hidden_is_an_orphan(tmp_path, name):
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"vm1_img.qcow2": uuid(1)})
    qcow2(folder / name, GIB)
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    todo = apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone])
    assert (todo.changes, [each.path for each in todo.orphans]) == ([], [f"{folder}/{name}"])
    assert (folder / name).exists()


def test_the_variables_of_the_firmware_go_with_the_first_disk_to_the_trash_and_back(tmp_path):
    """They contain how the guest boots, which no template does."""
    base_image(tmp_path)
    path, variables = (tmp_path / "vms/1001" / name for name in ("vm1_img.qcow2", "uefi_variables.fd"))
    data = {"path": f"{tmp_path}/vms/1001/db.qcow2", "size_bytes": GIB, "name": "db", "uuid": uuid(2)}
    seen = disk(1001, state_dir=str(tmp_path), uuid=uuid(1), first_seen="2026-01-31T12:00:00Z")
    wanted = vm(1001, state_dir=str(tmp_path), disks=[seen, {**data, "first_seen": "2026-01-31T12:00:00Z"}])
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    qcow2(Path(data["path"]), GIB)
    (path.parent / MARK).write_text(text_of(orders(wanted, state_dir=str(tmp_path))[0].vms[0]))
    variables.write_text("boots from the second partition")
    of_data = {**given_up(1001, state_dir=str(tmp_path), uuid=uuid(2)), "path": data["path"], "name": "db"}
    without = vm(1001, state_dir=str(tmp_path), disks=[seen])
    apply_plan(tmp_path, without, runner=FakeRunner(), given_up=[of_data], retention_h=24)
    assert variables.exists()
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24)
    assert not path.parent.exists()
    apply_plan(tmp_path, wanted, runner=FakeRunner())
    assert variables.read_text() == "boots from the second partition"
    assert variables.stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "trash").iterdir()) == []
    assert apply_plan(tmp_path, wanted, runner=FakeRunner()).changes == []


def test_a_removed_overlay_is_kept_in_the_trash(tmp_path):
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, disks={"vm1_img.qcow2": uuid(1)})
    (folder / "vm1_img.qcow2").write_text("what a tenant wrote")
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    todo = apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24)

    assert todo.changes[0] == Change(
        "overlay",
        f"{folder}/vm1_img.qcow2",
        "delete",
        before={"uuid": uuid(1)},
        reason="kept in the trash for 24 h",
    )
    assert not folder.exists()
    assert Path(trash.find(str(tmp_path))[uuid(1)]).read_text() == "what a tenant wrote"
    apply_plan(tmp_path, runner=FakeRunner(), retention_h=24)
    apply_plan(tmp_path, runner=FakeRunner())
    (entry,) = trash.entries(str(tmp_path))
    assert entry.retention_s == 24 * 3600


@pytest.mark.parametrize("text", [None, "{", '{"slice_id": 1000}'])
def test_a_disk_in_a_folder_with_a_damaged_owner_file_goes_to_the_trash_and_comes_back(tmp_path, text):
    need_attributes(tmp_path)
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    wanted = vm(1001, state_dir=str(tmp_path), disks=[disk(1001, state_dir=str(tmp_path), uuid=uuid(1))])
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    os.setxattr(path, origins.ATTRIBUTE, uuid(1).encode())
    if text is not None:
        (path.parent / MARK).write_text(text)
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    before = path.stat().st_ino
    apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24)
    assert not path.parent.exists()
    assert [(entry.slice_id, list(entry.disks)) for entry in trash.entries(str(tmp_path))] == [(1000, [uuid(1)])]
    apply_plan(tmp_path, wanted, runner=FakeRunner())
    assert path.stat().st_ino == before


@pytest.mark.parametrize("own", [None, uuid(2)])
def test_a_disk_that_may_be_another_one_stays_in_a_folder_with_a_damaged_owner_file(tmp_path, own):
    need_attributes(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    path.parent.mkdir(parents=True)
    path.write_text("what a tenant wrote")
    if own is not None:
        os.setxattr(path, origins.ATTRIBUTE, own.encode())
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    assert apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24).changes == []
    assert path.read_text() == "what a tenant wrote"


def test_a_damaged_folder_that_is_a_link_is_not_followed_by_a_deletion(tmp_path):
    need_attributes(tmp_path)
    path = tmp_path / "elsewhere/vm1_img.qcow2"
    path.parent.mkdir()
    path.write_text("what a tenant wrote")
    os.setxattr(path, origins.ATTRIBUTE, uuid(1).encode())
    (tmp_path / "vms").mkdir()
    (tmp_path / "vms/1001").symlink_to(path.parent)
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    assert apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24).changes == []
    assert path.read_text() == "what a tenant wrote"


def test_an_overlay_is_restored_from_the_trash(tmp_path):
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    seen = disk(1001, state_dir=str(tmp_path), uuid=uuid(1), first_seen="2026-01-31T12:00:00Z")
    wanted = vm(1001, state_dir=str(tmp_path), disks=[seen])
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    (path.parent / MARK).write_text(text_of(orders(wanted, state_dir=str(tmp_path))[0].vms[0]))
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    before = path.stat().st_ino
    apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24)
    assert not path.exists()
    todo = apply_plan(tmp_path, wanted, runner=FakeRunner(), retention_h=0)

    assert todo.changes == [
        Change("VM folder", 1001, "create", after={"slice_id": 1000}),
        Change("overlay", str(path), "restore", after={"uuid": uuid(1)}, reason="from the trash"),
    ]
    assert slices(todo.changes) == {1000}
    assert path.stat().st_ino == before
    assert list((tmp_path / "trash").iterdir()) == []
    assert apply_plan(tmp_path, wanted, runner=FakeRunner()).changes == []


@pytest.mark.parametrize("hours", [0, 1, 48])
def test_the_trash_keeps_disks_of_an_unknown_deletion_for_the_given_hours(tmp_path, monkeypatch, hours):
    kept: list[float] = []
    monkeypatch.setattr(trash, "empty", lambda _state_dir, *, retention_s: kept.append(retention_s) or [])
    apply_plan(tmp_path, runner=FakeRunner(), retention_h=hours)
    assert kept == [hours * 60 * 60]


def test_only_the_wanted_disk_is_restored_from_the_trash(tmp_path):
    base_image(tmp_path)
    for number in (1001, 1002):
        qcow2(tmp_path / f"vms/{number}/vm{number - 1000}_img.qcow2", GIB, f"{tmp_path}/images/base.img")
        mark(tmp_path / f"vms/{number}", disks={f"vm{number - 1000}_img.qcow2": uuid(number)})
    gone = [given_up(number, state_dir=str(tmp_path), uuid=uuid(number)) for number in (1001, 1002)]
    apply_plan(tmp_path, runner=FakeRunner(), given_up=gone, retention_h=24)
    wanted = vm(1001, state_dir=str(tmp_path), disks=[disk(1001, state_dir=str(tmp_path), uuid=uuid(1001))])
    apply_plan(tmp_path, wanted, runner=FakeRunner(), retention_h=24)
    assert (tmp_path / "vms/1001/vm1_img.qcow2").exists()
    assert list(trash.find(str(tmp_path))) == [uuid(1002)]


def test_a_folder_that_is_there_already_is_used(tmp_path):
    (tmp_path / "vms/1001").mkdir(parents=True, mode=0o777)
    a_vm(tmp_path)
    assert (tmp_path / "vms/1001").stat().st_mode & 0o777 == 0o750


def test_only_disks_that_exist_are_present() -> None:
    order = orders(vm(1001), vm(1002))
    there = disk(1002)["path"]
    have = Disks(overlays={there: Image("qcow2", GIB, BASE)}, bases={BASE: Note("ab" * 32, 1, 1, "qcow2", GIB)})
    todo = overlays.plan(order, have, accounts=ACCOUNTS, barred=[1001])
    assert ([each.path for each in todo.present], todo.create) == ([there], ())


def test_only_the_overlay_is_removed_from_the_folder_of_a_vm_that_is_kept(tmp_path):
    folder = tmp_path / "vms/1001"
    for name in ("vm1_img.qcow2", "old_img.qcow2", ".draft.qcow2"):
        qcow2(folder / name, GIB, f"{tmp_path}/images/base.img")
    mark(folder)
    gone = {"vm_id": 1001, "path": f"{folder}/old_img.qcow2"}
    todo = apply_plan(tmp_path, vm(state_dir=str(tmp_path)), runner=FakeRunner(), given_up=[gone])

    assert todo.orphans == ()
    assert sorted(os.listdir(folder)) == [".draft.qcow2", "identity.json", "vm1_img.qcow2"]


def test_files_of_another_owner_are_chowned(tmp_path):
    base_image(tmp_path)
    create = {"do": lambda argv: qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])}
    wanted = vm(1001, state_dir=str(tmp_path))
    apply_plan(tmp_path, wanted, runner=FakeRunner().on("qemu-img", "create", MORE, **create))
    folder = tmp_path / "vms/1001"
    modes = {"console.log": 0o640, "vm.json": 0o640, "vnc.secret": 0o400, "eth0.pcap": 0o644}
    for name, mode in modes.items():
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    order = orders(wanted, state_dir=str(tmp_path))
    have = overlays.observe(order, state_dir=str(tmp_path))
    uid, gid = os.getuid(), os.getgid()
    assert overlays.plan(order, have, accounts=ME).given == {}

    other = Accounts("cloudrepo", {1000: Account(uid + 1, gid + 1)})
    todo = overlays.plan(order, have, accounts=other)
    assert slices(todo.changes) == {1000}
    of_root = {"": "0750", "/identity.json": "0640", "/vm.json": "0640"}
    of_qemu = {"/vm1_img.qcow2": "0600", "/console.log": "0640", "/vnc.secret": "0400"}
    assert todo.changes == [
        Change(
            "path",
            f"{folder}{name}",
            "update",
            {"owner": uid, "group": gid, "mode": mode},
            {"owner": uid + (name in of_qemu), "group": gid + 1, "mode": mode},
        )
        for name, mode in {**of_root, **of_qemu}.items()
    ]
    assert overlays.plan(order, have, accounts=Accounts("cloudrepo")).changes == []


def a_vm(tmp_path):
    """Create a VM's folder with its disk, and return the VM."""
    base_image(tmp_path)
    create = {"do": lambda argv: qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])}
    wanted = vm(1001, state_dir=str(tmp_path))
    apply_plan(tmp_path, wanted, runner=FakeRunner().on("qemu-img", "create", MORE, **create))
    return wanted


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("", 0o777, 0o750),
        ("/identity.json", 0o666, 0o640),
        ("/vm1_img.qcow2", 0o644, 0o600),
        ("/seed.iso", 0o644, 0o640),
    ],
)
def test_changed_modes_are_shown_and_repaired(tmp_path, name, wrong, right):
    wanted = a_vm(tmp_path)
    path = Path(f"{tmp_path}/vms/1001{name}")
    if name == "/seed.iso":
        path.write_text("cloud-init's passwords")
    path.chmod(wrong)
    opened = os.listdir("/proc/self/fd")
    (change,) = apply_plan(tmp_path, wanted, runner=FakeRunner()).changes
    assert os.listdir("/proc/self/fd") == opened
    assert (change.before["mode"], change.after["mode"]) == (f"{wrong:04o}", f"{right:04o}")
    assert path.stat().st_mode & 0o7777 == right
    assert apply_plan(tmp_path, wanted, runner=FakeRunner()).changes == []


@pytest.mark.parametrize("name", ["", "/identity.json", "/vm1_img.qcow2"])
def test_a_link_in_place_of_a_folder_or_file_is_refused_and_not_followed(tmp_path, name):
    wanted = a_vm(tmp_path)
    path, target = Path(f"{tmp_path}/vms/1001{name}"), tmp_path / "elsewhere"
    path.rename(target)
    path.symlink_to(target)
    target.chmod(0o777)
    with pytest.raises(Refused) as refused_by:
        apply_plan(tmp_path, wanted, runner=FakeRunner())
    (refusal,) = refused_by.value.refusals
    assert (refusal.code, refusal.figures["path"], refusal.figures["got"]) == (
        "path_replaced",
        str(path),
        "symbolic link",
    )
    assert target.stat().st_mode & 0o777 == 0o777


def test_chown_does_not_follow_links(tmp_path):
    target, link = tmp_path / "target", tmp_path / "console.log"
    target.write_text("")
    target.chmod(0o604)
    link.symlink_to(target)
    root = overlays.Access("file", os.getuid(), os.getgid(), 0o640)
    todo = overlays.DiskPlan(given={str(link): (1000, root, root)})
    with pytest.raises(OSError, match="symbolic links"):
        overlays.apply(todo, Disks(), state_dir=str(tmp_path), accounts=ACCOUNTS, runner=FakeRunner(), removed=[])
    assert target.stat().st_mode & 0o777 == 0o604


OURS = orders(vm(vm_uuid=uuid(2), disks=[disk(uuid=uuid(3))]), slice_uuid=uuid(1))
NO_VM = orders(slice_uuid=uuid(1))


def whose(**changes: Any) -> Disks:
    """A host with the folder of the order, except for the changed fields."""
    return Disks(folders={1001: folder(OURS[0].vms[0], **changes)})


def test_a_folder_with_the_same_uuids_belongs_to_the_vm():
    assert list(overlays.conflicts(OURS, whose(), ACCOUNTS)) == []
    assert overlays.plan(OURS, whose(), accounts=ACCOUNTS).make_folders == ()


@pytest.mark.parametrize(
    ("changes", "code", "where", "figures"),
    [
        (
            {"slice_uuid": uuid(9)},
            "another_slice",
            "slice 1000",
            {"where": "VM folder /vms/1001", "held": uuid(9), "got": uuid(1)},
        ),
        ({"vm_uuid": uuid(9)}, "another_vm", "VM 1001 (vm1)", {"where": "/vms/1001", "held": uuid(9), "got": uuid(2)}),
        (
            {"disks": {"vm1_img.qcow2": uuid(9)}},
            "another_disk",
            "VM 1001 (vm1)",
            {"path": OVERLAY, "held": uuid(9), "got": uuid(3)},
        ),
        (
            {"slice_id": None},
            "folder_without_owner",
            "VM 1001 (vm1)",
            {"path": "/vms/1001", "mark": "identity.json"},
        ),
    ],
)
def test_a_slice_is_refused_if_a_folder_belongs_to_another_one(changes, code, where, figures):
    assert list(overlays.conflicts(OURS, whose(**changes), ACCOUNTS)) == [(1000, Refusal(code, where, figures))]
    with pytest.raises(Refused):
        overlays.plan(OURS, whose(**changes), accounts=ACCOUNTS)


def test_nothing_is_removed_only_by_its_id():
    todo = overlays.plan(NO_VM, replace(whose(), found={1001: []}), accounts=ACCOUNTS)
    assert todo.remove == ((1001, 1000),)
    with pytest.raises(Refused) as refused:
        overlays.plan(NO_VM, whose(slice_uuid=uuid(9)), accounts=ACCOUNTS)
    assert [each.code for each in refused.value.refusals] == ["another_slice"]


def test_a_slice_is_refused_if_its_pool_is_used_by_folders_of_another_one():
    have = Disks(folders={1999: Folder("/vms/1999", 1100, uuid(9))})
    figures = {"path": "/vms/1999", "holder": 1100, "held": uuid(9)}
    assert list(overlays.conflicts(OURS, have, ACCOUNTS)) == [
        (1000, Refusal("pool_of_another_slice", "slice 1000", figures))
    ]
    assert list(overlays.conflicts(NO_VM, have, ACCOUNTS)) == []
    assert list(overlays.conflicts((*OURS, *orders(slice_id=1100, slice_uuid=uuid(9))), have, ACCOUNTS)) == []


def test_the_identity_of_a_folder_is_updated_with_its_disks(tmp_path):
    base_image(tmp_path)
    create = {"do": lambda argv: qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1])}
    apply_plan(tmp_path, vm(state_dir=str(tmp_path)), runner=FakeRunner().on("qemu-img", "create", MORE, **create))
    renamed = vm(state_dir=str(tmp_path), name="web")
    todo = apply_plan(tmp_path, renamed, runner=FakeRunner())
    outdated, current = {"identity.json": "outdated"}, {"identity.json": "current"}
    assert todo.changes == [Change("VM folder", 1001, "update", outdated, current)]
    assert json.loads((tmp_path / "vms/1001/identity.json").read_text())["name"] == "web"
    assert not apply_plan(tmp_path, renamed, runner=FakeRunner()).changes


@pytest.mark.parametrize("name", ["/identity.json", "/vm1_img.qcow2", "/seed.iso"])
def test_a_fifo_in_place_of_a_file_is_refused_and_not_waited_for(tmp_path, name):
    wanted = a_vm(tmp_path)
    path = Path(f"{tmp_path}/vms/1001{name}")
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(Refused) as refused_by:
        apply_plan(tmp_path, wanted, runner=FakeRunner())
    (refusal,) = (each for each in refused_by.value.refusals if each.code == "path_replaced")
    assert refusal.figures["path"] == str(path)
    assert refusal.figures["got"] == "special file"


MOVED = "move it back to where it was; cp without options makes a copy that may be used as another disk"


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (Origin(uuid(9), "cloudrepo-0"), f"disk {uuid(9)}"),
        (Origin(None, "cloudrepo-7"), "a file of cloudrepo-7"),
        (Origin(uuid(3), "cloudrepo-7"), None),
        (Origin(None, "cloudrepo-0"), None),
        (Origin(None, "root"), None),
        (Origin(None, None), None),
    ],
)
def test_a_file_of_another_vm_is_not_used_as_a_disk(origin, told):
    """It got to the path of the disk by a wrong command."""
    have = replace(whose(), overlays={OVERLAY: Image("qcow2", GIB, BASE)}, origins={OVERLAY: origin})
    found = list(overlays.conflicts(OURS, have, ACCOUNTS))
    assert [(slice_id, each.message) for slice_id, each in found] == (
        []
        if told is None
        else [
            (
                1000,
                f"VM 1001 (vm1): {OVERLAY} is {told}, not disk {uuid(3)}; a file is only used as the disk that it was "
                f"created as; {MOVED}",
            )
        ]
    )


@pytest.mark.parametrize("origin", [Origin(uuid(9), "cloudrepo-0"), Origin(None, "cloudrepo-7")])
def test_a_file_of_another_vm_does_not_go_with_a_disk_that_is_given_up(origin):
    have = Disks(folders={1001: replace(FOLDER, disks={"vm1_img.qcow2": uuid(3)})}, found={1001: [OVERLAY]})
    gone = orders(given_up=[given_up(1001, uuid=uuid(3))])
    assert [each.path for _slice_id, each in overlays.plan(gone, have, accounts=ACCOUNTS).discard] == [OVERLAY]
    todo = overlays.plan(gone, replace(have, origins={OVERLAY: origin}), accounts=ACCOUNTS)
    assert (todo.discard, todo.remove, [each.path for each in todo.orphans]) == ((), (), [OVERLAY])


def test_disks_of_two_vms_that_were_exchanged_are_refused_until_they_are_back(tmp_path: Path) -> None:
    base_image(tmp_path)
    runner = FakeRunner().on("qemu-img", "create", MORE, do=create)
    vms = [
        vm(each, state_dir=str(tmp_path), disks=[disk(each, state_dir=str(tmp_path), uuid=uuid(each % 10))])
        for each in (1001, 1002)
    ]
    apply_plan(tmp_path, *vms, runner=runner)
    first, second = (Path(each["disks"][0]["path"]) for each in vms)
    need_attributes(first)

    def exchange() -> None:
        aside = tmp_path / "aside"
        first.rename(aside)
        second.rename(first)
        aside.rename(second)

    exchange()
    with pytest.raises(Refused) as refused:
        apply_plan(tmp_path, *vms, runner=FakeRunner())
    assert [(each.code, each.figures["held"], each.figures["got"]) for each in refused.value.refusals] == [
        ("disk_of_another_vm", f"disk {uuid(2)}", uuid(1)),
        ("disk_of_another_vm", f"disk {uuid(1)}", uuid(2)),
    ]
    exchange()
    assert apply_plan(tmp_path, *vms, runner=FakeRunner()).changes == []


def test_a_disk_knows_its_uuid_in_the_trash_and_after_it(tmp_path: Path) -> None:
    """One that was created without it gets it with the next work order."""
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    seen = disk(1001, state_dir=str(tmp_path), uuid=uuid(1), first_seen="2026-01-31T12:00:00Z")
    wanted = vm(1001, state_dir=str(tmp_path), disks=[seen])
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    need_attributes(path)
    (path.parent / MARK).write_text(text_of(orders(wanted, state_dir=str(tmp_path))[0].vms[0]))
    apply_plan(tmp_path, wanted, runner=FakeRunner())
    assert origins.read([str(path)])[str(path)].uuid == uuid(1)
    gone = given_up(1001, state_dir=str(tmp_path), uuid=uuid(1))
    apply_plan(tmp_path, runner=FakeRunner(), given_up=[gone], retention_h=24)
    waiting = trash.find(str(tmp_path))[uuid(1)]
    assert origins.read([waiting])[waiting].uuid == uuid(1)
    apply_plan(tmp_path, wanted, runner=FakeRunner())
    assert origins.read([str(path)])[str(path)].uuid == uuid(1)


def test_the_target_of_a_link_in_place_of_a_folder_is_not_removed_with_its_vm(tmp_path):
    a_vm(tmp_path)
    folder, target = tmp_path / "vms/1001", tmp_path / "elsewhere"
    folder.rename(target)
    folder.symlink_to(target)
    order = orders(given_up=[given_up(1001, state_dir=str(tmp_path))], state_dir=str(tmp_path))
    have = overlays.observe(order, state_dir=str(tmp_path))
    with pytest.raises(Refused) as refused_by:
        overlays.plan(order, have, accounts=ACCOUNTS)
    (refusal,) = refused_by.value.refusals
    assert (refusal.code, refusal.object, refusal.figures["path"]) == ("path_replaced", "slice 1000", str(folder))
    assert (target / "vm1_img.qcow2").exists()


def data_disk(tmp_path: Path, number: int = 1, **changes: Any) -> dict[str, Any]:
    path = f"{tmp_path}/vms/1001/db_{number:08}.qcow2"
    return {"path": path, "size_bytes": GIB, "name": "db", "uuid": uuid(number), **changes}


def with_data(tmp_path: Path, *data: dict[str, Any], vm_id: int = 1001) -> dict[str, Any]:
    disks = [disk(vm_id, state_dir=str(tmp_path), uuid=uuid(9)), *data]
    return vm(vm_id, state_dir=str(tmp_path), disks=disks, vm_uuid=uuid(8))


def created(tmp_path: Path) -> FakeRunner:
    """A host on which qemu-img creates disks."""
    base_image(tmp_path)

    def create(argv: Sequence[str]) -> None:
        qcow2(Path(argv[-2]), int(argv[-1]), argv[argv.index("-b") + 1] if "-b" in argv else "")

    return FakeRunner().on("qemu-img", "create", MORE, do=create)


def given_up_disk(number: int, tmp_path: Path) -> dict[str, Any]:
    each = data_disk(tmp_path, number)
    return {"vm_id": 1001, **{key: each[key] for key in ("path", "uuid", "name")}}


def test_a_data_disk_is_created_empty_and_without_a_base_image(tmp_path):
    wanted = with_data(tmp_path, data_disk(tmp_path))
    todo = apply_plan(tmp_path, wanted, runner=created(tmp_path))
    path = data_disk(tmp_path)["path"]
    assert Change("overlay", path, "create", after={"size_bytes": GIB, "name": "db"}) in todo.changes
    assert read_image(path) == Image("qcow2", GIB)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "vms/1001" / MARK).read_text())["disks"]["db_00000001.qcow2"] == uuid(1)
    assert apply_plan(tmp_path, wanted, runner=FakeRunner()).changes == []


def test_a_data_disk_of_a_vm_that_stays_goes_to_the_trash_and_to_another_vm(tmp_path):
    runner = created(tmp_path)
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=runner)
    path = Path(data_disk(tmp_path)["path"])
    before = path.stat().st_ino
    gone = [given_up_disk(1, tmp_path)]
    todo = apply_plan(tmp_path, with_data(tmp_path), runner=FakeRunner(), given_up=gone, retention_h=24)
    (change,) = (each for each in todo.changes if each.kind == "overlay")
    assert (change.id, change.action, change.before) == (str(path), "delete", {"uuid": uuid(1), "name": "db"})
    assert change.reason == "kept in the trash for 24 h"
    assert (path.exists(), [*trash.find(str(tmp_path))]) == (False, [uuid(1)])
    assert (tmp_path / "vms/1001/vm1_img.qcow2").exists()
    moved = data_disk(tmp_path, path=f"{tmp_path}/vms/1002/db_00000001.qcow2", first_seen="2026-01-31T12:00:00Z")
    both = (with_data(tmp_path), with_data(tmp_path, moved, vm_id=1002))
    apply_plan(tmp_path, *both, runner=runner, retention_h=24)
    assert os.stat(moved["path"]).st_ino == before
    assert apply_plan(tmp_path, *both, runner=FakeRunner(), retention_h=24).changes == []


@pytest.mark.parametrize(
    ("stopping", "restarting", "is_kept"), [((), (), True), ((1001,), (), False), ((), (1001,), False)]
)
def test_a_given_up_disk_that_is_in_use_is_kept_until_its_vm_stops(tmp_path, stopping, restarting, is_kept):
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    path = data_disk(tmp_path)["path"]
    order = orders(with_data(tmp_path), state_dir=str(tmp_path), given_up=[given_up_disk(1, tmp_path)])
    with open(path, "rb"):
        have = overlays.observe(order, state_dir=str(tmp_path))
    todo = overlays.plan(order, have, accounts=ME, stopping=stopping, restarting=restarting)
    assert (todo.holding, todo.orphans) == (({1001} if is_kept else set()), ())
    assert [each.path for _slice_id, each in todo.discard] == ([] if is_kept else [path])
    assert todo.forget == (() if is_kept else (path,))
    assert ("db_00000001.qcow2" in json.loads(todo.marks[1001])["disks"]) is is_kept


def test_a_disk_of_an_unlisted_vm_does_not_wait(tmp_path):
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    order = orders(state_dir=str(tmp_path), given_up=[given_up_disk(1, tmp_path)])
    with open(data_disk(tmp_path)["path"], "rb"):
        have = overlays.observe(order, state_dir=str(tmp_path))
    assert (have.in_use, overlays.plan(order, have, accounts=ME).holding) == (set(), set())


def test_an_orphan_beside_the_disks_of_a_vm_keeps_its_uuid(tmp_path):
    """After an older database was restored, the disk is given up or restored later by its UUID."""
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    todo = apply_plan(tmp_path, with_data(tmp_path), runner=FakeRunner())
    assert [(each.path, each.uuid) for each in todo.orphans] == [(data_disk(tmp_path)["path"], uuid(1))]
    assert todo.changes == []
    gone = [given_up_disk(1, tmp_path)]
    later = apply_plan(tmp_path, with_data(tmp_path), runner=FakeRunner(), given_up=gone, retention_h=1)
    assert [each.uuid for _slice_id, each in later.discard] == [uuid(1)]
    assert [*trash.find(str(tmp_path))] == [uuid(1)]


def test_another_disk_at_the_path_of_a_data_disk_is_refused(tmp_path):
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    with pytest.raises(Refused) as refused:
        apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path, uuid=uuid(2))), runner=FakeRunner())
    assert [each.code for each in refused.value.refusals] == ["another_disk"]


def test_a_disk_is_enlarged_after_it_was_restored_from_the_trash(tmp_path):
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    gone = [given_up_disk(1, tmp_path)]
    apply_plan(tmp_path, with_data(tmp_path), runner=FakeRunner(), given_up=gone, retention_h=24)
    larger = data_disk(tmp_path, size_bytes=2 * GIB)

    def resize(argv: Sequence[str]) -> None:
        assert os.path.exists(argv[-2])

    runner = FakeRunner().on("setpriv", MORE, do=resize)
    todo = apply_plan(tmp_path, with_data(tmp_path, larger), runner=runner, retention_h=24)
    assert [change.action for change in todo.changes if change.kind == "overlay"] == ["restore", "update"]


def test_only_folders_of_the_slices_of_an_order_are_looked_into(tmp_path: Path) -> None:
    for vm_id, slice_id in ((1001, 1000), (2001, 2000)):
        path = tmp_path / f"vms/{vm_id}"
        path.mkdir(parents=True)
        mark(path, slice_id=slice_id)
        (path / "vm1_img.qcow2").write_text("")
    have = overlays.observe(orders(state_dir=str(tmp_path)), state_dir=str(tmp_path))
    assert have.folders.keys() == {1001, 2001}
    assert have.found == {1001: (f"{tmp_path}/vms/1001/vm1_img.qcow2",)}


def test_a_folder_that_tells_no_slice_is_removed_as_that_of_none() -> None:
    have = Disks(folders={1001: Folder("/vms/1001", None)}, found={1001: []})
    assert overlays.plan(orders(), have, accounts=ACCOUNTS).remove == ((1001, 0),)


@pytest.mark.parametrize(
    ("is_open", "restarting", "told"), [(True, (), True), (True, (1001,), False), (False, (), False)]
)
def test_a_disk_is_enlarged_by_qemu_only_while_it_has_it_open(
    is_open: bool, restarting: tuple[int, ...], told: bool
) -> None:
    order = orders(vm())
    have = Disks(
        folders={1001: folder(order[0].vms[0])},
        overlays={OVERLAY: Image("qcow2", GIB // 2, BASE)},
        in_use=frozenset({OVERLAY} if is_open else ()),
    )
    todo = overlays.plan(order, have, accounts=ACCOUNTS, restarting=restarting)
    assert [(each.is_open, each.old_bytes) for each in todo.grow] == [(told, GIB // 2)]


def test_a_disk_that_was_just_removed_from_the_trash_is_not_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "find", lambda _state_dir: {uuid(1): "/none", uuid(2): "/none"})
    wanted = vm(1001, state_dir=str(tmp_path), disks=[disk(1001, state_dir=str(tmp_path), uuid=uuid(1))])
    have = overlays.observe(orders(wanted, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    assert (have.deleted, have.overlays) == ({}, {})


def test_without_anything_to_discard_nothing_was_removed(tmp_path: Path) -> None:
    removed = list[trash.Early]()
    where = {"state_dir": str(tmp_path), "accounts": ME, "runner": FakeRunner()}
    overlays.apply(overlays.DiskPlan(), Disks(), **where, removed=removed)
    assert removed == []


def test_disks_are_not_kept_in_the_trash_unless_it_is_asked_for() -> None:
    assert overlays.DiskPlan().retention_h == 0


def test_the_images_of_disks_and_of_the_cd_are_observed(tmp_path: Path) -> None:
    base, cd = base_image(tmp_path), base_image(tmp_path, "cd.img")
    order = orders(vm(1001, state_dir=str(tmp_path), cdrom=cd), state_dir=str(tmp_path))
    have = overlays.observe(order, state_dir=str(tmp_path))
    assert have.bases.keys() == {base, cd}
    plain = overlays.observe(
        orders(vm(1001, state_dir=str(tmp_path)), state_dir=str(tmp_path)), state_dir=str(tmp_path)
    )
    assert plain.bases.keys() == {base}


def test_only_disks_that_change_are_asked_who_has_them_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(overlays.processes, "open_paths", lambda paths: asked.append({*paths}) or frozenset())
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    for size in (GIB, 2 * GIB):
        wanted = vm(1001, state_dir=str(tmp_path), disks=[disk(1001, state_dir=str(tmp_path), size_bytes=size)])
        overlays.observe(orders(wanted, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    assert asked == [set(), {str(path)}]


def test_a_disk_that_is_there_is_not_looked_for_in_the_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base_image(tmp_path)
    path = tmp_path / "vms/1001/vm1_img.qcow2"
    qcow2(path, GIB, f"{tmp_path}/images/base.img")
    other = tmp_path / "trash-copy"
    qcow2(other, 2 * GIB, f"{tmp_path}/images/base.img")
    monkeypatch.setattr(trash, "find", lambda _state_dir: {uuid(1): str(other)})
    wanted = vm(1001, state_dir=str(tmp_path), disks=[disk(1001, state_dir=str(tmp_path), uuid=uuid(1))])
    have = overlays.observe(orders(wanted, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    assert (have.deleted, have.overlays[str(path)].virtual_bytes) == ({}, GIB)


def test_disks_are_registered_when_they_are_created_and_forgotten_when_they_go(tmp_path: Path) -> None:
    apply_plan(tmp_path, with_data(tmp_path, data_disk(tmp_path)), runner=created(tmp_path))
    paths = {disk(1001, state_dir=str(tmp_path))["path"], data_disk(tmp_path)["path"]}
    assert overlays.register.read(str(tmp_path)).keys() == paths
    apply_plan(tmp_path, with_data(tmp_path), runner=FakeRunner(), given_up=[given_up_disk(1, tmp_path)])
    assert overlays.register.read(str(tmp_path)).keys() == {disk(1001, state_dir=str(tmp_path))["path"]}
