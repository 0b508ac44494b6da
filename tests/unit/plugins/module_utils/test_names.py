# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every module refuses names that YAML parses as another type, and booleans for numbers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils.names import ADVICE, NAME, NAME_OR_ID, NUMBER
from tests.unit.plugins.module_utils._domain import builders
from tests.unit.plugins.modules.module_calls import Door, Memory

NO_TEXTS = ["no", "on", "yes", "007", "0x10", "12:30", "1.5", "[a]", "{a: b}"]


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    held = builders.cluster()
    builders.put(held, builders.topology())
    return Door(Memory(held), monkeypatch)


def given(text: str) -> Any:
    """Return the value that Ansible parses from a plain scalar."""
    return yaml.safe_load(text)


def errors(kind: Any, value: Any) -> list[str]:
    messages: list[str] = ArgumentSpecValidator({"name": {"type": kind}}).validate({"name": value}).error_messages
    return messages


@pytest.mark.parametrize("text", NO_TEXTS)
def test_only_strings_are_names(text: str) -> None:
    [message] = errors(NAME, given(text))
    assert message.endswith(f"unable to convert to a name: got {given(text)!r}; {ADVICE}")


@pytest.mark.parametrize("text", ["web", "'no'", "'007'", "n0", "12-30", "''"])
def test_quoted_and_unambiguous_values_are_names(text: str) -> None:
    result = ArgumentSpecValidator({"name": {"type": NAME}}).validate({"name": given(text)})
    assert (result.error_messages, result.validated_parameters) == ([], {"name": given(text)})


def test_an_id_can_be_a_number() -> None:
    result = ArgumentSpecValidator({"name": {"type": NAME_OR_ID}}).validate({"name": 1000})
    assert (result.error_messages, result.validated_parameters) == ([], {"name": "1000"})
    [message] = errors(NAME_OR_ID, False)
    assert "unable to convert to a name or an id: got False" in message
    assert errors(NAME_OR_ID, 1.5)


def test_sanity_tests_accept_the_types() -> None:
    assert (NAME, NAME_OR_ID, NUMBER) == ("str", "str", "float")


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (0.5, 0.5), ("2.5", 2.5)])
def test_a_number_may_be_a_text(value: Any, number: float) -> None:
    result = ArgumentSpecValidator({"size_gb": {"type": NUMBER}}).validate({"size_gb": value})
    assert (result.error_messages, result.validated_parameters) == ([], {"size_gb": number})


@pytest.mark.parametrize(("value", "why"), [(True, "got True"), (False, "got False"), ("x", "could not convert")])
def test_a_boolean_is_no_number(value: Any, why: str) -> None:
    [message] = errors(NUMBER, value)
    assert "unable to convert to a number: " in message
    assert why in message


VM = {"name": "a", "flavor": "cirros"}


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("slice", {"name": False}),
        ("slice", {"slices": [{"name": False}]}),
        ("slice", {"name": "lab", "new_name": 7}),
        ("slice", {"name": "lab", "owner": 7}),
        ("slice", {"name": "lab", "vms": [{**VM, "name": True}]}),
        ("slice", {"name": "lab", "vms": [{**VM, "flavor": 7}]}),
        ("slice", {"name": "lab", "vms": [{**VM, "interfaces": [{"name": 0}]}]}),
        ("slice", {"name": "lab", "vms": [VM, {**VM, "name": "b"}], "links": [{"endpoints": ["a", "b"], "name": 7}]}),
        ("slice", {"name": "lab", "vms": [VM], "links": [{"endpoints": ["a", False]}]}),
        ("slice", {"name": "lab", "networks": [{"name": 750}]}),
        ("slice", {"name": "lab", "vms": [VM], "networks": [{"name": "lan", "members": [True]}]}),
        ("slice", {"name": "lab", "topology_type": "bus", "size": 1, "flavor": "cirros", "name_pattern": 7}),
        ("vm", {"slice": "web", "name": False, "flavor": "cirros"}),
        ("vm", {"slice": "web", "name": "vm1", "new_name": 7}),
        ("vm", {"slice": True, "name": "vm1"}),
        ("link", {"slice": "web", "endpoints": ["vm1", 2]}),
        ("link", {"slice": "web", "endpoints": ["vm1", "vm2"], "name": 7}),
        ("network", {"slice": "web", "name": 16}),
        ("network", {"slice": "web", "name": "lan", "members": [False]}),
        ("vlan", {"slice": "web", "name": 7}),
        ("user", {"name": False}),
        ("flavor", {"name": 7, "cores": 2}),
        ("slice_plan", {"names": [True]}),
        ("slice_info", {"owner": False}),
        ("vm_info", {"slice": False}),
        ("user_info", {"names": [7]}),
        ("slice_info", {"acting_user": False}),
    ],
)
def test_every_module_refuses_names_that_are_not_strings(door: Door, module: str, args: dict[str, Any]) -> None:
    before = door.data()
    assert ADVICE in door(module, **args)["msg"]
    assert door.data() == before


def test_slices_can_be_selected_by_number(door: Door) -> None:
    assert [slice_["name"] for slice_ in door("slice_info", names=[1000])["slices"]] == ["web"]
    assert len(door("vm_info", slice=1000, names=[1001])["vms"]) == 1
    assert door("slice", name=1000, state="absent")["changed"]


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("slice", {"name": "lab", "vms": [{**VM, "data_interfaces": True}]}),
        ("slice", {"name": "lab", "vlan_pools": True}),
        ("slice", {"name": "lab", "vms": [{**VM, "data_disks": [{"name": "db", "size_gb": True}]}]}),
        ("slice", {"name": "lab", "vms": [{**VM, "interfaces": [{"name": "eth0", "delay_ms": True}]}]}),
        ("vm", {"slice": "web", "name": "vm1", "data_interfaces": True}),
        ("flavor", {"name": "cirros", "cores": True}),
        ("flavor", {"name": "cirros", "ram_gb": True}),
        ("worker", {"ip": "10.0.10.1", "cpu_overcommit": True}),
        ("user", {"name": "alice", "quota_vms": True}),
    ],
)
def test_every_module_refuses_booleans_for_numbers(door: Door, module: str, args: dict[str, Any]) -> None:
    """A stored boolean would make the whole database unreadable."""
    before = door.data()
    assert "got True" in door(module, **args)["msg"]
    assert door.data() == before
