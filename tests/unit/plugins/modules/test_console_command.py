# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.serial import Answer
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import console_command

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import mark, uuid


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Return the list of the guest's answers, which the test fills."""
    answers: list[Answer] = []

    @contextmanager
    def open_console(path: str, *, timeout_s: float) -> Iterator[str]:
        assert (path, timeout_s) == ("/run/cloudrepo/1001/serial.sock", 60)
        yield path

    def run(console: str, command: str, *, timeout_s: float) -> Answer:
        assert (console, command) == ("/run/cloudrepo/1001/serial.sock", "uname")
        assert timeout_s <= 60
        return answers.pop()

    monkeypatch.setattr(console_command.serial, "open_console", open_console)
    monkeypatch.setattr(console_command.serial, "run", run)
    return answers


def test_the_output_of_a_command_is_returned(monkeypatch, answer):
    answer.append(Answer(0, "Linux\n\n"))
    result = modules.run(monkeypatch, console_command, vm_id=1001, command="uname")

    assert (result["changed"], result["rc"], result["stdout"], result["stdout_lines"]) == (True, 0, "Linux", ["Linux"])


def test_a_failing_command_fails_the_task(monkeypatch, answer):
    answer.append(Answer(7, "no\n"))
    result = modules.run(monkeypatch, console_command, vm_id=1001, command="uname")

    assert (result["failed"], result["rc"], result["stdout"]) == (True, 7, "no")
    assert result["msg"] == "the command failed with return code 7"


@pytest.mark.usefixtures("answer")
def test_check_mode_skips(monkeypatch):
    result = modules.run(monkeypatch, console_command, vm_id=1001, command="uname", _ansible_check_mode=True)

    assert result["skipped"]


def test_the_console_of_another_vm_with_the_same_id_is_not_opened(monkeypatch, tmp_path, answer):
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, vm_uuid=uuid(2))
    args = {"vm_id": 1001, "command": "uname", "state_dir": str(tmp_path)}
    told = modules.run(monkeypatch, console_command, vm_uuid=uuid(9), **args)
    figures = {"where": str(folder), "held": uuid(2), "got": uuid(9)}
    assert refused(told) == [Refusal("not_this_vm", "VM 1001", figures)]
    answer.append(Answer(0, "Linux"))
    assert modules.run(monkeypatch, console_command, vm_uuid=uuid(2), **args)["rc"] == 0
