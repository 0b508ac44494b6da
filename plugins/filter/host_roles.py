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
        hostvars: the hosts' variables, with C(cloudrepo_host_info), and C(site_retired) for removed roles.
        groups: the hosts of each group.
        cloud: the UUID of the cloud; hosts of other clouds are left out.
    """
    return [
        f"{name} was prepared as a {role}, but is no longer in the group {GROUPS[role]}"
        for name in groups.get("all", ())
        for role in roles_to_retire(hostvars, groups, name, cloud)
    ]


def roles_to_retire(
    hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], name: str, cloud: str
) -> list[str]:
    """Return the roles that a host was prepared for, still has, and no longer has in the inventory.

    Args:
        hostvars: the hosts' variables, as for C(lost_roles).
        groups: the hosts of each group.
        name: the host.
        cloud: the UUID of the cloud; a host of another one has none of these roles.
    """
    info = hostvars[name].get("cloudrepo_host_info") or {}
    if (info.get("claim") or {}).get("uuid") != cloud:
        return []
    results = (hostvars[name].get("site_retired") or {}).get("results") or ()
    left = [each["roles"] for each in results if "roles" in each]
    return [
        role
        for role in info.get("roles") or ()
        if name not in groups.get(GROUPS[role], ()) and all(role in roles for roles in left)
    ]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"lost_roles": lost_roles, "roles_to_retire": roles_to_retire}
