# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for quota, capacity and allocation."""

from __future__ import annotations

from .rule import Rule

CAPACITY = {
    "quota_exceeded": Rule(
        "a user may own quota_vms VMs", "{quota} VMs allowed, {used} owned, {requested} more requested"
    ),
    "no_workers": Rule(
        "a VM needs a worker",
        "the cluster has no workers",
        "run cloudrepo.slices.site, which registers the workers of the inventory",
    ),
    "not_schedulable": Rule("a worker takes new VMs while schedulable is true", "schedulable is false"),
    "worker_lost": Rule("a worker takes new VMs unless it is lost", "state is lost"),
    "capacity_unknown": Rule(
        "a worker takes new VMs once its cores and ram_gb are known",
        "it has no value for {unknown}",
        "run cloudrepo.slices.site, or set cores and ram_gb with the module worker",
    ),
    "resource_exhausted": Rule(
        "a worker allocates no more than it has",
        "{total} {resource} total, {allocated} allocated, {requested} requested",
    ),
    "no_room": Rule("a VM needs a worker with room for it", "no worker has room: {shortages}"),
    "no_room_to_grow": Rule("a VM grows on its worker", "no room to grow: {shortages}"),
    "no_free_pool": Rule(
        "live slices share the VLAN pools {pools} of the cloud",
        "{used} of the cloud's VLAN pools {pools} are in use, {free} are free",
        "delete a slice, or let the cloud use more pools (cloudrepo_vlan_pools)",
    ),
    "vlan_pools_invalid": Rule("vlan_pools must be ranges of pools, 0-99, such as 0-49,60-79", "{rule}, got {got!r}"),
    "vlan_pools_reversed": Rule(
        "a range of pools must not end before it starts", "vlan_pools is {got!r}, which contains {part}; {rule}"
    ),
    "vlans_shared": Rule(
        "clouds on the same trunk have no VLAN in common",
        "{object} ({own}) and its neighbour {other} ({others}) have VLANs {vlans} in common; {rule}",
        "set cloudrepo_vlan_pools and cloudrepo_management_vlan of each of them",
    ),
    "vlans_in_use": Rule(
        "VLANs that a slice uses must stay with the cloud",
        "{object} keeps its VLANs, because {count} of its slices would lose VLANs that they use: {found}",
        "delete these slices first, or keep the setting",
    ),
    "vlans_of_another_setting": Rule(
        "a slice only has VLANs of its cloud", "{breach}; {rule}", "deploy the topology as a new slice"
    ),
    "too_few_vlans": Rule(
        "each link, network and reservation takes one VLAN of the slice's pools",
        "{total} VLANs in pools {pools}, {releasing} of them still taken by removed links; {links} links, "
        "{networks} networks and {reserved} reserved VLANs requested",
    ),
    "no_free_id": Rule("ids of slices and VMs are at most {most}", "all ids up to {most} were used"),
    "no_free_vnc_port": Rule("each VM needs its own VNC port", "all VNC ports {first}-{last} are in use"),
    "no_free_address": Rule(
        "each VM with internet has an address on VLAN {vlan}", "all addresses {first}-{last} on VLAN {vlan} are in use"
    ),
    "netem_missing": Rule(
        "faults of interfaces need netem in the kernel",
        "{asked} requested, but the kernel of {host} has no netem",
    ),
    "trunk_mtu_too_small": Rule(
        "a trunk needs the MTU of its links and networks, plus 4 bytes for qinq",
        "the trunk needs an MTU of {needed}, {host} has {trunk_mtu}",
    ),
}
