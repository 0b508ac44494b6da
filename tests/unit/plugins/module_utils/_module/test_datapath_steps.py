# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import reconcile as datapath
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import datapath_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed

from .._host.fakes import MORE, FakeRunner

BRIDGE: dict[str, Any] = {
    "owner": None,
    "datapath_type": None,
    "fail_mode": "secure",
    "ports": [],
    "prune_vlans": False,
}


def test_a_bridge_is_planned_for_a_host_without_open_vswitch_only_if_that_is_allowed() -> None:
    runner = FakeRunner().tell("ovs-vsctl", MORE, rc=127, stderr="command not found")
    todo = datapath_steps.bridge("br-int", BRIDGE, runner, missing_ok=True).plan()
    assert [(each.kind, each.id, each.action) for each in todo.changes] == [("bridge", "br-int", "create")]
    with pytest.raises(CommandFailed, match="command not found"):
        datapath_steps.bridge("br-int", BRIDGE, runner, missing_ok=False).plan()


@pytest.mark.parametrize(("owner", "mark"), [(None, "true"), ("network_node", "network_node")])
def test_ports_of_a_bridge_are_marked_with_their_owner(owner: str | None, mark: str) -> None:
    runner = FakeRunner().tell("ovs-vsctl", MORE, stdout='{"headings": [], "data": []}\n' * 4)
    params = {**BRIDGE, "owner": owner, "ports": [{"name": "eth1", "type": "trunk", "vlan_id": None}]}
    (port,) = datapath_steps.bridge("br-int", params, runner, missing_ok=False).plan().ports.add
    assert set(port.external_ids.values()) == {mark}


def test_a_bridge_that_should_not_exist_is_not_created() -> None:
    runner = FakeRunner().tell("ovs-vsctl", MORE, stdout='{"headings": [], "data": []}\n' * 4)
    steps = datapath_steps.bridge("br-int", BRIDGE, runner, missing_ok=False, present=False)
    assert not steps.plan().changes


def test_without_slices_only_the_shared_flows_are_planned() -> None:
    arguments = {"state_dir": "/nowhere", "bridge": "br-int", "gateway": "10.60.7.1", "dhcp_server": "10.60.7.2"}
    settings = datapath.read_settings({**arguments, "prune_vlans": False}, management_vlan=400)
    runner = FakeRunner().tell("ovs-vsctl", MORE, rc=127).tell("nft", MORE, rc=127)
    runner.tell("ovs-ofctl", MORE, rc=127)
    todo = datapath_steps.ports((), "cloudrepo", settings, runner, missing_ok=True).plan()
    assert {each.kind for each in todo.changes} == {"file", "packet filter", "flows"}
