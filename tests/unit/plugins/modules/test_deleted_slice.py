# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A slice is deleted and restored, in each kind of database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers

from ..module_utils._domain import builders
from ..module_utils._domain.builders import refused
from .module_calls import Door, Memory


@pytest.fixture
def door(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Door:
    made = Door(Memory(builders.cluster()), monkeypatch)
    made.store = open_store(database, lock_timeout_s=5, backups=9, backup_dir=str(tmp_path / "kept"))
    with made.store.transaction(write=True) as cluster:
        cluster.replace(builders.cluster())
    return made


def apply_and_report(door: Door, **args: Any) -> dict[str, Any]:
    """Plan, and record successful reports of all hosts."""
    plan = door("slice_plan", names=["web"], **args)
    assert not plan.get("failed"), plan["msg"]
    workers = plan["work_orders"]["workers"]
    reports = [
        {
            "host": ip,
            "target": ip,
            "answers": answers(order["slices"]),
            "vms": [
                {"vm_id": vm["vm_id"], "state": "running", "pid": "1"} for each in order["slices"] for vm in each["vms"]
            ],
        }
        for ip, order in workers.items()
    ]
    node = answers(plan["work_orders"]["network_node"]["slices"])
    reports.append({"host": "node", "target": "network_node", "vms": [], "answers": node})
    done = door(
        "slice_report",
        names=[str(each) for each in plan["slice_ids"]],
        reports=reports,
    )
    assert not done.get("failed"), done["msg"]
    return {vm["path"]: vm for order in workers.values() for each in order["slices"] for vm in disks(each)}


def disks(of_slice: dict[str, Any]) -> list[dict[str, Any]]:
    return [disk for vm in of_slice["vms"] for disk in vm["disks"]]


def test_a_deleted_slice_is_restored_with_its_disks(door: Door) -> None:
    door("slice", **builders.topology())
    apply_and_report(door)
    ordered = apply_and_report(door)
    assert {disk["first_seen"] for disk in ordered.values()} == {"2026-01-31T12:00:00Z"}
    apply_and_report(door, state="absent", disk_retention_h=24)
    assert door.data()["slices"] == {}
    planned = door("deleted_slice", name="web", check_mode=True)
    assert door.data()["slices"] == {}
    back = door("deleted_slice", name="web")

    assert planned["diff"] == back["diff"]
    assert (back["changed"], back["slice_id"]) == (True, 1000)
    # Hosts find the disks by their UUIDs, and create none in their place.
    assert apply_and_report(door) == ordered
    assert {vm["status"] for vm in door.data()["slices"]["1000"]["vms"]} == {"running"}
    assert [each.code for each in refused(door("deleted_slice", name="web"))] == ["not_found"]


def test_without_a_retention_time_nothing_is_restored(door: Door) -> None:
    door("slice", **builders.topology())
    apply_and_report(door)
    apply_and_report(door, state="absent")
    assert [each.code for each in refused(door("deleted_slice", name="web"))] == ["not_found"]


@pytest.mark.parametrize("hours", [-1, 8761])
def test_a_retention_time_that_workers_do_not_have_is_refused(door: Door, hours: int) -> None:
    result = door("slice_plan", names=["web"], state="absent", disk_retention_h=hours)
    assert [each.code for each in refused(result)] == ["out_of_range"]


def test_a_version_from_between_deletion_and_restoration_is_refused(door: Door) -> None:
    """Its work orders would delete the disks that are in use again."""
    door("slice", **builders.topology())
    apply_and_report(door)
    door("slice_plan", names=["web"], state="absent", disk_retention_h=24)
    between = door("database", state="backup")["backup"]
    apply_and_report(door, state="absent", disk_retention_h=24)
    door("deleted_slice", name="web")
    ordered = apply_and_report(door)
    before = door.data()
    for check_mode in (True, False):
        result = door("database", state="restore", name=between, check_mode=check_mode)
        assert refused(result) == [
            Refusal("disk_taken_back", f"VM web/{path.split('/')[-1].removesuffix('_img.qcow2')}", {"disks": [path]})
            for path in ordered
        ]
    assert door.data() == before
    assert apply_and_report(door) == ordered
    door("slice_plan", names=["web"], state="absent", disk_retention_h=24)
    assert not door("database", state="restore", name=between).get("failed")


def test_a_slice_can_be_restored_from_when_its_hosts_have_deleted_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door("slice", **builders.topology())
    apply_and_report(door)
    door("slice_plan", names=["web"], state="absent", disk_retention_h=24)
    monkeypatch.setattr(orders, "utc_now", lambda: "2027-02-14T12:00:00Z")
    apply_and_report(door, state="absent", disk_retention_h=24)
    (kept,) = door.data()["deleted_slices"]
    assert (kept["deleted"], kept["until"]) == ("2026-01-31T12:00:00Z", "2027-02-15T12:00:00Z")
