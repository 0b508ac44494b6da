# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that this collection reads, to find those that were mistyped, which Ansible ignores."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.acting_user import VARIABLE
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.call_rules import ARTIFACTS, JOB_WORDS, Playbook, Table

ROLES = Path(__file__).resolve().parents[2] / "roles"
PREFIX = "cloudrepo_"
"""The prefix of variables that belong to this collection. The prefixes of its other roles are common words."""
OF_GUESTS = tuple(
    f"{PREFIX}{name}"
    for name in (
        *(
            "address",
            "connection",
            "connection_problem",
            "console",
            "cores",
            "flavor",
            "interfaces",
            "jump_host",
            "kind",
            "links",
        ),
        *("loopback", "networks", "owner", "power", "ram_gb", "slice_id", "slice_name", "state", "vm_id", "vm_name"),
        *("vm_uuid", "vnc", "worker", "console_through", "console_timeout_s", "console_worker_become"),
        "console_worker_python",
    )
)
"""Variables of the hosts that the inventory plugin makes of VMs, and of the connection to consoles."""
OF_WORKERS = tuple(
    f"worker_{name}"
    for name in (
        *("accept_machine", "cores", "cpu_overcommit", "disk_gb", "ip", "max_vms", "netem", "ram_gb"),
        *("ram_overcommit", "schedulable", "trunk_mtu"),
    )
)
"""Variables of workers that C(site) registers, besides those of the role C(worker)."""
OF_NETWORK_NODE = ("network_node_accept_machine",)
"""Variables of the network node that C(site) reads, besides those of the role C(network_node)."""
REGISTERED = ("cloudrepo_call", "cloudrepo_host_info")
"""Results of earlier playbooks of a run."""
CLOSE = 0.88
"""Similarity of names, from 0 to 1, of which one is taken for the other: C(slices_name), but not C(site_owner)."""


@cache
def settings() -> frozenset[str]:
    """Return the variables that roles, plugins and modules read from the inventory."""
    found = {VARIABLE, *OF_GUESTS, *OF_WORKERS, *OF_NETWORK_NODE, *REGISTERED}
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        entry_points = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        found.update(name for entry in entry_points for name in entry.get("options") or {})
    for path in ROLES.glob("*/vars/main.yml"):
        found.update(yaml_load(path.read_text(encoding="utf-8")))
    return frozenset(found)


def mistyped(
    playbook: Playbook, table: Table, extra: Iterable[str], is_own: Callable[[str], bool]
) -> Iterator[Refusal]:
    """Yield a refusal for each unknown extra variable, if it was meant for this collection.

    Args:
        playbook: the playbook that was called.
        table: all playbooks.
        extra: the names of the extra variables.
        is_own: whether the inventory has a variable of this name, which is then one of the user's own.
    """
    known = {*settings(), *ARTIFACTS, *(name for each in table.playbooks.values() for name in each.accepted)}
    accepted = {*playbook.accepted, *settings()}
    for name in sorted(set(extra) - known):
        if name.startswith((*JOB_WORDS, "_")):
            continue
        meant = f"{playbook.name}_{name}"
        near = meant if meant in playbook.accepted else _nearest(name, accepted)
        if not (near or name.startswith(PREFIX)) or is_own(name):
            continue
        if near:
            yield Refusal("variable_mistyped", f"extra variable {name}", {"near": near})
        else:
            yield Refusal("variable_unknown", f"extra variable {name}")


def warnings(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each unknown variable of the inventory that begins with C(PREFIX)."""
    for name in sorted(set(names) - settings()):
        if name.startswith(PREFIX):
            near = _nearest(name, settings())
            yield f"inventory: this collection has no variable {name}" + (f"; did you mean {near}?" if near else "")


def _nearest(name: str, names: Collection[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), sorted(names), n=1, cutoff=CLOSE)), None)
