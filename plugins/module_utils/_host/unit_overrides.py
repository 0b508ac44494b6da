# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Masks and drop-ins beside the units of slices, which keep VMs from running as they are described.

What all units have in common is in C(cloudrepo-.service.d/vm.conf), which the role C(worker) owns. The units of a slice
have a template and nothing else, so any other file for these units is removed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator

from ..changes import Change, SliceRef, between
from . import files
from .runner import Runner

RUNTIME_UNIT_DIR = "/run/systemd/system"
# An instance, or the folder for drop-ins of an instance or a template.
_NAME = re.compile(r"cloudrepo-([0-9]+)@([0-9]+\.service|[0-9]*\.service\.d)")
_TEMPLATE = re.compile(r"cloudrepo-([0-9]+)@\.service")


def observe(
    slice_ids: Collection[int], *, unit_dir: str, runtime_dir: str = RUNTIME_UNIT_DIR
) -> tuple[tuple[int, str], ...]:
    """Return all overrides for units of the slices, each as slice id and path."""
    return tuple(sorted(found for found in _found(unit_dir, runtime_dir) if found[0] in slice_ids))


def changes(overrides: Iterable[tuple[int, str]]) -> list[Change]:
    """Return the removals."""
    return [between("unit override", path, {}, None, slice=SliceRef(slice_id)) for slice_id, path in overrides]


def remove(overrides: Collection[tuple[int, str]], runner: Runner) -> None:
    """Remove overrides.

    Raises:
        CommandFailed: systemd does not respond.
    """
    for _slice_id, path in overrides:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            files.remove(path)
    if overrides:
        runner.run(["systemctl", "daemon-reload"])


def _found(unit_dir: str, runtime_dir: str) -> Iterator[tuple[int, str]]:
    for folder in (unit_dir, runtime_dir):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            match = _NAME.fullmatch(name)
            # The template itself is in the other folder. There, a template that is masked differs from the right one.
            if match is None and folder == runtime_dir:
                match = _TEMPLATE.fullmatch(name)
            if match is not None:
                yield int(match[1]), f"{folder}/{name}"
