# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registered and shipped kinds in results."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.kinds import put_kind
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.kinds import info
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind
from ansible_collections.cloudrepo.slices.plugins.module_utils.shipped_kinds import SHIPPED

from .._domain.builders import cluster


def shown(held: Any, *names: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = info(held, {"acting_user": "admin", "names": list(names)}).result["kinds"]
    return found


def test_all_kinds_are_shown_with_all_fields_by_name() -> None:
    held = cluster()
    put_kind(held, {"name": "other"})
    found = shown(held)
    assert [each["name"] for each in found] == sorted([*SHIPPED, "other"])
    assert all(part.name in each for each in found for part in Kind.parts())


def test_nothing_is_said_of_the_source_of_a_registered_kind() -> None:
    held = cluster()
    (before,) = shown(held, "lab-guest")
    assert (before["is_tried"], before["is_registered"], before["source"]) == (
        True,
        False,
        "roles/lab/files/build-guest",
    )
    put_kind(held, {"name": "lab-guest", "max_data_interfaces": 2})
    (after,) = shown(held, "lab-guest")
    assert (after["is_tried"], after["is_registered"], after["source"]) == (False, True, None)
    assert (after["most_data_interfaces"], after["ready_when"]) == (2, "console")


def test_a_shipped_kind_tells_what_it_is_of() -> None:
    (found,) = shown(cluster(), "nokia-srlinux")
    shipped = SHIPPED["nokia-srlinux"]
    assert (found["guest"], found["source"], found["is_tried"]) == (shipped.what, shipped.source, shipped.is_tried)
    assert {each["is_tried"] for each in shown(cluster())} == {True, False}


def test_every_user_sees_kinds_and_nobody_else() -> None:
    assert len(info(cluster(), {"acting_user": "alice", "names": []}).result["kinds"]) == len(SHIPPED)
    with pytest.raises(Refused, match="acting user nobody does not exist"):
        info(cluster(), {"acting_user": "nobody", "names": []})
