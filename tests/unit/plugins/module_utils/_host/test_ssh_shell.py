# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program of its own replaces ssh."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ssh_shell
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import serial
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

LIMITS_S = (ssh_shell.PAUSE_S, ssh_shell.ATTEMPT_S, ssh_shell._END_S)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_shell, "PAUSE_S", 0.1)


def program(text: str) -> Sequence[str]:
    return ["sh", "-c", text]


def test_the_command_for_a_guest() -> None:
    words = ssh_shell.command("192.168.0.2", "debian", "sudo -i", arguments=["-o", "ProxyCommand=x"], key="/keys/a")
    assert words[:4] == ["ssh", "-tt", "-e", "none"]
    assert words[-7:] == ["-o", "ProxyCommand=x", "-l", "debian", "--", "192.168.0.2", "sudo -i"]
    assert words[words.index("-i") : words.index("-i") + 4] == ["-i", "/keys/a", "-o", "IdentitiesOnly=yes"]
    assert {"BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"} <= {*words}
    assert "-i" not in ssh_shell.command("192.168.0.2", "root", None)
    assert ssh_shell.command("192.168.0.2", "root", None)[-1] == "sh"


def test_a_shell_is_awaited_and_ends_with_its_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (slept.append(seconds), sleep(seconds)))
    text = (
        f"echo x >> {tmp_path}/tries; [ $(wc -l < {tmp_path}/tries) -ge 3 ] || {{ echo refused >&2; exit 255; }}; "
        f"echo $$ > {tmp_path}/pid; exec sh"
    )
    with ssh_shell.open_shell(program(text), time.monotonic() + 30) as console:
        assert serial.run(console, "echo here", timeout_s=10) == serial.Answer(0, "here\n")
        pid = (tmp_path / "pid").read_text().strip()
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert (tmp_path / "tries").read_text() == "x\n" * 3
    assert slept.count(ssh_shell.PAUSE_S) == 2, "between three attempts"


def test_a_shell_is_told_to_end_before_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []

    def kill(process: subprocess.Popen[bytes]) -> None:
        killed.append(process.pid)
        os.kill(process.pid, signal.SIGKILL)

    monkeypatch.setattr(subprocess.Popen, "kill", kill)
    with ssh_shell.open_shell(program(f"echo $$ > {tmp_path}/pid; exec sh"), time.monotonic() + 30):
        pid = (tmp_path / "pid").read_text().strip()
    assert (killed, Path(f"/proc/{pid}").exists()) == ([], False)


def test_attempts_are_a_second_apart_and_have_a_minute() -> None:
    assert LIMITS_S == (1.0, 60.0, 5.0)


def test_a_shell_that_ignores_the_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_shell, "_END_S", 0.2)
    text = f"trap '' TERM; echo $$ > {tmp_path}/pid; sh; while :; do sleep 0.05; done"
    with ssh_shell.open_shell(program(text), time.monotonic() + 30):
        pid = (tmp_path / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo banner; echo 'Permission denied (publickey).' >&2; exit 255", "Permission denied (publickey)."),
        ("exit 255", "ssh closed the connection"),
        ("echo; printf '[sudo] password for debian: '; exec sleep 20", "[sudo] password for debian:"),
        ("exec sleep 20", "no shell responded"),
        # What was typed is echoed, and is no reason.
        ("exec cat", "no shell responded"),
    ],
)
def test_the_reason_is_told_when_the_time_is_over(text: str, why: str) -> None:
    with pytest.raises(SlicesError) as error, ssh_shell.open_shell(program(text), time.monotonic() + 1):
        pass
    assert error.value.message == why


def test_an_attempt_that_is_cut_off_does_not_hide_the_reason(tmp_path: Path) -> None:
    text = f"[ -e {tmp_path}/tried ] && exec sleep 20; touch {tmp_path}/tried; echo 'Permission denied.' >&2; exit 255"
    with pytest.raises(SlicesError) as error, ssh_shell.open_shell(program(text), time.monotonic() + 2):
        pass
    assert error.value.message == "Permission denied."


def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(OSError, match="no-such-ssh"), ssh_shell.open_shell(["no-such-ssh"], time.monotonic() + 1):
        pass
