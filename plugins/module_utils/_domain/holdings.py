# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists the objects that each host should have, so that the host can detect orphans."""

from __future__ import annotations

from typing import Any

from ..cluster import Cluster
from ..holdings import Holdings, KnownDisk, KnownMachine, KnownSlice
from ..models import Slice
from . import machines
from .registration import require_admin


def holdings(cluster: Cluster, acting_user: str) -> dict[str, Any]:
    """Return C({workers: {ip: known}, machines: [{address, mark}], network_node: known, cloud, revision}).

    C(known) is a list of slices. C(mark) is missing for workers whose machine-id is not known.

    Raises:
        Refused: the acting user is not an admin.
    """
    require_admin(cluster, acting_user, "orphans")
    slices = list(cluster.slices.values())
    workers = {ip: Holdings(tuple(_known(each, ip) for each in slices)).to_dict()["known"] for ip in cluster.workers}
    marks = (KnownMachine(ip, machines.mark(cluster, worker)) for ip, worker in cluster.workers.items())
    return {
        "workers": workers,
        "machines": [machine.to_dict() for machine in marks],
        "network_node": Holdings(tuple(_known(each) for each in slices)).to_dict()["known"],
        "cloud": cluster.cloud.to_result() if cluster.cloud else {},
        "revision": cluster.revision,
    }


def _known(slice_: Slice, ip: str | None = None) -> KnownSlice:
    disks = (disk for vm in slice_.vms if vm.worker_ip == ip for disk in vm.disks)
    return KnownSlice(slice_.slice_id, slice_.uuid, tuple(KnownDisk(disk.path, disk.uuid) for disk in disks))
