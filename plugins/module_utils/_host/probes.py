# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a guest is ready: one attempt each, which takes a few seconds at most whatever the guest does.

A probe returns C(None) if the guest is ready, otherwise why it is not.
"""

from __future__ import annotations

import email.utils
import os
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..bounds import CHECKS_ON_NETWORK_NODE, CHECKS_ON_WORKER
from ..defaults import STATE_DIR
from ..errors import SlicesError
from . import vm_folders
from .qemu import console_log, serial
from .qemu.sockets import serial_socket

ON_CONSOLE = CHECKS_ON_WORKER
CONSOLE, COMMAND, CLOUD_INIT = CHECKS_ON_WORKER
PING, SSH, TCP, HTTP = CHECKS_ON_NETWORK_NODE
ATTEMPT_S = 3.0
COMMAND_S = 30.0
SETTLED_S, QUIET_S = 0.5, 2.0
"""How long a guest writes nothing after a prompt, and before it gets input: input may stop the boot of a busy one."""
_PROMPT = re.compile(r"(?:(?:login|username|password):|[#$>]) ?\Z", re.IGNORECASE)
_FINISHED = re.compile(r"Cloud-init v\. \S+ finished at (\w{3}, \d{1,2} \w{3} \d{4} [\d:]{8} [+-]\d{4})")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})")
_LONGEST_ANSWER = 1024
_ECHO_REPLY, _ECHO_REQUEST = 0, 8


@dataclass(frozen=True)
class Check:
    """What makes a guest ready; see C(_domain/readiness.py).

    Attributes:
        vm_id: the id of the VM.
        check: one of C(CHECKS_ON_WORKER) or C(CHECKS_ON_NETWORK_NODE).
        address: the IPv4 address for the latter.
        vm_uuid: the UUID of the VM, so that the former do not ask another one with its id on this host.
    """

    vm_id: int
    name: str
    check: str
    address: str | None = None
    port: int | None = None
    path: str | None = None
    command: str | None = None
    vm_uuid: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a VM's files are, from C(STATE_DIR) and its id."""

    log: str
    socket: str

    @classmethod
    def of(cls, vm_id: int, *, state_dir: str = STATE_DIR) -> Place:
        """Return the place of a VM."""
        return cls(console_log.path_of(vm_id, state_dir=state_dir), serial_socket(vm_id))


def probe(check: Check, *, state_dir: str = STATE_DIR) -> str | None:
    """Make one attempt of a check."""
    if check.check in ON_CONSOLE:
        refusal = vm_folders.of_another(check.vm_id, check.vm_uuid, state_dir=state_dir)
        if refusal is not None:
            return refusal.message
    return _PROBES[check.check](check, Place.of(check.vm_id, state_dir=state_dir))


def console(place: Place, *, clock: Callable[[], float] = time.time) -> str | None:
    """Look for a prompt at the end of the console's output. A quiet guest gets an empty line, to show it again."""
    try:
        started, written = os.stat(place.socket).st_mtime, os.stat(place.log).st_mtime
        quiet_s = clock() - max(started, written)
        # The log also contains what earlier runs of the VM wrote.
        is_new = written > started and quiet_s >= SETTLED_S
        if is_new and _has_prompt(console_log.read_end(place.log, _LONGEST_ANSWER)):
            return None
        if quiet_s < QUIET_S:
            return "its serial console is busy"
        heard = _press_enter(place.socket)
    except FileNotFoundError:
        return "it does not run on this host"
    except (OSError, SlicesError) as error:
        return str(error)
    return None if _has_prompt(heard) else "there is no prompt on its serial console"


def _press_enter(path: str) -> str:
    heard, end = "", time.monotonic() + ATTEMPT_S
    with serial.open_console(path, timeout_s=ATTEMPT_S) as client:
        client.send("\n")
        while time.monotonic() < end and not _has_prompt(console_log.plain(heard)):
            heard = (heard + client.receive(end - time.monotonic()))[-_LONGEST_ANSWER:]
    return console_log.plain(heard)


def _has_prompt(text: str) -> bool:
    return _PROMPT.search(text.rpartition("\n")[2]) is not None


def command(place: Place, text: str) -> str | None:
    """Run a command in the root shell on the serial console."""
    try:
        with serial.open_console(place.socket, timeout_s=ATTEMPT_S) as client:
            answer = serial.run(client, text, timeout_s=COMMAND_S)
    except (OSError, SlicesError) as error:
        return str(error)
    return None if answer.rc == 0 else f"the return code of its command is {answer.rc}"


def cloud_init(place: Place) -> str | None:
    """Look for the last message of cloud-init since QEMU was started."""
    try:
        started = os.stat(place.socket).st_mtime
        text = console_log.read_end(place.log, 1 << 20)
    except FileNotFoundError:
        return "it does not run on this host"
    except OSError as error:
        return str(error)
    for found in _FINISHED.findall(text):
        # What a guest writes may be no time; Python 3.9 raises a TypeError for that.
        with suppress(TypeError, ValueError):
            # Its clock starts as that of the host, and counts whole seconds.
            if email.utils.parsedate_to_datetime(found).timestamp() >= int(started):
                return None
    return "cloud-init has not finished"


def ping(address: str) -> str | None:
    """Send one ICMP echo request."""
    ident, end = secrets.randbits(16), time.monotonic() + 1.0
    request = _echo(ident)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as client:
            client.connect((address, 0))
            client.send(request)
            while (left := end - time.monotonic()) > 0:
                client.settimeout(left)
                packet = client.recv(1024)
                head = 4 * (packet[0] & 15)
                if packet[head : head + 1] == bytes([_ECHO_REPLY]) and packet[head + 4 : head + 6] == request[4:6]:
                    return None
    except socket.timeout:
        pass
    except OSError as error:
        return f"{address} does not answer pings: {error.strerror}"
    return f"{address} does not answer pings"


def _echo(ident: int) -> bytes:
    head = struct.pack("!BBHHH", _ECHO_REQUEST, 0, 0, ident, 1)
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total >> 16) + (total & 0xFFFF)
    return head[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[4:]


def tcp(address: tuple[str, int]) -> str | None:
    """Open a connection."""
    return _exchange(address, b"", lambda _answer: True)


def ssh(address: tuple[str, int]) -> str | None:
    """Read the greeting of an ssh server."""
    return _exchange(address, b"", lambda answer: answer.startswith(b"SSH-"))


def http(address: tuple[str, int], path: str) -> str | None:
    """Get a path, and read the status."""
    status = b""

    def is_whole(answer: bytes) -> bool:
        nonlocal status
        found = _STATUS.match(answer)
        status = found[1] if found else b""
        return found is not None

    request = f"GET {path} HTTP/1.0\r\nHost: {address[0]}\r\n\r\n".encode("ascii")
    why = _exchange(address, request, is_whole)
    return why if why or status < b"400" else f"{_label(address)} answers with HTTP status {status.decode()}"


def _exchange(address: tuple[str, int], request: bytes, is_enough: Callable[[bytes], bool]) -> str | None:
    """Connect, send a request, and read until the answer is enough."""
    end, answer = time.monotonic() + ATTEMPT_S, b""
    try:
        with socket.create_connection(address, timeout=ATTEMPT_S) as client:
            client.sendall(request)
            while not is_enough(answer):
                left = end - time.monotonic()
                if left <= 0 or len(answer) > _LONGEST_ANSWER:
                    return f"{_label(address)} gives no valid answer"
                client.settimeout(left)
                piece = client.recv(_LONGEST_ANSWER)
                if not piece:
                    return f"{_label(address)} gives no valid answer"
                answer += piece
    except socket.timeout:
        return f"{_label(address)} does not respond"
    except OSError as error:
        return f"{_label(address)}: {error.strerror}"
    return None


def _label(address: tuple[str, int]) -> str:
    return f"{address[0]} port {address[1]}"


def _address(check: Check) -> tuple[str, int]:
    return check.address or "", check.port or 0


_PROBES: dict[str, Callable[[Check, Place], str | None]] = {
    CONSOLE: lambda _check, place: console(place),
    COMMAND: lambda check, place: command(place, check.command or ""),
    CLOUD_INIT: lambda _check, place: cloud_init(place),
    PING: lambda check, _place: ping(check.address or ""),
    SSH: lambda check, _place: ssh(_address(check)),
    TCP: lambda check, _place: tcp(_address(check)),
    HTTP: lambda check, _place: http(_address(check), check.path or "/"),
}
CHECKS = tuple(_PROBES)
"""The checks of which this can make an attempt."""
