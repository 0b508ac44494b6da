# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Creates the missing taps of all VMs, with their qdiscs, when the host starts.

C(vms/VM/taps), which belongs to root, lists a VM's taps; C(flows/SLICE.qdiscs) contains the qdiscs of a slice's taps.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable

from ...errors import CommandFailed, SlicesError
from .. import files
from ..datapath import flows, shaping, taps
from ..datapath.taps import Tap
from ..qemu.config import TAPS
from ..runner import Runner
from . import process


def main(state_dir: str) -> int:
    """See C(restore)."""
    return process.run(lambda runner: restore(state_dir, runner))


def restore(state_dir: str, runner: Runner, *, sys_net: str = taps.SYS_NET) -> None:
    """Create the taps. After an error for one tap, the others are still created.

    Raises:
        SlicesError: some taps cannot be created.
    """
    wanted, faults = _read(state_dir)
    todo = taps.plan_restore(wanted, taps.observe(sys_net))
    try:
        taps.apply_present(todo, runner, force=True)
    except CommandFailed as error:
        faults.append(error.fields["stderr"].strip())
    made = [tap for tap in wanted if tap.name in todo.made]
    limits = "".join(f"{line}\n" for line in _limits(flows.folder_in(state_dir), made))
    if limits:
        result = runner.run(["tc", "-force", "-batch", "-"], stdin=limits, check=False)
        faults += [result.stderr.strip()] * (result.rc != 0)
    if faults:
        raise SlicesError("\n".join(faults))


def _read(state_dir: str) -> tuple[list[Tap], list[str]]:
    """Return the taps of all VMs, and errors for invalid lines."""
    wanted, faults = [], []
    for path in sorted(glob.glob(f"{state_dir}/vms/*/{TAPS}")):
        for line in (files.read_text(path) or "").splitlines():
            try:
                wanted.append(taps.read_saved(line))
            except ValueError as error:
                faults.append(f"{path}: {error}")
    return wanted, faults


def _limits(folder: str, made: Iterable[Tap]) -> Iterable[str]:
    by_slice: dict[int, set[str]] = {}
    for tap in made:
        by_slice.setdefault(tap.group, set()).add(tap.name)
    for slice_id, names in by_slice.items():
        yield from shaping.saved_qdiscs(folder, slice_id, names)
