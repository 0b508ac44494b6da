# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Matches desired VMs, links and networks with stored ones, and selects the interfaces of links and networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeVar

from ..errors import Refusal
from ..models import VM, Link, Network, Slice
from . import addressing
from .host_requirements import segment_fields
from .topology_spec import (
    Endpoint,
    WantedLink,
    WantedNetwork,
    WantedSlice,
    ends,
    fits,
    highest_interfaces,
    interface_number,
)

T = TypeVar("T")
_SET, _ADDRESSED, _ANY = frozenset({"settings"}), frozenset({"addresses"}), frozenset[str]()
_LIKE = _SET | _ADDRESSED
"""What a stored link may have of a wanted one."""


@dataclass
class Matches:
    """The result of matching.

    Attributes:
        vms: the stored VMs that stay, by their desired names.
        links: the desired links in their order, with an interface for every endpoint, and the stored link of each.
        networks: the same for networks.
        refusals: ids without a match.
    """

    vms: dict[str, VM] = field(default_factory=dict)
    links: list[tuple[WantedLink, Link | None]] = field(default_factory=list)
    networks: list[tuple[WantedNetwork, Network | None]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    def data_interfaces(self) -> dict[str, int]:
        """Return the number of the highest data interface in use, for each VM on a link or network."""
        return highest_interfaces(self._ends())

    def count_ends(self) -> Counter[str]:
        """Return the number of links and networks of each VM."""
        return Counter(end.vm for end in self._ends())

    def _ends(self) -> Iterator[Endpoint]:
        return ends((link for link, _old in self.links), (network for network, _old in self.networks))


def match_topology(want: WantedSlice, stored: Slice) -> Matches:
    """Match a valid topology with the stored slice.

    A link matches the stored one with its id, or with its name, or with the same endpoints, in this order. An endpoint
    without an interface keeps the interface of the stored link or network, or gets the lowest free one.

    Args:
        want: the topology.
        stored: the stored slice.
    """
    return _Matcher(want, stored).match()


class _Matcher:
    def __init__(self, want: WantedSlice, stored: Slice) -> None:
        self.want = want
        self.made = Matches()
        self._match_vms(stored)
        names = {vm.vm_id: name for name, vm in self.made.vms.items()}
        self.limits = {vm.name: vm.data_interfaces for vm in want.vms}
        self.stored_links = {
            link.link_id: (
                link,
                _end(names, link.vm1_id, link.vm1_interface),
                _end(names, link.vm2_id, link.vm2_interface),
            )
            for link in stored.links
        }
        self.stored_networks = [network for network in stored.networks if "name" in network.extra]
        self.members = {
            network.vlan_id: [
                end
                for each in network.extra.get("members", ())
                if (end := _end(names, each["vm_id"], each["interface"])) is not None
            ]
            for network in self.stored_networks
        }
        self.explicit = set(ends(want.links, want.networks))
        self.taken = set(self.explicit)
        self.free: dict[str, Iterator[int]] = {}

    def _match_vms(self, stored: Slice) -> None:
        by_id, by_name = {vm.vm_id: vm for vm in stored.live_vms}, {vm.name: vm for vm in stored.live_vms}
        claimed = {want.vm_id for want in self.want.vms}
        known = [f"{vm.name} ({vm.vm_id})" for vm in by_id.values()]
        for want in self.want.vms:
            vm = by_name.get(want.name) if want.vm_id is None else by_id.get(want.vm_id)
            if want.vm_id is None and vm is not None and vm.vm_id in claimed:
                vm = None
            if vm is not None:
                self.made.vms[want.name] = vm
            elif want.vm_id is not None:
                self._refuse_unknown("VM", want.vm_id, known)

    def _refuse_unknown(self, kind: str, number: int, known: Sequence[object]) -> None:
        """Add a refusal for an unknown id. All refusals share one list C(known), because both may be thousands."""
        figures = {"kind": kind, "name": number, "known": known}
        self.made.refusals.append(Refusal("unknown_reference", f"slice {self.want.name}", figures))

    def match(self) -> Matches:
        matches = self._match_links()
        networks = self._match_networks()
        # Stored interfaces are assigned before free ones are selected.
        links = [
            replace(link, endpoints=self._kept(link.endpoints, matches[number][1:] if number in matches else ()))
            for number, link in enumerate(self.want.links)
        ]
        kept = [
            replace(each, members=self._kept(each.members, self.members[old.vlan_id] if old else ()))
            for each, old in networks
        ]
        self.made.links = [
            (replace(link, endpoints=self._chosen(link.endpoints)), matches[number][0] if number in matches else None)
            for number, link in enumerate(links)
        ]
        self.made.networks = [
            (replace(each, members=self._chosen(each.members)), old) for each, (_want, old) in zip(kept, networks)
        ]
        return self.made

    def _match_links(self) -> dict[int, tuple[Link, Endpoint | None, Endpoint | None]]:
        """Return the matching stored links with their ends, by index of the desired link."""
        unused = dict(self.stored_links)
        by_name = {link.extra["name"]: link.link_id for link, *_ends in unused.values() if "name" in link.extra}
        found, known = {}, list(self.stored_links)
        for number, link in enumerate(self.want.links):
            link_id = link.link_id if link.link_id is not None else by_name.get(link.name or "")
            if link.link_id is not None and link.link_id not in self.stored_links:
                self._refuse_unknown("link", link.link_id, known)
            elif link_id is not None and link_id in unused:
                found[number] = unused.pop(link_id)
        between: dict[frozenset[str], list[int]] = {}
        for link_id, (_link, first, second) in unused.items():
            if first is not None and second is not None:
                between.setdefault(frozenset((first.vm, second.vm)), []).append(link_id)
        # Of links between the same VMs, equal ones belong together, in whatever order they are listed.
        for likeness in (_LIKE, _ADDRESSED, _SET, _ANY):
            for number, link in enumerate(self.want.links):
                if number in found or link.link_id is not None:
                    continue
                candidates = between.get(frozenset(end.vm for end in link.endpoints), [])
                fitting = (link_id for link_id in candidates if self._fits(link, *unused[link_id]))
                match = next((each for each in fitting if likeness <= _similarity(link, *unused[each])), None)
                if match is not None:
                    candidates.remove(match)
                    found[number] = unused.pop(match)
        return found

    def _fits(self, link: WantedLink, stored: Link, slice_: Endpoint | None, two: Endpoint | None) -> bool:
        if slice_ is None or two is None or (link.name is not None and "name" in stored.extra):
            return False
        first, second = link.endpoints
        return any(
            all(self._may_be(wanted, end) for wanted, end in pairs)
            for pairs in (((first, slice_), (second, two)), ((first, two), (second, slice_)))
        )

    def _may_be(self, wanted: Endpoint, end: Endpoint) -> bool:
        return fits(wanted, end) and (wanted.interface is not None or self._is_open(end))

    def _is_open(self, end: Endpoint) -> bool:
        """Return whether an endpoint without an interface may get this one."""
        limit = self.limits.get(end.vm)
        number = interface_number(end.interface)
        return end not in self.explicit and number is not None and (limit is None or number <= limit)

    def _match_networks(self) -> list[tuple[WantedNetwork, Network | None]]:
        by_vlan = {network.vlan_id: network for network in self.stored_networks}
        by_name = {network.extra["name"]: network for network in self.stored_networks}
        claimed, known = {network.vlan_id for network in self.want.networks}, list(by_vlan)
        found: list[tuple[WantedNetwork, Network | None]] = []
        for network in self.want.networks:
            if network.vlan_id is not None:
                old = by_vlan.get(network.vlan_id)
                if old is None:
                    self._refuse_unknown("network on VLAN", network.vlan_id, known)
            else:
                old = by_name.get(network.name)
                old = None if old is not None and old.vlan_id in claimed else old
            found.append((network, old))
        return found

    def _kept(self, wanted: tuple[Endpoint, ...], stored: Iterable[Endpoint | None]) -> tuple[Endpoint, ...]:
        """Return endpoints in which a missing interface is replaced by the one that is stored for the VM."""
        there = {end.vm: end for end in stored if end is not None}
        kept = []
        for end in wanted:
            old = there.get(end.vm)
            if end.interface is None and old is not None and self._is_open(old):
                self.taken.add(old)
                end = old
            kept.append(end)
        return tuple(kept)

    def _chosen(self, ends: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        return tuple(end if end.interface is not None else self._lowest_free(end.vm) for end in ends)

    def _lowest_free(self, vm: str) -> Endpoint:
        numbers = self.free.setdefault(vm, count(1))
        return next(end for number in numbers if (end := Endpoint(vm, f"eth{number}")) not in self.taken)


def _similarity(link: WantedLink, stored: Link, *stored_ends: Endpoint | None) -> frozenset[str]:
    """Return what a stored link has of the wanted link: its settings and title, and the addresses that it gives."""
    wanted = segment_fields(link.mtu, qinq=link.qinq, forward_bpdu=link.forward_bpdu)
    is_set = all(stored.extra.get(key) == value for key, value in {**wanted, "title": link.title}.items())
    return (_SET if is_set else _ANY) | (_ADDRESSED if _is_addressed(link, stored, stored_ends) else _ANY)


def _is_addressed(link: WantedLink, stored: Link, stored_ends: Iterable[Endpoint | None]) -> bool:
    """Return whether a link gives subnets or addresses, and the stored link has all of them."""
    said = {end.vm: each for end, (*_at, each) in zip(stored_ends, addressing.ends(stored)) if end is not None}
    pairs = [
        (addressing.subnet(version, text), addressing.subnet(version, addressing.cidr(stored, version)))
        for version, name in addressing.CIDRS.items()
        if (text := getattr(link, name)) is not None
    ] + [
        (addressing.address(version, text), addressing.address(version, said.get(each.vm, {}).get(name)))
        for each in link.addresses
        for version, name in addressing.FAMILIES.items()
        if (text := each.of(version)) is not None
    ]
    return bool(pairs) and all(wanted == have for wanted, have in pairs)


def in_stored_order(things: Iterable[T], stored: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """Return the things in the order in which they are stored, with new ones at the end.

    Otherwise a topology whose lists are written in another order would be a change.
    """
    places = {key(thing): place for place, thing in enumerate(stored)}
    return sorted(things, key=lambda thing: places.get(key(thing), len(places)))


def _end(names: Mapping[int, str], vm_id: int, interface: str) -> Endpoint | None:
    return Endpoint(names[vm_id], interface) if vm_id in names else None
