# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers on this machine, and a program behind a Unix socket, stand in for guests."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import probes
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.probes import Check, Place
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.serial import Answer
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .fakes import mark, uuid

FINISHED = "Cloud-init v. 22.4.2 finished at {}. Datasource DataSourceNoCloud [seed=/dev/vdb].  Up 12.34 seconds"


@contextmanager
def server(answer: bytes, family: int = socket.AF_INET, path: str = "") -> Iterator[tuple[str, int]]:
    """Answer one client after it has sent something, or at once if C(answer) is a greeting."""
    with socket.socket(family) as listener:
        listener.bind(path if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            client, _from = listener.accept()
            with client:
                if not answer.startswith(b"SSH-"):
                    client.recv(1024)
                client.sendall(answer)
                if path:
                    client.recv(1024)  # QEMU leaves a console open until its client closes it

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield ("127.0.0.1", 0 if path else listener.getsockname()[1])
        thread.join(timeout=10)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path / "console.log"), str(tmp_path / "serial.sock"))


def log(place: Place, text: str, *, age_s: float) -> None:
    Path(place.log).write_text(text)
    os.utime(place.log, (time.time() - age_s,) * 2)


def start(place: Place, *, age_s: float) -> None:
    """Create a file in place of the socket, as old as the run of QEMU."""
    Path(place.socket).touch()
    os.utime(place.socket, (time.time() - age_s,) * 2)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nwelcome", None),
        (b"HTTP/1.0 302 Found\r\n", None),
        (b"HTTP/1.1 503 Service Unavailable\r\n", "answers with HTTP status 503"),
        (b"HTTP/1.1 404", "answers with HTTP status 404"),
        (b"220 smtp ready\r\n", "gives no valid answer"),
        (b"x" * 5000, "gives no valid answer"),
    ],
)
def test_a_web_server_is_ready_when_it_answers_without_an_error(answer: bytes, why: str | None) -> None:
    with server(answer) as address:
        said = probes.http(address, "/health")
    assert said == (why and f"127.0.0.1 port {address[1]} {why}")


@pytest.mark.parametrize(("greeting", "is_ready"), [(b"SSH-2.0-OpenSSH_9.2\r\n", True), (b"", False)])
def test_an_ssh_server_is_ready_when_it_greets(greeting: bytes, is_ready: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()

    def serve() -> None:
        client, _from = listener.accept()
        with client:
            client.sendall(greeting)

    threading.Thread(target=serve, daemon=True).start()
    said = probes.ssh(address)
    listener.close()
    assert said == (None if is_ready else f"127.0.0.1 port {address[1]} gives no valid answer")


def test_a_port_is_ready_when_it_is_open() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    assert probes.tcp(address) is None
    listener.close()
    assert probes.tcp(address) == f"127.0.0.1 port {address[1]}: Connection refused"


def test_a_server_that_says_nothing_takes_no_longer_than_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "ATTEMPT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        assert probes.ssh(address) == f"127.0.0.1 port {address[1]} does not respond"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may send ICMP packets")
def test_a_machine_answers_pings() -> None:
    assert probes.ping("127.0.0.1") is None
    assert probes.ping("255.255.255.255") == "255.255.255.255 does not answer pings: Permission denied"


def test_an_echo_request_has_a_valid_checksum() -> None:
    request = probes._echo(0x1234)
    words = [int.from_bytes(request[at : at + 2], "big") for at in range(0, len(request), 2)]
    total = sum(words)
    assert (total >> 16) + (total & 0xFFFF) == 0xFFFF
    assert request[:2] == b"\x08\x00"


@pytest.mark.parametrize("prompt", ["vm1 login: ", "/ # ", "admin@sw1:~$ ", "Router>", "\x1b[32mvyos login:\x1b[0m "])
def test_a_guest_with_a_prompt_on_its_console_is_ready(place: Place, prompt: str) -> None:
    start(place, age_s=60)
    log(place, f"[ 1.0] booted\r\n{prompt}", age_s=1)
    assert probes.console(place) is None


def test_a_guest_that_is_writing_is_not_disturbed(place: Place) -> None:
    start(place, age_s=60)
    log(place, "[ 1.0] booting\n", age_s=1)
    assert probes.console(place) == "its serial console is busy"
    log(place, "####", age_s=0)
    assert probes.console(place) == "its serial console is busy"


def test_the_prompt_of_an_earlier_run_does_not_count(place: Place) -> None:
    log(place, "vm1 login: ", age_s=60)
    start(place, age_s=1)
    assert probes.console(place) == "its serial console is busy"


def test_a_vm_that_does_not_run_is_not_ready(place: Place) -> None:
    assert probes.console(place) == "it does not run on this host"
    assert probes.cloud_init(place) == "it does not run on this host"


@pytest.mark.parametrize(
    ("answer", "why"), [(b"\r\n/ # ", None), (b"\r\nnothing here\r\n", "there is no prompt on its serial console")]
)
def test_a_quiet_guest_shows_its_prompt_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: bytes, why: str | None
) -> None:
    monkeypatch.setattr(probes, "ATTEMPT_S", 0.5)
    log(place, "/ # [ 99.9] eth0: link becomes ready\n", age_s=0)
    with server(answer, socket.AF_UNIX, place.socket):
        assert probes.console(place, clock=lambda: time.time() + 10) == why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(0, ""), None),
        (Answer(3, "no\n"), "the return code of its command is 3"),
        (SlicesError("no shell responded on the serial console in time"), "no shell responded on the serial console"),
    ],
)
def test_a_command_has_to_succeed(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: Answer | SlicesError, why: str | None
) -> None:
    @contextmanager
    def open_console(path: str, *, timeout_s: float) -> Iterator[str]:
        assert (path, timeout_s) == (place.socket, probes.ATTEMPT_S)
        yield path

    def run(_console: str, command: str, *, timeout_s: float) -> Answer:
        assert (command, timeout_s) == ("test -e /run/up", 30)  # docs/operations.md says so
        if isinstance(answer, SlicesError):
            raise answer
        return answer

    monkeypatch.setattr(probes.serial, "open_console", open_console)
    monkeypatch.setattr(probes.serial, "run", run)
    said = probes.command(place, "test -e /run/up")
    assert (said is None) if why is None else (said or "").startswith(why)


@pytest.mark.parametrize(
    ("text", "is_ready"),
    [
        (FINISHED.format("Fri, 27 Nov 2026 08:00:30 +0000"), True),
        (FINISHED.format("Fri, 27 Nov 2026 09:00:30 +0100"), True),
        (FINISHED.format("Fri, 27 Nov 2026 07:59:30 +0000"), False),
        (FINISHED.format("Fri, 99 Nov 2026 08:00:30 +0000"), False),
        ("Cloud-init v. 22.4.2 running 'init'\n", False),
        ("", False),
    ],
)
def test_cloud_init_has_finished_since_the_vm_was_started(place: Place, text: str, is_ready: bool) -> None:
    started = 1795766400.5  # 27 November 2026, 08:00 UTC
    Path(place.socket).touch()
    os.utime(place.socket, (started, started))
    Path(place.log).write_text(f"booting\n{text}\n")
    assert probes.cloud_init(place) == (None if is_ready else "cloud-init has not finished")


@pytest.mark.parametrize(
    ("check", "called", "arguments"),
    [
        (Check(1, "a", "ping", address="10.0.0.1"), "ping", ("10.0.0.1",)),
        (Check(1, "a", "ssh", address="10.0.0.1", port=22), "ssh", (("10.0.0.1", 22),)),
        (Check(1, "a", "tcp", address="10.0.0.1", port=5), "tcp", (("10.0.0.1", 5),)),
        (Check(1, "a", "http", address="10.0.0.1", port=80, path="/x"), "http", (("10.0.0.1", 80), "/x")),
        (Check(1, "a", "console"), "console", (Place("/s/vms/1/console.log", "/run/cloudrepo/1/serial.sock"),)),
        (Check(1, "a", "cloud_init"), "cloud_init", (Place.of(1, state_dir="/s"),)),
        (Check(1, "a", "command", command="true"), "command", (Place.of(1, state_dir="/s"), "true")),
    ],
)
def test_each_check_has_its_probe(
    monkeypatch: pytest.MonkeyPatch, check: Check, called: str, arguments: tuple[object, ...]
) -> None:
    given: list[tuple[object, ...]] = []
    answer: Callable[..., str] = lambda *args: given.append(args) or "no"  # noqa: E731 # one expression
    monkeypatch.setattr(probes, called, answer)
    assert probes.probe(check, state_dir="/s") == "no"
    assert given == [arguments]


@pytest.mark.parametrize("check", probes.ON_CONSOLE)
def test_another_vm_with_the_same_id_is_not_asked(tmp_path: Path, check: str) -> None:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, vm_uuid=uuid(2))
    told = probes.probe(Check(1001, "web/vm1", check, command="true", vm_uuid=uuid(9)), state_dir=str(tmp_path))
    assert told is not None
    assert told.startswith(f"VM 1001: the worker has another VM with this id: {folder} belongs to {uuid(2)}, not to")


class Pings:
    """A socket that answers an echo request with these packets."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.timeouts = list(answers), list[float]()

    def __call__(self, *_kind: int) -> Pings:
        return self

    def __enter__(self) -> Pings:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def connect(self, _address: tuple[str, int]) -> None:
        pass

    def send(self, request: bytes) -> None:
        self.ident = request[4:6]

    def settimeout(self, timeout_s: float) -> None:
        self.timeouts.append(timeout_s)

    def recv(self, _most: int) -> bytes:
        if not self.answers:
            raise socket.timeout
        return self.answers.pop(0).replace(b"ID", self.ident)


def packet(kind: int, ident: bytes, options: int = 0) -> bytes:
    head = bytes([0x45 + options]) + bytes(19 + 4 * options)
    return head + bytes([kind, 0, 0, 0]) + ident + b"\0\1"


@pytest.mark.parametrize(
    ("packets", "is_ready"),
    [
        ((packet(0, b"ID"),), True),
        ((packet(0, b"ID", options=3),), True),
        ((packet(0, b"??"),), False),
        ((packet(3, b"ID"),), False),
        ((packet(8, b"ID"), packet(0, b"??"), packet(0, b"ID")), True),
        ((), False),
    ],
)
def test_only_the_answer_to_its_own_request_counts(
    monkeypatch: pytest.MonkeyPatch, packets: tuple[bytes, ...], is_ready: bool
) -> None:
    fake = Pings(*packets)
    monkeypatch.setattr(socket, "socket", fake)
    monkeypatch.setattr(probes.secrets, "randbits", lambda _bits: 0x1234)
    assert probes.ping("10.0.0.1") == (None if is_ready else "10.0.0.1 does not answer pings")
    assert all(0 < each <= 1 for each in fake.timeouts)


@pytest.mark.parametrize(("quiet_s", "is_busy"), [(-0.5, True), (0, False), (0.5, False)])
def test_a_console_is_busy_until_it_was_quiet_for_a_while(
    place: Place, monkeypatch: pytest.MonkeyPatch, quiet_s: float, is_busy: bool
) -> None:
    monkeypatch.setattr(probes, "_press_enter", lambda _path: "")
    Path(place.socket).touch()
    os.utime(place.socket, (1000, 1000))
    Path(place.log).write_text("booting")
    os.utime(place.log, (2000, 2000))
    why = "its serial console is busy" if is_busy else "there is no prompt on its serial console"
    assert probes.console(place, clock=lambda: 2000 + probes.QUIET_S + quiet_s) == why


@pytest.mark.parametrize(("settled_s", "is_ready"), [(-0.01, False), (0, True)])
def test_a_prompt_counts_once_the_console_has_settled(place: Place, settled_s: float, is_ready: bool) -> None:
    Path(place.socket).touch()
    os.utime(place.socket, (1000, 1000))
    Path(place.log).write_text("~ # ")
    os.utime(place.log, (2000, 2000))
    found = probes.console(place, clock=lambda: 2000 + probes.SETTLED_S + settled_s)
    assert found == (None if is_ready else "its serial console is busy")


def test_a_console_that_cannot_be_opened_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: str) -> str:
        raise SlicesError("it is in use")

    monkeypatch.setattr(probes, "_press_enter", fail)
    for path in (place.socket, place.log):
        Path(path).touch()
        os.utime(path, (1000, 1000))
    assert probes.console(place, clock=lambda: 2000) == "it is in use"


def test_a_prompt_that_was_written_when_qemu_started_does_not_count(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_press_enter", lambda _path: "")
    Path(place.log).write_text("~ # ")
    Path(place.socket).touch()
    for path in (place.socket, place.log):
        os.utime(path, (1000, 1000))
    assert probes.console(place, clock=lambda: 2000) == "there is no prompt on its serial console"


@pytest.mark.parametrize(("second", "is_ready"), [(999, False), (1000, True), (1001, True)])
def test_cloud_init_may_finish_in_the_second_in_which_qemu_started(place: Place, second: int, is_ready: bool) -> None:
    Path(place.log).write_text(FINISHED.format(time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(second))))
    Path(place.socket).touch()
    os.utime(place.socket, (1000.9, 1000.9))
    assert probes.cloud_init(place) == (None if is_ready else "cloud-init has not finished")


def test_a_log_that_cannot_be_read_is_told(place: Place) -> None:
    Path(place.socket).touch()
    Path(place.log).mkdir()
    assert str(probes.cloud_init(place)).startswith("[Errno 21] Is a directory")


@pytest.mark.parametrize("ident", [0, 1, 0x1234, 0xFFFF, 0xF7FE, 0xF7FF])
def test_the_words_of_an_echo_request_add_up(ident: int) -> None:
    request = probes._echo(ident)
    total = sum(int.from_bytes(request[at : at + 2], "big") for at in range(0, len(request), 2))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    assert (total, len(request), request[4:]) == (0xFFFF, 8, ident.to_bytes(2, "big") + b"\0\1")


@pytest.mark.parametrize(("status", "is_ready"), [(b"399", True), (b"400", False), (b"401", False)])
def test_a_status_below_400_is_no_error(status: bytes, is_ready: bool) -> None:
    with server(b"HTTP/1.1 " + status + b" x\r\n") as address:
        found = probes.http(address, "/")
    assert found == (None if is_ready else f"{address[0]} port {address[1]} answers with HTTP status {status.decode()}")


def test_the_times_of_probes_are_short() -> None:
    assert (probes.ATTEMPT_S, probes.COMMAND_S, probes.SETTLED_S, probes.QUIET_S) == (3.0, 30.0, 0.5, 2.0)


def test_a_check_without_an_address_asks_none() -> None:
    assert probes._address(Check(1, "a", "tcp")) == ("", 0)


@pytest.mark.parametrize("error", [TypeError, ValueError])
def test_a_guest_cannot_break_the_check_with_what_is_no_time(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Python 3.9 raises a TypeError for it, later ones a ValueError."""

    def fail(_text: str) -> None:
        raise error("no time")

    Path(place.socket).touch()
    Path(place.log).write_text(FINISHED.format("Abc, 99 Xyz 2026 00:00:00 +0000"), encoding="utf-8")
    monkeypatch.setattr("email.utils.parsedate_to_datetime", fail)
    assert probes.cloud_init(place) == "cloud-init has not finished"
