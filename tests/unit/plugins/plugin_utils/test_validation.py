# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import names
from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import (
    Invalid,
    type_problems,
    unknown_options,
    validated,
)

ARGUMENTS: dict[str, Any] = {
    "argument_spec": {
        "name": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
        "count": {"type": "int", "default": 1},
        "place": {"type": "str", "choices": ["here", "there"], "default": "here"},
        "address": {"type": "str"},
    },
    "required_if": [("place", "there", ["address"])],
}
SECRET = "hMr3kWpa"


def why(**args: Any) -> str:
    """Return why arguments are invalid."""
    with pytest.raises(Invalid) as caught:
        validated("cloudrepo.slices.thing", args, ARGUMENTS)
    assert caught.value.result == {"failed": True, "changed": False, "msg": str(caught.value)}
    return str(caught.value)


def test_arguments_are_converted_and_get_their_defaults() -> None:
    params, secrets = validated("thing", {"name": 5, "count": "2", "password": SECRET}, ARGUMENTS)
    assert params == {"name": "5", "count": 2, "password": SECRET, "place": "here", "address": None}
    assert secrets == {SECRET}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "missing required arguments: name"),
        ({"name": "x", "count": "many"}, "many"),
        ({"name": "x", "place": "there"}, "place is there but all of the following are missing: address"),
        ({"name": "x", "colour": "red"}, "Unsupported parameters for (cloudrepo.slices.thing) module: colour"),
    ],
)
def test_the_message_says_what_is_invalid(args: dict[str, Any], said: str) -> None:
    assert said in why(**args)


PARTS: dict[str, Any] = {
    "name": {"type": "str"},
    "disk": {"type": "dict", "options": {"size": {"type": "int"}}},
    "parts": {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}, "flavor": {"type": "str"}}},
}


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"naming": "x"}, [("naming", "name")]),
        ({"colour": "red", "parts": "text", "disk": None}, [("colour", None)]),
        ({"disk": {"sizes": 1}}, [("disk.sizes", "size")]),
        (
            {"parts": [{"name": "a", "flavor": "x"}, {"name": "b", "flavour": "x"}, None, {"flavors": "x"}]},
            [("parts[b].flavour", "flavor"), ("parts[3].flavors", "flavor")],
        ),
        ({1: "x"}, [("1", None)]),
    ],
)
def test_an_unknown_option_has_its_place_and_what_it_resembles(
    args: dict[Any, Any], found: list[tuple[str, str | None]]
) -> None:
    assert [(each.place, each.near) for each in unknown_options(args, PARTS)] == found


def test_an_unknown_option_has_the_options_that_its_place_supports() -> None:
    assert [each.supported for each in unknown_options({"x": 1, "parts": [{"y": 2}]}, PARTS)] == [
        ("disk", "name", "parts"),
        ("flavor", "name"),
    ]


@pytest.mark.parametrize(("option", "told"), [("flavour", " parts[a].flavour: did you mean flavor?"), ("colour", "")])
def test_the_message_ends_with_typing_errors(option: str, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        validated("thing", {"parts": [{"name": "a", option: "x"}]}, {"argument_spec": PARTS})
    assert str(caught.value) == (
        f"Unsupported parameters for (thing) module: parts.{option}. Supported parameters include: flavor, name.{told}"
    )


SLICES = slice_module.arguments()
CUSTOM = "custom, linear, ring, star, tree, mesh, bus"


@pytest.mark.parametrize(
    ("topology", "told"),
    [
        ({"vms": "vm1"}, ["slices[web].vms must be a list of dictionaries, got 'vm1'"]),
        ({"vms": {"name": "vm1"}}, ["slices[web].vms must be a list of dictionaries, got a dictionary"]),
        (
            {"vms": ["vm1", {"name": "vm2", "flavor": "x"}, 3]},
            [
                "slices[web].vms[0] must be a dictionary with name, got a text",
                "slices[web].vms[2] must be a dictionary with name, got 3",
            ],
        ),
        (
            {"vms": [{"name": "vm1", "power": True, "data_interfaces": "many"}]},
            [
                "slices[web].vms[vm1].data_interfaces must be an integer, got 'many'",
                "slices[web].vms[vm1].power must be one of running, stopped, paused, got True",
            ],
        ),
        ({"vms": [{"name": 7}]}, [f"slices[web].vms[7].name must be a name, got 7; {names.ADVICE}"]),
        (
            {"vms": [{"name": "vm1", "data_disks": 10}], "links": [{}, ["vm1", "vm2"]]},
            [
                "slices[web].vms[vm1].data_disks must be a list of dictionaries, got 10",
                "slices[web].links[0] needs endpoints",
                "slices[web].links[1] must be a dictionary with endpoints, got a list",
            ],
        ),
        ({"vms": [{"flavor": "cirros"}]}, ["slices[web].vms[0] needs name or title"]),
        ({"topology_type": "rings"}, [f"slices[web].topology_type must be one of {CUSTOM}, got 'rings'"]),
        (
            {"vms": [{"name": "vm1", "cloud_init": f"#cloud-config, password {SECRET}"}]},
            ["slices[web].vms[vm1].cloud_init must be a dictionary, got a text"],
        ),
    ],
)
def test_a_value_of_another_type_has_its_place_in_the_topology(topology: dict[str, Any], told: list[str]) -> None:
    """Ansible would only say: dictionary requested, could not parse JSON or key=value."""
    with pytest.raises(Invalid) as caught:
        validated("slice", {"slices": [{"name": "web", **topology}]}, SLICES)
    assert sorted(str(caught.value).splitlines()) == sorted(told)


@pytest.mark.parametrize(
    "topology",
    [
        {"vms": [{"name": "vm1", "flavor": "cirros", "power": "running", "data_interfaces": "3", "internet": "yes"}]},
        {"vms": [{"title": "A VM", "data_disks": [{"name": "d", "size_gb": "2"}], "cdrom": None}]},
        {"links": [{"endpoints": "vm1:eth1,vm2:eth1"}], "vlan_pools": "2"},
    ],
)
def test_values_that_ansible_converts_are_no_type_problems(topology: dict[str, Any]) -> None:
    slices = {"slices": [{"name": "web", **topology}]}
    validated("slice", slices, SLICES)
    assert list(type_problems(slices, {"options": SLICES["argument_spec"]})) == []


def test_of_many_typing_errors_some_are_told() -> None:
    """A topology of thousands of VMs may have the same one in each."""
    args = {"parts": [{"name": str(number), "flavour": "x"} for number in range(1_021)]}
    with pytest.raises(Invalid) as caught:
        validated("thing", args, {"argument_spec": PARTS})
    message = str(caught.value)
    assert message.endswith("parts[19].flavour: did you mean flavor? … and 1,001 more")
    assert message.count("did you mean") == 20


def test_a_message_does_not_contain_a_secret() -> None:
    assert SECRET not in why(name="x", password=SECRET, place=SECRET)
