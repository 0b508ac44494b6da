# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Snapshots of hosts exclude only what changes without a deploy."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ..scripts import load

snapshot = load("extensions/molecule/shared/files/snapshot.py")


def test_files_are_listed_with_all_of_their_attributes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    path.chmod(0o640)

    def told() -> list[str]:
        return sorted(line for line in snapshot.files([str(tmp_path)]) if f"{path}" in line)

    first = told()
    assert len(first) == 3
    assert f"{path} 4 640 {snapshot.user(os.getuid())} {snapshot.group(path.stat().st_gid)}" in first
    assert f"{hashlib.sha256(b'text').hexdigest()}  {path}" in first
    assert told() == first
    path.chmod(0o600)
    assert len(set(told()) ^ set(first)) == 2
    path.chmod(0o640)
    os.utime(path, (1, 1))
    assert len(set(told()) ^ set(first)) == 2
    path.write_text("tex2")
    assert len(set(told()) ^ set(first)) == 4


@pytest.mark.parametrize(("size", "lines"), [(0, 3), (63 * 1024, 3), (63 * 1024 + 1, 1)])
def test_the_content_of_small_files_is_compared(tmp_path: Path, size: int, lines: int) -> None:
    (tmp_path / "file").write_bytes(bytes(size))
    assert len([line for line in snapshot.files([str(tmp_path)]) if "/file" in line]) == lines


def test_files_that_change_without_a_deploy_are_ignored_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "1001").mkdir()
    for name in ("console.log", "leases", "qemu.cfg"):
        (tmp_path / "1001" / name).write_text("x")
    (tmp_path / "link").symlink_to("/etc")
    named = {line.split()[0] for line in snapshot.files([str(tmp_path), str(tmp_path / "none")]) if line[0] == "/"}
    assert named == {str(tmp_path), f"{tmp_path}/1001", f"{tmp_path}/1001/qemu.cfg", f"{tmp_path}/link"}


def test_a_disk_may_grow_but_not_be_another_one(tmp_path: Path) -> None:
    disk, other = tmp_path / "vm1_img.qcow2", tmp_path / "other"
    disk.write_bytes(bytes(100_000))
    other.write_bytes(bytes(100_000))
    first = list(snapshot.files([str(disk.parent)]))
    with open(disk, "ab") as file:
        file.write(bytes(65_536))
    assert [line for line in snapshot.files([str(disk.parent)]) if "_img" in line] == [
        line for line in first if "_img" in line
    ]
    other.replace(disk)
    assert [line for line in snapshot.files([str(disk.parent)]) if "_img" in line] != [
        line for line in first if "_img" in line
    ]


def test_owners_without_a_name_are_listed_by_number() -> None:
    assert (snapshot.user(987654), snapshot.group(987654)) == ("987654", "987654")


class Host:
    """Returns answers by the words of a command, and records the commands."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.asked.append(list(command))
        return next((text for word, text in self.answers.items() if word in command), "")


def test_the_state_of_the_switch_is_listed_by_line_and_the_full_range_of_vlans_as_one_word() -> None:
    trunks = ", ".join(map(str, range(1, 4095)))
    host = Host(port=f'name,trunks\ntrunk0,"[{trunks}]"\n', bridge="name\nbr-int\n")
    host.answers.update({"dump-flows": "flow a\nflow b\n", "dump-meters": "meter=1\n band=2\n"})
    assert list(snapshot.switch(host)) == [
        *("name", "br-int", "name,trunks", 'trunk0,"[all]"', "flow a", "flow b", "meter=1  band=2"),
    ]
    assert [command[-1] for command in host.asked] == ["bridge", "port", "interface", "br-int", "br-int"]


def test_every_namespace_is_read() -> None:
    host = Host(netns="slice-1000 (id: 0)\nslices-dhcp\n", address="lo UP\n", qdisc="qdisc a\nqdisc b\n")
    host.answers["ruleset"] = "table ip a {\n\tchain b {\n\t}\n}\n"
    told = list(snapshot.network(host))
    rules = "rules: table ip a { chain b { } } "
    assert told == [
        line
        for space in ("", "slice-1000", "slices-dhcp")
        for line in (f"{space} lo UP", f"{space} qdisc a", f"{space} qdisc b", f"{space} {rules}")
    ]
    entered = [command[1] for command in host.asked if command[0] == "nsenter"]
    assert entered == ["--net=/run/netns/slice-1000"] * 3 + ["--net=/run/netns/slices-dhcp"] * 3


def test_units_are_listed_except_those_that_run_every_minute() -> None:
    minutely = "slices-logs.timer loaded active\nslices-lost@3.service loaded active\n"
    listed = f"{minutely}cloudrepo-1000@1001.service  loaded   active\n"
    host = Host(**{"list-units": listed, "pgrep": "7 qemu-system-x86_64 -name vm1\n"})
    told = ["cloudrepo-1000@1001.service loaded active", "7 qemu-system-x86_64 -name vm1"]
    assert list(snapshot.running(host)) == told


@pytest.mark.parametrize(("code", "fails"), [(0, False), (1, True), (2, True)])
def test_a_command_that_fails_is_an_error_unless_pgrep_matches_nothing(
    code: int, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run
    monkeypatch.setattr(
        snapshot.subprocess,
        "run",
        lambda _command, *, check, **options: run(["sh", "-c", f"exit {code}"], check=check, **options),
    )
    if fails:
        with pytest.raises(subprocess.CalledProcessError):
            snapshot.ask(["ip", "netns"])
    else:
        assert snapshot.ask(["ip", "netns"]) == ""
    if code == 1:
        assert snapshot.ask(["pgrep", "-a", "x"]) == ""
    elif code:
        with pytest.raises(subprocess.CalledProcessError):
            snapshot.ask(["pgrep", "-a", "x"])


def test_elements_of_dynamic_sets_are_left_out() -> None:
    rules = (
        "set senders { type ipv4_addr flags dynamic elements = { 10.60.7.101 ct count over 9 } }"
        " set rates { type mark flags dynamic,timeout timeout 1m elements = { 0x3e8 limit rate over 9/second } }"
        " map slices { type ipv4_addr : mark elements = { 10.60.7.101 : 0x3e8 } }"
    )

    def ask(argv: Sequence[str]) -> str:
        return rules if argv[0] == "nft" else ""

    assert list(snapshot.network(ask)) == [
        " rules: set senders { type ipv4_addr flags dynamic } set rates { type mark flags dynamic,timeout timeout 1m }"
        " map slices { type ipv4_addr : mark elements = { 10.60.7.101 : 0x3e8 } }"
    ]


@pytest.mark.parametrize(("state", "told"), [("UNKNOWN", "UP"), ("UP", "UP"), ("DOWN", "DOWN")])
def test_a_device_that_does_not_tell_its_carrier_is_up(state: str, told: str) -> None:
    found = next(snapshot.network(Host(address=f"gw400            {state:14} 10.60.7.1/24")))
    assert found == f" gw400            {told:14} 10.60.7.1/24"
