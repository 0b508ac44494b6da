# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import HostReport, VmReport


def test_the_sample_is_a_report():
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


def test_no_argument_has_a_name_that_ansible_keeps_for_itself():
    """Otherwise validate-modules of ansible-test would fail."""
    assert not {"message", "syslog_facility"} & {part.name for part in (*HostReport.parts(), *VmReport.parts())}
