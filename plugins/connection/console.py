# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: console
short_description: Run commands in a VM over its serial console
version_added: 1.0.0
description:
  - Connects to the root shell on a guest's serial console, through the worker that runs the VM. The guest needs neither
    a network, nor an agent, nor Python. Files cannot be transferred, so only M(ansible.builtin.raw) can be used.
  - The worker is reached by ssh, with the options of P(ansible.builtin.ssh#connection) from the guest's variables.
    Therefore C(ansible_host) and similar variables are those of the B(worker). Only root has access to the console's
    socket, so the user there must be root, or O(worker_become) be true.
  - M(cloudrepo.slices.console_command) does the same in a task on the worker.
author:
  - the cloudrepo.slices authors (@cloudrepo)
options:
  vm_id:
    description:
      - The VM's id.
    type: int
    required: true
    vars:
      - name: cloudrepo_vm_id
  vm_uuid:
    description:
      - The VM's UUID in the database, as P(cloudrepo.slices.slices#inventory) sets it. The connection fails if the
        worker does not have this VM, or has another one with this id.
    type: str
    vars:
      - name: cloudrepo_vm_uuid
  state_dir:
    description:
      - The folder of the VM folders on the worker, which contain their UUIDs.
    type: str
    default: /var/lib/cloudrepo
    vars:
      - name: cloudrepo_state_dir
  through:
    description:
      - Connection to the worker, V(local) if it is the machine on which Ansible runs.
    type: str
    choices: [ssh, local]
    default: ssh
    vars:
      - name: cloudrepo_console_through
  worker_python:
    description:
      - Path of Python on the worker, version 3.9 or newer.
    type: str
    default: /usr/bin/python3
    vars:
      - name: cloudrepo_console_worker_python
  worker_become:
    description:
      - Whether to become root on the worker, with C(sudo -n). The user who logs in there must be allowed to use sudo
        without a password.
      - P(cloudrepo.slices.slices#inventory) sets this if the worker has C(ansible_become).
    type: bool
    default: false
    vars:
      - name: cloudrepo_console_worker_become
  timeout_s:
    description:
      - Timeout of a command in seconds, including the guest's boot.
    type: int
    default: 60
    vars:
      - name: cloudrepo_console_timeout_s
"""

EXAMPLES = r"""
# A guest in the inventory. It runs on worker1.
# guests:
#   hosts:
#     vm1:
#       ansible_connection: cloudrepo.slices.console
#       cloudrepo_vm_id: 1001
#       ansible_host: "{{ hostvars.worker1.ansible_host }}"
#       ansible_user: root
- name: Show the addresses of guests
  hosts: guests
  gather_facts: false
  tasks:
    - name: Show the addresses
      ansible.builtin.raw: ip address
      changed_when: false
"""

import inspect
import json
import re
import shlex
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader

from ansible_collections.cloudrepo.slices.plugins.module_utils import errors
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import serial, sockets
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import MARK
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import STATE_DIR

# Modules that run on the worker, under names that keep their relative imports working.
SHIPPED: tuple[tuple[str, ModuleType | None], ...] = (
    ("console", None),
    ("console.errors", errors),
    ("console._host", None),
    ("console._host.qemu", None),
    ("console._host.qemu.sockets", sockets),
    ("console._host.qemu.serial", serial),
)
_PROGRAM = r"""
import json, os, pwd, sys, time, types

def load(modules):
    for name, source in modules:
        module = sys.modules[name] = types.ModuleType(name)
        if source is None:
            module.__path__ = []
        else:
            module.__package__ = name.rpartition(".")[0]
            exec(compile(source, name, "exec"), module.__dict__)

def uuid_in(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)["vm_uuid"] or ""
    except (KeyError, TypeError, ValueError):
        return ""

def user():
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())

def identity_mismatch(mark, vm_uuid):
    try:
        held = uuid_in(mark)
    except FileNotFoundError:
        return {"missing": mark} if vm_uuid else None
    return None if held == vm_uuid else {"held": held, "where": os.path.dirname(mark)}

def answer(path, command, timeout_s, mark, vm_uuid):
    try:
        return (None if vm_uuid is None else identity_mismatch(mark, vm_uuid)) or run(path, command, timeout_s)
    except PermissionError as error:
        return {"denied": error.filename or path, "user": user()}
    except OSError as error:
        return {"error": str(error)}

def run(path, command, timeout_s):
    from console._host.qemu import serial
    from console.errors import SlicesError

    begin = time.monotonic()
    try:
        with serial.open_console(path, timeout_s=timeout_s) as console:
            left_s = timeout_s - (time.monotonic() - begin)
            done = serial.run(console, command, timeout_s=left_s)
    except SlicesError as error:
        return {"error": str(error)}
    return {"rc": done.rc, "stdout": done.stdout}
"""


class Connection(ConnectionBase):  # type: ignore[misc]  # Ansible has no types
    """A guest's serial console."""

    transport = "cloudrepo.slices.console"
    has_pipelining = False

    def __init__(self, play_context: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(play_context, *args, **kwargs)
        self._to_worker: Any = None

    @property
    def ssh_type_conn(self) -> Any:
        """The connection to the worker. Because of this name, Ansible sets its options."""
        if self._to_worker is None:
            self._to_worker = connection_loader.get(f"ansible.builtin.{self.get_option('through')}", self._play_context)
        return self._to_worker

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run C(cmd) in the guest, and return its whole output as standard output, because a console has one stream."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if in_data:
            raise _unsupported("input for commands")
        if "ansible-tmp-" in cmd:
            # A module starts with creating a temporary folder. The guest's error message would not be helpful.
            raise _unsupported("running modules")
        vm = Vm(self.get_option("vm_id"), self.get_option("vm_uuid"), self.get_option("state_dir"))
        program = program_for(vm, cmd, timeout_s=self.get_option("timeout_s"))
        becomes = self.get_option("worker_become")
        python = f"{'sudo -n ' if becomes else ''}{shlex.quote(self.get_option('worker_python'))} -"
        rc, stdout, stderr = self.ssh_type_conn.exec_command(python, in_data=program, sudoable=False)
        answer = read_answer(stdout)
        if answer is None:
            text = bytes(stderr or stdout).decode("utf-8", "replace").strip()
            raise AnsibleConnectionFailure(_why_it_failed(f"VM {vm.vm_id}", rc, text, becomes))
        refusal = refusal_of(answer, vm)
        if refusal is not None:
            raise AnsibleConnectionFailure(refusal.message)
        if "error" in answer:
            raise AnsibleConnectionFailure(f"VM {vm.vm_id}: {answer['error']}")
        return answer["rc"], answer["stdout"].encode("utf-8"), b""

    def put_file(self, in_path: str, out_path: str) -> None:  # noqa: ARG002 # the base class has both
        """Raise an error."""
        raise _unsupported(f"copying {out_path} to a guest")

    def fetch_file(self, in_path: str, out_path: str) -> None:  # noqa: ARG002 # the base class has both
        """Raise an error."""
        raise _unsupported(f"fetching {in_path} from a guest")

    def close(self) -> None:
        """Close the connection to the worker."""
        if self._to_worker is not None:
            self._to_worker.close()
        self._connected = False


class Vm(NamedTuple):
    """A VM on a worker; without a UUID, it is only known by its id."""

    vm_id: int
    uuid: str | None = None
    state_dir: str = STATE_DIR


def program_for(vm: Vm, command: str, *, timeout_s: float) -> bytes:
    """Return the Python program that runs C(command) on the worker, which reads it from standard input."""
    modules = [(name, None if module is None else inspect.getsource(module)) for name, module in SHIPPED]
    arguments = {
        "path": serial_socket(vm.vm_id),
        "command": command,
        "timeout_s": timeout_s,
        "mark": f"{vm.state_dir}/vms/{vm.vm_id}/{MARK}",
        "vm_uuid": vm.uuid,
    }
    # JSON in ASCII without line ends is a valid string literal in any locale of the worker.
    lines = [
        _PROGRAM,
        f"load(json.loads({json.dumps(modules)!r}))",
        f"print(json.dumps(answer(**json.loads({json.dumps(arguments)!r}))))",
    ]
    return "\n".join([*lines, ""]).encode("ascii")


def read_answer(stdout: bytes) -> dict[str, Any] | None:
    """Return the program's result: C(rc) and C(stdout), C(error), or what C(refusal_of) reads.

    It is C(None) if the program did not complete.
    """
    lines = stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def refusal_of(answer: Mapping[str, Any], vm: Vm) -> errors.Refusal | None:
    """Return why the program has not opened the console of a VM.

    Args:
        answer: the program's result: C(denied) and C(user), the path that may not be read and by whom; C(missing), the
            path that a deploy would have created; C(held) and C(where), the UUID of another VM and its folder.
        vm: the VM.
    """
    name = f"VM {vm.vm_id}"
    if "denied" in answer:
        return errors.Refusal("console_denied", name, {"user": answer["user"], "path": answer["denied"]})
    if "missing" in answer:
        return errors.Refusal("vm_not_deployed", name, {"where": answer["missing"]})
    if "held" in answer:
        held, got = answer["held"] or "no UUID", vm.uuid or "no UUID"
        return errors.Refusal("not_this_vm", name, {"where": answer["where"], "held": held, "got": got})
    return None


def _why_it_failed(name: str, rc: int, said: str, becomes: bool) -> str:
    """Return why the program did not run on the worker, which is sudo's matter if it says so."""
    found = re.search(r"^.*\bsudo: (.+)$", said, re.MULTILINE) if becomes else None
    if found is None:
        return f"the worker of {name} failed with code {rc}: {said}"
    return errors.Refusal("console_without_sudo", name, {"why": found[1]}).message


def _unsupported(what: str) -> AnsibleError:
    refusal = errors.Refusal("console_runs_commands", "connection cloudrepo.slices.console", {"what": what})
    return AnsibleError(refusal.message)
