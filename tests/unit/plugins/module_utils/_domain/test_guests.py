# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and groups of guests; C(tests/unit/plugins/inventory) has the rest from end to end."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import guests as rules

from .builders import cluster, put, topology

LABELS = st.text(st.sampled_from("ab-._ é{%1"), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["slice", "owner", "worker"]), LABELS), unique=True))
def test_groups_have_unique_valid_names(labels: list[tuple[str, str]]) -> None:
    names, problems = rules.group_names((grouping, label, label) for grouping, label in labels)
    assert set(names) == set(labels)
    assert all(re.fullmatch(r"[a-z]+_[A-Za-z0-9_]*", name) for name in names.values())
    by_base = {rules.safe(f"{grouping}_{label}") for grouping, label in labels}
    assert (problems == []) == (len(by_base) == len(labels))


def test_groups_whose_names_become_equal_are_told() -> None:
    groups = [("owner", "a-b", "a-b"), ("owner", "a.b", "a.b"), ("slice", "1000", "web"), ("slice", "1003", "web")]
    names, problems = rules.group_names(groups)
    assert names["slice", "1003"] == "slice_web_1003"
    assert len(set(names.values())) == 4
    # A suffix says nothing of the other groups, so that a name stays when these change.
    assert rules.group_names(groups[:2])[0]["owner", "a.b"] == names["owner", "a.b"]
    assert [problem.partition(":")[0] for problem in problems] == ["group name owner_a_b", "group name slice_web"]


def test_names_that_several_want_or_another_has_get_the_id() -> None:
    names, problems = rules.unique_names([(1, "a"), (2, "b"), (3, "a"), (4, "c")], taken=["c"])
    assert names == {1: "a-1", 2: "b", 3: "a-3", 4: "c-4"}
    assert problems == [
        "host name a: 2 VMs are called so; renamed to a-1, a-3",
        "host name c: another host is called so; renamed to c-4",
    ]


def test_vms_being_deleted_are_no_guests() -> None:
    held = cluster()
    web, shop = put(held, topology("web")), put(held, topology("shop"))
    web.vms[0].deleting = True
    shop.deleting = True
    assert [(each["cloudrepo_slice_name"], each["cloudrepo_vm_name"]) for each in rules.guests([web, shop])] == [
        ("web", "vm2")
    ]
