# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a command as on a machine with another machine-id, which is no container:
unshare --mount --propagation slave python3 as_machine.py ROOT MACHINE_ID COMMAND...

ROOT is an empty folder. In the mount namespace of this process, it becomes a root file system with everything of the
present one, except the machine-id and the files that exist in containers only.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

CONTAINER_PATHS = ("/run/.containerenv", "/.dockerenv")
POD_VARIABLE = "KUBERNETES_SERVICE_HOST"
MACHINE_ID_PATH = "/etc/machine-id"


def binds(source: str, hidden: Sequence[str]) -> Iterator[str]:
    """Yield the files and folders that together have all of a folder, except C(hidden)."""
    for entry in sorted(os.scandir(source), key=lambda each: each.path):
        if entry.path in hidden:
            continue
        if any(path.startswith(f"{entry.path}/") for path in hidden):
            yield from binds(entry.path, hidden)
        else:
            yield entry.path


def build(root: str, machine_id: str) -> None:
    """Mount a root file system with another machine-id in a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "root", root], check=True)
    for path in binds("/", [path for path in CONTAINER_PATHS if os.path.exists(path)]):
        target = f"{root}{path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
            continue
        if os.path.isdir(path):
            os.mkdir(target)
        else:
            open(target, "x", encoding="utf-8").close()
        subprocess.run(["mount", "--rbind", path, target], check=True)
    told = f"{root}/.machine-id"
    with open(told, "x", encoding="utf-8") as file:
        file.write(f"{machine_id}\n")
    subprocess.run(["mount", "--bind", told, f"{root}{MACHINE_ID_PATH}"], check=True)


def main(root: str, machine_id: str, *command: str) -> None:
    where = os.getcwd()
    build(root, machine_id)
    os.chroot(root)
    os.chdir(where)
    os.environ.pop(POD_VARIABLE, None)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
