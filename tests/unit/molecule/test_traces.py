# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects of slices in a worker's datapath."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..scripts import load

traces = load("extensions/molecule/consoles/files/traces.py")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (" cookie=0x1, table=3, priority=50,in_port=1 actions=drop", ["1000 flow 50,in_port=1 actions=drop"]),
        ("OFPST_FLOW reply (OF1.4) (xid=0x2):", []),
        ("", []),
        ("priority=1 priority=2", ["1000 flow 2"]),
    ],
)
def test_flows(line: str, told: list[str]) -> None:
    assert traces.flows(1000, [line]) == told


def test_saved_files_of_one_slice(tmp_path: Path) -> None:
    for name in ("1000.flows", "1000.meters", "10001.flows", "shared.flows", "1000"):
        (tmp_path / name).touch()
    assert sorted(traces.saved(1000, str(tmp_path))) == ["1000 flows", "1000 meters"]


def test_ports_between_empty_lines() -> None:
    assert traces.ports(1000, ["tap_1", "", "tap_2", ""]) == ["1000 port tap_1", "1000 port tap_2"]


def test_taps_of_a_netdev_group(tmp_path: Path) -> None:
    for name, group in (("tap_1001_eth0", 1000), ("tap_1004_eth0", 1003), ("eth0", 1000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "netdev_group").write_text(f"{group}\n")
    assert traces.taps(1000, str(tmp_path)) == ["1000 tap tap_1001_eth0"]


def test_meters_without_their_bands() -> None:
    dump = ["OFPST_METER_CONFIG reply (OF1.4) (xid=0x2):", "meter=7 kbps bands=", " meter=8 kbps", "type=drop rate=9"]
    assert traces.meters(1000, dump) == ["1000 meter 7 kbps bands=", "1000 meter 8 kbps"]


def test_flows_and_ports_of_each_slice_are_queried_by_its_cookie(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked: list[str] = []

    def said(*command: str) -> list[str]:
        asked.append(command[-1])
        answers = {"dump-meters": ["meter=1"], "dump-flows": [f"priority={command[-1]}"]}
        return next((answer for verb, answer in answers.items() if verb in command), [])

    monkeypatch.setattr(traces, "said", said)
    monkeypatch.setattr(traces, "FOLDER", str(tmp_path))
    traces.main([1000, 1003])
    assert asked == [
        "br-int",
        "cookie=0x636c7264000003e8/-1",
        "external_ids:cloudrepo-slice=1000",
        "cookie=0x636c7264000003eb/-1",
        "external_ids:cloudrepo-slice=1003",
    ]
    told = capsys.readouterr().out.splitlines()
    assert told == sorted(told)
    assert [line for line in told if " tap " not in line] == [
        "1000 flow cookie=0x636c7264000003e8/-1",
        "1000 meter 1",
        "1003 flow cookie=0x636c7264000003eb/-1",
    ]
