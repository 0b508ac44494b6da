# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The systemd units of VMs. C(cloudrepo-SLICE@VM.service) is an instance of a template for the slice."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Refusal, Refused, SlicesError
from . import access, files, processes
from .access import FILE
from .runner import Runner

UNIT_DIR = "/etc/systemd/system"
BOOTED = "/run/systemd/system"
"""The folder that systemd creates when it is the init of the host, as C(sd_booted) has it."""
VM_WANTS = "multi-user.target.wants"
"""The folder in C(UNIT_DIR) with the links of enabled units."""
_UNIT = re.compile(r"cloudrepo-([0-9]+)@([0-9]+)\.service")
_TEMPLATE_FILE = re.compile(r"cloudrepo-([0-9]+)@\.service")
# systemd ignores options that begin with X-.
_UUID = "X-CloudrepoSlice="
_SHOWN = "Id,ActiveState,MainPID"
# Of templates: whoever writes one decides what root runs.
_MODE = 0o644
# The maximum for each unit, and for all units together.
_MOST_LINES, _JOURNAL_LINES = 5, 2000

# All other options are in the drop-in cloudrepo-.service.d/vm.conf for all slices, which the role worker installs.
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
    """The state of a VM's unit in systemd."""

    slice_id: int
    vm_id: int
    active: str = "inactive"
    pid: int | None = None

    @property
    def name(self) -> str:
        """The name of the unit."""
        return unit_name(self.slice_id, self.vm_id)

    @property
    def live(self) -> bool:
        """Whether QEMU is running."""
        return self.active in ("active", "reloading") and self.pid is not None

    @property
    def idle(self) -> bool:
        """Whether the unit is inactive, which excludes failed and activating."""
        return self.active == "inactive"


@dataclass(frozen=True)
class Units:
    """The units of some slices on a host.

    Attributes:
        vms: units by VM id.
        enabled: slice id and VM id of enabled units.
        templates: the text of each slice's template, by slice id.
        slices: the ids of slices whose systemd slice is active.
        exposed: the ids of slices whose template is a link, or has another owner or mode than it was written with.
        ignored: those enabled units that systemd does not start with the host (C(ignored_names)).
    """

    vms: Mapping[int, Unit] = field(default_factory=dict)
    enabled: frozenset[tuple[int, int]] = frozenset()
    templates: Mapping[int, str] = field(default_factory=dict)
    slices: frozenset[int] = frozenset()
    exposed: frozenset[int] = frozenset()
    ignored: frozenset[tuple[int, int]] = frozenset()


def refuse_other_init() -> None:
    """Refuse a host that does not run systemd as its init.

    Raises:
        Refused: it does not.
    """
    if not os.path.isdir(BOOTED):
        raise Refused([Refusal("systemd_missing", f"host {os.uname().nodename}")])


def unit_name(slice_id: int, vm_id: int) -> str:
    """Return the name of a VM's unit."""
    return f"cloudrepo-{slice_id}@{vm_id}.service"


def template_name(slice_id: int) -> str:
    """Return the name of the template for a slice's units."""
    return f"cloudrepo-{slice_id}@.service"


def template_text(user: str, slice_uuid: str | None = None) -> str:
    """Return the text of the template for a slice whose VMs run as C(user)."""
    return _TEMPLATE.format(user=user, uuid=f"{_UUID}{slice_uuid}\n" if slice_uuid else "")


def template_uuid(text: str) -> str | None:
    """Return the slice's UUID in a template, C(None) if there is none."""
    lines = (line for line in text.splitlines() if line.startswith(_UUID))
    return next((line[len(_UUID) :] for line in lines), None)


def slice_name(slice_id: int) -> str:
    """Return the name of the systemd slice for a tenant's slice."""
    return f"cloudrepo-{slice_id}.slice"


def capture_unit(slice_id: int, vm_id: int, interface: str) -> str:
    """Return the name of a capture's unit. The prefix cloudrepo- is reserved for units of QEMU."""
    return f"slices-capture-{slice_id}-{vm_id}-{interface}.service"


def observe(wanted: Iterable[int], runner: Runner, *, unit_dir: str = UNIT_DIR) -> Units:
    """Return the units of the slices C(wanted).

    Raises:
        CommandFailed: systemd does not respond.
    """
    ids = frozenset(wanted)
    if not ids:
        return Units()
    names = [name for slice_id in sorted(ids) for name in (f"cloudrepo-{slice_id}@*.service", slice_name(slice_id))]
    states = loaded(names, runner)
    vms = [unit for unit in _units(states, runner) if unit.slice_id in ids]
    active = {name for name, state in states.items() if state == "active"}
    return Units(
        vms={unit.vm_id: unit for unit in vms},
        enabled=frozenset(pair for pair in _pairs(enabled_names(unit_dir)) if pair[0] in ids),
        templates=_templates(ids, unit_dir),
        slices=frozenset(slice_id for slice_id in ids if slice_name(slice_id) in active),
        exposed=frozenset(slice_id for slice_id in ids if _is_exposed(f"{unit_dir}/{template_name(slice_id)}")),
        ignored=frozenset(pair for pair in _pairs(ignored_names(unit_dir)) if pair[0] in ids),
    )


def observe_all(runner: Runner, *, unit_dir: str = UNIT_DIR) -> Units:
    """Return the units of all slices.

    Raises:
        CommandFailed: systemd does not respond.
    """
    units = [unit for unit in map(_unit, show(["cloudrepo-*@*.service"], runner)) if unit is not None]
    return Units(
        vms={unit.vm_id: unit for unit in units},
        enabled=frozenset(_pairs(enabled_names(unit_dir))),
        templates=all_templates(unit_dir),
    )


def look_again(units: Sequence[Unit], runner: Runner) -> dict[int, Unit]:
    """Return the current states of C(units), by VM id."""
    if not units:
        return {}
    found = map(_unit, show([unit.name for unit in units], runner))
    return {unit.vm_id: unit for unit in found if unit is not None}


def loaded(names: Sequence[str], runner: Runner) -> dict[str, str]:
    """Return the states of those units that are loaded, by name, with one call; a name may be a pattern.

    All other units are inactive. For C(show), systemd would load them, and compute all properties of each unit, which
    takes more than a millisecond.

    Raises:
        CommandFailed: systemd does not respond.
    """
    listed = runner.run(["systemctl", "list-units", "--all", "--output=json", "--", *names]).stdout
    return {unit["unit"]: unit["active"] for unit in json.loads(listed)}


def _units(states: Mapping[str, str], runner: Runner) -> list[Unit]:
    """Return the units of VMs among C(states).

    The only process in the cgroup of an active unit is its main process. Only where this does not tell it, systemd is
    asked.
    """
    known = {name: Unit(*pair, state) for name, state in states.items() for pair in _pairs([name])}
    cgroups = {name: f"/cloudrepo.slice/{slice_name(unit.slice_id)}/{name}" for name, unit in known.items()}
    pids = processes.in_cgroups([cgroups[name] for name, unit in known.items() if unit.active == "active"])
    mains = {name: own[0] for name in known if len(own := pids.get(cgroups[name], ())) == 1}
    unclear = [name for name, unit in known.items() if name not in mains and not unit.idle]
    shown = filter(None, map(_unit, show(unclear, runner) if unclear else []))
    found = {unit.name: unit for unit in shown}
    return [found.get(name, replace(unit, pid=mains.get(name))) for name, unit in known.items()]


def show(names: Sequence[str], runner: Runner, *, properties: str = _SHOWN) -> list[dict[str, str]]:
    """Return properties of units, C(Id) among them, with one call; a pattern matches units that are loaded."""
    text = runner.run(["systemctl", "show", f"--property={properties}", "--", *names]).stdout
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
    return [block for block in blocks if block.get("Id")]


def write_templates(templates: Mapping[int, str], *, unit_dir: str = UNIT_DIR) -> bool:
    """Write the templates of slices, each a C(template_text).

    Returns:
        Whether systemd has to be reloaded, which is not necessary for new files.
    """
    texts = {f"{unit_dir}/{template_name(slice_id)}": text for slice_id, text in templates.items()}
    is_known = any(map(os.path.exists, texts))
    files.write_all(files.text_file(path, text, mode=_MODE) for path, text in texts.items())
    return is_known


def remove_template(slice_id: int, *, unit_dir: str = UNIT_DIR) -> None:
    """Remove the template of a slice."""
    files.remove(f"{unit_dir}/{template_name(slice_id)}")


def enable(units: Iterable[tuple[int, int]], *, unit_dir: str = UNIT_DIR) -> None:
    """Enable units, each given as slice id and VM id.

    This creates the same symlinks as C(systemctl enable), which takes some milliseconds per unit.
    """
    os.makedirs(f"{unit_dir}/{VM_WANTS}", exist_ok=True)
    for slice_id, vm_id in units:
        path = f"{unit_dir}/{VM_WANTS}/{unit_name(slice_id, vm_id)}"
        files.remove(path)
        os.symlink(f"{unit_dir}/{template_name(slice_id)}", path)


def disable(units: Iterable[tuple[int, int]], *, unit_dir: str = UNIT_DIR) -> None:
    """Disable units, each given as slice id and VM id."""
    for slice_id, vm_id in units:
        files.remove(f"{unit_dir}/{VM_WANTS}/{unit_name(slice_id, vm_id)}")


def stop_vms(runner: Runner, *, unit_dir: str = UNIT_DIR) -> list[str]:
    """Disable the units of all VMs, and stop those that run or are about to start, without waiting for it.

    Returns:
        The names of the units.

    Raises:
        SlicesError: systemd does not respond.
    """
    units = observe_all(runner, unit_dir=unit_dir)
    names = {unit_name(*pair) for pair in units.enabled}
    names.update(unit.name for unit in units.vms.values() if not unit.idle)
    # Disabled first: whatever happens then, they do not start with the host again.
    disable(units.enabled, unit_dir=unit_dir)
    if names:
        # This cancels their pending start jobs as well. It does not wait for the stop jobs, which could wait for
        # the unit that calls it.
        runner.run(["systemctl", "stop", "--no-block", "--", *sorted(names)])
    return sorted(names)


def last_words(units: Sequence[str], runner: Runner, *, since_s: float | None = None) -> dict[str, str]:
    """Return the last journal lines of units, without repeated lines, with one call.

    Args:
        units: their names.
        runner: runs commands on the host.
        since_s: maximum age of lines in seconds; C(None) for no limit.

    Returns:
        The lines by unit; for a unit without any, the lines of systemd about it.
    """
    if not units:
        return {}
    options = [f"--lines={_JOURNAL_LINES}", "--output=json", "--no-pager", "--quiet"]
    if since_s is not None:
        options.append(f"--since=-{math.ceil(since_s)}s")
    # "+" means "or". Messages of systemd about a unit have the field UNIT.
    matches = [*(f"_SYSTEMD_UNIT={unit}" for unit in units), "+", *(f"UNIT={unit}" for unit in units)]
    said: dict[tuple[str, bool], list[str]] = {}
    for line in runner.run(["journalctl", *options, *matches], check=False).stdout.splitlines():
        entry = json.loads(line)
        is_own = entry.get("_SYSTEMD_UNIT") in units
        unit = entry["_SYSTEMD_UNIT"] if is_own else next(filter(units.__contains__, _all(entry.get("UNIT"))), "")
        said.setdefault((unit, is_own), []).extend(_message(entry).splitlines())
    words = {unit: said.get((unit, True)) or said.get((unit, False), []) for unit in units}
    return {unit: "\n".join(list(dict.fromkeys(lines))[-_MOST_LINES:]) for unit, lines in words.items()}


def _message(entry: Mapping[str, Any]) -> str:
    """Return the message of an entry. It is a list of bytes if not printable, and null if too long.

    A process may write several messages in one entry, which are a list of these.
    """
    message = entry.get("MESSAGE") or ""
    if isinstance(message, list) and all(isinstance(each, int) for each in message):
        return bytes(message).decode("utf-8", "replace")
    return "\n".join(_message({"MESSAGE": each}) for each in message) if isinstance(message, list) else str(message)


def _all(value: Any) -> list[Any]:
    """Return the values of a field, which a process may write several times in one entry."""
    return value if isinstance(value, list) else [value]


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
    """Return the names of all enabled units."""
    return _names(f"{unit_dir}/{VM_WANTS}")


def ignored_names(unit_dir: str) -> list[str]:
    """Return the names of enabled units that systemd does not start with the host.

    Something else is in place of the link to the unit or its template, such as a link to /dev/null.
    """
    return [name for name in enabled_names(unit_dir) if not _is_enabled_link(f"{unit_dir}/{VM_WANTS}", name)]


def _is_enabled_link(folder: str, name: str) -> bool:
    path = f"{folder}/{name}"
    template = re.sub(r"@.*(\.[a-z]+)$", r"@\1", name)
    return os.path.islink(path) and os.path.basename(os.readlink(path)) in (name, template)


def _pairs(names: Iterable[str]) -> Iterable[tuple[int, int]]:
    """Yield slice id and VM id of the names that are those of VMs."""
    for name in names:
        match = _UNIT.fullmatch(name)
        if match:
            yield int(match[1]), int(match[2])


def all_templates(unit_dir: str) -> dict[int, str]:
    """Return the text of each slice's template, which is empty if it cannot be read."""
    found = {}
    for slice_id in _template_ids(unit_dir):
        try:
            found.update(_templates({slice_id}, unit_dir))
        except SlicesError:
            found[slice_id] = ""
    return found


def _templates(ids: Iterable[int], unit_dir: str) -> dict[int, str]:
    wanted = _template_ids(unit_dir).intersection(ids)
    return {each: files.read_text(f"{unit_dir}/{template_name(each)}") or "" for each in sorted(wanted)}


def _template_ids(unit_dir: str) -> set[int]:
    """Return the ids of slices that have a template."""
    return {int(match[1]) for match in map(_TEMPLATE_FILE.fullmatch, _names(unit_dir)) if match is not None}


def _is_exposed(path: str) -> bool:
    return bool(access.wrong_permissions([(path, FILE, _MODE)]))


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []
