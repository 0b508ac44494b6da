# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for tables of slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import render_text
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import MANAGEMENT_VLAN


def slices_table(slices: Sequence[Mapping[str, Any]], management_vlan: int = MANAGEMENT_VLAN) -> str:
    """Return slices, as modules return them, as a text table with a line each."""
    return render_text.slices_table([Slice.from_dict(slice_) for slice_ in slices], management_vlan)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"slices_table": slices_table}
