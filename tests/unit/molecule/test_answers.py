# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The number of answers to pings, and their times."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/faults/files/answers.py"
answers = load(SCRIPT)


def pinged(count: int, times: str = "100.2/104.9/130.6") -> str:
    lines = [f"64 bytes from 127.0.0.1: seq={number} ttl=64 time=100.2 ms" for number in range(count)]
    ended = [f"20 packets transmitted, {count} packets received, 0% packet loss"]
    return "\n".join(lines + ended + [f"round-trip min/avg/max = {times} ms"] * bool(count))


@pytest.mark.parametrize(
    ("told", "expected", "wrong"),
    [
        (pinged(20), {"fewest": 20, "most": 20, "least_ms": 100, "varies": True}, []),
        (pinged(19), {"fewest": 20, "most": 20}, ["19 answers, expected at least 20"]),
        (pinged(21), {"fewest": 20, "most": 20}, ["21 answers, expected at most 20"]),
        (pinged(0), {"most": 0}, []),
        (pinged(1), {"most": 0}, ["1 answers, expected at most 0"]),
        (pinged(20), {"least_ms": 101}, ["an answer after 100 ms, expected at least 101 ms"]),
        (pinged(20, "100.2/100.5/100.9"), {"varies": True}, ["all answers after 100 ms"]),
        (pinged(20, "0.061/0.094/1.2"), {"varies": True}, []),
        (pinged(0), {"least_ms": 100}, ["no times of answers"]),
        ("", {"most": 0}, ["the pings did not end"]),
    ],
)
def test_answers_are_as_expected(told: str, expected: dict[str, Any], wrong: list[str]) -> None:
    assert answers.faults(told, answers.Expected(**expected)) == wrong


@pytest.mark.parametrize(("count", "code"), [(20, 0), (19, 1)])
def test_the_exit_code_depends_on_the_result(count: int, code: int) -> None:
    told = {"pinged": pinged(count), "expected": {"fewest": 20}}
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert ("19 answers, expected at least 20" in done.stderr) is bool(code)
