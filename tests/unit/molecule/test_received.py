# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Parsing of frames in the output of tcpdump."""

from __future__ import annotations

import pytest

from ..scripts import load

received = load("extensions/molecule/faults/files/received.py")
DUMP = """\
12:00:00.000001 02:00:00:00:00:99 > 01:80:c2:00:00:0e, LLDP, length 46
\t0x0000:  0180 c200 000e 0200 0000 0099 88cc 0101
\t0x0010:  0101 0101 0101 0101 0101 0101 0101 0101
\t0x0020:  0101 0101 0101 0101 0101 0101 0101 0101
12:00:00.000002 02:00:00:00:00:99 > ff:ff:ff:ff:ff:ff, 802.1Q, vlan 7
\t0x0000:  ffff ffff ffff 0200 0000 0099 8100 0007
\t0x0010:  8100 0009 88b5 0101 0101 0101 0101 0101
"""


def test_the_destination_and_the_ten_bytes_after_the_source_of_a_frame() -> None:
    assert received.frames(DUMP.splitlines()) == [
        "0180c200000e 88cc0101010101010101",
        "ffffffffffff 810000078100000988b5",
    ]
    assert received.frames([]) == []


def test_a_truncated_frame_is_ignored() -> None:
    assert received.frames(DUMP.splitlines()[:2]) == []


class Host:
    """Captures with the frames of C(DUMP), in which the last frame appears after some reads."""

    def __init__(self, looks: int = 1) -> None:
        self.looks = looks
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.slept = 0.0

    def captured(self, device: str, *options: str) -> list[str]:
        self.asked.append((device, options))
        if received.LAST in options[-1]:
            self.looks -= 1
            return ["a frame"] * (self.looks < 1)
        return ["x", "y"] if options == ("not vlan and not icmp6",) else DUMP.splitlines()

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host()
    monkeypatch.setattr(received, "captured", made.captured)
    monkeypatch.setattr(received.time, "sleep", made.sleep)
    monkeypatch.setattr(received.time, "monotonic", lambda: made.slept)
    return made


def test_reading_continues_until_the_last_frame_and_keeps_its_tag_on_the_trunk(host: Host) -> None:
    host.looks = 3
    received.await_last("trunk0", is_trunk=True)
    received.await_last("tap_1002_eth1", is_trunk=False)
    assert [("vlan" in options[0], device) for device, options in host.asked] == [(True, "trunk0")] * 3 + [
        (False, "tap_1002_eth1")
    ]


def test_reading_ends_at_the_timeout_if_a_frame_is_missing(host: Host) -> None:
    host.looks = 10**9
    with pytest.raises(SystemExit, match="trunk0"):
        received.await_last("trunk0", is_trunk=True)
    assert 20 <= host.slept < 21


def test_each_device_is_stopped_and_listed(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped: list[list[str]] = []
    monkeypatch.setattr(received.subprocess, "run", lambda command, check: stopped.append(command) if check else None)
    received.main(["trunk0", "tap_2", "tap_1"])
    assert [command[-1] for command in stopped] == ["received-trunk0", "received-tap_2", "received-tap_1"]
    assert capsys.readouterr().out.splitlines() == [
        "untagged 2",
        "tap_1 0180c200000e 88cc0101010101010101",
        "tap_1 ffffffffffff 810000078100000988b5",
        "tap_2 0180c200000e 88cc0101010101010101",
        "tap_2 ffffffffffff 810000078100000988b5",
    ]
    assert len(host.asked) == 6
