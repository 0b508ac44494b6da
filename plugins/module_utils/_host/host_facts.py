# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the modules C(host_info) and C(host_setup) return about a host."""

from __future__ import annotations

from typing import Any

from . import claims, fences, host_info, in_use, roles
from .runner import Runner


def look(params: dict[str, Any], runner: Runner) -> dict[str, Any]:
    """Return resources, claim, roles, lost machines, and ids and addresses in use.

    Args:
        params: the arguments C(uplink), C(packages) and C(state_dir).
        runner: runs commands on the host.

    Raises:
        SlicesError: a file with the host's state is unreadable.
    """
    info, claim = host_info.look(runner), claims.read(params["state_dir"])
    return {
        **info.to_dict(),
        "trunk_mtu": info.mtu_of(params["uplink"]),
        "missing_packages": host_info.missing_packages(params["packages"], runner),
        "claim": claim and claim.to_dict(),
        "roles": list(roles.read(params["state_dir"])),
        "lost_machines": [{"mark": mark} for mark in fences.read(params["state_dir"])],
        **in_use.look(params["state_dir"], runner),
    }
