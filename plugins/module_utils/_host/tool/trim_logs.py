# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits the disk space of files in VMs' folders: halves large console logs and removes old captures."""

from __future__ import annotations

import errno
import glob
import os
import stat
import time

from .. import files, systemd
from ..qemu.config import CONSOLE
from ..runner import Runner
from ..vm_folders import slices_by_vm
from . import process

# Fetching the largest capture takes minutes, and may be repeated after a lost connection.
_KEPT_S = 3600


def main(state_dir: str, most_bytes: str) -> int:
    """See C(trim)."""
    return process.run(lambda runner: trim(state_dir, int(most_bytes), runner))


def trim(state_dir: str, most_bytes: int, runner: Runner) -> None:
    """Halve logs larger than C(most_bytes), and remove captures an hour after their end.

    Raises:
        CommandFailed: systemd does not respond.
    """
    for path in glob.glob(f"{state_dir}/vms/*/{CONSOLE}"):
        _halve(path, most_bytes)
    captures = {
        path: systemd.capture_unit(slice_id, vm_id, os.path.basename(path)[: -len(".pcap")])
        for vm_id, slice_id in slices_by_vm(f"{state_dir}/vms").items()
        for path in glob.glob(f"{state_dir}/vms/{vm_id}/*.pcap")
    }
    if captures:
        states = {unit["Id"]: unit["ActiveState"] for unit in systemd.show(list(captures.values()), runner)}
        for path, unit in captures.items():
            _expire(path, ended=states.get(unit) in ("inactive", "failed"))


def _halve(path: str, most_bytes: int) -> None:
    """Keep the last half of a log. Output that QEMU appends at this moment is lost."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EISDIR):
            return
        raise
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        os.close(handle)
        return
    with open(handle, "r+b") as log:
        if state.st_size > most_bytes:
            log.seek(-(most_bytes // 2), os.SEEK_END)
            rest = log.read()
            log.truncate(0)
            log.write(rest)


def _expire(path: str, *, ended: bool) -> None:
    """Remove a capture an hour after its end. Touch the file of a running one, whose hour has not started yet."""
    try:
        if not ended:
            os.utime(path, follow_symlinks=False)
        elif time.time() - os.lstat(path).st_mtime > _KEPT_S:
            files.remove(path)
    except FileNotFoundError:
        pass  # it has just been fetched and removed
