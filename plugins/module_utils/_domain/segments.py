# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Allocates VLANs for the links, networks and reservations of a slice, and connects interfaces to them.

Existing links, networks and reservations keep their VLANs. VLANs of removed ones are released first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

from ..errors import Refusal
from ..models import VM, Interface, Link, Network, Slice
from ..vlans import FURTHER_POOLS, pool_vlans
from . import address_rules, host_requirements, networks
from .address_plan import AddressPlan
from .addressing import ADDRESSES, CIDRS, Addresses, ends, spelled
from .allocation import Allocator, pool_text
from .match import Matches, in_stored_order
from .teardown import drop_empty_pools, release_vlans, segment_vlans, set_extra
from .topology_spec import Endpoint, Reservation, WantedLink, WantedNetwork, WantedSlice


@dataclass
class SegmentBuilder:
    """Creates the links and networks of a slice.

    Attributes:
        want: the desired slice.
        slice: the slice to change, which already has its desired VMs.
        live: its VMs by name, without those that are being deleted.
        allocator: allocates further pools.
        infrastructure: subnets that no network with NAT may overlap.
        plan: takes subnets and addresses from the pools of the slice.
        refusals: the violations that were found.
    """

    want: WantedSlice
    slice: Slice
    live: Mapping[str, VM]
    allocator: Allocator
    infrastructure: Sequence[str]
    plan: AddressPlan
    refusals: list[Refusal] = field(default_factory=list)
    _is_short: bool = field(default=False, init=False)

    def connect(self, matches: Matches) -> None:
        """Create the desired links, networks and reservations of the slice."""
        stored = dict.fromkeys(segment_vlans(self.slice))
        for _want, old in (*matches.links, *matches.networks):
            if old is not None:
                stored.pop(old.vlan_id, None)
        kept, new, dropped = self._reservations()
        release_vlans(self.slice, [*stored, *dropped])
        fresh = self._lease(matches, len(kept) + len(new), len(new))
        self._join(matches, fresh)
        kept += [
            {"vlan_id": vlan_id, **({"name": each.name} if each.name else {})} for each, vlan_id in zip(new, fresh)
        ]
        set_extra(self.slice.extra, "reserved_vlans", kept or None)
        drop_empty_pools(self.slice)

    def _reservations(self) -> tuple[list[dict[str, Any]], list[Reservation], list[int]]:
        """Return the reservations that stay, the new ones, and the VLANs of those that are removed."""
        have: list[dict[str, Any]] = self.slice.extra.get("reserved_vlans", [])
        if self.want.reserved is None:
            return list(have), [], []
        wanted = {each.vlan_id for each in self.want.reserved if each.vlan_id is not None}
        known = {each["vlan_id"] for each in have}
        self.refusals.extend(
            Refusal(
                "unknown_reference",
                f"slice {self.want.name}",
                {"kind": "reserved VLAN", "name": vlan_id, "known": sorted(known)},
            )
            for vlan_id in sorted(wanted - known)
        )
        return (
            [each for each in have if each["vlan_id"] in wanted],
            [each for each in self.want.reserved if each.vlan_id is None],
            [each["vlan_id"] for each in have if each["vlan_id"] not in wanted],
        )

    def _lease(self, matches: Matches, reserved: int, new_reserved: int) -> Iterator[int]:
        """Allocate the required VLANs and return them, lowest first, from further pools if the slice may have some."""
        slice_ = self.slice
        needed = new_reserved + sum(old is None for _want, old in (*matches.links, *matches.networks))
        room = len(slice_.pool(self._management_vlan)) - len(slice_.vlan_pool_used)
        limit = slice_.extra.get("max_vlan_pools", 1)
        taken: list[int] = []
        while room < needed and 1 + len(slice_.further_pools) + len(taken) < limit:
            pool = self.allocator.further_pool()
            if pool is None:
                self.refusals.append(self.allocator.no_free_pool(f"slice {self.want.name}"))
                break
            taken.append(pool)
            room += len(pool_vlans(pool, management=self._management_vlan))
        if taken:
            slice_.extra[FURTHER_POOLS] = sorted([*slice_.further_pools, *taken])
        self._is_short = room < needed
        if self._is_short:
            self.refusals.append(self._shortage(matches, reserved))
        used = set(slice_.vlan_pool_used)
        free = [vlan_id for vlan_id in slice_.pool(self._management_vlan) if vlan_id not in used][:needed]
        slice_.vlan_pool_used.extend(free)
        return iter(free)

    def _shortage(self, matches: Matches, reserved: int) -> Refusal:
        slice_ = self.slice
        return Refusal(
            "too_few_vlans",
            f"slice {self.want.name}",
            {
                "links": len(matches.links),
                "networks": len(matches.networks),
                "reserved": reserved,
                "pools": [pool_text(number, self._management_vlan) for number in slice_.pools],
                "total": len(slice_.pool(self._management_vlan)),
                "releasing": len(slice_.extra.get("releasing", {}).get("vlan_ids", ())),
            },
        )

    @property
    def _management_vlan(self) -> int:
        return self.allocator.vlans.management

    def _join(self, matches: Matches, fresh: Iterator[int]) -> None:
        """Create the links and networks, and connect the interfaces of the live VMs to them."""
        slice_ = self.slice
        link_ids = count(max((old.link_id for _want, old in matches.links if old), default=0) + 1)
        taps: dict[Endpoint, Interface] = {}
        for name, vm in self.live.items():
            for interface in vm.interfaces[1:]:
                interface.vlan_id, interface.link_id = None, None
                taps[Endpoint(name, interface.name)] = interface
        if self._is_short or len(self.live) < len(self.want.vms):
            return
        links = [
            self._link(want, old, link_ids, fresh, taps)
            for want, (_want, old) in zip(self.plan.links(matches.links), matches.links)
        ]
        slice_.links = in_stored_order(links, slice_.links, lambda link: link.link_id)
        vlans = {link.vlan_id for link in slice_.links}
        unnamed = [network for network in slice_.networks if "name" not in network.extra and network.vlan_id in vlans]
        wants = self.plan.networks(matches.networks)
        made = [self._network(want, old or next(fresh)) for want, (_want, old) in zip(wants, matches.networks)]
        for network, want in zip(made, wants):
            for end in want.members:
                taps[end].vlan_id = network.vlan_id
        slice_.networks = in_stored_order([*made, *unnamed], slice_.networks, lambda network: network.vlan_id)
        where = f"slice {self.want.name}"
        self.refusals.extend(address_rules.overlaps(slice_, self.plan.pools, where, self.allocator.network.cidr))

    def _link(
        self,
        want: WantedLink,
        old: Link | None,
        link_ids: Iterator[int],
        fresh: Iterator[int],
        taps: Mapping[Endpoint, Interface],
    ) -> Link:
        (vm1_id, end1), (vm2_id, end2) = ((self.live[end.vm].vm_id, end.interface or "") for end in want.endpoints)
        made = old or Link(next(link_ids), next(fresh), vm1_id, end1, vm2_id, end2)
        _move(made, (vm1_id, end1), (vm2_id, end2))
        if want.name is not None:
            made.extra["name"] = want.name
        set_extra(made.extra, "title", want.title)
        _set_carried(made.extra, want)
        where = f"link {self.want.name}/{made.label}"
        self.refusals.extend(address_rules.without_subnet(where, want))
        self.refusals.extend(address_rules.too_small_for_ipv6(where, want))
        found = self.plan.ends(where, want, self._stored_addresses(made))
        for version, name in CIDRS.items():
            set_extra(made.extra, name, spelled(version, getattr(want, name)))
        own = [{"vm_id": self.live[vm].vm_id, **each.to_dict()} for vm, each in found.items() if each.to_dict()]
        own.sort(key=lambda each: each["vm_id"] != made.vm1_id)
        set_extra(made.extra, ADDRESSES, own or None)
        for end in want.endpoints:
            taps[end].vlan_id, taps[end].link_id = made.vlan_id, made.link_id
        return made

    def _stored_addresses(self, segment: Link | Network) -> dict[str, Addresses]:
        """Return the stored addresses of the ends of a link or network, by VM."""
        names = self._names
        return {names[vm_id]: Addresses.read(said) for vm_id, _interface, said in ends(segment) if vm_id in names}

    @cached_property
    def _names(self) -> dict[int, str]:
        return {vm.vm_id: name for name, vm in self.live.items()}

    def _network(self, want: WantedNetwork, stored: Network | int) -> Network:
        vlan_id = stored if isinstance(stored, int) else stored.vlan_id
        full = networks.complete(want, vlan_id)
        where = f"network {self.want.name}/{want.name}"
        self.refusals.extend(networks.problems(where, full))
        if full.nat and full.cidr is not None:
            self.refusals.extend(
                Refusal("nat_overlaps_infrastructure", where, {"got": full.cidr, "other": other})
                for other in networks.overlapping(full.cidr, self.infrastructure)
            )
        made = Network(vlan_id, full.cidr or "", full.gateway_ip, full.dhcp_enabled, full.dhcp_range)
        if isinstance(stored, Network):
            made.status, made.extra = stored.status, stored.extra
        made.extra["name"] = want.name
        set_extra(made.extra, "title", want.title)
        set_extra(made.extra, "nat", full.nat or None)
        set_extra(made.extra, "cidr6", spelled(6, full.cidr6))
        _set_carried(made.extra, want)
        have: list[dict[str, Any]] = made.extra.get("members", [])
        made.extra["members"] = in_stored_order(self._members(where, full, made), have, lambda member: member["vm_id"])
        return made

    def _members(self, where: str, want: WantedNetwork, made: Network) -> list[dict[str, Any]]:
        self.refusals.extend(address_rules.without_subnet(where, want))
        self.refusals.extend(address_rules.too_small_for_ipv6(where, want))
        found = self.plan.ends(
            where,
            want,
            self._stored_addresses(made),
            reserved=networks.reserved(want),
            has_dhcp=want.dhcp_enabled,
        )
        return [
            {"vm_id": self.live[end.vm].vm_id, "interface": end.interface, **found[end.vm].to_dict()}
            for end in want.members
        ]


def _move(link: Link, *wanted: tuple[int, str]) -> None:
    """Set the ends of a link; an end that stays keeps its position."""
    have = (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)
    first, second = wanted
    if first == have[1] or second == have[0]:
        first, second = second, first
    (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface) = first, second


def _set_carried(extra: dict[str, Any], want: WantedLink | WantedNetwork) -> None:
    """Store the MTU and the kinds of frames of a link or network."""
    for key, value in host_requirements.segment_fields(
        want.mtu, qinq=want.qinq, forward_bpdu=want.forward_bpdu
    ).items():
        set_extra(extra, key, value)
