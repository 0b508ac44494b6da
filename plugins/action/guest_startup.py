# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs start-ups over ssh on the controller, because only that has the keys and reaches the network node."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from ansible.plugins.action.normal import ActionModule as Normal

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import ssh_shell
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import startup as startups
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.serial import Console
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.startup import Guest
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import SSH_START
from ansible_collections.cloudrepo.slices.plugins.module_utils.startup import DEFAULT_TIMEOUT_S
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.become import explained

Call = Callable[[Mapping[str, Any]], dict[str, Any]]
_LISTS = ("changes", "missing_startups", "failed_startups")


class ActionModule(Normal):  # type: ignore[misc]  # Ansible has no types
    """See the module."""

    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and start-ups over ssh in parallel."""
        user, args = self._get_remote_user(), self._task.args
        if self._task.check_mode or self._task.async_val or not _over_ssh(args):
            run = super().run
            return explained(user, task_vars or {}, lambda: run(tmp, task_vars))

        def call(given: Mapping[str, Any]) -> dict[str, Any]:
            return explained(
                user, task_vars or {}, lambda: self._execute_module(module_args=dict(given), task_vars=task_vars)
            )

        return both_ways(args, call)


def both_ways(args: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """Run start-ups over ssh and on consoles at the same time, and return the result of the module for both.

    Args:
        args: the arguments of the module.
        call: calls the module with its arguments.
    """
    by_ssh = _over_ssh(args)
    others = [vm for vm in args["vms"] if vm not in by_ssh]
    # The module checks the arguments, and knows whose disk has had its start-up.
    asked = call({**args, "vms": by_ssh, "taken": {}})
    if asked.get("failed") or "missing_startups" not in asked:
        return asked
    texts = {int(vm_id): text for vm_id, text in (args.get("startups") or {}).items()}
    due = [vm for vm in by_ssh if int(vm["vm_id"]) in asked["missing_startups"] and int(vm["vm_id"]) in texts]
    with ThreadPoolExecutor(max_workers=1) as beside:
        running = beside.submit(startups.run_over_ssh, [_guest(vm) for vm in due], texts, _opens(args))
        typed = call({**args, "vms": others, "taken": {}}) if others else None
        taken = running.result()
    recorded = call({**args, "vms": by_ssh, "taken": {str(vm_id): text for vm_id, text in taken.items()}})
    return recorded if typed is None else _together(typed, recorded)


def _over_ssh(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the VMs whose start-ups may run over ssh; none if there are no start-ups."""
    vms = args.get("vms")
    is_given = isinstance(vms, list) and isinstance(args.get("startups"), Mapping) and args["startups"]
    return [vm for vm in vms or () if isinstance(vm, dict) and vm.get("via") == SSH_START] if is_given else []


def _guest(vm: Mapping[str, Any]) -> Guest:
    known = {name: value for name, value in vm.items() if name != "slice_id" and value is not None}
    numbers = {name: int(known.get(name, 0)) for name in ("vm_id", "files", "commands")}
    limit = int(known.get("timeout_s", DEFAULT_TIMEOUT_S))
    return Guest(**{"vm_uuid": None, "user": "root", **known, **numbers, "timeout_s": limit})


def _opens(args: Mapping[str, Any]) -> Callable[[Guest, float], AbstractContextManager[Console]]:
    key = str(args.get("private_key_file") or "")
    further = shlex.split(str(args.get("ssh_arguments") or ""))
    argv_of = partial(ssh_shell.command, arguments=further, key=os.path.expanduser(key) if key else None)

    def opened(guest: Guest, deadline: float) -> AbstractContextManager[Console]:
        return ssh_shell.open_shell(argv_of(guest.address or "", guest.user or "root", guest.shell), deadline)

    return opened


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of two calls as one. A call that has failed as a whole has no lists."""
    both: Sequence[Mapping[str, Any]] = (one, other)
    failures = [each for each in both if each.get("failed")]
    diffs = [each["diff"] for each in both if each.get("diff")]
    return {
        **other,
        **one,
        **{name: [entry for each in both for entry in each.get(name) or ()] for name in _LISTS},
        "changed": any(each.get("changed") for each in both),
        "diff": {side: "".join(str(each.get(side, "")) for each in diffs) for side in ("before", "after")},
        **({"failed": True, "msg": "; ".join(str(each.get("msg", "")) for each in failures)} if failures else {}),
    }
