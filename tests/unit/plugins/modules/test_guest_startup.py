# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import startup
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import startup_notes
from ansible_collections.cloudrepo.slices.plugins.modules import guest_startup

from ..module_utils._host import modules
from ..module_utils._host.test_startup import opened

ID = "0d9c8b7a65f4e3d2c1b0a9f8e7d6c5b4"
SECRET = "hunter2-Zq8"


@pytest.fixture(autouse=True)
def shells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests are ready, with a shell of this machine on their consoles."""
    run_all = startup.run_all
    ready = {"open_console": opened, "wait": lambda _guest, _deadline: None}
    monkeypatch.setattr(startup, "run_all", lambda *args, **options: run_all(*args, **options, **ready))


def guest(folder: Path, vm_id: int = 1001, **fields: Any) -> dict[str, Any]:
    place = folder / f"vms/{vm_id}"
    place.mkdir(parents=True, exist_ok=True)
    known = {"vm_id": vm_id, "vm_uuid": "", "name": f"web/vm{vm_id}", "slice_id": 1000}
    return {**known, "disk": f"{place}/a_img.qcow2", "startup_id": ID, "files": 1, "commands": 2, **fields}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *guests: dict[str, Any], **args: Any) -> dict[str, Any]:
    return modules.run(monkeypatch, guest_startup, vms=list(guests), state_dir=str(folder), **args)


def test_a_start_up_runs_once_for_each_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"1001": json.dumps({"commands": [f"echo {SECRET} >> {tmp_path}/a"]})}
    done = run(monkeypatch, tmp_path, guest(tmp_path), startups=texts)
    assert (done["changed"], done["missing_startups"], done["failed_startups"]) == (True, [], [])
    assert done["diff"]["after"] == "startup web/vm1001 (1001): files 1, commands 2\n"
    assert [(change["slice_id"], change["action"]) for change in done["changes"]] == [(1000, "run")]
    again = run(monkeypatch, tmp_path, guest(tmp_path), startups=texts)
    assert (again["changed"], again["changes"]) == (False, [])
    assert (tmp_path / "a").read_text() == f"{SECRET}\n"
    assert SECRET not in json.dumps([done, again])
    startup_notes.forget(guest(tmp_path)["disk"])
    assert run(monkeypatch, tmp_path, guest(tmp_path), startups=texts)["changed"]


def test_check_mode_lists_what_would_run_without_the_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = run(monkeypatch, tmp_path, guest(tmp_path), _ansible_check_mode=True)
    assert (done["changed"], done["missing_startups"]) == (True, [])
    assert done["diff"]["after"] == "startup web/vm1001 (1001): files 1, commands 2\n"
    assert startup_notes.read(guest(tmp_path)["disk"]) is None


def test_a_start_up_without_its_text_is_listed_and_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"1002": '{"commands": ["true"]}'}
    done = run(monkeypatch, tmp_path, guest(tmp_path), guest(tmp_path, 1002), startups=texts)
    assert (done["missing_startups"], [change["id"] for change in done["changes"]]) == ([1001], [1002])
    assert run(monkeypatch, tmp_path, guest(tmp_path))["changed"] is False


def test_one_that_fails_is_told_and_does_not_affect_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"1001": '{"commands": ["echo no; exit 3"]}', "1002": '{"commands": ["true"]}'}
    done = run(monkeypatch, tmp_path, guest(tmp_path), guest(tmp_path, 1002, slice_id=1003), startups=texts)
    message = (
        "VM web/vm1001 (1001): command 1 of the start-up (echo no; exit 3) failed with return code 3: no; correct it, "
        "and deploy again"
    )
    assert (done["failed"], done["changed"], done["msg"]) == (True, True, message)
    assert done["failed_startups"] == [{"vm_id": 1001, "slice_id": 1000, "failure": message}]
    assert startup_notes.read(guest(tmp_path, 1002)["disk"]) == ID


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"startup_id": "x"}, "startup_id must be 32 hexadecimal digits"),
        ({"vm_uuid": "x"}, "vm_uuid must be empty or a UUID in lower case"),
        ({"disk": "/a/../b.qcow2"}, "disk must be the absolute path of a .qcow2 file"),
        ({"disk": "/etc/a.qcow2"}, "a disk must be a .qcow2 file in "),
        ({"timeout_s": 0}, "timeout_s must be an integer, 1-86400"),
        ({"user": "a\nb"}, "user must be empty or 1-200 printable ASCII characters"),
        ({"password": "a\nb"}, "password must be empty or 1-200 printable ASCII characters"),
        ({"shell": "a\nb"}, "shell must be empty or 1-200 printable ASCII characters"),
    ],
)
def test_invalid_arguments_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fields: dict[str, Any], told: str
) -> None:
    assert told in run(monkeypatch, tmp_path, guest(tmp_path, **fields))["msg"]


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"1001": f'{{"commands": ["{SECRET}", ""]}}'}, "VM 1001: a start-up must be valid"),
        ({"x": "{}"}, "settings: the keys of startups must be ids of VMs, got 'x'"),
    ],
)
def test_invalid_texts_are_refused_without_showing_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, texts: dict[str, str], told: str
) -> None:
    done = run(monkeypatch, tmp_path, guest(tmp_path), startups=texts)
    assert done["msg"] == told
    assert SECRET not in json.dumps(done)
