# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import runner as runners
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import worker_orphans
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.orphans import SLICE, Orphan
from ansible_collections.cloudrepo.slices.plugins.modules import host_retire

from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner, uuid
from .documented import check_changes

NOTHING = '{"headings": [], "data": []}\n' * 4
CLOUD = {"cloud_uuid": uuid(1), "cloud_title": "lab", "cloud_incarnation": uuid(2)}


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runner: FakeRunner, **args: Any) -> dict[str, Any]:
    return modules.run(monkeypatch, host_retire, runner, **{"role": "network_node", "state_dir": str(tmp_path), **args})


def test_check_mode_predicts_removals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "roles.json").write_text('["worker", "network_node"]')
    (tmp_path / "names").mkdir()

    def looked_at() -> FakeRunner:
        found = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
        return found.tell("systemctl", "show", MORE).tell("nft", "--stateless", MORE, rc=runners.NOT_FOUND)

    first = run(monkeypatch, tmp_path, looked_at(), _ansible_check_mode=True, _ansible_diff=True)
    check_changes("host_retire", first)
    assert (first["changed"], first["roles"]) == (True, ["worker"])
    assert f"path {tmp_path}/names" in first["diff"]["before"]
    assert (tmp_path / "names").is_dir()

    second = run(monkeypatch, tmp_path, looked_at().tell("systemctl", "daemon-reload"))
    assert second["changes"] == first["changes"]
    assert not (tmp_path / "names").exists()
    assert run(monkeypatch, tmp_path, FakeRunner())["changed"] is False


def test_a_host_of_another_cloud_is_not_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "roles.json").write_text('["network_node"]')
    claim = {"uuid": uuid(9), "title": "theirs", "incarnation": uuid(8), "since": "2026-01-31T12:00:00Z"}
    (tmp_path / "cloud.json").write_text(json.dumps({**claim, "controller": "controller1"}))
    result = run(monkeypatch, tmp_path, FakeRunner(), **CLOUD)
    assert result["failed"]
    assert "theirs" in result["msg"]
    assert (tmp_path / "roles.json").exists()


def test_a_worker_with_a_vm_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "roles.json").write_text('["worker"]')
    port = {"cloudrepo-slice": "1000"}
    orphan = Orphan(SLICE, 1000, None, holds=("port tap_1001_eth0",))
    monkeypatch.setattr(worker_orphans, "observe", lambda _runner, **_named: port)
    monkeypatch.setattr(worker_orphans, "find", lambda _known, _held: (orphan,))
    result = run(monkeypatch, tmp_path, FakeRunner(), role="worker")
    assert result["failed"]
    assert result["refusals"][0]["code"] == "worker_in_use"
    assert "delete its VMs and remove its orphans" in result["msg"]
    assert (tmp_path / "roles.json").exists()


def test_a_host_that_never_was_a_worker_is_not_changed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = run(monkeypatch, tmp_path, FakeRunner(), role="worker")
    assert (result["changed"], result["roles"]) == (False, [])
    assert list(tmp_path.iterdir()) == []
