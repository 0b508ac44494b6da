# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, revisions, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder
from ansible_collections.cloudrepo.slices.plugins.modules import applied_orders_info

from ..module_utils._host.fakes import PASSWORD_ID, mark, uuid


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def call(**arguments: Any) -> dict[str, Any]:
        with patch_module_args({"state_dir": str(tmp_path), **arguments}), pytest.raises(SystemExit):
            applied_orders_info.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call


def test_applied_orders_are_returned_by_kind(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    assert (run()["worker"], run()["network_node"]) == ([], [])
    seen = [{"slice_id": 1000, "vm_id": 1001, "state": "running", "pid": "7"}]
    order = SliceOrder(1000, (), revision=5, record="{}")
    applied_orders.note([order], seen, state_dir=str(tmp_path), kind=revisions.WORKER)
    result = run()
    vms = [{"vm_id": 1001, "state": "running", "pid": "7"}]
    assert result["worker"] == [{"slice_id": 1000, "record": "{}", "revision": 5, "vms": vms}]
    assert (result["network_node"], result["changed"], "displays" in result) == ([], False, False)


def test_passwords_are_returned_separately(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    for vm_id in (1001, 1002):
        folder = tmp_path / "vms" / str(vm_id)
        folder.mkdir(parents=True)
        mark(folder, 1000, vm_uuid=uuid(vm_id))
    (tmp_path / "vms/1001/vnc.id").write_text(f"{PASSWORD_ID}\n")
    (tmp_path / "vms/1001/vnc.secret").write_text("hMr3kWpa")
    result = run(displays=True)
    assert result["displays"] == [
        {"vm_id": 1001, "password_id": PASSWORD_ID, "password": "hMr3kWpa", "vm_uuid": uuid(1001)}
    ]
    assert "worker" not in result


def test_an_empty_folder_of_a_prepared_host_is_refused(
    run: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "UNIT_DIR", str(tmp_path))
    (tmp_path / "slices-lost@.service").write_text(f"ExecStart=/lib/slices-host list-lost {tmp_path}\n")
    assert [run(displays=displays)["refusals"][0]["code"] for displays in (False, True)] == ["claim_missing"] * 2


def test_a_damaged_file_is_an_error(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "applied/worker").mkdir(parents=True)
    path = tmp_path / "applied/worker/1000.json"
    path.write_text("{")
    result = run()
    assert result["failed"]
    assert result["path"] == str(path)
