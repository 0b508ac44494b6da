# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Validation of a topology, independent of the cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from .. import bounds
from ..errors import Refusal
from . import cd, cloud_init, data_disks, expiry, host_requirements, kinds, networks, readiness, startup
from .topology_spec import Endpoint, WantedLink, WantedSlice, WantedVM, interface_number


def problems(want: WantedSlice) -> list[Refusal]:
    """Return all violations in a topology."""
    return [
        *_name_problems(want),
        *_title_problems(want),
        *expiry.problems(f"slice {want.name}", want.expires),
        *_count_problems(want),
        *_repeated_ids(want),
        *_limit_problems(want),
        *_guest_problems(want),
        *_segment_problems(want),
        *_network_problems(want),
    ]


def _name_problems(want: WantedSlice) -> Iterator[Refusal]:
    where = f"slice {want.name}"
    links = [link.name for link in want.links if link.name is not None]
    networks = [network.name for network in want.networks]
    reserved = [each.name for each in want.reserved or () if each.name is not None]
    vms = [vm.name for vm in want.vms]
    for kind, names in (("slice", [want.name]), ("link", links), ("network", networks), ("VLAN", reserved)):
        for name in names:
            yield from bounds.LABEL.problems(where, kind, name)
    for name in vms:
        yield from bounds.VM_NAME.problems(where, "VM", name)
    for kind, names in (("VM", vms), ("link", links), ("network", networks), ("VLAN", reserved)):
        yield from _alike(where, kind, names)
    yield from _loopback_names(want)


def _loopback_names(want: WantedSlice) -> Iterator[Refusal]:
    """Yield refusals for members of networks whose DNS name C(MEMBER.NETWORK.internal) is that of a loopback address,
    C(lo.VM.internal)."""
    vms = {vm.name.lower(): vm.name for vm in want.vms}
    for network in want.networks:
        vm = vms.get(network.name.lower())
        if vm is not None and any(end.vm.lower() == "lo" for end in network.members):
            figures = {"vm": vm, "network": network.name}
            yield Refusal("name_of_loopback", f"slice {want.name}", figures)


def _title_problems(want: WantedSlice) -> Iterator[Refusal]:
    where = f"slice {want.name}"
    things = (("slice", [want]), ("VM", want.vms), ("link", want.links), ("network", want.networks))
    for kind, each in things:
        for title in (thing.title for thing in each if thing.title is not None):
            if not bounds.OBJECT_TITLE.allows(title):
                yield Refusal("invalid_title", where, {"kind": kind, "got": title, "form": bounds.OBJECT_TITLE.rule})


def _alike(where: str, kind: str, names: Sequence[str]) -> Iterator[Refusal]:
    """Yield refusals for equal names. Names of VMs and networks are used in DNS, so case is ignored, for all kinds."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.lower(), []).append(name)
    for alike in found.values():
        if len(set(alike)) > 1:
            yield Refusal("names_differ_in_case", where, {"kind": kind, "names": alike})
        elif len(alike) > 1:
            yield Refusal("duplicate_name", where, {"kind": kind, "name": alike[0], "count": len(alike)})


def _count_problems(want: WantedSlice) -> Iterator[Refusal]:
    yield from bounds.VLAN_POOLS.problems(f"slice {want.name}", "vlan_pools", want.vlan_pools)
    for vm in want.vms:
        where = f"VM {want.name}/{vm.name}"
        yield from bounds.PASSWORD_VERSION.problems(where, "vnc_password_version", vm.vnc_password_version)
        yield from bounds.DATA_INTERFACES.problems(where, "data_interfaces", vm.data_interfaces)
        yield from data_disks.problems(where, vm.data_disks)
        yield from cd.problems(where, vm.cdrom, vm.boot)


def _repeated_ids(want: WantedSlice) -> Iterator[Refusal]:
    for kind, ids in (
        ("VM", [vm.vm_id for vm in want.vms]),
        ("link", [link.link_id for link in want.links]),
        ("network on VLAN", [network.vlan_id for network in want.networks]),
    ):
        for number, count in Counter(number for number in ids if number is not None).items():
            if count > 1:
                yield Refusal("listed_twice", f"slice {want.name}", {"kind": kind, "name": number, "count": count})


def _limit_problems(want: WantedSlice) -> Iterator[Refusal]:
    """Yield refusals for limits and faults of interfaces, and for MTUs of links and networks."""
    for vm in want.vms:
        where = f"VM {want.name}/{vm.name}"
        for name, count in Counter(each.name for each in vm.interfaces).items():
            if count > 1:
                yield Refusal("listed_twice", where, {"kind": "interface", "name": name, "count": count})
        for each in vm.interfaces:
            yield from host_requirements.problems(f"{where} {each.name}", each)
    for number, link in enumerate(want.links, start=1):
        yield from host_requirements.mtu_problems(_link_label(want, link, number), link.mtu)
    for network in want.networks:
        yield from host_requirements.mtu_problems(f"network {want.name}/{network.name}", network.mtu)


def _guest_problems(want: WantedSlice) -> Iterator[Refusal]:
    """Yield refusals for the set-up of guests, and for what makes them ready."""
    for vm in want.vms:
        where = f"VM {want.name}/{vm.name}"
        yield from kinds.problems(where, vm)
        yield from cloud_init.problems(where, vm.cloud_init)
        yield from readiness.problems(where, vm.ready_when, internet=vm.internet)
        yield from startup.problems(where, vm.startup, vm.of_kind, internet=vm.internet)


def _segment_problems(want: WantedSlice) -> Iterator[Refusal]:
    """Yield refusals for the endpoints of links and the members of networks."""
    vms = {vm.name: vm for vm in want.vms}
    known = tuple(vms)
    used: Counter[Endpoint] = Counter()
    on: Counter[str] = Counter()
    for where, ends, is_link in _segments(want):
        if is_link and len(ends) != 2:
            yield Refusal("endpoint_count", where, {"got": len(ends)})
            continue
        for name, count in Counter(end.vm for end in ends).items():
            if count > 1 and is_link:
                yield Refusal("link_to_itself", where, {"vm": name})
            elif count > 1:
                yield Refusal("member_twice", where, {"vm": name, "count": count})
        for end in ends:
            on[end.vm] += 1
            if end.vm not in vms:
                yield Refusal("unknown_reference", where, {"kind": "VM", "name": end.vm, "known": known})
            elif end.interface is not None:
                yield from _interface_problems(where, vms[end.vm], end)
                used[end] += 1
                if used[end] == 2:
                    yield Refusal("interface_in_use", where, {"endpoint": _shown(vms[end.vm], end)})
    taken_twice = {end.vm for end, count in used.items() if count > 1}
    for name, vm in vms.items():
        most = _most_interfaces(vm)
        if on[name] > most >= 0 and name not in taken_twice:
            yield from _too_few(f"VM {want.name}/{name}", vm, on[name], most)


def _segments(want: WantedSlice) -> Iterator[tuple[str, Sequence[Endpoint], bool]]:
    """Yield the label of each link and network, its ends, and whether it is a link."""
    for number, link in enumerate(want.links, start=1):
        yield _link_label(want, link, number), link.endpoints, True
    for network in want.networks:
        yield f"network {want.name}/{network.name}", network.members, False


def _link_label(want: WantedSlice, link: WantedLink, number: int) -> str:
    """Return the label of a link, with its number in the list if it has neither a name nor an id."""
    vms = {vm.name: vm for vm in want.vms}
    ends = "–".join(_shown(vms.get(end.vm), end) for end in link.endpoints)
    return f"link {want.name}/{link.name or link.link_id or number} ({ends})"


def _shown(vm: WantedVM | None, end: Endpoint) -> str:
    """Return an end with both names of its interface, if the kind of the VM has another one."""
    if vm is None or vm.of_kind is None or end.interface is None:
        return str(end)
    return f"{end.vm}:{kinds.both_names(end.interface, vm.of_kind.own_name(end.interface))}"


def _too_few(where: str, vm: WantedVM, segments: int, most: int) -> Iterator[Refusal]:
    """Yield a refusal for more links and networks than interfaces; it names the kind if that has no more."""
    if vm.of_kind is not None and vm.data_interfaces is None and most < bounds.MOST_DATA_INTERFACES:
        figures = {"name": vm.of_kind.name, "most": most, "got": segments}
        yield Refusal("kind_has_fewer_interfaces", where, figures)
    else:
        yield Refusal("too_few_interfaces", where, {"segments": segments, "most": most})


def _most_interfaces(vm: WantedVM) -> int:
    most = bounds.MOST_DATA_INTERFACES if vm.of_kind is None else vm.of_kind.most_data_interfaces
    return most if vm.data_interfaces is None else vm.data_interfaces


def _interfaces_to(vm: WantedVM, most: int) -> list[str]:
    """Return the names of data interfaces, as they are called in the guest."""
    names = [f"eth{number}" if vm.of_kind is None else vm.of_kind.own_name(f"eth{number}") for number in (1, 2, most)]
    return names[:most] if most < 3 else [f"{names[0]} to {names[2]}"]


def _interface_problems(where: str, vm: WantedVM, end: Endpoint) -> Iterator[Refusal]:
    number, most = interface_number(end.interface), _most_interfaces(vm)
    if end.interface == "eth0":
        yield Refusal("management_interface", where, {"got": _shown(vm, end)})
    elif number is None or number > most:
        own = end.interface if vm.of_kind is None else vm.of_kind.own_name(end.interface or "")
        figures = {"kind": "interface", "name": f"{end.vm}:{own}", "known": _interfaces_to(vm, most)}
        yield Refusal("unknown_reference", where, figures)


def _network_problems(want: WantedSlice) -> Iterator[Refusal]:
    for network in want.networks:
        yield from networks.problems(f"network {want.name}/{network.name}", network)
