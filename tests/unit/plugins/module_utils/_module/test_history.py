# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import history
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller

from .._domain.builders import cluster
from .._domain.test_history import entry
from .._domain.test_revisions import Entries


def params(**changes: Any) -> dict[str, Any]:
    return {"names": [], "owner": None, "all": True, "acting_user": "admin", "limit": 50, **changes}


def test_entries_and_their_table_are_returned() -> None:
    held = cluster()
    made = entry(Caller(job="7"))
    held.history = Entries(made)
    done = history.info(held, params())
    assert (done.changes, done.result["entries"]) == ((), [made.to_dict()])
    assert done.result["table"].startswith("NUMBER ")


@pytest.mark.parametrize("limit", [0, 1_000_001])
def test_the_number_of_entries_is_limited(limit: int) -> None:
    with pytest.raises(Refused):
        history.info(cluster(), params(limit=limit))
