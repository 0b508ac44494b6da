# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.expiry import has_expired, moment
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.render_text import slice_table
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import attributes

from .builders import cluster, put, refusals, topology

UNTIL = "2026-12-31T18:00:00Z"


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (UNTIL, UNTIL),
        ("2026-12-31", "2026-12-31T00:00:00Z"),
        ("2026-12-31T18:00", UNTIL),
        ("2026-12-31T19:00:00+01:00", UNTIL),
        # YAML has read the time.
        ("2026-12-31 18:00:00", UNTIL),
        ("2026-12-31 18:00:00+00:00", UNTIL),
        ("2028-02-29", "2028-02-29T00:00:00Z"),
    ],
)
def test_times_are_stored_in_utc(text: str, stored: str) -> None:
    assert moment(text) == stored
    assert put(cluster(), topology(expires=text)).extra["expires"] == stored


@pytest.mark.parametrize(
    "text",
    ["tomorrow", "2026-02-29", "2026-12-31T25:00", "1226-12-31", "2026-12-31T18:00:00ZZ", "2026-12-31\n", "1767225600"],
)
def test_other_texts_are_refused(text: str) -> None:
    [refusal] = refusals(cluster(), topology(expires=text))
    assert (refusal.code, refusal.object) == ("invalid_time", "slice web")
    assert refusal.message == (f"slice web: expires must be a date or time such as 2026-12-31T18:00:00Z, got {text!r}")


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"append": True}, UNTIL),
        ({"append": True, "expires": "2027-01-01"}, "2027-01-01T00:00:00Z"),
        ({"append": True, "expires": ""}, None),
        ({"expires": ""}, None),
        ({}, None),
    ],
)
def test_a_slice_expires_as_its_topology_says(fields: dict[str, Any], stored: str | None) -> None:
    held = cluster()
    put(held, topology(expires=UNTIL))
    slice_ = put(held, topology(**fields))
    assert slice_.extra.get("expires") == stored
    assert attributes(slice_, {}).get("expires") == stored
    assert (f", expires {stored}" in slice_table(slice_)) is (stored is not None)


def test_a_slice_has_expired_from_that_moment() -> None:
    slice_ = put(cluster(), topology(expires=UNTIL))
    assert [has_expired(slice_, now) for now in ("2026-12-31T17:59:59Z", UNTIL, "2027-01-01T00:00:00Z")] == [
        *(False, True, True),
    ]
    assert not has_expired(put(cluster(), topology()), UNTIL)
