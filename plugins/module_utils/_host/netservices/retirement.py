# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Puts a former network node back as it was before the role. What a worker on the same host uses stays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ...changes import Change, between
from .. import fences, files, retirement, revisions, roles
from ..datapath import ovsdb
from ..orphans import Orphan
from ..retirement import PROGRAM, Leftovers, Parts, Places
from ..runner import Runner
from ..systemd import UNIT_DIR
from . import live, orphans
from .files import SETTINGS_DIR, Folders

_UNIT_NAMES = ("gateway", "dhcp", "nat", "keep-nat", "names@", "network@")
PARTS = Parts(
    role=roles.NETWORK_NODE,
    units=(
        # The first one would load the packet rules again.
        "slices-keep-nat.service",
        "slices-lost.socket",
        "slices-dhcp.service",
        "slices-gateway.service",
        "slices-nat.service",
    ),
    files=(
        *(f"{UNIT_DIR}/slices-{name}.service" for name in _UNIT_NAMES),
        f"{UNIT_DIR}/slices-lost.socket",
        f"{UNIT_DIR}/slices-lost@.service",
        f"{UNIT_DIR}/nftables.service.d/cloudrepo-nat.conf",
        *(f"{SETTINGS_DIR}/{name}.nft" for name in ("names", "network", "nat")),
        *(f"{SETTINGS_DIR}/{name}.conf" for name in ("names", "networks", "dhcp")),
    ),
    folders=(SETTINGS_DIR, f"{UNIT_DIR}/nftables.service.d", os.path.dirname(PROGRAM)),
    tables=live.TABLES,
    state=(
        *("dhcp", "names", "networks", "shares", f"applied/{revisions.NETWORK_NODE}"),
        *("network-node.sha256", fences.FILE, f"orphans/{revisions.NETWORK_NODE}"),
    ),
)


@dataclass(frozen=True)
class RetirementPlan:
    """What is left of the role on the host.

    Attributes:
        left: the leftovers that any role has.
        slices: the slices with services.
        namespace: whether the namespace of the DHCP server exists.
        wan: the external interface, if it forwards because of the role.
    """

    left: Leftovers
    slices: tuple[Orphan, ...] = ()
    namespace: bool = False
    wan: str | None = None

    @property
    def changes(self) -> Sequence[Change]:
        """Each object that is removed or changed."""
        return [
            *(between("slice", each.name, {"holds": list(each.holds)}, None) for each in self.slices),
            *([between("namespace", live.DHCP_NAMESPACE, {}, None)] if self.namespace else []),
            *([between("forwarding", self.wan, {"enabled": True}, {"enabled": False})] if self.wan else []),
            *self.left.changes,
        ]


def plan(folders: Folders, runner: Runner, *, bridge: str, places: Places | None = None) -> RetirementPlan:
    """Return what the role has left on the host, nothing if the host does not have it.

    Raises:
        CommandFailed: Open vSwitch or systemd does not respond.
    """
    places = places or Places()
    todo = roles.without(roles.read(folders.state_dir), roles.NETWORK_NODE)
    if not todo.changes:
        return RetirementPlan(Leftovers(todo))
    slices = orphans.find([], orphans.observe(folders, runner))
    notes = (live.nat_note(places.run_dir), live.gateway_note(places.run_dir))
    where = {"state_dir": folders.state_dir, "bridge": bridge}
    return RetirementPlan(
        retirement.look(PARTS, todo, ovsdb.observe(runner), runner, **where, places=places, notes=notes),
        slices=slices,
        namespace=os.path.exists(f"{places.netns_dir}/{live.DHCP_NAMESPACE}"),
        wan=_forwarding_wan(places),
    )


def apply(todo: RetirementPlan, folders: Folders, runner: Runner, *, bridge: str, places: Places | None = None) -> None:
    """Apply a plan.

    Raises:
        SlicesError: objects with the same slice id have different UUIDs, or a command failed. The next call continues.
    """
    if not todo.changes:
        return
    with orphans.locked(folders):
        orphans.remove(todo.slices, folders, runner, bridge=bridge)
        todo.left.stop(runner)
        if todo.namespace:
            runner.run(["ip", "netns", "delete", live.DHCP_NAMESPACE])
        # The rules remain until nothing is forwarded.
        if todo.wan:
            runner.run(["sysctl", "-q", "-w", f"net/ipv4/conf/{todo.wan}/forwarding=0"])
        todo.left.remove(PARTS, runner, state_dir=folders.state_dir, places=places or Places())


def _forwarding_wan(places: Places) -> str | None:
    """Return the external interface if it forwards, and interfaces of this host do not by default."""
    noted = files.read_text(live.gateway_note(places.run_dir)) or ""
    wan = noted.partition("\n")[0].partition(" ")[2]
    values = [files.read_text(f"{places.proc_sys}/net/ipv4/conf/{each}/forwarding") or "" for each in (wan, "default")]
    return wan if wan and [value.strip() for value in values] == ["1", "0"] else None
