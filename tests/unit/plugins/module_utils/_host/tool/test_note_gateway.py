# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import live
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import note_gateway
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.note_gateway import note

from ..netservices.test_live import gateway
from .mains import exit_of


def test_a_recorded_gateway_has_no_differences(tmp_path):
    note("wan0", "br-int", gateway(), run_dir=str(tmp_path), proc_sys=str(tmp_path))
    assert live.gateway_differences(str(tmp_path), gateway(), proc_sys=str(tmp_path)) == ()
    assert (
        (tmp_path / "slices-gateway.live")
        .read_text()
        .startswith("wan wan0\nbridge br-int\nbr-int forwards\ngw400 02:01:00:00:00:01\n")
    )
    assert (tmp_path / "slices-gateway.live").stat().st_mode & 0o777 == 0o644


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, note_gateway, "note", "wan0", "br-int") == (7, ("wan0", "br-int"))
