# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A worker asks the network node whether it was declared lost, before and while its VMs run."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import fences, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import check_fence
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark

from ..fakes import FakeRunner, uuid
from .mains import exit_of

MACHINE, OTHER = "a" * 32, "b" * 32
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", "cloudrepo-*@*.service")
STOP = ("systemctl", "stop", "--no-block", "--")


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, int]]:
    """Answer this number of connections one after the other, like the socket unit of the network node."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                with server.accept()[0] as client:
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()
        thread.join()


def answer(tmp_path: Path, *machine_ids: str) -> bytes:
    marks = "".join(f"{machine_mark(uuid(1), each)}\n" for each in machine_ids)
    (tmp_path / fences.FILE).write_text(marks)
    return fences.list_text(str(tmp_path)).encode()


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return the state folder of a host with two enabled VMs, one of which is waiting to start."""
    claim = Claim(uuid(1), "lab", uuid(2), since="2026-01-31T12:00:00Z", controller="controller1")
    (tmp_path / "cloud.json").write_text(json.dumps(claim.to_dict()))
    (tmp_path / "machine-id").write_text(f"{MACHINE}\n")
    systemd.enable([(1000, 1001), (1003, 1004)], unit_dir=str(tmp_path))
    return tmp_path


def check(host: Path, server: tuple[str, int], runner: FakeRunner, patience_s: float = 0) -> None:
    check_fence.check(
        str(host), server, patience_s, runner, unit_dir=str(host), machine_id_file=str(host / "machine-id")
    )


def enabled(host: Path) -> list[str]:
    return systemd.enabled_names(str(host))


def test_vms_of_a_lost_machine_are_disabled_and_stopped_before_they_start(host: Path) -> None:
    runner = FakeRunner().tell(*SHOW, stdout="Id=cloudrepo-1005@1006.service\nActiveState=active\nMainPID=7\n")
    units = ["cloudrepo-1000@1001.service", "cloudrepo-1003@1004.service", "cloudrepo-1005@1006.service"]
    runner.tell(*STOP, *units)
    with answering(answer(host, OTHER, MACHINE)) as server, pytest.raises(Refused) as error:
        check(host, server, runner)
    assert error.value.refusals == [Refusal("machine_lost", "this machine", {"count": 3, "names": units})]
    assert error.value.message == (
        f"this machine was declared lost, so 3 VMs do not run: {', '.join(units)}; run cloudrepo.slices.site to use it "
        "again, then cloudrepo.slices.deploy and cloudrepo.slices.orphans"
    )
    assert enabled(host) == []


def test_a_lost_machine_without_running_vms_logs_nothing(host: Path) -> None:
    systemd.disable([(1000, 1001), (1003, 1004)], unit_dir=str(host))
    with answering(answer(host, MACHINE)) as server:
        check(host, server, FakeRunner().tell(*SHOW))


@pytest.mark.parametrize("lost", [(), (OTHER,)])
def test_vms_of_other_machines_are_not_stopped(host: Path, lost: tuple[str, ...]) -> None:
    with answering(answer(host, *lost)) as server:
        check(host, server, FakeRunner())
    assert len(enabled(host)) == 2


def test_a_truncated_answer_is_requested_again(host: Path) -> None:
    whole = answer(host, MACHINE)
    names = enabled(host)
    runner = FakeRunner().tell(*SHOW).tell(*STOP, *names)
    with answering(whole[:-2], whole) as server, pytest.raises(SlicesError):
        check(host, server, runner, patience_s=5)
    assert enabled(host) == []


def test_vms_start_if_the_network_node_does_not_answer(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        server = closed.getsockname()
    check(host, server, FakeRunner(), patience_s=0.1)
    said = capsys.readouterr().err
    assert said == "slices-host: no list of lost machines from 127.0.0.1; VMs are started anyway\n"
    check(host, server, FakeRunner())
    assert capsys.readouterr().err == ""
    assert len(enabled(host)) == 2


def test_an_unclaimed_host_does_not_ask(tmp_path: Path) -> None:
    check(tmp_path, ("192.0.2.1", 1), FakeRunner())


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, check_fence, "check", "/s", "10.0.10.1", "8101", "1.5") == (
        7,
        ("/s", ("10.0.10.1", 8101), 1.5),
    )


@pytest.mark.parametrize(("active", "is_stopped"), [("inactive", False), ("active", True), ("activating", True)])
def test_only_units_that_do_something_are_stopped_besides_enabled_ones(
    host: Path, active: str, is_stopped: bool
) -> None:
    names = [*enabled(host), *(["cloudrepo-1009@1010.service"] if is_stopped else [])]
    shown = f"Id=cloudrepo-1009@1010.service\nActiveState={active}\nMainPID=0\n"
    runner = FakeRunner().tell(*SHOW, stdout=shown).tell(*STOP, *sorted(names))
    with answering(answer(host, MACHINE)) as server, pytest.raises(SlicesError, match=f"so {len(names)} VMs do not"):
        check(host, server, runner)


def test_the_network_node_is_asked_until_the_patience_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told, paused = [100.0], list[float](), list[float]()

    def once(_server: tuple[str, int], timeout_s: float) -> tuple[str, ...] | None:
        told.append(timeout_s)
        return ("mark",) if len(told) == 4 else None

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        now[0] += 2

    monkeypatch.setattr(check_fence, "_ask_once", once)
    monkeypatch.setattr(check_fence.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(check_fence.time, "sleep", sleep)
    assert check_fence.ask(("10.0.0.1", 1), 6) == ("mark",)
    assert (told, paused) == ([6.0, 4.0, 2.0, 1.0], [0.5] * 3)
    told.clear()
    now[0], paused[:] = 100.0, []
    assert check_fence.ask(("10.0.0.1", 1), 0) is None
    assert (told, paused) == ([1.0], [])


@pytest.mark.parametrize(("patience_s", "timeout_s"), [(60, 5), (2, 2), (0, 1)])
def test_an_attempt_is_given_up_in_time_for_another(
    monkeypatch: pytest.MonkeyPatch, patience_s: float, timeout_s: float
) -> None:
    told = list[float]()

    def connect(_server: tuple[str, int], timeout_s: float) -> socket.socket:
        told.append(timeout_s)
        raise ConnectionRefusedError

    times = iter([0.0, 0.0, patience_s])
    monkeypatch.setattr(check_fence.socket, "create_connection", connect)
    monkeypatch.setattr(check_fence.time, "monotonic", lambda: next(times))
    assert check_fence.ask(("10.0.0.1", 1), patience_s) is None
    assert told == [timeout_s]


@pytest.mark.parametrize(("spare", "is_heard"), [(1, True), (2, False)])
def test_an_answer_of_more_than_a_mebibyte_is_none(host: Path, spare: int, is_heard: bool) -> None:
    """Without its last line end, it is still whole."""
    whole = answer(host, OTHER)
    with answering(b"x" * ((1 << 20) - len(whole) - 1 + spare) + b"\n" + whole) as server:
        assert check_fence.ask(server, 0) == ((machine_mark(uuid(1), OTHER),) if is_heard else None)
