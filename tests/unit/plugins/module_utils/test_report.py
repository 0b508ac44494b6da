# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import (
    HostReport,
    SliceRefusal,
    VmReport,
    answers,
)

from ...generated import is_current


def test_the_sample_is_a_valid_report():
    report = HostReport.from_dict(HostReport.sample())
    assert (report.failure, [vm.pid for vm in report.vms]) == (None, ["4821"])
    assert [(each.slice_id, each.another) for each in report.refused] == [(1000, False)]
    assert HostReport.from_dict(report.to_dict()) == report


def test_a_state_that_no_host_reports_is_refused():
    data = HostReport.sample()
    data["vms"][0]["state"] = "asleep"
    with pytest.raises(Refused) as refused:
        HostReport.from_dict(data)
    figures = {"field": "state", "allowed": "one of running, stopped, paused, error", "got": "asleep"}
    assert refused.value.refusals == [Refusal("field_not_allowed", "host worker1, VM 1001", figures)]


def test_no_argument_has_a_name_that_ansible_reserves():
    """Otherwise validate-modules of ansible-test would fail."""
    assert not {"message", "syslog_facility"} & {part.name for part in (*HostReport.parts(), *VmReport.parts())}


def test_all_fields_are_reported() -> None:
    assert HostReport("worker1", "10.0.10.1").to_dict() == {
        "host": "worker1",
        "target": "10.0.10.1",
        "failure": None,
        "refused": [],
        "vms": [],
        "answers": [],
        "revision": None,
        "moment": None,
    }
    vm = {"vm_id": 1001, "state": "stopped", "name": None, "slice_id": None, "pid": None, "failure": None}
    assert VmReport(1001, "stopped").to_dict() == vm
    assert SliceRefusal(1000, "no").to_dict() == {
        "slice_id": 1000,
        "failure": "no",
        "another": False,
        "begun": False,
    }


def test_only_slices_with_a_receipt_are_answered() -> None:
    receipt = "9f1c3b5a0d7e4862a1b2c3d4e5f60718"
    orders = [{"slice_id": 1000, "receipt": receipt}, {"slice_id": 1003, "receipt": None}, {"slice_id": 1006}]
    assert answers(orders) == [{"slice_id": 1000, "receipt": receipt}]


@pytest.mark.parametrize(
    "name",
    [
        "docs/work-order.md",
        "plugins/modules/slice_report.py",
        "plugins/modules/slice_apply.py",
        "plugins/modules/qemu_vms.py",
    ],
)
def test_documentation_follows_from_the_fields(name: str) -> None:
    assert is_current(name)
