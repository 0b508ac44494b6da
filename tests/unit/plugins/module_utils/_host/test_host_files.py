# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_files, unit_overrides
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.files import File
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_files import Folder, Installation, Wanted
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import NOT_FOUND
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .fakes import FakeRunner
from .test_host_units import ENABLE, FLOWS, SHOW, shown

GROUP = grp.getgrgid(os.getgid()).gr_name
NFT = ("nft", "--check", "--file", "-")


def plan(**wanted: Any) -> Installation:
    """Return the plan for a host whose nft accepts all files."""
    runner = FakeRunner()
    if any(file.path.endswith(".nft") for file in wanted.get("files", ())):
        runner.tell(*NFT)
    return host_files.plan(Wanted(**wanted), runner)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_get_mode_and_group_and_their_parents_are_readable(tmp_path: Path) -> None:
    folder = Folder(f"{tmp_path}/state/dhcp/hosts.d", 0o750, GROUP)
    todo = plan(folders=(folder,))
    old = os.umask(0o077)
    try:
        host_files.apply(todo, FakeRunner())
    finally:
        os.umask(old)

    assert [(change.kind, change.action) for change in todo.changes] == [("folder", "create")]
    assert mode_of(tmp_path / "state/dhcp/hosts.d") == 0o750
    assert [mode_of(tmp_path / name) for name in ("state", "state/dhcp")] == [0o755] * 2
    assert plan(folders=(folder,)).changes == []


def test_a_mode_that_differs_is_corrected(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (change,) = plan(folders=(Folder(str(tmp_path), 0o700, GROUP),)).changes
    assert (change.action, change.before, change.after) == (
        "update",
        {"mode": "0755", "group": GROUP},
        {"mode": "0700", "group": GROUP},
    )


@pytest.mark.parametrize("have", [None, (b"a\nb\n", 0o644), (b"a\nc\n", 0o600), (b"a\0", 0o644), (b"a\nc\n", 0o4644)])
def test_only_files_that_differ_are_written(tmp_path: Path, have: tuple[bytes, int] | None) -> None:
    path = tmp_path / "x.conf"
    if have is not None:
        path.write_bytes(have[0])
        path.chmod(have[1])
    file = File(str(path), b"a\nc\n", 0o644)
    todo = plan(files=(file,))
    assert todo.paths == [str(path)]
    host_files.apply(todo, FakeRunner())
    assert (path.read_bytes(), mode_of(path)) == (b"a\nc\n", 0o644)

    inode = path.stat().st_ino
    again = plan(files=(file,))
    host_files.apply(again, FakeRunner())
    assert (again.changes, path.stat().st_ino) == ([], inode)


def test_a_change_contains_differing_lines_or_a_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    path.write_text("a\nb\n")
    path.chmod(0o644)
    (text,) = plan(files=(File(str(path), b"a\nc\n", 0o644),)).changes
    assert (text.before, text.after) == ({"mode": "0644", "lines": ["b"]}, {"mode": "0644", "lines": ["c"]})
    (binary,) = plan(files=(File(str(path), b"a\0", 0o755),)).changes
    assert [sorted(each or {}) for each in (binary.before, binary.after)] == [["mode", "sha256"]] * 2


def test_systemd_reads_its_units_again_if_one_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_files, "UNIT_DIR", str(tmp_path))
    runner = FakeRunner().tell("systemctl", "daemon-reload")
    host_files.apply(plan(files=(File(f"{tmp_path}/slices-x.service", b"[Unit]\n", 0o644),)), runner)
    assert runner.argvs == [["systemctl", "daemon-reload"]]


def test_rules_that_nft_refuses_are_not_installed(tmp_path: Path) -> None:
    todo = plan(
        files=(
            File(f"{tmp_path}/x.nft", b"tabel ip x {}", 0o644),
            File(f"{tmp_path}/y", b"", 0o644),
        )
    )
    runner = FakeRunner().tell(*NFT, rc=1, stderr="/dev/stdin:1:1-5: Error: syntax error\n")
    with pytest.raises(Refused) as caught:
        host_files.check_rules(todo, runner, missing_ok=True)
    (refusal,) = caught.value.refusals
    assert (refusal.code, refusal.object, refusal.figures["rc"]) == ("packet_rules_invalid", f"{tmp_path}/x.nft", 1)
    assert refusal.message == f"{tmp_path}/x.nft: nft rejects it: /dev/stdin:1:1-5: Error: syntax error"
    assert runner.stdins == ["tabel ip x {}"]


@pytest.mark.parametrize(("missing_ok", "refused"), [(True, False), (False, True)])
def test_check_mode_plans_for_a_host_without_nft(tmp_path: Path, missing_ok: bool, refused: bool) -> None:
    todo = plan(files=(File(f"{tmp_path}/x.nft", b"", 0o644),))
    runner = FakeRunner().tell(*NFT, rc=NOT_FOUND, stderr="nft: command not found")
    try:
        host_files.check_rules(todo, runner, missing_ok=missing_ok)
    except Refused:
        assert refused
    else:
        assert not refused


def test_conflicting_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    in_use = (
        " exists and is a {}, not a {}; files and folders of a role replace nothing else; rename or remove it".format
    )
    with pytest.raises(Refused) as caught:
        plan(folders=(Folder(f"{tmp_path}/file", 0o755),))
    assert [(each.code, each.message) for each in caught.value.refusals] == [
        ("path_in_use", f"{tmp_path}/file{in_use('file', 'folder')}")
    ]
    with pytest.raises(Refused) as caught:
        plan(files=(File(str(tmp_path), b"", 0o644),))
    assert [(each.code, each.message) for each in caught.value.refusals] == [
        ("path_in_use", f"{tmp_path}{in_use('folder', 'file')}")
    ]
    with pytest.raises(Refused) as caught:
        host_files.apply(plan(files=tuple(File(f"{tmp_path}/none/{name}", b"", 0o644) for name in "xy")), FakeRunner())
    assert [(each.code, each.message) for each in caught.value.refusals] == [
        ("folder_missing", f"folder {tmp_path}/none does not exist")
    ]
    with pytest.raises(Refused) as caught:
        host_files.apply(plan(folders=(Folder(f"{tmp_path}/new", 0o755, "no-such-group"),)), FakeRunner())
    assert [(each.code, each.message) for each in caught.value.refusals] == [
        ("group_missing", f"folder {tmp_path}/new: group no-such-group does not exist")
    ]


def test_rules_are_checked_after_their_users_were_created(tmp_path: Path) -> None:
    users = "u cloudrepo-0 -\n"
    sysusers = ("systemd-sysusers", "--dry-run", "-")
    runner = FakeRunner().tell(*sysusers, stderr="Creating user 'cloudrepo-0' (VMs) with UID 994 and GID 994.\n")
    todo = host_files.plan(Wanted(users=users, files=(File(f"{tmp_path}/x.nft", b"rules", 0o644),)), runner)
    runner.tell("systemd-sysusers", "-").tell(*NFT, rc=1, stderr="syntax error")
    with pytest.raises(Refused, match="syntax error"):
        host_files.apply(todo, runner)
    assert runner.stdins == [users, users, "rules"]
    assert not (tmp_path / "x.nft").exists()


def test_installing_rules_requires_nft(tmp_path: Path) -> None:
    users = "u cloudrepo-0 -\n"
    runner = FakeRunner().tell(
        "systemd-sysusers", "--dry-run", "-", stderr="Creating user 'cloudrepo-0' with UID 994.\n"
    )
    todo = host_files.plan(Wanted(users=users, files=(File(f"{tmp_path}/x.nft", b"rules", 0o644),)), runner)
    runner.tell("systemd-sysusers", "-").tell(*NFT, rc=NOT_FOUND, stderr="nft: command not found")
    with pytest.raises(Refused, match="command not found"):
        host_files.apply(todo, runner)
    assert not (tmp_path / "x.nft").exists()


def test_missing_users_are_created() -> None:
    users = "g cloudrepo -\nu cloudrepo-0 -\nm cloudrepo-0 kvm\n"
    said = "Creating group 'cloudrepo' with GID 995.\nCreating user 'cloudrepo-0' (VMs) with UID 994 and GID 994.\n"
    runner = FakeRunner().tell("systemd-sysusers", "--dry-run", "-", stderr=f"{said}Would write /etc/group…\n")
    todo = host_files.plan(Wanted(users=users), runner)
    host_files.apply(todo, runner.tell("systemd-sysusers", "-"))

    assert [(change.kind, change.id, change.action) for change in todo.changes] == [
        ("group", "cloudrepo", "create"),
        ("user", "cloudrepo-0", "create"),
    ]
    assert runner.stdins == [users, users]


def test_existing_users_are_not_changed() -> None:
    runner = FakeRunner().tell("systemd-sysusers", "--dry-run", "-")
    host_files.apply(host_files.plan(Wanted(users="g cloudrepo -\n"), runner), runner)
    assert len(runner.argvs) == 1


def test_units_are_started_last(tmp_path: Path) -> None:
    runner = FakeRunner().tell(*SHOW, FLOWS, stdout=shown(FLOWS, "inactive", "disabled"))
    todo = host_files.plan(Wanted(files=(File(f"{tmp_path}/x", b"", 0o644),), units=(FLOWS,)), runner)
    runner.on(*ENABLE, FLOWS, do=lambda _argv: (tmp_path / "x").rename(tmp_path / "was there"))
    host_files.apply(todo, runner)
    assert [change.kind for change in todo.changes] == ["file", "unit"]
    assert (tmp_path / "was there").exists()


def test_arguments_are_read_with_octal_modes() -> None:
    assert host_files.read_folder({"path": "/a", "mode": "0750", "group": "g"}) == Folder("/a", 0o750, "g")
    wanted = {"path": "/a/b", "mode": "0640", "content": "é\n"}
    assert host_files.read_file(wanted) == File("/a/b", "é\n".encode(), 0o640)


def test_a_group_without_a_name_is_shown_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    folder = Folder(f"{tmp_path}/a", (tmp_path / "a").stat().st_mode & 0o7777, GROUP)
    assert plan(folders=(folder,)).changes == []

    def getgrgid(_gid: int) -> Any:
        raise KeyError

    monkeypatch.setattr(grp, "getgrgid", getgrgid)
    (change,) = plan(folders=(folder,)).changes
    assert (change.before or {})["group"] == str(os.getgid())


def test_a_new_folder_is_closed_until_it_has_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    fchown = os.fchown

    def note(handle: int, uid: int, gid: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        fchown(handle, uid, gid)

    monkeypatch.setattr(os, "fchown", note)
    host_files.apply(plan(folders=(Folder(f"{tmp_path}/a", 0o755, GROUP),)), FakeRunner())
    assert (modes, mode_of(tmp_path / "a")) == ([0o700], 0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_another_owner_is_shown_and_replaced(tmp_path: Path) -> None:
    folder, path = tmp_path / "state", tmp_path / "x.service"
    folder.mkdir(mode=0o755)
    path.write_text("[Unit]\n")
    path.chmod(0o644)
    wanted = {"folders": (Folder(str(folder), 0o755, GROUP),), "files": (File(str(path), b"[Unit]\n", 0o644),)}
    assert plan(**wanted).changes == []
    for each in (folder, path):
        os.chown(each, 12345, -1)
    todo = plan(**wanted)
    assert [change.why for change in todo.changes] == ["owner 12345 → 0"] * 2
    host_files.apply(todo, FakeRunner())
    assert [each.stat().st_uid for each in (folder, path)] == [0, 0]
    assert plan(**wanted).changes == []


def test_a_link_in_place_of_a_file_is_shown_and_replaced(tmp_path: Path) -> None:
    """Also if the file that it leads to has the right content, because somebody else may write that one."""
    path, target = tmp_path / "x.conf", tmp_path / "elsewhere"
    target.write_text("a\n")
    target.chmod(0o644)
    path.symlink_to(target)
    todo = plan(files=(File(str(path), b"a\n", 0o644),))
    (change,) = todo.changes
    assert ((change.before or {})["type"], (change.after or {})["type"]) == ("symbolic link", "file")
    host_files.apply(todo, FakeRunner())
    assert (path.is_symlink(), path.read_text(), target.read_text()) == (False, "a\n", "a\n")


def test_a_fifo_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.conf")
    todo = plan(files=(File(f"{tmp_path}/x.conf", b"a\n", 0o644),))
    host_files.apply(todo, FakeRunner())
    assert (tmp_path / "x.conf").read_text() == "a\n"


def test_a_folder_may_be_a_link_of_the_administrator(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to(tmp_path / "large")
    folder = Folder(f"{tmp_path}/state", 0o755, GROUP)
    host_files.apply(plan(folders=(folder,)), FakeRunner())
    assert (tmp_path / "state").is_symlink()
    assert mode_of(tmp_path / "large") == 0o755
    assert plan(folders=(folder,)).changes == []


@pytest.mark.parametrize("name", ["slices-flows.service", "cloudrepo-.service.d/zz.conf"])
def test_overrides_of_the_hosts_units_are_removed_before_units_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A mask at runtime, and a drop-in beside that of all VMs."""
    path = tmp_path / name
    found = [(str(path),), ()]
    monkeypatch.setattr(unit_overrides, "observe", lambda _wanted: found.pop(0))
    monkeypatch.setattr(host_files, "UNIT_DIR", f"{tmp_path}/etc")
    (tmp_path / "etc").mkdir()
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    unit = tmp_path / "etc/slices-flows.service"
    wanted = {"files": (File(str(unit), b"[Unit]\n", 0o644),)}
    todo = plan(**wanted)
    assert [(change.kind, change.id) for change in todo.changes] == [
        ("file", str(unit)),
        ("unit override", str(path)),
    ]
    there: list[bool] = []
    runner = FakeRunner().on("systemctl", "daemon-reload", do=lambda _argv: there.append(path.exists()))
    if name.startswith("slices-"):
        runner.tell("systemctl", "try-restart", "--", "slices-flows.service")
    host_files.apply(todo, runner)
    assert there == [False, False]
    assert plan(**wanted).changes == []
