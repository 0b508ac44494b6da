# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A root shell in a guest over ssh, which is used like one on a serial console (C(qemu/serial.py)).

It has a terminal, so that a command that is interrupted, or whose connection is closed, ends.
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from ..errors import SlicesError
from .qemu import console_log, serial
from .qemu.serial import Console, SocketConsole

PAUSE_S = 1.0
ATTEMPT_S = 60.0
"""Between two attempts, and at most for each, until the shell responds."""
_END_S = 5.0
# The disk of a guest that has not had its start-up is new, and so is its host key. There is nothing to verify it with.
_OPTIONS = (
    *("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4"),
    *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null", "LogLevel=ERROR"),
    # A connection of its own for each guest, which ends with it.
    *("ControlMaster=no", "ControlPath=none", "ForwardAgent=no"),
)


def command(
    address: str, user: str, shell: str | None, *, arguments: Sequence[str] = (), key: str | None = None
) -> list[str]:
    """Return the command for a root shell in a guest.

    Args:
        address: the address of the guest.
        user: who logs in.
        shell: the command that gives this user a root shell, C(None) for root.
        arguments: more options of ssh, such as those for hosts in between.
        key: the path of the private key, C(None) for those that ssh has.
    """
    identity = [] if key is None else ["-i", key, "-o", "IdentitiesOnly=yes"]
    options = [word for option in _OPTIONS for word in ("-o", option)]
    return ["ssh", "-tt", "-e", "none", *options, *identity, *arguments, "-l", user, "--", address, shell or "sh"]


@contextmanager
def open_shell(argv: Sequence[str], deadline: float) -> Iterator[Console]:
    """Run a command that opens a shell, again and again until the shell responds.

    Raises:
        SlicesError: none did until the deadline; the message is what the last command said that said anything.
        OSError: the command cannot be run.
    """
    reason = ""
    while True:
        with tempfile.TemporaryFile() as said, _running(argv, said) as console:
            why = _why_silent(console, said, deadline)
            if why is None:
                yield console
                return
        # An attempt that the deadline cuts off has no reason, but the one before may have one.
        reason = why or reason
        if time.monotonic() + PAUSE_S >= deadline:
            raise SlicesError(reason or "no shell responded")
        time.sleep(PAUSE_S)


@contextmanager
def _running(argv: Sequence[str], said: IO[bytes]) -> Iterator[Console]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            # run_command, which pylint wants, returns only when the command has ended.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=said
            )
        with process:
            try:
                yield SocketConsole(ours, name="the connection", peer="ssh")
            finally:
                process.terminate()
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _why_silent(console: Console, said: IO[bytes], deadline: float) -> str | None:
    """Return why the shell does not respond, C(None) if it does, and an empty text if nothing is known."""
    try:
        serial.run(console, "true", timeout_s=min(ATTEMPT_S, deadline - time.monotonic()))
    except SlicesError as error:
        said.seek(0)
        output = said.read().decode("utf-8", "replace")
        heard = console_log.plain(str(error.fields.get("console", "")))
        return _last(output) or _last(heard) or ("" if "console" in error.fields else error.message)
    return None


def _last(text: str) -> str | None:
    """Return the last line with text that is not part of the dialogue with the shell."""
    lines = (line.strip() for line in reversed(text.splitlines()) if not serial.DIALOGUE.search(line))
    return next(filter(None, lines), None)
