# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What hosts have in use raises the counters of a database, and is not allocated again."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    counters,
    lost_workers,
    machines,
    teardown,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import hand_out, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import (
    ADDRESS,
    VLAN_POOL,
    VNC_PORT,
    address_number,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import KNOWN_ID, KNOWN_REVISION, REVISION
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import (
    HeldAddress,
    HeldSlice,
    HeldVlan,
    HeldVncPort,
    InUse,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import LEFT_BEHIND, Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .builders import cluster, put, topology

STRANGER = HeldSlice(1035, "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11", (HeldAddress("10.60.7.101"),))
BOTH = ("10.0.10.1", "10.0.10.2")


def allocated(held: Cluster) -> tuple[list[int], list[int]]:
    return sorted(held.left_behind(VLAN_POOL)), sorted(held.left_behind(ADDRESS))


def test_new_ids_are_higher_than_those_in_use_on_hosts() -> None:
    held = cluster()
    counters.take_in(held, [InUse("worker1", highest_id=1036), InUse("worker2")], complete=True)
    assert put(held, topology()).slice_id == 1037
    counters.take_in(held, [InUse("worker1", highest_id=1036)], complete=True)
    assert held.next_vm_id == 1040


def test_an_id_that_leaves_no_room_for_later_ones_is_that_of_a_folder_that_somebody_made() -> None:
    held = cluster()
    counters.take_in(held, [InUse("worker1", KNOWN_ID.most + 1), InUse("worker2", 1040)], complete=True)
    assert held.next_vm_id == 1041
    counters.take_in(held, [InUse("worker1", int(KNOWN_ID.most))], complete=True)
    assert held.next_vm_id == KNOWN_ID.most + 1


def test_pool_and_addresses_of_an_unknown_slice_on_a_host_stay_reserved() -> None:
    held = cluster()
    counters.take_in(held, [InUse("worker1", 1036, None, (STRANGER,))], complete=True)
    assert allocated(held) == ([35], [address_number("10.60.7.101")])
    assert (put(held, topology()).vms[0].interfaces[0].ip_config or {})["ip"] == "10.60.7.102"
    counters.take_in(held, [InUse("worker1", 1036)], complete=False)
    assert allocated(held)[0] == [35]
    counters.take_in(held, [InUse("worker1", 1036)], complete=True)
    assert allocated(held) == ([], [])


def test_a_slice_on_a_host_is_matched_by_its_uuid() -> None:
    held = cluster()
    slice_ = put(held, topology())
    known = HeldSlice(slice_.slice_id, slice_.uuid)
    counters.take_in(held, [InUse("worker1", slice_.slice_id, None, (known,))], complete=True)
    assert allocated(held) == ([], [])
    another = HeldSlice(slice_.slice_id, STRANGER.slice_uuid)
    counters.take_in(held, [InUse("worker1", slice_.slice_id, None, (another,))], complete=True)
    assert allocated(held) == ([slice_.slice_id % 100], [])


def test_every_pool_of_an_unknown_slice_stays_reserved() -> None:
    """Its port on the management VLAN, which is in the middle of pool 15, says nothing of that pool."""
    held = cluster()
    stranger = replace(STRANGER, vlans=tuple(map(HeldVlan, (400, 99, 120, 139, 800, 2099, 2100))))
    counters.take_in(held, [InUse("worker1", 1036, None, (stranger,))], complete=True)
    assert allocated(held)[0] == [1, 35, 99]
    links = [{"endpoints": ["vm1", "vm2"]}] * 21
    assert put(held, topology(links=links, vlan_pools=2)).further_pools == [0]


def test_what_a_known_slice_has_on_hosts_and_not_in_a_restored_database_stays_reserved() -> None:
    held = cluster()
    slice_ = put(held, topology())
    vlans = tuple(map(HeldVlan, (*slice_.vlan_pool_used, 400, 700)))
    addresses = (HeldAddress("10.60.7.101"),)
    known = HeldSlice(slice_.slice_id, slice_.uuid, addresses, vlans)
    more = replace(known, reservations=(*addresses, HeldAddress("10.60.7.240")))
    counters.take_in(held, [InUse("worker1", 1002, None, (more,))], complete=True)
    assert allocated(held) == ([30], [address_number("10.60.7.240")])
    counters.take_in(held, [InUse("worker1", 1002, None, (replace(known, vlans=vlans[:-1]),))], complete=True)
    assert allocated(held) == ([], [])


def test_the_display_of_a_forgotten_vm_keeps_its_port() -> None:
    """Another QEMU on the worker could not listen on it."""
    held = cluster()
    slice_ = put(held, topology())
    ports = [vm.vnc_port for vm in slice_.vms]
    known = HeldSlice(slice_.slice_id, slice_.uuid, vnc_ports=tuple(map(HeldVncPort, ports)))
    stranger = replace(STRANGER, vnc_ports=(HeldVncPort(ports[-1] + 1),))
    counters.take_in(held, [InUse("worker1", 1036, None, (known, stranger))], complete=True)
    assert held.left_behind(VNC_PORT) == {ports[-1] + 1}
    assert put(held, topology(name="other")).vms[0].vnc_port == ports[-1] + 2
    counters.take_in(held, [InUse("worker1", 1036, None, (known,))], complete=True)
    assert held.left_behind(VNC_PORT) == set()


@pytest.mark.parametrize(
    ("targets", "lost", "is_all"),
    [
        (BOTH, None, True),
        (BOTH[:1], None, False),
        (BOTH[:1], BOTH[1], True),
        ((*BOTH[:1], None), None, False),
    ],
)
def test_all_hosts_are_those_that_are_registered_and_not_lost(
    targets: tuple[str | None, ...], lost: str | None, is_all: bool
) -> None:
    held = cluster()
    if lost is not None:
        lost_workers.declare(held, lost)
    hosts = [InUse(f"w{at}", target=target) for at, target in enumerate(targets)]
    assert counters.cover_all_hosts(held, hosts) is is_all


def test_addresses_are_released_only_if_the_network_node_is_among_the_hosts() -> None:
    held = cluster()
    workers = [InUse("w1", target=BOTH[0]), InUse("w2", target=BOTH[1])]
    counters.take_in(held, [InUse("node", 1036, None, (STRANGER,))], complete=True)
    assert not counters.cover_all_hosts(held, workers)
    assert counters.cover_all_hosts(held, [*workers, InUse("node", target=NETWORK_NODE)])
    held.extra.pop("left_behind")
    assert counters.cover_all_hosts(held, workers)
    held.identify(title="lab")
    machines.note_network_node(held, "ab" * 16)
    assert not counters.cover_all_hosts(held, workers), "it may have VLANs of slices as well"


def test_a_database_that_is_older_than_its_hosts_is_detected() -> None:
    held = cluster()
    put(held, topology())
    held.revise()
    newest = held.revision or 0
    hosts = [InUse("worker1", None, newest + 1000), InUse("worker2", None, newest), InUse("worker3")]
    counters.take_in(held, hosts, complete=True)
    (refusal,) = counters.behind(held, hosts)
    assert (refusal.code, refusal.object) == ("database_behind", "host worker1")
    assert str(newest + 1000) in refusal.message
    assert str(newest) in refusal.message
    assert "accept_database=true" in refusal.message
    (change,) = counters.accept(held, newest + 1000)
    assert (held.revision or 0) > newest + 1000
    assert change.kind == "revision"
    assert counters.behind(held, hosts) == []


@pytest.mark.parametrize("known", [None, 1])
def test_a_newer_database_accepts_no_revision(known: int | None) -> None:
    held = cluster()
    held.revise()
    before = held.revision
    assert counters.accept(held, known) == []
    assert held.revision == before


def test_an_empty_database_continues_from_the_revisions_of_its_hosts() -> None:
    held = cluster()
    counters.take_in(held, [InUse("worker1", None, 10**14)], complete=True)
    assert held.revision == 10**14
    slice_ = put(held, topology())
    held.revise()
    assert (held.revision or 0) > 10**14
    teardown.remove(held, slice_)


def test_what_is_not_left_behind_is_not_stored() -> None:
    held = cluster()
    first = held.next_vm_id
    counters.take_in(held, [], complete=True)
    assert (LEFT_BEHIND in held.extra, held.next_vm_id, held.revision) == (False, first, None)
    alone = HeldSlice(1035, STRANGER.slice_uuid)
    counters.take_in(held, [InUse("worker1", 1036, None, (alone,))], complete=True)
    assert held.extra[LEFT_BEHIND] == {VLAN_POOL: [35]}


@pytest.mark.parametrize(
    ("revision", "known", "is_behind"), [(None, None, False), (None, 1, True), (5, 5, False), (5, 6, True)]
)
def test_a_host_is_ahead_only_with_a_higher_revision(revision: int | None, known: int | None, is_behind: bool) -> None:
    held = cluster()
    held.extra = {} if revision is None else {"revision": revision}
    found = [each.object for each in counters.behind(held, [InUse("worker1", highest_revision=known)])]
    assert found == (["host worker1"] if is_behind else [])


def test_a_database_without_a_revision_accepts_that_of_its_hosts() -> None:
    held = cluster()
    held.extra.pop("revision", None)
    assert len(counters.accept(held, 0)) == 1
    assert held.revision is not None
    assert counters.accept(held, None) == []


def test_a_revision_that_leaves_no_room_for_later_ones_is_not_accepted() -> None:
    """Hosts would refuse every later order, and no restore lowers a revision."""
    most = int(KNOWN_REVISION.most)
    held = cluster()
    counters.accept(held, most)
    assert held.revision == most + 1
    before = held.revision
    with pytest.raises(Refused) as caught:
        counters.accept(held, most + 1)
    assert caught.value.message == (
        f"accept_revision must be at most {most}, got {most + 1}, which this collection cannot have issued; "
        "a revision must leave room for later revisions; "
        "delete the folder STATE_DIR/revisions of the host that has applied it"
    )
    assert held.revision == before


@pytest.mark.parametrize(("others", "revision"), [([5], 5), ([None], None), ([], None)])
def test_an_empty_database_does_not_continue_from_the_revision_of_a_damaged_file(
    others: list[int | None], revision: int | None
) -> None:
    held = cluster()
    hosts = [InUse("w0", None, each) for each in (*others, int(REVISION.most))]
    counters.take_in(held, hosts, complete=True)
    assert held.revision == revision


def test_a_database_that_was_put_back_takes_in_what_hosts_have_applied(tmp_path: Path) -> None:
    """Its ids, VLANs and addresses may be those of slices that it has forgotten."""
    place = {"state_dir": str(tmp_path), "kind": revisions.WORKER}

    def order(held: Cluster) -> str | None:
        """Apply a work order, and return the code of a refusal."""
        found = work_orders(held, list(held.slices.values()), "/x")["workers"]["10.0.10.1"]
        slices = [SliceOrder.from_dict(each) for each in found["slices"]]
        try:
            revisions.require_issued(
                [each.revision for each in slices], found["issued_revisions"], state_dir=str(tmp_path)
            )
        except Refused as error:
            return error.refusals[0].code
        revisions.note(slices, **place)
        return None

    held = cluster()
    put(held, topology())
    hand_out(list(held.slices.values()))
    held.revise()
    snapshot = Cluster.from_dict(copy.deepcopy(held.to_dict()))
    assert order(held) is None
    held.revise()
    assert order(held) is None
    applied = InUse("worker1", highest_revision=revisions.highest(str(tmp_path)), target="10.0.10.1")
    assert order(snapshot) is None, "it is older than what the host has, which refuses its slices"
    counters.take_in(snapshot, [applied], complete=True)
    assert len(snapshot.issued) == 1, "the host is newer, which an admin has to accept"
    snapshot.revise(held.revision)
    assert order(snapshot) == "database_put_back"
    counters.take_in(snapshot, [InUse("worker2"), applied], complete=True)
    assert order(snapshot) is None
    counters.take_in(snapshot, [applied], complete=True)
    assert order(snapshot) is None


def test_hosts_that_accept_a_database_need_not_know_what_it_has_issued() -> None:
    held = cluster()
    held.revise()
    held.revise()
    assert counters.accept(held, (held.revision or 0) + 7)
    assert held.issued == [held.revision]
