# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Results of earlier plays."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.cloudrepo.slices.plugins.filter.plays import earlier_result, refusal_message

GROUPS = {"orchestrator": ["o"]}


def test_a_result_of_the_orchestrator() -> None:
    assert earlier_result({"o": {"done": {"skipped": True}}, "w": {"done": 1}}, GROUPS, "done") == {"skipped": True}


def test_a_missing_result_of_an_earlier_play() -> None:
    with pytest.raises(
        AnsibleFilterError,
        match=r"^result done: the task that registers it did not run; run the playbook from its start",
    ):
        earlier_result({"o": {}, "w": {"done": 1}}, GROUPS, "done")


def test_the_message_for_a_violation_of_a_rule() -> None:
    assert refusal_message("worker_not_in_inventory", "VM web/vm1", worker_ip="10.0.10.1") == (
        "VM web/vm1 is on worker 10.0.10.1, which is not in the inventory; add the worker to the group workers"
    )


def test_a_rule_that_does_not_exist() -> None:
    with pytest.raises(AnsibleFilterError, match=r"^no rule has the code no_such$"):
        refusal_message("no_such", "VM web/vm1")
