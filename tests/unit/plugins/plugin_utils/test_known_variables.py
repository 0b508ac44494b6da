# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.filter.workers import worker_records
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import WORKER_FIELDS, WORKER_OFFERS
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import read_table
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.known_variables import (
    OF_WORKERS,
    mistyped,
    settings,
    warnings,
)

ROOT = Path(__file__).resolve().parents[4]
TABLE = read_table()
OF_A_VARIABLE = re.compile(r"(?<![\w.])cloudrepo_[a-z_]+\b(?!\.)")
# Groups, tables of packet rules, and names that stand for others.
NO_VARIABLES = {"cloudrepo_vms", "cloudrepo_shares", "cloudrepo_taps", "cloudrepo_dhcp", "cloudrepo_infrastructure"}


def refused(playbook: str, *extra: str, own: tuple[str, ...] = ()) -> list[str]:
    return [each.message for each in mistyped(TABLE.playbooks[playbook], TABLE, extra, own.__contains__)]


@pytest.mark.parametrize(
    ("playbook", "extra", "near"),
    [
        ("deploy", "slice_nme", "slice_name"),
        ("deploy", "slice_nmae", "slice_name"),
        ("deploy", "Slice_Name", "slice_name"),
        ("deploy", "wait_redy", "wait_ready"),
        ("deploy", "slice", "slices"),
        ("deploy", "cloudrepo_databse", "cloudrepo_database"),
        ("site", "claim_host", "claim_hosts"),
        ("site", "worker_uplnk", "worker_uplink"),
        ("site", "worker_schedulble", "worker_schedulable"),
        ("connect", "vm", "connect_vm"),
        ("capture", "seconds", "capture_seconds"),
        ("save", "dest", "save_dest"),
        ("lab_up", "lab_prefx", "lab_prefix"),
    ],
)
def test_a_mistyped_variable_is_refused_with_the_one_that_was_meant(playbook: str, extra: str, near: str) -> None:
    message = (
        f"extra variable {extra}: this collection has no such variable; set {near} instead; a variable of your own "
        "must also be defined in the inventory"
    )
    assert refused(playbook, extra) == [message]
    assert refused(playbook, extra, own=(extra,)) == []


def test_an_unknown_variable_with_the_prefix_of_the_collection_is_refused() -> None:
    assert refused("status", "cloudrepo_colour", "slice_all") == [
        "extra variable cloudrepo_colour: this collection has no such variable; omit it; a variable of your own must "
        "also be defined in the inventory"
    ]
    assert refused("status", "cloudrepo_colour", own=("cloudrepo_colour",)) == []


@pytest.mark.parametrize("playbook", TABLE.playbooks)
def test_variables_of_others_and_of_other_playbooks_are_not_refused(playbook: str) -> None:
    accepted = {name for each in TABLE.playbooks.values() for name in each.accepted}
    others = [
        "env",
        "site_name",
        "site_owner",
        "service_name",
        "worker_count",
        "vm_size",
        "ansible_user",
        "awx_job_ids",
    ]
    assert refused(playbook, *accepted, *settings(), *others, "slices_result", "__own", "__capture_vm") == []


def test_an_unknown_variable_of_the_inventory_is_a_warning() -> None:
    names = ["cloudrepo_databse", "cloudrepo_colour", "cloudrepo_database", "worker_uplnk", "env"]
    assert list(warnings(names)) == [
        "inventory: this collection has no variable cloudrepo_colour",
        "inventory: this collection has no variable cloudrepo_databse; did you mean cloudrepo_database?",
    ]


def test_every_variable_with_the_prefix_is_known() -> None:
    """In roles, playbooks, and the documentation of what connects to guests."""
    files = [path for folder in ("playbooks", "roles") for path in ROOT.glob(f"{folder}/**/*.yml")]
    files += [ROOT / f"plugins/{name}.py" for name in ("inventory/slices", "connection/console")]
    found = {name for path in files for name in OF_A_VARIABLE.findall(path.read_text(encoding="utf-8"))}
    assert len(found) > 50
    assert found - NO_VARIABLES - settings() == set()
    assert not NO_VARIABLES & settings()


def test_variables_of_workers_are_those_that_are_registered() -> None:
    given = dict.fromkeys(OF_WORKERS, "x")
    [record] = worker_records([{**given, "worker_host_info": {"cores": 2, "machine_id": "m"}}])
    assert record == {"machine_id": "m", **{name.removeprefix("worker_"): value for name, value in given.items()}}
    assert set(record) >= {*WORKER_FIELDS, *WORKER_OFFERS}
