# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab with its slices: what is stored, what hosts hold, and the marks on the disks of VMs."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import expected_state
from .lab import ADDRESSES, DATABASE, ROOT, STORE, WORKERS, Broken, Lab, Run, Started, await_that
from .topologies import CALM, LARGE, SMALL, Topology

HERE = Path(__file__).resolve().parent
SNAPSHOT = ROOT / "extensions/molecule/shared/files/snapshot.py"
# What a start of a host or of a VM changes: pids, numbers of the lab's own interfaces, link-local addresses of devices
# with a random MAC, and times of files that it writes.
_PID = re.compile(r"^\d+ (?=\S*(qemu-system|dnsmasq|tcpdump))")
_RANDOM = re.compile(r" fe80::[0-9a-f:]+/64(?= *$)")
_INTERFACE = re.compile(r"(?<=\w)@if\d+ +")
_VOLATILE = re.compile(r"^/run/cloudrepo\S* \d+$|/applied/\S+ \d+$|/lab-network\.service \d+$")

Lines = Mapping[str, Sequence[str]]


class World:
    """The lab with its slices.

    Attributes:
        marks: the byte that is written to the disks of a VM, by the UUID of the VM.
        durations_s: how long runs take, by verb (C(measure)).
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._marks = STORE / "marks.json"
        self.marks: dict[str, int] = json.loads(self._marks.read_text()) if self._marks.exists() else {}
        self.durations_s: dict[str, float] = {}
        self._read: tuple[tuple[int, int], list[dict[str, Any]]] = (0, 0), []

    # -- runs --------------------------------------------------------------------------------------------------------

    def deploy(self, *topologies: Topology, **variables: Any) -> Run:
        """Deploy topologies; all slices as they are stored without any."""
        return self.start_deploy(*topologies, **variables).end()

    def start_deploy(self, *topologies: Topology, **variables: Any) -> Started:
        selection: dict[str, Any] = {"slices": list(topologies)} if topologies else {"slice_all": True}
        return self.lab.start("deploy", **selection, **variables)

    def delete(self, owner: str = "bob") -> Run:
        """Delete all slices of an owner, which succeeds if there are none."""
        return self.start_delete(owner).end()

    def start_delete(self, owner: str = "bob") -> Started:
        return self.lab.start("delete", slice_owner=owner)

    def ensure(self, *topologies: Topology) -> None:
        """Make these, beside C(calm), the only slices, with marks on all of their disks.

        Raises:
            Broken: that is not possible.
        """
        wanted = [CALM, *topologies]
        names = {each["name"] for each in wanted}
        if _vms(self.slices()) == _vms(wanted) and all(slice_["status"] == "running" for slice_ in self.slices()):
            self.mark()
            return
        strangers = [str(slice_["slice_id"]) for slice_ in self.slices() if slice_["name"] not in names]
        for playbook, selection in (("delete", {"slice_name": strangers}), ("deploy", {"slices": wanted})):
            if all(selection.values()):
                self.lab.must(playbook, **selection)
        self.mark()

    def measure(self, verb: str) -> None:
        """Measure how long a run takes that nothing disturbs, once: a deploy that adds VMs, or a delete."""
        if verb not in self.durations_s:
            self.ensure(SMALL if verb == "deploy" else LARGE)
            done = self.deploy(LARGE) if verb == "deploy" else self.delete()
            if done.rc:
                raise Broken(f"{verb} failed with code {done.rc}: {done.said[-4000:]}")
            self.durations_s[verb] = done.seconds

    # -- what there is -----------------------------------------------------------------------------------------------

    def slices(self) -> list[dict[str, Any]]:
        """Return the stored slices. They are read again when the database was replaced."""
        if not DATABASE.exists():
            return []
        state = DATABASE.stat()
        if self._read[0] != (state.st_ino, state.st_mtime_ns):
            self._read = (state.st_ino, state.st_mtime_ns), self.lab.module("slice_info", all=True)["slices"]
        return self._read[1]

    def breaches(self) -> list[str]:
        """Return the violations of the rules of the database."""
        found = self.lab.module("database", state="check")
        return list(found["breaches"]) if "breaches" in found else [str(found.get("msg"))]

    def hosts(self, names: Sequence[str] = tuple(ADDRESSES)) -> dict[str, Any]:
        """Return what hosts hold of slices, by host."""
        return {name: json.loads(text) for name, text in self.lab.everywhere(HERE / "observe.py", names).items()}

    def untrue(self) -> list[str]:
        """Return the VMs whose stored state is not that on their hosts."""
        return [str(each) for each in sorted(expected_state.states(self.slices(), self.hosts(), WORKERS))]

    def pids(self) -> dict[str, int]:
        """Return the pids of all running VMs, by the UUID of the VM."""
        return expected_state.pids(self.slices(), self.hosts())

    def names(self) -> dict[str, str]:
        """Return the names of all VMs, by their UUID."""
        return {vm["uuid"]: f"{slice_['name']}/{vm['name']}" for slice_ in self.slices() for vm in slice_["vms"]}

    def vms_on(self, host: str) -> set[str]:
        """Return the UUIDs of the VMs on a worker."""
        return {vm["uuid"] for slice_ in self.slices() for vm in slice_["vms"] if vm["worker_ip"] == ADDRESSES[host]}

    def find(self, name: str) -> dict[str, Any]:
        """Return a stored VM by C(SLICE/VM), with the id of its slice."""
        for slice_ in self.slices():
            for vm in slice_["vms"]:
                if f"{slice_['name']}/{vm['name']}" == name:
                    return {**vm, "slice_id": slice_["slice_id"], "host": WORKERS[vm["worker_ip"]]}
        raise Broken(f"there is no VM {name}")

    def snapshot(self, *, stable: bool = False) -> dict[str, list[str]]:
        """Return the whole state of the hosts; C(stable) leaves out what a start changes."""
        taken = self.lab.everywhere(SNAPSHOT)
        found = {host: sorted(text.splitlines()) for host, text in taken.items()}
        return {host: without_volatile(lines) for host, lines in found.items()} if stable else found

    def await_snapshot(self, before: Lines) -> list[str]:
        """Wait until the hosts are as they were (C(stable)), and return what is still different at the end."""
        last: list[str] = []

        def is_back() -> bool:
            try:
                last[:] = changes(before, self.snapshot(stable=True))
            except Broken as error:
                last[:] = [str(error)]
            return not last

        try:
            await_that(is_back, "the state before", patience_s=90)
        except Broken:
            pass
        return list(last)

    # -- marks -------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Write a mark to the disks of all running VMs that have none."""
        stored = [vm for slice_ in self.slices() for vm in slice_["vms"]]
        self.marks = {vm["uuid"]: self.marks[vm["uuid"]] for vm in stored if vm["uuid"] in self.marks}
        for address, host in WORKERS.items():
            new = [vm for vm in stored if vm["worker_ip"] == address and vm["uuid"] not in self.marks]
            new = [vm for vm in new if vm["status"] == "running"]
            words = {vm["uuid"]: (vm["vm_id"], random.randrange(1, 255)) for vm in new}
            if words:
                self.lab.script(host, HERE / "mark.py", "write", *(f"{vm_id}={byte}" for vm_id, byte in words.values()))
                self.marks.update({uuid: byte for uuid, (_vm_id, byte) in words.items()})
        self._marks.parent.mkdir(parents=True, exist_ok=True)
        self._marks.write_text(json.dumps(self.marks))

    def unmarked(self) -> list[str]:
        """Return the disks whose mark is gone. A VM that is no longer stored was given up."""
        lost: list[str] = []
        stored = [vm for slice_ in self.slices() for vm in slice_["vms"]]
        for address, host in WORKERS.items():
            there = [vm for vm in stored if vm["worker_ip"] == address and vm["uuid"] in self.marks]
            words = [f"{vm['disks'][0]['path']}={self.marks[vm['uuid']]}" for vm in there]
            if words:
                paths = self.lab.script(host, HERE / "mark.py", "check", *words).split()
                lost += [f"the mark on {path} of {host}" for path in paths]
        return lost

    def forget_marks(self, uuids: Iterable[str]) -> None:
        """Give up the disks of VMs."""
        for uuid in uuids:
            self.marks.pop(uuid, None)


def _vms(slices: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return the names of VMs with those of their slices, by which the topologies differ."""
    return {(slice_["name"], vm["name"]) for slice_ in slices for vm in slice_["vms"]}


def without_volatile(lines: Iterable[str]) -> list[str]:
    """Return the lines of a snapshot without what a start of the host or of a VM changes."""
    kept = (line for line in lines if not _VOLATILE.search(line))
    return sorted(_RANDOM.sub("", _INTERFACE.sub(" ", _PID.sub("", line))) for line in kept)


def changes(before: Lines, after: Lines) -> list[str]:
    """Return the lines of snapshots that differ."""
    return [
        f"{host}: {sign} {line[:300]}"
        for host in before
        for sign, lines in (
            ("-", set(before[host]) - set(after.get(host, ()))),
            ("+", set(after.get(host, ())) - set(before[host])),
        )
        for line in sorted(lines)
    ]
