# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""usage: reach.py USER VM

Changes to USER, like an attacker who has escaped from a QEMU of USER, and tries to access all objects of VM. Prints the
objects and those that were accessible as JSON: files and folders to read and write, sockets to connect to, processes to
signal, and taps to open.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002


def main() -> None:
    user, vm = sys.argv[1:]
    there = find(vm)
    become(user)
    reached = {kind: [each for each in things if succeeds(TRIES[kind], each)] for kind, things in there.items()}
    print(json.dumps({"there": there, "reached": reached}))


def find(vm: str) -> dict[str, list[str]]:
    state, run = Path("/var/lib/cloudrepo/vms", vm), Path("/run/cloudrepo", vm)
    paths = sorted(path for folder in (state, run) for path in (folder, *folder.glob("**/*")) if path.exists())
    show = ["systemctl", "show", "--property=MainPID", "--value", f"cloudrepo-*@{vm}.service"]
    pids = subprocess.run(show, check=True, capture_output=True, text=True).stdout.split()
    taps = [line.split()[0] for line in (state / "taps").read_text(encoding="ascii").splitlines()]
    files = [str(path) for path in paths if not path.is_socket()]
    return {
        "read": files,
        "write": files,
        "connect": [str(path) for path in paths if path.is_socket()],
        "signal": [pid for pid in pids if pid != "0"],
        # A tap that QEMU has open cannot be opened again.
        "open": [] if any(map(int, pids)) else taps,
    }


def become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def succeeds(attempt: Callable[[str], object], thing: str) -> bool:
    try:
        attempt(thing)
    except PermissionError:
        return False
    return True


def read(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def write(path: str) -> None:
    if os.path.isdir(path):
        Path(path, "planted").touch()
        Path(path, "planted").unlink()
    else:
        os.close(os.open(path, os.O_WRONLY))


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def signal(pid: str) -> None:
    os.kill(int(pid), 0)


def open_tap(name: str) -> None:
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", name.encode("ascii"), IFF_TAP_NO_PI))


TRIES = {"read": read, "write": write, "connect": connect, "signal": signal, "open": open_tap}

if __name__ == "__main__":
    main()
