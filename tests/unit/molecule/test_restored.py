# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A worker is restored when all objects of its VM are."""

from __future__ import annotations

import pytest

from ..scripts import load

restored = load("extensions/molecule/faults/files/restored.py")
ANSWERS = {
    "unit": "active\n",
    "rate": "qdisc tbf 1: root refcnt 2 rate 900Kbit burst 1600b lat 50ms\n",
    "port": "[]\n",
    "carrier": "1\n",
    "flows": "OFPST_FLOW reply\n cookie=0x636c7264000003e8, table=0, priority=50 actions=meter:1000,NORMAL\n",
}


def test_nothing_is_missing() -> None:
    assert set(ANSWERS) == set(restored.QUESTIONS)
    assert restored.missing(ANSWERS) == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        *((name, "") for name in ANSWERS),
        ("unit", "inactive\n"),
        ("unit", "activating\n"),
        ("rate", "qdisc tbf 1: root refcnt 2 rate 800Kbit burst 1600b lat 50ms\n"),
        ("port", '"could not open network device tap_1001_eth1"\n'),
        ("carrier", "0\n"),
        ("flows", " cookie=0x636c7264000003e8, table=0 actions=NORMAL\n cookie=0x1 actions=meter:1000\n"),
    ],
)
def test_missing_objects_are_listed(name: str, answer: str) -> None:
    assert restored.missing({**ANSWERS, name: answer}) == [name]


def test_the_output_of_a_command_is_used_regardless_of_its_return_code() -> None:
    assert restored.ask(["sh", "-c", "echo said; exit 3"]) == "said\n"
