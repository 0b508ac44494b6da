# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import network_services

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner, uuid
from .documented import check_changes

RECEIPT = "0123456789abcdef" * 2
ONE = {"vm_id": 1001, "name": "vm1", "mac": "52:54:00:03:e9:00", "address": "10.60.7.101"}


IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
UNITS = ("slices-dhcp.service", "slices-names@1000.service", "slices-network@1000.service")


def looked_at() -> FakeRunner:
    """Return a host with the answers for a plan."""
    rules = '{"nftables": [{"map": {"name": "slices"}}]}'
    return (
        FakeRunner()
        .tell(*SHOW, *UNITS, stdout="Id=slices-dhcp.service\nActiveState=active\n")
        .tell("nft", "--stateless", "list", "table", "ip", "cloudrepo")
        .tell("nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")
        .tell("nft", "--json", "list", "map", "ip", "cloudrepo_shares", "slices", rc=1)
        .tell(*IN_GATEWAY, "nft", "--json", "list", "ruleset", stdout=rules)
    )


def host() -> FakeRunner:
    """Return a host on which the order of a slice with a reservation can also be applied."""
    runner = looked_at().tell(
        "systemctl", "--no-reload", "enable", "--quiet", "--force", "--", "slices-names@1000.service"
    )
    runner.tell("systemctl", "reload", "--", "slices-dhcp.service")
    runner.tell("systemctl", "restart", "--", "slices-names@1000.service")
    for prefix in ((), IN_GATEWAY):
        runner.tell(*prefix, "ip", "-batch", "-").tell(*prefix, "conntrack", "--load-file", "-")
    return runner.tell(*IN_GATEWAY, "nft", "--file", "-").tell("nft", "--file", "-")


def test_an_order_is_applied_and_check_mode_changes_nothing(monkeypatch, tmp_path):
    args = {"state_dir": str(tmp_path), "slices": [{"slice_id": 1000, "reservations": [ONE], "record": "{}"}]}
    checked = modules.run(monkeypatch, network_services, looked_at(), _ansible_check_mode=True, **args)
    assert (checked["changed"], list(tmp_path.iterdir())) == (True, [])

    result = modules.run(monkeypatch, network_services, host(), **args)
    assert (
        result["units"]
        == checked["units"]
        == {
            "slices-names@1000.service": "restart",
            "slices-dhcp.service": "reload",
        }
    )
    assert (result["diff"], result["changes"]) == (checked["diff"], checked["changes"])
    check_changes("network_services", result)
    assert (tmp_path / "dhcp/hosts.d/1000").read_text() == "52:54:00:03:e9:00,10.60.7.101,vm1\n"
    assert [each.record for each in applied_orders.read(str(tmp_path), revisions.NETWORK_NODE)] == ["{}"]


def test_lost_machines_are_listed_and_check_mode_only_predicts_it(monkeypatch, tmp_path):
    claim = {"uuid": uuid(1), "title": "lab", "incarnation": uuid(2), "since": "now", "controller": "here"}
    (tmp_path / "cloud.json").write_text(json.dumps(claim))
    args = {"cloud_uuid": uuid(1), "state_dir": str(tmp_path), "lost_machines": [{"mark": "1" * 64}]}
    slices = [{"slice_id": 1000, "reservations": [ONE]}]
    checked = modules.run(monkeypatch, network_services, looked_at(), _ansible_check_mode=True, slices=slices, **args)
    assert not (tmp_path / "lost-machines").exists()
    result = modules.run(monkeypatch, network_services, host(), slices=slices, **args)
    assert (tmp_path / "lost-machines").read_text() == "1" * 64 + "\n"
    assert result["changes"] == checked["changes"]
    assert result["changes"][0]["kind"] == "lost machine"


def test_the_revision_of_an_order_is_a_revision(monkeypatch, tmp_path):
    args = {"state_dir": str(tmp_path), "slices": [], "revision": 0}
    (refusal,) = refused(modules.run(monkeypatch, network_services, FakeRunner(), **args))
    assert (refusal.code, refusal.figures["field"]) == ("field_not_allowed", "revision")


def test_refused_slices_are_returned_and_nothing_is_observed(monkeypatch, tmp_path):
    args = {"state_dir": str(tmp_path), "slices": [{"slice_id": 1000, "reservations": [{**ONE, "address": "x"}]}]}
    result = modules.run(monkeypatch, network_services, FakeRunner(), **args)
    figures = {"field": "address", "allowed": "an IPv4 address", "got": "x"}
    assert refused(result) == [Refusal("field_not_allowed", "slice 1000, VM 1001", figures)]


def test_a_superseded_order_is_refused_before_anything_is_observed(monkeypatch, tmp_path):
    def order(revision: int) -> dict[str, Any]:
        slices = [{"slice_id": 1000, "revision": revision, "reservations": [ONE]}]
        return {"state_dir": str(tmp_path), "slices": slices}

    checked = modules.run(monkeypatch, network_services, looked_at(), **order(2_000), _ansible_check_mode=True)
    assert (checked["changed"], list(tmp_path.iterdir())) == (True, [])
    assert modules.run(monkeypatch, network_services, host(), **order(2_000))["changed"]
    for check_mode in (False, True):
        late = modules.run(monkeypatch, network_services, FakeRunner(), **order(1_000), _ansible_check_mode=check_mode)
        figures = {"got": "1000 (1970-01-01T00:00:01.000Z)", "applied": "2000 (1970-01-01T00:00:02.000Z)"}
        assert refused(late) == [Refusal("order_superseded", "slice 1000", figures)]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_refused_slice_does_not_affect_the_others(monkeypatch, tmp_path, check_mode):
    (tmp_path / "names").mkdir()
    (tmp_path / "names/1035.uuid").write_text(f"{uuid(9)}\n")
    two = {"vm_id": 1036, "name": "vm1", "mac": "52:54:00:04:0c:00", "address": "10.60.7.102"}
    slices = [
        {"slice_id": 1000, "slice_uuid": uuid(1), "reservations": [ONE]},
        {"slice_id": 1035, "slice_uuid": uuid(2), "reservations": [two], "receipt": RECEIPT},
    ]
    runner = (looked_at if check_mode else host)()
    runner.tell(*SHOW, *UNITS, "slices-names@1035.service", "slices-network@1035.service")
    args = {"state_dir": str(tmp_path), "slices": slices, "_ansible_check_mode": check_mode}
    result = modules.run(monkeypatch, network_services, runner, **args)

    assert (result["failed"], result["failure"]) == (True, None)
    assert [(each["slice_id"], each["another"]) for each in result["refused"]] == [(1035, True)]
    assert [each.code for each in refused(result)] == ["another_slice"]
    # What another slice's host says of one that is being deleted counts as well.
    assert result["answers"] == [{"slice_id": 1035, "receipt": RECEIPT}]
    assert result["units"] == {"slices-names@1000.service": "restart", "slices-dhcp.service": "reload"}
    assert (tmp_path / "names/1035.uuid").read_text() == f"{uuid(9)}\n"
    assert (tmp_path / "names/1000.uuid").exists() is not check_mode
    assert not (tmp_path / "names/1035.conf").exists()


@pytest.mark.parametrize("complete", [True, False])
def test_a_complete_order_in_check_mode_returns_what_only_the_host_has(monkeypatch, tmp_path, complete):
    (tmp_path / "dhcp/hosts.d").mkdir(parents=True)
    (tmp_path / "dhcp/hosts.d/1005").write_text("")
    runner = looked_at()
    if complete:
        runner.tell(*SHOW, "slices-names@*.service", "slices-network@*.service")
        runner.tell("ovs-vsctl", MORE, stdout='{"headings": [], "data": []}\n' * 4)
    args = {"slices": [{"slice_id": 1000}], "state_dir": str(tmp_path), "complete": complete}
    result = modules.run(monkeypatch, network_services, runner, _ansible_check_mode=True, **args)
    assert ("only_here" in result) is complete
    if complete:
        assert [each["slice_id"] for each in result["only_here"]] == [1005]
