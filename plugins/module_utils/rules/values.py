# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for values of all kinds, wherever they are given."""

from __future__ import annotations

from .rule import Rule

ANY = {
    "out_of_range": Rule("{option} must be {least}-{most}"),
    "invalid_name": Rule("a {kind} name must be {form}", "{rule}, got {got!r}"),
    "invalid_title": Rule("a {kind} title must be {form}", "{rule}, got {got!r}"),
    "invalid_time": Rule("{option} must be a date or time such as 2026-12-31T18:00:00Z", "{rule}, got {got!r}"),
    "too_small": Rule("{option} must be at least {least}"),
    "option_missing": Rule("a {kind} needs {option}", "{rule}"),
    "option_needs_option": Rule("{option} needs {needs}", "{rule}, which is false"),
    "invalid_address": Rule("{option} must be an IPv4 address", "{rule}, got {got!r}"),
    "invalid_ipv6_address": Rule("{option} must be an IPv6 address", "{rule}, got {got!r}"),
    "invalid_subnet": Rule("{option} must be an IPv4 network", "{rule}, got {got!r} ({why})"),
    "invalid_ipv6_subnet": Rule("{option} must be an IPv6 network", "{rule}, got {got!r} ({why})"),
    "address_outside_subnet": Rule("{option} must be the address of a host in {subnet}"),
    "subnet_outside_subnet": Rule("{option} must be within {subnet}"),
    "range_reversed": Rule(
        "the first address of a range must not be after its last one", "{option} is {first}-{last}; {rule}"
    ),
    "range_holds_server": Rule(
        "a range must not include the address of the gateway or DHCP server",
        "{option} {first}-{last} includes {server}; {rule}",
    ),
    "subnet_too_small": Rule(
        "{option} must have an address for each use", "{option} {got} has {room} addresses, {needed} needed"
    ),
    "same_address": Rule("gateway and DHCP server must have different addresses", "{rule}, got {got} for both"),
    "invalid_user_data": Rule("user data must be {form}", "{rule}"),
    "user_data_not_yaml": Rule(
        "user data that begins with #cloud-config must be a YAML mapping that sets each key once",
        "line {line} of the user data: {rule}",
    ),
    "startup_malformed": Rule("{part} must be {form}", "{rule}"),
    "startup_key_set_twice": Rule("a JSON object must not contain a key twice", "{key} is set twice"),
    "startup_needs_console": Rule(
        "a start-up needs a shell or a login on the serial console of the guest",
        "{rule}, and kind {name} has none",
        "register a kind with console, set via of startup to ssh, or use user data of cloud_init",
    ),
    "startup_needs_address": Rule(
        "a start-up over ssh needs an address on the management VLAN",
        "{rule}",
        "set internet to true, or via of startup to console",
    ),
    "invalid_ssh_key": Rule("an ssh key must be {form}", "key {number}: {rule}"),
    "invalid_guest_address": Rule(
        "an address needs a prefix length, such as 10.0.0.1/24", "{object} cannot have address {got!r}: {why}"
    ),
    "guest_address_without_prefix": Rule(
        "an address needs a prefix length, such as 10.0.0.1/24", "{object} cannot have address {got!r}; {rule}"
    ),
    "guest_address_with_zone": Rule(
        "an address of an interface has no zone", "{object} cannot have address {got!r}; {rule}"
    ),
    "guest_address_of_network": Rule(
        "a guest cannot have the address of a network, nor its broadcast address",
        "{object} cannot have address {got!r} in {network}; {rule}",
    ),
    "option_of_other_checks": Rule("{option} can only be used with these checks: {checks}", "{rule}; check is {got}"),
    "guest_file_too_long": Rule(
        "a file for cloud-init has {form}",
        "its {file} for cloud-init would have {got} characters; {rule}",
        "give it fewer ssh keys or addresses",
    ),
    "check_needs_address": Rule(
        "these checks need an address on the management VLAN: {checks}",
        "{rule}; check is {got}",
        "set internet to true",
    ),
    "invalid_check_option": Rule("{option} must be {form}", "{rule}"),
    "address_from_dhcp": Rule("an interface on the management VLAN gets its address by DHCP", "{rule}, got {got}"),
    "guest_address_twice": Rule(
        "addresses on a link or network are unique, and so are those of loopbacks",
        "{address} belongs to {ends}; {rule}",
    ),
    "listed_twice": Rule("list entries must be unique", "{kind} {name} is listed {count} times"),
    "not_found": Rule("references must exist", "{object} does not exist; existing: {known}"),
    "unknown_reference": Rule("references must exist", "{kind} {name} does not exist; existing: {known}"),
}
