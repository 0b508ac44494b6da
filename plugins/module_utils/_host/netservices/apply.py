# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Applies a plan for the services of the network node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping

from ...errors import CommandFailed, SlicesError
from ...network_order import Services
from .. import files, systemd, unit_overrides
from ..datapath import ovs
from ..runner import Runner
from .files import Folders
from .live import DHCP_NAMESPACE, SHARES, in_namespace
from .plan import FileChange, ServicesPlan
from .state import GATEWAY_UNIT, MODE


def apply(todo: ServicesPlan, folders: Folders, runner: Runner) -> dict[int, str]:
    """Apply a plan.

    Returns:
        The slices of which units did not start, and why, with the last lines of the journals.

    Raises:
        SlicesError: a change failed, or a unit that slices share did not start.
    """
    pending = {slice_id: folders.pending(slice_id) for slice_id in todo.begun}
    for path in pending.values():
        # After an interrupted run, files may be up to date without their servers having been reloaded.
        files.make_folders(os.path.dirname(path))
        files.write_text(path, "", mode=0o600)
    # Before anything is started, which a mask would prevent.
    unit_overrides.remove(todo.overrides, runner)
    stopped = todo.units_to("stop")
    if stopped:
        # This reloads systemd, which then unloads the units, except for failed ones.
        runner.run(["systemctl", "disable", "--quiet", "--now", "--", *stopped])
        runner.run(["systemctl", "reset-failed", "--", *stopped], check=False)
    ovs.apply(todo.ports.unplug_commands, runner)
    ovs.apply(todo.ports.commands, runner)
    _forget(todo.moved, runner)
    for change in todo.files:
        _write(change)
    for path in todo.stray_files:
        files.remove(path)
    for order in todo.gone:
        _remove(order, folders, runner)
    failed = _start_units(todo, runner)
    for slice_id, path in pending.items():
        if slice_id not in failed:
            files.remove(path)
    return failed


def _start_units(todo: ServicesPlan, runner: Runner) -> dict[int, str]:
    """Enable, reload and restart units, and return the slices of which some did not start, with the reasons."""
    enable = [unit for unit, _one in todo.enable]
    if enable:
        # By force, because a link to /dev/null may be in the way.
        runner.run(["systemctl", "--no-reload", "enable", "--quiet", "--force", "--", *enable])
    words = _ask("reload-or-restart", todo.units_to("reload-or-restart"), todo, runner)
    words.update(_restart(todo, runner))
    _map(todo, runner)
    if todo.overrides:
        unit_overrides.restart(todo.overrides, runner)
        words.update(_ask("start", list(todo.hang_on_gateway), todo, runner))
    failed: dict[int, str] = {}
    for unit, why in words.items():
        slice_id = todo.owners[unit]
        failed[slice_id] = "\n".join(filter(None, (failed.get(slice_id), why)))
    return failed


def _map(todo: ServicesPlan, runner: Runner) -> None:
    """Change which name server VMs use, and whose share they count to."""
    if todo.clients:
        # A restart of the gateway's unit empties the map.
        is_empty = GATEWAY_UNIT in todo.units_to("restart")
        elements = _elements("cloudrepo slices", todo.clients, is_empty=is_empty)
        runner.run(in_namespace(DHCP_NAMESPACE, "nft", "--file", "-"), stdin=elements)
    if todo.shares:
        runner.run(["nft", "--file", "-"], stdin=_elements(f"{SHARES} slices", todo.shares))


def _restart(todo: ServicesPlan, runner: Runner) -> dict[str, str]:
    """Reload and restart units; see C(_ask)."""
    restarting = todo.units_to("restart")
    # systemctl enqueues one job per unit, so that units in the gateway's namespace would not wait for the gateway.
    _ask("restart", [unit for unit in restarting if unit == GATEWAY_UNIT], todo, runner)
    words = _ask("reload", todo.units_to("reload"), todo, runner)
    words.update(_ask("restart", [unit for unit in restarting if unit != GATEWAY_UNIT], todo, runner))
    if GATEWAY_UNIT in restarting:
        # systemd restarts these units itself, but asynchronously; wait until they are active.
        words.update(_ask("start", list(todo.hang_on_gateway), todo, runner))
    return words


def _elements(of: str, pairs: Mapping[str, tuple[int | None, int | None]], *, is_empty: bool = False) -> str:
    """Return the commands of nft that update a map from addresses: which name server a VM asks, and whose share it is.

    Args:
        of: the names of the table and of the map.
        pairs: the old and the new value, by address.
        is_empty: whether the map has no elements.
    """
    gone = {} if is_empty else {address: old for address, (old, _new) in pairs.items()}
    new = {address: value for address, (_old, value) in pairs.items()}
    return "".join(
        f"{verb} element ip {of} {{ {address} : {value} }}\n"
        for verb, values in (("delete", gone), ("add", new))
        for address, value in values.items()
        if value
    )


def _forget(addresses: Iterable[str], runner: Runner) -> None:
    """Delete ARP and conntrack entries of addresses on the gateway and the DHCP server, before their new VMs start.

    Otherwise replies to the previous VM would reach the new one, because established connections are accepted.
    """
    addresses = tuple(addresses)
    if not addresses:
        return
    neighbors = "".join(f"neighbour flush to {address}\n" for address in addresses)
    connections = "".join(f"-D {end} {address}\n" for address in addresses for end in ("-s", "-d"))
    for command, batch in ((["ip", "-batch", "-"], neighbors), (["conntrack", "--load-file", "-"], connections)):
        runner.run(command, stdin=batch)
        # This fails if the namespace does not exist; then it has no entries either.
        runner.run(in_namespace(DHCP_NAMESPACE, *command), stdin=batch, check=False)


def _write(change: FileChange) -> None:
    if change.new is None:
        files.remove(change.path)
    else:
        files.make_folders(os.path.dirname(change.path))
        files.write_text(change.path, change.new, mode=MODE)


def _remove(order: Services, folders: Folders, runner: Runner) -> None:
    """Remove a slice's namespace and then its folder."""
    # These fail if an object does not exist.
    runner.run(["ip", "link", "delete", "dev", order.nat_device], check=False)
    runner.run(["ip", "netns", "delete", order.namespace], check=False)
    shutil.rmtree(folders.network(order.slice_id), ignore_errors=True)


def _ask(verb: str, units: list[str], todo: ServicesPlan, runner: Runner) -> dict[str, str]:
    """Ask systemd for jobs, and return the units of slices that are not active afterwards, each with its last words.

    Raises:
        SlicesError: a unit that slices share is not active, or the job failed for another reason.
    """
    if not units:
        return {}
    try:
        runner.run(["systemctl", verb, "--", *units])
    except CommandFailed as error:
        shown = systemd.show(units, runner)
        failed = [block["Id"] for block in shown if block.get("ActiveState") != "active"]
        said = systemd.last_words(failed, runner)
        if failed and todo.owners.keys() >= set(failed):
            return {unit: f"unit {unit} did not start" + (f":\n{said[unit]}" if said[unit] else "") for unit in failed}
        words = [f"{unit}: {lines}" for unit, lines in said.items() if lines]
        raise SlicesError("\n".join([error.message, *words]), **error.fields) from error
    return {}
