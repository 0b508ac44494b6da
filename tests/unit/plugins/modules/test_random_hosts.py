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

from .module_calls import Memory
from .readers import read_back
from .simulated_hosts import Machine, NetworkNode
from .test_random_operations import (
    PICK,
    SLICES,
    TOPOLOGY,
    USERS,
    WORKERS,
    InSqlite,
    InYaml,
    Operations,
    by_target,
    has_slices,
    some,
)

NODE = "network_node"
FAILING = st.sets(st.sampled_from([*WORKERS, NODE]), max_size=1)


class OnHosts(Operations):
    """The operations of users and operators, whose work orders hosts carry out."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.hosts = {machine: Machine(f"{self.root}/{machine}") for machine in self.machines().values()}
        self.network_node = NetworkNode(f"{self.root}/netnode")
        self.late: list[tuple[list[int], list[dict[str, Any]]]] = []

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.root)

    def apply(self, orders: dict[str, Any], failing: set[str]) -> list[dict[str, Any]]:
        """Return the reports of the hosts. Those that fail do nothing."""
        owners = {int(number): slice_["owner"] for number, slice_ in self.door.data()["slices"].items()}
        machines = self.machines()
        hosts = {NODE: self.network_node, **{ip: self.hosts[machines[ip]] for ip in orders["workers"]}}
        reports = []
        for target, order in by_target(orders).items():
            down: dict[str, Any] = {"failure": "down", "answers": []}
            done = down if target in failing else hosts[target].apply(order, owners)
            revision = next((slice_["revision"] for slice_ in order["slices"]), None)
            reports.append({"host": target, "target": target, "revision": revision, **done})
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
        reports = self.apply(orders, failing)
        done = self.do("slice_report", again=False, all=True, reports=reports)
        told = [one for report in reports for one in report.get("refused", ())]
        refused = {one["slice_id"] for one in told}
        # A host without anything of a deleted slice has nothing left to do.
        wrong = [one for one in told if not (one["another"] and one["slice_id"] in planned["deleting"])]
        errors = {vm["vm_id"] for report in reports for vm in report.get("vms", ()) if vm["state"] == "error"}
        on_lost_workers = {*self.on_lost_workers()}
        assert bool(done["failures"]) is bool(failing or wrong or errors or on_lost_workers)
        if not failing:
            self.check_processes(refused, errors | on_lost_workers)
        if NODE not in failing:
            (told_by_node,) = (report["refused"] for report in reports if report["target"] == NODE)
            self.check_networks({one["slice_id"] for one in told_by_node} | {*planned["deleting"]})

    @precondition(has_slices)
    @rule()
    def deploy_slowly(self) -> None:
        """A run whose report is recorded by a later step."""
        planned = self.do("slice_plan", all=True)
        reports = self.apply(planned["work_orders"], {*planned["lost_workers"]})
        self.late.append((planned["slice_ids"], reports))

    @precondition(lambda machine: machine.late)
    @rule(pick=PICK)
    def report_late(self, pick: int) -> None:
        """It changes no state that was reported on a newer order."""
        slice_ids, reports = self.late.pop(pick % len(self.late))
        (revision,) = {report["revision"] for report in reports}
        before = self.observed()
        self.do("slice_report", again=False, names=[*map(str, slice_ids)], reports=reports)
        after = self.observed()
        for vm_id, observed in before.items():
            if vm_id in after and observed.get("revision", 0) > revision:
                assert after[vm_id] == observed

    def observed(self) -> dict[int, dict[str, Any]]:
        """Return the recorded state of each VM, with the revision of its report."""
        vms = (vm for slice_ in self.door.data()["slices"].values() for vm in slice_["vms"])
        return {vm["vm_id"]: {**vm.get("observed", {}), "pid": vm["pid"]} for vm in vms}

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

    def check_networks(self, refused: set[int]) -> None:
        """Check that the network node serves the networks of the slices that it accepted, and no others of theirs."""
        slices = [each for each in self.door.data()["slices"].values() if each["slice_id"] not in refused]
        wanted = {
            f"net_{network['vlan_id']}": (slice_["slice_id"], slice_["uuid"])
            for slice_ in slices
            for network in slice_["networks"]
            if network.get("members") and (network.get("gateway_ip") or network.get("dhcp_enabled"))
        }
        ours = {slice_["slice_id"] for slice_ in slices}
        assert {port: held for port, held in self.network_node.networks().items() if held[0] in ours} == wanted

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
            reports = self.apply(planned["work_orders"], set())
            self.do("slice_report", again=False, names=[name], reports=reports)
            refused = [one for report in reports for one in report.get("refused", ()) if not one["another"]]
            assert (name in self.door.data()["slices"]) is bool(refused)

    @rule(may_restart=st.booleans())
    def consent(self, may_restart: bool) -> None:
        """Whether the next runs may restart VMs, so that they get data disks and give them up."""
        for machine in self.hosts.values():
            machine.may_restart = may_restart

    @rule()
    def ask_hosts(self) -> None:
        """C(site) asks the hosts what they have."""
        hosts = {NODE: self.network_node, **self.hosts}
        targets = {machine: ip for ip, machine in self.machines().items()}
        told = [{**host.in_use(name), "target": targets.get(name, name)} for name, host in hosts.items()]
        assert not self.do("cloud", hosts=told, expected_hosts=[*hosts]).get("failed")
        taken = max((each["highest_id"] or 0 for each in told), default=0)
        assert self.door.data()["next_vm_id"] > taken

    @invariant()
    def no_disk_is_lost(self) -> None:
        for machine in self.hosts.values():
            held = {overlay.uuid for overlay in machine.overlays.values()}
            assert machine.created == held | {*machine.trash}
            assert {*machine.trash} <= self.given_up


# These do not affect simulated hosts, and would leave fewer steps for the others.
for unused in ("put_user", "remove_user", "rename_slice", "rename_vm", "put_link", "put_vlan"):
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


LAN = {
    "vms": [{"name": "vm1", "flavor": "cirros", "internet": True}],
    "networks": [{"name": "lan", "members": ["vm1"], "cidr": "10.1.0.0/24", "gateway": True}],
}


@pytest.mark.parametrize("accept", [False, True])
def test_the_network_node_gives_no_network_to_the_next_slice_of_its_id(steps: PutBackByHand, accept: bool) -> None:
    node = steps.network_node
    steps.copy_file()
    steps.put_slice("web", "alice", LAN, append=True)
    served, texts = node.networks(), dict(node.texts)
    assert [slice_id for slice_id, _uuid in served.values()] == [1000]
    steps.put_file_back(0, LAN, accept)
    assert (node.networks(), node.texts) == (served, texts)
    steps.ask_hosts()
    steps.delete(0)
    assert (node.networks(), node.texts) == (served, texts)
    steps.put_slice("late", "bob", LAN, append=True)
    assert served.items() < node.networks().items()
    assert sorted(node.owners.values()) == ["alice", "bob"]


def test_a_network_that_nobody_deleted_is_served_after_the_network_node_was_down(steps: PutBackByHand) -> None:
    steps.put_slice("web", "alice", {**LAN, "networks": []}, append=True)
    steps.put_network(0, LAN["networks"][0], append=True)
    steps.deploy({NODE})
    assert steps.network_node.networks() == {}
    steps.deploy(set())
    assert [*steps.network_node.networks()] == ["net_100"]


@pytest.mark.skipif(importlib.util.find_spec("sqlalchemy") is None, reason="SQLAlchemy is not installed")
def test_in_sqlite() -> None:
    run_state_machine_as_test(OnHostsInSqlite, settings=some(2, 6))
