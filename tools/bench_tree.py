# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures planning of a tree of 1,000 VMs: admission, allocation and the list of changes, without a database."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / ".ansible" / "collections"))

VMS = 1000
RUNS = 7


def bench_tree() -> dict[str, float]:
    """Return the median seconds for trees with networks and with links, when new and when planned again unchanged."""
    from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
    from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
    from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice
    from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
    from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

    found: dict[str, list[float]] = {}
    for segments, pools in (("networks", 26), ("links", 51)):
        tree = {"name": "tree", "topology_type": "tree", "size": VMS, "flavor": "cirros", "vlan_pools": pools}
        for _each in range(RUNS):
            cluster = Cluster.initial()
            cluster.users["admin"].quota_vms = VMS
            cluster.flavors["cirros"]["checksum"] = "ab" * 32
            cluster.workers = {f"10.0.10.{number}": Worker(f"10.0.10.{number}") for number in range(1, 9)}
            before = None
            for what in ("new", "again"):
                begin = time.perf_counter()
                want = read_slice({**tree, "segments": segments}, default_owner="admin")
                after = reconcile_slice(cluster, want, Settings(), acting_user="admin")
                changes(before, after)
                found.setdefault(f"over {segments}, {what}", []).append(time.perf_counter() - begin)
                before = after
    return {what: statistics.median(times) for what, times in found.items()}
