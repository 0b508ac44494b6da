# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import identity
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import VM, Disk, Slice, User


def test_uuids_are_unique_and_have_the_same_format() -> None:
    made = [identity.new_uuid() for _each in range(100)]
    assert len(set(made)) == 100
    assert all(re.fullmatch(identity.PATTERN, each) for each in made)


@pytest.mark.parametrize(
    "thing", [User("alice", "!"), Slice(1000, "admin"), VM(1001, "vm1", "admin", "10.0.10.1", 5901, []), Disk("/x")]
)
def test_an_object_has_the_uuid_that_was_assigned(thing: identity.Identified) -> None:
    assert thing.uuid is None
    thing.extra["uuid"] = made = identity.new_uuid()
    assert thing.uuid == made


def test_the_mark_of_a_machine_differs_by_cloud_and_does_not_reveal_its_id() -> None:
    machine_id = "0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90"
    clouds = [identity.new_uuid(), identity.new_uuid()]
    marks = [identity.machine_mark(cloud, machine_id) for cloud in clouds]
    assert marks == [identity.machine_mark(cloud, machine_id) for cloud in clouds]
    assert len(set(marks)) == 2
    assert all(re.fullmatch(identity.MARK_PATTERN, mark) and machine_id not in mark for mark in marks)
