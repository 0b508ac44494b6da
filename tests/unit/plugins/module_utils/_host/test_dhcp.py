# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import dhcp
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .fakes import FakeRunner

ONE = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:E9:00", "ip": "10.60.7.101"}
TWO = {"vm_id": 1002, "name": "vm2", "mac": "52:54:00:03:ea:00", "ip": "10.60.7.102"}
SERVICE = "dhcp.service"


def carry_out(folder: Path, *reservations: dict[str, Any], active: bool = True) -> tuple[dhcp.DhcpPlan, list[str]]:
    slices = [{"slice_id": 1000, "reservations": list(reservations)}]
    runner = FakeRunner().tell("systemctl").tell("systemctl", "is-active", rc=0 if active else 3)
    todo = dhcp.plan(slices, dhcp.observe(slices, hosts_dir=str(folder)))
    dhcp.apply(todo, hosts_dir=str(folder), service=SERVICE, runner=runner)
    return todo, [argv[1] for argv in runner.argvs if argv[1] != "is-active"]


def test_reservations_come_sorted_and_are_read_again(tmp_path):
    todo, verbs = carry_out(tmp_path / "hosts.d", TWO, ONE)

    file = tmp_path / "hosts.d/1000"
    assert file.read_text() == "52:54:00:03:e9:00,10.60.7.101,vm1\n52:54:00:03:ea:00,10.60.7.102,vm2\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert verbs == ["reload"]
    assert todo.after[0] == "reservation of slice 1000: 52:54:00:03:e9:00,10.60.7.101,vm1"


def test_second_time_nothing_happens(tmp_path):
    carry_out(tmp_path, ONE)
    todo, verbs = carry_out(tmp_path, ONE)

    assert (todo.changed, verbs) == (False, [])


@pytest.mark.parametrize(
    ("after", "verb"),
    [([ONE, TWO], "reload"), ([TWO], "restart"), ([{**ONE, "ip": "10.60.7.109"}], "restart"), ([], "restart")],
)
def test_what_changed_or_went_takes_a_restart(tmp_path, after, verb):
    carry_out(tmp_path, ONE)

    assert carry_out(tmp_path, *after)[1] == [verb]


def test_service_that_does_not_run_is_left_alone(tmp_path):
    assert carry_out(tmp_path, ONE, active=False)[1] == []


def test_slice_without_reservations_has_no_file(tmp_path):
    carry_out(tmp_path, ONE)
    (tmp_path / "2000").write_text("other")
    todo, _verbs = carry_out(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["2000"]
    assert todo.before == ["reservation of slice 1000: 52:54:00:03:e9:00,10.60.7.101,vm1"]
    assert not carry_out(tmp_path)[0].changed


@pytest.mark.parametrize("changes", [{"mac": "x"}, {"ip": "10.60.7"}, {"name": "a,b"}, {"name": "a\nb"}])
def test_what_would_not_stay_one_field_is_refused(changes):
    with pytest.raises(Refused, match="VM 1001"):
        dhcp.plan([{"slice_id": 1000, "reservations": [{**ONE, **changes}]}], {})
