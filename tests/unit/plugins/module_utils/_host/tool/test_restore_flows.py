# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import restore_flows
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.restore_flows import restore
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .....locks import is_held
from ..fakes import MORE, FakeRunner, FakeTime
from .mains import exit_of

OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")

SHOW = ("ovs-ofctl", "--timeout=5", "show", "br-int")


def save(folder: Path, **texts: str) -> None:
    """Save files: C(web_flows) is C(web.flows)."""
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(f"{text}\n")


def told(runner: FakeRunner) -> list[list[str]]:
    """Return the commands for the switch, each with the meter or the name of the file."""
    return [
        [word.rpartition("/")[2] for word in argv[3:] if word not in ("br-int", "--bundle")]
        for argv in runner.argvs
        if argv[1] == OFCTL[1]
    ]


@pytest.fixture
def runner() -> FakeRunner:
    """Return a switch that accepts all commands."""
    return FakeRunner().tell("ovs-ofctl", MORE)


def test_meters_come_before_flows(tmp_path: Path, runner: FakeRunner) -> None:
    save(tmp_path, **{"1000_flows": "flow", "1000_meters": "meter=1\nmeter=2", "1000_qdiscs": "qdisc"})
    restore(str(tmp_path), "br-int", runner)
    assert told(runner) == [["add-meter", "meter=1"], ["add-meter", "meter=2"], ["add-flows", "1000.flows"]]


def test_a_rejected_flow_does_not_affect_the_others(tmp_path: Path, runner: FakeRunner) -> None:
    save(tmp_path, **{"0_flows": "shared", "1_flows": "bad", "2_flows": "good", "1_meters": "meter=1\nmeter=2"})
    runner.tell(*OFCTL, "add-meter", "br-int", "meter=1", rc=1, stderr="METER_EXISTS\n")
    runner.tell(*OFCTL, "mod-meter", "br-int", "meter=1", rc=1, stderr="no such rate\n")
    runner.tell(*OFCTL, "--bundle", "add-flows", "br-int", str(tmp_path / "1.flows"), rc=1, stderr="bad flow\n")
    with pytest.raises(SlicesError, match=r"^no such rate\nbad flow$"):
        restore(str(tmp_path), "br-int", runner)
    assert told(runner) == [
        *(["add-meter", "meter=1"], ["mod-meter", "meter=1"], ["add-meter", "meter=2"]),
        *(["add-flows", f"{name}.flows"] for name in "012"),
    ]


def test_an_existing_meter_is_modified(tmp_path: Path, runner: FakeRunner) -> None:
    save(tmp_path, **{"1_meters": "meter=1"})
    runner.tell(*OFCTL, "add-meter", MORE, rc=1, stderr="METER_EXISTS\n")
    restore(str(tmp_path), "br-int", runner)
    assert told(runner) == [["add-meter", "meter=1"], ["mod-meter", "meter=1"]]


def test_without_saved_files_nothing_is_done(tmp_path: Path, runner: FakeRunner) -> None:
    restore(str(tmp_path / "flows"), "br-int", runner)
    assert told(runner) == []


def test_a_starting_switch_is_awaited(tmp_path: Path) -> None:
    save(tmp_path, **{"1_flows": "flow"})
    runner = FakeRunner().tell(*SHOW, rc=1).tell(*SHOW).tell(*OFCTL, MORE)
    restore(str(tmp_path), "br-int", runner)
    assert [argv[1] for argv in runner.argvs] == ["--timeout=5", "--timeout=5", OFCTL[1]]


def test_a_missing_bridge_is_an_error(tmp_path: Path) -> None:
    runner = FakeRunner().tell(*SHOW, rc=1, stderr="ovs-ofctl: br-int is not a bridge\n")
    with pytest.raises(SlicesError, match="bridge br-int does not respond: ovs-ofctl: br-int is not a bridge"):
        restore(str(tmp_path), "br-int", runner, patience_s=0)


def test_flows_are_loaded_under_the_lock_of_the_datapath(tmp_path: Path) -> None:
    save(tmp_path, **{"1_flows": "flow", "1_meters": "meter=1"})
    held: list[tuple[str, bool]] = []
    runner = FakeRunner().on(*SHOW, do=lambda _argv: held.append(("show", is_held(tmp_path))))
    runner.on(*OFCTL, MORE, do=lambda argv: held.append((argv[-1].rpartition("/")[2], is_held(tmp_path))))
    restore(str(tmp_path), "br-int", runner)
    assert held == [("show", False), ("meter=1", True), ("1.flows", True)]
    assert not is_held(tmp_path)


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, restore_flows, "restore", "/s/flows", "br-int") == (7, ("/s/flows", "br-int"))


def test_a_starting_switch_is_not_queried_without_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    monkeypatch.setattr(restore_flows.time, "sleep", naps.append)
    runner = FakeRunner().tell(*SHOW, rc=1).tell(*SHOW, rc=1).tell(*SHOW)
    restore(str(tmp_path / "flows"), "br-int", runner)
    assert naps == [0.2, 0.2]


@pytest.mark.parametrize(("patience", "waited_s"), [({}, 30), ({"patience_s": 0}, 0)])
def test_a_switch_is_awaited_for_half_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: dict[str, float], waited_s: float
) -> None:
    clock = FakeTime()
    monkeypatch.setattr(restore_flows, "time", SimpleNamespace(monotonic=clock.now, sleep=clock.sleep))
    with pytest.raises(SlicesError, match="bridge br-int does not respond"):
        restore(str(tmp_path), "br-int", FakeRunner().tell(*SHOW, rc=1), **patience)
    assert clock.seconds == pytest.approx(waited_s, abs=0.25 if waited_s else 0)
