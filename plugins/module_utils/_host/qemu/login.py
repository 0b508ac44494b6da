# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs in on the serial console of a guest."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import SlicesError
from . import console_log
from .serial import Console

SETTLED_S = 0.5
QUIET_S = 5.0
"""How long a guest writes nothing before its last line counts, and before it gets an empty line."""
_MOST = 4096
_USER = re.compile(r"(?:login|username): ?\Z", re.IGNORECASE)
_PASSWORD = re.compile(r"password[^\n]*: ?\Z", re.IGNORECASE)
_SHELL = re.compile(r"[#$>%] ?\Z")


@dataclass(frozen=True)
class Login:
    """How root gets a shell on a console.

    Attributes:
        user: who logs in, C(None) if there is a shell without a login.
        password: its password, if it has one.
        shell: the command that gives it a root shell, if it needs one.
    """

    user: str | None = None
    password: str | None = None
    shell: str | None = None


def enter(console: Console, login: Login, *, deadline: float, now: Callable[[], float] = time.monotonic) -> int:
    """Log in, and return the number of shells to leave.

    Raises:
        SlicesError: the login was refused, or there was no prompt until the deadline.
    """
    if login.user is None:
        return 0
    console.send("\n")
    _reach_shell(console, login, deadline, now)
    if login.shell is None:
        return 1
    console.send(f"{login.shell}\n")
    _reach_shell(console, login, deadline, now)
    return 2


def leave(console: Console, shells: int) -> None:
    """Leave the shells that C(enter) has started, so that the next one at the console has to log in."""
    for _shell in range(shells):
        console.send("exit\n")
        _listen(console, time.monotonic() + SETTLED_S, time.monotonic)


def _reach_shell(console: Console, login: Login, deadline: float, now: Callable[[], float]) -> None:
    """Answer prompts until there is one of a shell. Each is answered once."""
    answers = {_USER: login.user, _PASSWORD: login.password}
    last = ""
    while now() < deadline:
        heard = _listen(console, deadline, now)
        if not heard:
            console.send("\n")
            continue
        last = heard.rpartition("\n")[2]
        for prompt in (each for each in (_USER, _PASSWORD) if each.search(last)):
            answer = answers.pop(prompt, None)
            if answer is None:
                raise SlicesError(f"the login as {login.user} was refused: {last}")
            console.send(f"{answer}\n")
            break
        else:
            if _SHELL.search(last):
                return
    raise SlicesError(f"no prompt followed on the serial console, the last line is: {last}")


def _listen(console: Console, deadline: float, now: Callable[[], float]) -> str:
    """Return what the guest writes until it pauses; it is empty if that is nothing for a while."""
    heard, until = "", min(now() + QUIET_S, deadline)
    while (left_s := until - now()) > 0:
        piece = console.receive(left_s)
        if not piece:
            break
        heard = (heard + piece)[-_MOST:]
        until = min(now() + SETTLED_S, deadline)
    return console_log.plain(heard)
