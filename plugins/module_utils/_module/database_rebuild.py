# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes a database that is rebuilt from the hosts, where none exists."""

from __future__ import annotations

from .._domain import rebuild as rules
from .._state.store import Store
from ..applied import AllOrders, KnownDisplays
from ..cluster import ADMIN, Cluster
from ..errors import Refusal, Refused
from . import control, database, orders
from .clouds import controller, vlans_of
from .edge import Module, Outcome, listed


def rebuild(module: Module) -> Outcome:
    """Create the database from the hosts' work orders.

    Raises:
        Refused: it exists, the acting user may not, or the hosts do not suffice.
    """
    params = module.params
    store = control.store_of(module, params["database"])
    if params["acting_user"] != ADMIN:
        # Roles of other users are lost with the database.
        raise Refused([Refusal("admins_only", store.name, {"user": params["acting_user"]})])
    if store.exists():
        raise _exists(store)
    hosts = AllOrders.from_dict({"hosts": params["hosts"]}).hosts
    displays = KnownDisplays.from_dict({"displays": params["displays"]}).displays
    made = rules.rebuild(hosts, without=params["without"], passwords=displays, now=orders.utc_now())
    with store.transaction(write=not module.check_mode) as cluster:
        initial = Cluster.initial()
        if cluster.content() != initial.content():
            raise _exists(store)  # somebody has created it in the meantime
        cluster.replace(made.cluster)
        after = Cluster.from_dict(cluster.to_dict())
        changes = database.differences(store, initial, after)
        cluster.noted = [control.entry_for(module, changes, after)]
    cloud = {**(after.cloud.to_result() if after.cloud else {}), "controller": controller(), **vlans_of(after)}
    return Outcome(
        changes,
        {
            "cloud": cloud,
            "counts": database.counts(after),
            "unknown": list(made.unknown),
            "changes": listed(changes),
        },
    )


def _exists(store: Store) -> Refused:
    return Refused([Refusal("database_exists", store.name)])
