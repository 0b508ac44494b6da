# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import network_orphans

from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner
from .documented import check_changes

NOTHING = '{"headings": [], "data": []}\n' * 4
PATTERNS = ("slices-names@*.service", "slices-network@*.service")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")


def looked_at() -> FakeRunner:
    return FakeRunner().tell("ovs-vsctl", MORE, stdout=NOTHING).tell(*SHOW, *PATTERNS)


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *names: str, runner: FakeRunner | None = None) -> Any:
    (tmp_path / "flows").mkdir(exist_ok=True)
    args = {"known": [], "remove": list(names), "state_dir": str(tmp_path)}
    return modules.run(monkeypatch, network_orphans, runner or looked_at(), **args)


def test_reservations_of_an_orphaned_slice_are_removed_by_name_in_a_later_run(monkeypatch, tmp_path):
    path = tmp_path / "dhcp/hosts.d/1005"
    path.parent.mkdir(parents=True)
    path.write_text("52:54:00:03:ee:00,10.60.7.105,vm1\n")
    first = run(monkeypatch, tmp_path, "1005")
    assert [each["code"] for each in first["refusals"]] == ["orphan_seen_once"]
    assert [each["holds"] for each in first["orphans"]] == [[f"reservations {path}"]]

    units = ("slices-dhcp.service", "slices-names@1005.service", "slices-network@1005.service")
    runner = looked_at().tell(*SHOW, *units, stdout="Id=slices-dhcp.service\nActiveState=active\n")
    runner.tell("nft", "--stateless", MORE).tell("nft", "--json", MORE, rc=1)
    runner.tell(*IN_GATEWAY, "nft", "--json", "list", "ruleset", stdout='{"nftables": [{"map": {"name": "slices"}}]}')
    for prefix in ((), IN_GATEWAY):
        runner.tell(*prefix, "ip", "-batch", "-").tell(*prefix, "conntrack", "--load-file", "-")
    runner.tell("systemctl", "restart", "--", "slices-dhcp.service")
    gone = run(monkeypatch, tmp_path, "1005", runner=runner)
    check_changes("network_orphans", gone)
    assert [each["removed"] for each in gone["orphans"]] == [True]
    assert not path.exists()
    assert run(monkeypatch, tmp_path)["orphans"] == []
