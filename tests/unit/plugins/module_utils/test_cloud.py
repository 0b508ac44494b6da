# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.cloud import Cloud
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError

UUID = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"


def test_a_new_cloud_is_unique_and_read_back() -> None:
    first, second = Cloud.new("lab"), Cloud.new("lab")
    assert len({first.uuid, second.uuid, first.incarnation, second.incarnation}) == 4
    assert first.to_dict() == {"uuid": first.uuid, "title": "lab", "incarnation": first.incarnation}
    for each in (first, first.found_at("/d.yaml 7")):
        assert Cloud.from_dict(each.to_dict()) == each


def test_a_copy_is_another_incarnation_of_the_same_cloud() -> None:
    new = Cloud.new("lab")
    here = new.found_at("/d.yaml 7")
    assert (here.incarnation, here.place) == (new.incarnation, "/d.yaml 7")
    assert here.found_at("/d.yaml 7") == here
    there = here.found_at("/d.yaml 8")
    assert (there.uuid, there.title, there.place) == (here.uuid, "lab", "/d.yaml 8")
    assert there.incarnation != here.incarnation
    assert there.found_at("/d.yaml 8") == there
    with_new_incarnation = here.with_new_incarnation()
    assert (
        with_new_incarnation.uuid,
        with_new_incarnation.place,
        with_new_incarnation.incarnation == here.incarnation,
    ) == (here.uuid, "", False)


def test_the_same_place_on_another_machine_is_a_copy() -> None:
    unknown = Cloud.new("lab").found_at("/d.yaml 2")
    here = unknown.found_at("/d.yaml 2", "a" * 32)
    assert (here.incarnation, here.machine) == (unknown.incarnation, machine_mark(here.uuid, "a" * 32))
    assert here == here.found_at("/d.yaml 2") == here.found_at("/d.yaml 2", "a" * 32)
    assert Cloud.from_dict(here.to_dict()) == here
    there = here.found_at("/d.yaml 2", "b" * 32)
    assert (there.place, there.machine) == (here.place, machine_mark(here.uuid, "b" * 32))
    assert there.incarnation != here.incarnation
    moved = here.found_at("/d.yaml 3")
    assert (moved.machine, moved.incarnation == here.incarnation) == ("", False)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("lab", "must be a mapping, got str 'lab'"),
        ({"uuid": UUID, "title": "lab"}, "field incarnation is missing"),
        ({"uuid": "1", "title": "lab", "incarnation": UUID}, "uuid: must be a UUID, got str '1'"),
        ({"uuid": UUID, "title": 1, "incarnation": UUID}, "title: must be str, got int '1'"),
        ({"uuid": UUID, "title": "lab", "incarnation": UUID.upper()}, "incarnation: must be a UUID, got str "),
        ({"uuid": UUID, "title": "lab", "incarnation": UUID, "place": 1}, "place: must be str, got int '1'"),
        ({"uuid": UUID, "title": "lab", "incarnation": UUID, "machine": 1}, "machine: must be str, got int '1'"),
    ],
)
def test_an_unreadable_identity_is_reported(data: Any, reason: str) -> None:
    with pytest.raises(FieldError) as caught:
        Cloud.from_dict(data)
    assert str(caught.value).removeprefix("the document: ").startswith(reason)
