# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import console_log_info

from ..module_utils._host import modules
from ..module_utils._host.fakes import mark, uuid


def test_the_last_lines_of_the_logs_on_this_host_are_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "console.log").write_text("one\ntwo\nthree\n")
    result = modules.run(monkeypatch, console_log_info, vm_ids=[1001, 1002], lines=2, state_dir=str(tmp_path))
    assert (result["changed"], result["consoles"]) == (False, [{"vm_id": 1001, "lines": ["two", "three"]}])


def test_the_number_of_lines_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    result = modules.run(monkeypatch, console_log_info, vm_ids=[1001], lines=0)
    assert "lines must be an integer, 1-1000" in result["msg"]


def test_the_log_of_another_vm_with_the_same_id_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for vm_id in (1001, 1002):
        folder = tmp_path / f"vms/{vm_id}"
        folder.mkdir(parents=True)
        mark(folder, vm_uuid=uuid(vm_id % 1000))
        (folder / "console.log").write_text("one\n")
    args = {"vm_ids": [1001, 1002], "vm_uuids": {1001: uuid(1), "1002": uuid(9)}, "state_dir": str(tmp_path)}
    result = modules.run(monkeypatch, console_log_info, **args)
    assert [each["vm_id"] for each in result["consoles"]] == [1001]
