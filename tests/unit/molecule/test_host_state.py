# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What roles change on a host, as lines that are compared before and after."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..scripts import load

host_state = load("extensions/molecule/single/files/host_state.py")
OWNER = f"{os.getuid()}:{os.getgid()}"


def test_everything_in_a_folder_is_listed_with_mode_and_owner(tmp_path: Path) -> None:
    (tmp_path / "units").mkdir(mode=0o700)
    (tmp_path / "units/a.service").touch(mode=0o640)
    (tmp_path / "enabled").symlink_to("units/a.service")
    (tmp_path / "units/dangling").symlink_to("nowhere")
    found = list(host_state.entries([str(tmp_path)]))
    assert found[0].startswith(f"{tmp_path} drwx")
    assert sorted(found[1:]) == [
        f"{tmp_path}/enabled lrwxrwxrwx {OWNER}",
        f"{tmp_path}/units drwx------ {OWNER}",
        f"{tmp_path}/units/a.service -rw-r----- {OWNER}",
        f"{tmp_path}/units/dangling lrwxrwxrwx {OWNER}",
    ]


@pytest.mark.parametrize(
    ("path", "is_volatile"),
    [
        ("/etc/passwd-", True),
        ("/etc/passwd", False),
        ("/etc/openvswitch/conf.db", True),
        ("/etc/openvswitch", False),
        ("/etc/resolv.conf", True),
        ("/etc/cloudrepo/nat.nft", False),
    ],
)
def test_what_others_change_is_left_out(path: str, is_volatile: bool) -> None:
    assert bool(host_state.VOLATILE.fullmatch(path)) is is_volatile


def test_folders_of_run_are_listed_except_for_namespaces_and_files(tmp_path: Path) -> None:
    for name in ("netns", "systemd"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "utmp").touch()
    shared = tmp_path / "systemd"
    found = list(host_state.shared_folders([str(shared), "/does/not/exist"], str(tmp_path)))
    assert found == [f"{shared} drwxr-xr-x {OWNER}"] * 2


def test_users_and_groups_are_listed_without_kvm() -> None:
    found = list(host_state.accounts())
    assert {"user root", "group root"} <= set(found)
    assert "group kvm" not in found


def test_forwarding_is_that_of_ipv4() -> None:
    lines = [
        "net.ipv4.conf.wan0.forwarding = 1",
        "net.ipv4.ip_forward = 0",
        "net.ipv4.conf.wan0.mc_forwarding = 0",
        "net.ipv6.conf.all.forwarding = 0",
    ]
    assert host_state.forwarding(lines) == lines[:2]


def test_a_program_that_is_not_installed_says_nothing() -> None:
    assert host_state.said("no-such-program --version") == []
    assert host_state.said("echo one two") == ["one two"]


def test_all_parts_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answers = {
        "nft list tables": ["table ip cloudrepo"],
        "ip -brief link show": ["gw400  UP  02:00:0a:3c:07:01", ""],
        "sysctl -a": ["net.ipv4.ip_forward = 1", "kernel.ostype = Linux"],
    }
    monkeypatch.setattr(host_state, "said", lambda command: answers.get(command, []))
    monkeypatch.setattr(host_state, "entries", lambda _trees: ["/etc drwxr-xr-x 0:0"])
    host_state.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "/etc drwxr-xr-x 0:0"
    assert printed[-3:] == ["table ip cloudrepo", "gw400", "net.ipv4.ip_forward = 1"]
