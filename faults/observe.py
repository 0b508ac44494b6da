# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints what a host holds of slices, as JSON. It runs on the host, and uses nothing of the collection.

C(units): state and pid by unit. C(qemus): the pids of QEMU by VM id. C(answers): what the monitor of each VM says, by
VM id. C(taps): the taps. C(ports): the VLAN of each port of a tap. C(flows): the slices that have flows. C(disks): the
UUID and inode of each overlay, by path. C(trash), C(applied), C(services): names in these folders. C(reservations): the
addresses by MAC. C(drafts): temporary files that nobody writes any more.
"""

from __future__ import annotations

import glob
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/cloudrepo")
OURS = ("cloudrepo-*@*.service", "slices-names@*.service", "slices-network@*.service")
COOKIE = re.compile(r"cookie=0x636c7264([0-9a-f]{8})")
CONFIG = re.compile(r"/vms/(\d+)/qemu\.cfg")
# What a write leaves that was cut off before its file got its name.
DRAFT = re.compile(r"\..+\.draft$|\.draft\.qcow2$")
PLACES = (str(STATE), "/etc/systemd/system", "/etc/cloudrepo")
TIMEOUT_S = 10
SILENT = "silent"


def said(*command: str) -> str:
    """Return the output of a command; empty if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def units(text: str) -> dict[str, dict[str, Any]]:
    """Return state and pid of each unit in the output of C(systemctl show)."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n") if block]
    return {each["Id"]: {"state": each["ActiveState"], "pid": int(each["MainPID"])} for each in blocks}


def qemus(commands: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Return the pids of QEMU by VM id, from the pids and command lines of all processes."""
    found: dict[str, list[int]] = {}
    for pid, line in commands:
        match = CONFIG.search(line)
        if match and line.partition("\0")[0].endswith("qemu-system-x86_64"):
            found.setdefault(match[1], []).append(pid)
    return found


def processes() -> Iterable[tuple[int, str]]:
    """Yield pid and command line of each process."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            yield int(path.name), (path / "cmdline").read_text(errors="replace")
        except OSError:
            continue  # it has ended


def answer(path: str) -> str:
    """Return the status according to QEMU, such as C(running), or C(silent)."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(TIMEOUT_S)
            client.connect(path)
            with client.makefile("rw", encoding="ascii") as stream:
                for command in ("qmp_capabilities", "query-status"):
                    stream.write(json.dumps({"execute": command}) + "\n")
                    stream.flush()
                    reply = next(each["return"] for each in map(json.loads, stream) if "return" in each)
                return str(reply["status"])
    except (OSError, StopIteration, ValueError):
        return SILENT


def ports(text: str) -> dict[str, int | None]:
    """Return the VLAN of each tap's port, from C(ovs-vsctl --format=json --columns=name,tag list port)."""
    rows = json.loads(text)["data"] if text else []
    return {name: tag if isinstance(tag, int) else None for name, tag in rows if name.startswith("tap_")}


def disks(folder: Path) -> dict[str, dict[str, Any]]:
    """Return UUID and inode of each overlay in the folder of VMs."""
    found = {}
    for path in sorted(folder.glob("*/*.qcow2")):
        try:
            identity = json.loads((path.parent / "identity.json").read_text(encoding="utf-8"))["disks"]
        except (OSError, ValueError, KeyError):
            identity = {}
        found[str(path)] = {"uuid": identity.get(path.name), "inode": path.stat().st_ino}
    return found


def reservations(folder: Path) -> dict[str, str]:
    """Return the reserved addresses by MAC."""
    lines = (line.split(",") for path in sorted(folder.glob("*")) for line in path.read_text().splitlines())
    return {words[0]: next(word for word in words if re.fullmatch(r"[0-9.]+", word)) for words in lines}


def drafts(places: Iterable[str]) -> list[str]:
    """Return the temporary files in these folders and below."""
    walked = (walk for place in places for walk in os.walk(place))
    return sorted(f"{folder}/{name}" for folder, _folders, files in walked for name in files if DRAFT.match(name))


def names(pattern: str) -> list[str]:
    """Return the names of matching files."""
    return sorted(os.path.basename(path) for path in glob.glob(pattern))


def observe() -> dict[str, Any]:
    """Return everything of slices on this host."""
    listed = said("systemctl", "list-units", "--all", "--plain", "--no-legend", *OURS)
    known = [line.split()[0] for line in listed.splitlines()]
    shown = said("systemctl", "show", "--property=Id,ActiveState,MainPID", "--", *known) if known else ""
    flows = said("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", "br-int")
    sockets = glob.glob("/run/cloudrepo/*/qmp.sock")
    return {
        "units": units(shown),
        "enabled": names("/etc/systemd/system/multi-user.target.wants/cloudrepo-*@*.service"),
        "qemus": qemus(processes()),
        "answers": {path.split("/")[3]: answer(path) for path in sorted(sockets)},
        "taps": names("/sys/class/net/tap_*"),
        "ports": ports(said("ovs-vsctl", "--format=json", "--columns=name,tag", "list", "port")),
        "flows": sorted({int(cookie, 16) for cookie in COOKIE.findall(flows)} - {0}),
        "disks": disks(STATE / "vms"),
        "folders": names(f"{STATE}/vms/*"),
        "trash": names(f"{STATE}/trash/*"),
        "applied": sorted("/".join(path.split("/")[-2:]) for path in glob.glob(f"{STATE}/applied/*/*.json")),
        "reservations": reservations(STATE / "dhcp/hosts.d"),
        "namespaces": names("/run/netns/slice-*"),
        "drafts": drafts(PLACES),
    }


if __name__ == "__main__":
    print(json.dumps(observe()))
