# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""User data is stored outside of slices, which only contain its id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import undelete, user_data, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import remove
from ansible_collections.cloudrepo.slices.plugins.module_utils._import import yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import USER_DATA, Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, put, refusals, topology, vm

SECRET = "hunter2-Zq8"
TEXT = f"#cloud-config\nchpasswd:\n  users: [{{name: debian, password: {SECRET}, type: text}}]\n"
OTHER = "#!/bin/sh\necho hello > /etc/motd\n"


def web(text: str | None, name: str = "web", **fields: Any) -> dict[str, Any]:
    said = {} if text is None else {"user_data": text}
    return topology(name, vms=[vm("vm1", cloud_init=said), vm("vm2")], **fields)


def texts(held: Cluster) -> list[str]:
    return sorted(held.extra.get(USER_DATA, {}).get("texts", {}).values())


def told(held: Cluster, slice_: Slice) -> list[str | None]:
    return [each["user_data"] for each in user_data.with_texts(held, [slice_])]


def test_slices_changes_and_work_orders_only_contain_the_id() -> None:
    held = cluster()
    slice_ = put(held, web(TEXT))
    made = user_data.id_of(slice_.vms[0])
    assert made is not None
    assert len(made) == 32
    orders = work_orders.work_orders(held, [slice_], "/x")
    shown = [slice_.to_dict(), [each.to_dict() for each in changes(None, slice_)], orders]
    assert SECRET not in json.dumps(shown)
    mine = [each for order in orders["workers"].values() for one in order["slices"] for each in one["vms"]]
    assert [each.get("user_data_id") for each in mine] == [made, None]
    assert told(held, slice_) == [TEXT]


def test_the_id_depends_on_the_text_and_on_the_key_of_the_cluster() -> None:
    held = cluster()
    first, again = (user_data.id_of(put(held, web(TEXT)).vms[0]) for _time in range(2))
    assert first == again
    assert user_data.id_of(put(held, web(OTHER)).vms[0]) != first
    assert user_data.id_of(put(cluster(), web(TEXT)).vms[0]) != first


def test_texts_that_no_slice_refers_to_are_dropped() -> None:
    held = cluster()
    put(held, web(TEXT))
    put(held, web(TEXT, "lab"))
    assert texts(held) == [TEXT]
    slice_ = put(held, web(OTHER))
    assert texts(held) == [OTHER, TEXT]
    assert told(held, slice_) == [OTHER]
    put(held, web(None, "lab"))
    assert texts(held) == [OTHER]
    put(held, web(None))
    assert texts(held) == []


def test_a_cluster_without_user_data_has_no_field_for_it() -> None:
    held = cluster()
    put(held, web(None))
    assert USER_DATA not in held.extra


def test_a_deleted_slice_keeps_its_user_data_as_long_as_it_can_be_restored() -> None:
    held = cluster()
    slice_ = deployed(put(held, web(TEXT)))
    undelete.keep(held, slice_, now="2026-01-31T12:00:00Z", retention_h=1)
    remove(held, slice_)
    del held.slices[slice_.slice_id]
    put(held, web(OTHER, "lab"))
    assert texts(held) == [OTHER, TEXT]
    held.extra = {**held.extra, undelete.FIELD: []}
    put(held, web(None, "lab"))
    assert texts(held) == []


def test_a_deleted_slice_that_cannot_be_restored_loses_its_user_data_at_once() -> None:
    held = cluster()
    put(held, web(None, "lab"))
    remove(held, put(held, web(TEXT)))
    assert texts(held) == []
    assert held.extra[USER_DATA]["slices"] == {}


def test_user_data_of_others_is_not_dropped_by_a_slice_that_does_not_change() -> None:
    held = cluster()
    put(held, web(OTHER, "lab"))
    slice_ = deployed(put(held, web(TEXT)))
    undelete.keep(held, slice_, now="2026-01-31T12:00:00Z", retention_h=1)
    del held.slices[slice_.slice_id]
    held.extra = {**held.extra, undelete.FIELD: []}  # it has expired
    put(held, web(OTHER, "lab"))
    assert texts(held) == [OTHER, TEXT]


@pytest.mark.parametrize("text", ["", "no user data", "{}", '{"commands": 7}', 7, None])
def test_a_text_that_somebody_has_edited_is_null(text: Any) -> None:
    """A host refuses all texts of a call if one of them is invalid."""
    held = cluster()
    started = vm("vm2", startup=json.dumps({"commands": ["true"]}))
    slice_ = put(held, topology(vms=[vm("vm1", cloud_init={"user_data": TEXT}), started]))
    set_up, startup = user_data.with_texts(held, [slice_])
    assert (set_up["user_data"], set_up["startup"], startup["user_data"]) == (TEXT, None, None)
    assert json.loads(startup["startup"])["commands"] == ["true"]
    kept = held.extra[USER_DATA]["texts"]
    kept[user_data.id_of(slice_.vms[0])] = text
    kept[slice_.vms[1].extra["startup"]["startup_id"]] = text if text != "{}" else "[]"
    assert [(each["user_data"], each["startup"]) for each in user_data.with_texts(held, [slice_])] == [(None, None)] * 2


def test_a_text_that_the_database_lacks_is_null() -> None:
    held = cluster()
    slice_ = put(held, web(TEXT))
    del held.extra[USER_DATA]
    assert told(held, slice_) == [None]


def test_a_text_that_the_database_lacks_is_the_first_one_that_is_set_again() -> None:
    """After a rebuild the database has ids without texts and their key. Another id would set up the guest anew."""
    held = cluster()
    startup = {"files": [{"path": "/etc/motd", "content": "hello", "mode": "0644"}]}

    def deploy(text: str) -> Slice:
        given = {"cloud_init": {"user_data": text}, "startup": json.dumps(startup)}
        return put(held, topology(vms=[vm("vm1", **given), vm("vm2", **given)]))

    before = deploy(TEXT).to_dict()
    (made,) = {user_data.id_of(each) for each in held.slices[1000].vms}
    del held.extra[USER_DATA]
    assert deploy(TEXT).to_dict() == before
    assert told(held, held.slices[1000]) == [TEXT, TEXT]
    assert deploy(TEXT).to_dict() == before
    # From then on, it is compared with what is given.
    (other,) = {user_data.id_of(each) for each in deploy(OTHER).vms}
    assert other not in (None, made)
    assert told(held, held.slices[1000]) == [OTHER, OTHER]


def test_an_id_without_a_text_is_that_of_one_text_only() -> None:
    held = cluster()
    put(held, topology(vms=[vm(name, cloud_init={"user_data": TEXT}) for name in ("vm1", "vm2")]))
    del held.extra[USER_DATA]
    texts_of = {"vm1": TEXT, "vm2": OTHER}
    slice_ = put(held, topology(vms=[vm(name, cloud_init={"user_data": text}) for name, text in texts_of.items()]))
    assert told(held, slice_) == [TEXT, OTHER]
    new = put(held, web(TEXT, "lab"))
    assert told(held, new) == [TEXT]
    assert user_data.id_of(new.vms[0]) != user_data.id_of(slice_.vms[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#cloud-config\n", "VM web/vm1: user data must be a line #cloud-config or #!COMMAND, and more lines"),
        ("password: hunter2-Zq8\n", "VM web/vm1: user data must be a line #cloud-config or #!COMMAND"),
        ("#cloud-configs\na: hunter2-Zq8\n", "VM web/vm1: user data must be a line #cloud-config or #!COMMAND"),
        ("#!/bin/sh\n \n", "VM web/vm1: user data must be a line #cloud-config or #!COMMAND"),
        ("#!/bin/sh\nhunter2-Zq8\0", "VM web/vm1: user data must be a line #cloud-config or #!COMMAND"),
        ("#cloud-config\na: 1\n b: hunter2-Zq8\n", "VM web/vm1: line 3 of the user data: user data that begins with"),
        ("#cloud-config\n- hunter2-Zq8\n", "VM web/vm1: line 1 of the user data: user data that begins with"),
        ("#!/bin/sh\n" + "a" * 65_536, "VM web/vm1: length of user_data must be 1-65536, got 65546"),
    ],
)
def test_invalid_user_data_is_refused_without_showing_it(text: str, message: str) -> None:
    (found,) = refusals(cluster(), web(text), yaml_fault=yaml_lines.fault)
    assert found.message.startswith(message)
    assert SECRET not in json.dumps(found.to_dict())


@pytest.mark.parametrize("text", [TEXT, OTHER, "#cloud-config \r\na: 1\r\n", "#!/usr/bin/python3\n- [\n"])
def test_valid_user_data(text: str) -> None:
    held = cluster()
    assert told(held, put(held, web(text), yaml_fault=yaml_lines.fault)) == [text]
