# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registration and removal of workers with VMs, in each kind of database."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from ..module_utils._domain import builders
from ..module_utils._domain.builders import ROOM, refused
from .module_calls import Door, Memory

ONE, TWO, NINE = "10.0.10.1", "10.0.10.2", "10.0.10.9"
MACHINES = {ip: f"{number}" * 32 for number, ip in enumerate((ONE, TWO), 1)}


@pytest.fixture
def door(database: str, monkeypatch: pytest.MonkeyPatch) -> Door:
    """Return the door to a cluster with a slice that has a VM on each of two workers."""
    made = Door(Memory(builders.cluster()), monkeypatch)
    made.store = open_store(database, lock_timeout_s=5, backups=1)
    with made.store.transaction(write=True) as cluster:
        cluster.replace(builders.cluster(workers=0))
        for ip, machine in MACHINES.items():
            cluster.workers[ip] = Worker(ip, **ROOM, extra={"machine_id": machine})
    result = made("slice", **builders.topology())
    assert not result.get("failed"), result["msg"]
    return made


def places(door: Door) -> list[str]:
    return [vm["worker_ip"] for slice_ in door.data()["slices"].values() for vm in slice_["vms"]]


def entry(ip: str, machine: str, **others: Any) -> dict[str, Any]:
    return {"ip": ip, "machine_id": machine, **others}


def test_a_renumbered_worker_keeps_its_vms(door: Door) -> None:
    assert places(door) == [ONE, TWO]
    before = door.data()
    wants = [entry(ONE, MACHINES[ONE]), entry(NINE, MACHINES[TWO], cores=7)]
    planned = door("worker", check_mode=True, workers=wants)
    assert door.data() == before
    done = door("worker", workers=wants)

    assert planned["diff"] == done["diff"]
    assert done["diff"]["after"].splitlines()[0] == (
        f"worker {NINE}: ip {NINE}, machine_id {MACHINES[TWO]}, vms 1 (no VM moves)"
    )
    assert places(door) == [ONE, NINE]
    assert door.data()["workers"][NINE]["cores"] == 7
    assert door("worker", workers=wants)["changed"] is False


def test_workers_may_swap_their_addresses(door: Door) -> None:
    door("worker", workers=[entry(TWO, MACHINES[ONE]), entry(ONE, MACHINES[TWO])])

    assert places(door) == [TWO, ONE]
    assert {ip: each["machine_id"] for ip, each in door.data()["workers"].items()} == {
        TWO: MACHINES[ONE],
        ONE: MACHINES[TWO],
    }


def test_another_machine_is_refused_until_it_is_accepted(door: Door) -> None:
    other = "c" * 32
    before = door.data()
    assert [each.code for each in refused(door("worker", **entry(ONE, other)))] == ["another_machine"]
    assert door.data() == before
    door("worker", **entry(ONE, other, accept_machine=other))

    assert door.data()["workers"][ONE]["machine_id"] == other
    assert places(door) == [ONE, TWO]


def test_a_machine_that_was_replaced_is_lost_until_it_is_back(door: Door) -> None:
    """It could be switched on again, and would start its VMs beside those of its successor."""
    other = "c" * 32
    accept = entry(ONE, other, accept_machine=other)
    planned = door("worker", check_mode=True, **accept)
    done = door("worker", **accept)
    assert planned["diff"] == done["diff"]
    assert f"lost machine {MACHINES[ONE]}" in done["diff"]["after"]
    assert f"lost machine {MACHINES[ONE]}" not in done["diff"]["before"]
    assert (door.data()["lost_machines"], done["returned"]) == ([MACHINES[ONE]], [])
    assert done["revision"] == door.data()["revision"]
    assert door("worker", **accept)["changed"] is False
    # At its old address or at a new one.
    held = door.data()
    for back in (entry(ONE, MACHINES[ONE], accept_machine=MACHINES[ONE]), entry(NINE, MACHINES[ONE])):
        with door.store.transaction(write=True) as cluster:
            cluster.replace(Cluster.from_dict(held))
        done = door("worker", **back)
        assert f"lost machine {MACHINES[ONE]}" in done["diff"]["before"]
        assert done["returned"] == [back["ip"]]
        assert door.data().get("lost_machines", []) == ([other] if back["ip"] == ONE else [])
        assert done["revision"] == door.data()["revision"] > held["revision"]


def test_lost_machines_that_only_the_network_node_knows_are_kept_until_they_are_back(door: Door) -> None:
    """As after the restoration of a backup from before the declaration: site would tell the network node to forget."""
    door("cloud", title="lab")
    mark = machine_mark(door.data()["cloud"]["uuid"], MACHINES[TWO])
    told = {"workers": [entry(ONE, MACHINES[ONE])], "network_node_lost_machines": [{"mark": mark}]}
    planned = door("worker", check_mode=True, **told)
    done = door("worker", **told)
    assert planned["diff"] == done["diff"]
    assert f"lost machine {mark}" in done["diff"]["after"]
    assert (done["lost_machines"], done["returned"]) == ([{"mark": mark}], [])
    assert door("worker", **told)["changed"] is False
    order = door("slice_plan", all=True)["work_orders"]["network_node"]
    assert order["lost_machines"] == [{"mark": mark}]
    back = door("worker", **{**told, "workers": [entry(TWO, MACHINES[TWO])]})
    assert (back["lost_machines"], back["returned"], "lost_marks" in door.data()) == ([], [TWO], False)


def test_a_malformed_mark_is_refused(door: Door) -> None:
    done = door("worker", ip=ONE, network_node_lost_machines=[{"mark": "x"}])
    assert "must be 64 hexadecimal digits" in done["msg"]


def test_a_lost_worker_whose_machine_is_unknown_is_a_warning(door: Door) -> None:
    door("worker", ip=NINE)
    (warning,) = door("worker", ip=NINE, state="lost")["warnings"]
    assert warning.startswith(f"worker {NINE}: its machine-id is unknown")
    assert "warnings" not in door("worker", ip=ONE, state="lost")


def test_a_lost_machine_that_is_back_is_a_change_although_its_worker_is_the_same(door: Door) -> None:
    """As after the restoration of a backup from before another machine was accepted."""
    with door.store.transaction(write=True) as cluster:
        cluster.lost_machines = frozenset({MACHINES[ONE]})
    done = door("worker", **entry(ONE, MACHINES[ONE]))
    assert (done["changed"], done["returned"]) == (True, [ONE])
    assert "lost_machines" not in door.data()
    assert door("worker", **entry(ONE, MACHINES[ONE]))["changed"] is False
