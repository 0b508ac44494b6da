# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random operations with hosts that remember, while older versions of the database come back.

After each step, no disk is lost that nobody gave up, and no VM is reached by another owner.
"""

from __future__ import annotations

import copy
import importlib.util
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers

from .front_door import Memory
from .readers import read_back
from .simulated_hosts import Machine
from .test_random_operations import (
    PICK,
    SLICES,
    TOPOLOGY,
    USERS,
    WORKERS,
    InSqlite,
    InYaml,
    Operations,
    has_slices,
    some,
)

FAILING = st.sets(st.sampled_from(WORKERS), max_size=1)


class OnHosts(Operations):
    """The operations of users and operators, whose work orders hosts carry out."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.hosts = {machine: Machine(f"{self.root}/{machine}") for machine in self.machines().values()}

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.root)

    def carry_out(self, orders: dict[str, Any], failing: set[str]) -> list[dict[str, Any]]:
        """Return the reports of the hosts. Those that fail do nothing."""
        owners = {int(number): slice_["owner"] for number, slice_ in self.door.data()["slices"].items()}
        machines = self.machines()
        told = {"failure": None, "answers": answers(orders["network_node"]["slices"])}
        reports = [{"host": "netnode", "target": "network_node", **told}]
        for ip, order in orders["workers"].items():
            done: dict[str, Any] = {"failure": "down", "answers": [], "vms": []}
            if ip not in failing:
                done = self.hosts[machines[ip]].carry_out(order, owners)
            reports.append({"host": ip, "target": ip, **done})
        return reports

    @rule(name=SLICES, owner=USERS, topology=TOPOLOGY, append=st.booleans())
    def put_slice(self, name: str, owner: str, topology: dict[str, Any], append: bool) -> None:
        """As the playbook C(deploy): store the topology, and carry it out."""
        super().put_slice(name, owner, topology, append)
        if has_slices(self):
            self.deploy(set())

    @precondition(has_slices)
    @rule(failing=FAILING, accept=st.booleans())
    def deploy(self, failing: set[str], accept: bool = False) -> None:
        """With C(accept), hosts accept a database that is older than they are."""
        known = [revisions.highest(machine.folder) for machine in self.hosts.values()]
        newest = max((each for each in known if each is not None), default=None)
        options = {"accept_revision": newest} if accept and newest is not None else {}
        planned = self.do("slice_plan", all=True, **options)
        orders = planned["work_orders"]
        self.check_orders(orders)
        read_back(orders)
        failing = failing - {*planned["lost_workers"]}
        reports = self.carry_out(orders, failing)
        done = self.do("slice_report", again=False, all=True, reports=reports)
        told = [one for report in reports for one in report.get("refused", ())]
        refused = {one["slice_id"] for one in told}
        # A host without anything of a deleted slice has nothing left to do.
        wrong = [one for one in told if not (one["another"] and one["slice_id"] in planned["deleting"])]
        errors = {vm["vm_id"] for report in reports for vm in report.get("vms", ()) if vm["state"] == "error"}
        stranded = {*self.stranded()}
        assert bool(done["failures"]) is bool(failing or wrong or errors or stranded)
        if not failing:
            self.check_processes(refused, errors | stranded)

    def check_processes(self, refused: set[int], errors: set[int]) -> None:
        """Check that each VM of the slices that hosts accepted runs once, where the database says, and no other one."""
        machines = self.machines()
        wanted = Counter(
            (machines[vm["worker_ip"]], vm["vm_id"], vm["uuid"])
            for slice_ in self.door.data()["slices"].values()
            for vm in slice_["vms"]
            if slice_["slice_id"] not in refused and vm.get("power") != "stopped" and vm["vm_id"] not in errors
        )
        reached = {machine for ip, machine in machines.items() if "lost" not in self.door.data()["workers"][ip]}
        ours = {int(number) for number in self.door.data()["slices"]} - refused
        running = Counter(
            (machine, vm_id, process.vm_uuid)
            for machine in reached
            for vm_id, process in self.hosts[machine].processes.items()
            if process.slice_id in ours
        )
        assert running == wanted

    def check_orders(self, orders: dict[str, Any]) -> None:
        """Check that no order gives a disk up that nobody deleted. The hosts check the rest."""
        for order in orders["workers"].values():
            for slice_ in order["slices"]:
                assert {disk["uuid"] for disk in slice_.get("given_up", ())} <= self.given_up

    @precondition(has_slices)
    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        name = str(self.some_slice(pick)["slice_id"])
        planned = self.do("slice_plan", names=[name], state="absent", disk_retention_h=24)
        if planned["slice_ids"]:
            self.check_orders(planned["work_orders"])
            reports = self.carry_out(planned["work_orders"], set())
            self.do("slice_report", again=False, names=[name], reports=reports)
            refused = [one for report in reports for one in report.get("refused", ()) if not one["another"]]
            assert (name in self.door.data()["slices"]) is bool(refused)

    @rule()
    def ask_hosts(self) -> None:
        """C(site) asks the hosts what they have."""
        told = [machine.in_use(name) for name, machine in self.hosts.items()]
        assert not self.do("cloud", hosts=told, expected_hosts=[*self.hosts]).get("failed")
        taken = max((each["highest_id"] or 0 for each in told), default=0)
        assert self.door.data()["next_vm_id"] > taken

    @invariant()
    def no_disk_is_lost(self) -> None:
        for machine in self.hosts.values():
            held = {overlay.uuid for overlay in machine.overlays.values()}
            assert machine.created == held | {*machine.trash}
            assert {*machine.trash} <= self.given_up


# These do not affect simulated hosts, and would leave fewer steps for the others.
for unused in ("put_user", "remove_user", "rename_slice", "rename_vm", "put_link", "put_network", "put_vlan"):
    setattr(OnHosts, unused, None)


class PutBackByHand(OnHosts):
    """The same, with the database's file replaced by an older copy, of which nothing tells the counters."""

    store: Memory

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[dict[str, Any]] = []

    @rule()
    def copy_file(self) -> None:
        self.copies.append(copy.deepcopy(self.store.data))

    @precondition(lambda machine: machine.copies)
    @rule(pick=PICK, topology=TOPOLOGY, accept=st.booleans())
    def put_file_back(self, pick: int, topology: dict[str, Any], accept: bool) -> None:
        """Somebody else's new slice may get the ids of one that the copy does not contain."""
        self.store.data = copy.deepcopy(self.copies[pick % len(self.copies)])
        self.put_slice("late", "bob", topology, append=True)
        if has_slices(self):
            self.deploy(set(), accept)


class OnHostsInYaml(OnHosts, InYaml):
    """With a YAML file."""


class OnHostsInSqlite(OnHosts, InSqlite):
    """With SQLite."""


def test_in_memory() -> None:
    run_state_machine_as_test(OnHosts, settings=some(8, 12))


def test_with_a_file_that_is_put_back_by_hand() -> None:
    run_state_machine_as_test(PutBackByHand, settings=some(8, 12))


def test_in_yaml() -> None:
    run_state_machine_as_test(OnHostsInYaml, settings=some(2, 10))


LINE = {"topology_type": "linear", "size": 2, "flavor": "cirros"}


def written_by(steps: OnHosts) -> dict[int, str]:
    """Return whose data each VM reads that runs on a host."""
    return {
        vm_id: overlay.written_by
        for machine in steps.hosts.values()
        for vm_id in machine.processes
        for path, overlay in machine.overlays.items()
        if f"/{vm_id}/" in path
    }


@pytest.fixture
def steps() -> Iterator[PutBackByHand]:
    made = PutBackByHand()
    yield made
    made.teardown()


def test_a_restored_backup_gives_no_vm_away(steps: PutBackByHand) -> None:
    steps.backup()
    steps.put_slice("web", "alice", LINE, append=True)
    steps.restore(0)
    steps.put_slice("late", "bob", LINE, append=True)
    assert written_by(steps) == {1001: "alice", 1002: "alice", 1004: "bob", 1005: "bob"}
    steps.no_disk_is_lost()


@pytest.mark.parametrize("accept", [False, True])
def test_a_host_gives_no_vm_to_the_next_slice_of_its_id(steps: PutBackByHand, accept: bool) -> None:
    """Neither because the order is older, nor when it is told to accept older ones. C(site) then learns of the ids."""
    steps.copy_file()
    steps.put_slice("web", "alice", LINE, append=True)
    steps.put_file_back(0, LINE, accept)
    assert written_by(steps) == {1001: "alice", 1002: "alice"}
    data = steps.door.data()
    assert [(slice_["owner"], [vm["vm_id"] for vm in slice_["vms"]]) for slice_ in data["slices"].values()] == [
        ("bob", [1001, 1002])
    ]
    steps.no_disk_is_lost()
    steps.ask_hosts()
    steps.delete(0)
    assert steps.door.data()["slices"] == {}
    steps.put_slice("late", "bob", LINE, append=True)
    assert written_by(steps) == {1001: "alice", 1002: "alice", 1004: "bob", 1005: "bob"}


@pytest.mark.skipif(importlib.util.find_spec("sqlalchemy") is None, reason="SQLAlchemy is not installed")
def test_in_sqlite() -> None:
    run_state_machine_as_test(OnHostsInSqlite, settings=some(2, 6))
