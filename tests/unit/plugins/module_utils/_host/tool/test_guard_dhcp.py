# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import guard_dhcp
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.guard_dhcp import guard
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from ..fakes import FakeRunner
from .mains import exit_of


def loaded(folder: Path) -> str:
    """Return the rules that are loaded."""
    runner = FakeRunner().tell("nft", "-f", "-")
    guard(str(folder), "dhcp400", runner)
    return runner.stdins[0] or ""


def elements(text: str) -> list[str]:
    """Return the elements of the set and of the map."""
    return re.findall(r"elements = \{ (.*) \}", text)


def test_a_client_is_identified_by_the_macs_of_its_frame_and_its_message(tmp_path):
    (tmp_path / "1000").write_text("52:54:00:03:e9:00,10.60.7.101,vm1\n52:54:00:03:ea:00,10.60.7.102,vm2\n")
    text = loaded(tmp_path)
    assert elements(text) == [
        "52:54:00:03:e9:00 . 0x52540003e900, 52:54:00:03:ea:00 . 0x52540003ea00",
        "0x52540003e900 : 52:54:00:03:e9:00, 0x52540003ea00 : 52:54:00:03:ea:00",
    ]
    assert "udp dport 67 ether saddr . @th,288,48 != @clients drop" in text
    assert 'hook egress device "dhcp400"' in text


def test_without_reservations_no_request_is_answered(tmp_path):
    text = loaded(tmp_path)
    assert elements(text) == []
    assert "elements" not in text
    assert "udp sport 67 drop" in text


def test_each_table_is_replaced_in_one_transaction(tmp_path):
    lines = [line for line in loaded(tmp_path).splitlines() if "table" in line]
    for family in ("ip", "netdev"):
        table = f"table {family} cloudrepo_dhcp"
        assert [line for line in lines if f" {family} " in line] == [table, f"delete {table}", f"{table} {{"]


def test_rules_that_the_kernel_refuses_are_an_error(tmp_path):
    with pytest.raises(CommandFailed, match="no netdev egress"):
        guard(str(tmp_path), "dhcp400", FakeRunner().tell("nft", "-f", "-", rc=1, stderr="no netdev egress"))


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, guard_dhcp, "guard", "/hosts.d", "dhcp400") == (7, ("/hosts.d", "dhcp400"))
