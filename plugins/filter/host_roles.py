# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the roles for which hosts were prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GROUPS = {"worker": "workers", "network_node": "network_node"}
"""The group of the inventory whose hosts have a role."""


def lost_roles(hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], cloud: str) -> list[str]:
    """Return a line for each role that a host was prepared for and no longer has in the inventory.

    Args:
        hostvars: the hosts' variables, with C(cloudrepo_host_info), and C(site_retired) of a host that was put back.
        groups: the hosts of each group.
        cloud: the UUID of the cloud; hosts of others are left out.
    """
    return [
        f"{name} was prepared as a {role}, but is no longer in the group {GROUPS[role]}"
        for name, info in ((name, hostvars[name].get("cloudrepo_host_info") or {}) for name in groups.get("all", ()))
        if (info.get("claim") or {}).get("uuid") == cloud
        for role in (hostvars[name].get("site_retired") or {}).get("roles", info.get("roles") or ())
        if name not in groups.get(GROUPS[role], ())
    ]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"lost_roles": lost_roles}
