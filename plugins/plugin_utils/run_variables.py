# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of a run, told apart by who has set them.

Extra variables (C(-e), and all variables of a job of AWX) beat whatever the inventory, a playbook or a result says.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import Decision


def extra_variables(task: Task) -> dict[str, Any]:
    """Return the run's extra variables as they were given, with no template evaluated."""
    return {str(name): value for name, value in task.get_variable_manager().extra_vars.items()}


def extra_files() -> list[str]:
    """Return the paths of the files with extra variables that the command line names."""
    given = context.CLIARGS.get("extra_vars") or ()
    return [str(each)[1:] for each in given if str(each).startswith("@")]


def of_inventory(task: Task, host: str, name: str) -> Any:
    """Return a variable of a host as it is without any extra variable; null where it is not set."""
    manager = copy.copy(task.get_variable_manager())
    manager._extra_vars = {}
    found = manager._inventory.get_host(host)
    variables = manager.get_vars(host=found)
    return Templar(loader=task.get_loader(), variables=variables).template(variables.get(name))


def decide(task: Task, task_vars: Mapping[str, Any], templar: Templar) -> Decision:
    """Return who acts in a task.

    Raises:
        Refused: nothing proves it.
    """
    extra = extra_variables(task)
    name = acting_user.VARIABLE
    # It names whom an administrator acts for, wherever it is set.
    variable = extra[name] if name in extra else templar.template(task_vars.get(name))
    argument = task.args.get("acting_user")
    return acting_user.decide(os.environ, extra, [(name, variable), ("the argument acting_user", argument)])
