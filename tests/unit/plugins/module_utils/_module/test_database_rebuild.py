# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""C(test_database_rebuild) covers the rest."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

from ...modules.module_calls import Door, Memory

HOST = {"host": "worker1", "target": "10.0.10.1", "cloud_uuid": "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"}


class Overtaken(Memory):
    """A store in which somebody creates a database after it was found missing."""

    @contextmanager
    def transaction(self, **how: Any) -> Any:
        cluster = Cluster.initial()
        cluster.workers["10.0.10.9"] = Worker("10.0.10.9")
        self.data = cluster.to_dict()
        with super().transaction(**how) as found:
            yield found


def test_a_database_that_was_created_in_the_meantime_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(Overtaken(Cluster.initial()), monkeypatch)
    result = door("database_rebuild", hosts=[HOST])
    assert [each["code"] for each in result["refusals"]] == ["database_exists"]
    assert list(door.data()["workers"]) == ["10.0.10.9"]


def test_the_history_of_a_rebuilt_database_begins_with_the_rebuild(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Memory(Cluster.initial())
    door = Door(store, monkeypatch)
    assert door("database_rebuild", check_mode=True, hosts=[HOST])["changed"]
    assert store.entries == []
    done = door("database_rebuild", hosts=[HOST])
    assert len(store.entries) == 1
    assert done["cloud"]["uuid"] == HOST["cloud_uuid"]
    assert {each["kind"] for each in done["changes"]} >= {"database", "worker"}
