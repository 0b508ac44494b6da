# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import clouds
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Kept

from .._domain.builders import AHEAD_OF_CLOCKS, cluster, put, topology

HELD = {"host": "worker1", "highest_id": 1035, "highest_revision": None}
USUAL = {"vlan_pools": "0-99", "management_vlan": 400}
HELD["slices"] = [{"slice_id": 1035, "slice_uuid": "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11", "reservations": []}]


def params(**changes: Any) -> dict[str, Any]:
    return {
        "acting_user": "admin",
        "title": None,
        "history_entries": None,
        "history_days": None,
        "vlan_pools": None,
        "management_vlan": None,
        "neighbours": [],
        "hosts": [],
        "expected_hosts": [],
        "network_node_machine_id": None,
        "network_node_accept_machine": None,
        "network_node_lost": False,
        **changes,
    }


def test_the_identity_of_a_cloud_is_created_once() -> None:
    held = cluster()
    first = clouds.identify(held, params())
    assert [(change.kind, change.action) for change in first.changes] == [("cloud", "create")]
    assert held.cloud is not None
    assert first.result["cloud"] == {**held.cloud.to_result(), "controller": clouds.controller(), **USUAL}
    again = clouds.identify(held, params())
    assert (again.changes, again.result) == ([], first.result)
    renamed = clouds.identify(held, params(title="lab"))
    assert renamed.result["cloud"] == {**first.result["cloud"], "title": "lab"}
    assert clouds.identify(held, params()).result["cloud"]["title"] == "lab"


def test_values_in_use_on_hosts_are_a_change_once() -> None:
    held = cluster()
    clouds.identify(held, params(expected_hosts=["worker1", "worker2"]))
    taken = clouds.identify(held, params(hosts=[HELD]))
    (change,) = taken.changes
    assert (change.kind, (change.after or {})["left_behind_vlan_pool"]) == ("cloud", "35")
    assert taken.result["next_vm_id"] == 1036
    assert clouds.identify(held, params(hosts=[HELD])).changes == []
    gone = [{**HELD, "slices": [], "target": "10.0.10.1"}]
    assert clouds.identify(held, params(hosts=gone, expected_hosts=["worker1", "worker2"])).changes == []
    assert clouds.identify(held, params(hosts=gone, expected_hosts=["worker1"])).changes == []
    both = [*gone, {"host": "worker2", "target": "10.0.10.2"}]
    assert clouds.identify(held, params(hosts=both, expected_hosts=["worker1"])).changes != []


def test_the_names_of_hosts_are_kept_when_they_leave_the_inventory() -> None:
    held = cluster()
    assert clouds.identify(held, params()).result["hosts"] == []
    first = clouds.identify(held, params(expected_hosts=["worker1", "netnode"]))
    assert (bool(first.changes), first.result["hosts"]) == (True, ["netnode", "worker1"])
    again = clouds.identify(held, params(expected_hosts=["worker1"]))
    assert (again.changes, again.result["hosts"]) == ([], ["netnode", "worker1"])


def test_hosts_with_newer_revisions_are_reported() -> None:
    held = cluster()
    put(held, topology())
    newer = {"host": "worker1", "highest_id": None, "highest_revision": AHEAD_OF_CLOCKS, "slices": []}
    (message,) = clouds.identify(held, params(hosts=[newer])).result["behind"]
    assert message.startswith(f"host worker1 has applied revision {AHEAD_OF_CLOCKS} ")


@pytest.mark.parametrize("changes", [{"acting_user": "alice"}, {"title": ""}, {"title": "a\nb"}, {"title": "x" * 65}])
def test_tenants_and_invalid_titles_are_refused(changes: dict[str, Any]) -> None:
    held = cluster()
    with pytest.raises(Refused):
        clouds.identify(held, params(**changes))
    assert held.cloud is None


def test_another_network_node_is_refused_before_anything_is_changed_unless_it_is_accepted() -> None:
    held, old, new = cluster(), "a" * 32, "b" * 32
    clouds.identify(held, params(network_node_machine_id=old))
    assert clouds.identify(held, params(network_node_machine_id=old)).changes == []
    assert clouds.identify(held, params(network_node_accept_machine=new)).changes == [], "it was not reached"
    with pytest.raises(Refused):
        clouds.identify(held, params(network_node_machine_id=new))
    (change,) = clouds.identify(held, params(network_node_machine_id=new, network_node_accept_machine=new)).changes
    assert change.why == f"network_node_machine_id {old} → {new}"
    assert clouds.identify(held, params(network_node_machine_id=new)).changes == []


def test_a_network_node_that_is_gone_for_good_is_forgotten_once() -> None:
    held, machine = cluster(), "a" * 32
    clouds.identify(held, params(network_node_machine_id=machine))
    assert clouds.identify(held, params()).changes == []
    with pytest.raises(Refused):
        clouds.identify(held, params(network_node_machine_id=machine, network_node_lost=True))
    (change,) = clouds.identify(held, params(network_node_lost=True)).changes
    assert change.why.startswith(f"network_node_machine_id {machine} → ")
    assert clouds.identify(held, params(network_node_lost=True)).changes == []


def test_the_limits_of_the_history_are_stored() -> None:
    held = cluster()
    clouds.identify(held, params())
    assert held.kept == Kept(1000, 365)
    done = clouds.identify(held, params(history_entries=10))
    assert [change.why for change in done.changes] == ["history_entries 1000 → 10"]
    assert clouds.identify(held, params(history_days=7, history_entries=10)).changes
    assert (held.kept, clouds.identify(held, params()).changes) == (Kept(10, 7), [])
    for option, got in (("history_entries", -1), ("history_days", 0)):
        with pytest.raises(Refused):
            clouds.identify(held, params(**{option: got}))


def test_the_vlan_pools_are_kept_and_a_change_once() -> None:
    held = cluster()
    clouds.identify(held, params())
    limited = clouds.identify(held, params(vlan_pools="40-49,0-9"))
    (change,) = limited.changes
    assert (change.after or {})["vlan_pools"] == limited.result["cloud"]["vlan_pools"] == "0-9,40-49"
    assert clouds.identify(held, params()).result["cloud"]["vlan_pools"] == "0-9,40-49"
    again = clouds.identify(held, params(vlan_pools="0-9,40-49"))
    assert (again.changes, again.result) == ([], limited.result)


def test_the_management_vlan_is_kept_and_a_change_once() -> None:
    held = cluster()
    clouds.identify(held, params())
    (change,) = clouds.identify(held, params(management_vlan=3000)).changes
    assert (change.after or {})["management_vlan"] == 3000
    assert clouds.identify(held, params()).result["cloud"]["management_vlan"] == 3000
    assert clouds.identify(held, params(management_vlan=3000)).changes == []


def test_a_cloud_with_vlans_of_its_neighbour_is_refused() -> None:
    held = cluster()
    east = {"title": "east", "vlan_pools": "50-99", "management_vlan": 401}
    with pytest.raises(Refused, match=r"cloud lab .* and its neighbour east .* have VLANs 401,1100-2099 in common"):
        clouds.identify(held, params(title="lab", neighbours=[east]))
    agreed = clouds.identify(held, params(title="lab", vlan_pools="0-14", neighbours=[east]))
    assert agreed.result["cloud"]["vlan_pools"] == "0-14"
