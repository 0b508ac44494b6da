# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.plugin_utils.startup_texts import with_texts

TEXT = '{"commands": ["1"]}'


def test_start_ups_become_texts() -> None:
    given = {"commands": ["1"]}
    assert with_texts({"name": "vm1", "startup": given}) == {"name": "vm1", "startup": TEXT}
    slices = [{"name": "web", "vms": [{"name": "vm1", "startup": given}, {"name": "vm2"}]}, {"name": "lab"}]
    assert with_texts({"slices": slices}) == {
        "slices": [{"name": "web", "vms": [{"name": "vm1", "startup": TEXT}, {"name": "vm2"}]}, {"name": "lab"}]
    }
    assert with_texts({"name": "web", "vms": [{"name": "vm1", "startup": given}]}) == {
        "name": "web",
        "vms": [{"name": "vm1", "startup": TEXT}],
    }


@pytest.mark.parametrize(
    "args",
    [
        {"startup": None},
        {"startup": TEXT},
        {"slices": "web"},
        {"slices": [1, {"vms": "vm1"}, {"vms": [1, {"startup": TEXT}]}]},
    ],
)
def test_other_arguments_are_unchanged(args: dict[str, Any]) -> None:
    assert with_texts(args) == args
