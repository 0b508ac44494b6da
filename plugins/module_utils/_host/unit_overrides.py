# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that change the units of this collection, although it has not written them: masks, drop-ins, units of the same
name in another folder, and links that start VMs.

Each unit has one file in C(/etc/systemd/system), and the units of VMs share one drop-in. So any other file of systemd's
unit folders that has the name of one of these units is removed. Units of VMs belong to slices, all others to the host.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator

from ..changes import Change, SliceRef, between
from . import files
from .runner import Runner
from .systemd import UNIT_DIR, VM_WANTS

HOST = 0
"""Stands in place of a slice's id for overrides of the host's own units, and of all VMs' units."""
UNIT_PATH = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
"""Where systemd reads units from (systemd.unit(5)), in addition to C(UNIT_DIR)."""
# The drop-in of all VMs' units, which the role worker writes.
_COMMON, _COMMON_FILE = "cloudrepo-.service.d", "vm.conf"
_BESIDE = (".d", ".wants", ".requires", ".upholds")
_WANTS = _BESIDE[1:]
_VM = re.compile(r"cloudrepo-([0-9]+)@([0-9]*)\.service")
_CGROUP = re.compile(r"cloudrepo-([0-9]+)\.slice")
_SERVICES = "dhcp|fence|fence-watch|flows|gateway|keep-nat|keep-taps|logs|lost@|names@|nat|network@|power-down|taps"
_OF_HOST = re.compile(
    rf"slices-(?:{_SERVICES})(?:(?<=@).*)?\.service|slices-(?:fence-watch|logs)\.timer|slices-lost\.socket"
    # Drop-ins for all units with this prefix, and the parent of the cgroups of slices.
    r"|slices-(?:fence-|keep-|power-)?\.service|slices-(?:fence-)?\.timer|slices-\.socket|cloudrepo-\.service|cloudrepo-?\.slice"
)


def observe(slice_ids: Collection[int], *, unit_dir: str = UNIT_DIR, root: str = "") -> tuple[str, ...]:
    """Return the paths of all overrides for the units of slices, or of the host.

    Args:
        slice_ids: the slices; C(HOST) for the host's units.
        unit_dir: the folder of the units.
        root: the parent of all other folders, which differs in tests only.
    """
    wanted = frozenset(slice_ids)
    found = (
        path
        for folder in (unit_dir, *(f"{root}{each}" for each in UNIT_PATH))
        for owner, path in _found(folder, is_ours=folder == unit_dir)
        if owner in wanted
    )
    return tuple(sorted(found))


def changes(paths: Iterable[str]) -> list[Change]:
    """Return the removals."""
    return [between("unit override", path, {}, None, slice=_slice_of(path)) for path in paths]


def remove(paths: Collection[str], runner: Runner) -> None:
    """Remove overrides.

    Raises:
        CommandFailed: systemd does not respond.
    """
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            files.remove(path)
    if paths:
        runner.run(["systemctl", "daemon-reload"])


def restart(paths: Iterable[str], runner: Runner) -> None:
    """Restart those of the host's own units that ran with overrides, which were removed.

    VMs keep running.

    Raises:
        CommandFailed: a unit did not start.
    """
    patterns = dict.fromkeys(_pattern(path) for path in paths)
    units = [pattern for pattern in patterns if pattern.startswith("slices-")]
    if units:
        runner.run(["systemctl", "try-restart", "--", *units])


def changed_vms(paths: Iterable[str], vms: Iterable[tuple[int, int]]) -> frozenset[int]:
    """Return the ids of VMs that may run in another way than described, because overrides change how they are started.

    Args:
        paths: the overrides, before they are removed.
        vms: slice id and VM id of each VM.
    """
    paths = [path for path in paths if os.path.realpath(path) != "/dev/null"]
    return frozenset(vm_id for slice_id, vm_id in vms if any(_changes(path, slice_id, vm_id) for path in paths))


def _changes(path: str, slice_id: int, vm_id: int) -> bool:
    folder, name = os.path.split(path)
    unit, suffix = _split(name)
    if os.path.basename(folder) == _COMMON or unit == "cloudrepo-.service":
        return True
    match = _VM.fullmatch(unit)
    is_start_only = suffix in _WANTS or _split(folder)[1] in _WANTS
    return match is not None and not is_start_only and int(match[1]) == slice_id and match[2] in ("", str(vm_id))


def _found(folder: str, *, is_ours: bool) -> Iterator[tuple[int, str]]:
    """Yield the overrides in a folder, each with the slice of its unit, or C(HOST)."""
    for name in _names(folder):
        path, (unit, suffix) = f"{folder}/{name}", _split(name)
        owner = _owner(unit)
        if is_ours and name == _COMMON:
            yield from ((HOST, f"{path}/{each}") for each in _names(path) if each != _COMMON_FILE)
        elif owner is not None:
            if suffix or not is_ours or not _has_file(unit):
                yield owner, path
        elif suffix in _WANTS and not (is_ours and name == VM_WANTS):
            yield from _wanted(path)


def _wanted(folder: str) -> Iterator[tuple[int, str]]:
    """Yield links that start VMs with something else than the host."""
    for name in _names(folder):
        match = _VM.fullmatch(name)
        if match is not None:
            yield int(match[1]), f"{folder}/{name}"


def _split(name: str) -> tuple[str, str]:
    """Return the name of a unit, and the suffix of a folder for what belongs to it."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if dot + suffix in _BESIDE else (name, "")


def _owner(unit: str) -> int | None:
    match = _VM.fullmatch(unit) or _CGROUP.fullmatch(unit)
    if match is not None:
        return int(match[1])
    return HOST if _OF_HOST.fullmatch(unit) else None


def _slice_of(path: str) -> SliceRef | None:
    owner = _owner(_split(os.path.basename(path))[0])
    return SliceRef(owner) if owner else None


def _has_file(unit: str) -> bool:
    """Return whether a unit has a file of this collection, for which instances have their template."""
    match = _VM.fullmatch(unit)
    if match is not None:
        return not match[2]
    name = unit.partition("@")[2]
    return not unit.endswith(".slice") and (not name or name.startswith("."))


def _pattern(path: str) -> str:
    """Return the name of the units that an override is for, as a pattern of C(systemctl)."""
    unit, _suffix = _split(os.path.basename(path))
    stem, _dot, kind = unit.rpartition(".")
    return f"{stem}*.{kind}" if stem.endswith(("-", "@")) else unit


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) and not os.path.islink(folder) else []
