# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""VMs as hosts of an inventory: their variables, names and groups, and how to connect to them."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..cluster import slice_label
from ..errors import Refusal
from ..models import VM, Network, Slice
from . import addressing, kinds

GROUPINGS = ("slice", "owner", "flavor", "kind", "worker", "state", "network")
DIRECT, JUMP, CONSOLE = "direct", "jump", "console"
CONNECTIONS = (DIRECT, JUMP, CONSOLE)


@dataclass(frozen=True)
class Kind:
    """A kind of guest: how to log in to the VMs of some flavors.

    Attributes:
        name: its name.
        flavors: shell patterns for the names of flavors.
        connection_preference: C(CONNECTIONS), the preferred one first.
        login: the variables for ssh, such as C(ansible_user).
    """

    name: str
    flavors: tuple[str, ...]
    connection_preference: tuple[str, ...]
    login: Mapping[str, Any]


def guests(slices: Iterable[Slice]) -> list[dict[str, Any]]:
    """Return the host variables of each VM that is not being deleted, as plain data."""
    return [variables for slice_ in slices if not slice_.deleting for variables in _guests_of(slice_)]


def _guests_of(slice_: Slice) -> Iterator[dict[str, Any]]:
    names = {vm.vm_id: vm.name for vm in slice_.vms}
    networks = {network.vlan_id: str(network.extra["name"]) for network in slice_.networks if "name" in network.extra}
    links = list(_ends(slice_, names))
    taken = addressing.guest_addresses(slice_)
    for vm in slice_.live_vms:
        flavor = dict(vm.flavor or {})
        interfaces = [
            {
                "name": each.name,
                "guest_name": each.extra.get(kinds.GUEST_NAME, each.name),
                "mac": each.mac,
                "vlan_id": each.vlan_id,
                "address": each.ip_config["ip"] if each.ip_config else None,
                "network": networks.get(each.vlan_id) if each.vlan_id is not None else None,
                "addresses": taken.get((vm.vm_id, each.name), []),
            }
            for each in vm.interfaces
        ]
        yield {
            "cloudrepo_vm_id": vm.vm_id,
            "cloudrepo_vm_uuid": vm.uuid or "",
            "cloudrepo_vm_name": vm.name,
            "cloudrepo_slice_id": slice_.slice_id,
            "cloudrepo_slice_name": slice_label(slice_),
            "cloudrepo_owner": slice_.owner,
            "cloudrepo_state": vm.status,
            "cloudrepo_power": vm.power,
            "cloudrepo_flavor": str(flavor.get("name", "")),
            "cloudrepo_kind": vm.extra.get(kinds.FIELD, {}).get("name"),
            "cloudrepo_cores": flavor.get("cores"),
            "cloudrepo_ram_gb": flavor.get("ram_gb"),
            "cloudrepo_worker": vm.worker_ip,
            "cloudrepo_address": next((each["address"] for each in interfaces if each["address"]), None),
            "cloudrepo_interfaces": interfaces,
            "cloudrepo_links": [end for vm_id, end in links if vm_id == vm.vm_id],
            "cloudrepo_networks": _networks_of(vm, slice_.networks),
            "cloudrepo_loopback": dict(vm.extra.get(addressing.LOOPBACK, {})),
            "cloudrepo_vnc": {"host": vm.worker_ip, "port": vm.vnc_port},
        }


def _ends(slice_: Slice, names: Mapping[int, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each end of each link, with the VM that it is at."""
    taken = addressing.guest_addresses(slice_)
    own = {(vm.vm_id, each.name): each.extra.get(kinds.GUEST_NAME) for vm in slice_.vms for each in vm.interfaces}
    for link in slice_.links:
        ends = ((link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface))
        for (vm_id, interface), (peer_id, peer_interface) in (ends, ends[::-1]):
            yield (
                vm_id,
                {
                    "link_id": link.link_id,
                    "name": link.extra.get("name"),
                    "vlan_id": link.vlan_id,
                    "interface": interface,
                    "guest_interface": own.get((vm_id, interface)) or interface,
                    "peer": names.get(peer_id),
                    "peer_interface": peer_interface,
                    "peer_guest_interface": own.get((peer_id, peer_interface)) or peer_interface,
                    "addresses": taken.get((vm_id, interface), []),
                    "peer_addresses": taken.get((peer_id, peer_interface), []),
                },
            )


def _networks_of(vm: VM, networks: Sequence[Network]) -> list[str]:
    return [
        str(network.extra["name"])
        for network in networks
        if "name" in network.extra and any(member["vm_id"] == vm.vm_id for member in network.extra.get("members", ()))
    ]


def kind_of(guest: Mapping[str, Any], kinds: Sequence[Kind]) -> Kind | None:
    """Return the first kind that the VM's flavor belongs to."""
    flavor = guest["cloudrepo_flavor"]
    return next((kind for kind in kinds if any(fnmatchcase(flavor, pattern) for pattern in kind.flavors)), None)


def connection_of(guest: Mapping[str, Any], preference: Sequence[str], *, has_jump_host: bool) -> str | None:
    """Return the first preferred connection that is possible; C(None) if none is."""
    has_address = guest["cloudrepo_address"] is not None
    possible = {DIRECT: has_address, JUMP: has_address and has_jump_host, CONSOLE: True}
    return next((connection for connection in preference if possible[connection]), None)


def without_connection(guest: Mapping[str, Any], label: str, preference: Sequence[str]) -> Refusal:
    """Return why no preferred connection to a VM is possible.

    Args:
        guest: the VM.
        label: the VM for messages.
        preference: C(CONNECTIONS), without C(CONSOLE), which is always possible.
    """
    figures = {"preferred": list(preference)}
    if guest["cloudrepo_address"] is None:
        return Refusal("no_connection_without_address", f"VM {label}", figures)
    return Refusal("no_connection_without_jump_host", f"VM {label}", figures)


def unique_names(
    wanted: Sequence[tuple[int, str]], taken: Collection[str] = ()
) -> tuple[dict[int, str], list[Refusal]]:
    """Return a name for each VM, and a refusal for each name that is not unique.

    Args:
        wanted: the id and the wanted name of each VM. A name that several want, or that is taken, gets the VM's id
            appended.
        taken: names of other hosts, and of groups.
    """
    counts = Counter(name for _vm_id, name in wanted)
    used = {*counts, *taken}
    names: dict[int, str] = {}
    renamed: dict[str, list[str]] = {}
    for vm_id, name in wanted:
        names[vm_id] = name
        if counts[name] > 1 or name in taken:
            names[vm_id] = _unused(name, str(vm_id), used)
            renamed.setdefault(name, []).append(names[vm_id])
    problems = []
    for name, others in renamed.items():
        figures = {"count": counts[name], "renamed": others}
        if counts[name] > 1:
            problems.append(Refusal("host_names_equal", f"host name {name}", figures))
        else:
            problems.append(Refusal("host_name_in_use", f"host name {name}", figures))
    return names, problems


def groups_of(guest: Mapping[str, Any], groupings: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield C((grouping, identity, label)) of each group that the VM belongs to."""
    slice_name, slice_id = guest["cloudrepo_slice_name"], str(guest["cloudrepo_slice_id"])
    found = [
        ("slice", slice_id, slice_name),
        *(
            (grouping, label, label)
            for grouping, label in (
                ("owner", guest["cloudrepo_owner"]),
                ("flavor", guest["cloudrepo_flavor"]),
                ("kind", guest["cloudrepo_kind"]),
                ("worker", guest["cloudrepo_worker"]),
                ("state", guest["cloudrepo_state"]),
            )
            if label
        ),
        *(("network", f"{slice_id}/{name}", f"{slice_name}_{name}") for name in guest["cloudrepo_networks"]),
    ]
    yield from (group for group in found if group[0] in groupings)


def group_names(
    groups: Iterable[tuple[str, str, str]],
) -> tuple[dict[tuple[str, str], str], list[Refusal]]:
    """Return a valid group name for each grouping and identity, and a refusal for each name that is not unique."""
    alike: dict[str, dict[tuple[str, str], str]] = {}
    for grouping, identity, label in groups:
        alike.setdefault(safe(f"{grouping}_{label}"), {})[grouping, identity] = label
    used = set(alike)
    names: dict[tuple[str, str], str] = {}
    problems = []
    for base, members in alike.items():
        if len(members) == 1:
            names.update(dict.fromkeys(members, base))
            continue
        for grouping, identity in members:
            names[grouping, identity] = _unused(base, _suffix(grouping, identity), used, separator="_")
        figures = {"count": len(members), "renamed": [names[member] for member in members]}
        problems.append(Refusal("group_names_equal", f"group name {base}", figures))
    return names, problems


def safe(name: str) -> str:
    """Return the name with an underscore for each character that is not valid in a group name."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def _unused(name: str, suffix: str, used: set[str], *, separator: str = "-") -> str:
    """Return the name with the suffix, as often as it takes to be none of the used names, and add it to them."""
    while name in used:
        name = f"{name}{separator}{suffix}"
    used.add(name)
    return name


def _suffix(grouping: str, identity: str) -> str:
    """A short text that depends on nothing but the group itself."""
    if grouping in ("slice", "network"):
        return safe(identity.partition("/")[0] if grouping == "slice" else identity)
    return f"{zlib.crc32(identity.encode()):08x}"
