# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a work order is applied to a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._host import claims, revisions, worker
from .._host.qemu.apply import Tools
from .._host.qemu.qmp import SocketMonitor
from .._host.qemu.seed import read_user_data
from .._host.qemu.vnc import read_passwords
from .._host.runner import SubprocessRunner
from .._host.work_order import read_each
from .._host.worker_job import Job, Todo
from ..steps import Steps
from .edge import listed


def steps(params: dict[str, Any], missing_ok: bool) -> Steps[Todo]:
    """Return how the work order in the arguments of C(slice_apply) is applied."""
    claims.require(params, missing_ok=missing_ok)
    orders, refused = read_each(params["slices"], state_dir=params["state_dir"])
    revisions.require_issued(
        (order.revision for order in orders), params["issued_revisions"], state_dir=params["state_dir"]
    )
    job = Job(
        orders,
        Tools(SubprocessRunner(), SocketMonitor()),
        worker.read_settings(params, orders),
        restart=params["restart"],
        start_timeout_s=params["start_timeout_s"],
        passwords=read_passwords(params["vnc_passwords"]),
        user_data=read_user_data(params["user_data"]),
        refused=refused,
        missing_ok=missing_ok,
    )

    def result(todo: Todo) -> dict[str, Any]:
        found = {**todo.result, "changes": listed(todo.changes)}
        if missing_ok and params["complete"]:
            # Only check mode needs it.
            from .._host import worker_orphans

            runner = job.tools.runner
            found["only_here"] = worker_orphans.only_here(params["slices"], runner, state_dir=params["state_dir"])
        return found

    return replace(job.steps, result=result)
