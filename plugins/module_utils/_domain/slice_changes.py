# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The differences between two states of a slice, with one change per object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Union

from ..bounds import DEFAULT_MTU
from ..changes import DELETE, UPDATE, Change, SliceRef, between
from ..cluster import REVISION, Cluster, slice_label, slice_ref
from ..lifecycle import DELETING, RUNNING
from ..models import VM, Interface, Link, Network, Slice
from . import addressing, cd, data_disks, displays, expiry, identities, kinds, startup
from .allocation import pool_text
from .host_requirements import stored

Key = tuple[str, int]
Attributes = Mapping[str, Any]
Reserved = dict[str, Any]
Thing = Union[Slice, VM, Link, Network, Reserved]
States = Mapping[Key, tuple[str, Attributes, SliceRef]]
Shown = Mapping[tuple[int, str], str]
_AS_STORED: Shown = MappingProxyType({})

_OPTIONAL = ("image", kinds.FIELD, addressing.LOOPBACK, "cloud_init", "ready_when", startup.FIELD, cd.BOOT)
"""Fields of a VM that are attributes only if they are set."""
STATE = frozenset({"status", "observed", "pid", "releasing", "vlan_pool_used", "uuid", "given_up_disks", "new_disks"})
"""The attributes that are not part of a topology: hosts report them, or they follow from handing a slice out."""


def changes(before: Slice | None, after: Slice | None) -> list[Change]:
    """Return the differences between two states of a slice, either of which may be missing.

    C(restart) is true if a running VM must be restarted for the change. The id of a network is its VLAN. An object
    whose status becomes C(deleting) counts as deleted.
    """
    data = (before.to_dict(), after.to_dict()) if before and after else None
    if data and data[0] == data[1]:
        return []
    old, new = _things(before), _things(after)
    # Ends and members have the current names in both states, because renaming a VM does not change a link.
    names = {vm.vm_id: vm.name for slice_ in (before, after) if slice_ for vm in slice_.vms}
    was: States = _named(before, old, names)
    now: States = _named(after, new, names)
    restarts = {key for key in old.keys() & new.keys() if _must_restart(old[key][1], new[key][1])}
    found = _compare(was, now, restarts)
    if before and after and not found and identities.has_all(after) > identities.has_all(before):
        return identities.changes([after])
    if data and after and not found:
        # A field that is not an attribute, such as an unknown one of an imported file.
        fields = [key for key in {**data[0], **data[1]} if data[0].get(key) != data[1].get(key)]
        differing = ({key: each.get(key) for key in fields} for each in data)
        found = [between("slice", after.slice_id, *differing, name=slice_label(after), slice=slice_ref(after))]
    return found


def revise(cluster: Cluster, changes: Sequence[Change]) -> None:
    """Give the cluster a new revision for changes of desired or allocated state, and with it the changed slices."""
    if changes:
        cluster.revise()
    for slice_id in {change.slice.slice_id for change in changes if change.slice and changes_topology(change)}:
        if slice_id in cluster.slices:
            cluster.slices[slice_id].extra[REVISION] = cluster.revision


def changes_topology(change: Change) -> bool:
    """Return whether a change is more than one of reported state."""
    before, after = change.before, change.after
    if change.action == DELETE or before is None or after is None:
        return True
    return any(before.get(name) != after.get(name) for name in {**before, **after} if name not in STATE)


def states(slices: Iterable[Slice]) -> States:
    """Return the attributes that reports change: states of slices and VMs, and resources that are being released."""
    found: dict[Key, tuple[str, Attributes, SliceRef]] = {}
    for slice_ in slices:
        label, ref = slice_label(slice_), slice_ref(slice_)
        held = {what: list(each) for what, each in slice_.extra.get("releasing", {}).items()}
        seen = {"status": slice_.status, "vlan_pool_used": " ".join(map(str, slice_.vlan_pool_used)) or None}
        found["slice", slice_.slice_id] = label, {**seen, "releasing": held or None}, ref
        found.update({("vm", vm.vm_id): (f"{label}/{vm.name}", _reported(vm), ref) for vm in slice_.vms})
    return found


def state_changes(before: States, after: States) -> list[Change]:
    """Return the differences between two results of C(states)."""
    return _compare(before, after)


def attributes(thing: Thing, names: Mapping[int, str], shown: Shown = _AS_STORED) -> Attributes:
    """Return the attributes of a slice or of a part of it for a change.

    Args:
        thing: the slice or part.
        names: the names of VMs by id.
        shown: other names of interfaces at ends, by VM id and name.
    """
    if isinstance(thing, VM):
        return {"status": thing.status} if thing.deleting else _vm(thing)
    if isinstance(thing, Link):
        ends = (_end(vm_id, interface, names, shown) for vm_id, interface in _link_ends(thing))
        return {
            "name": thing.extra.get("name"),
            **_title(thing),
            "vlan_id": thing.vlan_id,
            "ends": "–".join(ends),
            **_addressed(thing, names, shown),
            **_segment(thing),
        }
    if isinstance(thing, Network):
        return _network(thing, names, shown)
    if isinstance(thing, Slice):
        return {
            "name": slice_label(thing),
            **_title(thing),
            "owner": thing.owner,
            "status": thing.status,
            "topology_type": thing.topology_type,
            "vlan_pool": ", ".join(pool_text(number) for number in thing.pools),
            "vlan_pools": thing.extra.get("max_vlan_pools", 1),
            "peers": bool(thing.extra.get("peers")),
            **({expiry.FIELD: thing.extra[expiry.FIELD]} if expiry.FIELD in thing.extra else {}),
            **({addressing.FIELD: _pools(thing)} if addressing.FIELD in thing.extra else {}),
        }
    return {"name": thing.get("name"), "vlan_id": thing["vlan_id"]}


def _pools(slice_: Slice) -> list[str]:
    """Return the pools of addresses, one line each, with the prefix lengths of what is taken from them."""
    pools = addressing.Addressing.read(slice_.extra[addressing.FIELD]).pools.values()
    return [
        f"{pool.kind} {text} in /{pool.lengths[version]}" for pool in pools for version, text in pool.subnets.items()
    ]


def _named(slice_: Slice | None, things: Mapping[Key, tuple[str, Thing]], names: Mapping[int, str]) -> States:
    if slice_ is None:
        return {}
    ref = slice_ref(slice_)
    return {key: (label, attributes(thing, names), ref) for key, (label, thing) in things.items()}


def _compare(before: States, after: States, restarts: Iterable[Key] = ()) -> list[Change]:
    restarts = frozenset(restarts)
    keys = [*after, *(key for key in before if key not in after)]
    found = []
    for key in keys:
        (kind, number), (label, _attributes, ref) = key, after.get(key) or before[key]
        was, will = (state[key][1] if key in state else None for state in (before, after))
        if was != will:
            action = _action(was, will)
            found.append(Change(kind, number, action, was, will, restart=key in restarts, name=label, slice=ref))
    return found


def _action(was: Attributes | None, will: Attributes | None) -> str:
    if was is not None and will is not None:
        goes = will.get("status") == DELETING != was.get("status")
        return DELETE if goes else UPDATE
    return between("", "", was, will).action


def _things(slice_: Slice | None) -> dict[Key, tuple[str, Thing]]:
    """Return the slice and its parts by kind and id, each with its label."""
    return {} if slice_ is None else dict(_parts(slice_))


def _parts(slice_: Slice) -> Iterator[tuple[Key, tuple[str, Thing]]]:
    label = slice_label(slice_)
    yield ("slice", slice_.slice_id), (label, slice_)
    for vm in slice_.vms:
        yield ("vm", vm.vm_id), (f"{label}/{vm.name}", vm)
    for link in slice_.links:
        yield ("link", link.link_id), (f"{label}/{link.label}", link)
    for network in slice_.networks:
        yield ("network", network.vlan_id), (f"{label}/{network.label}", network)
    for each in slice_.extra.get("reserved_vlans", ()):
        yield ("vlan", each["vlan_id"]), (f"{label}/{each.get('name', each['vlan_id'])}", each)


def _state(vm: VM) -> Attributes:
    seen = None if vm.observed is None else vm.observed.state
    return {"status": vm.status, "power": vm.power, "observed": seen, "pid": vm.pid}


def _reported(vm: VM) -> Attributes:
    """Return its state, with the data disks that its host has not reported yet, and those that it may still have."""
    new = [data_disks.label(disk) for disk in vm.data_disks if disk.first_seen is None]
    given_up = [data_disks.label(disk) for disk in vm.given_up_disks]
    disks = {"new_disks": new, "given_up_disks": given_up}
    return {**_state(vm), **{name: labels for name, labels in disks.items() if labels}}


def _vm(vm: VM) -> Attributes:
    flavor = vm.flavor or {}
    return {
        "name": vm.name,
        **_title(vm),
        **_state(vm),
        "worker": vm.worker_ip,
        "pinned_to": vm.pinned_to,
        "flavor": flavor.get("name"),
        **{key: flavor.get(key) for key in ("cores", "ram_gb", "disk_gb")},
        "vnc_port": vm.vnc_port,
        "interfaces": [_interface(each) for each in vm.interfaces],
        "data_interfaces": vm.extra.get("data_interfaces"),
        **({"data_disks": [data_disks.label(disk) for disk in vm.data_disks]} if vm.data_disks else {}),
        **({cd.FIELD: vm.extra[cd.FIELD]["name"]} if cd.FIELD in vm.extra else {}),
        **{key: vm.extra[key] for key in _OPTIONAL if key in vm.extra},
        displays.VERSION: displays.version(vm),
    }


def _interface(interface: Interface) -> str:
    where = f"VLAN {interface.vlan_id}" if interface.vlan_id else "no VLAN"
    address = f" {interface.ip_config['ip']}" if interface.ip_config else ""
    limits = str(stored(interface))
    return f"{kinds.shown(interface)} {interface.mac} {where}{address}{f' ({limits})' if limits else ''}"


def _link_ends(link: Link) -> Sequence[tuple[int, str]]:
    return (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)


def _end(vm_id: int, interface: str, names: Mapping[int, str], shown: Shown) -> str:
    return f"{names.get(vm_id, vm_id)}:{shown.get((vm_id, interface), interface)}"


def _network(network: Network, names: Mapping[int, str], shown: Shown) -> Attributes:
    return {
        "name": network.extra.get("name"),
        **_title(network),
        "vlan_id": network.vlan_id,
        "cidr": network.cidr,
        "gateway_ip": network.gateway_ip,
        "dhcp_enabled": network.dhcp_enabled,
        "dhcp_range": network.dhcp_range if network.dhcp_enabled else None,
        "nat": bool(network.extra.get("nat")),
        "members": sorted(
            _end(each["vm_id"], each["interface"], names, shown) for each in network.extra.get("members", ())
        ),
        **_addressed(network, names, shown),
        **_segment(network),
    }


def _addressed(segment: Link | Network, names: Mapping[int, str], shown: Shown) -> Attributes:
    """Return the subnets of a link, the IPv6 subnet of a network, and the addresses of its ends, if there are some."""
    by_end = {
        _end(vm_id, interface, names, shown): [said[name] for name in addressing.FAMILIES.values() if name in said]
        for vm_id, interface, said in addressing.ends(segment)
    }
    addresses = [f"{end} {' '.join(each)}" for end, each in sorted(by_end.items()) if each]
    return {
        **{name: segment.extra[name] for name in addressing.CIDRS.values() if name in segment.extra},
        **({addressing.ADDRESSES: addresses} if addresses else {}),
    }


def _title(thing: Slice | VM | Link | Network) -> Attributes:
    """Return the title as an attribute, if there is one."""
    return {"title": thing.extra["title"]} if "title" in thing.extra else {}


def _segment(segment: Link | Network) -> Attributes:
    """Return the attributes for the frames of a link or network."""
    return {
        "mtu": segment.extra.get("mtu", DEFAULT_MTU),
        "qinq": bool(segment.extra.get("qinq")),
        "forward_bpdu": bool(segment.extra.get("forward_bpdu")),
    }


def _must_restart(old: Thing, new: Thing) -> bool:
    """Return whether a running VM must be restarted: for its name, size, hardware, set-up, disks or NICs."""
    if not (isinstance(old, VM) and isinstance(new, VM)) or old.status != RUNNING or new.deleting:
        return False
    return _started(old) != _started(new) or len(old.interfaces) != len(new.interfaces)


def _started(vm: VM) -> tuple[Any, ...]:
    """Return the attributes that cannot change while a VM is running, except for NICs."""
    flavor, set_up = vm.flavor or {}, vm.extra.get("cloud_init")
    loopback = None if set_up is None else vm.extra.get(addressing.LOOPBACK)
    disks = {(disk.name, disk.uuid) for disk in vm.data_disks}
    drive = (vm.extra.get(cd.FIELD), vm.extra.get(cd.BOOT))
    size = (flavor.get("cores"), flavor.get("ram_gb"))
    return vm.name, size, set_up, loopback, kinds.hardware(vm), kinds.booted(vm), disks, drive
