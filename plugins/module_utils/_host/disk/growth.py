# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Enlarges disks: those that QEMU has open through its monitor, which notifies the guest, and others with qemu-img.

A disk that is larger than in the work order stays as it is, because a smaller one would lose data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...changes import Change, SliceRef, between
from ...errors import SlicesError
from ...vm_order import VM, Disk
from ..accounts import Account, Accounts
from ..qemu.config import drive_id
from ..qemu.qmp import Monitor
from ..qemu.sockets import qmp_socket
from ..runner import Runner
from .qcow2 import Image


@dataclass(frozen=True)
class Growth:
    """A disk to enlarge.

    Attributes:
        old_bytes: its size.
        is_open: whether the VM's QEMU has it open.
    """

    vm: VM
    disk: Disk
    old_bytes: int
    is_open: bool = False

    @property
    def change(self) -> Change:
        """The change to the disk."""
        before, after = {"size_bytes": self.old_bytes}, {"size_bytes": self.disk.size_bytes}
        return between("overlay", self.disk.path, before, after, slice=SliceRef(self.vm.slice_id))


def is_due(disk: Disk, images: Mapping[str, Image]) -> bool:
    """Return whether an existing disk is smaller than in the work order."""
    image = images.get(disk.path)
    return image is not None and image.damage is None and image.virtual_bytes < disk.size_bytes


def closed(todo: Iterable[Growth], accounts: Accounts, runner: Runner) -> None:
    """Enlarge the disks that no process has open.

    Raises:
        CommandFailed: qemu-img failed.
    """
    for each in todo:
        if not each.is_open:
            argv = ["qemu-img", "resize", "-q", "-f", "qcow2", each.disk.path, str(each.disk.size_bytes)]
            runner.run([*_as(accounts.of(each.vm.slice_id)), *argv])


def _as(account: Account) -> list[str]:
    """Return what runs a command as the user of a slice, with the groups that let it reach its disks.

    The header of a disk is in the hands of that user: it can lead root to the disks of others.
    """
    return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--"]


def opened(todo: Iterable[Growth], monitor: Monitor) -> dict[int, str]:
    """Enlarge the disks that QEMU has open, and return the errors by VM id."""
    faults = {}
    for each in todo:
        if each.is_open:
            arguments = {"device": drive_id(each.disk), "size": each.disk.size_bytes}
            try:
                with monitor.connect(qmp_socket(each.vm.vm_id)) as session:
                    session.execute("block_resize", arguments)
            except SlicesError as error:
                faults[each.vm.vm_id] = f"{each.vm}: {error.message}"
    return faults
