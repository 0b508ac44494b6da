# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.modules import ovs_bridge

from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner

NOTHING = '{"headings": [], "data": []}\n' * 4
ARGS = {"name": "br-int", "ports": [{"name": "trunk0"}]}


def test_a_bridge_is_created_in_one_transaction(monkeypatch):
    runner = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--", MORE)
    runner.tell("ovs-vsctl", "--timeout=60", "--format=json", MORE, stdout=NOTHING)
    result = modules.run(monkeypatch, ovs_bridge, runner, owner="worker", **ARGS)

    assert result["changed"]
    assert result["diff"]["after"] == (
        "bridge br-int: datapath_type system\n"
        "port trunk0: bridge br-int, vlan_mode trunk, trunks 1-4094, type system, ofport_request 1, "
        "external_ids cloudrepo-infrastructure=worker\n"
    )
    assert len(runner.argvs) == 2
    assert "external_ids:cloudrepo-infrastructure=worker" in runner.argvs[-1]


def test_check_mode_plans_for_a_host_without_open_vswitch(monkeypatch):
    runner = FakeRunner().tell("ovs-vsctl", MORE, rc=127, stderr="command not found")
    result = modules.run(monkeypatch, ovs_bridge, runner, _ansible_check_mode=True, **ARGS)

    assert result["changed"]
    assert len(runner.argvs) == 1


def test_a_failure_contains_the_command(monkeypatch):
    runner = FakeRunner().tell("ovs-vsctl", MORE, rc=1, stderr="ovs-vsctl: database connection failed")
    result = modules.run(monkeypatch, ovs_bridge, runner, **ARGS)

    assert result["failed"]
    assert (result["rc"], result["cmd"][0]) == (1, "ovs-vsctl")
    assert "database connection failed" in result["msg"]
