# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbooks that Molecule runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible.constants import LOCALHOST
from ansible.errors import AnsibleFilterError
from ansible.inventory.manager import InventoryManager, split_host_pattern
from ansible.parsing.dataloader import DataLoader

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.inventory_options import CLOUD_GROUPS
from ansible_collections.cloudrepo.slices.plugins.module_utils._import import yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import UnreadableTopology
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import TIME

PREFIX = "mol"
OF_RUN = ("plugin", "database", "names", "acting_user")
"""The options of an inventory source by which a run finds its own slice."""
PLAYBOOKS = ("prepare", "converge", "side_effect", "verify", "cleanup")
"""The playbooks of a scenario besides those that create and destroy the VMs."""
_LONGEST_SCENARIO = 63 - len(PREFIX) - len("--12345678")
_TITLE = re.compile(r"Molecule scenario (.*), until ([0-9TZ:-]{20})")


def molecule_name(scenario: str, run_id: str) -> str:
    """Return the name of the slice of a run.

    Args:
        scenario: the name of the scenario; any text.
        run_id: eight hexadecimal digits.
    """
    label = re.sub(r"[^a-z0-9]+", "-", scenario.lower())[:_LONGEST_SCENARIO].strip("-")
    return "-".join(part for part in (PREFIX, label, run_id) if part)


def molecule_topology(text: str) -> Any:
    """Return the content of a scenario's file, in which no key may be set twice.

    Raises:
        AnsibleFilterError: the text is not a YAML mapping; the message contains the line.
    """
    try:
        return yaml_lines.load_data(text)
    except UnreadableTopology as error:
        raise _error(Refusal("topology_unreadable", "topology of the scenario", {"why": error.message})) from error


def molecule_slices(
    topology: Any, name: str, scenario: str, *, hours: int, now: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the slice of a run, named and with the time at which it expires in its title.

    Args:
        topology: the content of the scenario's file.
        name: the name of the slice.
        scenario: the name of the scenario.
        hours: how long the slice is kept if the run does not delete it.
        now: the time, in UTC; the present by default.

    Raises:
        AnsibleFilterError: the file does not contain one slice.
    """
    slices = topology.get("slices") if isinstance(topology, Mapping) else None
    listed = slices if isinstance(slices, list) else []
    if len(listed) != 1 or not isinstance(listed[0], Mapping):
        number = sum(isinstance(each, Mapping) for each in listed)
        raise _error(Refusal("slices_of_scenario", "topology of the scenario", {"got": number}))
    return [{**listed[0], "name": name, "title": _title(scenario[:100], hours, now)}]


def molecule_inventory(topology: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inventory source with the VMs of a run.

    Args:
        topology: the content of the scenario's file, with further options.
        own: the options of the run.

    Raises:
        AnsibleFilterError: the file contains an option C(OF_RUN); those of another slice would run the role on its VMs,
            and delete it in the end.
    """
    given = topology.get("inventory") or {}
    if not isinstance(given, Mapping):
        raise _error(Refusal("inventory_of_scenario", "topology of the scenario", {"got": given}))
    replaced = [option for option in OF_RUN if option in given]
    if replaced:
        raise _error(Refusal("option_of_run", "topology of the scenario", {"got": replaced, "own": OF_RUN}))
    return {**own, **given}


def molecule_play_problems(folder: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a sentence for each play of a scenario that would run on hosts of the cloud.

    Playbooks that these import are read as well, except for those of collections. Plays for localhost are meant to run
    on the controller, even if it is a host of the cloud.

    Args:
        folder: the scenario's folder.
        groups: the hosts of each group of the inventory.

    Raises:
        AnsibleError: a playbook is not valid YAML.
    """
    cloud = {name for group in CLOUD_GROUPS for name in groups.get(group, ())}
    paths = [path for name in PLAYBOOKS if (path := Path(folder, f"{name}.yml")).is_file()]
    return [
        Refusal("play_on_cloud", path.name, {"pattern": pattern, "hosts": sorted(hosts)}).message
        for path, pattern in dict.fromkeys(each for path in paths for each in _patterns(path))
        if (hosts := cloud.intersection(_matched(pattern, groups)))
    ]


def _patterns(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the patterns of hosts in a playbook and in the files that it imports, except for templates."""
    plays = DataLoader().load_from_file(str(path)) or ()
    for play in (each for each in plays if isinstance(each, Mapping)):
        imported = path.parent / str(play.get("ansible.builtin.import_playbook") or play.get("import_playbook") or "")
        if imported.is_file():
            yield from _patterns(imported)
        hosts = play.get("hosts") or ()
        listed = [hosts] if isinstance(hosts, str) else map(str, hosts)
        if pattern := ",".join(each for each in listed if "{{" not in each):
            yield path, pattern


def _matched(pattern: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of the hosts that Ansible selects for a pattern, none if it means localhost alone."""
    if {*split_host_pattern(pattern)} <= {*LOCALHOST}:
        return []
    manager = InventoryManager(DataLoader(), parse=False)
    # Ansible warns of names that do not exist, and VMs and their groups do not exist yet.
    words = {*re.findall(r"[A-Za-z_]\w*", pattern)} - {*groups.get("all", ())}
    for group, hosts in {**dict.fromkeys(words, ()), **groups}.items():
        manager.add_group(group)
        for host in hosts:
            manager.add_host(host, group=group)
    return [host.name for host in manager.get_hosts(pattern)]


def molecule_problems(
    names: Sequence[str], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a sentence for each VM that would have the name of a host or group of the inventory.

    Molecule reads the inventory with the VMs first, so the plugin does not see other hosts, and Ansible would take the
    VM and the host for one.

    Args:
        names: the names of the VMs.
        hostvars: the variables of all hosts. The VMs of an earlier run have an id.
        groups: the hosts of each group.
    """
    hosts = {*groups.get("all", ()), *LOCALHOST}
    found = (
        (name, "group" if name in groups else "host")
        for name in names
        if name in groups or (name in hosts and "cloudrepo_vm_id" not in hostvars.get(name, ()))
    )
    return [Refusal("vm_named_like_host", f"VM {name}", {"kind": kind}).message for name, kind in found]


def molecule_expired(slices: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> list[dict[str, Any]]:
    """Return the slices of runs that were cut off and have expired, as arguments of M(cloudrepo.slices.slice).

    They give the slice another hour. Of several runs that do this at the same time, one changes the slice, and may
    delete it.

    Args:
        slices: all slices, as modules return them.
        now: the time, in UTC; the present by default.
    """
    expired = ((each, _scenario(each, now)) for each in slices if each["status"] != "deleting")
    return [
        {
            "slice_id": each["slice_id"],
            "name": each["name"],
            "owner": each["owner"],
            "title": _title(scenario, 1, now),
            "based_on": each["revision"],
        }
        for each, scenario in expired
        if scenario is not None
    ]


def _title(scenario: str, hours: int, now: datetime | None) -> str:
    return f"Molecule scenario {scenario}, until {_time(now, hours)}"


def _time(now: datetime | None, hours: int = 0) -> str:
    return ((now or datetime.now(timezone.utc)) + timedelta(hours=hours)).strftime(TIME)


def _scenario(slice_: Mapping[str, Any], now: datetime | None) -> str | None:
    """Return the scenario of a slice that has expired, C(None) for any other slice."""
    found = _TITLE.fullmatch(slice_.get("title") or "")
    is_old = found is not None and found[2] < _time(now)
    return found[1] if found and is_old and str(slice_.get("name", "")).startswith(f"{PREFIX}-") else None


def _error(refusal: Refusal) -> AnsibleFilterError:
    return AnsibleFilterError(refusal.message)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "molecule_expired": molecule_expired,
            "molecule_inventory": molecule_inventory,
            "molecule_name": molecule_name,
            "molecule_play_problems": molecule_play_problems,
            "molecule_problems": molecule_problems,
            "molecule_slices": molecule_slices,
            "molecule_topology": molecule_topology,
        }
