# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the taps of all VMs that are missing, as when the host starts, with their limits.

C(vms/VM/taps), which belongs to root, lists a VM's taps; C(flows/SLICE.qdiscs) has the limits of a slice's taps.
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
    """Make the taps. One that cannot be made holds up no other.

    Raises:
        SlicesError: some cannot be made.
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
    """The taps of all VMs, and what is wrong with those that no host can have."""
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
