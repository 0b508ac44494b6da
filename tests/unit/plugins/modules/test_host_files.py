# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.modules import host_files

from ..module_utils._host import modules

GROUP = grp.getgrgid(os.getgid()).gr_name


def arguments(folder: Path) -> dict[str, Any]:
    return {
        "folders": [{"path": f"{folder}/lib", "group": GROUP}],
        "files": [{"path": f"{folder}/lib/x.conf", "content": "a=1\n", "mode": "0600"}],
        "program": f"{folder}/lib/slices-host",
    }


def test_all_is_installed_once(monkeypatch, tmp_path):
    args = arguments(tmp_path)
    planned = modules.run(monkeypatch, host_files, **args, _ansible_check_mode=True)
    assert list(tmp_path.iterdir()) == []
    first = modules.run(monkeypatch, host_files, **args)
    again = modules.run(monkeypatch, host_files, **args)

    assert [each["changed"] for each in (planned, first, again)] == [True, True, False]
    assert planned["diff"] == first["diff"]
    assert first["paths"] == [f"{tmp_path}/lib/x.conf", f"{tmp_path}/lib/slices-host"]
    assert (tmp_path / "lib/x.conf").read_text() == "a=1\n"
    program = tmp_path / "lib/slices-host"
    assert program.read_bytes().startswith(b"#!/usr/bin/python3 -IS\nPK")
    assert stat.S_IMODE(program.stat().st_mode) == 0o755


def test_one_that_differs_is_replaced_and_shown(monkeypatch, tmp_path):
    modules.run(monkeypatch, host_files, **arguments(tmp_path))
    (tmp_path / "lib/x.conf").write_text("a=2\n")
    done = modules.run(monkeypatch, host_files, **arguments(tmp_path))
    assert done["paths"] == [f"{tmp_path}/lib/x.conf"]
    path = f"file {tmp_path}/lib/x.conf"
    assert done["diff"]["before"] == f"{path}: mode 0600\n{path}: a=2\n"
