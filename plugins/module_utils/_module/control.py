# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the control-plane modules share: their common arguments, and a transaction around one change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._state.masking import log_secrets
from .._state.opening import open_store
from .._state.store import Store
from ..cluster import ADMIN, Cluster
from ..defaults import DATABASE
from ..errors import Refusal, Refused
from . import edge
from .names import NAME

T = TypeVar("T")

CONTROL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "database": {"type": "str", "default": DATABASE},
    "acting_user": {"type": NAME, "default": ADMIN},
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
    """Run C(change) on the cluster in one transaction and leave the module; see C(within)."""
    edge.run(module, lambda: within(module, change, write=write, create=create))


def within(module: edge.Module, change: Callable[[Cluster], T], *, write: bool = True, create: bool | None = None) -> T:
    """Return what C(change) makes of the cluster in one transaction; in check mode nothing is stored.

    Args:
        module: the module.
        change: what it does.
        write: whether it changes the cluster.
        create: whether the database may be yet to be created; by default if it is written to. To read a path that was
            misspelt or left out as an empty cluster would hide the mistake.

    Raises:
        DatabaseError: see C(Store.transaction).
    """
    store = store_of(module, module.params["database"])
    with store.transaction(
        write=write and not module.check_mode, create=write if create is None else create
    ) as cluster:
        return change(cluster)


def store_of(module: edge.Module, database: str, backup_dir: str | None = None) -> Store:
    """Return the store that C(database) names; a password in it is kept out of the module's results.

    The option is no C(no_log), for then its value would be cut out of every result, and a path stands in many.
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


def listed(spec: dict[str, dict[str, Any]], plural: str, key: str) -> dict[str, Any]:
    """Return keyword arguments for AnsibleModule: one object by its own options, or a list of them under C(plural)."""
    return {
        "argument_spec": {
            **CONTROL_ARGUMENTS,
            **spec,
            plural: {"type": "list", "elements": "dict", "options": {**spec, key: {**spec[key], "required": True}}},
        },
        "mutually_exclusive": [(key, plural)],
        "required_one_of": [(key, plural)],
        "supports_check_mode": True,
    }


def entries(params: Mapping[str, Any], spec: Mapping[str, Any], plural: str) -> list[dict[str, Any]]:
    """Return the objects that the arguments describe, however they were given."""
    many: list[dict[str, Any]] | None = params[plural]
    return many if many is not None else [{name: params[name] for name in spec}]
