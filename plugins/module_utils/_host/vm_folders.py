# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The folders of VMs on a host, each of which names its slice in a file."""

from __future__ import annotations

import os

from .files import read_text

MARK = "slice_id"


def slices_by_vm(root: str) -> dict[int, int]:
    """The slice of each VM that has a folder in C(root)."""
    found = {}
    names = os.listdir(root) if os.path.isdir(root) else []
    for name in sorted(name for name in names if name.isdecimal()):
        mark = (read_text(f"{root}/{name}/{MARK}") or "").strip()
        if mark.isdecimal():
            found[int(name)] = int(mark)
    return found
