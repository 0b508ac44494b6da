# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settle a topology: from what a tenant asks for to what is allocated, all of it or nothing.

What exists and is asked for again keeps everything it holds. What hosts may have heard of is not forgotten here:
a VM that goes becomes C(deleting), and VLANs and addresses that are given up stay held as C(releasing), until the
hosts have reported that they are gone (C(reporting)).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..cluster import Cluster, slice_label
from ..errors import Refused
from ..models import MANAGEMENT_VLAN, VM, Interface, Link, Slice
from . import wanted
from .allocation import Allocator, ManagementNetwork, mac_address, pool_text
from .placement import Placement
from .wanted import Endpoint, WantedLink, WantedSlice, WantedVM

End = tuple[int, str]


@dataclass(frozen=True)
class Settings:
    """What an operator decides for the whole cluster.

    Attributes:
        network: VLAN 400.
        state_dir: the folder on every worker below which overlays and base images lie.
        placement: the placement policy.
    """

    network: ManagementNetwork = field(default_factory=ManagementNetwork)
    state_dir: str = "/var/lib/cloudrepo"
    placement: str = "round_robin"


def settle(cluster: Cluster, want: WantedSlice, settings: Settings, *, acting_user: str) -> Slice:
    """Make C(cluster) hold the slice as asked for, and return it.

    Raises:
        Refused: with every rule that is broken; the cluster is then as it was.
    """
    before = cluster.find_slice(want.owner, want.name)
    reasons = [
        *settings.network.problems(),
        *wanted.problems(want),
        *_standing_problems(cluster, want, before, acting_user),
        *_flavor_problems(cluster, want),
    ]
    if reasons:
        raise Refused(reasons)
    draft = _Draft(cluster, want, settings, before)
    draft.settle_vms()
    draft.settle_links()
    draft.check_quota()
    if draft.reasons:
        raise Refused(draft.reasons)
    return draft.store()


def not_permitted(cluster: Cluster, acting_user: str, owner: str, name: str) -> list[str]:
    """Return why the user may not touch the owner's slice of that name; nothing where it may."""
    if acting_user not in cluster.users:
        return [f"acting user {acting_user} does not exist; users are {', '.join(cluster.users)}"]
    if acting_user != owner and not cluster.is_admin(acting_user):
        return [f"slice {name}: {acting_user} is neither its owner {owner} nor an admin"]
    return []


def _standing_problems(cluster: Cluster, want: WantedSlice, before: Slice | None, acting_user: str) -> Iterable[str]:
    yield from not_permitted(cluster, acting_user, want.owner, want.name)
    if want.owner not in cluster.users:
        yield f"slice {want.name}: its owner {want.owner} does not exist; users are {', '.join(cluster.users)}"
    if before is not None and before.status == "deleting":
        yield f"slice {want.name} ({before.slice_id}) is being deleted; deploy it anew when it is gone"


def _flavor_problems(cluster: Cluster, want: WantedSlice) -> Iterable[str]:
    for name in sorted({vm.flavor for vm in want.vms}):
        users = ", ".join(vm.name for vm in want.vms if vm.flavor == name)
        flavor = cluster.flavors.get(name)
        if flavor is None:
            known = ", ".join(cluster.flavors) or "none"
            yield f"slice {want.name}: flavor {name} of {users} does not exist; flavors are {known}"
        elif "checksum" not in flavor:
            yield (
                f"slice {want.name}: flavor {name} of {users} has no base image: {flavor['image']} was never "
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
        self.live = {vm.name: vm for vm in self.slice.vms if vm.status != "deleting"}

    def _start(self) -> Slice:
        if self.before is not None:
            return Slice.from_dict(self.before.to_dict())
        slice_id = self.allocator.slice_id()
        if slice_id is None:
            self.reasons.append(f"slice {self.want.name}: all 100 VLAN pools are held by live slices")
        draft = Slice(slice_id or 0, self.want.owner)
        draft.extra["name"] = self.want.name
        return draft

    def settle_vms(self) -> None:
        """Keep, change and add VMs in the order asked for; those that go stay at the end while hosts know them."""
        leaving = [vm for vm in self.slice.vms if vm.status == "deleting"]
        for name in [name for name in self.live if name not in {vm.name for vm in self.want.vms}]:
            vm = self.live.pop(name)
            if vm.status != "pending":
                vm.status = "deleting"
                leaving.append(vm)
        settled = []
        for want in self.want.vms:
            vm = self.live.get(want.name) or self._new_vm(want)
            self._settle_size(vm, want)
            self._settle_interfaces(vm, want)
            self.live[want.name] = vm
            settled.append(vm)
        self.slice.vms = settled + leaving

    def _new_vm(self, want: WantedVM) -> VM:
        flavor = self.cluster.flavors[want.flavor]
        vm_id, vnc_port = self.allocator.vm_id(), self.allocator.vnc_port()
        worker_ip = self.placement.place(flavor, want.worker)
        if worker_ip is None:
            self.reasons.append(self.placement.refusal(f"{self.want.name}/{want.name}", flavor, want.worker))
        if vnc_port is None:
            self.reasons.append(f"VM {self.want.name}/{want.name}: no VNC port is free")
        return VM(
            vm_id,
            want.name,
            self.want.owner,
            worker_ip or "",
            vnc_port or 0,
            [],
            flavor=dict(flavor),
            qcow_image=f"{self.settings.state_dir}/vms/{vm_id}/{want.name}_img.qcow2",
        )

    def _settle_size(self, vm: VM, want: WantedVM) -> None:
        flavor, where = self.cluster.flavors[want.flavor], f"VM {self.want.name}/{vm.name}"
        have: dict[str, Any] = vm.flavor or dict(flavor)
        if have["image"] != flavor["image"]:
            self.reasons.append(
                f"{where} was made from {have['image']}; flavor {want.flavor} stands on {flavor['image']}, "
                "and a disk keeps its base image: add a VM of another name instead"
            )
        if want.worker not in (None, vm.worker_ip) and vm.worker_ip:
            self.reasons.append(f"{where} is on worker {vm.worker_ip}; it cannot be moved to {want.worker}")
        vm.flavor = {**have, "cores": flavor["cores"], "ram_gb": flavor["ram_gb"]}

    def _settle_interfaces(self, vm: VM, want: WantedVM) -> None:
        for index in range(len(vm.interfaces), want.data_interfaces + 1):
            vm.interfaces.append(Interface(f"eth{index}", mac=mac_address(vm.vm_id, index)))
        del vm.interfaces[want.data_interfaces + 1 :]
        management, network = vm.interfaces[0], self.settings.network
        if want.internet and management.ip_config is None:
            address = self.allocator.address()
            if address is None:
                self.reasons.append(
                    f"VM {self.want.name}/{vm.name}: no address is free on VLAN {MANAGEMENT_VLAN} "
                    f"({network.first_address} to {network.last_address})"
                )
            management.vlan_id = MANAGEMENT_VLAN
            management.ip_config = {"ip": address or "", "cidr": network.cidr, "gateway": network.gateway}
        elif not want.internet and management.ip_config is not None:
            if vm.status != "pending":
                self._release("addresses", management.ip_config["ip"])
            management.vlan_id, management.ip_config = None, None

    def settle_links(self) -> None:
        """Keep the links that are asked for again with their VLANs, let the others go, then lease new ones."""
        stored = {_ends(link): link for link in self.slice.links}
        wanted_ends = self._resolve(stored)
        for ends in [ends for ends in stored if ends not in wanted_ends]:
            self._drop_link(stored.pop(ends))
        room = len(self.slice.pool()) - len(self.slice.vlan_pool_used)
        short = len(wanted_ends) - len(stored) - room
        if short > 0:
            held = len(self.slice.vlan_pool_used) - len(stored)
            waiting = f", {held} of them held until its hosts have let go of removed links" if held else ""
            self.reasons.append(
                f"slice {self.want.name}: its {len(wanted_ends)} links need {len(wanted_ends)} VLANs; "
                f"its pool {pool_text(self.slice.slice_id)} holds {len(self.slice.pool())}{waiting}"
            )
            return
        self.slice.links = [stored.get(ends) or self._new_link(ends) for ends in wanted_ends]
        taps = {(vm.vm_id, interface.name): interface for vm in self.live.values() for interface in vm.interfaces}
        for ends, link in zip(wanted_ends, self.slice.links):
            for end in ends:
                taps[end].vlan_id, taps[end].link_id = link.vlan_id, link.link_id

    def _drop_link(self, link: Link) -> None:
        self.slice.links.remove(link)
        ends = {(link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)}
        touched = [vm for vm in self.slice.vms if vm.vm_id in (link.vm1_id, link.vm2_id)]
        for vm in touched:
            for interface in vm.interfaces:
                if (vm.vm_id, interface.name) in ends and vm.status != "deleting":
                    interface.vlan_id, interface.link_id = None, None
        if any(vm.status != "pending" for vm in touched):
            self._release("vlan_ids", link.vlan_id)
        else:
            self.slice.vlan_pool_used.remove(link.vlan_id)

    def _new_link(self, ends: tuple[End, End]) -> Link:
        link_id = max((link.link_id for link in self.slice.links), default=0) + 1
        vlan_id = self.slice.get_next_vlan()
        if vlan_id is None:
            raise AssertionError("the pool was counted before")
        link = Link(link_id, vlan_id, *ends[0], *ends[1])
        self.slice.links.append(link)
        return link

    def _resolve(self, stored: dict[tuple[End, End], Link]) -> list[tuple[End, End]]:
        """Return the two ends of every wanted link: endpoints without an interface keep the one of a stored link
        between the same VMs, or get the lowest free one."""
        resolved: dict[int, tuple[End, End]] = {}
        taken = {
            (self.live[end.vm].vm_id, end.interface)
            for link in self.want.links
            for end in link.endpoints
            if end.interface is not None
        }
        unused = dict(stored)
        for exact in (True, False):
            for number, link in enumerate(self.want.links):
                complete = all(end.interface is not None for end in link.endpoints)
                match = next((ends for ends in unused if self._fits(link, ends)), None) if complete is exact else None
                if match is not None:
                    del unused[match]
                    resolved[number] = match
                    taken.update(match)
        for number, link in enumerate(self.want.links):
            if number not in resolved:
                first, second = (self._take_end(end, taken) for end in link.endpoints)
                resolved[number] = (first, second)
        return [resolved[number] for number in range(len(self.want.links))]

    def _fits(self, link: WantedLink, ends: tuple[End, End]) -> bool:
        def fits(endpoint: Endpoint, end: End) -> bool:
            return self.live[endpoint.vm].vm_id == end[0] and endpoint.interface in (None, end[1])

        first, second = link.endpoints
        return (fits(first, ends[0]) and fits(second, ends[1])) or (fits(first, ends[1]) and fits(second, ends[0]))

    def _take_end(self, endpoint: Endpoint, taken: set[End]) -> End:
        vm = self.live[endpoint.vm]
        interface = endpoint.interface or next(
            one.name for one in vm.interfaces[1:] if (vm.vm_id, one.name) not in taken
        )
        taken.add((vm.vm_id, interface))
        return vm.vm_id, interface

    def _release(self, what: str, value: Any) -> None:
        held = self.slice.extra.setdefault("releasing", {}).setdefault(what, [])
        held.append(value)

    def check_quota(self) -> None:
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


def remove(cluster: Cluster, one: Slice) -> None:
    """Let a slice go: at once where no host has heard of it, else it stays C(deleting) until its hosts report."""
    for vm in [vm for vm in one.vms if vm.status == "pending"]:
        one.vms.remove(vm)
        cluster.users[one.owner].used_vms -= 1
    for vm in one.vms:
        vm.status = "deleting"
    one.status = "deleting"
    if not one.vms and "releasing" not in one.extra:
        forget(cluster, one)


def forget(cluster: Cluster, one: Slice) -> None:
    """Take a slice without VMs out of the cluster; its pool and its id's pool are free from now on."""
    cluster.users[one.owner].slices.remove(one.slice_id)
    del cluster.slices[one.slice_id]


def is_called(one: Slice, name: str, owner: str | None) -> bool:
    """Return whether the slice answers to that name or id, and is the owner's where one is given."""
    return name in (slice_label(one), str(one.slice_id)) and owner in (None, one.owner)


def find(cluster: Cluster, name: str, owner: str | None = None) -> Slice:
    """Return the slice of that name or id.

    Raises:
        Refused: no slice is called so, or several are and C(owner) does not tell which.
    """
    found = [one for one in cluster.slices.values() if is_called(one, name, owner)]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{one.slice_id} of {one.owner}" for one in found)
        raise Refused([f"{len(found)} slices are called {name} ({several}); name the owner or the id"])
    known = ", ".join(f"{slice_label(one)} ({one.slice_id})" for one in cluster.slices.values()) or "none"
    whose = f" of {owner}" if owner else ""
    raise Refused([f"no slice{whose} is called {name}; slices are {known}"])


def _ends(link: Link) -> tuple[End, End]:
    return (link.vm1_id, link.vm1_interface), (link.vm2_id, link.vm2_interface)
