# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real shell on a real terminal replaces that of a guest; a relay makes it late, noisy or unresponsive."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import serial
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .....locks import is_held
from .consoles import ShellConsole

NONCE = "0123456789abcdef"


@pytest.fixture
def console() -> Iterator[ShellConsole]:
    shell = ShellConsole()
    yield shell
    shell.close()


def run(console: serial.Console, command: str, timeout_s: float = 20) -> serial.Answer:
    return serial.run(console, command, timeout_s=timeout_s, nonce=NONCE)


@pytest.mark.parametrize(
    ("command", "rc", "stdout"),
    [
        ("echo hello", 0, "hello\n"),
        ("true", 0, ""),
        ("printf hello", 0, "hello"),
        ("exit 7", 7, ""),
        ("echo out; echo err >&2; false", 1, "out\nerr\n"),
        ("printf '%s\\n' \"a 'b' \\\"c\\\" \\$HOME\t\\\\ ü\"", 0, "a 'b' \"c\" $HOME\t\\ ü\n"),
        ("echo one\necho two\n\n", 0, "one\ntwo\n"),
        ("cat", 0, ""),
        ("echo " + "x" * 3000, 0, "x" * 3000 + "\n"),
        ("seq 1 2000", 0, "".join(f"{number}\n" for number in range(1, 2001))),
        ("echo; echo; echo", 0, "\n\n\n"),
    ],
)
def test_the_output_of_a_command_is_returned_unchanged(console, command, rc, stdout):
    assert run(console, command) == serial.Answer(rc=rc, stdout=stdout)


def test_commands_are_executed_one_after_another(console):
    assert [run(console, f"echo {number}").stdout for number in range(3)] == ["0\n", "1\n", "2\n"]


def test_a_slow_command_is_awaited_and_its_output_stays_clean(console):
    assert run(console, "echo a; sleep 3; echo b").stdout == "a\nb\n"


def test_an_end_mark_that_kernel_messages_interrupt_is_requested_again(console):
    console.spoil.append((f"END-{NONCE}", f"END-01[   12.345678] eth0: link up\r\n{NONCE[2:]}"))

    assert run(console, "exit 3").rc == 3


def test_the_probe_is_repeated_until_the_shell_answers(console):
    console.spoil.append((f"READY1-{NONCE}", "Booting…"))

    assert run(console, "echo up").stdout == "up\n"


def test_a_shell_that_waits_for_the_rest_of_a_line_is_interrupted(console):
    """A caller was killed while the guest had only read the beginning of its line."""
    console.send("printf '\\n%s%s%s\n")

    assert run(console, "echo up").stdout == "up\n"


def test_a_console_is_not_closed_before_the_last_request_is_answered():
    """The guest has not read the whole request yet when the first end marker comes."""
    timed = Timed({"READY1-": f"READY1-{NONCE}", "BEGIN-": f"\nBEGIN-{NONCE}\nall\n"})
    timed.later = {3.0: f"\nEND-{NONCE}:0:0:\n", 5.0: f"\nEND-{NONCE}:0:1:\n"}
    assert serial.run(timed, "true", timeout_s=20, nonce=NONCE, now=timed.now) == serial.Answer(rc=0, stdout="all\n")
    assert (timed.times("END-"), timed.at) == ([0, 2], 5.0)


def test_a_command_that_has_ended_is_no_error_if_the_last_request_is_not_answered():
    timed = Timed({"READY1-": f"READY1-{NONCE}", "BEGIN-": f"\nBEGIN-{NONCE}\nall\n"})
    timed.later = {3.0: f"\nEND-{NONCE}:4:0:\n"}
    assert serial.run(timed, "true", timeout_s=20, nonce=NONCE, now=timed.now) == serial.Answer(rc=4, stdout="all\n")
    assert timed.times("\x03") == [], "nothing that runs is interrupted"


def test_a_command_that_does_not_end_is_an_error_with_its_output(console):
    def now() -> float:
        return 20.0 if "begun\r\n" in console.heard else 0.0

    with pytest.raises(SlicesError, match="the command timed out") as failed:
        serial.run(console, "echo begun; sleep 100", timeout_s=20, nonce=NONCE, now=now)

    assert failed.value.fields["stdout"] == "begun"
    assert run(console, "echo free").stdout == "free\n"


def test_a_missed_interrupt_is_repeated():
    class Hasty(ShellConsole):
        """Its first interrupt comes while a program is being started, which misses it."""

        missed = False

        def send(self, text: str) -> None:
            if "\x03" in text and not self.missed:
                self.missed, text = True, text.replace("\x03", "")
            super().send(text)

    def now() -> float:
        return 20.0 if "begun\r\n" in hasty.heard else 0.0

    hasty = Hasty()
    try:
        with pytest.raises(SlicesError, match="the command timed out"):
            serial.run(hasty, "echo begun; sleep 100", timeout_s=20, nonce=NONCE, now=now)
        assert hasty.missed
        assert run(hasty, "echo free").stdout == "free\n"
    finally:
        hasty.close()


def test_a_console_that_does_not_respond_is_an_error():
    class Deaf:
        def send(self, text: str) -> None:
            pass

        def receive(self, timeout_s: float) -> str:
            time.sleep(timeout_s)
            return ""

    with pytest.raises(SlicesError, match="no shell responded"):
        run(Deaf(), "true", timeout_s=0.2)


@pytest.mark.parametrize(("timeout_s", "probes"), [(0, 0), (0.5, 1)])
def test_the_shell_is_not_probed_after_the_deadline(timeout_s: float, probes: int) -> None:
    class Deaf:
        def __init__(self) -> None:
            self.at = 5.0
            self.sent: list[str] = []

        def send(self, text: str) -> None:
            self.sent.append(text)

        def receive(self, timeout_s: float) -> str:
            self.at += timeout_s
            return ""

    deaf = Deaf()
    with pytest.raises(SlicesError, match="no shell responded"):
        serial.run(deaf, "true", timeout_s=timeout_s, nonce=NONCE, now=lambda: deaf.at)
    assert len(deaf.sent) == probes


@pytest.mark.parametrize(
    ("said", "stdout"),
    [
        # What the guest's kernel prints is no output.
        ("kernel: out of memory\n", ""),
        (f"\r\nBEGIN-{NONCE}\r\nhalf", "half"),
        (f"\r\nBEGIN-{NONCE}\r\nhalf\r\n", "half"),
        (f"\r\nBEGIN-{NONCE}\r\n", ""),
    ],
)
def test_the_output_of_a_command_that_does_not_end_is_what_follows_its_begin(said: str, stdout: str) -> None:
    class Stuck:
        """A shell that answers the first probe, and then says nothing more than the text."""

        def __init__(self) -> None:
            self.at = 0.0
            self.said = [f"READY1-{NONCE}", said]

        def send(self, text: str) -> None:
            pass

        def receive(self, timeout_s: float) -> str:
            self.at += max(timeout_s, 0.1)
            return self.said.pop(0) if self.said else ""

    stuck = Stuck()
    with pytest.raises(SlicesError, match="the command timed out and was interrupted") as caught:
        serial.run(stuck, "true", timeout_s=20, nonce=NONCE, now=lambda: stuck.at)
    assert caught.value.fields["stdout"] == stdout


class Timed:
    """A console with a clock that only waiting advances, whose answers are given by what was typed last.

    Attributes:
        later: further output by the time at which it comes.
    """

    def __init__(self, answers: dict[str, str]) -> None:
        self.at = 0.0
        self.later: dict[float, str] = {}
        self.typed: list[tuple[float, str]] = []
        self._answers = answers
        self._said = ""

    def now(self) -> float:
        return self.at

    def send(self, text: str) -> None:
        self.typed.append((self.at, text))
        self._said += "".join(answer for word, answer in self._answers.items() if word in text)

    def receive(self, timeout_s: float) -> str:
        assert timeout_s > 0
        said, self._said = self._said, ""
        if not said:
            until = min([self.at + timeout_s, *(at for at in self.later if at > self.at)])
            self.at, said = until, self.later.get(until, "")
        return said

    def times(self, word: str) -> list[float]:
        """Return when something with this word was typed."""
        return [at for at, text in self.typed if word in text]


def test_a_shell_is_probed_less_and_less_often():
    timed = Timed({"READY1-": "x" * 3000})
    with pytest.raises(SlicesError, match="no shell responded on the serial console in time") as caught:
        serial.run(timed, "true", timeout_s=23, nonce=NONCE, now=timed.now)
    assert timed.times("READY") == [0, 1, 2, 4, 6, 11, 16, 21]
    assert timed.at == 23
    assert caught.value.fields["console"] == "x" * 2000, "the end of what the guest has written"


def test_the_end_of_a_command_is_requested_again_less_and_less_often():
    timed = Timed({"READY1-": f"READY1-{NONCE}", "BEGIN-": f"\nBEGIN-{NONCE}\npart of it\n"})
    with pytest.raises(SlicesError, match="the command timed out and was interrupted") as caught:
        serial.run(timed, "sleep 99", timeout_s=20, nonce=NONCE, now=timed.now)
    assert timed.times("END-") == [0, 2, 6, 14], "first with the command itself"
    assert timed.times("FREE-") == [20, 21, 22, 23, 24], "until the shell responds, or five times"
    assert caught.value.fields["stdout"] == "part of it"


def test_a_shell_that_is_free_again_is_not_interrupted_further():
    timed = Timed({"READY1-": f"READY1-{NONCE}", "FREE-": f"^C\nFREE-{NONCE}\n"})
    with pytest.raises(SlicesError, match="interrupted"):
        serial.run(timed, "sleep 99", timeout_s=1, nonce=NONCE, now=timed.now)
    assert timed.times("FREE-") == [1]


@pytest.mark.parametrize(("lines", "is_cut"), [(20, False), (400, True)])
def test_the_end_of_a_long_output_is_kept(console, lines, is_cut):
    told = serial.run(console, f"seq 1 {lines}", timeout_s=20, longest=100, nonce=NONCE)
    assert told.rc == 0
    assert told.stdout.startswith("[…]") is is_cut
    assert told.stdout.endswith(f"\n{lines}\n")
    assert len(told.stdout) <= 203


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        (f"BEGIN-{NONCE}{'x' * 200}", f"BEGIN-{NONCE}{'x' * 200}"),
        (f"echo BEGIN-{NONCE}{'x' * 201}", f"BEGIN-{NONCE}\n[…]{'x' * 100}"),
        ("y" + "x" * 65_536, "x" * 65_536),
    ],
)
def test_what_is_kept_of_a_long_output_is_limited(seen, kept):
    assert serial._shortened(seen, NONCE, 100) == kept


def test_a_console_has_one_user_at_a_time(tmp_path):
    path = str(tmp_path / "serial.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        threading.Thread(target=listener.accept, daemon=True).start()
        with (
            serial.open_console(path, timeout_s=1),
            pytest.raises(SlicesError, match="another command"),
            serial.open_console(path, timeout_s=0.3),
        ):
            pass


def test_a_console_is_free_after_its_use(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "serial.sock"))
        listener.listen(1)
        with serial.open_console(str(tmp_path / "serial.sock"), timeout_s=1):
            assert is_held(tmp_path)
            guest, _address = listener.accept()
        with guest:
            assert (is_held(tmp_path), guest.recv(1)) == (False, b""), "QEMU serves one client at a time"


def test_the_console_of_a_starting_or_busy_vm_is_awaited(tmp_path, monkeypatch):
    folder, held, slept = tmp_path / "1001", [], []
    path = str(folder / "serial.sock")

    def make() -> None:
        folder.mkdir()
        held.append(os.open(folder, os.O_RDONLY))
        fcntl.flock(held[0], fcntl.LOCK_EX)

    with socket.socket(socket.AF_UNIX) as listener:
        steps = iter([make, lambda: os.close(held[0]), lambda: listener.bind(path), lambda: listener.listen(1)])

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            next(steps)()

        monkeypatch.setattr(serial.time, "sleep", sleep)
        with serial.open_console(path, timeout_s=10):
            pass
    assert slept == [0.1] * 4


def test_a_missing_console_is_an_error(tmp_path):
    with (
        pytest.raises(SlicesError, match="does not run on this host"),
        serial.open_console(str(tmp_path / "1001/serial.sock"), timeout_s=0.1),
    ):
        pass
    with (
        pytest.raises(SlicesError, match="cannot connect"),
        serial.open_console(str(tmp_path / "serial.sock"), timeout_s=0.1),
    ):
        pass


def test_nothing_is_sent_to_a_console_of_another_user(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "serial.sock"))
        listener.listen(1)
        os.chown(tmp_path, 12345, 12345)
        with (
            pytest.raises(SlicesError, match=r"user 0 listens at .*serial\.sock, but .* belongs to user 12345"),
            serial.open_console(str(tmp_path / "serial.sock"), timeout_s=1),
        ):
            pass
        os.chown(tmp_path, 0, 0)


def within(seconds: float, action: Callable[[], Any]) -> Any:
    """Return the result of an action that must not wait forever, or the exception that it raised."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(action())
        except SlicesError as error:
            found.append(error.message)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it still waits"
    return found[0]


def test_reading_from_a_socket_has_a_time_limit():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        console = serial.SocketConsole(ours)
        assert within(10, lambda: console.receive(0)) == ""
        assert ours.gettimeout() == 0.01, "a time limit of zero would be another mode"
        theirs.sendall(b"# ")
        assert within(10, lambda: console.receive(5)) == "# "


def test_writing_to_a_socket_has_a_time_limit(monkeypatch):
    monkeypatch.setattr(serial, "_SEND_S", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        console = serial.SocketConsole(ours)
        assert (
            within(10, lambda: console.send("x" * 10_000_000)) == "the serial console does not accept input: timed out"
        )


def test_a_console_that_is_closed_is_an_error():
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall("é".encode()[:1])
        console = serial.SocketConsole(ours)
        assert console.receive(1) == "", "half a character is kept"
        theirs.sendall("é".encode()[1:])
        assert console.receive(1) == "é"
        assert console.receive(0) == ""
        theirs.close()
        with pytest.raises(SlicesError, match="QEMU closed the serial console"):
            console.receive(1)
        with pytest.raises(SlicesError, match=r"^QEMU closed the serial console$"):
            console.send("x")


def test_each_command_has_marks_of_its_own(monkeypatch):
    class Deaf:
        def __init__(self) -> None:
            self.said = ""

        def send(self, text: str) -> None:
            self.said += text

        def receive(self, timeout_s: float) -> str:
            time.sleep(timeout_s)
            return ""

    deaf = Deaf()
    asked: list[int] = []
    monkeypatch.setattr(serial.secrets, "token_hex", lambda size: asked.append(size) or "cafe")
    with pytest.raises(SlicesError, match="no shell responded"):
        serial.run(deaf, "true", timeout_s=0.1)
    assert (asked, "cafe" in deaf.said) == ([8], True)


def test_what_is_typed_fits_a_line_of_a_terminal_and_is_repeated_seldom():
    """A terminal line has up to 4,095 bytes, and a byte takes four of them."""
    assert all(len(line) < 4095 for line in serial._script("x" * 10_000, NONCE))
    assert (serial._CHUNK_BYTES, serial._PIECES, serial._INTERRUPTS, serial._INTERRUPT_EVERY_S) == (200, 100, 5, 1.0)
    assert (serial._SEND_S, serial._PROBE_EVERY_S) == (10.0, (1.0, 1.0, 2.0, 2.0, 5.0))
