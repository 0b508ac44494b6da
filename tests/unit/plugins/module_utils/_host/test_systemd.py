# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.systemd import Unit, Units, template_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, SlicesError

from .fakes import LIST_UNITS, MORE, SHOW_UNITS, FakeRunner, journal, uuid

SHOWN = """\
Id=cloudrepo-1000@1001.service
ActiveState=active
MainPID=4821

Id=cloudrepo-1000@1002.service
ActiveState=failed
MainPID=0

Id=cloudrepo-1000.slice
ActiveState=active
"""


def test_units_are_listed_and_shown_only_where_their_process_is_unknown(tmp_path):
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    for name in ("cloudrepo-1000@1001.service", "cloudrepo-2000@2001.service", "ssh.service"):
        (wants / name).symlink_to(tmp_path / f"{name.partition('@')[0]}@.service")
    systemd.write_templates(dict.fromkeys((1000, 2000), template_text("cloudrepo-0")), unit_dir=str(tmp_path))
    listed = [
        {"unit": "cloudrepo-1000@1001.service", "active": "active"},
        {"unit": "cloudrepo-1000@1002.service", "active": "failed"},
        {"unit": "cloudrepo-1000@1003.service", "active": "inactive"},
        {"unit": "cloudrepo-1000.slice", "active": "active"},
    ]
    names = ["cloudrepo-1000@*.service", "cloudrepo-1000.slice"]
    show = [*SHOW_UNITS, "cloudrepo-1000@1001.service", "cloudrepo-1000@1002.service"]
    runner = FakeRunner().tell(*LIST_UNITS, *names, stdout=json.dumps(listed)).tell(*show, stdout=SHOWN)

    assert systemd.observe({1000}, runner, unit_dir=str(tmp_path)) == Units(
        vms={
            1001: Unit(1000, 1001, "active", 4821),
            1002: Unit(1000, 1002, "failed"),
            1003: Unit(1000, 1003),
        },
        enabled=frozenset({(1000, 1001)}),
        templates={1000: template_text("cloudrepo-0")},
        slices=frozenset({1000}),
    )
    assert runner.argvs == [[*LIST_UNITS, *names], show]


@pytest.mark.parametrize(
    ("state", "pids", "is_shown"),
    [
        ("active", [7], False),
        ("inactive", [], False),
        ("active", [], True),
        ("active", [7, 8], True),
        ("activating", [7], True),
        ("failed", [], True),
    ],
)
def test_systemd_is_asked_for_a_pid_only_where_the_cgroup_of_an_active_unit_does_not_tell_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, pids: list[int], is_shown: bool
) -> None:
    unit = "cloudrepo-1000@1001.service"
    cgroups = {f"/cloudrepo.slice/cloudrepo-1000.slice/{unit}": pids}
    monkeypatch.setattr(
        systemd.processes, "in_cgroups", lambda paths: {path: cgroups[path] for path in paths if cgroups[path]}
    )
    runner = FakeRunner().tell(*LIST_UNITS, MORE, stdout=json.dumps([{"unit": unit, "active": state}]))
    if is_shown:
        runner.tell(*SHOW_UNITS, unit, stdout=f"Id={unit}\nActiveState={state}\nMainPID=9\n")
    expected = Unit(1000, 1001, state, 9 if is_shown else next(iter(pids), None))
    assert systemd.observe({1000}, runner, unit_dir=str(tmp_path)).vms == {1001: expected}


def test_entries_without_a_name_are_ignored():
    runner = FakeRunner().tell(
        "systemctl", "show", MORE, stdout="\nActiveState=inactive\n\nId=\n\nId=a.service\nX=1=2\n"
    )
    assert systemd.show(["a.service"], runner) == [{"Id": "a.service", "X": "1=2"}]


def test_nothing_is_queried_without_slices(tmp_path):
    assert systemd.observe((), FakeRunner(), unit_dir=str(tmp_path)) == Units()


def test_systemd_that_does_not_answer_is_an_error(tmp_path):
    with pytest.raises(CommandFailed):
        systemd.observe({1}, FakeRunner().tell("systemctl", "show", MORE, rc=1), unit_dir=str(tmp_path))


def test_a_template_is_added_and_removed(tmp_path):
    systemd.write_templates({1000: template_text("cloudrepo-0")}, unit_dir=str(tmp_path))
    assert "\n[Service]\nUser=cloudrepo-0\n" in (tmp_path / "cloudrepo-1000@.service").read_text()
    assert (tmp_path / "cloudrepo-1000@.service").stat().st_mode & 0o777 == 0o644
    systemd.remove_template(1000, unit_dir=str(tmp_path))
    systemd.remove_template(1000, unit_dir=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("active", "there"), [("active", {1000}), ("inactive", set()), ("failed", set())])
def test_a_cgroup_is_there_while_it_is_active(tmp_path, active, there):
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=f"Id=cloudrepo-1000.slice\nActiveState={active}\n")
    assert systemd.observe({1000}, runner, unit_dir=str(tmp_path)).slices == there


def test_a_unit_without_a_process_has_no_pid(tmp_path):
    for block in ("MainPID=0", "MainPID=", "Other=1"):
        shown = f"Id=cloudrepo-1000@1001.service\nActiveState=inactive\n{block}\n"
        runner = FakeRunner().tell("systemctl", "show", MORE, stdout=shown)
        assert systemd.observe({1000}, runner, unit_dir=str(tmp_path)).vms == {1001: Unit(1000, 1001, "inactive", None)}


def test_units_are_enabled_until_they_are_disabled(tmp_path):
    systemd.enable([(1000, 1001)], unit_dir=str(tmp_path))
    systemd.enable([(1000, 1002)], unit_dir=str(tmp_path))
    link = tmp_path / "multi-user.target.wants/cloudrepo-1000@1001.service"
    assert os.readlink(link) == f"{tmp_path}/cloudrepo-1000@.service"

    systemd.disable([(1000, 1001), (1000, 1003)], unit_dir=str(tmp_path))
    assert systemd.enabled_names(str(tmp_path)) == ["cloudrepo-1000@1002.service"]


@pytest.mark.parametrize("target", ["/dev/null", "cloudrepo-1001@.service", None])
def test_what_is_no_link_to_the_template_is_ignored_and_replaced(tmp_path: Path, target: str | None) -> None:
    link = tmp_path / "multi-user.target.wants/cloudrepo-1000@1001.service"
    systemd.enable([(1000, 1001), (1000, 1002)], unit_dir=str(tmp_path))
    link.unlink()
    if target is None:
        link.touch()
    else:
        link.symlink_to(target)
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout="")
    found = systemd.observe({1000}, runner, unit_dir=str(tmp_path))
    assert (found.enabled, found.ignored) == ({(1000, 1001), (1000, 1002)}, {(1000, 1001)})

    systemd.enable([(1000, 1001)], unit_dir=str(tmp_path))
    assert systemd.observe({1000}, runner, unit_dir=str(tmp_path)).ignored == set()


@pytest.mark.parametrize(
    ("unit", "live", "idle"),
    [
        (Unit(1, 1), False, True),
        (Unit(1, 1, "active", 7), True, False),
        (Unit(1, 1, "activating"), False, False),
        (Unit(1, 1, "failed"), False, False),
    ],
)
def test_states_of_a_unit(unit, live, idle):
    assert (unit.live, unit.idle) == (live, idle)


def test_last_log_lines_of_units_are_read_in_one_call_and_shown_once():
    names = ["a.service", "b.service", "c.service"]
    words = journal("a.service", "port taken", "port taken") + journal("b.service", "Started.", of_systemd=True)
    words += journal("a.service", "Failed.", of_systemd=True)
    runner = FakeRunner().tell("journalctl", MORE, stdout=words)

    assert systemd.last_words(names, runner, since_s=2.1) == {
        "a.service": "port taken",
        "b.service": "Started.",
        "c.service": "",
    }
    options = ["--lines=2000", "--output=json", "--no-pager", "--quiet", "--since=-3s"]
    own, about = [f"_SYSTEMD_UNIT={name}" for name in names], [f"UNIT={name}" for name in names]
    assert runner.argvs == [["journalctl", *options, *own, "+", *about]]
    assert systemd.last_words([], FakeRunner()) == {}


def test_log_lines_may_be_long_or_unprintable():
    lines = journal("a.service", *(str(number) for number in range(9)))
    lines += json.dumps({"MESSAGE": list(b"no \xff such"), "_SYSTEMD_UNIT": "a.service"}) + "\n"
    lines += json.dumps({"MESSAGE": None, "_SYSTEMD_UNIT": "a.service"}) + "\n"
    runner = FakeRunner().tell("journalctl", MORE, stdout=lines)

    assert systemd.last_words(["a.service"], runner)["a.service"].splitlines() == ["5", "6", "7", "8", "no \ufffd such"]


def test_a_process_may_write_a_field_several_times_in_one_entry():
    entries = [
        {"MESSAGE": ["a", list(b"b \xff")], "_SYSTEMD_UNIT": "a.service"},
        {"MESSAGE": "c", "_SYSTEMD_UNIT": "a.service", "UNIT": ["b.service", "a.service"]},
        {"MESSAGE": "Failed.", "_SYSTEMD_UNIT": "init.scope", "UNIT": ["x.service", "b.service"]},
        {"MESSAGE": "Neither.", "_SYSTEMD_UNIT": "init.scope", "UNIT": [["b.service"], None]},
    ]
    runner = FakeRunner().tell("journalctl", MORE, stdout="".join(f"{json.dumps(each)}\n" for each in entries))
    assert systemd.last_words(["a.service", "b.service"], runner) == {
        "a.service": "a\nb \ufffd\nc",
        "b.service": "Failed.",
    }


def test_a_template_contains_the_name_of_its_slice() -> None:
    assert systemd.template_uuid(template_text("cloudrepo-0", uuid(1))) == uuid(1)
    assert systemd.template_uuid(template_text("cloudrepo-0")) is None
    assert "\nX-CloudrepoSlice=" in template_text("cloudrepo-0", uuid(1))


def test_units_are_only_observed_again_after_a_command() -> None:
    assert systemd.look_again([], FakeRunner()) == {}


def test_all_units_are_seen_whatever_their_slices(tmp_path) -> None:
    wants = tmp_path / "multi-user.target.wants"
    wants.mkdir()
    for name in ("cloudrepo-1000@1001.service", "cloudrepo-2000@2001.service", "ssh.service"):
        (wants / name).symlink_to(tmp_path / f"{name.partition('@')[0]}@.service")
    systemd.write_templates(dict.fromkeys((1000, 2000), template_text("cloudrepo-0")), unit_dir=str(tmp_path))
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=SHOWN)
    assert systemd.observe_all(runner, unit_dir=str(tmp_path)) == Units(
        vms={1001: Unit(1000, 1001, "active", 4821), 1002: Unit(1000, 1002, "failed")},
        enabled=frozenset({(1000, 1001), (2000, 2001)}),
        templates=dict.fromkeys((1000, 2000), template_text("cloudrepo-0")),
    )
    assert runner.argvs[0][-1] == "cloudrepo-*@*.service"


def test_a_folder_in_place_of_a_template_concerns_its_slice_only(tmp_path) -> None:
    (tmp_path / "cloudrepo-1000@.service").mkdir()
    systemd.write_templates({2000: template_text("cloudrepo-0")}, unit_dir=str(tmp_path))
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout="")
    there = {1000: "", 2000: template_text("cloudrepo-0")}
    assert systemd.observe_all(runner, unit_dir=str(tmp_path)).templates == there
    runner.tell("systemctl", "show", MORE, stdout="")
    assert systemd.observe([2000], runner, unit_dir=str(tmp_path)).templates == {2000: there[2000]}
    runner.tell("systemctl", "show", MORE, stdout="")
    with pytest.raises(SlicesError, match=f"{tmp_path}/cloudrepo-1000@.service cannot be read: Is a directory"):
        systemd.observe([1000], runner, unit_dir=str(tmp_path))


def test_units_are_observed_again_by_their_names() -> None:
    units = (Unit(1000, 1001), Unit(1000, 1002))
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=SHOWN)
    assert systemd.look_again(units, runner) == {
        1001: Unit(1000, 1001, "active", 4821),
        1002: Unit(1000, 1002, "failed"),
    }
    assert runner.argvs[0][-2:] == ["cloudrepo-1000@1001.service", "cloudrepo-1000@1002.service"]
    assert systemd.look_again([], FakeRunner()) == {}


def test_units_of_captures_are_none_of_qemu() -> None:
    assert systemd.capture_unit(1000, 1001, "eth1") == "slices-capture-1000-1001-eth1.service"


@pytest.mark.parametrize("spoil", ["open up", "replace by a link"])
def test_a_template_that_others_may_write_is_seen_and_written_again(tmp_path, spoil):
    """Whoever can write it decides what root runs."""
    text = template_text("cloudrepo-0")
    systemd.write_templates({1000: text}, unit_dir=str(tmp_path))
    path = tmp_path / "cloudrepo-1000@.service"

    def exposed() -> frozenset[int]:
        runner = FakeRunner().tell("systemctl", "show", MORE)
        return systemd.observe({1000, 1003}, runner, unit_dir=str(tmp_path)).exposed

    assert exposed() == frozenset()
    if spoil == "open up":
        path.chmod(0o666)
    else:
        path.symlink_to(path.rename(tmp_path / "elsewhere"))
    assert exposed() == {1000}
    assert systemd.write_templates({1000: text}, unit_dir=str(tmp_path))
    assert (exposed(), path.is_symlink()) == (frozenset(), False)


def test_all_vms_are_disabled_and_stopped_without_waiting(tmp_path):
    systemd.enable([(1000, 1002)], unit_dir=str(tmp_path))
    names = ["cloudrepo-1000@1001.service", "cloudrepo-1000@1002.service"]
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout=SHOWN)
    runner.tell("systemctl", "stop", "--no-block", "--", *names)
    assert systemd.stop_vms(runner, unit_dir=str(tmp_path)) == names
    assert systemd.enabled_names(str(tmp_path)) == []
    assert systemd.stop_vms(FakeRunner().tell("systemctl", "show", MORE), unit_dir=str(tmp_path)) == []


def test_units_that_are_idle_are_not_stopped(tmp_path):
    states = {1001: "inactive", 1002: "active"}
    shown = [f"Id=cloudrepo-1000@{vm_id}.service\nActiveState={state}\n" for vm_id, state in states.items()]
    runner = FakeRunner().tell("systemctl", "show", MORE, stdout="\n".join(shown))
    runner.tell("systemctl", "stop", "--no-block", "--", "cloudrepo-1000@1002.service")
    assert systemd.stop_vms(runner, unit_dir=str(tmp_path)) == ["cloudrepo-1000@1002.service"]


def test_a_journal_that_cannot_be_read_has_no_last_words():
    runner = FakeRunner().tell("journalctl", MORE, rc=1)
    assert systemd.last_words(["a.service"], runner) == {"a.service": ""}
    assert "--since" not in " ".join(runner.argvs[0])


@pytest.mark.parametrize(
    ("active", "pid", "live", "idle"),
    [
        ("active", 7, True, False),
        ("reloading", 7, True, False),
        ("active", None, False, False),
        ("failed", 7, False, False),
        ("deactivating", 7, False, False),
        ("inactive", None, False, True),
        ("activating", None, False, False),
    ],
)
def test_qemu_runs_in_an_active_unit_with_a_process(active, pid, live, idle):
    unit = systemd.Unit(1000, 1001, active, pid)
    assert (unit.live, unit.idle) == (live, idle)
