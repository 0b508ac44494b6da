# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The message of a run that a signal ends; tests/unit/playbooks/test_interruptions.py ends real runs."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import read_table
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.interruptions import (
    DEFAULT,
    NOTHING,
    SIGNALS,
    announce,
    words,
)

TABLE = read_table().playbooks


@pytest.mark.parametrize(
    "given",
    ["cloudrepo.slices.deploy", "deploy.yml", "playbooks/deploy.yml", "/srv/own.yml", "own.company.cloud"],
)
def test_a_playbook_is_run_again(given: str) -> None:
    assert words("SIGTERM", [given], TABLE, check_mode=False) == f"{given}: ended by SIGTERM.\n{DEFAULT}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("capture", "capture_stop=true"),
        ("delete", "status deleting"),
        ("rebuild", "cloudrepo.slices.site with claim_hosts=true"),
        ("status", "Nothing was changed."),
        ("undelete", "deploy it with cloudrepo.slices.deploy"),
    ],
)
def test_the_tips_depend_on_the_playbook(name: str, told: str) -> None:
    said = words("SIGINT", [f"cloudrepo.slices.{name}"], TABLE, check_mode=False)
    assert told in said
    assert DEFAULT not in said


def test_the_tips_of_several_playbooks_are_listed_once() -> None:
    given = ["site.yml", "deploy.yml", "status.yml"]
    assert words("SIGINT", given, TABLE, check_mode=False).splitlines() == [
        "site.yml, deploy.yml, status.yml: ended by SIGINT.",
        DEFAULT,
        "Nothing was changed.",
    ]


def test_interrupted_tasks_are_listed() -> None:
    tasks = [("worker1", "Apply the work order"), ("worker2", "Apply the work order")]
    assert words("SIGTERM", ["deploy.yml"], TABLE, check_mode=True, tasks=tasks).splitlines() == [
        "deploy.yml: ended by SIGTERM.",
        "worker1 was at the task: Apply the work order",
        "worker2 was at the task: Apply the work order",
        NOTHING,
    ]


def test_a_process_without_a_run_keeps_its_handlers() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    announce()
    assert [signal.getsignal(each) for each in SIGNALS] == before
