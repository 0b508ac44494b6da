# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The console connection: its requests to the worker, and the interpretation of the response."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext

from ansible_collections.cloudrepo.slices.plugins.connection import console


class Worker:
    """A fake of the connection to the worker, which returns a prepared answer and records requests."""

    def __init__(self, rc: int, stdout: bytes, stderr: bytes = b"") -> None:
        self.answer = (rc, stdout, stderr)
        self.sent: list[tuple[str, bytes, bool]] = []

    def exec_command(self, cmd: str, *, in_data: bytes, sudoable: bool) -> tuple[int, bytes, bytes]:
        """See C(ConnectionBase)."""
        self.sent.append((cmd, in_data, sudoable))
        return self.answer


def connection(worker: Worker) -> Any:
    made = console.Connection(PlayContext())
    # Ansible reads a plugin's options with the collection loader, which unit tests do not use.
    made._options = {"vm_id": 1001, "timeout_s": 60, "worker_python": "/usr/bin/python3"}
    made._options.update(vm_uuid=None, state_dir="/var/lib/cloudrepo")
    made._to_worker = worker
    return made


def test_a_command_is_sent_to_the_worker_and_its_output_is_returned():
    worker = Worker(0, b'a banner\n{"rc": 3, "stdout": "\\u00fc\\n"}\n')

    assert connection(worker).exec_command("exit 3") == (3, "ü\n".encode(), b"")
    (command, program, sudoable) = worker.sent[0]
    assert (command, sudoable) == ("/usr/bin/python3 -", False)
    assert b"/run/cloudrepo/1001/serial.sock" in program


def test_a_console_that_does_not_answer_is_unreachable():
    with pytest.raises(AnsibleConnectionFailure, match="VM 1001: no shell responded"):
        connection(Worker(0, b'{"error": "no shell responded"}')).exec_command("id")
    with pytest.raises(AnsibleConnectionFailure, match="worker of VM 1001 failed with code 127: python3: not found"):
        connection(Worker(127, b"", b"python3: not found\n")).exec_command("id")


def test_files_and_modules_are_refused():
    one = connection(Worker(0, b""))

    with pytest.raises(AnsibleError, match=r"copying /tmp/x to a guest is not supported; .*; use ansible.builtin.raw"):
        one.put_file("x", "/tmp/x")
    with pytest.raises(AnsibleError, match="fetching /tmp/x from a guest is not supported"):
        one.fetch_file("/tmp/x", "x")
    with pytest.raises(AnsibleError, match="running modules is not supported"):
        one.exec_command("mkdir ~/.ansible/tmp/ansible-tmp-1")
    with pytest.raises(AnsibleError, match="input for commands is not supported"):
        one.exec_command("cat", in_data=b"text")


VM = console.Vm(1001)


def run_program(
    monkeypatch: pytest.MonkeyPatch, path: str, timeout_s: float, vm: console.Vm = VM
) -> dict[str, Any] | None:
    monkeypatch.setattr(console, "serial_socket", lambda _vm_id: path)
    program = console.program_for(vm, "echo 'ü'", timeout_s=timeout_s)
    done = subprocess.run([sys.executable, "-I", "-"], input=program, capture_output=True, check=True)
    return console.read_answer(done.stdout)


def test_the_program_has_no_dependencies(monkeypatch, tmp_path):
    told = run_program(monkeypatch, str(tmp_path / "none" / "serial.sock"), 0.1)

    assert told == {"error": f"{tmp_path}/none does not exist: the VM does not run on this host"}


@pytest.mark.parametrize("held", ["of another", None])
def test_the_console_of_another_vm_with_the_same_id_is_not_opened(monkeypatch, tmp_path, held):
    """Such as one of a tenant whose slice an older database does not know."""
    mark = tmp_path / "vms/1001/identity.json"
    if held is not None:
        mark.parent.mkdir(parents=True)
        mark.write_text(json.dumps({"vm_uuid": held}))
    told = run_program(monkeypatch, "/none/serial.sock", 5, console.Vm(1001, "mine", str(tmp_path)))
    assert told == {"error": f"the worker has another VM with this id: {mark} is of {held or 'no UUID'}, not of mine"}
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps({"vm_uuid": "mine"}))
    told = run_program(monkeypatch, "/none/serial.sock", 0.1, console.Vm(1001, "mine", str(tmp_path)))
    assert told == {"error": "/none does not exist: the VM does not run on this host"}


def test_the_program_communicates_with_a_shell(monkeypatch, tmp_path):
    path = str(tmp_path / "serial.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def shell() -> None:
            client, _address = server.accept()
            with client:
                subprocess.run(["/bin/sh"], stdin=client, stdout=client, stderr=subprocess.DEVNULL, check=False)

        threading.Thread(target=shell, daemon=True).start()
        assert run_program(monkeypatch, path, 20) == {"rc": 0, "stdout": "ü\n"}
