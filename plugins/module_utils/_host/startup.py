# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the start-ups of guests over their serial consoles or ssh, all of them at the same time, each once per disk.

A start-up that fails starts again in the next run, because nothing is known about a guest in which it was cut off.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from ..bounds import CONSOLE_START, SSH_START
from ..defaults import STATE_DIR
from ..errors import Refusal, SlicesError
from ..startup import File, Startup, is_valid
from . import files, one_by_one, probes, readiness, vm_folders
from .disk import startup_notes
from .qemu import confidential, console_log, login, serial
from .qemu.login import Login
from .qemu.serial import Answer, Console
from .qemu.sockets import serial_socket
from .work_order import folder_of

LOG = "startup.log"
_PIECE = 2000
"""How many characters of a file are written by one command; each is typed as up to 16."""
_KEPT = 1 << 16
"""How much of the output of a command is kept, in characters."""
_SHOWN = 280
_NO_HISTORY = "unset HISTFILE\n"
"""Commands may contain secrets, and bash writes what was typed to a file when it ends."""
Open = Callable[..., AbstractContextManager[Console]]
Wait = Callable[["Guest", float], "str | None"]
Begin = Callable[["Guest", float], AbstractContextManager[Console]]
"""Opens a root shell in a guest, for which it waits until a time."""
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Guest:
    """A VM with a start-up.

    Attributes:
        disk: the path of its first disk.
        startup_id: what identifies the start-up.
        files: the number of its files.
        commands: the number of its commands.
        timeout_s: the time limit for all of it, including the boot of the guest.
        ready_when: what the guest is waited for, C(console) or C(cloud_init).
        user: who logs in, C(None) for nobody; see C(Login).
        via: how the start-up gets into the guest, C(console) or C(ssh).
        address: the address for C(ssh).
    """

    vm_id: int
    vm_uuid: str | None
    name: str
    disk: str
    startup_id: str
    files: int
    commands: int
    timeout_s: int
    ready_when: str = probes.CONSOLE
    user: str | None = None
    password: str | None = None
    shell: str | None = None
    via: str = CONSOLE_START
    address: str | None = None

    def __str__(self) -> str:
        return f"VM {self.name} ({self.vm_id})"


def read(given: Mapping[Any, Any]) -> dict[int, str]:
    """Return the texts of start-ups from a module's argument, by VM id.

    Raises:
        Refused: a start-up or an id is invalid; the message does not contain the start-up.
    """
    return confidential.read(
        given, option="startups", allows=is_valid, invalid=lambda vm: Refusal("invalid_startup", vm)
    )


def read_taken(given: Mapping[Any, Any]) -> dict[int, str]:
    """Return what C(run_over_ssh) has returned from a module's argument, by VM id.

    Raises:
        Refused: a text or an id is invalid; the message does not contain the text.
    """
    return confidential.read(
        given, option="taken", allows=Taken.is_text, invalid=lambda vm: Refusal("invalid_startup_result", vm)
    )


@dataclass(frozen=True)
class Taken:
    """What became of a start-up.

    Attributes:
        log: the output of its steps.
        refusal: why it failed, C(None) if it did not.
    """

    log: str
    refusal: Refusal | None

    @classmethod
    def from_text(cls, text: str) -> Taken:
        """Return what C(text) has made."""
        data = json.loads(text)
        return cls(str(data["log"]), None if data["refusal"] is None else Refusal(**data["refusal"]))

    @classmethod
    def is_text(cls, text: str) -> bool:
        """Return whether C(text) has made a text."""
        try:
            taken = cls.from_text(text)
            return taken.refusal is None or bool(taken.refusal.message)
        except (ValueError, TypeError, KeyError):
            return False

    def text(self) -> str:
        """Return it as JSON, for another host."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Step:
    """One command in the guest.

    Attributes:
        label: the step for messages and the log.
        command: what the shell runs.
        failed: returns the refusal if it fails, given return code and output.
    """

    label: str
    command: str
    failed: Callable[[str, int, str], Refusal]


def faults(guests: Sequence[Guest], state_dir: str) -> list[Refusal]:
    """Return why paths of disks are not those of the VMs, and which have no address for ssh."""
    folders = {guest: folder_of(state_dir, guest.vm_id) for guest in guests}
    elsewhere = [
        Refusal("disk_elsewhere", str(guest), {"folder": folder, "got": guest.disk})
        for guest, folder in folders.items()
        if os.path.dirname(guest.disk) != folder
    ]
    unreachable = (guest for guest in guests if guest.via == SSH_START and not guest.address)
    return [*elsewhere, *(Refusal("startup_needs_address", str(guest)) for guest in unreachable)]


def due(guests: Sequence[Guest]) -> list[Guest]:
    """Return the guests whose disk has not had their start-up, or has a note that cannot be read."""
    return [guest for guest in guests if _noted(guest) != guest.startup_id]


def _noted(guest: Guest) -> str | None:
    try:
        return startup_notes.read(guest.disk)
    except one_by_one.FAILURES:
        return None  # run_all() refuses it


def run_all(
    guests: Sequence[Guest],
    texts: Mapping[int, str],
    *,
    state_dir: str = STATE_DIR,
    open_console: Open = serial.open_console,
    wait: Wait | None = None,
) -> dict[int, Refusal | None]:
    """Run start-ups over serial consoles, and return by VM id why one failed.

    Args:
        guests: the guests.
        texts: the start-ups as JSON, by VM id.
        state_dir: the parent of the VM folders.
        open_console: opens a serial console.
        wait: waits for a guest until a time, and returns why it is not ready.
    """

    begin = _on_console(open_console, wait or _waiting(state_dir))

    def run_one(guest: Guest) -> Refusal | None:
        refusal = vm_folders.of_another(guest.vm_id, guest.vm_uuid, state_dir=state_dir)
        if refusal is None:
            startup_notes.read(guest.disk)
            taken = _taken(guest, Startup.from_text(texts[guest.vm_id]), begin)
            _record(guest, taken)
            refusal = taken.refusal
        return refusal

    return dict(zip((guest.vm_id for guest in guests), _of_each(_apart(run_one), guests)))


def run_over_ssh(guests: Sequence[Guest], texts: Mapping[int, str], open_shell: Begin) -> dict[int, str]:
    """Run start-ups over ssh, and return C(Taken) as text by VM id, for C(record_all) on the workers of the VMs.

    Args:
        guests: the guests.
        texts: the start-ups as JSON, by VM id.
        open_shell: opens a root shell in a guest, for which it waits until a time.
    """

    @contextmanager
    def begin(guest: Guest, deadline: float) -> Iterator[Console]:
        with open_shell(guest, deadline) as console:
            if guest.ready_when == probes.CLOUD_INIT:
                _await_cloud_init(console, deadline)
            console.send(_NO_HISTORY)
            yield console

    def run_one(guest: Guest) -> str:
        return _taken(guest, Startup.from_text(texts[guest.vm_id]), begin).text()

    return dict(zip((guest.vm_id for guest in guests), _of_each(run_one, guests)))


def _await_cloud_init(console: Console, deadline: float) -> None:
    """Wait until cloud-init ends. Whether it failed does not matter, as on the console."""
    try:
        serial.run(console, "cloud-init status --wait", timeout_s=deadline - time.monotonic(), longest=_KEPT)
    except SlicesError as error:
        raise SlicesError(f"cloud-init has not finished: {error.message}") from error


def record_all(
    guests: Sequence[Guest], taken: Mapping[int, str], *, state_dir: str = STATE_DIR
) -> dict[int, Refusal | None]:
    """Record what C(run_over_ssh) has returned for guests, and return by VM id why one failed."""

    def record_one(guest: Guest) -> Refusal | None:
        own = Taken.from_text(taken[guest.vm_id])
        refusal = vm_folders.of_another(guest.vm_id, guest.vm_uuid, state_dir=state_dir)
        if refusal is None:
            _record(guest, own)
            refusal = own.refusal
        return refusal

    return {guest.vm_id: _apart(record_one)(guest) for guest in guests}


def _apart(handle: Callable[[Guest], Refusal | None]) -> Callable[[Guest], Refusal | None]:
    """Return a function that also returns a refusal for a fault of its guest alone."""

    def apart(guest: Guest) -> Refusal | None:
        try:
            return handle(guest)
        except one_by_one.FAILURES as error:
            # Such as a file beside its disk that somebody has replaced.
            return Refusal("startup_unreadable", str(guest), {"why": one_by_one.reason(error)})

    return apart


def _of_each(run: Callable[[Guest], _Result], guests: Sequence[Guest]) -> list[_Result]:
    # A thread each, because a guest that is slow must not delay another.
    with ThreadPoolExecutor(max_workers=max(1, len(guests))) as threads:
        return list(threads.map(run, guests))


def _on_console(open_console: Open, wait: Wait) -> Begin:
    """Return what waits for a guest and logs in on its serial console."""

    @contextmanager
    def begin(guest: Guest, deadline: float) -> Iterator[Console]:
        why = wait(guest, deadline)
        if why is not None:
            raise SlicesError(why)
        with open_console(serial_socket(guest.vm_id), timeout_s=deadline - time.monotonic()) as console:
            shells = login.enter(console, Login(guest.user, guest.password, guest.shell), deadline=deadline)
            if shells:
                console.send(_NO_HISTORY)
            yield console
            login.leave(console, shells)

    return begin


def _waiting(state_dir: str) -> Wait:
    """Return what waits for cloud-init if it is to, and then for a prompt."""

    def probe(check: probes.Check) -> str | None:
        return probes.probe(check, state_dir=state_dir)

    def wait(guest: Guest, deadline: float) -> str | None:
        for check in dict.fromkeys((guest.ready_when, probes.CONSOLE)):
            wanted = probes.Check(guest.vm_id, guest.name, check, vm_uuid=guest.vm_uuid)
            begin = time.monotonic()
            why = readiness.wait_for(wanted, probe, begin=begin, timeout_s=deadline - begin).reason
            if why is not None:
                return why
        return None

    return wait


def _taken(guest: Guest, startup: Startup, begin: Begin) -> Taken:
    """Open a root shell, take the steps in it, and return what became of them."""
    deadline = time.monotonic() + guest.timeout_s
    log: list[str] = []
    try:
        with begin(guest, deadline) as console:
            refusal = _in_shell(guest, startup, console, deadline, log)
    except (OSError, SlicesError) as error:
        refusal = _not_begun(guest, str(error))
    return Taken("".join(log), refusal)


def _not_begun(guest: Guest, why: str) -> Refusal:
    figures = {"timeout_s": guest.timeout_s, "why": why}
    if guest.via == SSH_START:
        return Refusal(
            "startup_not_begun_over_ssh", str(guest), {**figures, "user": guest.user, "address": guest.address}
        )
    return Refusal("startup_not_begun", str(guest), figures)


def _record(guest: Guest, taken: Taken) -> None:
    """Keep the output beside the disk, and that the disk has had its start-up."""
    end = "done" if taken.refusal is None else taken.refusal.message
    files.write_text(f"{os.path.dirname(guest.disk)}/{LOG}", f"{taken.log}{end}\n", mode=0o600)
    if taken.refusal is None:
        startup_notes.write(guest.disk, guest.startup_id)


def _in_shell(guest: Guest, startup: Startup, console: Console, deadline: float, log: list[str]) -> Refusal | None:
    """Take the steps, and return why one failed. The log gets the output of each."""
    for step in _steps(startup):
        answer = _take(guest, step, console, deadline)
        if isinstance(answer, Refusal):
            return answer
        log.append(f"$ {step.label}\n{console_log.plain(answer.stdout)}[{answer.rc}]\n")
        if answer.rc != 0:
            return step.failed(str(guest), answer.rc, shown(answer.stdout))
    return None


def _take(guest: Guest, step: Step, console: Console, deadline: float) -> Answer | Refusal:
    try:
        return serial.run(console, step.command, timeout_s=deadline - time.monotonic(), longest=_KEPT)
    except SlicesError as error:
        figures = {"step": step.label, "why": error.message, "timeout_s": guest.timeout_s}
        output = shown(str(error.fields.get("stdout", "")))
        return Refusal("startup_cut_off", str(guest), {**figures, "output": output})


def shown(output: str) -> str:
    """Return the last lines of an output as one line for messages."""
    lines = [line.strip() for line in console_log.plain(output).splitlines() if line.strip()]
    text = " | ".join(lines) or "no output"
    return text if len(text) <= _SHOWN else f"…{text[-_SHOWN:]}"


def _steps(startup: Startup) -> Iterator[Step]:
    for file in startup.files:
        yield from _file_steps(file)
    for number, command in enumerate(startup.commands, start=1):

        def failed(where: str, rc: int, output: str, number: int = number, command: str = command) -> Refusal:
            figures = {"number": number, "command": shown(command), "rc": rc, "output": output}
            return Refusal("startup_command_failed", where, figures)

        yield Step(f"command {number} ({shown(command)})", command, failed)


def _file_steps(file: File) -> Iterator[Step]:
    """Yield the commands that write a file: in pieces next to it, which replace it when they are complete."""
    path, draft = shlex.quote(file.path), shlex.quote(f"{file.path}.part")
    folder = shlex.quote(os.path.dirname(file.path))

    def failed(where: str, rc: int, output: str) -> Refusal:
        return Refusal("startup_file_failed", where, {"path": file.path, "rc": rc, "output": output})

    commands = [f"mkdir -p {folder} && rm -f {draft} && (umask 077 && : > {draft})"]
    commands += [
        f"printf %s {shlex.quote(file.content[start : start + _PIECE])} >> {draft}"
        for start in range(0, len(file.content), _PIECE)
    ]
    # Input may be lost on a busy console.
    commands.append(f"[ $(wc -c < {draft}) -eq {len(file.content.encode())} ] || {{ echo incomplete; exit 1; }}")
    commands.append(f"chmod {file.mode} {draft} && mv {draft} {path}")
    label = f"file {file.path}"
    yield from (Step(label, command, failed) for command in commands)


def change_of(guest: Guest) -> dict[str, Any]:
    """Return what a start-up does, for a diff."""
    return {"files": guest.files, "commands": guest.commands}
