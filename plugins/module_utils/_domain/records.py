# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What work orders contain of the database, so that a lost one can be rebuilt (docs/decisions/0023).

A record is a slice as it is stored, without what hosts observe and without what is being deleted or released: once a
host has applied the order that contains the record, it no longer has any of that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..lifecycle import DELETING, DESIGN
from ..models import Slice
from ..stored_fields import FieldError, Record, at, integer
from ..vlans import FURTHER_POOLS, pool_range
from .data_disks import TRASHED
from .receipts import RELEASE_ID

_OBSERVED = ("observed", "first_seen")


@dataclass(frozen=True)
class SliceRecord:
    """What a host stores of a slice.

    Attributes:
        slice: the slice's stored form, on a worker only with the VMs on it and their links.
        vm_ids: all VMs of the slice, in the slice's order.
        next_vm_id: the counter of the database at that time.
    """

    slice: Mapping[str, Any]
    vm_ids: tuple[int, ...]
    next_vm_id: int

    def on(self, worker_ip: str) -> SliceRecord | None:
        """Return the share of a worker, C(None) if it has no VM of the slice."""
        vms = [vm for vm in self.slice["vms"] if vm["worker_ip"] == worker_ip]
        ids = {vm["vm_id"] for vm in vms}
        links = [link for link in self.slice["links"] if not ids.isdisjoint((link["vm1_id"], link["vm2_id"]))]
        share = {**self.slice, "vms": vms, "links": links}
        return SliceRecord(share, self.vm_ids, self.next_vm_id) if vms else None

    def text(self) -> str:
        """Return the text in a work order."""
        said = {"slice": self.slice, "vm_ids": self.vm_ids, "next_vm_id": self.next_vm_id}
        return json.dumps(said, separators=(",", ":"), sort_keys=True)


def record(slice_: Slice, next_vm_id: int) -> SliceRecord | None:
    """Return the record of a slice, C(None) if it is being deleted."""
    if slice_.deleting:
        return None
    said = slice_.to_dict()
    said.pop(RELEASE_ID, None)
    said.pop(TRASHED, None)
    released = said.pop("releasing", {}).get("vlan_ids", ())
    used = [vlan_id for vlan_id in said["vlan_pool_used"] if vlan_id not in released]
    pools = [pool for pool in said.pop(FURTHER_POOLS, ()) if not set(used).isdisjoint(pool_range(pool))]
    if pools:
        said[FURTHER_POOLS] = pools
    vms = [_unseen(vm) for vm in said["vms"] if vm["status"] != DELETING]
    said.update(vlan_pool_used=used, vms=vms, status=DESIGN)
    return SliceRecord(said, tuple(vm["vm_id"] for vm in vms), next_vm_id)


def read(text: str) -> tuple[Slice, SliceRecord]:
    """Return the slice of a record, and the record.

    Raises:
        FieldError: it is none.
    """
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FieldError((), f"it is not JSON ({error})") from None
    fields = Record(said)
    stored = fields.take("slice", dict)
    found = SliceRecord(stored, tuple(fields.take_list("vm_ids", integer)), fields.take("next_vm_id", int))
    return at(("slice",), Slice.from_dict, stored), found


def _unseen(vm: Mapping[str, Any]) -> dict[str, Any]:
    """Return a VM before any report of its host. Otherwise each report would change the next order."""
    said = {key: value for key, value in vm.items() if key not in _OBSERVED}
    said.update(status=DESIGN, pid=None)
    said.pop(TRASHED, None)
    if "disks" in said:
        kept = [disk for disk in said["disks"] if not disk.get("given_up")]
        said["disks"] = [{key: value for key, value in disk.items() if key not in _OBSERVED} for disk in kept]
    return said
