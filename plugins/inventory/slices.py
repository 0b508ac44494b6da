# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: slices
short_description: VMs of slices as hosts
version_added: 1.0.0
description:
  - Reads the VMs of slices from the database, as hosts with groups and variables. Addresses are reserved by the
    database, so the inventory is complete before a VM has booted.
  - A VM with an address is reached by ssh, directly or through the network node. Any other VM is reached over its
    serial console, where only M(ansible.builtin.raw) can be used.
  - The source is a YAML file whose name ends with C(slices.yml) or C(slices.yaml).
  - Workers and the network node are looked up in the groups C(workers) and C(network_node) of the same inventory. List
    the source of these hosts first. The sources of a folder are read in the order of their names.
  - Reading the database requires no lock, so it neither waits for a deploy nor delays one.
author:
  - the cloudrepo.slices authors (@cloudrepo)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
requirements:
  - SQLAlchemy 2.0 or newer for an SQL database, and psycopg 3 for PostgreSQL
options:
  plugin:
    description:
      - The name of this plugin.
    type: str
    required: true
    choices: [cloudrepo.slices.slices]
  database:
    description:
      - The database, as O(cloudrepo.slices.slice#module:database). It must exist.
      - May be a template with lookups. Extra variables are not available.
    type: str
    default: /var/lib/cloudrepo/database.yaml
    env:
      - name: CLOUDREPO_DATABASE
  acting_user:
    description:
      - The user on whose behalf the inventory is read. An admin sees the VMs of all users, a tenant only the tenant's.
      - As with M(cloudrepo.slices.guard), it must not differ from C(CLOUDREPO_ACTING_USER) in the environment or from
        the user of an AWX job. The extra variable C(cloudrepo_acting_user) is used as well, and must not differ either.
        It is not a template, and as a variable of hosts or groups it is not seen. The default is C(admin).
    type: str
  names:
    description:
      - Only the VMs of these slices, by name or id. By default those of all slices that O(acting_user) may access.
    type: list
    elements: str
    default: []
  owner:
    description:
      - Only the VMs of this user.
    type: str
  filters:
    description:
      - Jinja2 expressions on the host variables. Only VMs for which all of them are true become hosts.
      - As in Jinja2's C(if), zero, an empty text, list or mapping, and none are not true.
      - A VM for which an expression fails is left out, with a warning if it fails for all; with O(strict) this is an
        error.
    type: list
    elements: str
    default: []
  hostname:
    description:
      - Template for host names. By default they are the names of slice and VM, such as C(web-vm1).
      - If several hosts would have the same name, or a host or group of an earlier source has it, the VM's id is
        appended to it, with a warning; with O(strict) this is an error. Hosts of later sources are not seen.
    type: str
  group_by:
    description:
      - What to create groups by. Their names are for example C(slice_web), C(owner_alice), C(flavor_cirros),
        C(kind_linux), C(worker_10_0_10_1), C(state_running) and, for network C(lan) of slice C(web),
        C(network_web_lan). Groups of slices are children of O(parent_group).
      - Characters that are not valid in group names are replaced by underscores. If this makes names equal, a suffix is
        appended to them, with a warning; with O(strict) this is an error.
    type: list
    elements: str
    choices: [slice, owner, flavor, kind, worker, state, network]
    default: [slice, owner, flavor, kind, worker, state, network]
  parent_group:
    description:
      - The group of all VMs. It must not be C(orchestrator), C(workers) or C(network_node), whose hosts are those of
        the cloud.
    type: str
    default: cloudrepo_vms
  connection_preference:
    description:
      - How to connect to VMs. For each VM, the first one that is possible is used. Tasks fail on a VM for which none is
        possible, with the reason, which is also in C(cloudrepo_connection_problem).
      - V(direct) connects to its address by ssh, if it has one. The machine that runs Ansible must reach VLAN 400.
      - V(jump) does the same through O(jump_host). If it would be used but there is no jump host, this is a
        warning; with O(strict) it is an error.
      - V(console) uses P(cloudrepo.slices.console#connection) on its worker.
    type: list
    elements: str
    choices: [direct, jump, console]
    default: [jump, console]
  jump_host:
    description:
      - The inventory host that ssh connections go through, by default the first one of the group C(network_node).
    type: str
  kinds:
    description:
      - How to log in to guests. The first kind that fits the VM's flavor is used.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the kind, also that of its group.
        type: str
        required: true
      flavors:
        description: Shell patterns for the names of flavors.
        type: list
        elements: str
        default: ["*"]
      user:
        description: The user for ssh.
        type: str
      private_key_file:
        description: The private key for ssh.
        type: path
      python_interpreter:
        description: The path of Python in the guest.
        type: str
      connection_preference:
        description: Replaces O(connection_preference).
        type: list
        elements: str
        choices: [direct, jump, console]
notes:
  - Hosts have the variables C(cloudrepo_vm_id), C(cloudrepo_vm_uuid), C(cloudrepo_vm_name), C(cloudrepo_slice_id),
    C(cloudrepo_slice_name), C(cloudrepo_owner), C(cloudrepo_state), C(cloudrepo_power), C(cloudrepo_flavor),
    C(cloudrepo_cores), C(cloudrepo_ram_gb), C(cloudrepo_kind), C(cloudrepo_worker), C(cloudrepo_address),
    C(cloudrepo_networks) and C(cloudrepo_connection), which is null if none is possible.
  - Further variables are C(cloudrepo_interfaces), a list of name, guest_name, mac, vlan_id, address (on VLAN 400),
    network and addresses (those from pools, with prefix lengths); C(cloudrepo_links), a list of link_id, name, vlan_id,
    interface, guest_interface, addresses, peer, peer_interface, peer_guest_interface and peer_addresses;
    C(cloudrepo_loopback) with ipv4 and ipv6; C(cloudrepo_vnc) with host and port; C(cloudrepo_console) with worker and
    socket. Names of guest interfaces are those that the VM's kind of guest gives them.
  - C(cloudrepo_kind) is the one in O(kinds) that fits the VM, otherwise its kind of guest (M(cloudrepo.slices.kind)).
seealso:
  - plugin: cloudrepo.slices.console
    plugin_type: connection
"""

EXAMPLES = r"""
# vms.slices.yml: all VMs, by ssh through the network node, or over the serial console
plugin: cloudrepo.slices.slices
---
# web.slices.yml: the running VMs of one slice, with two kinds of guests
plugin: cloudrepo.slices.slices
names: [web]
filters:
  - cloudrepo_state == 'running'
hostname: "{{ cloudrepo_vm_name }}.{{ cloudrepo_slice_name }}"
kinds:
  - name: linux
    flavors: ["debian*", "ubuntu*"]
    user: debian
    private_key_file: ~/.ssh/id_ed25519
    python_interpreter: /usr/bin/python3
  - name: appliance
    connection_preference: [console]
---
# bob.slices.yml: the VMs of bob, with additional variables and groups, cached for a minute
plugin: cloudrepo.slices.slices
acting_user: bob
group_by: [slice]
compose:
  router_id: cloudrepo_interfaces[0].mac
groups:
  linked: cloudrepo_links | length > 0
keyed_groups:
  - key: cloudrepo_power
    prefix: power
strict: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /tmp/cloudrepo-inventory
cache_timeout: 60
"""

import contextlib
import gc
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.constants import LOCALHOST
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import access, inventory_options
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import guests as rules
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.sockets import serial_socket
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import located, open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.plugin_utils import acting_user
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import Decision

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 and older, where every text of a variable is a template

    def trust_as_template(value: str) -> str:
        """Return the text."""
        return value


SUFFIXES = ("slices.yml", "slices.yaml")
NETWORK_NODE = "network_node"
# These are templates, because the variables of the hosts in between are not final before the connection.
TO_WORKER = {
    name: trust_as_template(
        f"{{{{ (hostvars | cloudrepo.slices.console_connection(groups, cloudrepo_worker)).{key} }}}}"
    )
    for name, key in (
        ("ansible_host", "host"),
        ("ansible_port", "port"),
        ("ansible_user", "user"),
        ("ansible_ssh_private_key_file", "private_key_file"),
        ("ansible_ssh_args", "ssh_args"),
        ("ansible_ssh_common_args", "common_args"),
        ("ansible_ssh_extra_args", "extra_args"),
        ("ansible_control_path_dir", "control_path_dir"),
        ("cloudrepo_console_through", "through"),
        ("cloudrepo_console_worker_become", "become"),
    )
}
THROUGH_JUMP_HOST = trust_as_template(
    "{{ hostvars[cloudrepo_jump_host] | ansible.builtin.mandatory('jump host ' ~ cloudrepo_jump_host ~ ': it is not in "
    "the inventory; add the source of this host with -i, or set jump_host') | cloudrepo.slices.jump_arguments }}"
)
# Without this, ssh would look up the name of the host, which a tenant has chosen, in DNS.
WITHOUT_CONNECTION = trust_as_template("{{ undef(hint=cloudrepo_connection_problem) }}")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]  # Ansible has no types
    """VMs as hosts."""

    NAME = "cloudrepo.slices.slices"

    def verify_file(self, path: str) -> bool:
        """Return whether the file may be a source of this plugin."""
        if not super().verify_file(path):
            return False
        if not path.endswith(SUFFIXES) and _names_plugin(path):
            self.display.warning(Refusal("source_misnamed", f"inventory source {path}").message)
        return path.endswith(SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the VMs to the inventory."""
        super().parse(inventory, loader, path, cache)
        given = self._read_config_data(path)
        try:
            inventory_options.check(given, {"plugin", *self.get_options()})
            with _without_gc():
                self._add(self._wanted(self._connected(self._guests(path, cache))))
        except SlicesError as error:
            raise AnsibleParserError(error.message) from None

    def _guests(self, path: str, cache: bool) -> list[dict[str, Any]]:
        """Return the VMs from the cache or the database."""
        named = [
            ("the option acting_user", self.get_option("acting_user")),
            (acting_user.VARIABLE, self._vars.get(acting_user.VARIABLE)),
        ]
        is_cached = self.get_option("cache")
        decision = acting_user.decide(os.environ, self._vars, named)
        database = self._database()
        # Users see different VMs, and a source may have been changed since. A token of an earlier user of the name gets
        # nothing that was cached for the present one.
        who = (decision.user, decision.user_uuid)
        asked = [path, *who, database, *(self.get_option(name) for name in ("names", "owner"))]
        # Ansible's own keys have 24 bits, so whoever may write a source could make one with the key of another.
        key = self.get_cache_key(path) + hashlib.sha256(json.dumps(asked).encode()).hexdigest()
        if is_cached and cache and key in self._cache:
            return list(self._cache[key])
        found = self._read(decision, database)
        if is_cached:
            self._cache[key] = found
        return found

    def _database(self) -> str:
        """Return the URL or the absolute path of the database."""
        # Without extra variables, because their templates would be evaluated here, and could name another database.
        self.templar.available_variables = {}
        try:
            given = str(self.templar.template(self.get_option("database")))
        except Exception as error:
            raise Refused([Refusal("database_template", "database", {"why": str(error)})]) from error
        return located(given)

    def _read(self, decision: Decision, database: str) -> list[dict[str, Any]]:
        # An id may be a number.
        names, owner = [str(each) for each in self.get_option("names")], self.get_option("owner")
        store = open_store(database, lock_timeout_s=30, backups=0)
        with store.transaction(write=False, create=False) as cluster:
            access.require_user(cluster, decision.user, decision.user_uuid)
            chosen = access.choose(cluster, names, owner=owner, everything=True, acting_user=decision.user)
            return rules.guests(chosen)

    def _connected(self, guests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the VMs with all of their variables: filters and templates may use the kind and the connection too."""
        kinds, jump_host = self._kinds(), self._jump_host()
        return [{**guest, **self._connect(guest, rules.kind_of(guest, kinds), jump_host)} for guest in guests]

    def _wanted(self, guests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the VMs for which all filters are true."""
        wanted = list(guests)
        for expression in self.get_option("filters"):
            answers = [self._is_true(expression, guest) for guest in wanted]
            failed = [answer for answer in answers if isinstance(answer, str)]
            if failed and len(failed) == len(wanted):
                self.display.warning(f"filters: {expression} fails for every VM, so none becomes a host: {failed[0]}")
            wanted = [guest for guest, answer in zip(wanted, answers) if answer is True]
        return wanted

    def _is_true(self, expression: str, guest: Mapping[str, Any]) -> bool | str:
        """Return the result of a filter, or why it fails."""
        try:
            return bool(self._compose(expression, guest))
        except Exception as error:
            if self.get_option("strict"):
                figures = {"vm": _label(guest), "why": str(error)}
                raise Refused([Refusal("expression_fails", "filters", figures)]) from error
            return str(error) or type(error).__name__

    def _add(self, guests: list[dict[str, Any]]) -> None:
        groupings = self.get_option("group_by")
        groups_of = {guest["cloudrepo_vm_id"]: list(rules.groups_of(guest, groupings)) for guest in guests}
        group_names, problems_of_groups = rules.group_names(group for found in groups_of.values() for group in found)
        parent = inventory_options.parent_group(self.get_option("parent_group"), {*group_names.values()})
        # A pattern with the name of a group means its hosts, and what is delegated to localhost has secrets.
        taken = {*self.inventory.hosts, *self.inventory.groups, *group_names.values(), parent, *LOCALHOST}
        wanted = [(guest["cloudrepo_vm_id"], self._hostname(guest)) for guest in guests]
        names, problems = rules.unique_names(wanted, taken)
        kinds = self._kinds()
        if self._jump_host() is None and any(self._would_jump(guest, rules.kind_of(guest, kinds)) for guest in guests):
            problems.append(Refusal("jump_host_missing", "connection_preference"))
        self._report([*problems, *problems_of_groups])
        self.inventory.add_group(parent)
        for grouping, identity in dict.fromkeys(each[:2] for found in groups_of.values() for each in found):
            group = self.inventory.add_group(group_names[grouping, identity])
            if grouping == "slice":
                self.inventory.add_child(parent, group)
        direct = [] if "slice" in groupings else [parent]
        for guest in guests:
            vm_id = guest["cloudrepo_vm_id"]
            groups = [group_names[grouping, identity] for grouping, identity, _label_of_group in groups_of[vm_id]]
            try:
                self._add_host(names[vm_id], guest, [*groups, *direct])
            except AnsibleError:
                # Ansible only warns, and a play would run on the VMs before this one.
                for name in names.values():
                    if name in self.inventory.hosts:
                        self.inventory.remove_host(self.inventory.get_host(name))
                raise

    def _add_host(self, name: str, variables: Mapping[str, Any], groups: Iterable[str]) -> None:
        self.inventory.add_host(name)
        for group in groups:
            self.inventory.add_child(group, name)
        # The host is new, and the names of its variables are valid; set_variable() would check each of them.
        self.inventory.get_host(name).vars.update(variables)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)

    def _hostname(self, guest: Mapping[str, Any]) -> str:
        template = self.get_option("hostname")
        if not template:
            return f"{guest['cloudrepo_slice_name']}-{guest['cloudrepo_vm_name']}"
        self.templar.available_variables = guest
        try:
            name = self.templar.template(template)
        except Exception as error:
            figures = {"vm": _label(guest), "why": str(error)}
            raise Refused([Refusal("expression_fails", "hostname", figures)]) from error
        return inventory_options.host_name(name, _label(guest))

    def _jump_host(self) -> str | None:
        given = self.get_option("jump_host")
        if given:
            return str(given)
        group = self.inventory.groups.get(NETWORK_NODE)
        return next((host.name for host in group.get_hosts()), None) if group else None

    def _kinds(self) -> list[rules.Kind]:
        return inventory_options.kinds(self.get_option("kinds"), self.get_option("connection_preference"))

    def _preference(self, kind: rules.Kind | None) -> Sequence[str]:
        preference: Sequence[str] = kind.connection_preference if kind else self.get_option("connection_preference")
        return preference

    def _would_jump(self, guest: Mapping[str, Any], kind: rules.Kind | None) -> bool:
        return rules.connection_of(guest, self._preference(kind), has_jump_host=True) == rules.JUMP

    def _connect(self, guest: Mapping[str, Any], kind: rules.Kind | None, jump_host: str | None) -> dict[str, Any]:
        """Return the variables for the connection to a VM."""
        preference = self._preference(kind)
        connection = rules.connection_of(guest, preference, has_jump_host=jump_host is not None)
        variables = {
            "cloudrepo_kind": kind.name if kind else guest["cloudrepo_kind"],
            "cloudrepo_connection": connection,
            "cloudrepo_console": {
                "worker": guest["cloudrepo_worker"],
                "socket": serial_socket(guest["cloudrepo_vm_id"]),
            },
        }
        if connection == rules.CONSOLE:
            return {**variables, "ansible_connection": "cloudrepo.slices.console", **TO_WORKER}
        if connection is None:
            problem = rules.without_connection(guest, _label(guest), preference)
            return {**variables, "cloudrepo_connection_problem": problem.message, "ansible_host": WITHOUT_CONNECTION}
        variables.update(ansible_host=guest["cloudrepo_address"], **(kind.login if kind else {}))
        if connection == rules.JUMP:
            variables.update(cloudrepo_jump_host=jump_host, ansible_ssh_common_args=THROUGH_JUMP_HOST)
        return variables

    def _report(self, problems: Sequence[Refusal]) -> None:
        if problems and self.get_option("strict"):
            raise Refused(problems)
        for problem in problems:
            self.display.warning(problem.message)


def _names_plugin(path: str) -> bool:
    """Return whether a YAML file says that it is a source of this plugin."""
    if not path.endswith((".yml", ".yaml")):
        return False
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        return any(line.startswith("plugin:") and InventoryModule.NAME in line for line in file)
    return False


@contextlib.contextmanager
def _without_gc() -> Iterator[None]:
    """Do not search for garbage meanwhile. Nearly all objects that are made are kept, so it would be in vain."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _label(guest: Mapping[str, Any]) -> str:
    return f"{guest['cloudrepo_slice_name']}/{guest['cloudrepo_vm_name']} ({guest['cloudrepo_vm_id']})"
