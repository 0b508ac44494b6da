# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A malformed topology only affects its own slice."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.malformed_slices import (
    MalformedSlice,
    set_aside,
    with_refused,
)

SPEC = slice_module.arguments()["argument_spec"]
GOOD: dict[str, Any] = {"name": "good", "vms": [{"name": "vm1", "flavor": "cirros"}]}


UNSUPPORTED, MALFORMED, NO_DICTIONARY = "unsupported_options", "malformed_slice", "slice_not_a_dictionary"


@pytest.mark.parametrize(
    ("bad", "name", "code", "why"),
    [
        ({"name": "web", "vlan_pools": "many"}, "alice/web", MALFORMED, "vlan_pools must be an integer, got 'many'"),
        ({"name": "web", "colour": "red"}, "alice/web", UNSUPPORTED, "unsupported options: colour; use one of"),
        (
            {"name": "web", "vms": [{"name": "vm1", "flavour": "x"}]},
            "alice/web",
            UNSUPPORTED,
            ": vms[vm1].flavour (did you mean flavor?); use one of boot, cdrom, ",
        ),
        ({"name": "web", "owner": "bob", "vms": [{"name": "vm1", "cores": 2}]}, "bob/web", UNSUPPORTED, "cores"),
        ({"name": "web", "vms": '[{"cores": 2}]'}, "alice/web", MALFORMED, "vms must be a list of dictionaries, got"),
        ({"name": "web", "vms": [None]}, "alice/web", MALFORMED, "vms[0] must be a dictionary with name, got null"),
        (
            {"name": "web", "vms": [{"name": "vm1", "data_interfaces": True}]},
            "alice/web",
            "boolean_for_integer",
            "alice/web: vms.data_interfaces must be an integer, got True",
        ),
        ({"title": "The web", "links": [{"endpoints": None}]}, "alice/The web", MALFORMED, "links[0] needs endpoints"),
        ({"name": True}, "slices[1]", MALFORMED, "quote names"),
        ({"vms": []}, "slices[1]", MALFORMED, "needs name or title"),
        (None, "slices[1]", NO_DICTIONARY, "slices[1]: a slice must be a dictionary, got None"),
    ],
)
def test_a_malformed_slice_is_refused_with_its_name_and_reason(bad: Any, name: str, code: str, why: str) -> None:
    args, [refused] = set_aside({"slices": [GOOD, bad], "overwrite": True}, SPEC, "alice")
    assert args == {"slices": [GOOD], "overwrite": True}
    told = refused.to_dict()
    assert (told["slice_id"], told["slice"], told["codes"]) == (None, name, [code])
    assert told["failure"].startswith(f"{name}: ")
    assert why in told["failure"]


@pytest.mark.parametrize(
    "args", [{"slices": [GOOD, GOOD]}, {"slices": [None]}, {"slices": "text"}, {"name": "web"}, {}]
)
def test_other_calls_are_not_changed(args: dict[str, Any]) -> None:
    assert set_aside(args, SPEC, "alice") == (args, [])
    assert set_aside({"slices": [None, None]}, {}, "alice") == ({"slices": [None, None]}, [])


def malformed(name: str) -> MalformedSlice:
    return MalformedSlice(name, [Refusal("malformed_slice", name, {"why": "no"})])


def test_the_result_contains_both_kinds_of_refused_slices() -> None:
    one, other = malformed("a/one"), malformed("a/other").to_dict()
    assert with_refused({"changed": True}, [one], fails=False) == {"changed": True, "refused": [one.to_dict()]}
    found = with_refused({"changed": True}, [one], fails=True)
    assert (found["failed"], found["changed"], found["msg"]) == (True, True, "a/one: no")
    assert ([each["code"] for each in found["refusals"]], found["refusal_count"]) == (["malformed_slice"], 1)
    failed = {"failed": True, "msg": "too large", "refused": [other], "refusals": [{"code": "x"}], "refusal_count": 30}
    found = with_refused(failed, [one], fails=False)
    assert (found["msg"], found["refused"]) == ("a/one: no\ntoo large", [one.to_dict(), other])
    assert ([each["code"] for each in found["refusals"]], found["refusal_count"]) == (["malformed_slice", "x"], 31)


def test_of_many_refused_slices_and_typing_errors_some_are_told() -> None:
    many = [malformed(f"a/{number}") for number in range(25)]
    found = with_refused({"failed": True, "msg": "too large"}, many, fails=True)
    assert found["msg"].splitlines()[19:] == ["a/19: no", "… and 5 more", "too large"]
    assert (len(found["refused"]), len(found["refusals"]), found["refusal_count"]) == (25, 20, 25)
    vms = [{"name": f"vm{number}", "flavour": "x"} for number in range(30)]
    _args, [refused] = set_aside({"slices": [GOOD, {"name": "web", "vms": vms}]}, SPEC, "alice")
    assert "vms[vm9].flavour (did you mean flavor?) and 20 more; use one of " in refused.to_dict()["failure"]
