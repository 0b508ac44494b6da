# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.modules import qemu_vms

from ..module_utils._host import modules
from ..module_utils._host.fakes import ME, MORE, FakeRunner, vm

SHOWN = "Id=cloudrepo-9999@1001.service\nActiveState=active\nMainPID=7\n"


def test_pruning_stops_unlisted_vms(monkeypatch):
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=SHOWN)
    runner.tell("systemctl", "stop", "--", "cloudrepo-9999@1001.service")
    args = {"slices": [{"slice_id": 9999, "vms": []}], "state": "pruned", "user": "me"}
    result = modules.run(monkeypatch, qemu_vms, runner, **args)

    assert result["stopped"] == ["cloudrepo-9999@1001.service"]
    assert result["diff"]["before"] == "unit cloudrepo-9999@1001.service: state active\n"


def test_check_mode_changes_nothing(monkeypatch, tmp_path):
    runner = FakeRunner().tell("systemctl", "show", MORE, rc=1)
    args = {
        "slices": [{"slice_id": 9999, "vms": [vm(1001, 100, state_dir=str(tmp_path))]}],
        "state_dir": str(tmp_path),
        "vnc_address": "10.0.10.1",
        "user": "no-such-user-of-ours",
    }
    result = modules.run(monkeypatch, qemu_vms, runner, _ansible_check_mode=True, **args)

    assert result["changed"]
    assert "unit cloudrepo-9999@1001.service: state running, startup enabled" in result["diff"]["after"]
    assert [(each["vm_id"], each["state"]) for each in result["vms"]] == [(1001, "stopped")]
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_in_no_result(monkeypatch, tmp_path):
    runner = FakeRunner().tell("systemctl", "show", MORE, rc=1)
    args = {
        "slices": [{"slice_id": 9999, "vms": [vm(1001, 100, state_dir=str(tmp_path))]}],
        "state_dir": str(tmp_path),
        "vnc_address": "10.0.10.1",
        "vnc_passwords": {"1001": "hMr3kWpa"},
        "user": "no-such-user-of-ours",
    }
    result = modules.run(monkeypatch, qemu_vms, runner, _ansible_check_mode=True, **args)

    assert result["changed"]
    # ansible-core 2.21 does not return the arguments.
    if "invocation" in result:
        assert result["invocation"]["module_args"]["vnc_passwords"] == {"1001": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}
    assert "hMr3kWpa" not in str(result)


def test_displays_require_an_address(monkeypatch):
    assert "vnc_address" in modules.run(monkeypatch, qemu_vms, FakeRunner(), slices=[])["msg"]


def test_a_guest_that_is_late_is_a_warning(monkeypatch, tmp_path):
    def apply(*_plan, warn, **_options):
        warn("VM 1001 (vm1): late")
        return []

    monkeypatch.setattr(qemu_vms.qemu_apply, "apply", apply)
    monkeypatch.setattr(qemu_vms, "find_accounts", lambda *_arguments, **_options: ME)
    args = {
        "slices": [{"slice_id": 1000, "vms": [vm(1001, 100, state_dir=str(tmp_path), state="stopped")]}],
        "state_dir": str(tmp_path),
        "vnc_address": "10.0.10.1",
    }
    result = modules.run(monkeypatch, qemu_vms, FakeRunner().tell("systemctl", "show", MORE, stdout=""), **args)
    assert ["late" in str(warning) for warning in result["warnings"]] == [True]
