# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for calls of playbooks and for arguments of modules."""

from __future__ import annotations

from .rule import Rule

ARGUMENTS = {
    "required_option_is_null": Rule("a required option must not be null", "{object} is required, got null"),
    "all_options_are_null": Rule("one of these options is required", "{rule}, all are null"),
    "null_in_list": Rule("lists must not contain null", "{object} contains null"),
    "boolean_for_integer": Rule(
        "an integer must not be a boolean",
        "{object} must be an integer, got {got}",
        "set it to a number (YAML reads yes, no, on and off as booleans)",
    ),
    "slice_not_a_dictionary": Rule("a slice must be a dictionary", "{rule}, got {got!r}"),
    "unsupported_options": Rule(
        "a slice may only have documented options", "unsupported options: {options}", "use one of {supported}"
    ),
    "malformed_slice": Rule("the options of a slice must have their documented types", "{why}"),
    "slice_listed_twice": Rule("a slice must be listed only once", "{object} is listed {count} times"),
    "destination_not_empty": Rule(
        "the destination of a migration must be empty",
        "{object} is not empty",
        "set replace to true to replace its content",
    ),
    "console_runs_commands": Rule(
        "a serial console can only run commands",
        "{what} is not supported; {rule}",
        "use ansible.builtin.raw, and gather_facts: false",
    ),
}

SELECTION = {
    "nothing_selected": Rule("exactly one variable selects slices", "nothing is selected", "set one of {accepted}"),
    "several_variables": Rule(
        "exactly one variable selects slices", "several variables are set: {variables}", "set only one of {accepted}"
    ),
    "variable_not_accepted": Rule(
        "a playbook accepts some of the variables that select slices",
        "this playbook does not accept {variables}",
        "set one of {accepted}",
    ),
    "variables_missing": Rule(
        "required variables must be set", "{object} requires {missing}", "set each with -e NAME=VALUE"
    ),
    "several_slices": Rule("this playbook takes exactly one slice", "{object} takes one slice, got {got}"),
    "variable_is_empty": Rule("a variable that selects slices must have a value", "{object} is {state}"),
    "topologies_unreadable": Rule("slices must be YAML or JSON", "{rule} ({why})"),
    "key_set_twice": Rule(
        "a mapping must not contain a key twice", "line {line}: {key} is already set in line {first_line}"
    ),
    "file_unreadable": Rule("a file must be readable", "{object} must be a file that can be read, got {got} ({why})"),
    "variables_of_admins": Rule(
        "tenants may only set {accepted}",
        "{user} is not an admin and may not set {variables}; {rule}",
        "set them in the inventory",
    ),
    "variable_mistyped": Rule(
        "an extra variable must exist",
        "this collection has no such variable",
        "set {near} instead; a variable of your own must also be defined in the inventory",
    ),
    "variable_unknown": Rule(
        "variables that begin with cloudrepo_ are reserved for this collection",
        "this collection has no such variable",
        "omit it; a variable of your own must also be defined in the inventory",
    ),
    "extra_variable_without_value": Rule(
        "extra variables are given as NAME=VALUE, YAML, JSON or @FILE",
        "{rule}, got {got!r}",
        "add @ before the path of a file, and omit spaces around =",
    ),
    "core_too_old": Rule(
        "ansible-core must be {oldest} or newer", "{object} must be {oldest} or newer, got {got}", "install a newer one"
    ),
    "orchestrator_missing": Rule(
        "the group orchestrator must have a host",
        "{rule}",
        "give the inventory of the cloud with -i, or add a host to it, as in inventory/example of the collection",
    ),
    "several_hosts_in_group": Rule(
        "a cloud has one orchestrator and one network node",
        "it has the hosts {hosts}; {rule}",
        "remove all but one of them from the group",
    ),
    "host_is_vm": Rule(
        "a host of the cloud must not be a VM",
        "{object} of group {group} is a VM as well (cloudrepo_vm_id {vm_id}), so a VM's variables are used for it",
        "rename the VM, or set hostname in the source of the plugin cloudrepo.slices.slices; omit groups and "
        "keyed_groups of this name",
    ),
    "workers_missing": Rule(
        "the group workers must have a host",
        "{rule}, and the inventory has the groups {groups}",
        "add one, as in inventory/example of the collection",
    ),
    "started_in_the_middle": Rule(
        "a playbook must run from its start, where it checks the call",
        "{object} {got!r} skips the check of the call",
        "run the playbook from its start",
    ),
    "result_missing": Rule(
        "a playbook must run from its start",
        "the task that registers it did not run",
        "run the playbook from its start, without --start-at-task",
    ),
    "orchestrator_left_out": Rule(
        "the orchestrator takes part in every run", "{object} excludes the orchestrator", "add {host} to it"
    ),
    "database_vanishes": Rule(
        "a job of AWX needs a database that outlives it",
        "{object} does not exist, and a new one would be lost with the execution environment of job {job}; {rule}",
        "set cloudrepo_database to the URL of a PostgreSQL database",
    ),
}
