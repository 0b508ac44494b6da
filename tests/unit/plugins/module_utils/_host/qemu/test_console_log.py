# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import console_log, serial


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        (b"one\r\n\r\ntwo\r\nvm1 login: ", ["one", "two", "vm1 login:"]),
        (b"\x1b[2J\x1b[01;01H\x1b[32mgreen\x1b[0m\n", ["green"]),
        (b"\x1b]0;title\x07text\x1b]0;other\x1b\\more\n", ["textmore"]),
        (b"a\x00b\x07c\rd\xff\n", ["abcd\N{REPLACEMENT CHARACTER}"]),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x\u2028y\n".encode(), ["xy"]),
        (b"x" * 300, ["x" * 200]),
        (b"", []),
    ],
)
def test_lines_are_shown_without_control_sequences(tmp_path: Path, written: bytes, lines: list[str]) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(written)
    assert console_log.last_lines(str(path), 10) == lines


def test_only_the_last_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert console_log.last_lines(str(path), 3) == ["line 9997", "line 9998", "line 9999"]


def test_the_dialogue_of_commands_is_left_out(tmp_path: Path) -> None:
    class Typed:
        """Writes down what is typed, and answers as a shell."""

        def __init__(self) -> None:
            self.text, self.left = "", ""

        def send(self, text: str) -> None:
            """See C(Console)."""
            nonce = "0123456789abcdef"
            answer = f"READY1-{nonce}\n" if "READY1" in text else ""
            answer += f"BEGIN-{nonce}\nEND-{nonce}:0:0:\n" if "BEGIN" in text else ""
            self.text += text + answer
            self.left += answer

        def receive(self, _timeout_s: float) -> str:
            """See C(Console)."""
            said, self.left = self.left, ""
            return said

    console = Typed()
    serial.run(console, "true " * 100, timeout_s=5, nonce="0123456789abcdef")
    path = tmp_path / "console.log"
    path.write_text(f"booted\n{console.text}vm1# \n")
    assert console_log.last_lines(str(path), 10) == ["booted", "vm1#"]


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    assert console_log.last_lines(str(tmp_path / "console.log"), 3) == []


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "console.log").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        console_log.last_lines(str(tmp_path / "console.log"), 3)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "console.log")
    assert console_log.last_lines(str(tmp_path / "console.log"), 3) == []


def test_the_log_is_in_the_folder_of_the_vm() -> None:
    assert console_log.path_of(1001, state_dir="/srv/state") == "/srv/state/vms/1001/console.log"
