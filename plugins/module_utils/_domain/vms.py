# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates and changes the VMs of a slice, and allocates their worker, id, VNC port, interfaces and address.

A VM that stays keeps its allocations. A VM that is removed becomes C(deleting) if it has been handed out to hosts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ..cluster import Cluster
from ..errors import Refusal
from ..models import VM, Interface, Slice
from . import cd, cloud_init, data_disks, displays, host_requirements, kinds, readiness, startup
from .allocation import Allocator, mac_address
from .match import Matches, in_stored_order
from .placement import POLICIES, Placement
from .teardown import releasing, set_extra
from .topology_spec import WantedSlice, WantedVM

_NOT_OF_VMS = ("virtual_size_gb", cd.CONTENT, kinds.FIELD)
"""Fields of flavors that VMs do not have in theirs."""


@dataclass
class VmBuilder:
    """Changes the VMs of C(slice) to those of C(want); C(refusals) contains the violations that were found."""

    cluster: Cluster
    want: WantedSlice
    slice: Slice
    allocator: Allocator
    placement: Placement
    state_dir: str
    refusals: list[Refusal] = field(default_factory=list)

    def build(self, matches: Matches) -> dict[str, VM]:
        """Keep, change and add VMs: the stored ones in their order, the new ones, and those that are being deleted.

        Returns:
            The VMs that are not being deleted, by name.
        """
        live: dict[str, VM] = {}
        needed, ends = matches.data_interfaces(), matches.count_ends()
        staying = {vm.vm_id for vm in matches.vms.values()}
        leaving = [vm for vm in self.slice.vms if vm.vm_id not in staying and vm.handed_out]
        for gone in leaving:
            gone.deleting = True
        for want in self.want.vms:
            stored = matches.vms.get(want.name)
            vm, before = stored or self._new_vm(want), stored.size if stored else None
            if vm is not None:
                vm.name = want.name
                self._set_size(vm, want)
                self.refusals += data_disks.assign(self.slice, vm, want.data_disks, f"VM {self.want.name}/{vm.name}")
                self._check_growth(vm, before)
                self._set_placement(vm, want)
                vm.power = want.power or vm.power
                set_extra(vm.extra, "title", want.title)
                self._set_guest(vm, want)
                self.refusals += cd.assign(vm, want, self.cluster.flavors, f"VM {self.want.name}/{vm.name}")
                set_extra(vm.extra, "data_interfaces", want.data_interfaces)
                self._set_password(vm, want)
                count = needed.get(want.name, 0) if want.data_interfaces is None else want.data_interfaces
                if count > max(len(vm.interfaces) - 1, ends[want.name]) and want.data_interfaces is None:
                    own = f"eth{count}" if want.of_kind is None else want.of_kind.own_name(f"eth{count}")
                    named = kinds.both_names(f"eth{count}", own)
                    figures = {"segments": ends[want.name], "highest": count, "named": named}
                    self._refuse("interface_without_segment", want.name, figures)
                self._set_interfaces(vm, count, internet=want.internet)
                kinds.set_kind(vm, want.of_kind)
                self._set_limits(vm, want)
                live[want.name] = vm
        self.slice.vms = [*in_stored_order(live.values(), self.slice.vms, lambda vm: vm.vm_id), *leaving]
        return live

    def _new_vm(self, want: WantedVM) -> VM | None:
        if want.flavor is None:
            self._refuse("vm_without_flavor", want.name)
            return None
        flavor = self._with_image(want, self.cluster.flavors[want.flavor])
        if flavor.get(cd.CONTENT) == cd.ONLY_CD:
            self._refuse("cd_is_no_disk", want.name, {"flavor": want.image or want.flavor, "image": flavor["image"]})
        least = flavor.get("virtual_size_gb")
        if want.image is not None and least is not None and flavor["disk_gb"] < least:
            self._refuse("disk_smaller_than_image", want.name, {"got": flavor["disk_gb"], "least": least})
        vm_id, vnc_port = self.allocator.vm_id(), self.allocator.vnc_port()
        size = {**flavor, "disk_gb": flavor["disk_gb"] + data_disks.total_gb(want.data_disks)}
        worker_ip = self.placement.place(size, want.worker)
        if worker_ip is None:
            self.refusals.append(self.placement.refusal(f"VM {self.want.name}/{want.name}", size, want.worker))
        if vnc_port is None:
            self._refuse("no_free_vnc_port", want.name, {"first": FIRST_VNC_PORT, "last": LAST_VNC_PORT})
        vm = VM(
            vm_id,
            want.name,
            self.want.owner,
            worker_ip or "",
            vnc_port or 0,
            [],
            flavor={**{key: value for key, value in flavor.items() if key not in _NOT_OF_VMS}, "name": want.flavor},
            qcow_image=f"{self.state_dir}/vms/{vm_id}/{want.name}_img.qcow2",
        )
        if want.worker is None and self.placement.policy != POLICIES[0]:
            vm.extra["placement"] = {"policy": self.placement.policy}
        return vm

    @staticmethod
    def _set_guest(vm: VM, want: WantedVM) -> None:
        set_extra(vm.extra, cloud_init.FIELD, _set_up(want.cloud_init, vm.extra.get(cloud_init.FIELD)))
        set_extra(vm.extra, readiness.FIELD, None if want.ready_when is None else want.ready_when.to_dict())
        set_extra(vm.extra, startup.FIELD, None if want.startup is None else want.startup.to_dict())

    def _set_size(self, vm: VM, want: WantedVM) -> None:
        if want.worker not in (None, vm.worker_ip) and vm.worker_ip:
            self._refuse("worker_is_fixed", vm.name, {"worker": vm.worker_ip, "got": want.worker})
        if want.flavor is None:
            if want.image not in (None, vm.extra.get("image")):
                self._name_image(vm, want.image)
            return
        flavor = self._with_image(want, self.cluster.flavors[want.flavor])
        have: dict[str, Any] = vm.flavor or dict(flavor)
        if have.get("image") != flavor["image"]:
            self._refuse_image(vm, want.image or want.flavor, flavor["image"])
        set_extra(vm.extra, "image", want.image)
        disk_gb = self._grown(vm, want.flavor, have, flavor["disk_gb"])
        size = {"cores": flavor["cores"], "ram_gb": flavor["ram_gb"], "disk_gb": disk_gb}
        vm.flavor = {**have, **size, "name": want.flavor}

    def _grown(self, vm: VM, name: str, have: Mapping[str, Any], disk_gb: float) -> float:
        """Return the size of the first disk, which never shrinks: not if its flavor does, and not for another one."""
        stored: float = have.get("disk_gb", disk_gb)
        if disk_gb < stored and name != have.get("name", name):
            figures = {"disk": f"the disk of flavor {name}", "size": stored, "got": disk_gb}
            self._refuse("disk_cannot_shrink", vm.name, figures)
        return max(stored, disk_gb)

    def _with_image(self, want: WantedVM, flavor: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the flavor with the image of another one, if the VM wants that."""
        if want.image is None:
            return flavor
        other = self.cluster.flavors[want.image]
        return {**flavor, **{key: other.get(key) for key in ("image", "checksum", "virtual_size_gb", cd.CONTENT)}}

    def _name_image(self, vm: VM, name: str) -> None:
        """Store the name of another flavor with the same image."""
        flavor = self.cluster.flavors.get(name)
        if flavor is None:
            known = list(self.cluster.flavors)
            self._refuse("unknown_reference", vm.name, {"kind": "flavor", "name": name, "known": known})
        elif vm.flavor is None or flavor["image"] != vm.flavor.get("image"):
            self._refuse_image(vm, name, flavor["image"])
        vm.extra["image"] = name

    def _refuse_image(self, vm: VM, flavor: str, image: str) -> None:
        held = None if vm.flavor is None else vm.flavor.get("image")
        self._refuse("image_is_fixed", vm.name, {"image": held, "flavor": flavor, "got": image})

    def _set_placement(self, vm: VM, want: WantedVM) -> None:
        """Store the worker that the VM is pinned to. A VM that is no longer pinned stays on its worker."""
        if want.worker is not None:
            vm.extra["placement"] = {"worker": want.worker}
        elif vm.pinned_to is not None:
            del vm.extra["placement"]

    def _check_growth(self, vm: VM, before: Mapping[str, Any] | None) -> None:
        """Refuse growth beyond the worker's capacity. Resources that do not grow may be overcommitted already."""
        worker, now = self.cluster.workers.get(vm.worker_ip), vm.size
        if worker is None or before is None or now is None:
            return
        more = {key: max(0, now[key] - before.get(key, 0)) for key in ("cores", "ram_gb", "disk_gb")}
        if not any(more.values()):
            return
        offers: dict[str, Any] = {key: getattr(worker, key) if more[key] else None for key in more}
        shortages = self.placement.shortages(replace(worker, max_vms=None, **offers), more)
        if shortages:
            self._refuse("no_room_to_grow", vm.name, {"shortages": shortages})
        self.placement.grow(worker.ip, **more)

    def _set_password(self, vm: VM, want: WantedVM) -> None:
        have, wanted = displays.version(vm), want.vnc_password_version
        if wanted is None:
            return
        if wanted < have:
            self._refuse("password_version_lowered", vm.name, {"version": have, "got": wanted})
        set_extra(vm.extra, displays.VERSION, wanted if wanted > 1 else None)

    def _set_interfaces(self, vm: VM, data_interfaces: int, *, internet: bool) -> None:
        count = data_interfaces + 1
        for index in range(len(vm.interfaces), count):
            vm.interfaces.append(Interface(f"eth{index}", mac=mac_address(vm.vm_id, index)))
        del vm.interfaces[count:]
        management, network, vlan = vm.interfaces[0], self.allocator.network, self.allocator.vlans.management
        if internet and management.ip_config is None:
            address = self.allocator.address()
            if address is None:
                figures = {"vlan": vlan, "first": network.first_address, "last": network.last_address}
                self._refuse("no_free_address", vm.name, figures)
            management.vlan_id = vlan
            management.ip_config = {"ip": address or "", "cidr": network.cidr, "gateway": network.gateway}
        elif not internet and management.ip_config is not None:
            if vm.handed_out:
                releasing(self.slice, "addresses").append(management.ip_config["ip"])
            management.vlan_id, management.ip_config = None, None

    def _set_limits(self, vm: VM, want: WantedVM) -> None:
        """Set the limits and faults of all interfaces, and remove those that are no longer desired."""
        asked = {each.name: each for each in want.interfaces}
        for interface in vm.interfaces:
            fields = asked.pop(interface.name).fields if interface.name in asked else {}
            for key in host_requirements.FIELDS:
                set_extra(interface.extra, key, fields.get(key))
        known = [interface.name for interface in vm.interfaces]
        for each in asked.values():
            if not each.is_stored:
                self._refuse("unknown_reference", want.name, {"kind": "interface", "name": each.name, "known": known})

    def _refuse(self, code: str, vm: str, figures: Mapping[str, Any] | None = None) -> None:
        self.refusals.append(Refusal(code, f"VM {self.want.name}/{vm}", figures or {}))


def _set_up(want: cloud_init.CloudInit | None, stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the set-up of a guest to store, whose keys and interfaces stay in their order: that is no other set-up.

    Neither is another spelling of addresses.
    """
    if want is None:
        return None
    have = cloud_init.CloudInit.read(stored or {}) or want
    held = {interface.name: interface for interface in have.interfaces}
    interfaces = [_as_stored(each, held.get(each.name)) for each in want.interfaces]
    return replace(
        want,
        ssh_keys=tuple(in_stored_order(want.ssh_keys, have.ssh_keys, str)),
        interfaces=tuple(in_stored_order(interfaces, have.interfaces, lambda interface: interface.name)),
    ).to_dict()


def _as_stored(want: cloud_init.GuestInterface, stored: cloud_init.GuestInterface | None) -> cloud_init.GuestInterface:
    """Return the stored interface if it has the same addresses. Their order matters only within an IP version."""
    try:
        is_same = stored is not None and all(_of_version(each, want) == _of_version(each, stored) for each in (4, 6))
    except ValueError:  # somebody has edited the database, and what is wanted replaces it
        is_same = False
    return stored if stored is not None and is_same else want


def _of_version(version: int, interface: cloud_init.GuestInterface) -> list[Any]:
    found = [ipaddress.ip_interface(address) for address in interface.addresses]
    return [each for each in found if each.version == version]
