# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Probes from inside guests: the command that runs them, and the rules for what they report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/shared/files/probes.py"
probes = load(SCRIPT)
Probe, Answer = probes.Probe, probes.Answer


def run(steps: list[list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[str, list[str]]:
    """Run the probes in this machine's shell, and return their output and the broken rules."""
    monkeypatch.setattr(probes, "FOLDER", str(folder))
    read = probes.read(steps)
    done = subprocess.run(["sh", "-c", probes.command(read)], check=True, capture_output=True, text=True)
    return done.stdout, probes.judge(read, done.stdout)


def test_probes_report_their_return_code_and_their_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps = [
        [
            {"name": "a success", "command": "echo 'it'\"'s\"; echo on stderr >&2", "rc": 0},
            {"name": "a failure", "command": "echo lost; exit 3", "rc": "nonzero", "says": ["^lost$"]},
            {"name": "without a line end", "command": "printf cb007101", "says": [r"01\Z"]},
        ],
        [{"name": "matches", "command": "echo turn; echo turn", "finds": {"^turn$": ["turn", "turn"]}}],
    ]
    stdout, wrong = run(steps, monkeypatch, tmp_path / "probes")
    assert wrong == []
    assert probes.answers(stdout) == {
        0: Answer(0, ""),  # its rule is about the return code alone
        1: Answer(3, "lost"),
        2: Answer(0, "cb007101"),
        3: Answer(0, "turn\nturn"),
    }


def test_broken_rules_name_the_probe_with_its_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps = [
        [
            {"name": "the gateway", "command": "echo no answer; exit 1", "rc": 0},
            {"name": "a stranger", "command": "echo 1 received", "rc": "nonzero"},
            {"name": "a typo", "command": "no-such-program", "rc": "nonzero"},
        ]
    ]
    _stdout, wrong = run(steps, monkeypatch, tmp_path / "probes")
    assert wrong[:2] == [
        "the gateway: return code 1, expected 0; echo no answer; exit 1: no answer",
        "a stranger: return code 0, expected nonzero; echo 1 received: 1 received",
    ]
    assert wrong[2].startswith("a typo: the command could not be run, return code 127; no-such-program: ")
    assert len(wrong) == 3


def test_probes_of_a_step_run_at_the_same_time_and_steps_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIFO", str(tmp_path / "fifo"))
    steps = [
        [{"name": "a queue", "command": 'mkfifo "$FIFO"', "rc": 0}],
        # Each end waits for the other one.
        [
            {"name": "its reader", "command": 'timeout 20 cat "$FIFO"', "says": ["^written$"]},
            {"name": "its writer", "command": "timeout 20 sh -c 'echo written >\"$FIFO\"'", "rc": 0},
        ],
        [{"name": "no queue", "command": 'rm "$FIFO"', "rc": 0}],
    ]
    assert run(steps, monkeypatch, tmp_path / "probes")[1] == []
    assert not (tmp_path / "fifo").exists()


@pytest.mark.parametrize(
    ("rules", "answer", "broken"),
    [
        ({"rc": 0}, (0, ""), []),
        ({"rc": 0}, (1, ""), ["return code 1, expected 0"]),
        ({"rc": 1}, (2, ""), ["return code 2, expected 1"]),
        ({"rc": 1}, (0, ""), ["return code 0, expected 1"]),
        ({"rc": "nonzero"}, (143, ""), []),
        ({"rc": "nonzero"}, (0, ""), ["return code 0, expected nonzero"]),
        ({"rc": "nonzero"}, (126, ""), ["the command could not be run, return code 126"]),
        ({"lacks": ["x"]}, (127, ""), ["the command could not be run, return code 127"]),
        ({"says": ["^b$"]}, (1, "a\nb\nc"), []),
        ({"says": ["^b$", "d"]}, (0, "abc"), ["no match of ^b$", "no match of d"]),
        ({"lacks": ["^b$"]}, (0, "abc"), []),
        ({"lacks": ["^b"]}, (0, "a\nbc"), ["a match of ^b"]),
        ({"finds": {"server (.)": ["1"]}}, (0, "server 1"), []),
        (
            {"finds": {"server (.)": ["1"]}},
            (0, "server 1\nserver 2"),
            ["matches of server (.) are ['1', '2'], expected ['1']"],
        ),
        ({"finds": {"server (.)": ["1"]}}, (0, ""), ["matches of server (.) are [], expected ['1']"]),
        ({"rc": 0, "lacks": ["x"]}, (1, "x"), ["return code 1, expected 0", "a match of x"]),
        ({"rc": "nonzero"}, None, ["it did not report"]),
    ],
)
def test_rules(rules: dict[str, Any], answer: tuple[int, str] | None, broken: list[str]) -> None:
    probe = Probe(name="p", command="c", **rules)
    assert probe.broken(answer and Answer(*answer)) == broken


def test_probes_are_matched_with_their_reports_over_all_steps() -> None:
    steps = probes.read([[{"name": name, "command": "c", "rc": 0}] for name in ("first", "second", "third")])
    stdout = "DHCP eth0 10.60.7.101\r\n\r\n=== 0 rc 0\r\n\r\n=== 2 rc 1\r\nlate\r\n"
    assert probes.judge(steps, stdout) == [
        "second: it did not report; c",
        "third: return code 1, expected 0; c: late",
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "there are no probes"),
        ([[]], "there are no probes"),
        ([[{"name": "p", "command": "c"}]], "p: a probe without a rule cannot fail"),
        ([[{"name": "p", "command": "c", "rc": "zero"}]], "p: rc must be a number or nonzero, got 'zero'"),
        ([[{"name": "p", "command": "c", "rc": "0"}]], "p: rc must be a number or nonzero, got '0'"),
    ],
)
def test_probes_that_cannot_fail_are_refused(steps: list[list[dict[str, Any]]], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        probes.read(steps)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError, match="said"):
        probes.read([[{"name": "p", "command": "c", "rc": 0, "said": "x"}]])


@pytest.mark.parametrize(
    ("stdout", "code", "printed"),
    [
        ("\n=== 0 rc 1\n", 0, "1 probes are as expected"),
        ("\n=== 0 rc 0\nreached\n", 1, "a host: return code 0, expected nonzero; ping: reached"),
    ],
)
def test_the_exit_code_depends_on_the_result(stdout: str, code: int, printed: str) -> None:
    told = {"steps": [[{"name": "a host", "command": "ping", "rc": "nonzero"}]], "stdout": stdout}
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT, "judge"], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (code, printed)


def test_the_command_is_printed() -> None:
    steps = [[{"name": "a host", "command": "ping", "rc": "nonzero"}]]
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT, "command"], input=json.dumps(steps), capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{probes.command(probes.read(steps))}\n"
