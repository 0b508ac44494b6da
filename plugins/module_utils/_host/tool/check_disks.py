# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps VMs from starting with the host if their disks are damaged or those of others.

A deploy looks at disks before it starts VMs. After a power failure nobody does, and a guest would write over what could
be recovered of a truncated disk. This runs when the host starts, before VMs do.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Refusal, SlicesError
from .. import systemd, vm_folders
from ..disk import lost, origins, overlay_images
from ..ownership import shown
from ..runner import Runner
from ..vm_folders import Folder
from . import process


def main(state_dir: str) -> int:
    """See C(check)."""
    return process.run(lambda runner: check(state_dir, runner))


def check(state_dir: str, runner: Runner, *, unit_dir: str = systemd.UNIT_DIR) -> None:
    """Cancel the start of VMs whose disks they must not use. They stay enabled, and start once that is repaired.

    Args:
        state_dir: contains the folders of VMs.
        runner: runs C(systemctl).
        unit_dir: contains the enabled units.

    Raises:
        SlicesError: there are such VMs, or systemd does not respond.
    """
    units = systemd.observe_all(runner, unit_dir=unit_dir)
    running = {vm_id for vm_id, unit in units.vms.items() if unit.live}
    faults = {}
    for slice_id, vm_id in sorted(units.enabled):
        folder = None if vm_id in running else vm_folders.read_one(f"{state_dir}/vms/{vm_id}")
        refusal = None if folder is None else next(_faults(vm_id, folder, state_dir), None)
        if refusal is not None:
            faults[systemd.unit_name(slice_id, vm_id)] = refusal.message
    if faults:
        runner.run(["systemctl", "stop", "--no-block", "--", *faults])
        raise SlicesError("\n".join(f"{unit} does not start with the host: {said}" for unit, said in faults.items()))


def _faults(vm_id: int, folder: Folder, state_dir: str) -> Iterator[Refusal]:
    """Yield why a VM must not use the disks that the file in its folder lists. QEMU says it if one is missing."""
    name = f"VM {vm_id}"
    for path, uuid in ((f"{folder.path}/{each}", uuid) for each, uuid in folder.disks.items()):
        image, own = overlay_images.read(path, images=f"{state_dir}/images"), origins.uuid_of(path)
        if image is not None and None not in (own, uuid) and own != uuid:
            yield Refusal("disk_of_another_vm", name, {"path": path, "held": f"disk {own}", "got": shown(uuid)})
        if image is not None and image.damage is not None:
            yield lost.damage(name, vm_id, path, image, image.damage)
