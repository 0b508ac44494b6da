# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables that select slices, as playbooks have them."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter import selection

OMIT = object()
ACCEPTED = ["slices", "slice_name", "slice_owner", "slice_all"]


def test_variables_that_are_not_defined_do_not_count() -> None:
    given = {"slices": OMIT, "slice_name": "web", "slice_owner": OMIT, "slice_all": OMIT}
    assert selection.selection_problems(given, OMIT, ACCEPTED) == []
    assert selection.selection(given, OMIT) == {"slices": None, "names": ("web",), "owner": None, "all": False}


def test_topologies_may_be_yaml_text() -> None:
    found = selection.selection({"slices": "- name: web\n  vms: []\n"}, OMIT)
    assert found["slices"] == [{"name": "web", "vms": []}]


def test_what_is_wrong_with_a_text_is_told_with_its_line() -> None:
    [problem] = selection.selection_problems({"slices": "- name: web\n- {vms: [}\n"}, OMIT, ACCEPTED)
    assert problem.startswith("slices: slices must be YAML or JSON (line 2: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: web\nvms: [{name: a}]\nlinks: []\nvms: [{name: b}]\n", "line 4: vms was set in line 2 already"),
        ('[{"name": "web", "vms": [], "vms": []}]', "line 1: vms was set in line 1 already"),
        ("- name: web\n  vms:\n  - name: a\n    name: b\n", "line 4: name was set in line 3 already"),
    ],
)
def test_a_key_that_is_set_twice_is_refused_with_both_lines(text: str, problem: str) -> None:
    assert selection.selection_problems({"slices": text}, OMIT, ACCEPTED) == [
        f"slices: slices must be YAML or JSON ({problem})"
    ]


def test_keys_that_merge_keys_bring_may_be_set_again() -> None:
    text = """
- name: web
  vms: [&a {name: a, flavor: tiny}, &b {<<: *a, name: b}, {<<: *b, name: c}]
"""
    [topology] = selection.selection({"slices": text}, OMIT)["slices"]
    assert topology["vms"] == [{"name": name, "flavor": "tiny"} for name in "abc"]


def test_a_limit_must_leave_the_orchestrator_in() -> None:
    assert selection.orchestrator_problems(["localhost"], ["localhost", "w1"]) == []
    assert selection.orchestrator_problems(["localhost"], ["w1"]) == [
        "--limit leaves out the orchestrator; add localhost to it"
    ]
    assert selection.orchestrator_problems([], ["w1"]) == ["inventory: the group orchestrator must have a host"]
