# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Guest set-up with cloud-init: host name, ssh keys and addresses, as files of the data source NoCloud."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import bounds, contract
from ..bounds import DEFAULT_MTU
from ..cluster import slice_label
from ..errors import Refusal
from ..models import VM, Interface, Slice
from ..vm_order import SeedFile
from . import addressing, host_requirements

FIELD = "cloud_init"
"""The extra field of a VM with its set-up."""
ID = "user_data_id"
"""The field of the set-up that identifies the user data."""


@dataclass(frozen=True)
class GuestInterface:
    """The static addresses of an interface in the guest, with their prefix lengths."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class CloudInit:
    """The set-up of a guest.

    Attributes:
        hostname: C(None) for the name of the VM.
        ssh_keys: the public keys of the guest's default user.
        interfaces: the interfaces with static addresses.
        user_data: the text in module arguments, which is never stored here, because it may contain secrets.
        user_data_id: what identifies it.
    """

    hostname: str | None = None
    ssh_keys: tuple[str, ...] = ()
    interfaces: tuple[GuestInterface, ...] = ()
    user_data: str | None = field(default=None, repr=False)
    user_data_id: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> CloudInit | None:
        """Return the set-up in module arguments or in a stored field."""
        if data is None:
            return None
        interfaces = tuple(
            GuestInterface(each["name"], tuple(each.get("addresses") or ())) for each in data.get("interfaces") or ()
        )
        return cls(
            data.get("hostname"),
            tuple(data.get("ssh_keys") or ()),
            interfaces,
            user_data=data.get("user_data"),
            user_data_id=data.get(ID),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the field to store."""
        said: dict[str, Any] = {} if self.hostname is None else {"hostname": self.hostname}
        if self.ssh_keys:
            said["ssh_keys"] = list(self.ssh_keys)
        if self.interfaces:
            said["interfaces"] = [{"name": each.name, "addresses": list(each.addresses)} for each in self.interfaces]
        if self.user_data_id is not None:
            said[ID] = self.user_data_id
        return said


def problems(where: str, want: CloudInit | None) -> Iterator[Refusal]:
    """Yield refusals for a set-up by itself; C(where) is the VM for messages."""
    if want is None:
        return
    if want.hostname is not None:
        yield from bounds.LABEL.problems(where, "host", want.hostname)
    for number, key in enumerate(want.ssh_keys, start=1):
        if not bounds.SSH_KEY.allows(key):
            yield Refusal("invalid_ssh_key", where, {"number": number, "form": bounds.SSH_KEY.rule})
    yield from contract.repeated(where, "interface", [each.name for each in want.interfaces])
    for each in want.interfaces:
        for address in each.addresses:
            yield from _address_problems(f"{where} {each.name}", address)


def stored_problems(vm: VM, slice_: Slice) -> Iterator[Refusal]:
    """Yield refusals for the stored set-up of a VM of a slice, from which C(files) could not be made."""
    return problems(f"VM {slice_label(slice_)}/{vm.name}", _of(vm))


def _address_problems(where: str, address: str) -> Iterator[Refusal]:
    # Python also reads netmasks and zones, which the guest does not.
    if not address.partition("/")[2].isdecimal():
        yield Refusal("guest_address_without_prefix", where, {"got": address})
        return
    if "%" in address:
        yield Refusal("guest_address_with_zone", where, {"got": address})
        return
    try:
        found = ipaddress.ip_interface(address)
    except ValueError as error:
        yield Refusal("invalid_guest_address", where, {"got": address, "why": str(error)})
        return
    network = found.network
    others = {network.network_address} if found.version == 6 else {network.network_address, network.broadcast_address}
    if network.prefixlen < network.max_prefixlen - 1 and found.ip in others:
        yield Refusal("guest_address_of_network", where, {"got": address, "network": str(network)})


def conflicts(slice_: Slice) -> Iterator[Refusal]:
    """Yield refusals for set-ups that do not fit the interfaces of their VMs, and for duplicate addresses."""
    holders: dict[tuple[int, str], list[str]] = defaultdict(list)
    taken, segments = addressing.guest_addresses(slice_), host_requirements.segments(slice_)
    for vm in slice_.live_vms:
        for own in vm.interfaces:
            for address in taken.get((vm.vm_id, own.name), ()):
                holders[own.vlan_id or 0, address.partition("/")[0]].append(f"{vm.name}:{own.name}")
        want, where = _of(vm), f"VM {slice_label(slice_)}/{vm.name}"
        nics = {nic.name: nic for nic in vm.interfaces}
        for each in want.interfaces if want else ():
            nic = nics.get(each.name)
            if nic is None:
                figures = {"kind": "interface", "name": each.name, "known": list(nics)}
                yield Refusal("unknown_reference", where, figures)
            elif nic.ip_config:
                yield Refusal("address_from_dhcp", f"{where} {each.name}", {"got": list(each.addresses)})
            elif nic.vlan_id is not None:
                if any(":" in address for address in each.addresses):
                    mtu = segments.get(nic.vlan_id, {}).get("mtu", DEFAULT_MTU)
                    yield from bounds.IPV6_MTU.problems(f"{where} {each.name}", "mtu with an IPv6 address", mtu)
                known = {address.partition("/")[0] for address in taken.get((vm.vm_id, nic.name), ())}
                for address in each.addresses:
                    if _bare(address) not in known:
                        holders[nic.vlan_id, _bare(address)].append(f"{vm.name}:{each.name}")
    for (_vlan, address), ends in holders.items():
        if len(ends) > 1:
            yield Refusal("guest_address_twice", f"slice {slice_label(slice_)}", {"address": address, "ends": ends})


def oversized(slice_: Slice) -> Iterator[Refusal]:
    """Yield a refusal for each file that is too long, given a slice whose VMs have their UUIDs."""
    segments, taken = host_requirements.segments(slice_), addressing.guest_addresses(slice_)
    for vm in slice_.live_vms:
        for file in files(vm, slice_, segments, taken):
            if not bounds.SEED_FILE.allows(file.content):
                figures = {"file": file.name, "form": bounds.SEED_FILE.rule, "got": len(file.content)}
                yield Refusal("guest_file_too_long", f"VM {slice_label(slice_)}/{vm.name}", figures)


def files(
    vm: VM, slice_: Slice, segments: Mapping[int, Mapping[str, Any]], taken: addressing.GuestAddresses
) -> tuple[SeedFile, ...]:
    """Return the files for the guest, none if it has no set-up.

    Args:
        vm: the VM.
        slice_: its slice.
        segments: the C(mtu) of links and networks by VLAN, if it is not the default.
        taken: the addresses of the slice's address plan.
    """
    want = _of(vm)
    if want is None:
        return ()
    network = _json(
        {"version": 2, "ethernets": {**_loopback(vm), **dict(_ethernets(vm, want, slice_, segments, taken))}}
    )
    hostname = want.hostname or vm.name
    meta: dict[str, Any] = {"local-hostname": hostname}
    user: dict[str, Any] = {"hostname": hostname, "preserve_hostname": False}
    if want.ssh_keys and want.user_data_id is None:
        user["ssh_authorized_keys"] = list(want.ssh_keys)
    elif want.ssh_keys:
        # In vendor data, they would be replaced by those in the user data.
        meta["public-keys"] = list(want.ssh_keys)
    name, config = "user-data" if want.user_data_id is None else "vendor-data", "#cloud-config\n" + _json(user)
    # cloud-init applies everything again if the id of the instance is another one.
    version = hashlib.sha256("".join([config, network, *meta.get("public-keys", ()), want.user_data_id or ""]).encode())
    meta = {"instance-id": f"{vm.uuid or vm.vm_id}-{version.hexdigest()[:8]}", **meta}
    return (
        SeedFile("meta-data", _json(meta)),
        SeedFile(name, config),
        SeedFile("network-config", network),
    )


def _of(vm: VM) -> CloudInit | None:
    return CloudInit.read(vm.extra.get(FIELD))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1) + "\n"


def _bare(address: str) -> str:
    return str(ipaddress.ip_interface(address).ip)


def _static(vm: VM, want: CloudInit, taken: addressing.GuestAddresses) -> dict[str, list[str]]:
    """Return the addresses of interfaces by name: those of the slice's address plan, then those of the set-up."""
    found = {nic.name: list(taken.get((vm.vm_id, nic.name), ())) for nic in vm.interfaces}
    for each in want.interfaces:
        own = found.setdefault(each.name, [])
        known = {address.partition("/")[0] for address in own}
        own += [address for address in each.addresses if _bare(address) not in known]
    return found


def _loopback(vm: VM) -> dict[str, Any]:
    stored = vm.extra.get(addressing.LOOPBACK, {})
    addresses = [f"{ip}/{addressing.LENGTHS[addressing.LOOPBACKS][6 if ':' in ip else 4]}" for ip in stored.values()]
    return {"lo": {"match": {"name": "lo"}, "addresses": addresses}} if addresses else {}


def _ethernets(
    vm: VM,
    want: CloudInit,
    slice_: Slice,
    segments: Mapping[int, Mapping[str, Any]],
    taken: addressing.GuestAddresses,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the interfaces in version 2 of cloud-init's network configuration, which is that of netplan."""
    static = _static(vm, want, taken)
    gateways = {network.vlan_id: network.gateway_ip for network in slice_.networks if "name" in network.extra}
    has_route = any(_has_dhcp(nic, slice_) for nic in vm.interfaces)
    awaited = _awaited(vm, static, slice_)
    for nic in vm.interfaces:
        said: dict[str, Any] = {"match": {"macaddress": nic.mac}, "set-name": nic.name}
        if nic.name != awaited:
            said["optional"] = True
        mtu = segments.get(nic.vlan_id or 0, {}).get("mtu", DEFAULT_MTU)
        if mtu != DEFAULT_MTU:
            said["mtu"] = mtu
        addresses = static.get(nic.name, ())
        if addresses:
            said["addresses"] = list(addresses)
        if _has_dhcp(nic, slice_) and all(":" in address for address in addresses):
            said["dhcp4"] = True
        gateway = gateways.get(nic.vlan_id or 0)
        if (
            gateway is not None
            and not has_route
            and any(":" not in each for each in taken.get((vm.vm_id, nic.name), ()))
        ):
            # What DHCP would tell a member. A guest needs one default route.
            said["routes"], has_route = [{"to": "0.0.0.0/0", "via": gateway}], True
            said["nameservers"] = {"addresses": [gateway]}
        yield nic.name, said


def _awaited(vm: VM, static: Mapping[str, list[str]], slice_: Slice) -> str | None:
    """Return the interface for which the guest waits when it boots.

    One is enough for C(network-online.target). Without any, systemd-networkd waits for 2 minutes, and then fails.
    """
    connected = [nic for nic in vm.interfaces if nic.vlan_id is not None]
    ranked = sorted(connected, key=lambda nic: (not _has_dhcp(nic, slice_), not static.get(nic.name)))
    return ranked[0].name if ranked else None


def _has_dhcp(nic: Interface, slice_: Slice) -> bool:
    return bool(nic.ip_config) or any(
        network.vlan_id == nic.vlan_id and network.dhcp_enabled for network in slice_.networks
    )
