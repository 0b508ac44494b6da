# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.files import File
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_files import Folder
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import NOT_FOUND
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from .fakes import FakeRunner

GROUP = grp.getgrgid(os.getgid()).gr_name
NFT = ("nft", "--check", "--file", "-")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_get_mode_and_group_and_their_parents_are_open(tmp_path: Path) -> None:
    folder = Folder(f"{tmp_path}/state/dhcp/hosts.d", 0o750, GROUP)
    todo = host_files.plan([folder], [])
    old = os.umask(0o077)
    try:
        host_files.apply(todo, FakeRunner())
    finally:
        os.umask(old)

    assert [(change.kind, change.action) for change in todo.changes] == [("folder", "create")]
    assert mode_of(tmp_path / "state/dhcp/hosts.d") == 0o750
    assert [mode_of(tmp_path / name) for name in ("state", "state/dhcp")] == [0o755] * 2
    assert host_files.plan([folder], []).changes == []


def test_a_mode_that_differs_is_corrected(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (change,) = host_files.plan([Folder(str(tmp_path), 0o700, GROUP)], []).changes
    assert (change.action, change.before, change.after) == (
        "update",
        {"mode": "0755", "group": GROUP},
        {"mode": "0700", "group": GROUP},
    )


@pytest.mark.parametrize("have", [None, (b"a\nb\n", 0o644), (b"a\nc\n", 0o600), (b"a\0", 0o644), (b"a\nc\n", 0o4644)])
def test_files_that_differ_are_written_and_those_that_do_not_stay(
    tmp_path: Path, have: tuple[bytes, int] | None
) -> None:
    path = tmp_path / "x.conf"
    if have is not None:
        path.write_bytes(have[0])
        path.chmod(have[1])
    file = File(str(path), b"a\nc\n", 0o644)
    todo = host_files.plan([], [file])
    assert todo.paths == [str(path)]
    host_files.apply(todo, FakeRunner())
    assert (path.read_bytes(), mode_of(path)) == (b"a\nc\n", 0o644)

    inode = path.stat().st_ino
    again = host_files.plan([], [file])
    host_files.apply(again, FakeRunner())
    assert (again.changes, path.stat().st_ino) == ([], inode)


def test_a_change_shows_the_lines_that_differ_or_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_text("a\nb\n")
    path.chmod(0o644)
    (text,) = host_files.plan([], [File(str(path), b"a\nc\n", 0o644)]).changes
    assert (text.before, text.after) == ({"mode": "0644", "lines": ["b"]}, {"mode": "0644", "lines": ["c"]})
    (binary,) = host_files.plan([], [File(str(path), b"a\0", 0o755)]).changes
    assert [sorted(each or {}) for each in (binary.before, binary.after)] == [["mode", "sha256"]] * 2


def test_systemd_reads_its_units_again_if_one_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_files, "UNIT_DIR", str(tmp_path))
    runner = FakeRunner().tell("systemctl", "daemon-reload")
    host_files.apply(host_files.plan([], [File(f"{tmp_path}/slices-x.service", b"[Unit]\n", 0o644)]), runner)
    assert runner.argvs == [["systemctl", "daemon-reload"]]


def test_rules_that_nft_refuses_are_not_installed(tmp_path: Path) -> None:
    todo = host_files.plan([], [File(f"{tmp_path}/x.nft", b"tabel ip x {}", 0o644), File(f"{tmp_path}/y", b"", 0o644)])
    runner = FakeRunner().tell(*NFT, rc=1, stderr="/dev/stdin:1:1-5: Error: syntax error\n")
    with pytest.raises(SlicesError) as refused:
        host_files.check_rules(todo, runner, missing_ok=True)
    assert refused.value.message == f"nft refuses {tmp_path}/x.nft: /dev/stdin:1:1-5: Error: syntax error"
    assert runner.stdins == ["tabel ip x {}"]


@pytest.mark.parametrize(("missing_ok", "refused"), [(True, False), (False, True)])
def test_check_mode_plans_for_a_host_without_nft(tmp_path: Path, missing_ok: bool, refused: bool) -> None:
    todo = host_files.plan([], [File(f"{tmp_path}/x.nft", b"", 0o644)])
    runner = FakeRunner().tell(*NFT, rc=NOT_FOUND, stderr="nft: command not found")
    try:
        host_files.check_rules(todo, runner, missing_ok=missing_ok)
    except SlicesError:
        assert refused
    else:
        assert not refused


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SlicesError, match="file exists and is not a folder"):
        host_files.plan([Folder(f"{tmp_path}/file", 0o755)], [])
    with pytest.raises(SlicesError, match="exists and is a folder"):
        host_files.plan([], [File(str(tmp_path), b"", 0o644)])
    with pytest.raises(SlicesError, match=f"folder {tmp_path}/none does not exist"):
        host_files.apply(host_files.plan([], [File(f"{tmp_path}/none/x", b"", 0o644)]), FakeRunner())
    with pytest.raises(SlicesError, match=r"new: group no-such-group does not exist"):
        host_files.apply(host_files.plan([Folder(f"{tmp_path}/new", 0o755, "no-such-group")], []), FakeRunner())
