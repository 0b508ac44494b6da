# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Adding, changing and removing one part of a slice."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import parts
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.parts import LINK, NETWORK, VLAN, VM, Part
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from ....fragments import documented, specified
from .._domain.builders import cluster, put, topology

SETTINGS: dict[str, Any] = {
    "management_network": {},
    "state_dir": "/var/lib/cloudrepo",
    "placement": "round_robin",
    "infrastructure_networks": [],
}


def held() -> Cluster:
    """Return a cluster with slice web (1000) of admin: vm1, vm2, link 1, and network lan on VLAN 101."""
    made = cluster()
    put(made, topology(networks=[{"name": "lan", "members": ["vm1"]}]))
    return made


def change(made: Cluster, part: Part, **params: Any) -> Any:
    given = {"slice": "web", "owner": None, "acting_user": "admin", "state": "present", **SETTINGS, **params}
    return parts.change(made, part, given)


@pytest.mark.parametrize(
    ("part", "new", "gone"),
    [
        (VM, {"name": "vm3", "flavor": "cirros"}, {"name": "vm3"}),
        (LINK, {"endpoints": ["vm1", "vm2"], "name": "x"}, {"name": "x"}),
        (NETWORK, {"name": "dmz", "members": ["vm2"]}, {"name": "dmz"}),
        (VLAN, {"name": "spare"}, {"name": "spare"}),
    ],
)
def test_lifecycle_of_an_object_of_a_slice(part: Part, new: dict[str, Any], gone: dict[str, Any]) -> None:
    made = held()
    before, revision = made.content(), made.revision
    done = change(made, part, **new)
    assert (done.result["slice_id"], done.result[part.kind]["name"]) == (1000, new["name"])
    assert done.result["changes"] == [each.to_dict() for each in done.changes] != []
    assert (made.revision or 0) > (revision or 0)
    revision = made.revision
    again = change(made, part, **gone)
    assert (again.changes, again.result[part.kind], made.revision) == ([], done.result[part.kind], revision)
    away = change(made, part, state="absent", **gone)
    assert away.changes
    assert (away.result[part.kind], away.result["slice_id"]) == (None, 1000)
    assert made.content() == before
    assert change(made, part, state="absent", **gone).changes == []


@pytest.mark.parametrize(("part", "thing"), [(VM, "vm2"), (NETWORK, "lan")])
def test_the_returned_object_is_the_requested_one(part: Part, thing: str) -> None:
    made = held()
    put(made, topology(networks=[{"name": "lan", "members": ["vm1"]}, {"name": "other"}]))
    assert change(made, part, name=thing).result[part.kind]["name"] == thing


def test_objects_of_a_missing_slice_cannot_be_created_and_are_already_absent() -> None:
    made = held()
    done = change(made, VM, slice="none", state="absent", name="vm1")
    assert (done.changes, done.result) == ((), {"vm": None, "slice_id": None, "changes": []})
    with pytest.raises(Refused):
        change(made, VM, slice="none", name="vm1")


def test_objects_of_others_are_missing_for_a_tenant() -> None:
    made = held()
    assert change(made, VM, acting_user="alice", state="absent", name="vm1").result["slice_id"] is None
    with pytest.raises(Refused):
        change(made, VM, acting_user="alice", name="vm1")
    assert len(made.slices[1000].live_vms) == 2


def info(made: Cluster, part: Part, **params: Any) -> list[dict[str, Any]]:
    given = {"slice": None, "owner": None, "acting_user": "admin", "names": [], "must_exist": False, **params}
    told = parts.info(made, part, given)
    assert list(told.result) == [f"{part.kind}s"]
    found: list[dict[str, Any]] = told.result[f"{part.kind}s"]
    return found


def test_objects_are_returned_with_their_slice() -> None:
    made = held()
    put(made, topology("lab", owner="alice", links=[]))
    assert [(each["slice"], each["slice_id"], each["name"]) for each in info(made, VM)] == [
        *(("web", 1000, name) for name in ("vm1", "vm2")),
        *(("lab", 1003, name) for name in ("vm1", "vm2")),
    ]
    assert [each["vm_id"] for each in info(made, VM, slice="lab")] == [1004, 1005]
    assert [each["vm_id"] for each in info(made, VM, owner="alice")] == [1004, 1005]
    assert [each["vm_id"] for each in info(made, VM, acting_user="alice")] == [1004, 1005]


def test_objects_are_selected_by_name_or_id() -> None:
    made = held()
    assert [each["vm_id"] for each in info(made, VM, names=["vm2"])] == [1002]
    assert [each["vm_id"] for each in info(made, VM, names=["1001", "vm2", "none"])] == [1001, 1002]
    assert [each["link_id"] for each in info(made, LINK, names=["1"])] == [1]
    assert info(made, LINK, names=["2"]) == []
    assert [each["vlan_id"] for each in info(made, NETWORK, names=["101", "lan"])] == [101]
    change(made, VLAN, name="spare")
    assert [each["vlan_id"] for each in info(made, VLAN, names=["spare"])] == [102]


def test_types_and_defaults_are_those_of_the_documentation() -> None:
    assert specified(parts.PART_ARGUMENTS) == documented("part")
    assert specified(parts.PART_INFO_ARGUMENTS) == documented("part_info")


def test_parts_by_name_or_id() -> None:
    made = held()
    put(made, topology("shop"))
    assert [(each["slice"], each["name"]) for each in info(made, VM, names=["vm1", "1002"])] == [
        ("web", "vm1"),
        ("web", "vm2"),
        ("shop", "vm1"),
    ]
    assert [each["vlan_id"] for each in info(made, NETWORK, names=["lan", "101"])] == [101]
    assert len(info(made, VM)) == 4


@pytest.mark.parametrize(
    ("part", "called", "known"),
    [
        (VM, "VM vm9", ["web/vm1", "web/vm2"]),
        (LINK, "link vm9", ["web/1"]),
        (NETWORK, "network vm9", ["web/lan"]),
        (VLAN, "VLAN vm9", []),
    ],
)
def test_parts_that_must_exist(part: Part, called: str, known: list[str]) -> None:
    made = held()
    with pytest.raises(Refused) as refused:
        info(made, part, names=["vm9", "8"], must_exist=True)
    first, second = refused.value.refusals
    assert (first.code, first.object, first.figures) == ("not_found", called, {"known": known})
    assert second.object == called.replace("vm9", "8")
    assert info(made, part, names=["vm9"]) == []
