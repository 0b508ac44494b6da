# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.refusals import RULES
from ansible_collections.cloudrepo.slices.plugins.module_utils.rules.rule import Rule


def test_a_rule_alone_is_followed_by_the_actual_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "short", Rule("{option} must be even"))
    assert Refusal("short", "VM web/vm1", {"option": "cores", "got": 3}).message == (
        "VM web/vm1: cores must be even, got 3"
    )
