# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A malformed topology only affects its own slice."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import slice as slice_module
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.malformed_slices import set_aside, with_refused

SPEC = slice_module.arguments()["argument_spec"]
GOOD: dict[str, Any] = {"name": "good", "vms": [{"name": "vm1", "flavor": "cirros"}]}


@pytest.mark.parametrize(
    ("bad", "name", "why"),
    [
        ({"name": "web", "vlan_pools": "many"}, "alice/web", "vlan_pools"),
        ({"name": "web", "colour": "red"}, "alice/web", "unsupported options: colour"),
        (
            {"name": "web", "vms": [{"name": "vm1", "flavour": "x"}]},
            "alice/web",
            " vms[vm1].flavour: did you mean flavor?",
        ),
        ({"name": "web", "owner": "bob", "vms": [{"name": "vm1", "cores": 2}]}, "bob/web", "cores"),
        ({"name": "web", "vms": [None]}, "alice/web", "vms"),
        (
            {"name": "web", "vms": [{"name": "vm1", "data_interfaces": True}]},
            "alice/web",
            "vms.data_interfaces must be an integer, got True",
        ),
        ({"title": "The web", "links": [{"endpoints": None}]}, "alice/The web", "endpoints"),
        ({"name": True}, "slices[1]", "quote names"),
        ({"vms": []}, "slices[1]", "name, title"),
        (None, "slices[1]", "must be a dictionary"),
    ],
)
def test_a_malformed_slice_is_refused_with_its_name_and_reason(bad: Any, name: str, why: str) -> None:
    args, refused = set_aside({"slices": [GOOD, bad], "overwrite": True}, SPEC, "alice")
    assert args == {"slices": [GOOD], "overwrite": True}
    assert [(each["slice_id"], each["slice"]) for each in refused] == [(None, name)]
    assert why in refused[0]["failure"]


@pytest.mark.parametrize(
    "args", [{"slices": [GOOD, GOOD]}, {"slices": [None]}, {"slices": "text"}, {"name": "web"}, {}]
)
def test_other_calls_are_not_changed(args: dict[str, Any]) -> None:
    assert set_aside(args, SPEC, "alice") == (args, [])
    assert set_aside({"slices": [None, None]}, {}, "alice") == ({"slices": [None, None]}, [])


def test_the_result_contains_both_kinds_of_refused_slices() -> None:
    one, other = ({"slice_id": None, "slice": name, "failure": "no"} for name in ("a/one", "a/other"))
    assert with_refused({"changed": True}, [one], fails=False) == {"changed": True, "refused": [one]}
    found = with_refused({"changed": True}, [one], fails=True)
    assert (found["failed"], found["changed"], found["msg"]) == (True, True, "a/one: no")
    failed = {"failed": True, "msg": "too large", "refused": [other]}
    found = with_refused(failed, [one], fails=False)
    assert (found["msg"], found["refused"]) == ("a/one: no\ntoo large", [one, other])


def test_of_many_refused_slices_and_typing_errors_some_are_told() -> None:
    many = [{"slice_id": None, "slice": f"a/{number}", "failure": "no"} for number in range(25)]
    found = with_refused({"failed": True, "msg": "too large"}, many, fails=True)
    assert found["msg"].splitlines()[19:] == ["a/19: no", "… and 5 more", "too large"]
    assert len(found["refused"]) == 25
    vms = [{"name": f"vm{number}", "flavour": "x"} for number in range(30)]
    _args, [refused] = set_aside({"slices": [GOOD, {"name": "web", "vms": vms}]}, SPEC, "alice")
    assert refused["failure"].endswith("vms[vm19].flavour: did you mean flavor? … and 10 more")
