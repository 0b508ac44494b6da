# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.cloudrepo.slices.plugins.filter.expiry import FilterModule

expired_slices = FilterModule().filters()["expired_slices"]


def test_slices_expire_at_the_stored_time() -> None:
    slices = [
        {"slice_id": 1000, "expires": "2026-12-31T18:00:00Z"},
        {"slice_id": 1003, "expires": "2026-12-31T18:00:01Z"},
        {"slice_id": 1006},
        {"slice_id": 1009, "expires": "2026-01-01T00:00:00Z"},
    ]
    now = datetime(2026, 12, 31, 18, tzinfo=timezone.utc)
    assert expired_slices(slices, now=now) == ["1000", "1009"]
    assert expired_slices([{"slice_id": 1000, "expires": "2000-01-01T00:00:00Z"}]) == ["1000"]
    assert expired_slices([{"slice_id": 1000, "expires": "2999-01-01T00:00:00Z"}]) == []


def test_what_is_no_time_never_passes() -> None:
    """Somebody may have edited the database so that a slice does not expire."""
    slices = [{"slice_id": 1000 + 3 * number, "expires": text} for number, text in enumerate(["", "0", "0000-01-01"])]
    assert expired_slices(slices) == []
    assert expired_slices([{"slice_id": 1000, "expires": "2000-01-01"}]) == ["1000"]
