# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The source addresses of packets to the outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..scripts import load

ways_out = load("extensions/molecule/networks/files/ways_out.py")

PING = "wan0  Out IP 203.0.113.2 > 203.0.113.1: ICMP echo request, id 1, seq 0, length 64"
ANSWER = "wan0  Out IP 10.60.7.101 > 203.0.113.1: ICMP echo reply, id 1, seq 0, length 8"
INNER = "nat_1000 In  IP 169.254.64.1 > 203.0.113.1: ICMP echo request, id 1, seq 0, length 64"


@pytest.mark.parametrize(
    ("lines", "pings", "shown"),
    [
        ([], 0, []),
        ([PING, PING, INNER], 2, ["1 nat_1000 169.254.64.1", "2 wan0 203.0.113.2"]),
        ([PING, ANSWER], 1, ["1 wan0 10.60.7.101", "1 wan0 203.0.113.2"]),
        ([PING.replace("Out", "In ")], 1, []),
        ([INNER.replace("In ", "Out")], 0, []),
        ([f"x{PING}"], 0, []),
        (["gw400 In  IP 10.60.7.101 > 203.0.113.1: ICMP echo request"], 0, []),
    ],
)
def test_packets_by_their_outgoing_interface(lines: list[str], pings: int, shown: list[str]) -> None:
    assert (ways_out.count_pings(lines), ways_out.sources(lines)) == (pings, shown)


@pytest.mark.parametrize("missing", [0, 3, 10**9])
def test_both_pings_are_awaited(
    missing: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text(f"{PING}\n")
    slept: list[float] = []
    stopped: list[list[str]] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == missing:
            (tmp_path / "log").write_text(f"{PING}\n" * 2)

    if not missing:
        (tmp_path / "log").write_text(f"{PING}\n" * 2)
    monkeypatch.setattr(ways_out, "LOG", tmp_path / "log")
    monkeypatch.setattr(ways_out.time, "sleep", sleep)
    monkeypatch.setattr(ways_out.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(ways_out.subprocess, "run", lambda command, check: stopped.append(command) if check else None)
    if missing < 100:
        ways_out.main()
        assert (len(slept), capsys.readouterr().out) == (missing, "2 wan0 203.0.113.2\n")
        assert stopped == [["systemctl", "stop", "ways-out"]]
    else:
        with pytest.raises(SystemExit, match="1 of 2 pings were seen"):
            ways_out.main()
        assert stopped == []
