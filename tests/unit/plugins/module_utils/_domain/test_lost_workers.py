# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Nothing waits for a worker that is permanently lost, and its VMs may be created again elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import displays, lost_workers, status, teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.data_disks import TRASHED
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.placement import Placement
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.receipts import receipt
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import remove_worker
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import ERROR, RUNNING, Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Disk, Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE, Answer, HostReport, VmReport
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .builders import AHEAD_OF_CLOCKS, cluster, deployed, put, topology

LOST, LEFT = "10.0.10.2", "10.0.10.1"
MACHINE = "0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90"
AT = "2026-01-31T12:00:00Z"
NODE = HostReport("netnode", NETWORK_NODE)
WORKER = HostReport("worker1", LEFT)


def answers_of(made: Cluster, slice_: Slice, target: str) -> tuple[Answer, ...]:
    """The receipts that a host returns for its work order."""
    displays.make_key(made)
    return (Answer(slice_.slice_id, receipt(made, slice_, target) or ""),)


def held(workers: int = 2) -> tuple[Cluster, Slice]:
    """A cluster with vm1 on the remaining worker, and vm2 on the lost one."""
    made = cluster(workers)
    slice_ = put(made, topology())
    hand_out([slice_])
    deployed(slice_)
    assert [vm.worker_ip for vm in slice_.vms] == [LEFT, LOST]
    lost_workers.declare(made, LOST)
    return made, slice_


def test_vms_of_a_lost_worker_are_errors_and_it_gets_neither_orders_nor_vms() -> None:
    made, slice_ = held()
    assert [vm.status for vm in slice_.vms] == [RUNNING, ERROR]
    assert list(work_orders(made, [slice_], "/s")["workers"]) == [LEFT]
    assert lost_workers.addresses(made) == [LOST]
    placement = Placement(made)
    assert placement.place(made.flavors["cirros"], LOST) is None
    (shortage,) = placement.refusal("VM x", made.flavors["cirros"], LOST).figures["shortages"]
    assert shortage.code == "worker_lost"
    assert list(breaches(made)) == []


def test_a_slice_is_deleted_without_the_report_of_a_lost_worker() -> None:
    made, slice_ = held()
    teardown.remove(made, slice_)
    assert slice_.slice_id in made.slices
    late = HostReport("worker2", LOST, "unreachable")
    answering = [replace(each, answers=answers_of(made, slice_, each.target)) for each in (WORKER, NODE)]
    failures = status.record(made, [slice_], [late, *answering], seen_at=AT)
    assert (failures, made.slices) == ([], {})
    remove_worker(made, LOST)
    assert LOST not in made.workers


def test_a_slice_waits_for_the_reports_of_remaining_workers() -> None:
    made, slice_ = held()
    teardown.remove(made, slice_)
    status.record(made, [slice_], [HostReport("worker1", LEFT, "unreachable"), NODE], seen_at=AT)
    assert slice_.slice_id in made.slices


def test_a_report_on_a_lost_worker_says_how_to_continue() -> None:
    made, slice_ = held()
    seen = VmReport(vm_id=slice_.vms[0].vm_id, state=RUNNING, pid="7")
    (failure,) = status.record(made, [slice_], [HostReport("worker1", LEFT, vms=(seen,)), NODE], seen_at=AT)
    assert f"-e recreate_disks={slice_.vms[1].vm_id}" in failure
    assert [vm.status for vm in slice_.vms] == [RUNNING, ERROR]


def test_a_vm_is_created_again_on_another_worker_with_a_new_disk() -> None:
    made, slice_ = held()
    first, second = slice_.vms
    before = (second.vm_id, second.interfaces[0].mac, second.vnc_port, second.disks[0].uuid)
    assert lost_workers.replace(made, [slice_], {first.vm_id}) == []
    (change,) = lost_workers.replace(made, [slice_], {first.vm_id, second.vm_id})
    assert (change.before, change.after) == ({"worker": LOST}, {"worker": LEFT})
    hand_out([slice_])
    assert [vm.worker_ip for vm in slice_.vms] == [LEFT, LEFT]
    after = (second.vm_id, second.interfaces[0].mac, second.vnc_port, second.disks[0].uuid)
    assert (after[:3], after[3] == before[3]) == (before[:3], False)
    assert list(breaches(made)) == []


def test_what_was_seen_of_a_moved_vm_does_not_hide_its_first_report() -> None:
    made, slice_ = held()
    second = slice_.vms[1]
    second.see(Observed(RUNNING, "4821"))
    lost_workers.replace(made, [slice_], {second.vm_id})
    assert (second.status, second.pid) == (ERROR, None)


def test_no_vm_is_moved_if_one_has_no_room() -> None:
    made, slice_ = held()
    made.workers[LEFT].max_vms = 1
    before = made.to_dict()
    with pytest.raises(Refused) as refused:
        lost_workers.replace(made, [slice_], {vm.vm_id for vm in slice_.vms})
    assert [each.code for each in refused.value.refusals] == ["no_room"]
    assert made.to_dict() == before


def test_a_lost_worker_is_used_again_once_its_machine_id_is_registered() -> None:
    made, _slice = held()
    lost_workers.mark_returned(made, {"ip": LOST, "machine_id": None})
    assert lost_workers.addresses(made) == [LOST]
    lost_workers.mark_returned(made, {"ip": LOST, "machine_id": "0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90"})
    assert lost_workers.addresses(made) == []


def test_the_network_node_gets_lost_machines_until_they_are_used_again() -> None:
    made, slice_ = held()
    made.workers[LOST].extra.update(lost=False, machine_id=MACHINE)
    made.identify(title="lab")
    assert made.cloud is not None
    lost_workers.declare(made, LOST)
    marks = [each.to_dict() for each in lost_workers.machines(made)]
    assert marks == [{"mark": machine_mark(made.cloud.uuid, MACHINE)}]
    assert work_orders(made, [slice_], "/s")["network_node"]["lost_machines"] == marks
    # Also after the worker was removed: the machine still has its disks.
    del made.workers[LOST]
    assert [each.to_dict() for each in lost_workers.machines(made)] == marks
    wants = [{"ip": LEFT, "state": "present", "machine_id": "d" * 32}]
    assert lost_workers.returned(made, wants) == []
    back = {"ip": LOST, "state": "present", "machine_id": MACHINE}
    assert lost_workers.returned(made, [*wants, back]) == [LOST]
    made.workers[LOST] = Worker(LOST)
    lost_workers.mark_returned(made, back)
    assert (lost_workers.machines(made), "lost_machines" in made.extra) == ((), False)
    assert "lost_machines" not in work_orders(made, [slice_], "/s")["network_node"]


def test_marks_that_only_the_network_node_has_are_kept_until_their_machines_are_back() -> None:
    """As after the restoration of a backup from before the declaration."""
    made, slice_ = held()
    made.workers[LOST].extra.update(lost=False, machine_id=MACHINE)
    mark = machine_mark(made.identify(title="lab").uuid, MACHINE)
    made.extra["revision"] = AHEAD_OF_CLOCKS
    lost_workers.take_in(made, [])
    lost_workers.take_in(made, [mark, "1" * 64])
    lost_workers.take_in(made, [mark])
    assert made.revision == AHEAD_OF_CLOCKS + 1, "an older order must not replace the network node's list"
    assert [each.mark for each in lost_workers.machines(made)] == sorted([mark, "1" * 64])
    assert lost_workers.known(made) == {mark, "1" * 64}
    assert Cluster.from_dict(made.to_dict()).lost_marks == {mark, "1" * 64}
    lost_workers.declare(made, LOST)
    assert lost_workers.known(made) == {MACHINE, "1" * 64}, "each machine is named once"
    back = {"ip": LOST, "state": "present", "machine_id": MACHINE}
    assert lost_workers.returned(made, [back]) == [LOST]
    lost_workers.mark_returned(made, back)
    assert work_orders(made, [slice_], "/s")["network_node"]["lost_machines"] == [{"mark": "1" * 64}]
    lost_workers.take_in(made, [mark])
    assert lost_workers.returned(made, [back]) == [LOST], "also if the worker itself was never marked as lost"


def test_marks_of_lost_machines_that_are_known_are_not_kept_as_well() -> None:
    made, _slice = held()
    made.workers[LOST].extra.update(lost=False, machine_id=MACHINE)
    mark = machine_mark(made.identify(title="lab").uuid, MACHINE)
    lost_workers.declare(made, LOST)
    before = made.to_dict()
    lost_workers.take_in(made, [mark])
    assert made.to_dict() == before


def test_a_lost_worker_without_a_machine_id_is_a_warning() -> None:
    made, _slice = held()
    wants = [{"ip": LOST, "state": "lost"}, {"ip": LEFT, "state": "present"}]
    assert lost_workers.unfenced(made, wants) == [
        f"worker {LOST}: its machine-id is unknown, as after a rebuild of the database, so unless it was declared lost "
        "before, it starts its VMs if it comes back; keep it switched off or cut off from the trunk until "
        "cloudrepo.slices.site reaches it"
    ]
    made.workers[LOST].extra["machine_id"] = MACHINE
    assert lost_workers.unfenced(made, wants) == []


def test_another_machine_at_the_address_does_not_clear_a_lost_one() -> None:
    made, _slice = held()
    made.workers[LOST].extra.update(lost=False, machine_id=MACHINE)
    made.identify(title="lab")
    lost_workers.declare(made, LOST)
    lost_workers.mark_returned(made, {"ip": LOST, "machine_id": "d" * 32})
    assert (lost_workers.addresses(made), len(lost_workers.machines(made))) == ([], 1)


def test_only_changes_of_the_list_of_lost_machines_make_later_orders_newer() -> None:
    """Otherwise an order that was made before could replace the network node's list."""
    made, slice_ = held()
    made.extra["revision"] = AHEAD_OF_CLOCKS
    made.workers[LEFT].extra["machine_id"] = MACHINE
    back = {"ip": LEFT, "state": "present", "machine_id": MACHINE}
    seen = []
    for act in (
        lambda: lost_workers.mark_returned(made, back),
        lambda: lost_workers.declare(made, LEFT),
        lambda: lost_workers.declare(made, LEFT),
        lambda: lost_workers.mark_returned(made, {**back, "machine_id": None}),
        lambda: lost_workers.mark_returned(made, back),
        lambda: lost_workers.mark_returned(made, back),
        lambda: lost_workers.add_replaced(made, [back]),
        lambda: lost_workers.add_replaced(made, [{**back, "machine_id": "d" * 32}]),
        lambda: lost_workers.add_replaced(made, [{**back, "machine_id": "d" * 32}]),
    ):
        act()
        seen.append((made.revision or 0) - AHEAD_OF_CLOCKS)
    assert seen == [0, 1, 1, 1, 2, 2, 2, 3, 3]
    order = work_orders(made, [slice_], "/s")["network_node"]
    assert order["revision"] == order["slices"][0]["revision"] == made.revision


@pytest.mark.parametrize(
    ("want", "lost"),
    [
        ({"ip": LEFT, "state": "present", "machine_id": "d" * 32}, [MACHINE]),
        ({"ip": LEFT, "state": "present", "machine_id": MACHINE}, []),
        ({"ip": LEFT, "state": "present", "machine_id": None}, []),
        ({"ip": LEFT, "state": "present"}, []),
        ({"ip": LEFT, "state": "absent", "machine_id": "d" * 32}, []),
        ({"ip": LEFT, "state": "lost", "machine_id": "d" * 32}, []),
        ({"ip": LOST, "state": "present", "machine_id": "d" * 32}, []),
        ({"ip": "10.0.10.9", "state": "present", "machine_id": "d" * 32}, []),
    ],
)
def test_a_machine_that_is_replaced_by_another_one_is_lost(want: dict[str, str | None], lost: list[str]) -> None:
    made = cluster(2)
    made.workers[LEFT].extra["machine_id"] = MACHINE
    lost_workers.add_replaced(made, [want])
    assert (sorted(made.lost_machines), made.extra.get("lost_machines", [])) == (lost, lost)


def test_machines_that_are_lost_or_back_are_changes() -> None:
    found = lost_workers.changes(["a", "c"], ["b", "c"])
    assert [(change.kind, change.id, change.action) for change in found] == [
        ("lost machine", "b", "create"),
        ("lost machine", "a", "delete"),
    ]


def test_an_unknown_worker_cannot_be_lost() -> None:
    with pytest.raises(Refused) as refused:
        lost_workers.declare(cluster(), "10.0.10.9")
    assert [each.code for each in refused.value.refusals] == ["unknown_reference"]


def test_a_worker_that_is_not_registered_is_refused() -> None:
    made = cluster()
    with pytest.raises(Refused) as caught:
        lost_workers.declare(made, "10.0.10.9")
    figures = {"kind": "worker", "name": "10.0.10.9", "known": ["10.0.10.1", "10.0.10.2"]}
    assert caught.value.refusals == [Refusal("unknown_reference", "worker 10.0.10.9", figures)]


def test_a_worker_is_declared_lost_once() -> None:
    made = cluster()
    made.workers["10.0.10.1"].extra["machine_id"] = "ab" * 16
    for _each in range(2):
        lost_workers.declare(made, "10.0.10.1")
    assert made.extra["lost_machines"] == ["ab" * 16]


def test_vms_that_no_host_has_or_that_are_being_deleted_are_no_errors() -> None:
    made = cluster(2)
    slice_ = put(made, topology())
    lost_workers.declare(made, LOST)
    assert slice_.vms[1].observed is None, "it was never in a work order"
    made, slice_ = cluster(2), put(cluster(2), topology())
    made.slices[slice_.slice_id] = slice_
    hand_out([slice_])
    slice_.vms[1].deleting = True
    lost_workers.declare(made, LOST)
    assert slice_.vms[1].observed is None


@pytest.mark.parametrize(
    ("want", "is_back"),
    [
        ({"ip": LOST, "state": "present", "machine_id": MACHINE}, True),
        ({"ip": LEFT, "state": "present", "machine_id": MACHINE}, True),
        ({"ip": LOST, "state": "present", "machine_id": "f" * 32}, True),
        ({"ip": LEFT, "state": "present", "machine_id": "f" * 32}, False),
        ({"ip": LOST, "state": "present", "machine_id": None}, False),
        ({"ip": LOST, "state": "present"}, False),
        ({"ip": LOST, "state": "absent", "machine_id": MACHINE}, False),
    ],
)
def test_a_lost_worker_is_back_with_its_machine_or_at_its_address(want: dict[str, str | None], is_back: bool) -> None:
    made = cluster(2)
    made.workers[LOST].extra["machine_id"] = MACHINE
    lost_workers.declare(made, LOST)
    assert lost_workers.returned(made, [want]) == ([str(want["ip"])] if is_back else [])


def test_what_was_in_the_trash_of_a_lost_worker_is_forgotten_with_its_vms() -> None:
    made, slice_ = held(3)
    moved = slice_.vms[1]
    gone = Disk("/x")
    gone.extra["given_up"] = True
    moved.disks.append(gone)
    moved.extra[TRASHED] = [{"name": "old", "until": "9999-01-01T00:00:00Z"}]
    lost_workers.replace(made, [slice_], [moved.vm_id])
    assert (moved.given_up_disks, len(moved.disks), TRASHED in moved.extra) == ([], 1, False)
    assert [{*disk.extra} & {"uuid", "first_seen"} for disk in moved.disks] == [set()]
