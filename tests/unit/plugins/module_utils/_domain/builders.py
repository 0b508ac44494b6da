# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small clusters and topologies for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice, User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

CHECKSUM = "ab" * 32

ROOM: dict[str, Any] = {"cores": 1000, "ram_gb": 1000}
"""More capacity of a worker than any test uses."""
AHEAD_OF_CLOCKS = 10**14
"""A revision beyond the current time, so that the next one is the successor instead of the time."""


def cluster(workers: int = 2, **worker: Any) -> Cluster:
    """Return a new cluster with large workers from 10.0.10.1 on, the flavor cirros, and a tenant alice (quota 6)."""
    made = Cluster.initial()
    made.flavors["cirros"]["checksum"] = CHECKSUM
    made.flavors["big"] = {"cores": 4, "ram_gb": 8, "disk_gb": 20, "image": "/big.img", "checksum": "cd" * 32}
    made.users["alice"] = User("alice", "!", quota_vms=6)
    for number in range(1, workers + 1):
        made.workers[f"10.0.10.{number}"] = Worker(f"10.0.10.{number}", **{**ROOM, **worker})
    return made


def vm(name: str, **fields: Any) -> dict[str, Any]:
    """Return the topology's entry for a VM."""
    return {"name": name, "flavor": "cirros", **fields}


def link(first: str, second: str) -> dict[str, Any]:
    """Return the topology's entry for a link."""
    return {"endpoints": [first, second]}


def topology(name: str = "web", **fields: Any) -> dict[str, Any]:
    """Return the data model's sample slice as a topology, with changed fields."""
    return {
        "name": name,
        "owner": "admin",
        "vms": [vm("vm1", internet=True), vm("vm2")],
        "links": [link("vm1:eth1", "vm2:eth1")],
        **fields,
    }


def put(held: Cluster, want: dict[str, Any], *, acting_user: str = "admin", **settings: Any) -> Slice:
    """Store a topology."""
    return reconcile_slice(
        held, read_slice(want, default_owner=acting_user), Settings(**settings), acting_user=acting_user
    )


def refusals(held: Cluster, want: dict[str, Any], **kwargs: Any) -> list[Refusal]:
    """Return the refusals for a topology, and check that the cluster is unchanged."""
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        put(held, want, **kwargs)
    assert held.to_dict() == before
    return caught.value.refusals


def refused(result: Mapping[str, Any]) -> list[Refusal]:
    """Return the refusals in the result of a module."""
    assert result["failed"]
    return [Refusal(each["code"], each["object"], each["figures"]) for each in result["refusals"]]


def deployed(slice_: Slice) -> Slice:
    """Mark all VMs of a slice as running, and return it."""
    for each in slice_.vms:
        each.see(Observed("running"))
    return slice_
