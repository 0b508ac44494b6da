# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Invariants of the database, which each change keeps, and their repairs.

Only edits outside of the collection violate invariants. The rule of a repair is the invariant that was violated.
"""

from __future__ import annotations

from .rule import Rule

_POOLS = "a slice only uses VLANs of its pools"

INVARIANT = {
    "allocated_twice": Rule(
        "ids, addresses, VLANs, ports and UUIDs belong to one object",
        "{object} is allocated {count} times: to {holders}",
    ),
    "counter_too_low": Rule("the next id is higher than all ids", "{object} is {got}, but id {highest} is in use"),
    "owner_missing": Rule("the owner of a slice exists", "{object} does not exist, but owns {count} slices: {slices}"),
    "username_differs": Rule("users are stored by their names", "username is {got}"),
    "slices_of_user_differ": Rule(
        "the slices of a user are those that it owns", "slices contains {got}, but the user owns {owned}"
    ),
    "owner_uuid_differs": Rule(
        "the owner of a slice has the UUID that the slice was created for",
        "the owner is the user with UUID {got}, but user {owner} has UUID {uuid}",
    ),
    "used_vms_differ": Rule(
        "the VMs of a user are those of its slices", "used_vms is {got}, but the slices have {vms} VMs"
    ),
    "slice_name_twice": Rule(
        "names are unique among the slices of an owner", "{object} owns several slices with the name {name}: {slices}"
    ),
    "worker_ip_differs": Rule("workers are stored by their addresses", "ip is {got}"),
    "worker_vms_differ": Rule(
        "the figures of a worker are those of its VMs", "{key} is {got}, but the worker has {vms} VMs"
    ),
    "machine_id_twice": Rule("a machine is one worker", "{object} is that of {count} workers: {workers}"),
    "worker_of_vm_missing": Rule(
        "the worker of a VM is registered", "{object} is on worker {worker}, which is not registered"
    ),
    "disk_of_several_vms": Rule("a disk belongs to one VM", "{object} belongs to {count} VMs: {vms}"),
    "pool_of_slice_differs": Rule(
        "the first VLAN pool of a slice results from its id",
        "the VLAN pool is {first} to {last}, but must be {needed_first} to {needed_last} for this id",
    ),
    "pool_unknown": Rule("VLAN pools are 0-{last}", "VLAN pool {pool} does not exist"),
    "management_vlan_listed": Rule(_POOLS, "vlan_pool_used contains VLAN {vlan}, the management VLAN"),
    "foreign_vlan_listed": Rule(_POOLS, "vlan_pool_used contains VLAN {vlan}, which is not in its pool"),
    "on_vlan_of_management": Rule(_POOLS, "{object} is on VLAN {vlan}, the management VLAN"),
    "on_foreign_vlan": Rule(_POOLS, "{object} is on VLAN {vlan}, which is not in its pool"),
    "vlan_not_listed": Rule(
        "vlan_pool_used lists all VLANs of a slice", "{object} is on VLAN {vlan}, which vlan_pool_used does not list"
    ),
    "vm_name_twice": Rule("names are unique within a slice", "several VMs have the name {name}: {ids}"),
    "vm_owner_differs": Rule(
        "VMs have the owner of their slice", "the owner is {got}, but that of the slice is {owner}"
    ),
    "status_unknown": Rule("VMs have one of the known states", "unknown status {got}"),
    "interface_name_twice": Rule("names of interfaces are unique in a VM", "several interfaces have the name {name}"),
    "interfaces_misnamed": Rule(
        "interfaces have the names eth0, eth1 and so on", "{object} has the interfaces {interfaces}"
    ),
    "mac_unreadable": Rule("interfaces have MAC addresses", "{got!r} of {interface} is not a MAC address"),
    "mac_differs": Rule(
        "MAC addresses result from ids of VMs", "{interface} has MAC {got}, but the VM's id requires {mac}"
    ),
    "first_disk_is_data_disk": Rule(
        "the first disk of a VM is that of its system", "its first disk {path} is a data disk"
    ),
    "data_disk_incomplete": Rule("data disks have names and sizes", "its data disk {path} has no name or no size"),
    "data_disk_name_twice": Rule(
        "names of data disks are unique within a VM", "{count} data disks have the name {name}"
    ),
    "address_unreadable": Rule("VMs have IPv4 addresses", "{got!r} is not an IPv4 address"),
    "released_address_unreadable": Rule(
        "addresses that are released are IPv4 addresses", "{got!r} in releasing is not an IPv4 address"
    ),
    "link_id_twice": Rule("ids of links are unique within a slice", "several links have the id {link_id}"),
    "links_share_vlan": Rule("a link has a VLAN of its own", "several links are on VLAN {vlan}: {links}"),
    "interface_of_several_links": Rule("an interface is on one link", "{interface} of VM {vm_id} is on several links"),
    "vm_linked_to_itself": Rule("a link connects two VMs", "{object} connects VM {vm_id} with itself"),
    "vm_of_link_missing": Rule(
        "links end at VMs of their slice", "{object} ends at VM {vm_id}, which is not in the slice"
    ),
    "interface_of_link_missing": Rule(
        "links end at interfaces", "{object} ends at {interface} of {vm}, which has no such interface"
    ),
    "end_of_link_differs": Rule(
        "a link and its ends are on the same VLAN",
        "{object} is on VLAN {vlan}, but its end {interface} of {vm} is on VLAN {other} with link {link_id}",
    ),
    "link_of_interface_missing": Rule(
        "an interface refers to the link that ends there", "{object} refers to link {link_id}, which does not end there"
    ),
    "vlan_of_interface_not_allocated": Rule(
        "interfaces are on VLANs of their slice", "{object} is on VLAN {vlan}, which is not allocated to the slice"
    ),
    "networks_share_vlan": Rule("a network has a VLAN of its own", "several networks are on VLAN {vlan}"),
    "interface_of_member_missing": Rule(
        "members of networks are interfaces", "its member {vm} has no interface {interface}"
    ),
    "subnet_unreadable": Rule("networks have IPv4 networks", "{got!r} is not an IPv4 network"),
    "gateway_outside_subnet": Rule("a gateway is in the subnet of its network", "gateway {got} is not in {subnet}"),
    "subnets_of_networks_overlap": Rule(
        "subnets of a slice do not overlap", "subnet {subnet} overlaps {other} of VLAN {vlan}"
    ),
    "address_not_in_subnet": Rule(
        "addresses are in the subnet of their link or network", "address {got} is not in subnet {subnet}"
    ),
    "address_of_several_ends": Rule("addresses on a link or network are unique", "several ends have address {got}"),
    "loopback_of_several_vms": Rule("loopbacks are unique within a slice", "several VMs have loopback {got}"),
    "pool_of_another_cloud": Rule("a slice has VLAN pools of its cloud", "{object} is not one of {pools}"),
    "address_on_another_vlan": Rule(
        "interfaces with addresses are on the management VLAN of the cloud",
        "{object} with address {address} is on VLAN {vlan}, not on {management}",
    ),
    "vlan_is_management_vlan": Rule(_POOLS, "{object} is the management VLAN"),
}


def _repair(violated: str, sentence: str) -> Rule:
    return Rule(INVARIANT[violated].rule, sentence)


REPAIR = {
    "counter_raised": _repair("counter_too_low", "{object} {before} → {after}"),
    "user_added": _repair("owner_missing", "added without a password, with a quota of {quota} VMs"),
    "user_uuid_added": _repair("owner_uuid_differs", "UUID none → {after}"),
    "owner_of_slice_changed": _repair("owner_uuid_differs", "owner {before} → {after}"),
    "username_corrected": _repair("username_differs", "username {before} → {after}"),
    "slices_of_user_corrected": _repair("slices_of_user_differ", "slices {before} → {after}"),
    "used_vms_corrected": _repair("used_vms_differ", "used_vms {before} → {after}"),
    "worker_added": _repair("worker_of_vm_missing", "added with schedulable set to false"),
    "worker_vms_corrected": _repair("worker_vms_differ", "{key} {before} → {after}"),
    "slice_renumbered": _repair("allocated_twice", "id → {after}, VLAN pool {old_first} → {first}"),
    "slice_renamed": _repair("slice_name_twice", "name → {after}"),
    "pool_of_slice_corrected": _repair("pool_of_slice_differs", "VLAN pool {before} → {after}"),
    "further_pools_released": _repair("allocated_twice", "further_pools {before} → {after}"),
    "listed_vlans_corrected": _repair("vlan_not_listed", "vlan_pool_used {before} → {after}"),
    "vm_renumbered": _repair("allocated_twice", "id → {after}"),
    "vm_renamed": _repair("vm_name_twice", "name → {after}"),
    "owner_of_vm_changed": _repair("vm_owner_differs", "owner {before} → {after}"),
    "status_reset": _repair("status_unknown", "status {before} → {after}"),
    "vnc_port_changed": _repair("allocated_twice", "VNC port {before} → {after}"),
    "address_changed": _repair("allocated_twice", "address {before} → {after}"),
    "release_dropped": _repair("released_address_unreadable", "no longer releases address {address}"),
    "mac_corrected": _repair("mac_differs", "MAC {before} → {after}"),
    "interface_moved": _repair(
        "end_of_link_differs", "VLAN {vlan}, link {link_id} → VLAN {new_vlan}, link {new_link_id}"
    ),
    "link_removed": _repair("vm_of_link_missing", "removed, it does not connect two unused interfaces"),
    "link_renumbered": _repair("link_id_twice", "id → {after}"),
    "vlan_of_link_changed": _repair("on_foreign_vlan", "VLAN {before} → {after}"),
    "vlan_of_network_changed": _repair("on_foreign_vlan", "VLAN → {after}"),
}
