# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The console connection: its requests to the worker, and the interpretation of the response."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
from pathlib import Path
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
    made._options.update(vm_uuid=None, state_dir="/var/lib/cloudrepo", worker_become=False)
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


def test_a_worker_where_others_than_root_log_in_needs_sudo():
    worker = Worker(0, b'{"rc": 0, "stdout": ""}\n')
    one = connection(worker)
    one._options["worker_become"] = True
    one.exec_command("true")
    assert worker.sent[0][0] == "sudo -n /usr/bin/python3 -"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"sudo: a password is required\n", "a password is required"),
        (b"Warning: something else\n/bin/sh: 1: sudo: not found\n", "not found"),
    ],
)
def test_the_message_of_sudo_has_a_next_step(said, why):
    one = connection(Worker(1, b"", said))
    one._options["worker_become"] = True
    with pytest.raises(AnsibleConnectionFailure) as caught:
        one.exec_command("id")
    assert str(caught.value) == (
        f"VM 1001: sudo on the worker refuses: {why}; the console connection becomes root on the worker with sudo -n; "
        "set ansible_user to root for the worker, or let the user who logs in there use sudo without a password"
    )


def test_another_failure_is_not_taken_for_one_of_sudo():
    one = connection(Worker(255, b"", b"ssh: connect to host w1: Connection refused\n"))
    one._options["worker_become"] = True
    with pytest.raises(AnsibleConnectionFailure, match="worker of VM 1001 failed with code 255: ssh: connect to host"):
        one.exec_command("id")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            {"denied": "/var/lib/x/identity.json", "user": "ops"},
            "VM 1001: user ops may not read /var/lib/x/identity.json on the worker; only root may open the consoles of "
            "VMs on their worker; set ansible_become to true, or ansible_user to root, for the worker in the inventory",
        ),
        (
            {"missing": "/var/lib/x/identity.json"},
            "VM 1001 was not deployed on its worker, which has no /var/lib/x/identity.json; run "
            "cloudrepo.slices.deploy for its slice",
        ),
        (
            {"held": "theirs", "where": "/x/1001"},
            "VM 1001: the worker has another VM with this id: /x/1001 belongs to theirs, not to mine; deploy its slice "
            "to see why it is not on that worker",
        ),
    ],
)
def test_a_console_that_may_not_be_opened_is_refused_with_the_next_step(answer, message):
    one = connection(Worker(0, json.dumps(answer).encode()))
    one._options["vm_uuid"] = "mine"
    with pytest.raises(AnsibleConnectionFailure) as caught:
        one.exec_command("id")
    assert str(caught.value) == message


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
    monkeypatch: pytest.MonkeyPatch, path: str, timeout_s: float, vm: console.Vm = VM, user: int | None = None
) -> dict[str, Any] | None:
    monkeypatch.setattr(console, "serial_socket", lambda _vm_id: path)
    program = console.program_for(vm, "echo 'ü'", timeout_s=timeout_s)
    # Another user may not have access to this Python.
    python = sys.executable if user is None else "/usr/bin/python3"
    done = subprocess.run([python, "-I", "-"], input=program, capture_output=True, check=True, user=user)
    return console.read_answer(done.stdout)


def test_the_program_has_no_dependencies(monkeypatch, tmp_path):
    told = run_program(monkeypatch, str(tmp_path / "none" / "serial.sock"), 0.1)

    assert told == {"error": f"{tmp_path}/none does not exist: the VM does not run on this host"}


def marked(state_dir: Path, content: dict[str, Any] | None) -> Path:
    """Write what identifies the VM of a folder, unless it was not deployed."""
    mark = state_dir / "vms/1001/identity.json"
    mark.parent.mkdir(parents=True)
    if content is not None:
        mark.write_text(json.dumps(content))
    return mark


@pytest.mark.parametrize(("held", "named"), [({"vm_uuid": "theirs"}, "theirs"), ({"vm_uuid": None}, "")])
def test_the_console_of_another_vm_with_the_same_id_is_not_opened(monkeypatch, tmp_path, held, named):
    """Such as one of a tenant whose slice an older database does not know."""
    mark = marked(tmp_path, held)
    told = run_program(monkeypatch, "/none/serial.sock", 5, console.Vm(1001, "mine", str(tmp_path)))
    assert told == {"held": named, "where": str(mark.parent)}
    mark.write_text(json.dumps({"vm_uuid": "mine"}))
    told = run_program(monkeypatch, "/none/serial.sock", 0.1, console.Vm(1001, "mine", str(tmp_path)))
    assert told == {"error": "/none does not exist: the VM does not run on this host"}


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_vm_that_was_not_deployed_is_not_taken_for_another_one(monkeypatch, tmp_path, has_folder):
    mark = marked(tmp_path, None) if has_folder else tmp_path / "vms/1001/identity.json"
    told = run_program(monkeypatch, "/none/serial.sock", 5, console.Vm(1001, "mine", str(tmp_path)))
    assert told == {"missing": str(mark)}
    for unknown in (None, ""):
        told = run_program(monkeypatch, "/none/serial.sock", 0.1, console.Vm(1001, unknown, str(tmp_path)))
        assert told == {"error": "/none does not exist: the VM does not run on this host"}


NOBODY = 65534


@pytest.mark.parametrize("uuid", ["mine", None])
def test_a_user_who_may_not_open_a_console_is_named(monkeypatch, tmp_path, uuid):
    """The folders of VMs, in /var/lib as in /run, are those of root and of the slice's user."""
    folder = marked(tmp_path, {"vm_uuid": "mine"}).parent
    folder.chmod(0)
    is_root = os.geteuid() == 0
    user = NOBODY if is_root else None
    told = run_program(monkeypatch, str(folder / "serial.sock"), 5, console.Vm(1001, uuid, str(tmp_path)), user)
    folder.chmod(0o700)
    path = folder if uuid is None else folder / "identity.json"
    name = pwd.getpwuid(NOBODY if is_root else os.geteuid()).pw_name
    assert told == {"denied": str(path), "user": name}


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
