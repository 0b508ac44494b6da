# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.taps import Devices, Tap
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import worker_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import slice_apply

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.disk.images import noted, raw
from ..module_utils._host.fakes import MORE, TAP_FILTER, FakeMonitor, FakeRunner, given_up, mark, vm
from .documented import check_changes

NOTHING = '{"headings": [], "data": []}\n' * 4
RECEIPT = "0123456789abcdef" * 2
RUNNING = "Id=cloudrepo-9999@1001.service\nActiveState=active\nMainPID=7\n"


@pytest.fixture(autouse=True)
def no_taps(monkeypatch):
    monkeypatch.setattr(taps, "observe", taps.Devices)


OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")
LIST_FILTER = ("nft", "--stateless", "list", "table", "inet", "cloudrepo_taps")
UNITS = ("cloudrepo-9999@*.service", "cloudrepo-9999.slice")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", *UNITS)
STOP = ("systemctl", "stop", "--", "cloudrepo-9999@1001.service")


def looked_at(units: str = "") -> FakeRunner:
    """Return a host with the answers for a plan."""
    told = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
    told.tell(*OFCTL, "--no-stats", "--no-names", "dump-flows", MORE)
    return told.tell(*LIST_FILTER, stdout=TAP_FILTER).tell(*SHOW, stdout=units)


def host(units: str = "") -> FakeRunner:
    """Return a host on which flows can also be written."""
    return looked_at(units).tell(*OFCTL, "--bundle", "add-flows", "br-int", "-")


def arguments(tmp_path: Any, *vms: dict[str, Any], **order: Any) -> dict[str, Any]:
    return {
        "slices": [{"slice_id": 9999, "vms": list(vms), **order}],
        "state_dir": str(tmp_path),
        "vnc_address": "10.0.10.1",
        "user": "me",
    }


def a_disk(tmp_path: Path) -> Path:
    """Return the disk of VM 1001 in its folder."""
    folder = tmp_path / "vms" / "1001"
    folder.mkdir(parents=True)
    mark(folder, 9999)
    disk = folder / "vm1_img.qcow2"
    disk.write_text("what a tenant wrote")
    return disk


def test_unlisted_vms_are_stopped_before_their_disks_are_removed(monkeypatch, tmp_path):
    folder = a_disk(tmp_path).parent
    there: list[bool] = []
    runner = host(RUNNING).on(*STOP, do=lambda _argv: there.append(folder.exists()))
    args = arguments(tmp_path, given_up=[given_up(1001, state_dir=str(tmp_path))], receipt=RECEIPT)
    result = modules.run(monkeypatch, slice_apply, runner, **args)

    assert (result["stopped"], result["orphans"]) == (["cloudrepo-9999@1001.service"], [])
    assert result["answers"] == [{"slice_id": 9999, "receipt": RECEIPT}]
    assert there == [True]
    assert not folder.exists()
    assert set(result["timings_s"]) == {"observe", "qemu", "images", "ovs", "taps"}
    assert [argv[:2] for argv in runner.argvs[:4]] == [
        ["nft", "--stateless"],
        ["ovs-vsctl", "--timeout=60"],
        ["ovs-ofctl", "--protocols=OpenFlow14"],
        ["systemctl", "show"],
    ]


def test_a_given_up_disk_is_kept_for_a_day_by_default(monkeypatch, tmp_path):
    for more in ({}, {"disk_retention_h": 0}):
        a_disk(tmp_path)
        args = arguments(tmp_path, given_up=[given_up(1001, state_dir=str(tmp_path))])
        modules.run(monkeypatch, slice_apply, host(RUNNING).tell(*STOP), **args, **more)
        # The second one goes at once, and leaves the first one in the trash.
        assert [path.read_text() for path in tmp_path.glob("trash/*/*.qcow2")] == ["what a tenant wrote"]
        assert not (tmp_path / "vms/1001").exists()


@pytest.mark.parametrize("hours", [-1, 8761])
def test_disks_are_kept_for_a_year_at_most(monkeypatch, tmp_path, hours):
    result = modules.run(monkeypatch, slice_apply, FakeRunner(), **arguments(tmp_path), disk_retention_h=hours)
    figures = {"field": "disk_retention_h", "allowed": "an integer, 0-8760", "got": hours}
    assert refused(result) == [Refusal("field_not_allowed", "settings", figures)]


def test_a_disk_that_is_not_given_up_stays_when_its_vm_is_removed(monkeypatch, tmp_path):
    disk = a_disk(tmp_path)
    orphan = {"path": str(disk), "uuid": None, "vm_id": 1001, "slice_id": 9999}
    for order in ({}, {"given_up": [given_up(1002, state_dir=str(tmp_path))]}):
        runner = host(RUNNING).tell(*STOP)
        result = modules.run(monkeypatch, slice_apply, runner, **arguments(tmp_path, **order))
        assert (result["orphans"], disk.read_text()) == ([orphan], "what a tenant wrote")


@pytest.mark.parametrize("given", [{"vm_id": 1001}, {"vm_id": 1002}])
def test_a_disk_in_use_or_in_another_folder_cannot_be_given_up(monkeypatch, tmp_path, given):
    given_up = {**given, "path": f"{tmp_path}/vms/1001/vm1_img.qcow2"}
    wanted = vm(1001, 100, state_dir=str(tmp_path))
    result = modules.run(monkeypatch, slice_apply, FakeRunner(), **arguments(tmp_path, wanted, given_up=[given_up]))
    codes = [each.code for each in refused(result)]
    assert codes == ["disk_elsewhere"] * (given["vm_id"] == 1002) + ["wanted_and_given_up"]


def test_without_base_images_and_passwords_nothing_is_changed(monkeypatch, tmp_path):
    wanted = vm(1001, 100, state_dir=str(tmp_path))
    runner = looked_at(RUNNING.replace("1001", "1002"))
    result = modules.run(monkeypatch, slice_apply, runner, **arguments(tmp_path, wanted))

    assert result["missing_images"] == [wanted["disks"][0]["backing_file"]]
    assert result["missing_passwords"] == [1001]
    assert refused(result) == [
        Refusal("base_image_missing", f"base image {wanted['disks'][0]['backing_file']}"),
        Refusal("password_missing", "VM 1001 (vm1)"),
    ]
    assert ["systemctl", "stop"] not in [argv[:2] for argv in runner.argvs]
    assert not (tmp_path / "vms").exists()


def test_check_mode_plans_for_an_unprepared_host(monkeypatch, tmp_path):
    runner = FakeRunner().tell(*LIST_FILTER, rc=127).tell("ovs-vsctl", MORE, rc=127)
    runner.tell(*OFCTL, MORE, rc=127).tell(*SHOW, rc=1)
    wanted = vm(1001, None, 100, state_dir=str(tmp_path))
    args = {**arguments(tmp_path, wanted), "user": "no-such-user-of-ours", "_ansible_check_mode": True}
    result = modules.run(monkeypatch, slice_apply, runner, **args)

    assert result["changed"]
    assert result["missing_images"] == [wanted["disks"][0]["backing_file"]]
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "stopped")]
    check_changes("slice_apply", result)
    assert [each["kind"] for each in result["changes"] if each["action"] == "create"] == [
        *("VM folder", "overlay", "tap", "tap", "port"),
        *("flows", "flows"),
    ]
    after = result["diff"]["after"].splitlines()
    assert "VM folder 1001: slice_id 9999" in after
    assert any(line.startswith("port tap_1001_eth1: bridge br-int, vlan_mode access, tag 100,") for line in after)
    assert "unit cloudrepo-9999@1001.service: state running, startup enabled" in after
    assert list(tmp_path.iterdir()) == []


def test_a_vm_on_a_damaged_base_image_is_an_error(monkeypatch, tmp_path):
    image = tmp_path / "images/base.img"
    image.parent.mkdir()
    noted(raw(image), damage="it was cut short")
    args = arguments(tmp_path, vm(1001, 100, state_dir=str(tmp_path)))
    result = modules.run(monkeypatch, slice_apply, looked_at(), **args, _ansible_check_mode=True)

    message = (
        f"VM 1001 (vm1): base image {image} is damaged: it was cut short; run the deploy again as an admin "
        "with -e base_images_refetch=true to fetch it again"
    )
    assert [(vm["state"], vm["failure"]) for vm in result["vms"]] == [("error", message)]
    assert result["missing_images"] == []
    assert "overlay" not in {change["kind"] for change in result["changes"]}


def test_invalid_work_orders_are_refused(monkeypatch, tmp_path):
    result = modules.run(
        monkeypatch, slice_apply, FakeRunner(), **arguments(tmp_path, vm(1001, 5000, state_dir=str(tmp_path)))
    )

    figures = {"field": "vlan_id", "allowed": "1-4094", "got": 5000}
    assert refused(result) == [Refusal("field_not_allowed", "slice 9999, VM 1001, interface eth0", figures)]


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_invalid_slice_does_not_affect_the_others(monkeypatch, tmp_path, check_mode):
    args = arguments(tmp_path, revision=2_000)
    wrong = vm(1042, 5000, state_dir=str(tmp_path))
    args["slices"].insert(0, {"slice_id": 1041, "vms": [wrong]})
    runner = looked_at(RUNNING) if check_mode else host(RUNNING).tell(*STOP)
    result = modules.run(monkeypatch, slice_apply, runner, **args, _ansible_check_mode=check_mode)
    figures = {"field": "vlan_id", "allowed": "1-4094", "got": 5000}
    where = "slice 1041, VM 1042, interface eth0"
    assert refused(result) == [Refusal("field_not_allowed", where, figures)]
    assert [each["slice_id"] for each in result["refused"]] == [1041]
    assert (result["failure"], result["changed"]) == (None, True)
    assert result["stopped"] == ["cloudrepo-9999@1001.service"]
    assert "unit cloudrepo-9999@1001.service" in result["diff"]["before"]
    assert (tmp_path / "revisions/worker").exists() is not check_mode


@pytest.mark.parametrize("restart", [False, True])
def test_a_tap_of_another_user_is_recreated_when_its_vm_is_restarted(monkeypatch, tmp_path, restart):
    tap = Tap("tap_1001_eth0", 9999, 12345, busy=True, plugged=True)
    monkeypatch.setattr(taps, "observe", lambda: Devices({tap.name: tap}))
    monkeypatch.setattr(worker_steps, "SocketMonitor", FakeMonitor)
    args = {**arguments(tmp_path, vm(1001, 100, state_dir=str(tmp_path))), "restart": restart}
    result = modules.run(monkeypatch, slice_apply, looked_at(RUNNING), **args, _ansible_check_mode=True)

    line = f"tap tap_1001_eth0: state up, group 9999, owner {os.getuid()}, mtu 1500, arp false"
    assert (line in result["diff"]["after"].splitlines()) == restart
    assert [each["vm_id"] for each in result["restart_required"]] == [1001] * (not restart)


def test_a_superseded_order_is_refused_before_anything_is_observed(monkeypatch, tmp_path):
    def order(revision: int | None) -> dict[str, Any]:
        args = arguments(tmp_path)
        args["slices"][0]["revision"] = revision
        return args

    modules.run(monkeypatch, slice_apply, host(), **order(2_000))
    for check_mode in (False, True):
        late = modules.run(monkeypatch, slice_apply, FakeRunner(), **order(1_000), _ansible_check_mode=check_mode)
        figures = {"got": "1000 (1970-01-01T00:00:01.000Z)", "applied": "2000 (1970-01-01T00:00:02.000Z)"}
        assert refused(late) == [Refusal("order_superseded", "slice 9999", figures)]
    for revision in (2_000, 3_000, None):
        assert not modules.run(monkeypatch, slice_apply, host(), **order(revision)).get("failed")
    assert modules.run(monkeypatch, slice_apply, FakeRunner(), **order(2_999))["failed"]


def test_the_revision_of_an_order_with_missing_images_is_not_stored(monkeypatch, tmp_path):
    args = arguments(tmp_path, vm(1001, 100, state_dir=str(tmp_path)))
    args["slices"][0]["revision"] = 2_000
    assert modules.run(monkeypatch, slice_apply, looked_at(), **args)["missing_images"]
    assert not (tmp_path / "revisions/worker").exists()


@pytest.mark.parametrize(("check_mode", "complete"), [(True, True), (True, False), (False, True)])
def test_a_complete_order_in_check_mode_returns_what_only_the_host_has(monkeypatch, tmp_path, check_mode, complete):
    """A deploy without check mode does not take the time for it."""
    folder = tmp_path / "vms/1036"
    folder.mkdir(parents=True)
    mark(folder, 1035)
    (folder / "vm1_img.qcow2").touch()
    runner = (looked_at if check_mode else host)()
    if check_mode and complete:
        runner.tell("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-*@*.service")
    args = {**arguments(tmp_path), "complete": complete, "_ansible_check_mode": check_mode}
    result = modules.run(monkeypatch, slice_apply, runner, **args)
    assert ("only_here" in result) is (check_mode and complete)
    if check_mode and complete:
        assert [(each["kind"], each["vm_id"]) for each in result["only_here"]] == [("disk", 1036)]
