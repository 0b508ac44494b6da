# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start-ups run in a real shell, which replaces the guest."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import probes, readiness, startup
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import startup_notes
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.startup import Guest
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError

from .qemu.consoles import ShellConsole

ID, UUID = "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4", "0b9d4f5c-52a1-4b0e-9b7e-2f6a3d1c8e02"


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark = {"slice_id": 1000, "slice_uuid": None, "vm_id": 1001, "vm_uuid": UUID, "name": "vm1", "disks": {}}
    (folder / "identity.json").write_text(json.dumps(mark))
    return Guest(1001, UUID, "web/vm1", f"{folder}/vm1_img.qcow2", ID, 1, 1, 60)


@contextmanager
def opened(_path: str, *, timeout_s: float) -> Iterator[ShellConsole]:
    assert timeout_s > 0
    shell = ShellConsole()
    try:
        yield shell
    finally:
        shell.close()


def run(guest: Guest, tmp_path: Path, given: dict[str, Any], **others: Any) -> Refusal | None:
    options = {"open_console": opened, "wait": lambda _guest, _deadline: None, **others}
    (refusal,) = startup.run_all([guest], {1001: json.dumps(given)}, state_dir=str(tmp_path), **options).values()
    return refusal


def log(guest: Guest) -> str:
    path = Path(guest.disk).parent / startup.LOG
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text(encoding="utf-8")


def test_files_are_written_then_commands_run_and_the_disk_has_had_it(guest: Guest, tmp_path: Path) -> None:
    content = 'it\'s "{{ 7 }}" $HOME `id` \\n\tü\r\n' + "x" * 5000 + "\n\n"
    target = tmp_path / "etc/a b/it's"
    given = {
        "files": [
            {"path": str(target), "content": content, "mode": "0600"},
            {"path": f"{tmp_path}/empty", "content": ""},
        ],
        "commands": [f"cat '{tmp_path}/empty'; cp {tmp_path}/etc/a*/it* {tmp_path}/copy; echo copied", "cd /; pwd"],
    }
    assert startup.due([guest]) == [guest]
    assert run(guest, tmp_path, given) is None
    assert (tmp_path / "copy").read_bytes() == target.read_bytes() == content.encode()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (target, tmp_path / "empty")]
    assert modes == [0o600, 0o644]
    assert [path.name for path in target.parent.iterdir()] == ["it's"]
    assert startup.due([guest]) == []
    assert startup.due([replace(guest, startup_id="f" * 32)]) != []
    assert "\ncopied\n[0]\n$ command 2 (cd /; pwd)\n/\n[0]\ndone\n" in log(guest)
    assert content not in log(guest)


def test_a_command_that_fails_ends_it_and_it_begins_anew(guest: Guest, tmp_path: Path) -> None:
    given = {"commands": ["true", "echo one; echo two; exit 7", f"touch {tmp_path}/late"]}
    refusal = run(guest, tmp_path, given)
    assert refusal is not None
    assert refusal.message == (
        "VM web/vm1 (1001): command 2 of the start-up (echo one; echo two; exit 7) failed with return code 7: one | "
        "two; correct it, and deploy again"
    )
    assert not (tmp_path / "late").exists()
    assert startup.due([guest]) == [guest]
    assert log(guest).endswith(f"one\ntwo\n[7]\n{refusal.message}\n")


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("", "no output"),
        ("\n a \n\n\x1b[31mred\x1b[0m\n", "a | red"),
        ("x" * 280, "x" * 280),
        ("x" * 281, "…" + "x" * 280),
    ],
)
def test_the_end_of_an_output_is_shown_as_one_line(output: str, shown: str) -> None:
    assert startup.shown(output) == shown


def test_a_file_that_cannot_be_written(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal = run(guest, tmp_path, {"files": [{"path": f"{tmp_path}/file/a", "content": "secret"}]})
    assert refusal is not None
    begin = f"VM web/vm1 (1001): file {tmp_path}/file/a could not be written (return code 1): "
    assert refusal.message.startswith(begin)
    assert "secret" not in refusal.message + log(guest)


def test_a_command_that_does_not_end_is_cut_off(guest: Guest, tmp_path: Path) -> None:
    short = replace(guest, timeout_s=5)
    refusal = run(short, tmp_path, {"commands": ["echo begun; sleep 100"]})
    assert refusal is not None
    assert refusal.message == (
        "VM web/vm1 (1001): command 1 (echo begun; sleep 100) of the start-up did not end: the command timed out and "
        "was interrupted; a start-up ends within 5 s; its output: begun; correct it, or set a longer timeout_s, "
        "and deploy again"
    )
    assert startup.due([short]) == [short]


def test_output_without_end_is_cut(guest: Guest, tmp_path: Path) -> None:
    assert run(guest, tmp_path, {"commands": ["head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end"]}) is None
    assert len(log(guest)) < 200_000
    assert log(guest).endswith("x\nend\n[0]\ndone\n")


def _closed(_path: str, *, timeout_s: float) -> AbstractContextManager[ShellConsole]:
    raise SlicesError(f"no console, {timeout_s > 0}")


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"wait": lambda _guest, _deadline: "its serial console is busy"}, "its serial console is busy"),
        ({"open_console": _closed}, "no console, True"),
    ],
)
def test_a_guest_without_a_prompt(guest: Guest, tmp_path: Path, others: dict[str, Any], why: str) -> None:
    refusal = run(guest, tmp_path, {"commands": ["true"]}, **others)
    assert refusal is not None
    assert refusal.message == (
        f"VM web/vm1 (1001): the start-up did not begin within 60 s: {why}; check the console of the guest, and "
        "deploy again"
    )
    assert startup.due([guest]) == [guest]


def test_a_guest_that_does_not_run_is_waited_for_until_its_time_is_over(guest: Guest, tmp_path: Path) -> None:
    short = replace(guest, vm_id=9_999_999, vm_uuid="", timeout_s=1)
    (refusal,) = startup.run_all([short], {9_999_999: "{}"}, state_dir=str(tmp_path)).values()
    assert refusal is not None
    assert "within 1 s: it does not run on this host" in refusal.message


@pytest.mark.parametrize(("ready_when", "asked"), [("console", ["console"]), ("cloud_init", ["cloud_init", "console"])])
def test_a_guest_is_asked_until_it_is_ready(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_when: str, asked: list[str]
) -> None:
    checks: list[str] = []

    def probe(check: probes.Check, *, state_dir: str) -> str | None:
        assert (check.vm_id, check.vm_uuid, state_dir) == (1001, UUID, str(tmp_path))
        checks.append(check.check)
        return "not yet" if checks.count(check.check) < 3 else None

    monkeypatch.setattr(probes, "probe", probe)
    monkeypatch.setattr(readiness, "PAUSE_S", 0)
    given = replace(guest, ready_when=ready_when)
    assert list(startup.run_all([given], {1001: "{}"}, state_dir=str(tmp_path), open_console=opened).values()) == [None]
    assert checks == [each for each in asked for _time in range(3)]


def test_another_vm_with_the_same_id_is_left_alone(guest: Guest, tmp_path: Path) -> None:
    other = replace(guest, vm_uuid="7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11")
    refusal = run(other, tmp_path, {"commands": [f"touch {tmp_path}/done"]})
    assert refusal is not None
    assert refusal.code == "not_this_vm"
    assert not (tmp_path / "done").exists()


def test_a_slow_guest_does_not_affect_another(guest: Guest, tmp_path: Path) -> None:
    second = replace(guest, vm_id=1002, vm_uuid="", disk=f"{tmp_path}/vms/1002/vm2_img.qcow2")
    Path(second.disk).parent.mkdir()

    def wait(each: Guest, _deadline: float) -> str | None:
        return "late" if each is guest else None

    texts = dict.fromkeys((1001, 1002), '{"commands": ["true"]}')
    found = startup.run_all([guest, second], texts, state_dir=str(tmp_path), open_console=opened, wait=wait)
    assert [refusal and refusal.code for refusal in found.values()] == ["startup_not_begun", None]
    assert (startup_notes.read(guest.disk), startup_notes.read(second.disk)) == (None, ID)


@pytest.fixture
def reached(guest: Guest) -> Guest:
    return replace(guest, via="ssh", address="192.168.0.2", user="debian", shell="sudo -i")


@contextmanager
def shell(guest: Guest, deadline: float) -> Iterator[ShellConsole]:
    assert (guest.address, deadline > 0) == ("192.168.0.2", True)
    with opened("", timeout_s=1) as console:
        yield console


def test_what_ran_over_ssh_is_recorded_on_the_worker(reached: Guest, tmp_path: Path) -> None:
    given = {"files": [{"path": f"{tmp_path}/a", "content": "one\n"}], "commands": [f"cat {tmp_path}/a", "echo $-"]}
    taken = startup.run_over_ssh([reached], {1001: json.dumps(given)}, shell)
    assert startup.due([reached]) == [reached]
    assert startup.record_all([reached], startup.read_taken(taken), state_dir=str(tmp_path)) == {1001: None}
    assert startup.due([reached]) == []
    assert f"$ command 1 (cat {tmp_path}/a)\none\n[0]\n" in log(reached)
    assert log(reached).endswith("done\n")


def test_a_command_that_fails_over_ssh_is_told_as_on_the_console(reached: Guest, tmp_path: Path) -> None:
    taken = startup.run_over_ssh([reached], {1001: '{"commands": ["echo no; exit 3"]}'}, shell)
    (refusal,) = startup.record_all([reached], taken, state_dir=str(tmp_path)).values()
    assert refusal is not None
    assert refusal.message == (
        "VM web/vm1 (1001): command 1 of the start-up (echo no; exit 3) failed with return code 3: no; correct it, and "
        "deploy again"
    )
    assert log(reached).endswith(f"no\n[3]\n{refusal.message}\n")
    assert startup.due([reached]) == [reached]


@pytest.mark.parametrize(
    "error", [SlicesError("Permission denied (publickey)."), OSError("Permission denied (publickey).")]
)
def test_a_guest_that_cannot_be_reached_over_ssh(reached: Guest, tmp_path: Path, error: Exception) -> None:
    def refused(_guest: Guest, _deadline: float) -> AbstractContextManager[ShellConsole]:
        raise error

    taken = startup.run_over_ssh([reached], {1001: "{}"}, refused)
    (refusal,) = startup.record_all([reached], taken, state_dir=str(tmp_path)).values()
    assert refusal is not None
    assert refusal.message == (
        "VM web/vm1 (1001): debian got no root shell over ssh at 192.168.0.2 within 60 s: Permission denied "
        "(publickey).; check the guest's ssh server, and the key of this user, and deploy again"
    )


def test_cloud_init_is_awaited_over_ssh(reached: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/cloud-init"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    waiting = replace(reached, ready_when="cloud_init")
    taken = startup.run_over_ssh([waiting], {1001: json.dumps({"commands": [f"cat {tmp_path}/asked"]})}, shell)
    assert startup.record_all([waiting], taken, state_dir=str(tmp_path)) == {1001: None}
    assert "status --wait\n[0]\n" in log(waiting)
    program.write_text("#!/bin/sh\nsleep 100\n")
    taken = startup.run_over_ssh([replace(waiting, timeout_s=2)], {1001: "{}"}, shell)
    (refusal,) = startup.record_all([waiting], taken, state_dir=str(tmp_path)).values()
    assert refusal is not None
    assert "within 2 s: cloud-init has not finished: the command timed out" in refusal.message


def test_another_vm_on_the_worker_gets_no_record(reached: Guest, tmp_path: Path) -> None:
    other = replace(reached, vm_uuid="7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11")
    (refusal,) = startup.record_all([other], {1001: startup.Taken("", None).text()}, state_dir=str(tmp_path)).values()
    assert refusal is not None
    assert (refusal.code, startup.due([other])) == ("not_this_vm", [other])


def test_a_shell_after_a_login_keeps_no_history(reached: Guest, guest: Guest, tmp_path: Path) -> None:
    given = {1001: json.dumps({"commands": ['echo "history: ${HISTFILE-none}"']})}

    @contextmanager
    def keeping(*_args: Any, **_options: Any) -> Iterator[ShellConsole]:
        with opened("", timeout_s=1) as console:
            console.send("HISTFILE=/kept; PS1='# '\n")
            yield console

    startup.record_all([reached], startup.run_over_ssh([reached], given, keeping), state_dir=str(tmp_path))
    assert "history: none" in log(reached)
    for user, kept in (("root", "none"), (None, "/kept")):
        startup_notes.forget(guest.disk)
        options = {"open_console": keeping, "wait": lambda _guest, _deadline: None}
        startup.run_all([replace(guest, user=user)], given, state_dir=str(tmp_path), **options)  # type: ignore[arg-type]
        assert f"history: {kept}" in log(guest)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"log": ""}', '{"log": "", "refusal": {"code": "x"}}'])
def test_a_malformed_result_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(Refused) as refused:
        startup.read_taken({"1001": text})
    assert refused.value.message == "VM 1001: a result of a start-up must be one that this collection has made"


def test_a_guest_without_an_address_is_not_reached_over_ssh(reached: Guest, tmp_path: Path) -> None:
    (refusal,) = startup.faults([replace(reached, address=None)], str(tmp_path))
    assert refusal.code == "startup_needs_address"
    assert startup.faults([reached], str(tmp_path)) == []


@pytest.mark.parametrize("name", ["startup.log", "vm1_img.qcow2.startup"])
def test_a_file_that_somebody_has_replaced_does_not_affect_another(guest: Guest, tmp_path: Path, name: str) -> None:
    second = replace(guest, vm_id=1002, vm_uuid="", disk=f"{tmp_path}/vms/1002/vm2_img.qcow2")
    Path(second.disk).parent.mkdir()
    obstacle = Path(guest.disk).parent / name
    obstacle.mkdir()
    assert startup.due([guest, second]) == [guest, second]
    texts = {1001: json.dumps({"commands": [f"touch {tmp_path}/begun"]}), 1002: '{"commands": ["true"]}'}
    options = {"open_console": opened, "wait": lambda _guest, _deadline: None}
    first, other = startup.run_all([guest, second], texts, state_dir=str(tmp_path), **options).values()
    assert other is None
    assert startup_notes.read(second.disk) == ID
    assert first is not None
    assert first.message.startswith(f"VM web/vm1 (1001): the start-up was not completed: {obstacle.parent}/")
    assert name in first.message
    assert first.message.endswith("next to the disk; move them away, and deploy again")
    assert (tmp_path / "begun").exists() is (name == startup.LOG), "it runs only if that can be noted"


def test_the_disk_is_in_the_folder_of_the_vm(guest: Guest, tmp_path: Path) -> None:
    assert startup.faults([guest], str(tmp_path)) == []
    (refusal,) = startup.faults([replace(guest, disk="/etc/x.qcow2")], str(tmp_path))
    assert refusal.message == (
        f"VM web/vm1 (1001): a disk must be a .qcow2 file in {tmp_path}/vms/1001, got '/etc/x.qcow2'"
    )


def test_a_diff_has_the_number_of_files_and_commands(guest: Guest) -> None:
    assert startup.change_of(replace(guest, files=2, commands=3)) == {"files": 2, "commands": 3}
