# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work orders: what each host has to hold of the chosen slices (see docs/work-order.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..cluster import Cluster
from ..errors import Refused
from ..models import VM, Network, Slice
from ..vlans import MANAGEMENT_VLAN
from . import displays, host_requirements
from .allocation import server_ip, tap_name

GIB = 1024**3


def hand_out(slices: Iterable[Slice]) -> None:
    """Mark that hosts will hear of these VMs: from now on they are only forgotten when their host has let go."""
    for vm in _live(slices):
        if vm.status == "pending":
            vm.status = "design"


def work_orders(cluster: Cluster, slices: Sequence[Slice], state_dir: str) -> dict[str, Any]:
    """Return C({workers: {ip: order}, network_node: order}) for the slices.

    Every worker of the cluster gets an order, so that left-overs go wherever they are.
    """
    carried = {slice_.slice_id: host_requirements.segments(slice_) for slice_ in slices}
    dated = {} if cluster.revision is None else {"revision": cluster.revision}
    return {
        "workers": {
            ip: {
                "worker_ip": ip,
                "images": _images((vm for vm in _live(slices) if vm.worker_ip == ip), state_dir),
                "slices": [
                    {
                        "slice_id": slice_.slice_id,
                        **dated,
                        "peers": _peers(slice_),
                        "vms": [
                            _vm(cluster, vm, state_dir, carried[slice_.slice_id])
                            for vm in _live([slice_])
                            if vm.worker_ip == ip
                        ],
                    }
                    for slice_ in slices
                ],
            }
            for ip in cluster.workers
        },
        "network_node": {
            "slices": [
                {
                    "slice_id": slice_.slice_id,
                    **dated,
                    "reservations": _reservations(slice_),
                    "networks": _networks(slice_),
                }
                for slice_ in slices
            ],
        },
    }


def fingerprint(slice_: Slice) -> str:
    """Return what tells whether an order is still the slice's: its VMs, and what it has given up.

    A report that answers an older order says nothing of what was given up after that order was made.
    """
    parts: list[Any] = [
        slice_.status == "deleting",
        sorted((vm.vm_id, vm.status == "deleting") for vm in slice_.vms),
        {what: sorted(held) for what, held in slice_.extra.get("releasing", {}).items()},
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def base_image_path(state_dir: str, checksum: str) -> str:
    """Return where a worker keeps a base image: under its content's name, so that it never changes in place."""
    return f"{state_dir}/images/{checksum}.img"


def _live(slices: Iterable[Slice]) -> list[VM]:
    return [vm for slice_ in slices for vm in slice_.live_vms]


def _flavor(vm: VM) -> dict[str, Any]:
    if vm.flavor is None or "checksum" not in vm.flavor:
        raise Refused([f"VM {vm.name} ({vm.vm_id}) has no base image: its flavor was stored without a checksum"])
    return vm.flavor


def _images(vms: Iterable[VM], state_dir: str) -> list[dict[str, str]]:
    flavors = {_flavor(vm)["checksum"]: _flavor(vm) for vm in vms}
    return [
        {"checksum": checksum, "path": base_image_path(state_dir, checksum), "source": flavor["image"]}
        for checksum, flavor in flavors.items()
    ]


def _vm(cluster: Cluster, vm: VM, state_dir: str, segments: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    flavor = _flavor(vm)
    return {
        "vm_id": vm.vm_id,
        "name": vm.name,
        "cores": flavor["cores"],
        "ram_mib": round(flavor["ram_gb"] * 1024),
        "disk_bytes": round(flavor["disk_gb"] * GIB) // 512 * 512,
        "overlay": vm.qcow_image,
        "backing_file": base_image_path(state_dir, flavor["checksum"]),
        "vnc_port": vm.vnc_port,
        "vnc_password_id": displays.password_id(cluster, vm),
        "interfaces": [
            {
                "name": interface.name,
                "tap": tap_name(vm.vm_id, interface.name),
                "mac": interface.mac,
                "vlan_id": interface.vlan_id,
                "link_id": interface.link_id,
                "address": interface.ip_config["ip"] if interface.ip_config else None,
                **host_requirements.stored(interface).fields,
                **segments.get(interface.vlan_id or 0, {}),
            }
            for interface in vm.interfaces
        ],
    }


def _peers(slice_: Slice) -> list[dict[str, Any]]:
    """The interfaces on VLAN 400 that meet there, which the owner decides by the slice's C(peers)."""
    if not slice_.extra.get("peers", False):
        return []
    return [
        {"mac": interface.mac, "address": interface.ip_config["ip"] if interface.ip_config else None}
        for vm in _live([slice_])
        for interface in vm.interfaces
        if interface.vlan_id == MANAGEMENT_VLAN
    ]


def _reservations(slice_: Slice) -> list[dict[str, Any]]:
    return [
        {"vm_id": vm.vm_id, "name": vm.name, "mac": interface.mac, "ip": interface.ip_config["ip"]}
        for vm in _live([slice_])
        for interface in vm.interfaces
        if interface.ip_config
    ]


def _networks(slice_: Slice) -> list[dict[str, Any]]:
    """The networks that want something of the network node.

    One without members is left out: what is handed out with no VM would be forgotten before its host has let go.
    """
    vms = {vm.vm_id: vm for vm in _live([slice_])}
    return [
        {
            "vlan_id": network.vlan_id,
            "name": network.extra["name"],
            "cidr": network.cidr,
            "server_ip": server_ip(network.cidr, network.gateway_ip),
            "gateway": network.gateway_ip is not None,
            "dhcp_range": network.dhcp_range if network.dhcp_enabled else None,
            "nat": network.extra.get("nat", False),
            "members": members,
            **({"mtu": network.extra["mtu"]} if "mtu" in network.extra else {}),
        }
        for network in slice_.networks
        if "name" in network.extra and (network.gateway_ip is not None or network.dhcp_enabled)
        if (members := _members(network, vms))
    ]


def _members(network: Network, vms: Mapping[int, VM]) -> list[dict[str, Any]]:
    return [
        {"name": vms[each["vm_id"]].name, "mac": interface.mac}
        for each in network.extra.get("members", ())
        if each["vm_id"] in vms
        for interface in vms[each["vm_id"]].interfaces
        if interface.name == each["interface"]
    ]
