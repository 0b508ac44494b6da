# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of one part of a topology: adding, changing or removing a VM, link, network or VLAN of a desired slice.

An edit does not allocate; its result is reconciled like a whole topology. All functions take the desired slice and the
module arguments for the part, where null leaves a value unchanged. The C(put) functions return the new slice and the
index of the part in its list. The C(take) functions return the slice unchanged if the part does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ..errors import Refusal, Refused
from . import data_disks, titles
from .addressing import CIDRS, End
from .cloud_init import CloudInit
from .host_requirements import SEGMENT_FIELDS
from .readiness import ReadyWhen
from .startup import WantedStartup
from .topology_spec import (
    Endpoint,
    Reservation,
    WantedLink,
    WantedNetwork,
    WantedSlice,
    WantedVM,
    fits,
    is_between,
    read_ends,
    read_limits,
    read_link,
    read_loopback,
    read_network,
    read_vm,
)

Step = tuple[WantedSlice, int]
_OPTIONS_OF_VM = (
    "flavor",
    "image",
    "internet",
    "data_interfaces",
    "worker",
    "vnc_password_version",
    "power",
    "title",
    "kind",
)
T = TypeVar("T")
Placed = TypeVar("Placed", Endpoint, End)


def put_vm(want: WantedSlice, data: Mapping[str, Any]) -> Step:
    """Add or change a VM.

    C(data) is C({name, vm_id, new_name, flavor, internet, data_interfaces, worker, interfaces, vnc_password_version,
    power, cloud_init, ready_when, loopback, image, kind, data_disks, cdrom, boot,
    startup}). C(interfaces) replace all limits
    and faults of the VM's interfaces, C(data_disks) all its data disks.
    """
    data = _by_title(want, want.vms, "vm_id", "vm", data)
    place = _vm_place(want, data)
    name = _called(data)
    if place is None:
        return replace(want, vms=(*want.vms, read_vm({**data, "name": name}))), len(want.vms)
    old = want.vms[place]
    given = _given(data, *_OPTIONS_OF_VM)
    if "flavor" in given and old.of_kind is not None:
        given.setdefault("kind", old.of_kind.name)
    new = replace(old, name=name or old.name, **given)
    if data.get("interfaces") is not None:
        new = replace(new, interfaces=read_limits(data["interfaces"]))
    if data.get("cloud_init") is not None:
        new = replace(new, cloud_init=CloudInit.read(data["cloud_init"]))
    if data.get("loopback") is not None:
        new = replace(new, loopback=read_loopback(data["loopback"]))
    if data.get("ready_when") is not None:
        new = replace(new, ready_when=ReadyWhen.read(data["ready_when"]))
    if data.get("startup") is not None:
        new = replace(new, startup=WantedStartup.read(data["startup"]))
    new = replace(new, data_disks=data_disks.read(data.get("data_disks")))
    if data.get("cdrom") is not None:
        new = replace(new, cdrom=data["cdrom"] or None)
    if data.get("boot") is not None:
        new = replace(new, boot=tuple(data["boot"]))
    return _renamed(replace(want, vms=_with(want.vms, place, new)), old.name, new.name), place


def take_vm(want: WantedSlice, data: Mapping[str, Any]) -> WantedSlice:
    """Remove a VM with its links and memberships in networks: C({name, vm_id, title})."""
    data = _by_title(want, want.vms, "vm_id", "vm", data)
    place = _vm_place(want, {**data, "new_name": None}, missing_ok=True)
    if place is None:
        return want
    name = want.vms[place].name
    return replace(
        want,
        vms=_without(want.vms, place),
        links=tuple(link for link in want.links if all(end.vm != name for end in link.endpoints)),
        networks=tuple(
            replace(
                network,
                members=tuple(end for end in network.members if end.vm != name),
                addresses=tuple(each for each in network.addresses if each.vm != name),
            )
            for network in want.networks
        ),
    )


def _vm_place(want: WantedSlice, data: Mapping[str, Any], *, missing_ok: bool = False) -> int | None:
    ids = {vm.vm_id: place for place, vm in enumerate(want.vms) if vm.vm_id is not None}
    names = {vm.name: place for place, vm in enumerate(want.vms)}
    return _place(want, data, "VM", "vm_id", ids, names, missing_ok=missing_ok)


def _renamed(want: WantedSlice, old: str, new: str) -> WantedSlice:
    if old == new:
        return want

    def renamed(ends: tuple[Placed, ...]) -> tuple[Placed, ...]:
        return tuple(replace(end, vm=new) if end.vm == old else end for end in ends)

    return replace(
        want,
        links=tuple(
            replace(link, endpoints=renamed(link.endpoints), addresses=renamed(link.addresses)) for link in want.links
        ),
        networks=tuple(
            replace(network, members=renamed(network.members), addresses=renamed(network.addresses))
            for network in want.networks
        ),
    )


def put_link(want: WantedSlice, data: Mapping[str, Any]) -> Step:
    """Add or change a link: C({name, link_id, new_name, endpoints, mtu, qinq, forward_bpdu, cidr, cidr6, addresses}).

    Without id and name, the link is identified by its endpoints.

    Raises:
        Refused: a new link has no endpoints, or the link is not identified.
    """
    place = _link_place(want, data)
    link = read_link(data)
    name = _called(data)
    if place is None:
        if not link.endpoints:
            figures = {"kind": "new link", "option": "endpoints"}
            raise Refused([Refusal("option_missing", f"slice {want.name}", figures)])
        return replace(want, links=(*want.links, replace(link, name=name))), len(want.links)
    old = want.links[place]
    ends = _moved(old.endpoints, link.endpoints)
    given = _given(data, "title", *CIDRS.values(), *SEGMENT_FIELDS)
    addresses = _addressed(old, link.addresses, ends, given)
    new = replace(old, name=name or old.name, endpoints=ends, addresses=addresses, **given)
    return replace(want, links=_with(want.links, place, new)), place


def _addressed(
    old: WantedLink | WantedNetwork, new: Iterable[End], ends: Iterable[Endpoint], given: Mapping[str, Any]
) -> tuple[End, ...]:
    """Return the addresses of the new ends, without those in a replaced subnet and those that DHCP assigns."""
    names, added = {end.vm for end in ends}, tuple(new)
    gone = {version for version, name in CIDRS.items() if given.get(name, getattr(old, name)) != getattr(old, name)}
    if given.get("dhcp_enabled"):
        gone.add(4)
    listed = {each.vm for each in added}
    kept = (
        End(None if 4 in gone else each.ipv4, None if 6 in gone else each.ipv6, each.vm)
        for each in old.addresses
        if each.vm in names and each.vm not in listed
    )
    return (*(each for each in kept if each.to_dict()), *added)


def take_link(want: WantedSlice, data: Mapping[str, Any]) -> WantedSlice:
    """Remove a link: C({name, link_id, endpoints})."""
    place = _link_place(want, {**data, "new_name": None}, missing_ok=True)
    return want if place is None else replace(want, links=_without(want.links, place))


def _link_place(want: WantedSlice, data: Mapping[str, Any], *, missing_ok: bool = False) -> int | None:
    ids = {link.link_id: place for place, link in enumerate(want.links) if link.link_id is not None}
    if data.get("link_id") is None and data.get("name") is None and data.get("endpoints"):
        link = read_link(data)
        found = [place for place, old in enumerate(want.links) if is_between(link, old)]
        if len(found) > 1:
            several = [f"{want.links[place].link_id} ({want.links[place]})" for place in found]
            figures = {"endpoints": str(link), "count": len(found), "found": several}
            raise Refused([Refusal("ambiguous_link", f"slice {want.name}", figures)])
        return found[0] if found else None
    names = {link.name: place for place, link in enumerate(want.links) if link.name is not None}
    return _place(want, data, "link", "link_id", ids, names, missing_ok=missing_ok)


def _moved(old: tuple[Endpoint, ...], new: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Return the new endpoints; one that matches an old endpoint keeps its interface."""
    return tuple(next((end for end in old if fits(wanted, end)), wanted) for wanted in new) or old


def put_network(want: WantedSlice, data: Mapping[str, Any]) -> Step:
    """Add or change a network: C({name, vlan_id, new_name, members, append, cidr, gateway, …}).

    C(members) replace the members, or with C(append) are added. A new C(cidr) resets gateway and DHCP range.
    """
    data = _by_title(want, want.networks, "vlan_id", "network", data)
    place = _network_place(want, data)
    name = _called(data)
    if place is None:
        return replace(want, networks=(*want.networks, read_network({**data, "name": name}))), len(want.networks)
    old = want.networks[place]
    given = _given(
        data, *CIDRS.values(), "gateway", "gateway_ip", "dhcp_enabled", "dhcp_range", "nat", "title", *SEGMENT_FIELDS
    )
    if given.get("cidr", old.cidr) != old.cidr or given.get("gateway") is False:
        given.setdefault("gateway_ip", None)
    if given.get("cidr", old.cidr) != old.cidr or given.get("dhcp_enabled") is False:
        given.setdefault("dhcp_range", None)
    if given.get("gateway_ip") is not None:
        given.setdefault("gateway", True)
    members = old.members
    if data.get("members") is not None:
        listed = tuple(Endpoint.parse(text) for text in data["members"])
        known = tuple(next((member for member in old.members if fits(end, member)), end) for end in listed)
        members = (*members, *(end for end in known if end not in members)) if data.get("append") else known
    addresses = _addressed(old, read_ends(data.get("addresses")), members, given)
    new = replace(old, name=name or old.name, members=members, addresses=addresses, **given)
    return replace(want, networks=_with(want.networks, place, new)), place


def take_network(want: WantedSlice, data: Mapping[str, Any]) -> WantedSlice:
    """Remove a network: C({name, vlan_id, title})."""
    data = _by_title(want, want.networks, "vlan_id", "network", data)
    place = _network_place(want, {**data, "new_name": None}, missing_ok=True)
    return want if place is None else replace(want, networks=_without(want.networks, place))


def _network_place(want: WantedSlice, data: Mapping[str, Any], *, missing_ok: bool = False) -> int | None:
    ids = {network.vlan_id: place for place, network in enumerate(want.networks) if network.vlan_id is not None}
    names = {network.name: place for place, network in enumerate(want.networks)}
    return _place(want, data, "network on VLAN", "vlan_id", ids, names, missing_ok=missing_ok)


def put_vlan(want: WantedSlice, data: Mapping[str, Any]) -> Step:
    """Reserve the slice's next VLAN, unless one with this name or id is reserved already: C({name, vlan_id}).

    Raises:
        Refused: the id is not reserved; ids are allocated, not chosen.
    """
    reserved = want.reserved or ()
    place = _vlan_place(want, data)
    if place is None and data.get("vlan_id") is not None:
        raise Refused([Refusal("vlan_not_reserved", f"slice {want.name}", {"got": data["vlan_id"]})])
    if place is None:
        return replace(want, reserved=(*reserved, Reservation(data.get("name")))), len(reserved)
    return want, place


def take_vlan(want: WantedSlice, data: Mapping[str, Any]) -> WantedSlice:
    """Remove the reservation of a VLAN: C({name, vlan_id}).

    Raises:
        Refused: neither name nor id is given.
    """
    if data.get("name") is None and data.get("vlan_id") is None:
        raise Refused([Refusal("identifier_missing", f"slice {want.name}", {"kind": "VLAN", "key": "vlan_id"})])
    place = _vlan_place(want, data)
    return want if place is None else replace(want, reserved=_without(want.reserved or (), place))


def _vlan_place(want: WantedSlice, data: Mapping[str, Any]) -> int | None:
    key, value = ("vlan_id", data.get("vlan_id")) if data.get("vlan_id") is not None else ("name", data.get("name"))
    places = (
        place for place, each in enumerate(want.reserved or ()) if value is not None and getattr(each, key) == value
    )
    return next(places, None)


def _place(
    want: WantedSlice,
    data: Mapping[str, Any],
    kind: str,
    key: str,
    ids: Mapping[Any, int],
    names: Mapping[Any, int],
    *,
    missing_ok: bool,
) -> int | None:
    """Return the index of the part with this id or name, or with the new name if it has been renamed already."""
    where = f"slice {want.name}"
    number, name, new_name = data.get(key), data.get("name"), data.get("new_name")
    if number is not None:
        if number not in ids and not missing_ok:
            raise Refused([Refusal("unknown_reference", where, {"kind": kind, "name": number, "known": list(ids)})])
        return ids.get(number)
    if name is None:
        raise Refused([Refusal("identifier_missing", where, {"kind": kind.split()[0], "key": key})])
    if new_name not in (None, name) and name in names and new_name in names:
        raise Refused([Refusal("name_in_use", where, {"kind": kind.split()[0], "name": name, "got": new_name})])
    return names.get(name, names.get(new_name))


def _by_title(
    want: WantedSlice, things: Sequence[WantedVM | WantedNetwork], key: str, kind: str, data: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return C(data) with a name if it has only a title: that of the object with the title, or a new one.

    Raises:
        Refused: several objects have the title.
    """
    title = data.get("title")
    if not title or data.get("name") is not None or data.get(key) is not None:
        return data
    called = [thing.name for thing in things if thing.title == title]
    if len(called) > 1:
        figures = {"title": title, "kind": "VM" if kind == "vm" else kind, "names": called}
        raise Refused([Refusal("title_of_several", f"slice {want.name}", figures)])
    name = called[0] if called else titles.free_name(title, [thing.name for thing in things], kind)
    return {**data, "name": name}


def _called(data: Mapping[str, Any]) -> Any:
    """Return the new name of the part, C(None) if it keeps its name."""
    return data.get("new_name") or data.get("name")


def _given(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: data[key] for key in keys if data.get(key) is not None}


def _with(things: tuple[T, ...], place: int, thing: T) -> tuple[T, ...]:
    return (*things[:place], thing, *things[place + 1 :])


def _without(things: tuple[T, ...], place: int) -> tuple[T, ...]:
    return (*things[:place], *things[place + 1 :])


Put = Callable[[WantedSlice, Mapping[str, Any]], Step]
Take = Callable[[WantedSlice, Mapping[str, Any]], WantedSlice]
