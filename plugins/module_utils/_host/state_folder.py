# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder for which C(site) has prepared this host, which the units of both roles contain.

The claim is in the state folder. An order with another folder, or for one whose file system is not mounted, would
find a host that belongs to nobody.
"""

from __future__ import annotations

import os
import re

from ..errors import Refusal
from . import files, systemd

_HOST = "this host"
_COMMANDS = {
    "slices-fence.service": re.compile(r"^ExecStart=\S+ check-machine (.+)$", re.MULTILINE),
    "slices-lost@.service": re.compile(r"^ExecStart=\S+ list-lost (.+)$", re.MULTILINE),
}


def prepared() -> str | None:
    """Return the folder, C(None) if this host has no units of a role."""
    for unit, command in _COMMANDS.items():
        found = command.search(files.read_text(f"{systemd.UNIT_DIR}/{unit}") or "")
        if found is not None:
            return found[1]
    return None


def misplaced(state_dir: str) -> Refusal | None:
    """Return why a call with a folder that contains no claim is not for a new host, C(None) if it is."""
    folder = prepared()
    if folder is None:
        return None
    if os.path.realpath(folder) == os.path.realpath(state_dir):
        return Refusal("claim_missing", _HOST, {"path": state_dir})
    return Refusal("state_folder_changed", _HOST, {"held": folder, "got": state_dir})
