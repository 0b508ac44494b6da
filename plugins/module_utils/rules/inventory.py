# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for the options of an inventory source."""

from __future__ import annotations

from ..names import ADVICE
from .rule import Rule

INVENTORY = {
    "name_of_other_type": Rule(
        "names must be strings",
        "got {got!r}",
        ADVICE,
    ),
    "source_misnamed": Rule(
        "the name of a source of cloudrepo.slices.slices must end with slices.yml or slices.yaml", "{rule}", "rename it"
    ),
    "unknown_options": Rule(
        "options must be known",
        "unknown options {got}; known: {known}",
        "list them with ansible-doc -t inventory cloudrepo.slices.slices",
    ),
    "unknown_connection": Rule("connection_preference may only contain {known}"),
    "database_template": Rule(
        "an inventory plugin cannot read variables of playbooks",
        "{why}; {rule}",
        "set it to a path or URL, or set CLOUDREPO_DATABASE",
    ),
    "expression_fails": Rule("an expression must be valid for every VM", "VM {vm}: {why}"),
    "empty_host_name": Rule("a host needs a name", "VM {vm}: {rule}, got {got!r}"),
    "host_names_equal": Rule("host names are unique", "{count} VMs have this name; renamed to {renamed}"),
    "host_name_in_use": Rule("host names are unique", "another host or a group has this name; renamed to {renamed}"),
    "group_names_equal": Rule("group names are unique", "{count} groups would have this name; renamed to {renamed}"),
    "group_name_in_use": Rule(
        "the group of all VMs needs a name of its own",
        "{got} is the name of another group of VMs",
        "give the group of all VMs another name",
    ),
    "group_of_cloud": Rule(
        "VMs must not be in the groups of the cloud's hosts",
        "{got} is a group of the cloud's hosts",
        "give the group of all VMs another name",
    ),
    "jump_host_missing": Rule(
        "the connection jump needs a jump host",
        "no jump host for VMs with an address, because the group network_node has no host",
        "list the source with this group first (those of a folder are read in the order of their names), or set "
        "jump_host",
    ),
    "no_connection_without_address": Rule(
        "a connection by ssh needs an address",
        "{object} cannot be reached by {preferred}, because it has no address",
        "set internet: true for the VM, or add console to connection_preference",
    ),
    "no_connection_without_jump_host": Rule(
        "the connection jump needs a jump host",
        "{object} cannot be reached by {preferred}, because there is no jump host",
        "list the source with the group network_node before that of the VMs, or set jump_host",
    ),
}
