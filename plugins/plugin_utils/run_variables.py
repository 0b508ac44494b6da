# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of a run by their source.

Extra variables (C(-e), and all variables of an AWX job) take precedence over inventory, playbooks and results.
"""

from __future__ import annotations

import contextlib
import copy
import os
import pwd
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller
from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user, raw_text
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import Decision

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


VM_ID = "cloudrepo_vm_id"
AS_WRITTEN = ("awx_user_name", "tower_user_name", "slice_name", "slice_owner")
"""Variables with names. AWX writes texts with the tag C(!unsafe), of which Ansible reads C(0x10) or C(1_6) as 16, and
C(on) as true, so that one user could act as another."""


def extra_variables(task: Task) -> dict[str, Any]:
    """Return the extra variables, not templated, and those of C(AS_WRITTEN) as texts if they were written as such."""
    extra = {str(name): value for name, value in task.get_variable_manager().extra_vars.items()}
    changed = [name for name in AS_WRITTEN if name in extra and not isinstance(extra[name], (str, list))]
    for path in extra_files() if changed else ():
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            extra.update(raw_text.texts(file.read(), changed))
    return extra


def extra_files() -> list[str]:
    """Return the paths of files with extra variables from the command line."""
    # A new loader, as Ansible had when it read them: that of a task starts from the playbook's directory.
    return [DataLoader().path_dwim(text[1:]) for text in _given() if text.startswith("@")]


def extra_texts() -> list[str]:
    """Return the extra variables that the command line contains as YAML or JSON."""
    return [text for text in _given() if text.startswith(("[", "{"))]


def _given() -> list[str]:
    return [str(each) for each in context.CLIARGS.get("extra_vars") or ()]


def refuse_middle(task: Task) -> None:
    """Refuse a task of one of our playbooks in a run that left out the tasks before it, with the check of the call.

    Raises:
        Refused: the run was started with C(--start-at-task).
    """
    started = context.CLIARGS.get("start_at_task")
    path = task.get_path()
    if started and path and PLAYBOOKS in Path(path.rpartition(":")[0]).resolve().parents:
        raise Refused([Refusal("started_in_the_middle", "--start-at-task", {"got": started})])


def caller(task: Task, decision: Decision) -> Caller:
    """Return where a task is run, for the history of the database."""
    given = context.CLIARGS.get("args") or ()
    # Of an ad-hoc command, these are the hosts.
    playbooks = [str(each) for each in given] if isinstance(given, (list, tuple)) else []
    return Caller(
        proof=decision.proof,
        because=decision.because,
        controller=os.uname().nodename,
        login=_login(),
        playbook=", ".join(playbooks) or None,
        job=acting_user.job_id(os.environ, extra_variables(task)),
        module=task.action.rpartition(".")[2],
        user_uuid=decision.user_uuid,
    )


def _login() -> str:
    """Return the name of the user who runs Ansible; the number for one without an entry, as in a container."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def of_inventory(task: Task, host: str, name: str) -> Any:
    """Return the value of a host's variable without extra variables, C(None) if it is not set."""
    variables = _without_extra_variables(task, host)
    return Templar(loader=task.get_loader(), variables=variables).template(variables.get(name))


def names_of_inventory(task: Task, hosts: Iterable[str]) -> set[str]:
    """Return the names of the variables of hosts without extra variables."""
    return {str(name) for host in hosts for name in _without_extra_variables(task, host)}


def vm_id(task: Task, host: str) -> Any:
    """Return the id that the inventory plugin C(slices) has given to a host; C(None) if it is no VM."""
    return task.get_variable_manager()._inventory.get_host(host).vars.get(VM_ID)


def _without_extra_variables(task: Task, host: str) -> dict[str, Any]:
    manager = copy.copy(task.get_variable_manager())
    manager._extra_vars = {}
    variables: dict[str, Any] = manager.get_vars(host=manager._inventory.get_host(host))
    return variables


def decide(task: Task, task_vars: Mapping[str, Any], templar: Templar) -> Decision:
    """Return the acting user of a task.

    Raises:
        Refused: see C(acting_user.decide).
    """
    extra = extra_variables(task)
    name = acting_user.VARIABLE
    # An admin may set the variable anywhere.
    variable = extra[name] if name in extra else templar.template(task_vars.get(name))
    argument = task.args.get("acting_user")
    return acting_user.decide(os.environ, extra, [(name, variable), ("the argument acting_user", argument)])
