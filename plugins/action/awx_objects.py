# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates objects in AWX with the modules of another collection, which no other playbook needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.modules import awx_objects

HOSTS = ("CONTROLLER_HOST", "TOWER_HOST")
"""The environment variables with the URL of AWX. The modules read them, and those for the login, themselves."""
MODULES = {
    "controller_execution_environments": "execution_environment",
    "controller_notifications": "notification_template",
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_inventory_sources": "inventory_source",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
    "controller_schedules": "schedule",
    "aap_teams": "team",
    "controller_roles": "role",
}
"""The module for each list, in the order in which objects refer to each other."""


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs a module for each object, where the task runs."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Create the objects, or change those that differ."""
        super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(awx_objects.ARGUMENTS).validate(self._task.args)
        if checked.error_messages:
            return {"failed": True, "changed": False, "msg": "; ".join(checked.error_messages)}
        objects, collection = (checked.validated_parameters[name] for name in ("objects", "collection"))
        done: list[dict[str, Any]] = []
        try:
            refusals = [*_problems(objects, collection)]
            if refusals:
                raise Refused(refusals)
            for module, entry in _in_order(objects):
                done.append(self._create(f"{collection}.{module}", entry, done, task_vars))
        except SlicesError as error:
            return {"failed": True, **_to_result(done), "msg": error.message, **error.fields}
        return _to_result(done)

    def _create(
        self, module: str, entry: Mapping[str, Any], done: list[dict[str, Any]], task_vars: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Run a module, and return what it has changed.

        Raises:
            Refused: it has failed. In check mode, an object may refer to one that does not exist yet.
        """
        result = self._execute_module(module_name=module, module_args=dict(entry), task_vars=task_vars)
        outcome: dict[str, Any] = {
            "kind": module.rpartition(".")[2],
            "name": _name(entry),
            "changed": bool(result.get("changed")),
        }
        if not result.get("failed"):
            return outcome
        if self._task.check_mode and any(each["changed"] for each in done):
            return {**outcome, "changed": True}
        figures = {"why": str(result.get("msg")).strip()}
        raise Refused([Refusal("awx_refused", f"{outcome['kind'].replace('_', ' ')} {outcome['name']}", figures)])


def _problems(objects: Mapping[str, Any], collection: str) -> Iterator[Refusal]:
    unknown = [name for name in objects if name not in MODULES]
    if unknown:
        yield Refusal("unknown_lists", "objects", {"got": unknown, "known": list(MODULES)})
    if not any(os.environ.get(name) for name in HOSTS):
        yield Refusal("awx_unknown", "environment", {"names": list(HOSTS)})
    missing = [
        module
        for module in MODULES.values()
        if not module_loader.find_plugin_with_context(f"{collection}.{module}").resolved
    ]
    if missing:
        yield Refusal("awx_modules_missing", f"collection {collection}", {"modules": missing, "collection": collection})


def _in_order(objects: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, module in MODULES.items():
        yield from ((module, entry) for entry in objects.get(name) or ())


def _name(entry: Mapping[str, Any]) -> str:
    """Return the name of an object; for roles, who has which."""
    who = entry.get("user") or entry.get("team")
    return str(entry["name"]) if "name" in entry else f"{entry.get('role')} of {who}"


def _to_result(done: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [f"{each['kind'].replace('_', ' ')} {each['name']}" for each in done if each["changed"]]
    return {"changed": bool(lines), "objects": done, "lines": lines}
