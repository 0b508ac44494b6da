# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads inventories with Ansible's InventoryManager, in a process of its own: its loader of collections stays for good.

A line of standard input is a JSON list of sources; the answer is a line of JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.display import Display


def read(sources: list[str]) -> dict[str, Any]:
    """Return hosts with their variables, the hosts and children of groups, and Ansible's messages."""
    display = Display()
    display._warns.clear()
    display.columns = 10_000
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        found = InventoryManager(loader=DataLoader(), sources=sources)
    return {
        "hosts": {name: dict(host.vars) for name, host in found.hosts.items()},
        "groups": {name: [host.name for host in group.get_hosts()] for name, group in found.groups.items()},
        "children": {name: [child.name for child in group.child_groups] for name, group in found.groups.items()},
        "said": " ".join(said.getvalue().split()),
    }


if __name__ == "__main__":
    init_plugin_loader()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(read(json.loads(line))) + "\n")
        sys.stdout.flush()
