# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settle a topology: from what a tenant asks for to what is allocated, all of it or nothing.

What exists and is asked for again keeps everything it holds. What hosts may have heard of is not forgotten here:
a VM that goes becomes C(deleting), and VLANs and addresses that are given up stay held as C(releasing), until the
hosts have reported that they are gone (C(reporting)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..cluster import Cluster, slice_label
from ..errors import Refused
from ..models import VM, Interface, Link, Network, Slice
from ..vlans import FURTHER_POOLS, MANAGEMENT_VLAN, pool_vlans
from . import coherence, displays, finding, limits, networks
from .allocation import Allocator, ManagementNetwork, mac_address, pool_text
from .placement import Placement
from .releasing import drop_empty_pools, let_go, releasing, segment_vlans, set_extra
from .wanted import Endpoint, Reservation, WantedLink, WantedNetwork, WantedSlice, WantedVM
from .wiring import Wiring, wire
from .wording import some


@dataclass(frozen=True)
class Settings:
    """What an operator decides for the whole cluster.

    Attributes:
        network: VLAN 400.
        infrastructure: subnets of the hosts' own networks, which no network with a way out may overlap.
        state_dir: the folder on every worker below which overlays and base images lie.
        placement: the placement policy.
    """

    network: ManagementNetwork = field(default_factory=ManagementNetwork)
    state_dir: str = "/var/lib/cloudrepo"
    placement: str = "round_robin"
    infrastructure: tuple[str, ...] = ()


def settle(cluster: Cluster, want: WantedSlice, settings: Settings, *, acting_user: str) -> Slice:
    """Make C(cluster) hold the slice as asked for, and return it.

    Raises:
        Refused: with every rule that is broken; the cluster is then as it was.
    """
    before = stored_slice(cluster, want, acting_user)
    reasons = [
        *settings.network.problems(),
        *networks.infrastructure_problems(settings.infrastructure),
        *coherence.problems(want),
        *_standing_problems(cluster, want, before),
        *_flavor_problems(cluster, want),
        # Those that follow from a VLAN are looked at when it is known.
        *_overlap_problems(want, settings, [(each.name, each.cidr) for each in want.networks if each.cidr is not None]),
    ]
    if reasons:
        raise Refused(reasons)
    draft = _Draft(cluster, want, settings, before)
    draft.settle()
    if draft.reasons:
        raise Refused(draft.reasons)
    return draft.store()


def stored_slice(cluster: Cluster, want: WantedSlice, acting_user: str) -> Slice | None:
    """Return the stored slice that is asked for, as it is now.

    Raises:
        Refused: the acting user may not act for its owner.
    """
    finding.require_acts_for(cluster, acting_user, want.owner, f"slice {want.name}")
    if want.slice_id is not None:
        return finding.numbered(cluster, want.slice_id, acting_user)
    return cluster.find_slice(want.owner, want.name)


def _standing_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[str]:
    if want.owner not in cluster.users:
        yield f"slice {want.name}: its owner {want.owner} {finding.no_such_user(cluster)}"
    if before is None:
        if want.slice_id is not None:
            yield f"slice {want.name}: there is no slice {want.slice_id} to change"
    else:
        if want.owner != before.owner:
            yield f"slice {want.name} ({before.slice_id}) belongs to {before.owner}, and stays with its owner"
        if before.status == "deleting":
            yield f"slice {want.name} ({before.slice_id}) is being deleted; deploy it anew when it is gone"
    if before is None or want.name != slice_label(before):
        yield from _name_problems(cluster, want, before)


def _name_problems(cluster: Cluster, want: WantedSlice, before: Slice | None) -> Iterator[str]:
    if want.name.isdigit():
        yield f"slice {want.name}: a name of digits alone is taken for an id"
    other = cluster.find_slice(want.owner, want.name)
    if other is not None and before is not None:
        yield (
            f"slice {slice_label(before)} ({before.slice_id}) cannot be called {want.name}: "
            f"so is slice {other.slice_id} of {want.owner}"
        )


def _overlap_problems(want: WantedSlice, settings: Settings, subnets: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Subnets, each with its network's name, that overlap each other or VLAN 400."""
    if subnets:
        named = [(f"network {name}", cidr) for name, cidr in subnets]
        for overlap in networks.overlaps([("the management network", settings.network.cidr), *named]):
            yield f"slice {want.name}: {overlap}"


def _flavor_problems(cluster: Cluster, want: WantedSlice) -> Iterator[str]:
    users: dict[str, list[str]] = {}
    for vm in want.vms:
        if vm.flavor is not None:
            users.setdefault(vm.flavor, []).append(vm.name)
    for name in sorted(users):
        flavor, of = cluster.flavors.get(name), some(users[name])
        if flavor is None:
            known = ", ".join(cluster.flavors) or "none"
            yield f"slice {want.name}: flavor {name} of {of} does not exist; flavors are {known}"
        elif "checksum" not in flavor:
            yield (
                f"slice {want.name}: flavor {name} of {of} has no base image: {flavor['image']} was never "
                "registered; register the flavor with a file that exists, or with a URL and its checksum"
            )


class _Draft:
    """A slice in the making; C(reasons) collects what it is refused for."""

    def __init__(self, cluster: Cluster, want: WantedSlice, settings: Settings, before: Slice | None) -> None:
        self.cluster = cluster
        self.want = want
        self.settings = settings
        self.before = before
        self.reasons: list[str] = []
        self.allocator = Allocator(cluster, settings.network)
        self.placement = Placement(cluster, settings.placement)
        self.slice = self._start()
        self.live: dict[str, VM] = {}
        self._is_short = False

    def _start(self) -> Slice:
        if self.before is not None:
            return Slice.from_dict(self.before.to_dict())
        slice_id = self.allocator.slice_id()
        if slice_id is None:
            self.reasons.append(f"slice {self.want.name}: all 100 VLAN pools are held by live slices")
        return Slice(slice_id or 0, self.want.owner)

    def settle(self) -> None:
        """Settle all of the topology, in the order in which things are given out."""
        self._settle_description()
        stored = self._match_vms()
        wiring = wire(self.want, self.slice, {vm.vm_id: name for name, vm in stored.items()})
        self.reasons.extend(wiring.reasons)
        self._settle_vms(stored, wiring)
        self._settle_segments(wiring)
        self._check_quota()
        if not self.reasons:
            self.reasons.extend(limits.shortcomings(self.slice, self.cluster))

    def _settle_description(self) -> None:
        one, want = self.slice, self.want
        one.topology_type = want.topology_type
        if want.name != slice_label(one):
            one.extra["name"] = want.name
        if want.vlan_pools is not None:
            set_extra(one.extra, "max_vlan_pools", want.vlan_pools if want.vlan_pools > 1 else None)
        if want.peers is not None:
            set_extra(one.extra, "peers", want.peers or None)

    def _match_vms(self) -> dict[str, VM]:
        """Return the stored VMs that stay, by the names that they have from now on."""
        live = [vm for vm in self.slice.vms if vm.status != "deleting"]
        by_id, by_name = {vm.vm_id: vm for vm in live}, {vm.name: vm for vm in live}
        claimed = {want.vm_id for want in self.want.vms}
        stored: dict[str, VM] = {}
        for want in self.want.vms:
            vm = by_name.get(want.name) if want.vm_id is None else by_id.get(want.vm_id)
            if want.vm_id is None and vm is not None and vm.vm_id in claimed:
                vm = None
            if vm is not None:
                stored[want.name] = vm
            elif want.vm_id is not None:
                known = ", ".join(f"{each.name} ({each.vm_id})" for each in live) or "none"
                self.reasons.append(f"slice {self.want.name}: it has no VM {want.vm_id}; its VMs are {known}")
            if (vm is None or vm.name != want.name) and want.name.isdigit():
                self.reasons.append(f"VM {self.want.name}/{want.name}: a name of digits alone is taken for an id")
        return stored

    def _settle_vms(self, stored: Mapping[str, VM], wiring: Wiring) -> None:
        """Keep, change and add VMs in the order asked for; those that go stay at the end while hosts know them."""
        needed, ends = wiring.data_interfaces(), wiring.count_ends()
        staying = {vm.vm_id for vm in stored.values()}
        leaving = [vm for vm in self.slice.vms if vm.vm_id not in staying and vm.status != "pending"]
        for gone in leaving:
            gone.status = "deleting"
        for want in self.want.vms:
            vm = stored.get(want.name) or self._new_vm(want)
            if vm is not None:
                vm.name = want.name
                self._settle_size(vm, want)
                set_extra(vm.extra, "data_interfaces", want.data_interfaces)
                self._settle_password(vm, want)
                count = needed.get(want.name, 0) if want.data_interfaces is None else want.data_interfaces
                if count > max(len(vm.interfaces) - 1, ends[want.name]) and want.data_interfaces is None:
                    self.reasons.append(
                        f"VM {self.want.name}/{want.name} is on {ends[want.name]} links and networks and gets one data "
                        f"interface for each, and eth{count} is named; give data_interfaces for more"
                    )
                self._settle_interfaces(vm, count, internet=want.internet)
                self._settle_limits(vm, want)
                self.live[want.name] = vm
        self.slice.vms = [*self.live.values(), *leaving]

    def _new_vm(self, want: WantedVM) -> VM | None:
        where = f"VM {self.want.name}/{want.name}"
        if want.flavor is None:
            self.reasons.append(f"{where} is new and needs a flavor")
            return None
        flavor = self.cluster.flavors[want.flavor]
        vm_id, vnc_port = self.allocator.vm_id(), self.allocator.vnc_port()
        worker_ip = self.placement.place(flavor, want.worker)
        if worker_ip is None:
            self.reasons.append(self.placement.refusal(f"{self.want.name}/{want.name}", flavor, want.worker))
        if vnc_port is None:
            self.reasons.append(f"{where}: no VNC port is free")
        return VM(
            vm_id,
            want.name,
            self.want.owner,
            worker_ip or "",
            vnc_port or 0,
            [],
            flavor={key: value for key, value in flavor.items() if key != "virtual_size_gb"},
            qcow_image=f"{self.settings.state_dir}/vms/{vm_id}/{want.name}_img.qcow2",
        )

    def _settle_size(self, vm: VM, want: WantedVM) -> None:
        where = f"VM {self.want.name}/{vm.name}"
        if want.worker not in (None, vm.worker_ip) and vm.worker_ip:
            self.reasons.append(f"{where} is on worker {vm.worker_ip}; it cannot be moved to {want.worker}")
        if want.flavor is None:
            return
        flavor = self.cluster.flavors[want.flavor]
        have: dict[str, Any] = vm.flavor or dict(flavor)
        if have.get("image") != flavor["image"]:
            self.reasons.append(
                f"{where} was made from {have.get('image')}; flavor {want.flavor} stands on {flavor['image']}, "
                "and a disk keeps its base image: add a VM of another name instead"
            )
        self._check_growth(vm, have, flavor)
        vm.flavor = {**have, "cores": flavor["cores"], "ram_gb": flavor["ram_gb"]}

    def _check_growth(self, vm: VM, have: Mapping[str, Any], flavor: Mapping[str, Any]) -> None:
        """Refuse a VM that grows beyond its worker; what it does not ask more of may be promised too often already."""
        worker = self.cluster.workers.get(vm.worker_ip)
        more = {key: max(0, flavor[key] - have.get(key, 0)) for key in ("cores", "ram_gb")}
        if worker is None or not any(more.values()):
            return
        limits: dict[str, Any] = {key: getattr(worker, key) if more[key] else None for key in more}
        limited = replace(worker, schedulable=True, max_vms=None, disk_gb=None, **limits)
        self.reasons.extend(
            f"VM {self.want.name}/{vm.name} cannot grow: {worker.ip} {why}"
            for why in self.placement.shortages(limited, {**more, "disk_gb": 0})
        )
        load = self.placement.loads[worker.ip]
        load.cores, load.ram_gb = load.cores + more["cores"], load.ram_gb + more["ram_gb"]

    def _settle_password(self, vm: VM, want: WantedVM) -> None:
        have, wanted = displays.version(vm), want.vnc_password_version
        if wanted is None:
            return
        if wanted < have:
            self.reasons.append(
                f"VM {self.want.name}/{vm.name}: its display has password {have}; password {wanted} was given up, "
                "and does not come back"
            )
        set_extra(vm.extra, displays.VERSION, wanted if wanted > 1 else None)

    def _settle_interfaces(self, vm: VM, data_interfaces: int, *, internet: bool) -> None:
        for index in range(len(vm.interfaces), data_interfaces + 1):
            vm.interfaces.append(Interface(f"eth{index}", mac=mac_address(vm.vm_id, index)))
        del vm.interfaces[data_interfaces + 1 :]
        management, network = vm.interfaces[0], self.settings.network
        if internet and management.ip_config is None:
            address = self.allocator.address()
            if address is None:
                self.reasons.append(
                    f"VM {self.want.name}/{vm.name}: no address is free on VLAN {MANAGEMENT_VLAN} "
                    f"({network.first_address} to {network.last_address})"
                )
            management.vlan_id = MANAGEMENT_VLAN
            management.ip_config = {"ip": address or "", "cidr": network.cidr, "gateway": network.gateway}
        elif not internet and management.ip_config is not None:
            if vm.status != "pending":
                releasing(self.slice, "addresses").append(management.ip_config["ip"])
            management.vlan_id, management.ip_config = None, None

    def _settle_limits(self, vm: VM, want: WantedVM) -> None:
        """Give interfaces the limits and faults that are asked for, and no others."""
        asked = {each.name: each for each in want.interfaces}
        for interface in vm.interfaces:
            fields = asked.pop(interface.name).fields if interface.name in asked else {}
            for key in limits.FIELDS:
                set_extra(interface.extra, key, fields.get(key))
        have = some(interface.name for interface in vm.interfaces)
        self.reasons.extend(
            f"VM {self.want.name}/{want.name}: it has no interface {each.name}; its interfaces are {have}"
            for each in asked.values()
            if not each.is_stored
        )

    def _settle_segments(self, wiring: Wiring) -> None:
        """Give links, networks and reservations their VLANs: what stays keeps its own, what goes lets go first."""
        stored = dict.fromkeys(segment_vlans(self.before))
        for _want, old in (*wiring.links, *wiring.networks):
            if old is not None:
                stored.pop(old.vlan_id, None)
        kept, new, dropped = self._reservations()
        let_go(self.slice, [*stored, *dropped], known=self._is_known())
        fresh = self._lease(wiring, len(kept) + len(new), len(new))
        self._connect(wiring, fresh)
        kept += [
            {"vlan_id": vlan_id, **({"name": each.name} if each.name else {})} for each, vlan_id in zip(new, fresh)
        ]
        set_extra(self.slice.extra, "reserved_vlans", kept or None)
        drop_empty_pools(self.slice)

    def _is_known(self) -> bool:
        """Whether any host may have heard of the slice: then it may be on any of its VLANs."""
        return self.before is not None and any(vm.status != "pending" for vm in self.before.vms)

    def _reservations(self) -> tuple[list[dict[str, Any]], list[Reservation], list[int]]:
        """Return the reservations that stay, the wanted ones that are new, and the VLANs of those that go."""
        have: list[dict[str, Any]] = self.slice.extra.get("reserved_vlans", [])
        if self.want.reserved is None:
            return list(have), [], []
        wanted = {each.vlan_id for each in self.want.reserved if each.vlan_id is not None}
        known = {each["vlan_id"] for each in have}
        self.reasons.extend(
            f"slice {self.want.name}: VLAN {vlan_id} is not reserved" for vlan_id in sorted(wanted - known)
        )
        return (
            [each for each in have if each["vlan_id"] in wanted],
            [each for each in self.want.reserved if each.vlan_id is None],
            [each["vlan_id"] for each in have if each["vlan_id"] not in wanted],
        )

    def _lease(self, wiring: Wiring, reserved: int, new_reserved: int) -> Iterator[int]:
        """Return as many free VLANs as are needed, lowest first, from further pools where the slice may hold some."""
        one = self.slice
        needed = new_reserved + sum(old is None for _want, old in (*wiring.links, *wiring.networks))
        room = len(one.pool()) - len(one.vlan_pool_used)
        limit = one.extra.get("max_vlan_pools", 1)
        taken: list[int] = []
        while room < needed and 1 + len(one.further_pools) + len(taken) < limit:
            pool = self.allocator.further_pool()
            if pool is None:
                self.reasons.append(
                    f"slice {self.want.name}: it needs {needed - room} VLANs more and may hold {limit} pools; "
                    "all 100 VLAN pools are held by live slices"
                )
                break
            taken.append(pool)
            room += len(pool_vlans(pool))
        if taken:
            one.extra[FURTHER_POOLS] = sorted([*one.further_pools, *taken])
        self._is_short = room < needed
        if self._is_short:
            self.reasons.append(self._shortage(wiring, reserved))
        used = set(one.vlan_pool_used)
        free = [vlan_id for vlan_id in one.pool() if vlan_id not in used][:needed]
        one.vlan_pool_used.extend(free)
        return iter(free)

    def _shortage(self, wiring: Wiring, reserved: int) -> str:
        one = self.slice
        counts = ((len(wiring.links), "links"), (len(wiring.networks), "networks"), (reserved, "reserved VLANs"))
        total = sum(count for count, _name in counts)
        what = " and ".join(f"{count} {name}" for count, name in counts if count)
        held = len(one.extra.get("releasing", {}).get("vlan_ids", ()))
        waiting = f", {held} of them held until its hosts have let go of removed links" if held else ""
        pools = some(pool_text(number) for number in one.pools)
        return (
            f"slice {self.want.name}: its {what} need {total} VLANs; "
            f"its {'pools' if one.further_pools else 'pool'} {pools} {'hold' if one.further_pools else 'holds'} "
            f"{len(one.pool())}{waiting}"
        )

    def _connect(self, wiring: Wiring, fresh: Iterator[int]) -> None:
        """Make the links and networks, and put every interface of the VMs that stay on what it is on."""
        one = self.slice
        link_ids = iter(range(max((old.link_id for _want, old in wiring.links if old), default=0) + 1, 1 << 31))
        taps: dict[Endpoint, Interface] = {}
        for name, vm in self.live.items():
            for interface in vm.interfaces[1:]:
                interface.vlan_id, interface.link_id = None, None
                taps[Endpoint(name, interface.name)] = interface
        if self._is_short or len(self.live) < len(self.want.vms):
            return
        one.links = []
        for link, old in wiring.links:
            (vm1_id, end1), (vm2_id, end2) = ((self.live[end.vm].vm_id, end.interface or "") for end in link.endpoints)
            made = old or Link(next(link_ids), next(fresh), vm1_id, end1, vm2_id, end2)
            _move(made, (vm1_id, end1), (vm2_id, end2))
            if link.name is not None:
                made.extra["name"] = link.name
            _set_carried(made.extra, link)
            for end in link.endpoints:
                taps[end].vlan_id, taps[end].link_id = made.vlan_id, made.link_id
            one.links.append(made)
        vlans = {link.vlan_id for link in one.links}
        told = [network for network in one.networks if "name" not in network.extra and network.vlan_id in vlans]
        one.networks = [self._network(want, old or next(fresh)) for want, old in wiring.networks]
        for network, (want, _old) in zip(one.networks, wiring.networks):
            for end in want.members:
                taps[end].vlan_id = network.vlan_id
        one.networks.extend(told)
        self._check_subnets()

    def _network(self, want: WantedNetwork, stored: Network | int) -> Network:
        vlan_id = stored if isinstance(stored, int) else stored.vlan_id
        full = networks.complete(want, vlan_id)
        where = f"slice {self.want.name}: network {want.name}"
        self.reasons.extend(f"{where}: {problem}" for problem in networks.problems(full))
        if full.nat and full.cidr is not None:
            overlapping = networks.overlapping(full.cidr, self.settings.infrastructure)
            self.reasons.extend(
                f"{where}: {full.cidr} overlaps {other} of the infrastructure, and nat is true" for other in overlapping
            )
        made = Network(vlan_id, full.cidr or "", full.gateway_ip, full.dhcp_enabled, full.dhcp_range)
        if isinstance(stored, Network):
            made.status, made.extra = stored.status, stored.extra
        made.extra["name"] = want.name
        set_extra(made.extra, "nat", full.nat or None)
        _set_carried(made.extra, want)
        made.extra["members"] = [{"vm_id": self.live[end.vm].vm_id, "interface": end.interface} for end in want.members]
        return made

    def _check_subnets(self) -> None:
        subnets = [(str(each.extra.get("name", each.vlan_id)), each.cidr) for each in self.slice.networks]
        self.reasons.extend(_overlap_problems(self.want, self.settings, subnets))

    def _check_quota(self) -> None:
        """Refuse more VMs than the owner may own; VMs that hosts still have count until they are gone."""
        owner = self.cluster.users[self.want.owner]
        more = len(self.slice.vms) - (len(self.before.vms) if self.before else 0)
        if more > 0 and not owner.can_create_vms(more):
            self.reasons.append(
                f"{owner.username} may own {owner.quota_vms} VMs, owns {owner.used_vms}, asks for {more} more"
            )

    def store(self) -> Slice:
        """Put the slice and what it costs its owner into the cluster."""
        owner = self.cluster.users[self.want.owner]
        owner.used_vms += len(self.slice.vms) - (len(self.before.vms) if self.before else 0)
        if self.before is None:
            owner.slices.append(self.slice.slice_id)
        self.cluster.slices[self.slice.slice_id] = self.slice
        self.cluster.next_vm_id = self.allocator.next_id
        return self.slice


def _move(link: Link, *wanted: tuple[int, str]) -> None:
    """Let a link end where it shall; an end that stays keeps its place."""
    have = (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)
    first, second = wanted
    if first == have[1] or second == have[0]:
        first, second = second, first
    (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface) = first, second


def _set_carried(extra: dict[str, Any], want: WantedLink | WantedNetwork) -> None:
    """Write what a link or network carries beside plain frames."""
    for key, value in limits.segment_fields(want.mtu, qinq=want.qinq, forward_bpdu=want.forward_bpdu).items():
        set_extra(extra, key, value)
