# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a bridge is configured, and how VMs are connected to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._host.accounts import find_accounts
from .._host.datapath import ovs, ovsdb
from .._host.datapath import reconcile as datapath
from .._host.runner import Runner, observed
from ..steps import Steps
from ..work_order import SliceOrder


def bridge(
    name: str, params: dict[str, Any], runner: Runner, *, missing_ok: bool, present: bool = True
) -> Steps[ovs.BridgePlan]:
    """Return how the bridge is created, changed or removed.

    Args:
        name: the bridge.
        params: the arguments in C(BRIDGE_ARGUMENTS), and C(prune_vlans).
        runner: runs commands on the host.
        missing_ok: whether a host without Open vSwitch counts as one without bridges.
        present: whether the bridge should exist.
    """
    return Steps(
        plan=lambda: ovs.plan_bridge(
            name=name,
            owner=params["owner"] or ovs.UNOWNED,
            datapath_type=params["datapath_type"],
            fail_mode=params["fail_mode"],
            prune_vlans=params["prune_vlans"],
            ports=params["ports"],
            have=observed(lambda: ovsdb.observe(runner), nothing=ovsdb.Switch(), missing_ok=missing_ok),
            present=present,
        ),
        apply=lambda todo: ovs.apply(todo.commands, runner),
    )


def ports(
    orders: Sequence[SliceOrder], user: str, settings: datapath.Settings, runner: Runner, *, missing_ok: bool
) -> Steps[datapath.WirePlan]:
    """Return how taps, access ports, flows and limits of slices are changed; without slices, the flows all share.

    Args:
        orders: the work orders of the slices.
        user: prefix of the users of VMs.
        settings: those of the datapath.
        runner: runs commands on the host.
        missing_ok: whether a host that is not prepared yet counts as one without any objects.
    """
    accounts = find_accounts(user, orders, missing_ok=missing_ok)

    def plan() -> datapath.WirePlan:
        have = datapath.observe(orders, runner, settings=settings, missing_ok=missing_ok)
        return datapath.plan(orders, have, settings=settings, accounts=accounts)

    return Steps(
        plan,
        apply=lambda todo: datapath.apply(todo, runner, settings=settings),
        lock=lambda: datapath.locked(settings),
    )
