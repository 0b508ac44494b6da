# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a work order is applied to the network node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._host import claims, fences, revisions
from .._host.netservices import orphans
from .._host.netservices.files import Folders
from .._host.netservices.job import Job, Todo
from .._host.netservices.work_order import read_links, read_services
from .._host.runner import SubprocessRunner
from ..steps import Steps
from .edge import listed


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[Todo]:
    """Return how the work order in the arguments of C(network_services) is applied."""
    claims.require(params, missing_ok=missing_ok)
    folders = Folders(params["state_dir"], read_links(params["nat_links"]))
    orders, refused = read_services(params["slices"], links=folders.links)
    numbers = (params["revision"], *(order.revision for order in orders))
    revisions.require_issued(numbers, params["issued_revisions"], state_dir=params["state_dir"])
    job = Job(
        orders,
        folders,
        SubprocessRunner(),
        params["bridge"],
        refused=refused,
        missing_ok=missing_ok,
        lost=fences.wanted(params),
    )

    def result(todo: Todo) -> dict[str, Any]:
        found = {"units": dict(todo.plan.units or {}), "changes": listed(todo.changes)}
        if missing_ok and params["complete"]:
            found["only_here"] = orphans.only_here(params["slices"], folders, job.runner)
        return found

    return replace(job.steps, result=result)
