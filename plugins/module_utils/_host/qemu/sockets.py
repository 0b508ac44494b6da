# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a VM: where they are, and connections to them, which root makes only to the VM's own QEMU.

C(/run/cloudrepo/VM) belongs to the slice's user. Who has broken out of a QEMU may put a link to another tenant's
socket there, and what root says would reach that one.
"""

from __future__ import annotations

import os
import socket
import stat
import struct

from ...errors import SlicesError

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def qmp_socket(vm_id: int) -> str:
    """Where a VM's monitor listens."""
    return f"/run/cloudrepo/{vm_id}/qmp.sock"


def serial_socket(vm_id: int) -> str:
    """Where a VM's serial console listens."""
    return f"/run/cloudrepo/{vm_id}/serial.sock"


def vnc_socket(vm_id: int) -> str:
    """Where a VM's display listens, if it does so on a socket."""
    return f"/run/cloudrepo/{vm_id}/vnc.sock"


def connect(path: str, *, timeout_s: float) -> socket.socket:
    """Connect to a socket whose listener is the user that its folder belongs to.

    Raises:
        SlicesError: somebody else listens there; nothing was sent.
        OSError: nobody listens there in time.
    """
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(timeout_s)
    try:
        client.connect(path)
        _need_owner(client, path)
    except BaseException:
        client.close()
        raise
    return client


def pid_of(client: socket.socket) -> int:
    """The process that listens at the other end."""
    return _listener(client)[0]


def _listener(client: socket.socket) -> tuple[int, int]:
    """Pid and uid of who listens at the other end."""
    pid, uid, _gid = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


def _need_owner(client: socket.socket, path: str) -> None:
    folder = os.path.dirname(path)
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode):
        raise SlicesError(f"the owner of {path} cannot be checked: {folder} is not a folder")
    _pid, uid = _listener(client)
    if uid != info.st_uid:
        raise SlicesError(f"user {uid} listens at {path}, but {folder} belongs to user {info.st_uid}")
