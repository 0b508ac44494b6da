# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.cli import BEGUN
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import call, network_steps, worker_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

DIGEST = "ab" * 32
SECRET = "hMr3kWpa"
PARAMS = {"slices": [{"slice_id": 1000, "receipt": "cd" * 16}], "vnc_passwords": {"1001": SECRET}}


class Log:
    """Records what is written to the system's log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        monkeypatch.setattr(call.syslog, "openlog", self.lines.append)
        monkeypatch.setattr(call.syslog, "syslog", lambda _priority, line: self.lines.append(line))


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    monkeypatch.setattr(call, "CALLS", {"slice_apply": {"argument_spec": {}}})
    return Log(monkeypatch)


def called(monkeypatch: pytest.MonkeyPatch, *, out: io.TextIOBase | None = None, **request: Any) -> tuple[int, str]:
    """Return exit code and output of a call, if that is not written to C(out)."""
    whole = {"digest": DIGEST, "module": "slice_apply", "params": PARAMS, "check_mode": False, "log": True, **request}
    told = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(whole).encode())))
    monkeypatch.setattr(sys, "stdout", out or told)
    return call.main(DIGEST), told.getvalue()


def steps_that_fail(params: Mapping[str, Any], missing_ok: bool) -> Any:
    raise SlicesError(f"check mode {missing_ok}, slice {params['slices'][0]['slice_id']}")


def test_the_result_is_the_line_after_the_one_that_says_that_it_has_begun(monkeypatch):
    monkeypatch.setattr(worker_steps, "steps", steps_that_fail)
    rc, said = called(monkeypatch, check_mode=True)
    begun, result = said.splitlines()
    assert (rc, begun) == (0, BEGUN)
    assert json.loads(result) == {
        "changed": False,
        "failed": True,
        "msg": "check mode True, slice 1000",
        "answers": [{"slice_id": 1000, "receipt": "cd" * 16}],
    }


def test_a_call_that_is_killed_has_said_that_it_has_begun(monkeypatch):
    """Otherwise the controller would take its changes for none, and send the module again."""
    seen = []
    received = io.BytesIO()

    def killed(_params: Mapping[str, Any], _missing_ok: bool) -> Any:
        seen.append(received.getvalue().decode())
        raise SlicesError("killed")

    monkeypatch.setattr(worker_steps, "steps", killed)
    called(monkeypatch, out=io.TextIOWrapper(received))
    assert seen == [f"{BEGUN}\n"]


def test_another_program_does_nothing(monkeypatch, log):
    assert called(monkeypatch, digest="0" * 64) == (3, "")
    assert log.lines == []


def test_the_call_is_logged_without_secrets(monkeypatch, log):
    monkeypatch.setattr(worker_steps, "steps", steps_that_fail)
    called(monkeypatch)
    assert log.lines == ["ansible-cloudrepo.slices.slice_apply", "Invoked with check_mode=False, slices [1000]"]


def test_a_task_with_no_log_is_not_logged(monkeypatch, log):
    monkeypatch.setattr(worker_steps, "steps", steps_that_fail)
    called(monkeypatch, log=False)
    assert log.lines == []


def test_a_bug_is_not_caught(monkeypatch):
    monkeypatch.setattr(worker_steps, "steps", lambda _params, _missing_ok: {}["bug"])
    with pytest.raises(KeyError, match="bug"):
        called(monkeypatch)


def test_the_network_node_has_its_own_steps(monkeypatch):
    monkeypatch.setattr(call, "CALLS", {"network_services": {"argument_spec": {}}})
    monkeypatch.setattr(network_steps, "steps", steps_that_fail)
    _rc, said = called(monkeypatch, module="network_services")
    assert json.loads(said.splitlines()[1])["msg"] == "check mode False, slice 1000"
