# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts that were prepared for a role that they no longer have."""

from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.host_roles import lost_roles, roles_to_retire


def host(*roles: str, cloud: str = "c") -> dict[str, Any]:
    return {"cloudrepo_host_info": {"claim": {"uuid": cloud}, "roles": list(roles)}}


def test_roles_that_a_host_no_longer_has_in_the_inventory_are_listed() -> None:
    hostvars = {
        "both": host("worker", "network_node"),
        "left": host("worker"),
        "new": host(),
        "theirs": host("worker", cloud="d"),
        "unclaimed": {"cloudrepo_host_info": {"claim": None, "roles": ["worker"]}},
        "silent": {},
    }
    groups = {"all": list(hostvars), "workers": ["both", "new"], "network_node": ["silent"]}
    assert lost_roles(hostvars, groups, "c") == [
        "both was prepared as a network_node, but is no longer in the group network_node",
        "left was prepared as a worker, but is no longer in the group workers",
    ]
    put_back = {**hostvars, "both": {**hostvars["both"], "site_retired": {"results": [{"roles": ["worker"]}]}}}
    assert lost_roles(put_back, groups, "c") == ["left was prepared as a worker, but is no longer in the group workers"]
    skipped = {**hostvars, "both": {**hostvars["both"], "site_retired": {"results": []}}}
    assert lost_roles(skipped, groups, "c") == lost_roles(hostvars, groups, "c")
    assert lost_roles(hostvars, {**groups, "workers": ["both", "left"], "network_node": ["both"]}, "c") == []


def test_roles_that_a_host_has_lost_are_retired_once() -> None:
    hostvars = {"a": host("worker", "network_node"), "theirs": host("worker", cloud="d"), "silent": {}}
    assert roles_to_retire(hostvars, {"workers": []}, "a", "c") == ["worker", "network_node"]
    assert roles_to_retire(hostvars, {"workers": ["a"]}, "a", "c") == ["network_node"]
    assert [roles_to_retire(hostvars, {}, name, "c") for name in ("theirs", "silent")] == [[], []]
    # Check mode predicts both from the same state; a role that could not be removed has no result.
    predicted = {"results": [{"roles": ["network_node"]}, {"roles": ["worker"]}]}
    assert roles_to_retire({"a": {**hostvars["a"], "site_retired": predicted}}, {}, "a", "c") == []
    failed = {"results": [{"failed": True}, {"roles": ["worker"]}]}
    assert roles_to_retire({"a": {**hostvars["a"], "site_retired": failed}}, {}, "a", "c") == ["worker"]
