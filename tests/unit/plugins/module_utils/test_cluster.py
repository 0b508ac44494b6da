# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster as one value: what was stored comes back equal, files of Cloud Repositorio included."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster, Worker
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError

FIXTURE = Path(__file__).parents[3] / "fixtures" / "slice_1000.json"
SLICE = json.loads(FIXTURE.read_text(encoding="utf-8"))
UUID = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"
ADMIN = {"username": "admin", "password_hash": "!", "quota_vms": 10, "used_vms": 2, "slices": [1000]}


def old_file() -> dict[str, Any]:
    """A database as Cloud Repositorio keeps it: no flavors, workers with figures, counters of its own."""
    return copy.deepcopy(
        {
            "workers_list": ["10.0.10.1", "10.0.10.2", "10.0.10.3"],
            "users": {"admin": ADMIN},
            "workers": {"10.0.10.1": {"max_vms": 10, "used_vms": 1}, "10.0.10.2": {"max_vms": 10, "used_vms": 1}},
            "slices": {"1000": SLICE},
            "next_vm_id": 1003,
            "next_vlan_id": 101,
        }
    )


def test_a_file_of_cloud_repositorio_comes_back_equal() -> None:
    held = Cluster.from_dict(old_file())
    assert held.to_dict() == old_file()
    assert list(held.workers) == ["10.0.10.1", "10.0.10.2", "10.0.10.3"]
    assert held.workers["10.0.10.1"].max_vms == 10
    assert sorted(held.flavors) == ["cirros", "ubuntu"]


def test_workers_that_are_a_list_alone() -> None:
    data = old_file()
    del data["workers"]
    held = Cluster.from_dict(data)
    assert len(held.workers) == 3
    assert held.to_dict() == data
    held.workers["10.0.10.3"].schedulable = False
    assert held.to_dict()["workers"] == {"10.0.10.3": {"schedulable": False}}
    del held.workers["10.0.10.3"]
    assert held.to_dict()["workers_list"] == ["10.0.10.1", "10.0.10.2"]


def test_what_is_changed_in_such_a_file_is_written() -> None:
    held = Cluster.from_dict(old_file())
    held.flavors["cirros"]["checksum"] = "ab" * 32
    held.workers["10.0.10.1"].cores = 4
    held.workers["10.0.10.4"] = Worker("10.0.10.4")
    data = held.to_dict()
    assert sorted(data["flavors"]) == ["cirros", "ubuntu"]
    assert data["workers"]["10.0.10.1"] == {"cores": 4, "max_vms": 10, "used_vms": 1}
    assert data["workers"]["10.0.10.4"]["ip"] == "10.0.10.4"
    assert (data["next_vlan_id"], data["workers_list"]) == (101, ["10.0.10.1", "10.0.10.2", "10.0.10.3"])


def test_a_bad_entry_of_a_worker_is_told() -> None:
    with pytest.raises(FieldError, match=r"workers\.10\.0\.10\.1\.max_vms: int or null is wanted, not str 'ten'"):
        Cluster.from_dict({"workers": {"10.0.10.1": {"max_vms": "ten"}}})


def test_a_revision_is_the_time_and_never_goes_back() -> None:
    held = Cluster()
    assert held.revision is None
    held.revise(now_ms=lambda: 5000)
    assert (held.revision, held.to_dict()["revision"]) == (5000, 5000)
    held.revise(now_ms=lambda: 4000)
    assert held.revision == 5001
    held.revise(7000, None, now_ms=lambda: 4000)
    assert held.revision == 7001
    assert "revision" not in held.content()
    with pytest.raises(FieldError, match=r"revision: int is wanted, not str 'new'"):
        Cluster.from_dict({"revision": "new"})


def test_which_cloud_it_is_is_made_once_and_is_no_content() -> None:
    held = Cluster()
    assert held.cloud is None
    made = held.identify("lab")
    assert (made.title, made.uuid == made.incarnation) == ("lab", False)
    assert held.identify("other") == made
    again = Cluster.from_dict(held.to_dict())
    assert again.cloud == made
    assert again.content() == Cluster().content()


@pytest.mark.parametrize(
    ("cloud", "reason"),
    [
        ("lab", "cloud: a mapping is wanted, not str 'lab'"),
        ({"uuid": UUID, "title": "lab"}, "cloud: field incarnation is missing"),
        ({"uuid": "1", "title": "lab", "incarnation": UUID}, "cloud.uuid: a UUID is wanted, not str '1'"),
        ({"uuid": UUID, "title": "lab", "incarnation": UUID.upper()}, "cloud.incarnation: a UUID is wanted, not str "),
    ],
)
def test_a_cloud_that_cannot_be_read_is_told(cloud: Any, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        Cluster.from_dict({"cloud": cloud})
    assert str(caught.value).startswith(reason)


def test_who_takes_the_place_of_another_is_newer_than_both() -> None:
    old, new = Cluster(extra={"revision": 10**14}), Cluster(extra={"revision": 10**14 + 5})
    old.replace(new)
    assert (old.revision, new.revision) == (10**14 + 6, 10**14 + 5)
    new.replace(old)
    assert new.revision == 10**14 + 7
