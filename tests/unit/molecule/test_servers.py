# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Comparison of units in systemd with their processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..scripts import load

servers = load("extensions/molecule/networks/files/servers.py")
Server = servers.Server
GOOD = Server("slices-dhcp", "active", "77", "dnsmasq", "77")


@pytest.mark.parametrize(
    ("changes", "is_known"),
    [
        ({}, True),
        ({"state": "inactive"}, False),
        ({"state": "activating"}, False),
        ({"pid": "0"}, False),
        ({"pid": "78"}, False),
        ({"name": "sh"}, False),
        ({"noted": ""}, False),
    ],
)
def test_the_serving_process_is_the_main_process_of_the_unit(changes: dict[str, str], is_known: bool) -> None:
    server = Server(**{**vars(GOOD), **changes})
    assert server.is_known is is_known


@pytest.mark.parametrize(
    ("pids", "killed", "count"),
    [(["1", "2"], ["3"], 2), (["1", "2"], ["1"], 1), (["1", ""], [], 1), (["12"], ["1", "2"], 1), (["1"], [" 1 "], 0)],
)
def test_a_new_process_was_not_killed(pids: list[str], killed: list[str], count: int) -> None:
    assert len(servers.new([Server("u", "active", pid) for pid in pids], killed)) == count


@pytest.mark.parametrize(
    ("mode", "pids", "code"),
    [
        ("new", {"a": "7", "b": "8"}, 0),
        ("new", {"a": "7", "b": "1"}, 1),
        ("known", {"a": "7"}, 0),
        ("known", {"a": "9"}, 1),
    ],
)
def test_the_exit_code_depends_on_the_result(
    mode: str, pids: dict[str, str], code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "killed").write_text("1\n2\n")
    monkeypatch.setattr(servers, "look", lambda unit: Server(unit, "active", pids[unit], "dnsmasq", "7"))
    with pytest.raises(SystemExit) as caught:
        servers.main(mode, *([str(tmp_path / "killed")] if mode == "new" else []), *pids)
    assert int(caught.value.code or 0) == code
