# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for topologies."""

from __future__ import annotations

from .rule import Rule

TOPOLOGY = {
    "topology_unreadable": Rule("a file with a topology must be in its format", "{why}"),
    "slices_of_scenario": Rule("a scenario has one slice, in the list slices of its topology", "{rule}, got {got}"),
    "inventory_of_scenario": Rule(
        "inventory must be a mapping of options of the inventory plugin", "{rule}, got {got!r}"
    ),
    "option_of_run": Rule(
        "a scenario's inventory has the VMs of its own run, so {own} are set by molecule_create",
        "inventory sets {got}; {rule}",
        "remove what it sets there",
    ),
    "duplicate_name": Rule("names are unique within a slice", "{count} {kind}s are named {name}; {rule}"),
    "ambiguous_title": Rule(
        "endpoints refer to one VM", "several VMs have the title {title!r}; {rule}", "give the names of the VMs instead"
    ),
    "slice_title_differs": Rule(
        "a slice without a name is identified by its title",
        "the name {got} is made from the title {title!r}, and the slice of that name has the title {stored!r}; {rule}",
        "give the slice a name",
    ),
    "names_differ_in_case": Rule(
        "names are unique within a slice regardless of case", "{kind}s {names} differ only in case; {rule}"
    ),
    "name_of_loopback": Rule(
        "a DNS name must have one meaning",
        "{object}: VM lo on network {network} would have the name of VM {vm}'s loopback address, lo.{network}.internal",
        "give one of them another name",
    ),
    "numeric_name": Rule("a name must not consist of digits only, because it would be read as an id"),
    "endpoint_count": Rule("a link has 2 endpoints"),
    "link_to_itself": Rule("a link must connect two different VMs", "{rule}, got VM {vm} twice"),
    "member_twice": Rule("a VM joins a network with one interface", "VM {vm} is a member {count} times; {rule}"),
    "management_interface": Rule("links and networks use eth1 and up, because eth0 is the management interface"),
    "interface_in_use": Rule("an interface is on one link or network at most", "{endpoint} is already in use; {rule}"),
    "too_few_interfaces": Rule(
        "each link or network of a VM takes one data interface",
        "{segments} links and networks, at most {most} data interfaces; {rule}",
    ),
    "interface_without_segment": Rule(
        "without data_interfaces a VM has one data interface for each of its links and networks",
        "{named} is named, but the VM is on {segments} links and networks",
        "set data_interfaces to {highest} or more",
    ),
    "size_of_custom_topology": Rule(
        "size is for generated topologies",
        "{rule}, got size {got} for a custom one",
        "list the VMs or set topology_type",
    ),
    "name_pattern_without_number": Rule("name_pattern must contain {{n}}, the number of the VM", "{rule}, got {got!r}"),
    "segments_of_tree_only": Rule("segments: networks needs topology_type tree"),
    "topology_too_large": Rule(
        "a slice may use as many VLANs as its vlan_pools hold, {pool_size} each",
        "{segments} {kind} need {needed} VLAN pools, vlan_pools is {pools}, a trunk has {pool_count}",
    ),
    "rate_out_of_range": Rule("{option} must be {least}-{most}", next_step="omit it for no limit"),
    "jitter_without_delay": Rule("jitter_ms needs delay_ms, which it varies", "{rule}, got jitter_ms {got}"),
    "dhcp_range_format": Rule("dhcp_range must be FIRST,LAST within {subnet}", "{rule}, got {got!r}"),
    "special_subnet": Rule("{option} must not be loopback, link-local, multicast or reserved"),
    "special_address": Rule("{option} must not be loopback, link-local, multicast or reserved"),
    "address_pool_exhausted": Rule(
        "a pool must have room for the whole slice",
        "{pool} {subnet} has room for {room} with prefix length {length}, {needed} needed",
    ),
    "address_outside_pool": Rule(
        "an address must be in its pool",
        "address {got} is not in {pool} {subnet}",
        "give one in the pool; on a link or network, it may be in another subnet with cidr or cidr6",
    ),
    "address_is_reserved": Rule(
        "a static address must not be that of the gateway or DHCP server, or in the DHCP range",
        "address {got} of {vm} is within {reserved}; {rule}",
    ),
    "address_without_subnet": Rule("an address needs a subnet", "{rule}, got {got}", "set {option} or {pool}"),
    "subnets_overlap": Rule("subnets must not overlap", "{subnet} of {of} overlaps {other} of {other_of}"),
    "nat_overlaps_infrastructure": Rule(
        "a network with nat must not overlap the networks of the infrastructure", "{got} overlaps {other}; {rule}"
    ),
}
