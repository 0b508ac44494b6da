# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.modules import topology_import

from ..module_utils._domain import builders
from .module_calls import Door, Memory

LAB = "name: lab\nnodes: [a, b]\nmodule: [ospf]\nlinks: [a-b]\n"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the module in this process and return its result."""
    from ansible.module_utils import basic

    def run(**arguments: Any) -> dict[str, Any]:
        own = {"_ansible_remote_tmp": str(tmp_path), "_ansible_tmpdir": str(tmp_path), "_ansible_check_mode": False}
        args = {"ANSIBLE_MODULE_ARGS": {**own, "flavor": "cirros", **arguments}}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(args).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        with pytest.raises(SystemExit):
            topology_import.main()
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def test_a_converted_file_can_be_deployed_without_changes(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, dest = tmp_path / "lab.yml", tmp_path / "slice.yml"
    source.write_text(LAB)
    done = call(src=str(source), dest=str(dest))
    assert done["changed"]
    assert done["format"] == "netlab"
    assert done["not_imported"] == [{"line": 3, "what": "module", "count": 1}]
    assert done["not_imported_lines"] == ["line 3: module"]
    written = yaml.safe_load(dest.read_text())
    assert written == {"slices": [done["slice"]]}
    door = Door(Memory(builders.cluster()), monkeypatch)
    assert door("slice", **written)["changed"]
    assert not door("slice", **written)["changed"]


def test_a_second_run_changes_nothing_and_check_mode_writes_nothing(call: Any, tmp_path: Path) -> None:
    source, dest = tmp_path / "lab.yml", tmp_path / "slice.yml"
    source.write_text(LAB)
    planned = call(src=str(source), dest=str(dest), _ansible_check_mode=True)
    assert planned["changed"]
    assert not dest.exists()
    done = call(src=str(source), dest=str(dest), mode="0600")
    assert done["diff"]["after"] == planned["diff"]["after"] == dest.read_text()
    assert dest.stat().st_mode & 0o777 == 0o600
    assert not call(src=str(source), dest=str(dest), mode="0600")["changed"]
    assert not call(src=str(source))["changed"]


@pytest.mark.parametrize(
    ("content", "code", "why"),
    [
        (None, "file_unreadable", "No such file"),
        (b"\xff\xfe\x00", "file_unreadable", "can't decode"),
        (b"a: [\n", "topology_unreadable", "line 2: "),
        (b"<a>", "topology_unreadable", "line 1: "),
    ],
)
def test_an_unreadable_file_is_reported(call: Any, tmp_path: Path, content: bytes | None, code: str, why: str) -> None:
    source = tmp_path / "lab.yml"
    if content is not None:
        source.write_bytes(content)
    done = call(src=str(source))
    assert done["failed"]
    assert str(source) in done["msg"]
    (refusal,) = done["refusals"]
    assert refusal["code"] == code
    assert why in refusal["figures"]["why"]
