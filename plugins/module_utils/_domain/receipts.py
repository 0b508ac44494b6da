# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Receipts prove that a report answers the work order by which a slice gave something up.

A work order contains one for each slice that gives VMs, disks, VLANs or addresses up, and the host's report returns
it. It is derived from a key of the database, from the host and from what is given up, so nobody can write one, and that
of another order, host or slice frees nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from .. import identity
from ..cluster import VNC_KEY, Cluster
from ..models import Slice
from ..report import NETWORK_NODE

RELEASE_ID = "release_id"
"""The extra field of a slice with a UUID for what it gives up, because the same VLAN can be given up twice."""


def mark(slice_: Slice) -> None:
    """Note that the slice gives something up that hosts may use."""
    slice_.extra.setdefault(RELEASE_ID, identity.new_uuid())


def gives_up(slice_: Slice) -> bool:
    """Return whether the slice gives something up that hosts may use."""
    return slice_.deleting or "releasing" in slice_.extra or any(vm.deleting or vm.given_up_disks for vm in slice_.vms)


def receipt(cluster: Cluster, slice_: Slice, target: str) -> str | None:
    """Return the receipt for a host, C(None) if the slice gives nothing up, or no work order has been created yet.

    Args:
        cluster: the database.
        slice_: the slice.
        target: the recipient of the work order: a worker's address, or C(NETWORK_NODE).
    """
    key = cluster.extra.get(VNC_KEY)
    if key is None or not gives_up(slice_):
        return None
    parts: list[Any] = [
        target,
        slice_.slice_id,
        slice_.uuid,
        slice_.extra.get(RELEASE_ID),
        slice_.deleting,
        sorted(vm.vm_id for vm in slice_.vms if vm.deleting),
        {what: sorted(held) for what, held in slice_.extra.get("releasing", {}).items()},
        sorted(str(disk.uuid) for vm in slice_.vms for disk in vm.given_up_disks),
    ]
    if target == NETWORK_NODE and (lost := cluster.lost_machines | cluster.lost_marks):
        # Otherwise a lost worker could still use what the report on an order from before its declaration releases.
        parts.append(sorted(lost))
    message = f"receipt {json.dumps(parts, sort_keys=True)}"
    return hmac.new(str(key).encode(), message.encode(), hashlib.sha256).hexdigest()[:32]
