# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints what roles change on a host, one object a line: files, folders, users, packet rules, ports, units, forwarding.

Left out are the group kvm, which Debian's packages create on other hosts, and the folder that C(ip netns) creates.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator

TREES = ("/etc", "/usr/local")
# Changed by packages, by the network configuration and by Open vSwitch itself.
VOLATILE = re.compile(r"/etc/([a-z]+-|ssl/.*|machine-id|openvswitch/.*|resolv\.conf|\.pwd\.lock)")
SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")
FORWARDING = re.compile(r"ipv4.*\.(ip_)?forward")
COMMANDS = (
    "nft list tables",
    "ovs-vsctl --columns=name list bridge",
    "ovs-vsctl --columns=name list port",
    "ovs-vsctl --columns=type list qos",
    "ip netns list",
    "systemctl list-unit-files --state=enabled --plain --no-legend",
)
# Only the first word of each line is a name.
NAMING_COMMANDS = (
    "ip -brief link show",
    "systemctl list-units --state=active --plain --no-legend --type=service,socket,timer",
)


def said(command: str) -> list[str]:
    """Return the output of a command as lines, none if the program is not installed."""
    try:
        return subprocess.run(command.split(), check=False, capture_output=True, text=True).stdout.splitlines()
    except FileNotFoundError:
        return []


def entries(trees: Iterable[str]) -> Iterator[str]:
    """Yield path, mode and owner of everything in these folders that is not volatile."""
    for tree in trees:
        yield _entry(tree)
        for folder, folders, files in os.walk(tree):
            paths = (f"{folder}/{name}" for name in (*folders, *files))
            yield from (_entry(path) for path in paths if not VOLATILE.fullmatch(path))


def shared_folders(shared: Iterable[str], run: str) -> Iterator[str]:
    """Yield path, mode and owner of the folders that programs share, and of those in C(run)."""
    paths = [*shared, *sorted(entry.path for entry in os.scandir(run) if entry.is_dir(follow_symlinks=False))]
    yield from (_entry(path) for path in paths if os.path.basename(path) != "netns" and os.path.isdir(path))


def _entry(path: str) -> str:
    status = os.lstat(path)
    return f"{path} {stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"


def accounts() -> Iterator[str]:
    """Yield the users and groups."""
    yield from (f"user {user.pw_name}" for user in pwd.getpwall())
    yield from (f"group {group.gr_name}" for group in grp.getgrall() if group.gr_name != "kvm")


def forwarding(lines: Iterable[str]) -> list[str]:
    """Return the lines of C(sysctl -a) that say what forwards IPv4."""
    return [line for line in lines if FORWARDING.search(line)]


def main() -> None:
    lines = [*entries(TREES), *shared_folders(SHARED, "/run"), *accounts()]
    lines += [line for command in COMMANDS for line in said(command)]
    lines += [line.split()[0] for command in NAMING_COMMANDS for line in said(command) if line.strip()]
    print("\n".join([*lines, *forwarding(said("sysctl -a"))]))


if __name__ == "__main__":
    main()
