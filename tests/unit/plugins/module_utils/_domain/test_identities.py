# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import identities, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, put, topology, vm

SEED = json.loads((Path(__file__).parents[4] / "fixtures" / "slice_1000.json").read_text())


def uuids(slice_: Slice) -> list[str | None]:
    return [slice_.uuid, *(vm.uuid for vm in slice_.vms), *(disk.uuid for vm in slice_.vms for disk in vm.disks)]


def test_uuids_of_slices_vms_and_disks_never_change() -> None:
    held = cluster()
    first = uuids(put(held, topology()))
    assert None not in first
    assert len(set(first)) == 5
    assert uuids(put(held, topology())) == first
    more = uuids(put(held, topology(vms=[vm("vm1", internet=True), vm("vm2"), vm("vm3")])))
    assert (len(set(more)), set(more) >= set(first)) == (7, True)
    assert uuids(Slice.from_dict(held.slices[1000].to_dict())) == more


def test_a_slice_of_the_data_model_has_no_further_keys_until_it_is_changed() -> None:
    held = cluster()
    held.slices[1000] = stored = Slice.from_dict(SEED)
    held.users["admin"].slices, held.users["admin"].used_vms, held.next_vm_id = [1000], 2, 1003
    stored.extra["name"] = "web"
    same = put(held, topology(vms=[vm("vm1", internet=True, flavor=None), vm("vm2", flavor=None)]))
    assert same.to_dict() == {**SEED, "name": "web"}
    assert not identities.has_all(same)
    changed = put(held, topology(vms=[vm("vm1", internet=True, flavor=None), vm("vm2", flavor=None)], peers=True))
    assert identities.has_all(changed)
    assert changed.to_dict()["vms"][0]["disks"] == [
        {"path": SEED["vms"][0]["qcow_image"], "uuid": changed.vms[0].disks[0].uuid}
    ]


def test_a_planned_slice_gets_uuids_as_a_change() -> None:
    stored = Slice.from_dict(SEED)
    work_orders.hand_out([stored])
    assert identities.has_all(stored)
    assert diff(identities.changes([stored])) == {
        "before": "slice 1000 (1000)\n",
        "after": f"slice 1000 (1000): uuid {stored.uuid} (given to the slice, its VMs and their disks)\n",
    }
