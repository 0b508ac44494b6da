# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the start-ups of guests over their serial consoles, all of them at the same time, each once per disk.

A start-up that fails starts again in the next run, because nothing is known about a guest in which it was cut off.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ..defaults import STATE_DIR
from ..errors import Refusal, SlicesError
from ..startup import File, Startup, is_valid
from . import files, probes, readiness, vm_folders
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
Open = Callable[..., AbstractContextManager[Console]]
Wait = Callable[["Guest", float], "str | None"]


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
        user: who logs in on the console, C(None) for nobody; see C(Login).
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
    """Return why paths of disks are not those of the VMs."""
    folders = {guest: folder_of(state_dir, guest.vm_id) for guest in guests}
    return [
        Refusal("disk_elsewhere", str(guest), {"folder": folder, "got": guest.disk})
        for guest, folder in folders.items()
        if os.path.dirname(guest.disk) != folder
    ]


def due(guests: Sequence[Guest]) -> list[Guest]:
    """Return the guests whose disk has not had their start-up."""
    return [guest for guest in guests if startup_notes.read(guest.disk) != guest.startup_id]


def run_all(
    guests: Sequence[Guest],
    texts: Mapping[int, str],
    *,
    state_dir: str = STATE_DIR,
    open_console: Open = serial.open_console,
    wait: Wait | None = None,
) -> dict[int, Refusal | None]:
    """Run the start-ups, and return by VM id why one failed.

    Args:
        guests: the guests.
        texts: the start-ups as JSON, by VM id.
        state_dir: the parent of the VM folders.
        open_console: opens a serial console.
        wait: waits for a guest until a time, and returns why it is not ready.
    """

    def one(guest: Guest) -> Refusal | None:
        return _run(guest, Startup.from_text(texts[guest.vm_id]), state_dir, open_console, wait or _waiting(state_dir))

    # A thread each, because a guest that is slow must not delay another.
    with ThreadPoolExecutor(max_workers=max(1, len(guests))) as threads:
        return dict(zip((guest.vm_id for guest in guests), threads.map(one, guests)))


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


def _run(guest: Guest, startup: Startup, state_dir: str, open_console: Open, wait: Wait) -> Refusal | None:
    refusal = vm_folders.of_another(guest.vm_id, guest.vm_uuid, state_dir=state_dir)
    if refusal is not None:
        return refusal
    deadline = time.monotonic() + guest.timeout_s
    why = wait(guest, deadline)
    log: list[str] = []
    if why is None:
        try:
            with open_console(serial_socket(guest.vm_id), timeout_s=deadline - time.monotonic()) as console:
                refusal = _in_shell(guest, startup, console, deadline, log)
        except (OSError, SlicesError) as error:
            why = str(error)
    if why is not None:
        refusal = Refusal("startup_not_begun", str(guest), {"timeout_s": guest.timeout_s, "why": why})
    text = "".join([*log, "done\n" if refusal is None else f"{refusal.message}\n"])
    files.write_text(f"{os.path.dirname(guest.disk)}/{LOG}", text, mode=0o600)
    if refusal is None:
        startup_notes.write(guest.disk, guest.startup_id)
    return refusal


def _in_shell(guest: Guest, startup: Startup, console: Console, deadline: float, log: list[str]) -> Refusal | None:
    """Log in and take the steps, and return why one failed. The log gets the output of each."""
    shells = login.enter(console, Login(guest.user, guest.password, guest.shell), deadline=deadline)
    refusal = None
    for step in _steps(startup):
        answer = _take(guest, step, console, deadline)
        refusal = answer if isinstance(answer, Refusal) else None
        if isinstance(answer, Answer):
            log.append(f"$ {step.label}\n{console_log.plain(answer.stdout)}[{answer.rc}]\n")
            if answer.rc != 0:
                refusal = step.failed(str(guest), answer.rc, shown(answer.stdout))
        if refusal is not None:
            break
    login.leave(console, shells)
    return refusal


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
    """Yield the commands that write a file: beside it in pieces, which replace it when they are complete."""
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
