# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks of the options of an inventory source; C(tests/unit/plugins/inventory) has the messages from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import inventory_options
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.guests import Kind
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

KNOWN = ("plugin", "names", "owner", "kinds")


def refused(call: Callable[..., Any], *args: Any) -> list[Refusal]:
    """Return the refusals of a call."""
    with pytest.raises(Refused) as caught:
        call(*args)
    return caught.value.refusals


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"names": False}, [("names", False)]),
        ({"names": ["web", 1000, 1e3, True]}, [("names", 1e3), ("names", True)]),
        ({"owner": 750}, [("owner", 750)]),
        ({"kinds": [{"name": 7, "flavors": ["a", 1]}, "no mapping"]}, [("kinds", 7), ("kinds", 1)]),
    ],
)
def test_all_names_of_other_types_are_refused(given: dict[str, Any], found: list[tuple[str, Any]]) -> None:
    assert refused(inventory_options.check, given, KNOWN) == [
        Refusal("name_of_other_type", option, {"got": value}) for option, value in found
    ]


def test_known_options_and_texts_are_accepted() -> None:
    inventory_options.check({"plugin": "p", "names": ["007", 1000], "owner": "bob", "kinds": [{"name": "a"}]}, KNOWN)
    inventory_options.check({"names": None, "kinds": None}, KNOWN)


def test_an_unknown_option_is_refused() -> None:
    figures = {"got": ["filter", "owners"], "known": ["kinds", "names", "owner", "plugin"]}
    assert refused(inventory_options.check, {"owners": "bob", "filter": 1}, KNOWN) == [
        Refusal("unknown_options", "inventory source", figures)
    ]


def test_kinds_have_defaults_and_lists_may_be_texts_with_commas() -> None:
    given = [
        {"name": "linux", "flavors": "debian*, ubuntu*", "user": "debian", "private_key_file": ""},
        {"name": "appliance", "connection_preference": ["console"]},
    ]
    assert inventory_options.kinds(given, ["jump", "console"]) == [
        Kind("linux", ("debian*", "ubuntu*"), ("jump", "console"), {"ansible_user": "debian"}),
        Kind("appliance", ("*",), ("console",), {}),
    ]


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"flavors": ["*"]}, Refusal("option_missing", "kinds", {"kind": "kind", "option": "name"})),
        ("linux", Refusal("option_missing", "kinds", {"kind": "kind", "option": "name"})),
        (
            {"name": "a", "connection_preference": "console, telnet"},
            Refusal("unknown_connection", "kind a", {"known": ("direct", "jump", "console"), "got": ["telnet"]}),
        ),
    ],
)
def test_an_invalid_kind_is_refused(given: Any, refusal: Refusal) -> None:
    assert refused(inventory_options.kinds, [given], ["console"]) == [refusal]


def test_an_unknown_option_of_a_kind_is_refused() -> None:
    (refusal,) = refused(inventory_options.kinds, [{"name": "a", "users": "bob"}], ["console"])
    assert (refusal.code, refusal.object, refusal.figures["got"]) == ("unknown_options", "kind a", ["users"])


def test_the_group_of_all_vms_has_a_valid_name_of_its_own() -> None:
    assert inventory_options.parent_group("7 vms", ()) == "_7_vms"
    assert refused(inventory_options.parent_group, "slice-web", {"slice_web"}) == [
        Refusal("group_name_in_use", "parent_group", {"got": "slice_web"})
    ]
    assert refused(inventory_options.parent_group, "network-node", ()) == [
        Refusal("group_of_cloud", "parent_group", {"got": "network_node"})
    ]
    assert [each.code for each in refused(inventory_options.parent_group, "", ())] == ["option_missing"]


@pytest.mark.parametrize("wanted", [None, "", " "])
def test_a_host_needs_a_name(wanted: Any) -> None:
    assert refused(inventory_options.host_name, wanted, "web/vm1 (1001)") == [
        Refusal("empty_host_name", "hostname", {"vm": "web/vm1 (1001)", "got": wanted})
    ]
    assert inventory_options.host_name(7, "web/vm1 (1001)") == "7"
