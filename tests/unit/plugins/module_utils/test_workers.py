# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers as they are stored; C(test_cluster) has those of whole databases."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker, WorkerFigures


def test_figures_of_workers_follow_new_vms_unless_somebody_set_them() -> None:
    workers = {ip: Worker(ip, extra={"used_vms": 7}) for ip in ("a", "b", "c", "d")}
    workers["e"] = Worker("e", extra={"used_vms": "many"})
    figures = WorkerFigures(workers)
    workers["b"].extra["used_vms"] = 1
    workers["c"] = Worker("c", extra={"used_vms": 7})
    figures.follow(workers, {"a": 2, "b": 2, "c": 2, "d": 0, "e": 2})
    assert [workers[ip].extra["used_vms"] for ip in "abcde"] == [9, 1, 7, 7, "many"]
    figures.follow({}, {"a": 1})


def test_the_machine_of_a_worker_is_that_of_its_record() -> None:
    assert Worker("10.0.10.1").machine_id is None
    assert Worker("10.0.10.1", extra={"machine_id": "5" * 32}).machine_id == "5" * 32


def test_a_worker_is_stored_without_the_defaults_that_it_was_read_without() -> None:
    read = Worker.from_dict({}, "10.0.10.1")
    assert (read.ip, read.to_dict()) == ("10.0.10.1", {})
    read.cores = 4
    assert read.to_dict() == {"cores": 4}


def test_a_worker_is_lost_if_it_is_marked_so() -> None:
    assert [Worker("10.0.10.1", extra=extra).lost for extra in ({}, {"lost": False}, {"lost": True})] == [
        False,
        False,
        True,
    ]


def test_a_worker_is_stored_with_what_it_was_read_with() -> None:
    whole = {**Worker("10.0.10.1").to_dict(), "machine_id": "5" * 32}
    read = Worker.from_dict(whole)
    assert (read.absent, read.to_dict()) == (frozenset({"extra", "absent"}), whole)
    assert Worker.from_dict({"ip": "10.0.10.1", "cores": None}).to_dict() == {"ip": "10.0.10.1", "cores": None}
