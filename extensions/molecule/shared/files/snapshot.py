# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the state of a host, one object per line: snapshot.py

It does not include anything that changes without a deploy: console logs and the unit that trims them, the times at
which disks were last seen, leases, and counters.
"""

from __future__ import annotations

import glob
import grp
import hashlib
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence

FOLDERS = ("/etc/systemd/system", "/etc/cloudrepo", "/run/cloudrepo", "/var/lib/cloudrepo")
DISK = "_img.qcow2"
LEFT_OUT = ("console.log", "disks.json", "leases")
SMALL_BYTES = 63 * 1024
TABLES = {
    "bridge": "name,datapath_type,fail_mode,other_config",
    "port": "name,tag,trunks,vlan_mode,external_ids,other_config,qos",
    "interface": "name,type,ofport,ofport_request,mtu_request,error",
}
MINUTELY = ("slices-fence-watch", "slices-logs", "slices-lost@")
ALL_VLANS = re.compile(r"1, 2, 3, .*, 4094")
NOT_FOUND = 1

Ask = Callable[[Sequence[str]], str]


def ask(command: Sequence[str]) -> str:
    """Return the output of a command.

    Raises:
        CalledProcessError: it failed; this does not include C(pgrep) without a match.
    """
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if not (command[0] == "pgrep" and done.returncode == NOT_FOUND):
        done.check_returncode()
    return done.stdout


def files(folders: Sequence[str]) -> Iterator[str]:
    """Yield all files in folders with size, mode and owner; for small files also their time and SHA-256.

    A disk grows while its guest writes, so it has its inode instead of its size.
    """
    for path in (path for folder in folders if os.path.isdir(folder) for path in walk(folder)):
        if os.path.basename(path) in LEFT_OUT:
            continue
        state = os.lstat(path)
        known_by = f"inode {state.st_ino}" if path.endswith(DISK) else state.st_size
        yield f"{path} {known_by} {stat.S_IMODE(state.st_mode):o} {user(state.st_uid)} {group(state.st_gid)}"
        if stat.S_ISREG(state.st_mode) and state.st_size <= SMALL_BYTES:
            yield f"{path} {state.st_mtime_ns}"
            with open(path, "rb") as file:
                yield f"{hashlib.sha256(file.read()).hexdigest()}  {path}"


def walk(top: str) -> Iterator[str]:
    """Yield C(top) and all paths below it; symlinks are not followed."""
    yield top
    for folder, folders, names in os.walk(top):
        yield from (os.path.join(folder, name) for name in [*folders, *names])


def user(uid: int) -> str:
    """Return the name of a user, or the number if there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group(gid: int) -> str:
    """Return the name of a group, or the number if there is no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def switch(ask: Ask) -> Iterator[str]:
    """Yield the state of Open vSwitch."""
    for table, columns in TABLES.items():
        output = ask(["ovs-vsctl", "--format=csv", f"--columns={columns}", "list", table])
        yield from (ALL_VLANS.sub("all", line) for line in output.splitlines())
    yield from ask(["ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br-int"]).splitlines()
    # The bands of a meter are on separate lines.
    yield " ".join(ask(["ovs-ofctl", "-O", "OpenFlow14", "dump-meters", "br-int"]).splitlines())


def network(ask: Ask) -> Iterator[str]:
    """Yield the network configuration of the host and of each of its network namespaces."""
    for space in ["", *(line.split()[0] for line in ask(["ip", "netns", "list"]).splitlines() if line)]:
        enter = ["nsenter", f"--net=/run/netns/{space}"] if space else []
        for command in (["ip", "-brief", "address"], ["tc", "qdisc", "show"]):
            # A device that does not tell its carrier is up as well. Which it is depends on when its port was created.
            yield from (
                f"{space} {line.replace(' UNKNOWN ', ' UP      ')}" for line in ask([*enter, *command]).splitlines()
            )
        rules = re.sub(r"\s+", " ", ask([*enter, "nft", "-s", "list", "ruleset"]))
        # What passes fills dynamic sets.
        rules = re.sub(r"(flags dynamic\S*(?: timeout \S+)?) elements = { [^}]* }", r"\1", rules)
        yield f"{space} rules: {rules}"


def running(ask: Ask) -> Iterator[str]:
    """Yield the collection's units, without those that run once a minute, and their processes."""
    listed = ask(["systemctl", "list-units", "--plain", "--no-legend", "--all", "cloudrepo-*", "slices-*"])
    yield from (re.sub(r" +", " ", line) for line in listed.splitlines() if not line.startswith(MINUTELY))
    yield from ask(["pgrep", "-a", "qemu-system|dnsmasq|tcpdump"]).splitlines()


def main() -> None:
    devices = (os.path.basename(path) for path in glob.glob("/sys/class/net/*"))
    lines = [*files(FOLDERS), *switch(ask), *devices, *network(ask), *running(ask)]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
