# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-ins for a host that record what they are told and answer only what they were told to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.asking import Answer
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import Settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import (
    CommandRefused,
    Event,
    MonitorUnavailable,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Result
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import MARK
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

STATE_DIR = "/var/lib/cloudrepo"
TAP_FILTER = 'iifname "tap_*" drop\noifname "tap_*" drop\nmeta skuid { 899, 998 } jump vms\n'
PASSWORD_ID = "8b1a9953c4611296"
ACCOUNTS = Accounts("cloudrepo", {1000: Account(998, 998)})
ME = Accounts("cloudrepo", {1000: Account(os.getuid(), os.getgid())})


MORE = "..."
"""Stands for any further arguments, at the end of what a fake is told of a command."""


class UnexpectedCommand(AssertionError):
    """A command or an argument that the test did not tell the fake of."""


class UnusedAnswer(AssertionError):
    """An answer that the test prepared and that nobody asked for."""


class FakeRunner:
    """Records every argv and its standard input, and answers as it was told.

    A command is known by all of its words, or by its first ones before C(MORE); where several match, the longest does.
    C(settle) demands at the end of each test that every answer was asked for (conftest.py).
    """

    made: ClassVar[list[FakeRunner | FakeMonitor]] = []

    def __init__(self) -> None:
        self.argvs: list[list[str]] = []
        self.stdins: list[str | None] = []
        self._answers: dict[tuple[str, ...], list[Result]] = {}
        self._effects: dict[tuple[str, ...], Callable[[Sequence[str]], None]] = {}
        self._unused: dict[tuple[str, ...], int] = {}
        self.made.append(self)

    def tell(self, *words: str, stdout: str = "", stderr: str = "", rc: int = 0) -> FakeRunner:
        """Answer the command C(words); told again, answers are given in turn, and the last one stays."""
        self._answers.setdefault(words, []).append(Result(rc=rc, stdout=stdout, stderr=stderr))
        self._unused[words] = self._unused.get(words, 0) + 1
        return self

    def on(self, *words: str, do: Callable[[Sequence[str]], None]) -> FakeRunner:
        """Call C(do) with the argv of the command C(words)."""
        self._effects[words] = do
        return self.tell(*words)

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """See C(Runner)."""
        self.argvs.append(list(argv))
        self.stdins.append(stdin)
        known = [words for words in self._answers if _match(words, tuple(argv))]
        if not known:
            raise UnexpectedCommand(f"nobody told of {list(argv)}")
        words = max(known, key=len)
        self._unused[words] -= 1
        if words in self._effects:
            self._effects[words](argv)
        answers = self._answers[words]
        result = answers.pop(0) if len(answers) > 1 else answers[0]
        if check and result.rc != 0:
            raise CommandFailed(cmd=argv, rc=result.rc, stdout=result.stdout, stderr=result.stderr)
        return result

    @property
    def unused(self) -> list[str]:
        """The commands that were not asked for as often as they have answers."""
        return [" ".join(words) for words, count in self._unused.items() if count > 0]

    @classmethod
    def settle(cls) -> None:
        """Forget all fakes; fail if one has an answer left.

        Raises:
            UnusedAnswer: names the commands.
        """
        made, cls.made[:] = list(cls.made), []
        unused = [each for fake in made for each in fake.unused]
        if unused:
            raise UnusedAnswer(f"nobody asked for {'; '.join(unused)}")


def _match(words: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    return argv[: len(words) - 1] == words[:-1] if words[-1] == MORE else argv == words


# The commands of QMP that we give, with their arguments; what is not here no QEMU would take.
QMP_COMMANDS: dict[str, dict[str, type]] = {
    "cont": {},
    "query-status": {},
    "set_link": {"name": str, "up": bool},
    "set_password": {"protocol": str, "password": str},
    "stop": {},
}


def need_time(timeout_s: float | None) -> None:
    """Refuse a time limit in which nobody answers."""
    if timeout_s is not None and timeout_s <= 0:
        raise UnexpectedCommand(f"a time limit of {timeout_s} s")


class FakeSession:
    """A C(Session) that records commands and answers those that the monitor was told of."""

    pid = 4821

    def __init__(self, path: str, monitor: FakeMonitor) -> None:
        self._path = path
        self._monitor = monitor
        self._events = list(monitor.events.get(path, ()))

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, timeout_s: float | None = None
    ) -> Any:
        """See C(Session)."""
        need_time(timeout_s)
        return self._monitor.answer(self._path, command, dict(arguments or {}))

    def wait_for(self, name: str, data: Mapping[str, Any] | None = None, *, timeout_s: float) -> Event | None:
        """See C(Session)."""
        need_time(timeout_s)
        event = next(
            (each for each in self._events if each.name == name and (data or {}).items() <= each.data.items()), None
        )
        if event is not None:
            self._events.remove(event)
        return event


class FakeMonitor:
    """Monitors of VMs: those in C(answering) are up after as many tries as it says; without it all are up.

    Only commands of which it was told are answered, and only with the arguments that QMP has for them.
    """

    def __init__(self, answering: dict[str, int] | None = None) -> None:
        self.commands: list[tuple[str, str, dict[str, Any]]] = []
        self.events: dict[str, list[Event]] = {}
        self.statuses: dict[str, str] = {}
        self._tries = answering
        self._answers: dict[str, Any] = {}
        FakeRunner.made.append(self)

    @property
    def unused(self) -> list[str]:
        """The commands with an answer that nobody asked for."""
        return sorted(self._answers.keys() - {command for _path, command, _arguments in self.commands})

    def tell(self, command: str, *, returns: Any = None, error: str | None = None) -> FakeMonitor:
        """Answer a command, with an error if there is one."""
        self._answers[command] = CommandRefused(command, {"desc": error}) if error is not None else returns or {}
        return self

    @contextmanager
    def connect(self, path: str) -> Iterator[FakeSession]:
        """See C(Monitor)."""
        if self._tries is not None:
            self._tries[path] = self._tries.get(path, 1_000_000) - 1
            if self._tries[path] >= 0:
                raise MonitorUnavailable(f"QEMU does not respond at {path}")
        yield FakeSession(path, self)

    def ask(self, paths: Iterable[str]) -> dict[str, Answer]:
        """See C(Monitor). VMs run, unless C(statuses) has something else."""
        silent = Answer(why="it does not answer")
        found = {}
        for path in paths:
            is_up = self._tries is None or self._tries.get(path, 1) <= 0
            found[path] = Answer(self.statuses.get(path, "running"), FakeSession.pid) if is_up else silent
        return found

    def answer(self, path: str, command: str, arguments: dict[str, Any]) -> Any:
        """What a VM's QEMU answers."""
        if command not in self._answers:
            raise UnexpectedCommand(f"nobody told of {command}")
        types = QMP_COMMANDS[command]
        if {name: type(value) for name, value in arguments.items()} != types:
            raise UnexpectedCommand(f"{command} takes {types}, not {arguments}")
        self.commands.append((path, command, arguments))
        answer = self._answers[command]
        if isinstance(answer, CommandRefused):
            raise answer
        return answer


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """The time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


def journal(unit: str, *lines: str, of_systemd: bool = False) -> str:
    """What journalctl prints of lines that a unit wrote, or systemd about it."""
    whose = {"_SYSTEMD_UNIT": "init.scope", "UNIT": unit} if of_systemd else {"_SYSTEMD_UNIT": unit}
    return "".join(json.dumps({"MESSAGE": line, **whose}) + "\n" for line in lines)


def settings(**changes: Any) -> Settings:
    """What the VMs of a host have in common."""
    values: dict[str, Any] = {
        "state_dir": STATE_DIR,
        "vnc_address": "10.0.10.1",
        "accelerator": "tcg",
        "checksum_offload": True,
        "accounts": ACCOUNTS,
    }
    return Settings(**{**values, **changes})


def nic(vm_id: int, index: int, vlan_id: int | None, link_id: int | None = None) -> dict[str, Any]:
    """An interface of a work order."""
    return {
        "name": f"eth{index}",
        "tap": f"tap_{vm_id}_eth{index}",
        "mac": f"52:54:00:03:e9:{index:02x}",
        "vlan_id": vlan_id,
        "link_id": link_id,
    }


def disk(vm_id: int = 1001, *, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """A disk of a work order."""
    values: dict[str, Any] = {
        "path": f"{state_dir}/vms/{vm_id}/vm{vm_id - 1000}_img.qcow2",
        "size_bytes": 1 << 30,
        "backing_file": f"{state_dir}/images/base.img",
    }
    return {**values, **changes}


def vm(vm_id: int = 1001, *vlan_ids: int | None, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """A VM of a work order with an interface for each VLAN."""
    values: dict[str, Any] = {
        "vm_id": vm_id,
        "name": f"vm{vm_id - 1000}",
        "cores": 1,
        "ram_mib": 512,
        "disks": [disk(vm_id, state_dir=state_dir)],
        "vnc_port": 4900 + vm_id,
        "vnc_password_id": PASSWORD_ID,
        "interfaces": [nic(vm_id, index, vlan_id, vlan_id) for index, vlan_id in enumerate(vlan_ids)],
    }
    return {**values, **changes}


def given_up(vm_id: int = 1001, *, state_dir: str = STATE_DIR, uuid: str | None = None) -> dict[str, Any]:
    """What a work order says of a disk, as C(disk) has it, that its owner has given up."""
    return {"vm_id": vm_id, "path": disk(vm_id, state_dir=state_dir)["path"], "uuid": uuid}


def orders(
    *vms: dict[str, Any],
    slice_id: int = 1000,
    state_dir: str = STATE_DIR,
    slice_uuid: str | None = None,
    given_up: Sequence[dict[str, Any]] = (),
) -> tuple[SliceOrder, ...]:
    """A work order with one slice."""
    order = {"slice_id": slice_id, "vms": list(vms), "slice_uuid": slice_uuid, "given_up": list(given_up)}
    return read_slices([order], state_dir=state_dir)


def uuid(number: int) -> str:
    """A UUID that ends in a number."""
    return f"00000000-0000-4000-8000-{number:012}"


def mark(folder: Path, slice_id: int = 1000, **said: Any) -> None:
    """Let the folder of a VM say whose it is."""
    values = {"slice_id": slice_id, "slice_uuid": None, "vm_uuid": None, "disks": {}, **said}
    (folder / MARK).write_text(json.dumps(values))
