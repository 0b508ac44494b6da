# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The units of VMs: an instance C(cloudrepo-SLICE@VM.service) of a slice's own template."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import files
from .runner import Runner

UNIT_DIR = "/etc/systemd/system"
_WANTS = "multi-user.target.wants"
_UNIT = re.compile(r"cloudrepo-([0-9]+)@([0-9]+)\.service")
_TEMPLATE_FILE = re.compile(r"cloudrepo-([0-9]+)@\.service")
# systemd ignores what begins with X-.
_UUID = "X-CloudrepoSlice="
_SHOWN = "Id,ActiveState,MainPID"
# Of each unit, and of all together.
_MOST_LINES, _JOURNAL_LINES = 5, 2000

# All the rest stands once for every slice, in the drop-in cloudrepo-.service.d/vm.conf that the role worker installs.
_TEMPLATE = """[Unit]
Description=VM %i of slice %j
{uuid}
[Service]
User={user}

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Unit:
    """What systemd knows of the unit of a VM."""

    slice_id: int
    vm_id: int
    active: str = "inactive"
    pid: int | None = None

    @property
    def name(self) -> str:
        """The unit's name."""
        return unit_name(self.slice_id, self.vm_id)

    @property
    def live(self) -> bool:
        """Whether QEMU runs."""
        return self.active in ("active", "reloading") and self.pid is not None

    @property
    def idle(self) -> bool:
        """Whether nothing runs, will run or has failed."""
        return self.active == "inactive"


@dataclass(frozen=True)
class Units:
    """The units of some slices on a host.

    Attributes:
        vms: by VM id.
        enabled: slice and VM of the units that come back after a reboot.
        templates: the text of each slice's template.
        slices: those whose cgroup systemd keeps.
    """

    vms: Mapping[int, Unit] = field(default_factory=dict)
    enabled: frozenset[tuple[int, int]] = frozenset()
    templates: Mapping[int, str] = field(default_factory=dict)
    slices: frozenset[int] = frozenset()


def unit_name(slice_id: int, vm_id: int) -> str:
    """The unit of a VM."""
    return f"cloudrepo-{slice_id}@{vm_id}.service"


def template_name(slice_id: int) -> str:
    """The template of a slice's units."""
    return f"cloudrepo-{slice_id}@.service"


def template_text(user: str, slice_uuid: str | None = None) -> str:
    """The template of a slice whose VMs run as C(user)."""
    return _TEMPLATE.format(user=user, uuid=f"{_UUID}{slice_uuid}\n" if slice_uuid else "")


def template_uuid(text: str) -> str | None:
    """The UUID of the slice that a template is of, or nothing where it does not name one."""
    lines = (line for line in text.splitlines() if line.startswith(_UUID))
    return next((line[len(_UUID) :] for line in lines), None)


def slice_name(slice_id: int) -> str:
    """The cgroup of a tenant's slice."""
    return f"cloudrepo-{slice_id}.slice"


def capture_unit(slice_id: int, vm_id: int, interface: str) -> str:
    """The unit of a capture; not cloudrepo-…, for what is called so runs QEMU."""
    return f"slices-capture-{slice_id}-{vm_id}-{interface}.service"


def observe(wanted: Iterable[int], runner: Runner, *, unit_dir: str = UNIT_DIR) -> Units:
    """What systemd has of the slices C(wanted).

    Raises:
        CommandFailed: systemd does not answer.
    """
    ids = frozenset(wanted)
    if not ids:
        return Units()
    names = [name for slice_id in sorted(ids) for name in (f"cloudrepo-{slice_id}@*.service", slice_name(slice_id))]
    blocks = show(names, runner)
    vms = [unit for unit in map(_unit, blocks) if unit is not None and unit.slice_id in ids]
    active = {block["Id"] for block in blocks if block.get("ActiveState") == "active"}
    return Units(
        vms={unit.vm_id: unit for unit in vms},
        enabled=frozenset(pair for pair in _enabled(unit_dir) if pair[0] in ids),
        templates=_templates(ids, unit_dir),
        slices=frozenset(slice_id for slice_id in ids if slice_name(slice_id) in active),
    )


def observe_all(runner: Runner, *, unit_dir: str = UNIT_DIR) -> Units:
    """What systemd has of all slices.

    Raises:
        CommandFailed: systemd does not answer.
    """
    units = [unit for unit in map(_unit, show(["cloudrepo-*@*.service"], runner)) if unit is not None]
    return Units(
        vms={unit.vm_id: unit for unit in units},
        enabled=frozenset(_enabled(unit_dir)),
        templates=all_templates(unit_dir),
    )


def look_again(units: Sequence[Unit], runner: Runner) -> dict[int, Unit]:
    """The units C(units) as they are now, by VM id."""
    if not units:
        return {}
    found = map(_unit, show([unit.name for unit in units], runner))
    return {unit.vm_id: unit for unit in found if unit is not None}


def show(names: Sequence[str], runner: Runner) -> list[dict[str, str]]:
    """The properties of units, in one call; a pattern finds those that systemd has in memory."""
    text = runner.run(["systemctl", "show", f"--property={_SHOWN}", "--", *names]).stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return [block for block in blocks if block.get("Id")]


def write_templates(templates: Mapping[int, str], *, unit_dir: str = UNIT_DIR) -> bool:
    """Give slices their templates, each a C(template_text).

    Returns:
        whether systemd has to be told: what is new it finds by itself.
    """
    texts = {f"{unit_dir}/{template_name(slice_id)}": text for slice_id, text in templates.items()}
    is_known = any(map(os.path.exists, texts))
    files.write_all(files.text_file(path, text, mode=0o644) for path, text in texts.items())
    return is_known


def remove_template(slice_id: int, *, unit_dir: str = UNIT_DIR) -> None:
    """Take a slice's template away."""
    files.remove(f"{unit_dir}/{template_name(slice_id)}")


def enable(units: Iterable[tuple[int, int]], *, unit_dir: str = UNIT_DIR) -> None:
    """Let units, each a slice and a VM, come back after a reboot.

    The link is the one that C(systemctl enable) makes, which takes systemd some milliseconds for each.
    """
    os.makedirs(f"{unit_dir}/{_WANTS}", exist_ok=True)
    for slice_id, vm_id in units:
        os.symlink(f"{unit_dir}/{template_name(slice_id)}", f"{unit_dir}/{_WANTS}/{unit_name(slice_id, vm_id)}")


def disable(units: Iterable[tuple[int, int]], *, unit_dir: str = UNIT_DIR) -> None:
    """Let units, each a slice and a VM, stay away after a reboot."""
    for slice_id, vm_id in units:
        files.remove(f"{unit_dir}/{_WANTS}/{unit_name(slice_id, vm_id)}")


def last_words(units: Sequence[str], runner: Runner, *, since_s: float | None = None) -> dict[str, str]:
    """The last lines that units wrote, each line once, for a person to read; all in one call.

    Args:
        units: their names.
        runner: the host's.
        since_s: how many seconds ago they may have begun to write; C(None) for ever.

    Returns:
        by unit its lines, or if it wrote none what systemd says of it.
    """
    if not units:
        return {}
    options = [f"--lines={_JOURNAL_LINES}", "--output=json", "--no-pager", "--quiet"]
    if since_s is not None:
        options.append(f"--since=-{math.ceil(since_s)}s")
    # A + is an or; what systemd says of a unit is of systemd's own.
    matches = [*(f"_SYSTEMD_UNIT={unit}" for unit in units), "+", *(f"UNIT={unit}" for unit in units)]
    said: dict[tuple[str, bool], list[str]] = {}
    for line in runner.run(["journalctl", *options, *matches], check=False).stdout.splitlines():
        entry = json.loads(line)
        is_own = entry.get("_SYSTEMD_UNIT") in units
        unit = entry["_SYSTEMD_UNIT"] if is_own else entry.get("UNIT")
        said.setdefault((unit, is_own), []).extend(_message(entry).splitlines())
    words = {unit: said.get((unit, True)) or said.get((unit, False), []) for unit in units}
    return {unit: "\n".join(list(dict.fromkeys(lines))[-_MOST_LINES:]) for unit, lines in words.items()}


def _message(entry: Mapping[str, Any]) -> str:
    """What an entry says; journald writes what is not printable as a list of bytes, and leaves out what is too long."""
    message = entry.get("MESSAGE") or ""
    return bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message)


def _unit(block: Mapping[str, str]) -> Unit | None:
    match = _UNIT.fullmatch(block["Id"])
    if match is None:
        return None
    pid = int(block.get("MainPID") or 0)
    return Unit(
        slice_id=int(match[1]),
        vm_id=int(match[2]),
        active=block.get("ActiveState", "inactive"),
        pid=pid or None,
    )


def enabled_names(unit_dir: str) -> list[str]:
    """The names of all units that come back after a reboot."""
    return _names(f"{unit_dir}/{_WANTS}")


def _enabled(unit_dir: str) -> Iterable[tuple[int, int]]:
    for name in enabled_names(unit_dir):
        match = _UNIT.fullmatch(name)
        if match:
            yield int(match[1]), int(match[2])


def all_templates(unit_dir: str) -> dict[int, str]:
    """The text of each slice's template."""
    return _templates(None, unit_dir)


def _templates(ids: frozenset[int] | None, unit_dir: str) -> dict[int, str]:
    matches = filter(None, map(_TEMPLATE_FILE.fullmatch, _names(unit_dir)))
    names = {int(match[1]): match[0] for match in matches if ids is None or int(match[1]) in ids}
    return {slice_id: files.read_text(f"{unit_dir}/{name}") or "" for slice_id, name in names.items()}


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
