# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import stat

from ansible_collections.cloudrepo.slices.plugins.modules import host_tool

from ..module_utils._host import modules


def test_it_is_installed_once(monkeypatch, tmp_path):
    path = tmp_path / "slices-host"
    first = modules.run(monkeypatch, host_tool, path=str(path))
    assert first["changed"]
    assert first["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert not modules.run(monkeypatch, host_tool, path=str(path))["changed"]


def test_one_that_differs_is_replaced_and_told_of(monkeypatch, tmp_path):
    path = tmp_path / "slices-host"
    path.write_text("of an older version")
    path.chmod(0o644)
    plan = modules.run(monkeypatch, host_tool, path=str(path), _ansible_check_mode=True)
    assert plan["changed"]
    assert path.read_text() == "of an older version"
    old = hashlib.sha256(b"of an older version").hexdigest()
    assert plan["diff"] == {
        "before": f"file {path}: mode 0644, sha256 {old}\n",
        "after": f"file {path}: mode 0755, sha256 {plan['sha256']}\n",
    }

    assert modules.run(monkeypatch, host_tool, path=str(path))["diff"] == plan["diff"]
    assert path.read_bytes().startswith(b"#!/usr/bin/python3 -IS\nPK")


def test_a_mode_that_differs_is_mended(monkeypatch, tmp_path):
    path = tmp_path / "slices-host"
    modules.run(monkeypatch, host_tool, path=str(path))
    path.chmod(0o644)
    assert modules.run(monkeypatch, host_tool, path=str(path))["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_missing_folder_is_an_error_and_no_hindrance_to_a_plan(monkeypatch, tmp_path):
    path = tmp_path / "cloudrepo/slices-host"
    assert modules.run(monkeypatch, host_tool, path=str(path), _ansible_check_mode=True)["changed"]
    failed = modules.run(monkeypatch, host_tool, path=str(path))
    assert failed["failed"]
    assert failed["msg"] == f"folder {tmp_path}/cloudrepo does not exist"
