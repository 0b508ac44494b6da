# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fakes of a host, which record commands and only return prepared answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import Settings
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import (
    CommandRefused,
    Event,
    MonitorUnavailable,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp_status import Answer
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Result
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.stopwatch import Stopwatch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import MARK
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import read_slices
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import MANAGEMENT_VLAN
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

STATE_DIR = "/var/lib/cloudrepo"
TAP_FILTER = 'iifname "tap_*" drop\noifname "tap_*" drop\nmeta skuid { 899, 998 } jump vms\n'
PASSWORD_ID = "8b1a9953c4611296"
ACCOUNTS = Accounts("cloudrepo", {1000: Account(998, 998)})
ME = Accounts("cloudrepo", {1000: Account(os.getuid(), os.getgid())})


MORE = "..."
"""The last word of a prepared command for any further arguments."""


class UnexpectedCommand(AssertionError):
    """A command or argument without a prepared answer."""


class UnusedAnswer(AssertionError):
    """A prepared answer to a command that was not run."""


LIST_UNITS = ("systemctl", "list-units", "--all", "--output=json", "--")
SHOW_UNITS = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")


class FakeRunner:
    """Records every argv and its standard input, and returns the prepared answers.

    Units are listed first, and then those are shown whose process is unknown. Unless an answer is prepared for the
    list, both are answered, and recorded, like C(systemctl show) with the names of the list.

    Answers are prepared for all words of a command, or for its first ones followed by C(MORE). The longest match is
    used. C(check_answers) checks at the end of each test that every answer was used (conftest.py).
    """

    made: ClassVar[list[FakeRunner | FakeMonitor]] = []

    def __init__(self) -> None:
        self.argvs: list[list[str]] = []
        self.stdins: list[str | None] = []
        self._answers: dict[tuple[str, ...], list[Result]] = {}
        self._effects: dict[tuple[str, ...], Callable[[Sequence[str]], None]] = {}
        self._unused: dict[tuple[str, ...], int] = {}
        self._listed: dict[str, str] = {}
        self.made.append(self)

    def tell(self, *words: str, stdout: str = "", stderr: str = "", rc: int = 0) -> FakeRunner:
        """Prepare an answer to the command C(words). Several answers are used in turn, and the last one is repeated."""
        self._answers.setdefault(words, []).append(Result(rc=rc, stdout=stdout, stderr=stderr))
        self._unused[words] = self._unused.get(words, 0) + 1
        return self

    def on(self, *words: str, do: Callable[[Sequence[str]], None]) -> FakeRunner:
        """Prepare an empty answer to the command C(words), and call C(do) with its argv."""
        self._effects[words] = do
        return self.tell(*words)

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """See C(Runner)."""
        listed, self._listed = self._listed, {}
        names, is_shown = argv[len(SHOW_UNITS) :], tuple(argv[: len(SHOW_UNITS)]) == SHOW_UNITS
        if listed and is_shown and listed.keys() >= set(names):
            return Result(rc=0, stdout="\n\n".join(listed[name] for name in names), stderr="")
        is_list = tuple(argv[: len(LIST_UNITS)]) == LIST_UNITS
        if is_list and not any("list-units" in words for words in self._known(argv)):
            return self._list(argv[len(LIST_UNITS) :], check=check)
        self.argvs.append(list(argv))
        self.stdins.append(stdin)
        known = self._known(argv)
        if not known:
            raise UnexpectedCommand(f"no answer prepared for {list(argv)}")
        words = max(known, key=len)
        self._unused[words] -= 1
        if words in self._effects:
            self._effects[words](argv)
        answers = self._answers[words]
        result = answers.pop(0) if len(answers) > 1 else answers[0]
        if check and result.rc != 0:
            raise CommandFailed(cmd=argv, rc=result.rc, stdout=result.stdout, stderr=result.stderr)
        return result

    def _known(self, argv: Sequence[str]) -> list[tuple[str, ...]]:
        return [words for words in self._answers if _match(words, tuple(argv))]

    def _list(self, names: Sequence[str], *, check: bool) -> Result:
        shown = self.run([*SHOW_UNITS, *names], check=check)
        blocks = {block.partition("Id=")[2].partition("\n")[0]: block for block in shown.stdout.split("\n\n")}
        self._listed = {name: block.strip() for name, block in blocks.items() if name}
        units = [{"unit": name, "active": _state(block)} for name, block in self._listed.items()]
        return Result(rc=shown.rc, stdout=json.dumps(units), stderr=shown.stderr)

    @property
    def unused(self) -> list[str]:
        """The commands that were run less often than they have answers."""
        return [" ".join(words) for words, count in self._unused.items() if count > 0]

    @classmethod
    def check_answers(cls) -> None:
        """Reset the list of fakes, and check that all answers were used.

        Raises:
            UnusedAnswer: with the commands that were not run.
        """
        made, cls.made[:] = list(cls.made), []
        unused = [each for fake in made for each in fake.unused]
        if unused:
            raise UnusedAnswer(f"not run: {'; '.join(unused)}")


def _state(block: str) -> str:
    return dict(line.partition("=")[::2] for line in block.splitlines()).get("ActiveState", "inactive")


def _match(words: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    return argv[: len(words) - 1] == words[:-1] if words[-1] == MORE else argv == words


# The QMP commands that the collection uses, with their arguments; all others are rejected.
QMP_COMMANDS: dict[str, dict[str, type]] = {
    "block_resize": {"device": str, "size": int},
    "cont": {},
    "query-status": {},
    "set_link": {"name": str, "up": bool},
    "set_password": {"protocol": str, "password": str},
    "stop": {},
    "system_powerdown": {},
}


def need_time(timeout_s: float | None) -> None:
    """Reject a timeout that is not positive."""
    if timeout_s is not None and timeout_s <= 0:
        raise UnexpectedCommand(f"a timeout of {timeout_s} s")


class FakeSession:
    """A C(Session) that records commands and returns the monitor's prepared answers."""

    pid = 4821

    def __init__(self, path: str, monitor: FakeMonitor) -> None:
        self.pid = monitor.pids.get(path, FakeSession.pid)
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
    """The monitors of VMs. C(answering) contains the number of failing attempts by path; without it, all respond.

    Commands must have a prepared answer, and the arguments that QMP defines for them. C(effects) are called with the
    path of the VM that executes a command.
    """

    def __init__(self, answering: dict[str, int] | None = None) -> None:
        self.commands: list[tuple[str, str, dict[str, Any]]] = []
        self.events: dict[str, list[Event]] = {}
        self.statuses: dict[str, str] = {}
        self.pids: dict[str, int] = {}
        self.effects: dict[str, Callable[[str], None]] = {}
        self._tries = answering
        self._answers: dict[str, Any] = {}
        FakeRunner.made.append(self)

    @property
    def unused(self) -> list[str]:
        """The commands with an answer that were not run."""
        return sorted(self._answers.keys() - {command for _path, command, _arguments in self.commands})

    def tell(self, command: str, *, returns: Any = None, error: str | None = None) -> FakeMonitor:
        """Prepare the answer to a command, or an error."""
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
        """See C(Monitor). VMs are running unless C(statuses) contains another status."""
        silent = Answer(why="it does not answer")
        found = {}
        for path in paths:
            is_up = self._tries is None or self._tries.get(path, 1) <= 0
            found[path] = Answer(self.statuses.get(path, "running"), FakeSession.pid) if is_up else silent
        return found

    def answer(self, path: str, command: str, arguments: dict[str, Any]) -> Any:
        """Return the answer of a VM's QEMU."""
        if command not in self._answers:
            raise UnexpectedCommand(f"no answer prepared for {command}")
        types = QMP_COMMANDS[command]
        if {name: type(value) for name, value in arguments.items()} != types:
            raise UnexpectedCommand(f"{command} takes {types}, not {arguments}")
        self.commands.append((path, command, arguments))
        if command in self.effects:
            self.effects[command](path)
        answer = self._answers[command]
        if isinstance(answer, CommandRefused):
            raise answer
        return answer


class FakeTime:
    """A clock that is only advanced by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        """Return the time in seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.seconds += seconds


def journal(unit: str, *lines: str, of_systemd: bool = False) -> str:
    """Return the output of journalctl for messages of a unit, or of systemd about the unit."""
    whose = {"_SYSTEMD_UNIT": "init.scope", "UNIT": unit} if of_systemd else {"_SYSTEMD_UNIT": unit}
    return "".join(json.dumps({"MESSAGE": line, **whose}) + "\n" for line in lines)


def settings(**changes: Any) -> Settings:
    """Return the settings that all VMs of a host share."""
    values: dict[str, Any] = {
        "state_dir": STATE_DIR,
        "vnc_address": "10.0.10.1",
        "accelerator": "tcg",
        "checksum_offload": True,
        "accounts": ACCOUNTS,
    }
    return Settings(**{**values, **changes})


def nic(vm_id: int, index: int, vlan_id: int | None, link_id: int | None = None) -> dict[str, Any]:
    """Return an interface of a work order."""
    return {
        "name": f"eth{index}",
        "tap": f"tap_{vm_id}_eth{index}",
        "mac": f"52:54:00:03:e9:{index:02x}",
        "vlan_id": vlan_id,
        "link_id": link_id,
    }


def disk(vm_id: int = 1001, *, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """Return a disk of a work order."""
    values: dict[str, Any] = {
        "path": f"{state_dir}/vms/{vm_id}/vm{vm_id - 1000}_img.qcow2",
        "size_bytes": 1 << 30,
        "backing_file": f"{state_dir}/images/base.img",
    }
    return {**values, **changes}


def vm(vm_id: int = 1001, *vlan_ids: int | None, state_dir: str = STATE_DIR, **changes: Any) -> dict[str, Any]:
    """Return a VM of a work order with an interface for each VLAN: of a link, or the management VLAN."""
    values: dict[str, Any] = {
        "vm_id": vm_id,
        "name": f"vm{vm_id - 1000}",
        "cores": 1,
        "ram_mib": 512,
        "disks": [disk(vm_id, state_dir=state_dir)],
        "vnc_port": 4900 + vm_id,
        "vnc_password_id": PASSWORD_ID,
        "interfaces": [
            nic(vm_id, index, vlan_id, None if vlan_id == MANAGEMENT_VLAN else vlan_id)
            for index, vlan_id in enumerate(vlan_ids)
        ],
    }
    return {**values, **changes}


def given_up(vm_id: int = 1001, *, state_dir: str = STATE_DIR, uuid: str | None = None) -> dict[str, Any]:
    """Return a work order's entry for a disk of C(disk) that is to be deleted."""
    return {"vm_id": vm_id, "path": disk(vm_id, state_dir=state_dir)["path"], "uuid": uuid}


def orders(
    *vms: dict[str, Any],
    slice_id: int = 1000,
    state_dir: str = STATE_DIR,
    slice_uuid: str | None = None,
    given_up: Sequence[dict[str, Any]] = (),
) -> tuple[SliceOrder, ...]:
    """Return a work order with one slice."""
    order = {"slice_id": slice_id, "vms": list(vms), "slice_uuid": slice_uuid, "given_up": list(given_up)}
    return read_slices([order], state_dir=state_dir)


def uuid(number: int) -> str:
    """Return a UUID that ends in a number."""
    return f"00000000-0000-4000-8000-{number:012}"


def slices(changes: Iterable[Change]) -> set[int | None]:
    """Return the slices of changes, as modules return them."""
    return {change.to_dict()["slice_id"] for change in changes}


def mark(folder: Path, slice_id: int = 1000, **said: Any) -> None:
    """Write the file that contains the owner of a VM's folder."""
    values = {"slice_id": slice_id, "slice_uuid": None, "vm_uuid": None, "disks": {}, **said}
    (folder / MARK).write_text(json.dumps(values))


class Stages(Stopwatch):
    """A stopwatch that lists the stages in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """See C(Stopwatch.stage)."""
        self.names.append(name)
        with super().stage(name):
            yield
