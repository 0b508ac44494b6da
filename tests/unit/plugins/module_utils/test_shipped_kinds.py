# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shipped kinds are valid, and documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind
from ansible_collections.cloudrepo.slices.plugins.module_utils.shipped_kinds import SHIPPED, Shipped

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("each", SHIPPED.values(), ids=str)
def test_a_shipped_kind_is_valid(each: Shipped) -> None:
    assert Kind.from_dict(each.kind.to_dict()) == each.kind
    assert not each.kind.is_ambiguous
    assert each.source


def test_only_tried_kinds_are_said_to_be_tried() -> None:
    assert [name for name, each in SHIPPED.items() if each.is_tried] == ["lab-guest", "debian", "frr"]


def test_the_guide_lists_all_of_them() -> None:
    text = (ROOT / "docs" / "guides" / "kinds.md").read_text(encoding="utf-8")
    for name, each in SHIPPED.items():
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"| `{each.kind.shutdown}` |" in row
        names = (each.kind.own_name("eth0"), each.kind.own_name("eth1"))
        assert all(f"`{word}`" in row for word in names)
        assert row.endswith(f"| {'yes' if each.is_tried else 'untried'} |")
