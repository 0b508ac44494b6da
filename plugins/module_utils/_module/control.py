# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Common arguments of the control-plane modules, and the transaction in which each makes its change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from .._domain import access
from .._state.open_store import open_store
from .._state.store import Store
from .._state.url_secrets import log_secrets
from ..changes import Change
from ..cluster import ADMIN, Cluster
from ..defaults import DATABASE
from ..errors import Refusal, Refused
from ..history import NONE, PROOFS, TIME, Caller, Entry
from ..names import NAME
from . import edge

T = TypeVar("T")

CONTROL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "database": {"type": "str", "default": DATABASE},
    "acting_user": {"type": NAME, "default": ADMIN},
    "caller": {
        "type": "dict",
        "options": {
            "proof": {"type": "str", "choices": list(PROOFS), "default": NONE},
            "because": {"type": "str", "default": ""},
            "controller": {"type": "str", "default": ""},
            "login": {"type": "str", "default": ""},
            "playbook": {"type": "str"},
            "job": {"type": "str"},
            "module": {"type": "str", "default": ""},
            "user_uuid": {"type": "str"},
        },
    },
    "lock_timeout_s": {"type": "float", "default": 30.0},
    "backups": {"type": "int", "default": 10},
}


def transact(
    module: edge.Module,
    change: Callable[[Cluster], edge.Outcome],
    *,
    write: bool = True,
    create: bool | None = None,
) -> None:
    """Run C(change) on the cluster in one transaction and exit the module. For the arguments see C(within)."""
    edge.run(module, lambda: within(module, change, write=write, create=create))


def within(module: edge.Module, change: Callable[[Cluster], T], *, write: bool = True, create: bool | None = None) -> T:
    """Run C(change) on the cluster in one transaction and return its result; in check mode nothing is stored.

    Args:
        module: the module.
        change: the function of the cluster.
        write: whether it changes the cluster.
        create: whether a database that does not exist counts as an empty cluster, by default the same as C(write). When
            reading, it would hide a misspelt or missing path.

    Raises:
        DatabaseError: see C(Store.transaction).
        Refused: see C(authenticate).
    """
    store = store_of(module, module.params["database"])
    with store.transaction(
        write=write and not module.check_mode, create=write if create is None else create
    ) as cluster:
        authenticate(module, cluster)
        result = change(cluster)
        if isinstance(result, edge.Outcome):
            cluster.noted = [entry_for(module, result.changes, cluster)] if result.changes else []
        return result


def authenticate(module: edge.Module, cluster: Cluster) -> None:
    """Compare the user in the token of this run, if there is one, with the user of this name in the database.

    Raises:
        Refused: see C(access.require_user).
    """
    uuid = Caller.from_dict(module.params["caller"]).user_uuid
    access.require_user(cluster, module.params["acting_user"], uuid)


def entry_for(module: edge.Module, changes: Iterable[Change], cluster: Cluster) -> Entry:
    """Return the entry of the history for changes of a cluster by this module."""
    user, caller = module.params["acting_user"], Caller.from_dict(module.params["caller"])
    present = cluster.users.get(user)
    caller = replace(caller, user_uuid=None if present is None else present.uuid)
    return Entry.of(changes, at=utc_now(), user=user, caller=caller, revision=cluster.revision)


def utc_now() -> str:
    """Return the current time in UTC."""
    return time.strftime(TIME, time.gmtime())


def store_of(module: edge.Module, database: str, backup_dir: str | None = None) -> Store:
    """Return the store for C(database); a password in it is censored in the module's results.

    The option is not C(no_log), because its value would then be censored everywhere, including paths in results.
    """
    module.no_log_values.update(log_secrets(database))
    if module.params["backups"] < 0:
        figures = {"option": "backups", "got": module.params["backups"], "least": 0}
        raise Refused([Refusal("too_small", "settings", figures)])
    return open_store(
        database,
        lock_timeout_s=module.params["lock_timeout_s"],
        backups=module.params["backups"],
        backup_dir=backup_dir,
    )


def listed(spec: dict[str, dict[str, Any]], plural: str, *keys: str) -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule, for one object as options of the module or a list as C(plural).

    An object needs one of the options C(keys).
    """
    element: dict[str, Any] = {"options": spec, "required_one_of": [keys]}
    if len(keys) == 1:
        element = {"options": {**spec, keys[0]: {**spec[keys[0]], "required": True}}}
    return {
        "argument_spec": {
            **CONTROL_ARGUMENTS,
            **spec,
            plural: {"type": "list", "elements": "dict", **element},
        },
        "mutually_exclusive": [(key, plural) for key in keys],
        "required_one_of": [(*keys, plural)],
        "supports_check_mode": True,
    }


def entries(params: Mapping[str, Any], spec: Mapping[str, Any], plural: str) -> list[dict[str, Any]]:
    """Return the objects in the arguments, given as options of the module or as a list."""
    many: list[dict[str, Any]] | None = params[plural]
    return many if many is not None else [{name: params[name] for name in spec}]
