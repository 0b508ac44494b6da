# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for the playbook save."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import yaml_lines
from ansible_collections.cloudrepo.slices.plugins.module_utils.startup import Startup


def files_to_save(guests: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the paths of the files that user data and start-ups write, by name of the VM, without VMs that have none.

    Args:
        guests: as M(cloudrepo.slices.user_data_info) returns them.
    """
    found = {guest["name"]: _paths(guest) for guest in guests}
    return {name: paths for name, paths in found.items() if paths}


def _paths(guest: Mapping[str, Any]) -> list[str]:
    written = {*_written(guest["user_data"] or ""), *_started(guest.get("startup") or "{}")}
    return sorted({_inside(path) for path in written if path.startswith("/") and path.isprintable()})


def _written(text: str) -> list[str]:
    """Return the paths of the files that user data writes."""
    if not text.startswith("#cloud-config"):
        return []
    entries = yaml_lines.load(text).get("write_files")
    return [] if entries is None else [yaml_lines.text_of(entry.get("path")) for entry in entries.values()]


def _started(text: str) -> list[str]:
    """Return the paths of the files that a start-up writes."""
    return [file.path for file in Startup.from_text(text).files]


def _inside(path: str) -> str:
    """Return an absolute path without C(..), so that it stays inside of a folder to which it is appended."""
    return "/" + posixpath.normpath(path).lstrip("/")


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {"files_to_save": files_to_save}
