# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the control-plane modules share: their common arguments, and a transaction around one change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._domain.registering import require_admin
from .._state.masking import log_secrets
from .._state.opening import open_store
from .._state.store import Store
from ..cluster import ADMIN, NO_PASSWORD, Cluster
from ..errors import Refused
from . import edge

CONTROL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "database": {"type": "str", "default": "/var/lib/cloudrepo/database.yaml"},
    "acting_user": {"type": "str", "default": ADMIN},
    "lock_timeout_s": {"type": "float", "default": 30.0},
    "backups": {"type": "int", "default": 10},
}


def transact(module: AnsibleModule, change: Callable[[Cluster], edge.Outcome], *, write: bool = True) -> None:
    """Run C(change) on the cluster in one transaction and leave the module; in check mode nothing is stored."""
    params = module.params

    def action() -> edge.Outcome:
        with store_of(module, params["database"]).transaction(write=write and not module.check_mode) as cluster:
            return change(cluster)

    edge.run(module, action)


def store_of(module: AnsibleModule, database: str, backup_dir: str | None = None) -> Store:
    """Return the store that C(database) names; a password in it is kept out of the module's results.

    The option is no C(no_log), for then its value would be cut out of every result, and a path stands in many.
    """
    module.no_log_values.update(log_secrets(database))
    if module.params["backups"] < 0:
        raise Refused([f"backups is {module.params['backups']}; 0 and up are possible"])
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


@dataclass(frozen=True)
class Registry:
    """A kind of object that is registered by name: users, flavors, workers.

    Attributes:
        kind: the noun for messages.
        plural: the cluster's table of them, and the name of the list in arguments and results.
        key: the field that names one.
        put: adds or changes one.
        remove: removes one by name.
    """

    kind: str
    plural: str
    key: str
    put: Callable[[Cluster, Mapping[str, Any]], Any]
    remove: Callable[[Cluster, str], None]


def register(
    cluster: Cluster, registry: Registry, wants: Sequence[Mapping[str, Any]], *, acting_user: str
) -> edge.Outcome:
    """Put or remove a list of objects, by their C(state); all are refused if one is."""
    require_admin(cluster, acting_user, registry.kind)
    names = [want[registry.key] for want in wants]
    before = {name: _stored(cluster, registry, name) for name in names}
    reasons: list[str] = []
    for want in wants:
        try:
            if want["state"] == "present":
                registry.put(cluster, want)
            else:
                registry.remove(cluster, want[registry.key])
        except Refused as refusal:
            reasons.extend(refusal.reasons)
    if reasons:
        raise Refused(reasons)
    after = {name: _stored(cluster, registry, name) for name in names}
    changed = [name for name in after if before[name] != after[name]]
    secret = {name for name in changed if _lines(registry, name, before[name]) == _lines(registry, name, after[name])}
    return edge.Outcome(
        changed=bool(changed),
        before=[line for name in changed for line in _lines(registry, name, before[name])],
        after=[
            line + (" (password changed)" if name in secret else "")
            for name in changed
            for line in _lines(registry, name, after[name])
        ],
        result={registry.plural: [_public(after[name]) for name in after if after[name] is not None]},
    )


def _stored(cluster: Cluster, registry: Registry, name: str) -> dict[str, Any] | None:
    thing = getattr(cluster, registry.plural).get(name)
    if thing is None:
        return None
    return {registry.key: name, **(thing if isinstance(thing, dict) else thing.to_dict())}


def _public(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what may be shown: whether there is a password, never its digest."""
    shown = dict(stored or {})
    if "password_hash" in shown:
        shown["password_set"] = shown.pop("password_hash") != NO_PASSWORD
    return shown


def _lines(registry: Registry, name: str, stored: Mapping[str, Any] | None) -> list[str]:
    if stored is None:
        return []
    fields = [f"{key} {value}" for key, value in _public(stored).items() if value not in (None, name)]
    return [f"{registry.kind} {name}: {', '.join(fields)}"]
