# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

from ansible_collections.cloudrepo.slices.plugins.filter.rebuild import (
    rebuild_displays,
    rebuild_hosts,
    rebuild_lines,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.applied import AllOrders

GROUPS = {"workers": ["w1", "w2"], "network_node": ["w1"]}
CLAIM = {"uuid": "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10", "title": "lab", "since": "2026-01-31T12:00:00Z"}
ORDER = {"slice_id": 1000, "record": "{}"}
FACTS = {"machine_id": "0" * 32, "cores": 8, "ram_gb": 31.2, "netem": False, "trunk_mtu": None, "interfaces": []}
USED = {"highest_id": 1036, "highest_revision": None, "slices": [{"slice_id": 1035}]}
LOST = [{"mark": "1" * 64}]
INFO = {**FACTS, **USED, "claim": CLAIM, "lost_machines": LOST}
W1: dict[str, Any] = {
    "inventory_hostname": "w1",
    "worker_ip": "10.0.10.1",
    "rebuild_info": INFO,
    "rebuild_orders": {"worker": [ORDER], "network_node": []},
    "rebuild_displays": {"displays": [{"vm_id": 1001, "password_id": "x", "password": "y"}]},
}
W2: dict[str, Any] = {"inventory_hostname": "w2", "ansible_host": "10.0.10.2"}


def test_a_host_is_listed_for_each_of_its_roles() -> None:
    first, second, third = rebuild_hosts({"w1": W1, "w2": W2}, GROUPS)
    facts = {"cloud_uuid": CLAIM["uuid"], "cloud_title": "lab", "machine_id": "0" * 32, "cores": 8, "ram_gb": 31.2}
    used = {"netem": False, "highest_id": 1036, "slices": [{"slice_id": 1035}], "lost_machines": LOST}
    assert first == {"host": "w1", "target": "10.0.10.1", **facts, **used, "applied": [ORDER]}
    silent = "the host did not respond, or was not part of the run"
    assert second == {"host": "w2", "target": "10.0.10.2", "failure": silent}
    assert (third["target"], third["applied"]) == ("network_node", [])
    assert len(AllOrders.from_dict({"hosts": [first, second, third]}).hosts) == 3


def test_the_reason_why_a_host_was_not_read_is_reported() -> None:
    failed = {"failed": True, "msg": "/x cannot be read"}
    for host, failure in (
        ({"rebuild_info": INFO, "rebuild_orders": failed}, "/x cannot be read"),
        ({"rebuild_info": failed}, "/x cannot be read"),
        ({"rebuild_info": {"unreachable": True, "failed": True, "msg": "no"}}, "the host did not respond, or"),
    ):
        (told,) = rebuild_hosts({"w2": {**W2, **host}}, {"workers": ["w2"]})
        assert told["failure"].startswith(failure)


def test_passwords_of_hosts_that_are_left_out_are_not_kept() -> None:
    hostvars = {"w1": W1, "w2": W2}
    (display,) = W1["rebuild_displays"]["displays"]
    assert rebuild_displays(hostvars, GROUPS) == [{**display, "worker_ip": "10.0.10.1"}]
    assert rebuild_displays(hostvars, GROUPS, ["w1"]) == []


def test_the_summary_contains_counts_and_unknown_settings() -> None:
    result = {"cloud": CLAIM, "counts": {"users": 2, "vms": 3}, "unknown": ["quotas", "roles"]}
    assert rebuild_lines(result) == [
        f"The database of cloud lab ({CLAIM['uuid']}) was rebuilt: users 2, vms 3.",
        "Hosts do not know:",
        "- quotas",
        "- roles",
    ]


def test_the_vlans_of_the_claim_are_kept() -> None:
    claim = {**CLAIM, "vlan_pools": "0,60", "management_vlan": 3000}
    (told,) = rebuild_hosts({"w1": {**W1, "rebuild_info": {**INFO, "claim": claim}}}, {"workers": ["w1"]})
    assert (told["vlan_pools"], told["management_vlan"]) == ("0,60", 3000)
