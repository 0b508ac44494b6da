# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command in a guest's root shell on its serial console.

A console is a single stream: it echoes input, the kernel writes to it at any time, and input is lost while the guest
boots. So the output is enclosed in markers that are unique to the call, the input contains each marker in two parts,
and requests are repeated until there is an answer.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from ...errors import SlicesError
from .sockets import connect

# A terminal line has up to 4,095 bytes, and each byte of the command takes four as an octal escape.
_CHUNK_BYTES = 200
_INTERRUPT = "\x03"
_INTERRUPTS = 5
_INTERRUPT_EVERY_S = 1.0
# The number of reads until the command is interrupted again.
_PIECES = 100
_SEND_S = 10.0
# A guest may write without end.
_HEARD = 1 << 16
_PROBE_EVERY_S = (1.0, 1.0, 2.0, 2.0, 5.0)
# The prompt of a shell that waits for the rest of a command, such as the end of a quote. What matches is interrupted,
# so only sequences count that shells write around it, such as for bracketed paste: with the pattern of console_log,
# which removes titles and all other sequences as well, it would also match the output of programs that write those.
_SEQUENCE = r"(?:\x1b\[[0-9;?]*[A-Za-z])*"
_CONTINUATION = re.compile(rf"(?:^|\n){_SEQUENCE}(?:> {_SEQUENCE})+\Z")

DIALOGUE = re.compile(r"\b(?:READY[0-9]*|BEGIN|END|FREE)- ?[0-9a-f]{16}|\bcr_(?:command|part|rc)\b")
"""Found in all lines that this module types, and in those that answer it."""


class Console(Protocol):
    """A serial console."""

    def send(self, text: str) -> None:
        """Type C(text)."""

    def receive(self, timeout_s: float) -> str:
        """Return the output within C(timeout_s), which may be empty."""


@dataclass(frozen=True)
class Answer:
    """The result of a command. C(stdout) includes its standard error, because a console has a single stream."""

    rc: int
    stdout: str


class SocketConsole:
    """The C(Console) behind a socket, by default that of QEMU."""

    def __init__(self, client: socket.socket, *, name: str = "the serial console", peer: str = "QEMU") -> None:
        self._client = client
        self._name, self._peer = name, peer
        # A read may end within a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def send(self, text: str) -> None:
        """See C(Console)."""
        self._client.settimeout(_SEND_S)
        try:
            self._client.sendall(text.encode("utf-8"))
        except ConnectionError as error:
            raise self._closed() from error
        except OSError as error:
            raise SlicesError(f"{self._name} does not accept input: {error}") from error

    def receive(self, timeout_s: float) -> str:
        """See C(Console)."""
        self._client.settimeout(max(timeout_s, 0.01))
        try:
            data = self._client.recv(65536)
        except socket.timeout:
            return ""
        except ConnectionError:
            data = b""
        if not data:
            raise self._closed()
        return self._decoder.decode(data)

    def _closed(self) -> SlicesError:
        return SlicesError(f"{self._peer} closed {self._name}")


@contextmanager
def open_console(path: str, *, timeout_s: float) -> Iterator[Console]:
    """Open the console at C(path), for one caller at a time.

    Raises:
        SlicesError: the socket did not exist or was in use until the timeout.
    """
    deadline = time.monotonic() + timeout_s
    with _locked(os.path.dirname(path), deadline), _connected(path, deadline) as client:
        yield SocketConsole(client)


def run(
    console: Console,
    command: str,
    *,
    timeout_s: float,
    longest: int | None = None,
    nonce: str = "",
    now: Callable[[], float] = time.monotonic,
) -> Answer:
    """Run C(command) in the shell at C(console).

    Args:
        console: the console of a root shell; the guest may still be booting.
        command: the command, which runs in a subshell without input.
        timeout_s: seconds for the whole call.
        longest: the number of characters of output, after which only its end is kept.
        nonce: makes the markers unique; random by default.
        now: the clock.

    Raises:
        SlicesError: no shell responded, or the command did not end in time.
    """
    nonce = nonce or secrets.token_hex(8)
    deadline = now() + timeout_s
    _wake(console, nonce, deadline, now)
    for line in _script(command, nonce):
        console.send(f"{line}\n")
    return _read(console, nonce, deadline, now, longest)


def _wake(console: Console, nonce: str, deadline: float, now: Callable[[], float]) -> None:
    """Probe until the shell responds.

    No interrupt is sent, because it might stop the guest's boot, unless the shell waits for the rest of a line that a
    killed caller began: it would take all that follows for a part of it.
    """
    seen = ""
    tries = 0
    while now() < deadline:
        tries += 1
        console.send(f"\n{_say(f'READY{tries}-', nonce)}\n")
        until = min(now() + _PROBE_EVERY_S[min(tries, len(_PROBE_EVERY_S)) - 1], deadline)
        while now() < until:
            seen = (seen + console.receive(until - now()))[-_HEARD:]
            if re.search(rf"READY[0-9]+-{nonce}", seen):
                return
        if _CONTINUATION.search(seen):
            console.send(_INTERRUPT)
    raise SlicesError("no shell responded on the serial console in time", console=seen[-2000:])


def _script(command: str, nonce: str) -> Iterable[str]:
    """Yield the lines of input.

    The command is sent as octal escapes, because quotes, tabs and line ends are special in line editing. The echo is
    off while the command runs, so that repeated requests are not part of its output.
    """
    data = command.encode("utf-8")
    yield "stty -echo 2>/dev/null; cr_command="
    for start in range(0, len(data), _CHUNK_BYTES):
        escaped = "".join(f"\\{byte:03o}" for byte in data[start : start + _CHUNK_BYTES])
        # The dot preserves trailing line ends, which a command substitution removes.
        yield f"cr_part=$(printf '{escaped}.'); cr_command=$cr_command${{cr_part%.}}"
    yield (
        f'{_say("BEGIN-", nonce)}; (eval "$cr_command") </dev/null 2>&1; cr_rc=$?; '
        f"{_say('END-', nonce, ':$cr_rc:0:')}; stty echo 2>/dev/null"
    )


def _read(
    console: Console, nonce: str, deadline: float, now: Callable[[], float], longest: int | None = None
) -> Answer:
    """Return the answer.

    All requests are answered before: what the guest has not read of the last one when the console is closed is lost,
    and its shell would wait for the rest of that line.
    """
    end = re.compile(rf"END-{nonce}:([0-9]+):([0-9]+):")
    seen, asked = "", 0
    found = list[re.Match[str]]()
    patience_s = 2.0
    ask_at = now() + patience_s
    while now() < deadline:
        seen += console.receive(min(deadline, ask_at) - now())
        if longest is not None:
            seen = _shortened(seen, nonce, longest)
        found = list(end.finditer(seen))
        if found and int(found[-1][2]) == asked:
            break
        if now() >= ask_at:
            # A kernel message may have split the end marker. The shell reads this request when the command has ended.
            asked += 1
            console.send(f"{_say('END-', nonce, f':$cr_rc:{asked}:')}\n")
            patience_s *= 2
            ask_at = now() + patience_s
    if found:
        return Answer(rc=int(found[0][1]), stdout=_between(seen, nonce, found[0].start()))
    _interrupt(console, nonce)
    raise SlicesError("the command timed out and was interrupted", stdout=_between(seen, nonce, len(seen)))


def _shortened(seen: str, nonce: str, longest: int) -> str:
    """Return what was seen with the end of a long output alone. What precedes the output is what was typed."""
    before, begun, text = seen.partition(f"BEGIN-{nonce}")
    if not begun:
        return before[-_HEARD:]
    return f"{begun}\n[…]{text[-longest:]}" if len(text) > 2 * longest else begun + text


def _interrupt(console: Console, nonce: str) -> None:
    """Interrupt until the shell responds. A program that is being started may miss an interrupt."""
    free = re.compile(rf"FREE-{nonce}")
    for _try in range(_INTERRUPTS):
        console.send(f"{_INTERRUPT}{_say('FREE-', nonce)}\n")
        seen = ""
        for _piece in range(_PIECES):
            text = console.receive(_INTERRUPT_EVERY_S)
            seen += text
            if free.search(seen):
                return
            if not text:
                break


def _say(mark: str, nonce: str, rest: str = "") -> str:
    """Return a command that prints a marker on a separate line, and whose echo does not contain the marker."""
    return f"printf '\\n%s%s%s\\n' {mark} {nonce} {rest}".rstrip()


def _between(seen: str, nonce: str, end: int) -> str:
    _before, found, text = seen[:end].partition(f"BEGIN-{nonce}")
    if not found:
        return ""
    text = text.replace("\r\n", "\n")
    # The first line end belongs to the begin marker, the last one to the end marker.
    return text[1:].rstrip("\r")[:-1] if text.endswith("\n") else text[1:]


@contextmanager
def _locked(folder: str, deadline: float) -> Iterator[None]:
    # The folder itself is locked. It belongs to QEMU's user, who could replace any lock file in it.
    while True:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            break
        except FileNotFoundError:
            _pause(deadline, f"{folder} does not exist: the VM does not run on this host")
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _pause(deadline, f"another command is using the serial console in {folder}")
        yield
    finally:
        os.close(handle)


@contextmanager
def _connected(path: str, deadline: float) -> Iterator[socket.socket]:
    while True:
        try:
            client = connect(path, timeout_s=max(deadline - time.monotonic(), 0.01))
            break
        except OSError as error:
            _pause(deadline, f"cannot connect to {path}: {error}")
    try:
        yield client
    finally:
        client.close()


def _pause(deadline: float, message: str) -> None:
    if time.monotonic() >= deadline:
        raise SlicesError(message)
    time.sleep(0.1)
