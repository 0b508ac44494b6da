# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services
from ansible_collections.cloudrepo.slices.plugins.modules import network_orphans

from ...locks import is_held
from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner, uuid
from .documented import check_changes

NOTHING = '{"headings": [], "data": []}\n' * 4
PATTERNS = ("slices-names@*.service", "slices-network@*.service")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")


def looked_at() -> FakeRunner:
    return FakeRunner().tell("ovs-vsctl", MORE, stdout=NOTHING).tell(*SHOW, *PATTERNS)


def run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *names: str, runner: FakeRunner | None = None, **more: Any
) -> Any:
    (tmp_path / "flows").mkdir(exist_ok=True)
    args = {"known": [], "remove": list(names), "state_dir": str(tmp_path), **more}
    return modules.run(monkeypatch, network_orphans, runner or looked_at(), **args)


@pytest.fixture
def reservations(tmp_path: Path) -> Path:
    """Return the file with the reservations of a slice that is not in the database."""
    path = tmp_path / "dhcp/hosts.d/1005"
    path.parent.mkdir(parents=True)
    path.write_text("52:54:00:03:ee:00,10.60.7.105,vm1\n")
    return path


def test_reservations_of_an_orphaned_slice_are_removed_by_name_in_a_later_run(monkeypatch, tmp_path, reservations):
    path = reservations
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


def test_a_slice_with_a_newer_work_order_than_the_database_is_kept(monkeypatch, tmp_path, reservations):
    run(monkeypatch, tmp_path, revision=5000)
    order = Services(1005, uuid(5), 6000)
    revisions.note([order], state_dir=str(tmp_path), kind=revisions.NETWORK_NODE)
    named = run(monkeypatch, tmp_path, "1005", revision=5000)
    assert [each["code"] for each in named["refusals"]] == ["orphan_superseded"]
    assert reservations.exists()
    listed = run(monkeypatch, tmp_path, revision=5000)
    assert (listed["orphans"], listed["refusals"]) == ([], [])
    (warning,) = listed["warnings"]
    assert "slice 1005: this host has applied a work order of revision 6000" in str(warning)


@pytest.mark.usefixtures("reservations")
def test_orphans_are_judged_and_removed_under_the_lock_of_work_orders(monkeypatch, tmp_path):
    run(monkeypatch, tmp_path)
    held: list[bool] = []
    found = network_orphans.network_orphans.find

    def find(*args: Any) -> Any:
        held.append(is_held(tmp_path / "flows"))
        return found(*args)

    monkeypatch.setattr(network_orphans.network_orphans, "find", find)
    removal = network_orphans.network_orphans
    monkeypatch.setattr(removal, "remove", lambda *_args, **_named: held.append(is_held(tmp_path / "flows")))
    run(monkeypatch, tmp_path, "1005")
    assert held == [True, True]


@pytest.mark.usefixtures("reservations")
def test_a_database_without_a_cloud_finds_no_orphans_on_a_claimed_host(monkeypatch, tmp_path):
    """It is a new one, and all that the host has would be orphans."""
    claim = Claim(uuid(1), "lab", uuid(2), "2026-01-31T12:00:00Z", "controller1")
    todo = claims.ClaimPlan(None, claim)
    claims.apply(todo, state_dir=str(tmp_path))
    result = run(monkeypatch, tmp_path, runner=FakeRunner())
    assert [each.code for each in refused(result)] == ["another_cloud"]
    assert not (tmp_path / "orphans").exists()
