# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices that a call refuses while it continues with the others."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module.refused_slices import (
    RefusedSlice,
    error,
    require_some,
    to_result,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from .._domain.builders import cluster, put, topology

NUMERIC = Refusal("numeric_name", "slice 7", {"got": "7"})
TWICE = Refusal("slice_listed_twice", "slice web", {"count": 2})


def test_a_slice_is_shown_by_name_and_id() -> None:
    stored = put(cluster(), topology())
    assert to_result([RefusedSlice("7", [NUMERIC]), RefusedSlice("web", [TWICE, NUMERIC], stored)]) == [
        {"slice_id": None, "slice": "7", "failure": NUMERIC.message, "codes": ["numeric_name"]},
        {
            "slice_id": 1000,
            "slice": "admin/web",
            "failure": f"slice web (1000) was left unchanged: {TWICE.message}\n{NUMERIC.message}",
            "codes": ["slice_listed_twice", "numeric_name"],
        },
    ]


def test_a_common_reason_is_shown_once() -> None:
    found = error([RefusedSlice("a", [NUMERIC]), RefusedSlice("b", [NUMERIC, TWICE])])
    assert found is not None
    assert found.refusals == [NUMERIC, TWICE]
    assert [each["slice"] for each in found.fields["refused"]] == ["a", "b"]
    assert error([]) is None


def test_a_call_fails_if_all_of_its_slices_are_refused() -> None:
    require_some([], [])
    require_some([RefusedSlice("7", [NUMERIC])], [1000])
    with pytest.raises(Refused) as caught:
        require_some([RefusedSlice("7", [NUMERIC])], [])
    assert caught.value.refusals == [NUMERIC]
