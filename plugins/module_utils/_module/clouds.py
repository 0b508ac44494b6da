# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which cloud the database is, and what its hosts have in use, as results of a module."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import bounds
from .._domain import cloud_vlans, counters, machines
from .._domain.registration import require_admin
from ..changes import between
from ..claim import Asked
from ..cluster import HOSTS, LEFT_BEHIND, NETWORK_NODE_MACHINE, Cluster
from ..errors import Refused
from ..history import Kept
from .edge import Outcome


def controller() -> str:
    """Return what this machine is called."""
    return os.uname().nodename


def identify(cluster: Cluster, params: Mapping[str, Any]) -> Outcome:
    """Return the identity of the cloud, which is created if there is none, and take in what its hosts have in use.

    Raises:
        Refused: the acting user is not an admin, the title is not one, or the VLANs cannot be those of the
            cloud or are those of a neighbour, or the network node is another machine, or is lost and was reached.
    """
    require_admin(cluster, params["acting_user"], "cloud")
    if params["title"] is not None:
        refusals = list(bounds.TITLE.problems("cloud", "cloud", params["title"]))
        if refusals:
            raise Refused(refusals)
    kept = _kept(cluster, params)
    neighbours = cloud_vlans.read_neighbours(params["neighbours"])
    before = _attributes(cluster)
    cloud_vlans.change(cluster, vlan_pools=params["vlan_pools"], management_vlan=params["management_vlan"])
    cloud = cluster.identify(title=params["title"] or controller())
    if params["title"] is not None:
        cloud = replace(cloud, title=params["title"])
        cluster.set_cloud(cloud)
    cloud_vlans.compare(cloud.title, cluster.vlans, neighbours)
    cluster.keep(kept)
    if params["network_node_lost"]:
        machines.lose_network_node(cluster, params["network_node_machine_id"])
    machines.note_network_node(
        cluster, params["network_node_machine_id"], accepted=params["network_node_accept_machine"]
    )
    if params["expected_hosts"]:
        cluster.extra[HOSTS] = sorted({*cluster.extra.get(HOSTS, ()), *params["expected_hosts"]})
    hosts = Asked.from_dict({"hosts": params["hosts"]}).hosts
    if hosts:
        is_complete = {*params["expected_hosts"]} <= {each.host for each in hosts}
        counters.take_in(cluster, hosts, complete=is_complete and counters.cover_all_hosts(cluster, hosts))
    after = _attributes(cluster)
    changes = [] if before == after else [between("cloud", cloud.uuid, before, after, name=cloud.title)]
    said = {**cloud.to_result(), "controller": controller(), **vlans_of(cluster)}
    behind = [refusal.message for refusal in counters.behind(cluster, hosts)]
    known = cluster.extra.get(HOSTS, [])
    return Outcome(changes, {"cloud": said, "next_vm_id": cluster.next_vm_id, "behind": behind, "hosts": known})


def vlans_of(cluster: Cluster) -> dict[str, Any]:
    """Return the VLANs of the cloud, which hosts store with their claim."""
    return {"vlan_pools": cluster.vlans.pools_text, "management_vlan": cluster.vlans.management}


def _kept(cluster: Cluster, params: Mapping[str, Any]) -> Kept:
    """Return how much of the history to keep.

    Raises:
        Refused: an option is out of range.
    """
    entries, days = params["history_entries"], params["history_days"]
    refusals = [
        *bounds.HISTORY_ENTRIES.problems("cloud", "history_entries", entries),
        *bounds.HISTORY_DAYS.problems("cloud", "history_days", days),
    ]
    if refusals:
        raise Refused(refusals)
    kept = cluster.kept
    return Kept(kept.entries if entries is None else entries, kept.days if days is None else days)


def _attributes(cluster: Cluster) -> dict[str, Any] | None:
    """The cloud in a change; empty before there is one."""
    if cluster.cloud is None:
        return None
    left: Mapping[str, list[int]] = cluster.extra.get(LEFT_BEHIND, {})
    return {
        "title": cluster.cloud.title,
        "next_vm_id": cluster.next_vm_id,
        "revision": cluster.revision,
        "history_entries": cluster.kept.entries,
        "history_days": cluster.kept.days,
        **cluster.vlans.to_dict(),
        "hosts": " ".join(cluster.extra.get(HOSTS, ())),
        "network_node_machine_id": cluster.extra.get(NETWORK_NODE_MACHINE),
        **{f"left_behind_{kind}": " ".join(map(str, numbers)) for kind, numbers in left.items()},
    }
