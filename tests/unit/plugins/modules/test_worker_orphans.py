# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, revisions, systemd, vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder
from ansible_collections.cloudrepo.slices.plugins.modules import worker_orphans

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, TAP_FILTER, FakeRunner, mark, uuid
from .documented import check_changes

NOTHING = '{"headings": [], "data": []}\n' * 4
OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")
RUNNING = "Id=cloudrepo-9999@1001.service\nActiveState=active\nMainPID=7\n"


@pytest.fixture(autouse=True)
def no_taps(monkeypatch):
    monkeypatch.setattr(taps, "observe", taps.Devices)


def disk(tmp_path: Path, name: str = "vm1_img.qcow2") -> Path:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True, exist_ok=True)
    mark(folder, 9999, slice_uuid=uuid(5), disks={"vm1_img.qcow2": uuid(1), "old_img.qcow2": uuid(2)})
    (folder / name).write_text("what a tenant wrote")
    return folder / name


def looked_at(units: str = "") -> FakeRunner:
    runner = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
    return runner.tell("systemctl", "show", MORE, stdout=units)


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *names: str, runner: FakeRunner | None = None, **more: Any
) -> Any:
    args = {"known": [], "remove": list(names), "state_dir": str(tmp_path), **more}
    return modules.run(monkeypatch, worker_orphans, runner or looked_at(), **args)


def test_an_orphaned_disk_is_removed_by_name_in_a_later_run(monkeypatch, tmp_path):
    path = disk(tmp_path)
    first = run(monkeypatch, tmp_path, str(path))
    assert not first["changed"]
    assert [each["code"] for each in first["refusals"]] == ["orphan_seen_once"]
    assert "run cloudrepo.slices.orphans again" in first["refusals"][0]["message"]
    assert [(each["name"], each["since"], each["removed"]) for each in first["orphans"]] == [(uuid(1), None, False)]

    checked = run(monkeypatch, tmp_path, uuid(1), _ansible_check_mode=True)
    assert checked["changed"]
    assert path.exists()
    assert [each["removed"] for each in run(monkeypatch, tmp_path)["orphans"]] == [False]

    gone = run(monkeypatch, tmp_path, uuid(1))
    check_changes("worker_orphans", gone)
    assert [each["removed"] for each in gone["orphans"]] == [True]
    assert not (tmp_path / "vms/1001").exists()
    assert run(monkeypatch, tmp_path, uuid(1))["orphans"] == []


def test_check_mode_does_not_record_orphans_for_later_runs(monkeypatch, tmp_path):
    path = disk(tmp_path)
    run(monkeypatch, tmp_path, _ansible_check_mode=True)
    assert not (tmp_path / "orphans").exists()
    assert [each["code"] for each in run(monkeypatch, tmp_path, str(path))["refusals"]] == ["orphan_seen_once"]


def test_a_folder_with_other_files_is_kept(monkeypatch, tmp_path):
    gone, stays = disk(tmp_path, "old_img.qcow2"), disk(tmp_path)
    run(monkeypatch, tmp_path)
    run(monkeypatch, tmp_path, str(gone))
    assert [path.name for path in sorted(stays.parent.iterdir())] == ["identity.json", "vm1_img.qcow2"]


def test_the_folder_of_a_known_vm_is_kept(monkeypatch, tmp_path):
    path = disk(tmp_path, "old_img.qcow2")
    wanted = [{"path": f"{path.parent}/vm1_img.qcow2", "uuid": uuid(1)}]
    known = [{"slice_id": 9999, "slice_uuid": uuid(5), "disks": wanted}]
    run(monkeypatch, tmp_path, known=known)
    run(monkeypatch, tmp_path, uuid(2), known=known)
    assert [each.name for each in path.parent.iterdir()] == ["identity.json"]


def test_a_disk_is_removed_after_the_vm_that_uses_it_was_stopped(monkeypatch, tmp_path):
    path = disk(tmp_path)
    run(monkeypatch, tmp_path, runner=looked_at(RUNNING))
    used = run(monkeypatch, tmp_path, uuid(1), runner=looked_at(RUNNING))
    assert [each["code"] for each in used["refusals"]] == ["orphan_in_use"]
    assert "cloudrepo-9999@1001.service uses it" in used["refusals"][0]["message"]

    there: list[bool] = []
    stop = ("systemctl", "stop", "--", "cloudrepo-9999@1001.service")
    runner = looked_at(RUNNING).on(*stop, do=lambda _argv: there.append(path.exists()))
    # It runs when the host is looked at first, and not when that is locked.
    show_all = ("systemctl", "show", f"--property={systemd._SHOWN}", "--", "cloudrepo-*@*.service")
    runner.tell(*show_all, stdout=RUNNING).tell(*show_all)
    runner.tell(*OFCTL, "--no-stats", "--no-names", "dump-flows", MORE).tell(
        *OFCTL, "--bundle", "add-flows", "br-int", "-"
    )
    runner.tell("nft", "--stateless", "list", "table", "inet", "cloudrepo_taps", stdout=TAP_FILTER)
    gone = run(monkeypatch, tmp_path, uuid(5), uuid(1), runner=runner)
    assert [(each["kind"], each["name"]) for each in gone["changes"]] == [("slice", uuid(5)), ("disk", uuid(1))]
    assert there == [True]
    assert not path.parent.exists()


def test_deleted_disks_are_listed_with_the_time_that_is_left(monkeypatch, tmp_path):
    path = disk(tmp_path)
    folder = vm_folders.read_one(str(path.parent))
    assert folder is not None
    trash.put([str(path)], folder, state_dir=str(tmp_path), retention_s=7200)
    (found,) = run(monkeypatch, tmp_path, disk_retention_h=24)["trash"]
    assert found.pop("left_s") == pytest.approx(7200, abs=60)
    (kept,) = (tmp_path / "trash").iterdir()
    assert found == {"path": f"{kept}/vm1_img.qcow2", "uuid": uuid(1), "slice_id": 9999}


MACHINE = "a" * 32
LAB = uuid(8)


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Claim the host for a cloud, and return the arguments with the cloud and two workers, one of which is this."""
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: MACHINE)
    claim = Claim(LAB, "lab", uuid(9), "2026-01-31T12:00:00Z", "controller1")
    claims.apply(claims.ClaimPlan(None, claim), state_dir=str(tmp_path))
    marks = {"10.0.10.1": machine_mark(LAB, MACHINE), "10.0.10.2": machine_mark(LAB, "b" * 32)}
    machines = [{"address": address, "mark": mark} for address, mark in marks.items()]
    return {"cloud_uuid": LAB, "cloud_title": "lab", "machines": machines}


@pytest.mark.parametrize("address", ["10.0.10.9", "10.0.10.2"])
def test_a_renumbered_worker_keeps_everything_until_site_has_run(monkeypatch, tmp_path, claimed, address):
    path = disk(tmp_path)
    for _run in range(2):
        told = run(monkeypatch, tmp_path, str(path), runner=FakeRunner(), **claimed, address=address)
        (refusal,) = refused(told)
        assert refusal.code == "worker_renumbered"
        said = f"this host was reached at {address}, and the database has its machine at 10.0.10.1"
        assert refusal.message.startswith(said)
        assert "run cloudrepo.slices.site" in refusal.message
    assert path.exists()
    assert not (tmp_path / "orphans").exists()


def test_a_machine_that_the_database_does_not_know_keeps_everything(monkeypatch, tmp_path, claimed):
    path = disk(tmp_path)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: "c" * 32)
    for address, code in (("10.0.10.9", "worker_unregistered"), ("10.0.10.1", "not_this_machine")):
        told = run(monkeypatch, tmp_path, str(path), runner=FakeRunner(), **claimed, address=address)
        assert [each.code for each in refused(told)] == [code]
    assert path.exists()
    assert not (tmp_path / "orphans").exists()


def test_a_registered_worker_finds_its_orphans(monkeypatch, tmp_path, claimed):
    disk(tmp_path)
    told = run(monkeypatch, tmp_path, **claimed, address="10.0.10.1")
    assert [each["name"] for each in told["orphans"]] == [uuid(1)]


@pytest.mark.usefixtures("claimed")
def test_a_database_without_a_cloud_finds_no_orphans_on_a_claimed_host(monkeypatch, tmp_path):
    disk(tmp_path)
    told = run(monkeypatch, tmp_path, runner=FakeRunner())
    assert [each.code for each in refused(told)] == ["another_cloud"]
    assert not (tmp_path / "orphans").exists()


def test_a_disk_of_a_slice_with_a_newer_work_order_than_the_database_is_kept(monkeypatch, tmp_path):
    path = disk(tmp_path)
    run(monkeypatch, tmp_path, revision=5000)
    order = SliceOrder(9999, (), revision=6000)
    revisions.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    told = run(monkeypatch, tmp_path, uuid(1), revision=5000)
    assert [each["code"] for each in told["refusals"]] == ["orphan_superseded"]
    assert (
        "revision 6000 (1970-01-01T00:00:06.000Z), and the database was read at revision 5000 ("
        in (told["refusals"][0]["message"])
    )
    assert path.exists()
    run(monkeypatch, tmp_path, uuid(1), revision=6000)
    assert not path.exists()
