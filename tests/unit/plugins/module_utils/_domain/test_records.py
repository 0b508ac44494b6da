# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records of slices in work orders: complete, and the same for every order of an unchanged slice."""

from __future__ import annotations

import json

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import records, teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.records import SliceRecord
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError

from .builders import cluster, deployed, link, put, topology, vm

WORKERS = ("10.0.10.1", "10.0.10.2")


def record(slice_: Slice) -> SliceRecord:
    made = records.record(slice_, 1009)
    assert made is not None
    return made


def three(**fields: object) -> Slice:
    """Return a slice with a VM on the first worker, two on the second, a link between each pair, and a network."""
    vms = [vm("a", worker=WORKERS[0]), vm("b", worker=WORKERS[1]), vm("c", worker=WORKERS[1], power="stopped")]
    links = [link("a", "b"), link("b", "c")]
    return put(cluster(), topology(vms=vms, links=links, networks=[{"name": "lan", "members": ["c"]}], **fields))


def test_a_record_is_read_back_as_the_stored_slice() -> None:
    slice_ = three()
    found, known = records.read(record(slice_).text())
    expected = slice_.to_dict()
    for each in expected["vms"]:
        each["status"] = "design"
    assert found.to_dict() == expected
    assert (known.vm_ids, known.next_vm_id) == ((1001, 1002, 1003), 1009)


def test_a_report_does_not_change_the_record() -> None:
    slice_ = three()
    before = record(slice_).text()
    deployed(slice_)
    for each in slice_.vms:
        each.disks[0].extra["first_seen"] = "2026-01-31T12:00:00Z"
    assert slice_.status != "design"
    assert record(slice_).text() == before


def test_deleted_and_released_objects_are_left_out() -> None:
    slice_ = deployed(three())
    slice_.vms[2].deleting = True
    gone = slice_.links.pop()
    teardown.release_vlans(slice_, [gone.vlan_id])
    found, known = records.read(record(slice_).text())
    assert ([each.name for each in found.vms], known.vm_ids) == (["a", "b"], (1001, 1002))
    assert gone.vlan_id not in found.vlan_pool_used
    assert found.extra.keys().isdisjoint({"releasing", "release_id"})
    slice_.deleting = True
    assert records.record(slice_, 1009) is None


def test_a_worker_gets_its_vms_and_their_links() -> None:
    whole = record(three())
    shares = [whole.on(ip) for ip in (*WORKERS, "10.0.10.9")]
    assert shares[2] is None
    found = [records.read(share.text()) for share in shares if share is not None]
    assert [[vm.name for vm in slice_.vms] for slice_, _record in found] == [["a"], ["b", "c"]]
    assert [[each.link_id for each in slice_.links] for slice_, _record in found] == [[1], [1, 2]]
    assert [len(slice_.networks) for slice_, _record in found] == [1, 1]
    assert {known.vm_ids for _slice, known in found} == {(1001, 1002, 1003)}


def test_invalid_records_are_refused() -> None:
    with pytest.raises(FieldError):
        records.read(json.dumps({"slice": {}, "vm_ids": [], "next_vm_id": 1000}))


@pytest.mark.parametrize("state", ["running", "stopped", "paused", "error"])
def test_no_observed_state_is_in_a_record(state: str) -> None:
    slice_ = three()
    before = record(slice_).text()
    for each in slice_.vms:
        each.see(Observed(state, "7"))
    assert record(slice_).text() == before


def test_disks_that_are_given_up_and_pools_that_are_not_in_use_are_left_out() -> None:
    disks = [{"name": name, "size_gb": 1} for name in ("db", "log")]
    slice_ = put(cluster(), topology(vms=[vm("a", data_disks=disks), vm("b")], links=[link("a", "b")]))
    slice_.vms[0].disks[1].extra["given_up"] = True
    slice_.extra["further_pools"] = [7, 8]
    slice_.vlan_pool_used.append(240)
    found, _known = records.read(record(slice_).text())
    assert [disk.name for disk in found.vms[0].disks] == [None, "log"]
    assert found.further_pools == [7]
