# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import identities, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import DELETED_SLICES
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
    held, stored = cluster(), Slice.from_dict(SEED)
    work_orders.hand_out([stored])
    assert not identities.has_all(stored)
    identities.bind(held, stored)
    assert identities.has_all(stored)
    assert stored.owner_uuid == held.users["admin"].uuid
    assert diff(identities.changes([stored])) == {
        "before": "slice 1000 (1000)\n",
        "after": f"slice 1000 (1000): uuid {stored.uuid} (given to the slice, its owner, its VMs and their disks)\n",
    }


def test_a_user_gets_a_uuid_with_all_slices_also_deleted_ones() -> None:
    held = cluster()
    alice = held.users["alice"]
    stored, deleted = Slice.from_dict({**SEED, "owner": "alice"}), Slice.from_dict({**SEED, "owner": "alice"})
    others = Slice.from_dict(SEED)
    held.slices[1000], alice.slices = stored, [1000, 1999]
    entries = [{"deleted": "", "until": "", "slice": each.to_dict()} for each in (deleted, others)]
    held.extra[DELETED_SLICES] = entries
    identities.identify_user(held, alice)
    assert alice.uuid is not None
    assert stored.owner_uuid == alice.uuid
    assert [each["slice"].get("owner_uuid") for each in held.extra[DELETED_SLICES]] == [alice.uuid, None]
    assert "owner_uuid" not in entries[0]["slice"], "it may be the content of a database that was read before"
    before = held.to_dict()
    identities.identify_user(held, alice, "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21")
    assert held.to_dict() == before


def test_a_slice_keeps_the_uuid_of_its_owner() -> None:
    held = cluster()
    slice_ = put(held, topology(owner="alice"))
    uuid = slice_.owner_uuid
    assert (uuid, uuid is None) == (held.users["alice"].uuid, False)
    held.users["alice"].extra["uuid"] = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"
    identities.bind(held, slice_)
    assert slice_.owner_uuid == uuid
    assert put(held, topology(owner="alice", peers=True)).owner_uuid == uuid
    del held.users["alice"]
    identities.bind(held, Slice.from_dict({**SEED, "owner": "alice"}))
    assert "alice" not in held.users
