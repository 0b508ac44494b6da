# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operations on the whole database: backup, restore, the check of its invariants, and migration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._domain import slice_changes
from .._domain.invariant_repair import repair
from .._domain.invariants import violations
from .._domain.registration import require_admin
from .._state.store import Store
from ..changes import CREATE, UPDATE, Change
from ..cluster import Cluster
from ..errors import DatabaseError, Refusal, Refused
from ..history import Entry
from .control import authenticate, entry_for, store_of
from .edge import Outcome
from .registries import FLAVORS, KINDS, USERS, WORKERS, all_stored, registry_changes


def act(module: AnsibleModule) -> Outcome:
    """Run the action for the C(state) of the module."""
    params = module.params
    store = store_of(module, params["database"], params["backup_dir"])
    actions: dict[str, Callable[[AnsibleModule, Store], Outcome]] = {
        "backup": _backup,
        "restore": _restore,
        "check": _check,
        "migrate": _migrate,
    }
    return actions[params["state"]](module, store)


def _require_admin(module: AnsibleModule, store: Store, cluster: Cluster) -> None:
    authenticate(module, cluster)
    require_admin(cluster, module.params["acting_user"], store.name)


def _check(module: AnsibleModule, store: Store) -> Outcome:
    cluster = _read(store)
    _require_admin(module, store, cluster)
    found = violations(cluster)
    if found and module.params["fail_on_breach"]:
        figures = {"count": len(found), "breaches": found}
        raise Refused([Refusal("database_violates_rules", store.name, figures)], **_listed(found))
    return Outcome(result={**_listed(found), **_common_results(store, cluster)})


def _listed(found: Sequence[Refusal]) -> dict[str, list[str]]:
    """Return violations for a result: a sentence and a code for each."""
    return {"breaches": [each.message for each in found], "breach_codes": [each.code for each in found]}


def _repairs(made: Sequence[Refusal]) -> dict[str, list[str]]:
    """Return repairs for a result: a sentence and a code for each."""
    return {"repairs": [each.message for each in made], "repair_codes": [each.code for each in made]}


def _backup(module: AnsibleModule, store: Store) -> Outcome:
    cluster = _read(store)
    _require_admin(module, store, cluster)
    before = _backups(store)
    if module.check_mode:
        name, changed = None, cluster.to_dict() != Cluster.initial().to_dict()
    else:
        name = store.backup()
        changed = name is not None and name not in before
    made = Change("backup", name or store.name, CREATE, after={})
    if changed and not module.check_mode:
        store.note(entry_for(module, [made], cluster))
    return Outcome([made] if changed else [], {"backup": name, **_common_results(store, cluster)})


def _restore(module: AnsibleModule, store: Store) -> Outcome:
    name = module.params["name"]
    try:
        present = _read(store, create=True)
    except DatabaseError:
        # An unreadable database has no users to check; write access to the file is sufficient.
        present = Cluster()
    else:
        _require_admin(module, store, present)
    wanted = store.read_backup(name)
    expected = Cluster.from_dict(present.to_dict())
    expected.restore(wanted)
    changes = differences(store, present, expected) if present.content() != expected.content() else []
    if changes and not module.check_mode:
        restored = [Change("backup", name, "restore", after={}), *changes]
        store.restore(name, entry_for(module, restored, present))
    warnings = {"warnings": [warning]} if changes and (warning := _of_another_cloud(name, present, wanted)) else {}
    return Outcome(changes, {**_listed(violations(wanted)), **_common_results(store, expected), **warnings})


def _of_another_cloud(name: str, present: Cluster, wanted: Cluster) -> str | None:
    """Return a warning if a backup is of another cloud than the database, such as a new one."""
    mine, other = present.cloud, wanted.cloud
    if mine is None or other is None or mine.uuid == other.uuid:
        return None
    return (
        f"backup {name} is of cloud {other.title} ({other.uuid}), but the database was that of cloud {mine.title} "
        f"({mine.uuid}); hosts that the latter has claimed refuse work orders until site is run with "
        "-e claim_hosts=true, and its VMs are orphans then"
    )


def _migrate(module: AnsibleModule, store: Store) -> Outcome:
    """Copy the cluster to its destination, repaired on request, and verify the copy."""
    params = module.params
    source = _read(store)
    _require_admin(module, store, source)
    wanted = Cluster.from_dict(source.to_dict())
    repairs = repair(wanted)
    if repairs and not params["repair"]:
        found = violations(source)
        figures = {"count": len(found), "breaches": found}
        raise Refused([Refusal("repair_not_allowed", store.name, figures)], **_listed(found), **_repairs(repairs))
    target = store if params["destination"] is None else store_of(module, params["destination"])
    # A copy, because "wanted" becomes part of the destination's cluster.
    meant, changes = Cluster.from_dict(wanted.to_dict()).content(), list[Change]()
    with target.transaction(write=not module.check_mode) as cluster:
        before = Cluster.from_dict(cluster.to_dict())
        changed = before.content() != meant
        occupied = target.name != store.name and before.content() != Cluster.initial().content()
        if changed and occupied and not params["replace"]:
            raise Refused([Refusal("destination_not_empty", target.name)])
        if changed:
            cluster.replace(wanted)
            changes = differences(target, before, wanted)
            cluster.noted = [*_copied(store, target), entry_for(module, changes, cluster)]
    if changed and not module.check_mode and _read(target).content() != meant:
        raise DatabaseError(f"{target.name} differs from what was written; {store.name} was not changed")
    return Outcome(
        changes,
        {**_repairs(repairs), **_listed(violations(wanted)), **_common_results(target, wanted)},
    )


def _read(store: Store, *, create: bool = False) -> Cluster:
    with store.transaction(write=False, create=create) as cluster:
        return Cluster.from_dict(cluster.to_dict())


def _copied(store: Store, target: Store) -> list[Entry]:
    """Return the history that a migration takes along."""
    if target.name == store.name:
        return []
    with store.transaction(write=False) as cluster:
        return list(cluster.history.newest_first())[::-1]


def _backups(store: Store) -> list[str]:
    return [] if store.backups is None else store.backups.names()


def _common_results(store: Store, cluster: Cluster) -> dict[str, Any]:
    """Return the results that all states share: the backups, newest last, the cloud, and numbers of objects."""
    return {
        "backups": _backups(store),
        "cloud": None if cluster.cloud is None else cluster.cloud.to_dict(),
        "counts": counts(cluster),
    }


def counts(cluster: Cluster) -> dict[str, int]:
    """Return the numbers of objects in a database."""
    return {
        "users": len(cluster.users),
        "workers": len(cluster.workers),
        "flavors": len(cluster.flavors),
        "slices": len(cluster.slices),
        "vms": sum(1 for _vm in cluster.vms()),
    }


def differences(store: Store, before: Cluster, after: Cluster) -> list[Change]:
    """Return the differences between two contents of a database: the next id and the cloud, and each object."""
    was, will = (
        {"next_vm_id": cluster.next_vm_id, "cloud": cluster.cloud.uuid if cluster.cloud else None}
        for cluster in (before, after)
    )
    return [
        Change("database", store.name.removeprefix("database "), UPDATE, was, will),
        *(
            change
            for registry in (USERS, WORKERS, KINDS, FLAVORS)
            for change in registry_changes(registry, all_stored(before, registry), all_stored(after, registry))
        ),
        *(
            change
            for slice_id in {**before.slices, **after.slices}
            for change in slice_changes.changes(before.slices.get(slice_id), after.slices.get(slice_id))
        ),
    ]
