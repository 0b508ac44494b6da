# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the owners of QEMU processes, taps and files of VMs: owners.py USER BEFORE

Prints each user of QEMU processes and each owner of taps, then the files in VMs' folders that do not belong to the
group USER, and those that belong to the user BEFORE.
"""

from __future__ import annotations

import glob
import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator

VMS = "/var/lib/cloudrepo/vms"


def processes() -> list[str]:
    """Return the users of QEMU processes."""
    shown = subprocess.run(
        ["ps", "--no-headers", "-C", "qemu-system-x86", "-o", "user:20"], check=True, capture_output=True, text=True
    )
    return sorted({line.strip() for line in shown.stdout.splitlines()})


def taps(sys_net: str = "/sys/class/net") -> list[str]:
    """Return the owners of taps."""
    owners = set()
    for path in glob.glob(f"{sys_net}/tap_*/owner"):
        with open(path, encoding="ascii") as file:
            owners.add(pwd.getpwuid(int(file.read())).pw_name)
    return sorted(owners)


def not_of_group(vms: str, gid: int) -> list[str]:
    """Return the VMs' folders, and the files in them, that do not belong to a group."""
    return [path for folder in sorted(glob.glob(f"{vms}/*")) for path in walk(folder) if os.lstat(path).st_gid != gid]


def of_user(vms: str, uid: int) -> list[str]:
    """Return all paths in a folder, including itself, that belong to a user."""
    return [path for path in walk(vms) if os.lstat(path).st_uid == uid]


def walk(top: str) -> Iterator[str]:
    """Yield C(top) and all paths below it."""
    yield top
    for folder, folders, files in os.walk(top):
        yield from (os.path.join(folder, name) for name in sorted([*folders, *files]))


def main(user: str, before: str) -> None:
    lines = [*processes(), *taps(), *not_of_group(VMS, grp.getgrnam(user).gr_gid)]
    print("\n".join([*lines, *of_user(VMS, pwd.getpwnam(before).pw_uid)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
