# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first task of every playbook: checks the caller and the variables, and selects the slices."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import access, selection
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.inventory_options import CLOUD_GROUPS
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.url_secrets import is_url
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import ADMIN
from ansible_collections.cloudrepo.slices.plugins.module_utils.defaults import DATABASE
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    Refusal,
    Refused,
    SlicesError,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.grammar import is_ipv4_address
from ansible_collections.cloudrepo.slices.plugins.modules import guard, slice_plan
from ansible_collections.cloudrepo.slices.plugins.plugin_utils import (
    acting_user,
    call_rules,
    interruptions,
    job_files,
    known_variables,
    raw_text,
)
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import Decision
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import Playbook
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.run_variables import (
    decide,
    extra_files,
    extra_texts,
    extra_variables,
    names_of_inventory,
    of_inventory,
    vm_id,
)

# Ansible's main process imports this file, and runs each task in a fork. Otherwise each of the next tasks would import
# the control plane, which takes longer than most of the rest.
PRELOADED = (slice_plan,)
LOCK_TIMEOUT_S = 30.0
USER_DATA_HEADS = ("#cloud-config", "#!")
SECRET_OPTIONS = frozenset({"user_data", "startup", "content", "commands"})
LOCAL = ("local", "ansible.builtin.local")
OLDEST_CORE = (2, 19)
"""C(requires_ansible) of meta/runtime.yml, which Ansible itself only warns about."""
WITHOUT_VALUE = "_raw_params"
"""Ansible's name for what C(-e) contains besides C(NAME=VALUE)."""
NEED_WORKERS = (
    *("capture", "delete", "deploy", "displays", "expire", "molecule_create", "molecule_destroy", "molecule_prepare"),
    *("orphans", "rebuild", "site", "smoke_test", "undelete", "wait"),
)
"""The playbooks that read the group C(workers)."""

# Here and not in the task, because Ansible's main process imports this file, while the task runs in a fork.
interruptions.announce()


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs only on the controller. It connects to no host and templates no extra variable."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Refuse the call, or return the acting user and the selection."""
        super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(guard.ARGUMENTS).validate(self._task.args)
        if checked.error_messages:
            return {"failed": True, "changed": False, "msg": "; ".join(checked.error_messages)}
        try:
            return {"changed": False, **self._call(checked.validated_parameters["playbook"], task_vars or {})}
        except SlicesError as error:
            return {"failed": True, "changed": False, "msg": error.message, **error.fields}

    def _call(self, name: str, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        table = call_rules.read_table()
        playbook, extra = table.playbooks[name], extra_variables(self._task)
        decision = decide(self._task, task_vars, self._templar)
        refusals = list(call_rules.refuse(playbook, extra, decision.user))
        if refusals and not self._is_admin(decision, task_vars):
            raise Refused(refusals, refused_variables=playbook.admin_only(extra))
        given = self._given(playbook, extra, task_vars)
        if decision.is_database_owner:
            self._warn_of_unknown_variables(task_vars)
        refusals = [
            *_core(task_vars),
            *_without_value(extra),
            *_orchestrator(task_vars),
            *self._unusable_hosts(name, task_vars),
            *_workers(name, extra, task_vars),
            *table.malformed(extra),
            *known_variables.mistyped(playbook, table, extra, lambda each: self._is_in_inventory(each, task_vars)),
            *call_rules.incomplete(playbook, task_vars),
            *self._selection_problems(playbook, given),
        ]
        refusals += self._vanishing_database(extra, task_vars)
        files_dir, job = self._files_dir(playbook, extra, task_vars), acting_user.job_id(os.environ, extra)
        if files_dir is not None:
            refusals += job_files.problems(playbook.writes, files_dir, decision.user, job)
        if refusals:
            raise Refused(refusals)
        found = selection.read(given, raw_text.load) if given else selection.Selection()
        if refusals := list(call_rules.several_slices(playbook, found.names)):
            raise Refused(refusals)
        folder = job_files.folder(files_dir, decision.user, job) if files_dir else None
        return {
            "acting_user": decision.user,
            "because": decision.because,
            "folder": folder,
            **asdict(found),
            # The topologies are a result, for the next task. User data and start-ups may contain secrets, so nothing
            # shows them.
            **({"_ansible_no_log": True} if _has_secrets(found.slices) else {}),
        }

    def _warn_of_unknown_variables(self, task_vars: Mapping[str, Any]) -> None:
        """Warn of variables of the inventory that nothing reads, on the first host of each group."""
        groups = (task_vars["groups"].get(name, ()) for name in CLOUD_GROUPS)
        for text in known_variables.warnings(names_of_inventory(self._task, {each[0] for each in groups if each})):
            self._display.warning(text)

    def _is_in_inventory(self, name: str, task_vars: Mapping[str, Any]) -> bool:
        return name in names_of_inventory(self._task, task_vars["groups"]["all"])

    def _unusable_hosts(self, name: str, task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
        """Yield a refusal for each host of the cloud that has the variables of a VM, with which it would be reached.

        A group of one host must not have several, and C(site) needs the addresses of workers.
        """
        yield from _single_hosts(task_vars)
        for group in CLOUD_GROUPS:
            for host in task_vars["groups"].get(group, ()):
                found = vm_id(self._task, host)
                if found is not None:
                    yield Refusal("host_is_vm", f"host {host}", {"group": group, "vm_id": found})
        if name == "site":
            yield from self._addresses(task_vars)

    def _addresses(self, task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
        """Yield a refusal for each worker of the run that the inventory knows by name or IPv6 only.

        Without this, C(site) would find out when it registers the workers, after it has prepared them.
        """
        for host in task_vars["groups"].get("workers", ()):
            if host not in task_vars["ansible_play_hosts_all"]:
                continue
            # An address from facts is unknown before Ansible connects.
            with contextlib.suppress(AnsibleError):
                given = (of_inventory(self._task, host, name) for name in ("worker_ip", "ansible_host"))
                address = str(next((each for each in given if each), host))
                if not is_ipv4_address(address):
                    yield Refusal("invalid_worker_ip", f"worker {host}", {"got": address})

    def _files_dir(self, playbook: Playbook, extra: Mapping[str, Any], task_vars: Mapping[str, Any]) -> str | None:
        """Return the folder for files, empty without one; null if the playbook writes none or its path is set."""
        if not playbook.writes or playbook.writes in task_vars:
            return None
        host = next(iter(_hosts(task_vars)), None)
        set_by_inventory = of_inventory(self._task, host, job_files.SETTING) if host else None
        return str(extra.get(job_files.SETTING) or set_by_inventory or "")

    def _is_admin(self, decision: Decision, task_vars: Mapping[str, Any]) -> bool:
        """Return whether the caller is an admin.

        The path of the database is that of the inventory, because the caller may have set another one. If the
        controller cannot read the database, only the user C(admin) is an admin.

        Raises:
            Refused: a token was issued for an earlier user of the name.
        """
        if decision.is_database_owner or decision.user == ADMIN:
            return True
        try:
            store = open_store(self._database(task_vars), lock_timeout_s=LOCK_TIMEOUT_S, backups=0)
            with store.transaction(write=False) as cluster:
                refusals = list(access.token_problems(cluster, decision.user, decision.user_uuid))
                is_admin = bool(cluster.is_admin(decision.user))
        except SlicesError:
            return False
        if refusals:
            raise Refused(refusals)
        return is_admin

    def _database(self, task_vars: Mapping[str, Any]) -> str:
        """Return the path or URL of the inventory's database."""
        host = next(iter(_hosts(task_vars)), None)
        return str((of_inventory(self._task, host, "cloudrepo_database") if host else None) or DATABASE)

    def _vanishing_database(self, extra: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
        """Yield a refusal for a job whose database would be a new file in the job's own environment.

        A file that exists is one that the environment mounts. The orchestrator may also be a host that stays.
        """
        host = next(iter(_hosts(task_vars)), None)
        job = acting_user.job_id(os.environ, extra)
        if host is None or job is None or of_inventory(self._task, host, "ansible_connection") not in LOCAL:
            return
        database = str(extra.get("cloudrepo_database") or self._database(task_vars))
        # Its modules may become a user who can read a database that this one cannot, and report it otherwise.
        with contextlib.suppress(SlicesError):
            is_file = not is_url(database) or database.startswith("sqlite")
            if is_file and not open_store(database, lock_timeout_s=LOCK_TIMEOUT_S, backups=0).exists():
                yield Refusal("database_vanishes", f"database {database}", {"job": job})

    def _given(self, playbook: Playbook, extra: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables that select slices. Extra variables are not templated."""
        given = {}
        for name in selection.VARIABLES:
            if name in playbook.ignored:
                continue
            if name in extra:
                given[name] = extra[name]
            elif name in task_vars:
                given[name] = self._templar.template(task_vars[name])
        return {name: _plain(name, value) for name, value in given.items()} if _selects(playbook) else {}

    @staticmethod
    def _selection_problems(playbook: Playbook, given: dict[str, Any]) -> Iterator[Refusal]:
        if _selects(playbook):
            yield from _repeated_keys()
            path = given.get("slices_file")
            if isinstance(path, str) and path:
                try:
                    with open(path, encoding="utf-8") as file:
                        given["slices_file"] = file.read()
                except (OSError, ValueError) as error:
                    yield Refusal("file_unreadable", "slices_file", {"got": path, "why": str(error)})
                    return
            yield from selection.problems(given, _selects(playbook), raw_text.load)


def _has_secrets(value: Any) -> bool:
    """Return whether a topology, or a part of it, may have secrets, even under the name of an unknown option."""
    if isinstance(value, str):
        return value.startswith(USER_DATA_HEADS)
    if isinstance(value, Mapping):
        return not SECRET_OPTIONS.isdisjoint(value) or any(map(_has_secrets, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_secrets, value))


def _repeated_keys() -> Iterator[Refusal]:
    """Yield a refusal for each duplicate key in extra variables, of which Ansible would use the last one."""
    texts = [("-e", text) for text in extra_texts()]
    for path in extra_files():
        # An encrypted or unreadable file is Ansible's matter.
        with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            texts.append((f"file {path}", file.read()))
    for where, text in texts:
        found = raw_text.repeated_key(text)
        if found is not None:
            figures = {"line": found.line, "key": found.key, "first_line": found.first_line}
            yield Refusal("key_set_twice", where, figures)


def _selects(playbook: Playbook) -> list[str]:
    return [name for name in playbook.accepted if name in selection.VARIABLES]


def _plain(name: str, value: Any) -> Any:
    try:
        return raw_text.plain(value)
    except ValueError as error:
        raise Refused([Refusal("topologies_unreadable", name, {"why": str(error)})]) from error


def _hosts(task_vars: Mapping[str, Any]) -> Sequence[str]:
    """Return the inventory's orchestrator, as a group of one host."""
    hosts: Sequence[str] = task_vars["groups"].get("orchestrator", ())
    return hosts


def _core(task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal if Ansible is too old for the templates of the playbooks."""
    version = task_vars["ansible_version"]
    if (version["major"], version["minor"]) < OLDEST_CORE:
        yield Refusal("core_too_old", "ansible-core", {"oldest": "{}.{}".format(*OLDEST_CORE), "got": version["full"]})


def _without_value(extra: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal for C(-e web.yml), which Ansible accepts and ignores."""
    if extra.get(WITHOUT_VALUE):
        yield Refusal("extra_variable_without_value", "-e", {"got": str(extra[WITHOUT_VALUE])})


def _workers(name: str, extra: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal if a playbook needs workers and the inventory has none.

    An empty group is what is left after the last worker is lost or retired.
    """
    workers = task_vars["groups"].get("workers")
    may_be_empty = name not in ("deploy", "site") or extra.get("retire")
    if name in NEED_WORKERS and (workers is None or not (workers or may_be_empty)):
        names = sorted(each for each in task_vars["groups"] if each not in ("all", "ungrouped", "workers"))
        yield Refusal("workers_missing", "inventory", {"groups": names})


def _single_hosts(task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield a refusal for each group of one host that has several, which would have a database or addresses each."""
    for group in ("orchestrator", "network_node"):
        hosts = task_vars["groups"].get(group, ())
        if len(hosts) > 1:
            yield Refusal("several_hosts_in_group", f"group {group}", {"hosts": list(hosts)})


def _orchestrator(task_vars: Mapping[str, Any]) -> Iterator[Refusal]:
    """Yield why a run cannot reach the database."""
    hosts = _hosts(task_vars)
    if not hosts:
        yield Refusal("orchestrator_missing", "inventory")
    elif hosts[0] not in task_vars["ansible_play_hosts_all"]:
        yield Refusal("orchestrator_left_out", "--limit", {"host": hosts[0]})
