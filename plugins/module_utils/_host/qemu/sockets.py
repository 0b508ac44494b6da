# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a VM, and connections from root to them, which are restricted to the VM's QEMU.

C(/run/cloudrepo/VM) belongs to the slice's user. A compromised QEMU could create a symlink to another tenant's socket
in it, and commands of root would reach the other VM.
"""

from __future__ import annotations

import os
import socket
import stat
import struct

from ...errors import Refusal, Refused

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


def qmp_socket(vm_id: int) -> str:
    """Return the path of a VM's monitor."""
    return f"/run/cloudrepo/{vm_id}/qmp.sock"


def serial_socket(vm_id: int) -> str:
    """Return the path of a VM's serial console."""
    return f"/run/cloudrepo/{vm_id}/serial.sock"


def vnc_socket(vm_id: int) -> str:
    """Return the path of a VM's display, if it listens on a Unix socket."""
    return f"/run/cloudrepo/{vm_id}/vnc.sock"


def connect(path: str, *, timeout_s: float) -> socket.socket:
    """Connect to a socket if the owner of its folder listens on it.

    Raises:
        Refused: another user listens on it; nothing was sent.
        OSError: there is no listener.
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
    """Return the process id of the listener."""
    return _listener(client)[0]


def _listener(client: socket.socket) -> tuple[int, int]:
    """Return pid and uid of the listener."""
    pid, uid, _gid = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid


def _need_owner(client: socket.socket, path: str) -> None:
    folder = os.path.dirname(path)
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode):
        raise Refused([Refusal("owner_of_socket_unknown", f"the owner of {path}", {"folder": folder})])
    _pid, uid = _listener(client)
    if uid != info.st_uid:
        figures = {"path": path, "folder": folder, "owner": info.st_uid}
        raise Refused([Refusal("socket_of_another_user", f"user {uid}", figures)])
