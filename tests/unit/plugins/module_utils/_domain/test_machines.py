# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers that have other addresses than the database knows, and addresses that have other workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import machines
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import (
    NETWORK_NODE_MACHINE,
    WORKERS_LIST,
    Cluster,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from .builders import ROOM, cluster, deployed, put, topology, vm
from .test_undelete import delete, restore

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
ONE, TWO, NINE = "10.0.10.1", "10.0.10.2", "10.0.10.9"


def held(machines_of: Mapping[str, str | None] | None = None) -> Cluster:
    """A cluster with machines A and B, a VM on each, the second one pinned there."""
    made = cluster(workers=0)
    for ip, machine in (machines_of or {ONE: A, TWO: B}).items():
        made.workers[ip] = Worker(ip, **ROOM, extra={} if machine is None else {"machine_id": machine})
    put(made, topology(vms=[vm("vm1"), vm("vm2", worker=TWO)], links=[]))
    return made


def follow(made: Cluster, seen: Mapping[str, str | None], **others: Any) -> list[machines.Renumbering]:
    return machines.follow(
        made, [{"ip": ip, "state": "present", "machine_id": machine, **others} for ip, machine in seen.items()]
    )


def refusals(made: Cluster, seen: Mapping[str, str | None], **others: Any) -> list[str]:
    before = made.to_dict()
    with pytest.raises(Refused) as refused:
        follow(made, seen, **others)
    assert made.to_dict() == before
    return [refusal.message for refusal in refused.value.refusals]


def places(made: Cluster) -> list[tuple[str, str | None]]:
    return [(each.worker_ip, each.pinned_to) for each in made.vms()]


def test_a_renumbered_machine_keeps_its_vms() -> None:
    made = held()
    made.extra[WORKERS_LIST] = [ONE, TWO]
    revision = made.revision or 0
    (found,) = follow(made, {ONE: A, NINE: B})

    assert (found.old, found.new, found.machine_id, found.vms) == (TWO, NINE, B, 1)
    assert places(made) == [(ONE, None), (NINE, NINE)]
    assert {ip: worker.ip for ip, worker in made.workers.items()} == {ONE: ONE, NINE: NINE}
    assert made.workers[NINE].cores == ROOM["cores"]
    assert made.extra[WORKERS_LIST] == [ONE, NINE]
    assert (made.revision or 0) > revision
    assert list(breaches(made)) == []


@pytest.mark.parametrize("seen", [{NINE: B}, {ONE: B, TWO: A}])
def test_a_deleted_slice_is_restored_where_its_disks_are_in_the_trash(seen: dict[str, str]) -> None:
    made = held()
    before = deployed(made.slices[1000])
    delete(made, before)
    follow(made, seen)
    where = {machine: ip for ip, machine in seen.items()}
    back = restore(made)
    assert [each.worker_ip for each in back.vms] == [where.get(A, ONE), where[B]]
    assert back.vms[1].pinned_to == where[B]
    assert list(breaches(made)) == []


def test_without_deleted_slices_a_renumbering_adds_none() -> None:
    made = held()
    follow(made, {NINE: B})
    assert "deleted_slices" not in made.extra


def test_a_renumbering_is_shown_as_a_change() -> None:
    (found,) = follow(held(), {NINE: B})

    assert diff([found.change]) == {
        "before": f"worker {NINE}: ip {TWO}\n",
        "after": f"worker {NINE}: ip {NINE}, machine_id {B}, vms 1 (no VM moves)\n",
    }


@pytest.mark.parametrize("seen", [{ONE: B, TWO: A}, {TWO: A, NINE: B}, {NINE: A, ONE: B}])
def test_machines_can_exchange_their_addresses(seen: dict[str, str]) -> None:
    made = held()
    follow(made, seen)

    where = {machine: ip for ip, machine in seen.items()}
    assert places(made) == [(where[A], None), (where[B], where[B])]
    assert {ip: worker.machine_id for ip, worker in made.workers.items()} == seen


def test_known_machines_change_nothing() -> None:
    made = held()
    before = made.to_dict()

    assert follow(made, {ONE: A, TWO: B, NINE: C}) == []
    assert follow(made, {ONE: None}) == []
    assert made.to_dict() == before


def test_a_worker_gets_its_machine_id_when_it_is_first_read() -> None:
    assert follow(held({ONE: None, TWO: None}), {ONE: A, TWO: B}) == []


def test_another_machine_at_a_known_address_is_refused() -> None:
    assert refusals(held(), {ONE: C}) == [
        f"worker {ONE}: the host at this address has machine-id {C}, the worker in the database has {A} and 1 VMs; "
        "a worker is identified by its machine-id; "
        f"set worker_accept_machine to {C} if it is the same worker, otherwise give this host another address"
    ]


def test_another_machine_is_accepted_if_the_administrator_confirms_it() -> None:
    assert follow(held(), {ONE: C}, accept_machine=C) == []
    assert len(refusals(held(), {ONE: C}, accept_machine=B)) == 1


@pytest.mark.parametrize(("holder", "told"), [(A, A), (None, "unknown")])
def test_a_machine_cannot_take_the_address_of_another_known_one(holder: str | None, told: str) -> None:
    made = held({ONE: holder, TWO: B})
    assert refusals(made, {ONE: B}, accept_machine=B) == [
        f"worker {TWO}: machine {B} now has the address {ONE}, which in the database is that of {told} with 1 VMs; "
        f"an address belongs to one worker; give it another address, or remove worker {ONE} first"
    ]


def test_a_machine_can_take_the_address_of_a_worker_that_was_never_reached() -> None:
    made = held()
    made.workers[NINE] = Worker(NINE)
    follow(made, {NINE: B})

    assert list(made.workers) == [ONE, NINE]
    assert made.workers[NINE].machine_id == B


def test_duplicate_machine_ids_are_refused() -> None:
    assert refusals(held(), {ONE: A, NINE: C, TWO: C}) == [
        f"machine {C}: 2 workers have this machine-id ({NINE}, {TWO}); each worker must have its own machine-id; "
        "create new ones with systemd-machine-id-setup on the cloned hosts",
        f"worker {TWO}: the host at this address has machine-id {C}, the worker in the database has {B} and 1 VMs; "
        "a worker is identified by its machine-id; "
        f"set worker_accept_machine to {C} if it is the same worker, otherwise give this host another address",
    ]


@pytest.mark.parametrize("other", [A, C])
def test_two_hosts_of_the_inventory_at_one_address_are_refused(other: str) -> None:
    """They are two machines, or two names of one, and each would get the orders of the worker."""
    made = held()
    before = made.to_dict()
    wants = [
        {"ip": ip, "state": "present", "machine_id": machine} for ip, machine in ((ONE, other), (TWO, B), (ONE, A))
    ]
    with pytest.raises(Refused) as refused:
        machines.follow(made, wants)
    assert refused.value.message == (
        f"worker {ONE}: 2 hosts of the inventory have this address (machines {other}, {A}); each worker must have one "
        "entry, and an address of its own; correct ansible_host or worker_ip of those with another address, or remove "
        "duplicate entries of the same host"
    )
    assert made.to_dict() == before
    # One that was not reached has no machine-id yet, and one that is removed may be replaced.
    for entry in ({"state": "present", "machine_id": None}, {"state": "absent", "machine_id": C}):
        assert machines.follow(made, [*wants[1:], {"ip": ONE, **entry}]) == []


@pytest.mark.parametrize("text", ["", "A" * 32, "a" * 31, "uninitialized"])
def test_invalid_machine_ids_are_refused(text: str) -> None:
    made = held()
    if text:
        assert refusals(made, {NINE: text}) == [
            f"worker {NINE}: a machine-id must be 32 hexadecimal digits, got {text!r}; run systemd-machine-id-setup on "
            "the host, which writes /etc/machine-id"
        ]
    else:
        assert follow(made, {NINE: text}) == []


def test_removed_workers_are_not_checked() -> None:
    made = held()

    assert machines.follow(made, [{"ip": NINE, "state": "absent", "machine_id": A}]) == []


def test_a_machine_has_a_mark_once_it_and_its_cloud_are_known() -> None:
    made = held({ONE: A, TWO: None})
    made.extra.pop("cloud", None)
    assert machines.mark(made, made.workers[ONE]) is None
    made.identify("lab")
    marks = [machines.mark(made, made.workers[ip]) for ip in (ONE, TWO)]
    assert (len(str(marks[0])) > 8, marks[1]) == (True, None)
    assert A not in str(marks[0])


def test_the_network_node_is_its_machine() -> None:
    made = cluster()
    machines.note_network_node(made, None)
    assert NETWORK_NODE_MACHINE not in made.extra
    machines.note_network_node(made, A)
    machines.note_network_node(made, A)
    machines.note_network_node(made, None, accepted=B)
    for accepted in (None, C, A):
        with pytest.raises(Refused) as refused:
            machines.note_network_node(made, B, accepted=accepted)
        assert made.extra[NETWORK_NODE_MACHINE] == A
    assert refused.value.message == (
        f"network node: the host in the group network_node has machine-id {B}, that of the database has {A} and may "
        "still serve its reservations and NAT; the network node is identified by its machine-id; run "
        f"cloudrepo.slices.site with -e network_node_accept_machine={B} if the former machine is gone for good or was "
        "reinstalled, and then cloudrepo.slices.deploy with -e slice_all=true; otherwise put it back into the group"
    )
    machines.note_network_node(made, B, accepted=B)
    assert made.extra[NETWORK_NODE_MACHINE] == B


def test_a_lost_network_node_is_forgotten_with_the_addresses_that_only_it_may_have() -> None:
    made = cluster()
    made.identify("lab")
    machines.note_network_node(made, A)
    made.extra["left_behind"] = {"address": [5], "vlan_pool": [7]}
    with pytest.raises(Refused) as refused:
        machines.lose_network_node(made, A)
    assert refused.value.message == (
        f"network node: the host in the group network_node was reached, its machine-id is {A}; only a network node "
        "that is gone for good is lost; run cloudrepo.slices.site without network_node_lost, and with "
        f"-e network_node_accept_machine={A} if this machine has replaced the former one"
    )
    assert machines.network_node_mark(made) is not None
    for _each in range(2):
        machines.lose_network_node(made, None)
        assert (machines.network_node_mark(made), made.extra["left_behind"]) == (None, {"vlan_pool": [7]})
    del made.extra["left_behind"]
    machines.lose_network_node(made, None)
    assert "left_behind" not in made.extra
    machines.note_network_node(made, B)
    assert made.extra[NETWORK_NODE_MACHINE] == B


def test_a_network_node_without_a_valid_machine_id_is_refused() -> None:
    made = cluster()
    with pytest.raises(Refused) as refused:
        machines.note_network_node(made, "none")
    assert [each.code for each in refused.value.refusals] == ["invalid_machine_id"]
    assert NETWORK_NODE_MACHINE not in made.extra
