# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program with the dialogue of a guest, on a real terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import login, serial
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.login import Login
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .consoles import ShellConsole

# As getty and login: an empty line shows the prompt again, and a shell follows the right answers.
_GUEST = r"""
while :; do
  printf '\r\nguest login: '; read -r user; [ -n "$user" ] || continue
  if [ -n "$WANTED" ]; then
    printf 'Password: '; stty -echo; read -r password; stty echo; echo
    [ "$password" = "$WANTED" ] || { echo 'Login incorrect'; continue; }
  fi
  echo "Last login: today as $user"; PS1='$ ' sh -i; echo logged out
done
"""
Start = Callable[[str], ShellConsole]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a guest whose user has a password, which may be empty."""
    started: list[ShellConsole] = []

    def begin(password: str) -> ShellConsole:
        started.append(ShellConsole(("sh", "-c", f"WANTED={password}\n{_GUEST}")))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def enter(console: ShellConsole, given: Login) -> int:
    return login.enter(console, given, deadline=time.monotonic() + 20)


@pytest.mark.parametrize("password", ["", "gocubsgo"])
def test_a_user_logs_in_and_out(start: Start, password: str) -> None:
    console = start(password)
    assert enter(console, Login("cirros", password or None)) == 1
    assert serial.run(console, "echo in", timeout_s=20).stdout == "in\n"
    login.leave(console, 1)
    assert console.heard.rstrip().endswith("guest login:")
    assert "logged out" in console.heard


def test_a_user_gets_a_root_shell_by_a_command(start: Start) -> None:
    console = start("x")
    assert enter(console, Login("cirros", "x", "PS1='# ' LEVEL=2 sh -i")) == 2
    assert serial.run(console, "echo $LEVEL", timeout_s=20).stdout == "2\n"
    login.leave(console, 2)
    assert "logged out" in console.heard


def test_a_shell_without_a_login_is_used_as_it_is(start: Start) -> None:
    console = start("x")
    assert enter(console, Login()) == 0
    assert console.heard == ""


@pytest.mark.parametrize(
    ("given", "last"), [(Login("cirros", "wrong"), "guest login: "), (Login("cirros"), "Password: ")]
)
def test_a_wrong_password_is_told_at_once(start: Start, given: Login, last: str) -> None:
    with pytest.raises(SlicesError, match=f"^the login as cirros was refused: {last}$"):
        enter(start("right"), given)


def test_a_guest_without_a_prompt_is_told_with_its_last_line() -> None:
    console = ShellConsole(("sh", "-c", "echo booting; exec sleep 100"))
    try:
        with pytest.raises(SlicesError, match="no prompt followed on the serial console, the last line is: "):
            login.enter(console, Login("root"), deadline=time.monotonic() + 1.5)
    finally:
        console.close()
    assert "booting" in console.heard


class Scripted:
    """A guest with a clock: what it writes, each piece some seconds after what came before. It answers nothing."""

    def __init__(self, *pieces: tuple[float, str]) -> None:
        self.at = 0.0
        self.typed: list[tuple[float, str]] = []
        self._pieces = list(pieces)
        self._due = self._pieces[0][0] if self._pieces else float("inf")

    def now(self) -> float:
        return self.at

    def send(self, text: str) -> None:
        self.typed.append((round(self.at, 3), text))

    def receive(self, timeout_s: float) -> str:
        assert timeout_s > 0
        if self._due > self.at + timeout_s:
            self.at += timeout_s
            return ""
        self.at = self._due
        _after_s, piece = self._pieces.pop(0)
        self._due = self.at + self._pieces[0][0] if self._pieces else float("inf")
        return piece


def test_a_silent_guest_gets_an_empty_line_every_five_seconds() -> None:
    guest = Scripted((12, "guest login: "))
    with pytest.raises(SlicesError, match=r"no prompt followed .*, the last line is: guest login: $"):
        login.enter(guest, Login("root"), deadline=16, now=guest.now)
    assert guest.typed[:4] == [(0.0, "\n"), (5.0, "\n"), (10.0, "\n"), (12.5, "root\n")]
    assert guest.at == 16


def test_a_prompt_counts_when_the_guest_has_paused_after_it() -> None:
    guest = Scripted((1, "# booting"), (0.4, " the kernel\n"), (0.4, "log"), (0.4, "in: "), (3, "# "))
    assert login.enter(guest, Login("root"), deadline=60, now=guest.now) == 1
    assert guest.typed == [(0.0, "\n"), (2.7, "root\n")]


def test_a_guest_that_never_pauses_is_given_up_at_the_deadline() -> None:
    guest = Scripted(*[(0.4, "x" * 3000 + "\n")] * 100)
    with pytest.raises(SlicesError, match="no prompt followed"):
        login.enter(guest, Login("root"), deadline=8, now=guest.now)
    assert guest.at == 8
    assert guest.typed == [(0.0, "\n")]


def test_the_end_of_a_long_line_is_told() -> None:
    guest = Scripted((1, "y" + "x" * 4096))
    with pytest.raises(SlicesError, match=r"on the serial console, the last line is: x{4096}$"):
        login.enter(guest, Login("root"), deadline=5, now=guest.now)


def test_nothing_is_read_at_the_deadline() -> None:
    guest = Scripted((4, "login: "))
    with pytest.raises(SlicesError, match=r"the last line is: login: $"):
        login.enter(guest, Login("root"), deadline=4, now=guest.now)


def test_nothing_is_typed_after_the_deadline() -> None:
    guest = Scripted((5, "login: "))
    with pytest.raises(SlicesError, match="no prompt followed"):
        login.enter(guest, Login("root"), deadline=0, now=guest.now)
    assert guest.typed == [(0.0, "\n")]


def test_a_root_shell_may_ask_for_the_password_again_and_is_awaited() -> None:
    guest = Scripted((1, "login: "), (1, "Password: "), (1, "$ "), (1, "[sudo] password for lab: "), (1, "# "))
    assert login.enter(guest, Login("lab", "gocubsgo", "sudo -i"), deadline=60, now=guest.now) == 2
    assert [text for _at, text in guest.typed] == ["\n", "lab\n", "gocubsgo\n", "sudo -i\n", "gocubsgo\n"]
