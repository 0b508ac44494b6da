# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    applied_orders,
    orphans,
    revisions,
    vm_folders,
    worker_orphans,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.taps import REMOVAL_GROUP, Devices, Tap
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.origins import Origin
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import DISK, SLICE, Orphan, Verdict
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.apply import Tools
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit, Units, template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import Folder
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.worker_orphans import Held, Search, Todo
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import Holdings, KnownDisk, KnownSlice
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from ....locks import is_held
from .fakes import MORE, FakeMonitor, FakeRunner, mark, uuid
from .test_worker_job import place

FOLDER = Folder("/vms/1006", 1005, uuid(5), uuid(6), {"vm1_img.qcow2": uuid(7)})
PATH = "/vms/1006/vm1_img.qcow2"
LEFT = Held(
    folders={1006: FOLDER},
    overlays={1006: {PATH: (4096, 0.0)}},
    units=Units(
        vms={1006: Unit(1005, 1006, "active", 7)},
        enabled=frozenset({(1005, 1006), (1005, 1007)}),
        templates={1005: template_text("cloudrepo-5", uuid(5))},
    ),
    taps={"tap_1006_eth0": 1005},
    ports=(Port("tap_1006_eth0", "br-int", external_ids={"cloudrepo-slice": "1005"}),),
    flows=frozenset({1005}),
)
DISK_OF_LEFT = Orphan(
    DISK,
    1005,
    uuid(7),
    PATH,
    1006,
    in_use="cloudrepo-1005@1006.service",
    size_bytes=4096,
    modified="1970-01-01T00:00:00Z",
)
KNOWN = KnownSlice(1005, uuid(5), (KnownDisk(PATH, uuid(7)),))


def test_objects_in_the_database_are_not_orphans():
    assert worker_orphans.find([KNOWN], LEFT) == ()


def test_all_objects_of_an_unknown_slice_are_orphans():
    everything = (
        "unit cloudrepo-1005@1006.service (active)",
        "unit cloudrepo-1005@1007.service (enabled)",
        "template cloudrepo-1005@.service",
        "port tap_1006_eth0",
        "tap tap_1006_eth0",
        "flows 1005",
    )
    of_slice = Orphan(SLICE, 1005, uuid(5), holds=everything)
    assert worker_orphans.find([], LEFT) == (of_slice, DISK_OF_LEFT)
    # Another slice has got the id in the meantime.
    assert worker_orphans.find([KnownSlice(1005, uuid(9))], LEFT) == (of_slice, DISK_OF_LEFT)


def test_a_folder_with_disks_says_whose_the_other_objects_are() -> None:
    held = Held(folders={1006: FOLDER}, overlays={1006: {PATH: (0, 0.0)}}, taps={"tap_1006_eth0": 1005})
    another = KnownSlice(1005, uuid(9), (KnownDisk(PATH, uuid(7)),))
    assert worker_orphans.find([another], held)[0] == Orphan(SLICE, 1005, uuid(5), holds=("tap tap_1006_eth0",))
    nameless = replace(held, folders={1006: replace(FOLDER, slice_uuid=None)})
    assert worker_orphans.find([another], nameless) == ()


def test_only_disks_of_a_known_slice_are_orphans():
    assert worker_orphans.find([replace(KNOWN, disks=())], LEFT) == (DISK_OF_LEFT,)
    other = replace(KNOWN, disks=(KnownDisk(PATH, uuid(8)),))
    assert worker_orphans.find([other], LEFT) == (DISK_OF_LEFT,)


def test_what_only_the_host_has_is_returned_for_a_work_order_with_all_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disks are those of VMs and those that are given up."""
    monkeypatch.setattr(worker_orphans.taps, "observe", Devices)
    monkeypatch.setattr(worker_orphans.ovsdb, "observe", lambda _runner: Switch({}, {}))
    for vm_id, slice_id in ((1001, 1000), (1002, 1000), (1003, 1000), (1006, 1005)):
        folder = tmp_path / f"vms/{vm_id}"
        folder.mkdir(parents=True)
        mark(folder, slice_id, slice_uuid=uuid(slice_id % 1000), disks={"vm1_img.qcow2": uuid(vm_id % 1000)})
        (folder / "vm1_img.qcow2").touch()
    listed = [{"path": f"{tmp_path}/vms/{vm_id}/vm1_img.qcow2", "uuid": uuid(vm_id % 1000)} for vm_id in (1001, 1002)]
    order = {"slice_id": 1000, "slice_uuid": uuid(0), "vms": [{"disks": listed[:1]}], "given_up": listed[1:]}
    (tmp_path / "units").mkdir()
    (tmp_path / "units/cloudrepo-1005@.service").write_text(f"X-CloudrepoSlice={uuid(5)}\n")

    def found(*slices: dict[str, Any], rc: int = 0) -> list[tuple[str, int | None, int | None]]:
        runner = FakeRunner().tell("systemctl", "show", MORE, rc=rc)
        units = str(tmp_path / "units")
        told = worker_orphans.only_here(slices, runner, state_dir=str(tmp_path), unit_dir=units)
        return [(each["kind"], each["slice_id"], each["vm_id"]) for each in told]

    assert found(order) == [("slice", 1005, None), ("disk", 1000, 1003), ("disk", 1005, 1006)]
    assert found({**order, "slice_uuid": uuid(9)})[1:] == [("disk", 1000, 1003), ("disk", 1005, 1006)]
    assert found(order, rc=127) == []


def test_a_disk_without_a_running_vm_is_not_in_use():
    for unit in (Unit(1005, 1006), Unit(1005, 1006, "failed")):
        held = replace(LEFT, units=replace(LEFT.units, vms={1006: unit}))
        (disk,) = worker_orphans.find([replace(KNOWN, disks=())], held)
        assert disk.in_use is None


STRAY = "/state/vms/1006.old/vm1_img.qcow2"


def test_a_disk_that_was_moved_or_copied_is_an_orphan_with_its_path_as_name() -> None:
    folder = replace(FOLDER, path="/state/vms/1006.old", vm_id=1006)
    held = replace(LEFT, misplaced={STRAY: (folder, (4096, 0.0))}, users={STRAY: "cloudrepo-1005@1006.service"})
    (disk,) = worker_orphans.find([KNOWN], held)
    assert disk == replace(DISK_OF_LEFT, uuid=None, path=STRAY, twin=PATH)
    assert (disk.name, disk.names) == (STRAY, {STRAY})
    (nameless,) = worker_orphans.find([KNOWN], replace(LEFT, misplaced={STRAY: (None, (4096, 0.0))}))
    assert (nameless.slice_id, nameless.vm_id, nameless.twin, nameless.in_use) == (None, None, None, None)
    assert worker_orphans.find([replace(KNOWN, disks=())], held)[1].twin is None


def test_a_copy_of_a_folder_under_another_number_is_not_named_by_the_uuid_of_its_original() -> None:
    path = "/vms/9006/vm1_img.qcow2"
    held = replace(
        LEFT,
        folders={**LEFT.folders, 9006: replace(FOLDER, path="/vms/9006", vm_id=1006)},
        overlays={**LEFT.overlays, 9006: {path: (4096, 0.0)}},
        users={path: "cloudrepo-1005@1006.service"},
    )
    (disk,) = worker_orphans.find([KNOWN], held)
    assert (disk.name, disk.twin, disk.in_use) == (path, PATH, "cloudrepo-1005@1006.service")


def test_the_disk_of_another_vm_is_an_orphan_at_the_path_of_one_in_the_database() -> None:
    other = "/vms/2001/vm1_img.qcow2"
    known = replace(KNOWN, disks=(*KNOWN.disks, KnownDisk(other, uuid(9))))
    assert worker_orphans.find([known], replace(LEFT, origins={PATH: Origin(None, "cloudrepo-5")})) == ()
    assert worker_orphans.find([known], replace(LEFT, origins={PATH: Origin(uuid(7), None)})) == ()
    (disk,) = worker_orphans.find([known], replace(LEFT, origins={PATH: Origin(uuid(9), "cloudrepo-5")}))
    assert (disk.name, disk.path, disk.twin) == (PATH, PATH, other)
    held = replace(LEFT, misplaced={STRAY: (None, (4096, 0.0))}, origins={STRAY: Origin(uuid(9), None)})
    (stray,) = worker_orphans.find([known], held)
    assert (stray.name, stray.twin) == (STRAY, other)


def test_a_moved_disk_is_removed_alone_and_a_running_vm_is_known_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_orphans.taps, "observe", Devices)
    monkeypatch.setattr(worker_orphans.ovsdb, "observe", lambda _runner: Switch({}, {}))
    paths = [tmp_path / f"vms/{name}/vm1_img.qcow2" for name in ("1006.old", "9006")]
    for path in paths:
        path.parent.mkdir(parents=True)
        mark(path.parent, 1005, vm_id=1006, slice_uuid=uuid(5), disks={path.name: uuid(7)})
        path.write_bytes(b"QFI\xfb")
    pid = os.getpid()
    running = f"Id=cloudrepo-1005@1006.service\nActiveState=active\nMainPID={pid}\n"
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=running)
    with open(paths[0], "rb"), open(paths[1], "rb"):
        held = worker_orphans.observe(runner, state_dir=str(tmp_path), unit_dir=str(tmp_path / "units"))
    assert held.users == dict.fromkeys(map(str, paths), "cloudrepo-1005@1006.service")
    gone = [each for each in worker_orphans.find([KNOWN], held) if each.path == str(paths[0])]
    worker_orphans.remove_disks(gone, [KNOWN], held, state_dir=str(tmp_path))
    assert [path.exists() for path in paths] == [False, True]
    assert (paths[0].parent / "identity.json").exists()


def test_a_folder_that_cannot_be_read_does_not_hide_the_other_orphans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1006", "1007"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vm1_img.qcow2").touch()
    listdir = os.listdir

    def fail(path: str) -> list[str]:
        if path == f"{tmp_path}/1006":
            raise OSError(5, "Input/output error", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", fail)
    folders = vm_folders.read(str(tmp_path))
    assert [[*worker_orphans._overlays(each)] for each in folders.values()] == [[], [f"{tmp_path}/1007/vm1_img.qcow2"]]
    with pytest.raises(OSError, match="Input/output error"):
        worker_orphans._overlays(replace(folders[1006], slice_id=1005))


def test_disks_in_a_folder_without_an_identity_are_orphans():
    held = Held(folders={1006: Folder("/vms/1006")}, overlays={1006: {PATH: (0, 0.0)}})
    (disk,) = worker_orphans.find([replace(KNOWN, disks=())], held)
    assert (disk.slice_id, disk.uuid, disk.name) == (None, None, PATH)


def test_an_empty_folder_belongs_to_its_slice():
    held = Held(folders={1006: FOLDER}, overlays={1006: {}})
    assert worker_orphans.find([], held) == (Orphan(SLICE, 1005, uuid(5), holds=("VM folder /vms/1006",)),)
    assert worker_orphans.find([KNOWN], held) == ()


def test_a_record_of_an_unknown_slice_is_an_orphan(tmp_path: Path) -> None:
    order = SliceOrder(1005, (), slice_uuid=uuid(5), record="{}")
    applied_orders.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    path = f"{tmp_path}/applied/worker/1005.json"
    held = Held(records=applied_orders.uuids(str(tmp_path), revisions.WORKER))
    assert worker_orphans.find([], held) == (Orphan(SLICE, 1005, uuid(5), holds=(f"record {path}",)),)
    assert worker_orphans.find([KNOWN], held) == ()
    Path(path).write_text("")
    assert list(applied_orders.uuids(str(tmp_path), revisions.WORKER).values()) == [None]


def test_the_record_of_a_slice_is_removed_with_its_last_disk(tmp_path: Path) -> None:
    folders = {}
    for vm_id, slice_id in ((1006, 1005), (1007, 1005), (1011, 1010)):
        folder = place(tmp_path).vms.folder(vm_id)
        Path(folder).mkdir(parents=True)
        Path(f"{folder}/vm_img.qcow2").touch()
        mark(Path(folder), slice_id)
        folders[vm_id] = vm_folders.read(str(tmp_path / "vms"))[vm_id]
    orders = [SliceOrder(slice_id, (), record="{}") for slice_id in (1005, 1010)]
    applied_orders.note(orders, state_dir=str(tmp_path), kind=revisions.WORKER)
    had = Held(
        folders=folders, overlays={vm_id: {f"{each.path}/vm_img.qcow2": (0, 0.0)} for vm_id, each in folders.items()}
    )
    for vm_id, left in ((1006, [1005, 1010]), (1007, [1010])):
        gone = replace(DISK_OF_LEFT, path=f"{folders[vm_id].path}/vm_img.qcow2", vm_id=vm_id)
        worker_orphans.remove_disks([gone], [], had, state_dir=str(tmp_path))
        assert [each.slice_id for each in applied_orders.read(str(tmp_path), revisions.WORKER)] == left


@dataclass
class Host:
    """A worker with the objects C(held) and the disk of the orphan C(DISK_OF_LEFT), which an earlier run has seen."""

    root: Path
    held: Held
    seen: tuple[Orphan, ...]
    observed: list[bool] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"{self.root}/vms/1006/vm1_img.qcow2"

    def observe(self, _runner: object, **_where: object) -> Held:
        """Note whether the host is locked."""
        self.observed.append((self.root / "flows").exists() and is_held(self.root / "flows"))
        return self.held

    def search(self, *names: str, revision: int | None = 5000) -> Search:
        holdings = Holdings((KnownSlice(1010),), revision)
        return Search(holdings, names, Tools(FakeRunner(), FakeMonitor()), place(self.root))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    folder = tmp_path / "vms/1006"
    folder.mkdir(parents=True)
    mark(folder, 1005, slice_uuid=uuid(5), disks={"vm1_img.qcow2": uuid(7)})
    path = folder / "vm1_img.qcow2"
    path.write_text("what a tenant wrote")
    made = vm_folders.read(str(tmp_path / "vms"))
    held = Held(folders=made, overlays={1006: {str(path): (4096, 0.0)}}, taps={"tap_1006_eth0": 1005})
    host = Host(tmp_path, held, worker_orphans.find([], held))
    orphans.note(Verdict(host.seen), state_dir=str(tmp_path), kind=orphans.WORKER)
    monkeypatch.setattr(worker_orphans, "observe", host.observe)
    return host


def applied(host: Host, revision: int) -> None:
    """A deploy applies a work order for the slice of the orphan."""
    revisions.note([SliceOrder(1005, (), revision=revision)], state_dir=str(host.root), kind=revisions.WORKER)


def codes(todo: Todo) -> list[str]:
    return [refusal.code for refusal in todo.verdict.refusals]


def test_disks_are_judged_and_removed_under_the_lock_of_work_orders(host: Host) -> None:
    todo, _results = host.search(uuid(7)).steps.run()
    assert [(each.kind, each.id) for each in todo.changes] == [("disk", uuid(7))]
    assert not Path(host.path).exists()
    # The first look only finds the slices to remove.
    assert host.observed == [False, True]
    host.observed.clear()
    host.search().steps.run()
    assert host.observed == [True]


def test_a_disk_of_a_slice_with_a_newer_work_order_than_the_database_is_kept(host: Host) -> None:
    applied(host, 6000)
    todo, _results = host.search(uuid(7), uuid(5)).steps.run()
    assert (codes(todo), todo.changes) == (["orphan_superseded"] * 2, [])
    assert Path(host.path).exists()
    for revision in (6000, None):
        assert [each.path for each in host.search(uuid(7), revision=revision).plan().verdict.remove] == [host.path]


@pytest.mark.parametrize("is_link_known", [True, False])
def test_a_disk_in_a_folder_that_is_a_link_is_kept_with_the_disk_of_the_other_vm(
    host: Host, is_link_known: bool
) -> None:
    """The folder of a VM in the database is the target of a link, or is a link to another folder itself."""
    (host.root / "vms/2001").symlink_to("1006")
    through = f"{host.root}/vms/2001/vm1_img.qcow2"
    known, orphan = (through, host.path) if is_link_known else (host.path, through)
    folders = vm_folders.read(f"{host.root}/vms")
    overlays = {vm_id: {f"{each.path}/vm1_img.qcow2": (4096, 0.0)} for vm_id, each in folders.items()}
    host.held = replace(host.held, folders=folders, overlays=overlays)
    holdings = Holdings((KnownSlice(1005, uuid(5), (KnownDisk(known, uuid(7)),)),), 5000)
    for _run in range(2):
        todo, _results = replace(host.search(orphan), holdings=holdings).steps.run()
    (refusal,) = todo.verdict.refusals
    assert (refusal.code, todo.changes) == ("path_replaced", [])
    assert refusal.message == (
        f"disk {orphan}: {host.root}/vms/2001 is a symbolic link instead of a folder; symbolic links in the folder of "
        "a VM are not followed; restore or remove it"
    )
    assert Path(host.path).read_text() == "what a tenant wrote"
    (host.root / "vms/2001").unlink()
    assert Path(host.path).exists()


def test_a_link_to_a_disk_is_removed_without_the_disk(host: Host) -> None:
    link = Path(host.path).with_name("link.qcow2")
    link.symlink_to("vm1_img.qcow2")
    host.held = replace(host.held, overlays={1006: {host.path: (4096, 0.0), str(link): (0, 0.0)}})
    holdings = Holdings((KnownSlice(1005, uuid(5), (KnownDisk(host.path, uuid(7)),)),), 5000)
    for _run in range(2):
        replace(host.search(str(link)), holdings=holdings).steps.run()
    assert (Path(host.path).exists(), link.is_symlink()) == (True, False)


def test_a_work_order_that_a_host_applies_after_the_first_look_counts(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deploy holds the lock for which the search waits."""
    search = host.search(uuid(7))

    @contextmanager
    def after_a_deploy() -> Iterator[None]:
        applied(host, 6000)
        yield

    assert search.plan().verdict.remove != ()
    monkeypatch.setattr(worker_orphans.datapath, "locked", lambda _wires: after_a_deploy())
    todo, _results = search.steps.run()
    assert (codes(todo), todo.changes) == (["orphan_superseded"], [])
    assert Path(host.path).exists()


def test_a_disk_that_a_vm_uses_by_now_is_kept(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    search = host.search(uuid(7))
    used = replace(host.held, units=Units(vms={1006: Unit(1005, 1006, "active", 7)}))

    @contextmanager
    def after_a_start() -> Iterator[None]:
        host.held = used
        yield

    monkeypatch.setattr(worker_orphans.datapath, "locked", lambda _wires: after_a_start())
    todo, _results = search.steps.run()
    assert (codes(todo), todo.changes) == (["orphan_in_use"], [])
    assert Path(host.path).exists()


def test_a_disk_that_any_process_has_open_is_kept(host: Host) -> None:
    with open(host.path, "rb"):
        todo, _results = host.search(uuid(7)).steps.run()
    assert (codes(todo), todo.changes) == (["orphan_open"], [])
    assert f"a process on this host has {host.path} open" in todo.verdict.refusals[0].message
    assert Path(host.path).exists()
    assert orphans.read(str(host.root), orphans.WORKER).keys() == {each.key for each in host.seen}
    host.search(uuid(7)).steps.run()
    assert not Path(host.path).exists()


@dataclass
class Answering:
    """The work order that removes slices, which the host may refuse."""

    host: Host
    failure: SlicesError | None = None

    def __call__(self, orders: tuple[SliceOrder, ...], *_how: object) -> Answering:
        (order,) = orders
        assert order == SliceOrder(1005, (), slice_uuid=uuid(5), revision=5000)
        return self

    @property
    def steps(self) -> Answering:
        return self

    def run(self) -> tuple[Answering, dict[str, object]]:
        if self.failure is None:
            self.host.held = replace(self.host.held, taps={})
        return self, {}


def test_a_slice_is_removed_before_its_disk_and_both_are_returned(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.held = replace(host.held, units=Units(vms={1006: Unit(1005, 1006, "active", 7)}))
    slice_ = worker_orphans.find([], host.held)[0]
    orphans.note(Verdict((slice_, *host.seen)), state_dir=str(host.root), kind=orphans.WORKER)
    search = host.search(uuid(5), uuid(7))
    planned = search.plan()
    monkeypatch.setattr(worker_orphans, "Job", Stopping(host))
    todo, _results = search.steps.run()
    assert [(each.kind, each.id) for each in todo.changes] == [("slice", uuid(5)), ("disk", uuid(7))]
    assert [(each.kind, each.id) for each in planned.changes] == [("slice", uuid(5)), ("disk", uuid(7))]
    assert [each["removed"] for each in todo.verdict.result["orphans"]] == [True, True]
    assert not Path(host.path).exists()
    assert orphans.read(str(host.root), orphans.WORKER) == {}


class Stopping(Answering):
    """The same if it also stops the VM."""

    def run(self) -> tuple[Answering, dict[str, object]]:
        self.host.held = replace(self.host.held, units=Units())
        return super().run()


def test_a_disk_is_not_removed_along_with_a_slice_whose_vm_runs_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slice is only removed before the host is locked for its disks."""
    monkeypatch.setattr(worker_orphans, "Job", Answering(host))
    search = host.search(uuid(5), uuid(7))
    search.remove_slices()
    host.held = replace(host.held, units=Units(vms={1006: Unit(1005, 1006, "active", 7)}))
    todo = search.plan()
    search.apply(todo)
    assert codes(todo) == ["orphan_in_use"]
    assert [each["removed"] for each in todo.verdict.result["orphans"]] == [True, False]
    assert Path(host.path).exists()


def test_a_slice_that_is_found_after_the_removal_of_slices_is_left_for_the_next_run(host: Host) -> None:
    search, taps_of_host = host.search(uuid(5)), host.held.taps
    host.held = replace(host.held, taps={})
    search.remove_slices()
    host.held = replace(host.held, taps=taps_of_host)
    todo = search.plan()
    assert (codes(todo), todo.changes) == (["orphan_seen_once"], [])


def test_no_disk_is_removed_if_the_host_refuses_a_slice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_orphans, "Job", Answering(host, SlicesError("slice 1005 is another one")))
    with pytest.raises(SlicesError, match="another one"):
        host.search(uuid(5), uuid(7)).steps.run()
    assert Path(host.path).exists()


def test_what_slices_have_on_a_host_is_observed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "vms/1006"
    folder.mkdir(parents=True)
    mark(folder, 1005)
    (folder / "vm1_img.qcow2").write_bytes(b"x" * 5000)
    (tmp_path / "flows").mkdir()
    for name in ("1005.flows", "shared.flows", "1010.qdiscs", f"{worker_orphans.flows.INFRASTRUCTURE}.flows"):
        (tmp_path / "flows" / name).touch()
    applied_orders.note([SliceOrder(1005, (), record='{"slice":{}}')], state_dir=str(tmp_path), kind=revisions.WORKER)
    found = [Tap("tap_1006_eth0", 1005, 998), Tap("tap_1007_eth0", 0, 998), Tap("tap_1008_eth0", REMOVAL_GROUP, 998)]
    devices = Devices({each.name: each for each in (*found, Tap("eth9", 1005, 998))})
    monkeypatch.setattr(worker_orphans.taps, "observe", lambda: devices)
    ports = {
        "a": Port("a", "br-int", external_ids={"cloudrepo-slice": "1005"}),
        "b": Port("b", "br-int", external_ids={"cloudrepo-slice": "x"}),
        "c": Port("c", "br-int"),
    }
    monkeypatch.setattr(worker_orphans.ovsdb, "observe", lambda _runner: Switch({"br-int": "system"}, ports))
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout="")
    held = worker_orphans.observe(runner, state_dir=str(tmp_path), unit_dir=str(tmp_path / "units"))
    assert ([*held.folders], held.taps, [port.name for port in held.ports]) == ([1006], {"tap_1006_eth0": 1005}, ["a"])
    assert held.flows == {1005, 1010}
    assert [slice_id for _path, slice_id in held.records] == [1005]
    ((size, modified),) = held.overlays[1006].values()
    state = (folder / "vm1_img.qcow2").stat()
    assert (size, modified) == (state.st_blocks * 512, state.st_mtime)


def test_a_folder_is_removed_with_its_last_orphan_unless_the_database_has_a_disk_in_it(tmp_path: Path) -> None:
    for number, known in ((1006, ()), (1007, (KnownSlice(1005, uuid(5), (KnownDisk("", uuid(8)),)),))):
        folder = tmp_path / f"vms/{number}"
        folder.mkdir(parents=True)
        mark(folder, 1005)
        path = f"{folder}/vm1_img.qcow2"
        Path(path).touch()
        wanted = tuple(replace(each, disks=(KnownDisk(f"{folder}/vm2_img.qcow2", uuid(8)),)) for each in known)
        had = Held(
            folders={number: Folder(str(folder), 1005, uuid(5), uuid(6), {})}, overlays={number: {path: (0, 0.0)}}
        )
        gone = replace(DISK_OF_LEFT, path=path, vm_id=number)
        worker_orphans.remove_disks([gone], wanted, had, state_dir=str(tmp_path))
        assert (folder.exists(), Path(path).exists()) == (bool(known), False)


def test_a_folder_is_kept_if_the_database_has_a_disk_in_a_link_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "vms/1006"
    folder.mkdir(parents=True)
    mark(folder, 1005)
    path = folder / "old_img.qcow2"
    path.touch()
    (tmp_path / "vms/1007").symlink_to("1006")
    had = Held(folders={1006: Folder(str(folder), 1005)}, overlays={1006: {str(path): (0, 0.0)}})
    known = KnownSlice(1005, uuid(5), (KnownDisk(f"{tmp_path}/vms/1007/vm1_img.qcow2", uuid(8)),))
    gone = replace(DISK_OF_LEFT, path=str(path), vm_id=1006)
    worker_orphans.remove_disks([gone], [known], had, state_dir=str(tmp_path))
    assert [each.name for each in folder.iterdir()] == ["identity.json"]


def test_a_folder_is_not_removed_with_overlays_that_were_not_named(tmp_path: Path) -> None:
    folder = tmp_path / "vms/1006"
    (folder / "before").mkdir(parents=True)
    mark(folder, 1005)
    for name in ("vm1_img.qcow2", "before/vm1_img.qcow2"):
        (folder / name).write_bytes(b"QFI\xfb")
    path = f"{folder}/vm1_img.qcow2"
    had = Held(folders={1006: Folder(str(folder), 1005, uuid(5), uuid(6), {})}, overlays={1006: {path: (0, 0.0)}})
    gone = replace(DISK_OF_LEFT, path=path, vm_id=1006)
    worker_orphans.remove_disks([gone], (), had, state_dir=str(tmp_path))
    assert not Path(path).exists()
    assert (folder / "before/vm1_img.qcow2").exists()


def test_removals_start_no_vms(tmp_path: Path) -> None:
    settings = worker_orphans.settings_for(place(tmp_path).wires, state_dir="/s", user="cloudrepo")
    assert (settings.vms.state_dir, settings.vms.accounts.known, settings.vms.vnc_address) == ("/s", {}, "")
    assert settings.wires == place(tmp_path).wires


@pytest.mark.parametrize(
    ("disks", "told", "twin"),
    [
        ((), uuid(7), None),
        ((KnownDisk("/elsewhere", uuid(7)),), None, "/elsewhere"),
        ((KnownDisk("/elsewhere", uuid(8)),), uuid(7), None),
        ((KnownDisk("/elsewhere", None),), uuid(7), None),
    ],
)
def test_the_twin_of_a_disk_is_one_with_its_uuid_at_another_path(
    disks: tuple[KnownDisk, ...], told: str | None, twin: str | None
) -> None:
    (found,) = worker_orphans.find([replace(KNOWN, disks=disks)], LEFT)
    assert (found.uuid, found.twin) == (told, twin)


def test_a_unit_without_a_process_uses_no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(worker_orphans.processes, "has_open", lambda pid, _path: asked.append(pid) or True)
    vms = {1006: Unit(1005, 1006, "activating", None), 1007: Unit(1005, 1007, "active", 7)}
    assert worker_orphans._users([PATH], Units(vms=vms)) == {PATH: vms[1007].name}
    assert asked == [7]


def test_slices_without_an_id_are_not_those_of_disks(tmp_path: Path) -> None:
    disk = replace(DISK_OF_LEFT, path=str(tmp_path / "none"), slice_id=None)
    nameless = Orphan("other", None, None, holds=())
    worker_orphans.remove_disks([disk, nameless], [], Held(), state_dir=str(tmp_path))
    assert applied_orders.read(str(tmp_path), revisions.WORKER) == ()


def test_a_disk_that_is_removed_is_forgotten_and_only_its_slice_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    asked: list[set[int]] = []
    monkeypatch.setattr(worker_orphans.register, "note", lambda _dir, *, gone: told.append(sorted(gone)))
    monkeypatch.setattr(worker_orphans, "_forget", lambda ids, _state_dir: asked.append({*ids}))
    path = str(tmp_path / "none.qcow2")
    record = Orphan("record", 1010, None, holds=())
    disks = [replace(DISK_OF_LEFT, path=path), replace(DISK_OF_LEFT, path=f"{path}2", slice_id=None)]
    worker_orphans.remove_disks([*disks, record], [], Held(), state_dir=str(tmp_path))
    assert (told, asked) == ([[path, f"{path}2"]], [{1005}])
