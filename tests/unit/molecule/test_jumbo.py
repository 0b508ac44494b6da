# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jumbo frames passed if an answer came and the kernel created no fragments."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/faults/files/jumbo.py"
jumbo = load(SCRIPT)
PINGED = "5 packets transmitted, 5 packets received, 0% packet loss"


def snmp(created: int) -> str:
    return (
        "Ip: Forwarding DefaultTTL FragOKs FragFails FragCreates\n"
        f"Ip: 2 64 7 8 {created}\n"
        "Icmp: InMsgs InErrors\n"
        "Icmp: 5 0\n"
    )


@pytest.mark.parametrize(
    ("pinged", "created", "wrong"),
    [
        (PINGED, 0, []),
        (PINGED.replace("5 packets received", "1 packets received"), 0, []),
        (PINGED, 14, ["14 fragments were created"]),
        ("5 packets transmitted, 0 packets received", 0, ["no answer: 5 packets transmitted, 0 packets received"]),
        ("", 0, ["no answer: "]),
    ],
)
def test_frames_pass_unfragmented(pinged: str, created: int, wrong: list[str]) -> None:
    assert jumbo.faults(snmp(3), pinged, snmp(3 + created)) == wrong


def test_a_missing_counter_is_an_error() -> None:
    with pytest.raises(ValueError, match="FragCreates"):
        jumbo.fragments(snmp(0).replace("FragCreates", "Other"))


@pytest.mark.parametrize(("created", "code"), [(0, 0), (1, 1)])
def test_the_exit_code_depends_on_the_result(created: int, code: int) -> None:
    told = {"before": snmp(0), "pinged": PINGED, "after": snmp(created)}
    done = subprocess.run(
        [sys.executable, ROOT / SCRIPT], input=json.dumps(told), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (code, "1 fragments were created" * code)
