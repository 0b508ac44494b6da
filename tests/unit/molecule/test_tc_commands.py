# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands of tc that a worker would run for an interface."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from ..scripts import load

tc_commands = load("extensions/molecule/faults/files/tc_commands.py")
TAP = "tap_1001_eth1"


Tell = Callable[[list[object], dict[str, object]], list[str]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Return a function that returns the commands for an output of tc and the settings of an interface."""

    def tell(shown: list[object], settings: dict[str, object]) -> list[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(shown)))
        tc_commands.main(TAP, json.dumps(settings))
        return capsys.readouterr().out.splitlines()

    return tell


def test_only_differing_qdiscs_are_replaced(told: Tell) -> None:
    made = told([], {"delay_ms": 20})
    assert made == [f"qdisc replace dev {TAP} root handle 1: netem limit 10000 delay 20000us"]
    there = {"dev": TAP, "kind": "netem", "root": True, "options": {"delay": {"delay": 0.02, "jitter": 0}}}
    assert told([there], {"delay_ms": 20}) == []
    assert told([there], {}) == []
    assert told([{**there, "dev": "other"}], {"delay_ms": 20}) == made
    assert told([there], {"delay_ms": 30}) != []
