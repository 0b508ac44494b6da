# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""User data is returned by this module only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..module_utils._domain import builders
from .module_calls import Door, Memory

SECRET = "hunter2-Zq8"
TEXT = f"#cloud-config\npassword: {SECRET}\n"


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(Memory(builders.cluster()), monkeypatch)


def web(text: str = TEXT, **fields: Any) -> dict[str, Any]:
    vms = [builders.vm("vm1", cloud_init={"user_data": text}), builders.vm("vm2", cloud_init={})]
    return builders.topology(vms=vms, **fields)


def test_every_other_result_and_the_history_only_contain_the_id(door: Door) -> None:
    done = [door("slice", check_mode=True, **web()), door("slice", work_orders=True, **web())]
    done += [door("slice_plan", names=["web"]), door("slice_info", names=["web"])]
    done.append(door("vm", slice="web", name="vm2", cloud_init={"user_data": "#!/bin/sh\n: hunter2-Zq8\n"}))
    done += [door("vm_info", slice="web"), door("slice_history", names=["web"])]
    assert [each.get("msg") for each in done] == [None] * len(done)
    assert SECRET not in json.dumps(done)
    assert "user_data_id" in json.dumps(done)
    with door.store.transaction(write=False) as cluster:
        entries = [each.to_dict() for each in cluster.history.newest_first()]
    assert entries
    assert SECRET not in json.dumps(entries)


def test_the_user_data_of_the_selected_slices(door: Door) -> None:
    door("slice", **web())
    found = door("user_data_info", names=["web"])
    assert (found["changed"], found["guests"]) == (
        False,
        [{"slice_id": 1000, "vm_id": 1001, "name": "vm1", "user_data": TEXT, "startup": None}],
    )


def test_a_tenant_reads_only_its_own_user_data(door: Door) -> None:
    door("slice", **web())
    assert door("user_data_info", all=True, acting_user="alice")["guests"] == []
    refused = door("user_data_info", names=["1000"], acting_user="alice")
    assert refused["failed"]
    assert SECRET not in json.dumps(refused)


def test_user_data_that_is_not_yaml_is_refused_with_its_line(door: Door) -> None:
    refused = door("slice", **web(f"#cloud-config\npassword: {SECRET}\n  more: 1\n"))
    assert "VM web/vm1: line 3 of the user data: user data that begins with #cloud-config" in refused["msg"]
    assert SECRET not in json.dumps(refused)
