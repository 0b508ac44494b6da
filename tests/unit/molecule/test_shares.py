# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probes of a flood."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from ..scripts import load

shares = load("extensions/molecule/isolation/files/shares.py")
probes = load("extensions/molecule/shared/files/probes.py")
GUEST = {"name": "blue1", "peer": "blue2", "router": "10.30.0.1", "count": 2}


def test_each_question_is_asked_in_each_turn_on_its_own() -> None:
    steps = probes.read(shares.questions(GUEST))
    assert {len(step) for step in steps} == {1}
    assert [(step[0].name, step[0].command) for step in steps[6:]] == [
        ("slice, question 2", "nslookup -type=a -retry=1 -timeout=5 blue2.internal 10.60.7.2"),
        ("outside, question 2", "nslookup -type=a -retry=1 -timeout=5 2.blue1.example.com 10.60.7.2"),
        ("nat, question 2", "nslookup -type=a -retry=1 -timeout=5 2.blue1.example.com 203.0.113.1"),
        ("router, question 2", "nslookup -type=a -retry=1 -timeout=5 2.blue1.example.net 10.30.0.1"),
        ("dhcp, question 2", "udhcpc -f -i eth0 -n -q -t 1 -T 5 -s /bin/true"),
        ("ping, question 2", "ping -c 1 -W 5 10.60.7.1"),
    ]
    assert [step[0].name for step in steps[:2]] == ["slice, question 1", "outside, question 1"]


def test_a_question_without_an_answer_is_reported() -> None:
    steps = probes.read(shares.questions(GUEST))
    stdout = "".join(f"\n=== {number} rc {int(number == 7)}\n" for number in range(11))
    assert [line.partition(";")[0] for line in probes.judge(steps, stdout)] == [
        "outside, question 2: return code 1, expected 0",
        "ping, question 2: it did not report",
    ]


@pytest.mark.parametrize(
    ("pid", "sent", "wrong"),
    [
        ("$$", "turn\nturn\n", []),
        ("$$", "turn\nturn\nturn\n", []),
        ("$$", "turn\n", ["turns of flood nat: matches of ^turn$ are ['turn'], expected ['turn', 'turn']"]),
        ("$$", "", ["turns of flood nat: matches of ^turn$ are [], expected ['turn', 'turn']"]),
        ("none", "turn\nturn\n", ["flood nat is running: return code 1, expected 0"]),
    ],
)
def test_a_flood_that_ended_early_is_reported(
    pid: str, sent: str, wrong: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sent.nat").write_text(sent)
    (tmp_path / "failed.nat").write_text("cannot send\n")
    monkeypatch.setattr(probes, "FOLDER", str(tmp_path / "probes"))
    steps = json.loads(json.dumps(shares.floods(["nat"])).replace("/run/", f"{tmp_path}/"))
    read = probes.read(steps)
    script = f"echo {pid} >{tmp_path}/pid.nat; {probes.command(read)}"
    done = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True)
    told = probes.judge(read, done.stdout)
    assert [line.partition(";")[0] for line in told] == wrong
    assert ("cannot send" in "".join(told)) is (pid == "none")


@pytest.mark.parametrize(("kind", "told"), [("questions", GUEST), ("floods", ["nat", "dhcp"])])
def test_the_steps_are_printed(
    kind: str, told: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(told)))
    shares.main(kind)
    assert json.loads(capsys.readouterr().out) == getattr(shares, kind)(told)
