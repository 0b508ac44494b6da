# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program C(slices-host), which the collection's units run on workers and the network node.

It is a zipapp of this layer. Each subcommand is a module, which is only imported if it is run, because some subcommands
delay the start of VMs. Ansible runs one more, which is no command for people: C(_module/call.py).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

BEGUN = "slices-host: begun"
"""The first line of a call. Until it has been written, nothing has been changed."""
# The arguments by subcommand, whose name is that of its module with hyphens instead of underscores.
COMMANDS = {
    "keep-rules": "FAMILY TABLES FILE",
    # On workers.
    "check-disks": "STATE_DIR",
    "check-fence": "STATE_DIR ADDRESS PORT SECONDS",
    "check-machine": "STATE_DIR",
    "drop-carrier": "FILE SOCKET PID",
    "empty-trash": "STATE_DIR HOURS",
    "power-down": "STATE_DIR",
    "restore-flows": "FOLDER BRIDGE",
    "restore-taps": "STATE_DIR",
    "trim-logs": "STATE_DIR BYTES",
    # On the network node.
    "guard-dhcp": "HOSTS_DIR DEVICE",
    "list-lost": "STATE_DIR",
    "load-nat": "FILE",
    "make-network": "FOLDER",
    "note-gateway": "WAN_INTERFACE BRIDGE",
    "place-port": "NAMESPACE PORT",
    "restore-forwarding": "BRIDGE",
}


def main(arguments: Sequence[str]) -> int:
    """Run a subcommand and return the exit code."""
    name, *words = arguments or [""]
    if name not in COMMANDS or len(words) != len(COMMANDS[name].split()):
        usages = (f"  slices-host {each} {names}" for each, names in COMMANDS.items())
        sys.stderr.write("\n".join(["usage:", *usages, ""]))
        return 2
    module = import_module(f".{name.replace('-', '_')}", __package__)
    return int(module.main(*words))
