# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random operations never allocate a value twice; refused and repeated operations change nothing."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    cloud_vlans,
    displays,
    startup,
    user_data,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Entry
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import answers
from tests.unit.plugins.module_utils._domain import builders

from .module_calls import Door, Memory
from .readers import read_back

USERS = st.sampled_from(["admin", "alice", "bob"])
PICK = st.integers(0, 11)
SLICES = st.sampled_from(["web", "lab", "ring"])
VMS = st.sampled_from(["vm1", "vm2", "vm3", "vm4", "hub"])
NETWORKS = st.sampled_from(["lan", "dmz", "bus"])
ENDS = st.builds(lambda vm, end: vm + end, VMS, st.sampled_from(["", "", "", ":eth1", ":eth2", ":eth3"]))
FLAVORS = st.sampled_from(["cirros", "cirros", "two"])
WORKERS = ("10.0.10.1", "10.0.10.2")
LINK = st.fixed_dictionaries(
    {"endpoints": st.lists(ENDS, min_size=2, max_size=2)},
    optional={
        "name": st.sampled_from(["a", "b"]),
        "cidr": st.sampled_from(["10.4.0.0/30", "10.4.0.4/31", "10.5.0.0/31"]),
        "cidr6": st.just("2001:db8:4::/64"),
        "addresses": st.just([{"vm": "vm2", "ipv4": "10.4.0.5", "ipv6": "2001:db8:4::1"}]),
    },
)
NETWORK = st.fixed_dictionaries(
    {"name": NETWORKS, "members": st.lists(ENDS, max_size=4, unique_by=lambda end: end.partition(":")[0])},
    optional={
        "cidr": st.sampled_from(["10.1.0.0/24", "10.1.0.128/25", "10.2.0.0/29"]),
        "gateway": st.booleans(),
        "dhcp_enabled": st.booleans(),
        "cidr6": st.just("2001:db8:5::/126"),
        "addresses": st.just([{"vm": "vm1", "ipv4": "10.1.0.2"}]),
    },
)
ADDRESSING = st.fixed_dictionaries(
    {},
    optional={
        "links": st.sampled_from(
            [{"ipv4": "10.4.0.0/28"}, {"ipv4": "10.4.0.0/24", "prefix": 31, "ipv6": "2001:db8:4::/48"}]
        ),
        "networks": st.sampled_from([{"ipv4": "10.1.0.0/22"}, {"ipv6": "2001:db8:5::/64", "prefix6": 126}]),
        "loopbacks": st.sampled_from([{"ipv4": "10.3.0.0/29"}, {"ipv6": "2001:db8:3::/64"}]),
    },
)
DATA_DISK = st.fixed_dictionaries({"name": st.sampled_from(["db", "log"]), "size_gb": st.sampled_from([1.0, 2.0])})
DATA_DISKS = st.lists(DATA_DISK, max_size=2, unique_by=lambda disk: disk["name"])
VM = st.fixed_dictionaries(
    {"name": VMS, "flavor": FLAVORS},
    optional={
        "internet": st.booleans(),
        "data_interfaces": st.integers(0, 4),
        "worker": st.sampled_from(WORKERS),
        "power": st.sampled_from(POWERS),
        "image": FLAVORS,
        "startup": st.sampled_from(["{}", '{"commands": ["true"]}', '{"files": [{"path": "/a", "content": "1"}]}']),
        "cloud_init": st.sampled_from([{}, {"user_data": "#!/bin/sh\ntrue\n"}, {"user_data": "#cloud-config\na: 1\n"}]),
        "loopback": st.sampled_from([{"ipv4": "10.3.0.2"}, {"ipv6": "2001:db8:3::1"}]),
        "data_disks": DATA_DISKS,
        "cdrom": FLAVORS,
        "boot": st.sampled_from([["disk"], ["cdrom", "disk"]]),
    },
)
TOPOLOGY = st.one_of(
    st.fixed_dictionaries(
        {
            "vms": st.lists(VM, max_size=5, unique_by=lambda vm: vm["name"]),
            "links": st.lists(LINK, max_size=5),
            "networks": st.lists(NETWORK, max_size=2, unique_by=lambda network: network["name"]),
        },
        optional={"addressing": ADDRESSING},
    ),
    st.fixed_dictionaries(
        {
            "topology_type": st.sampled_from(["linear", "ring", "star", "tree", "mesh", "bus"]),
            "size": st.integers(1, 8),
            "flavor": FLAVORS,
            "vlan_pools": st.integers(1, 3),
        },
        optional={"networks": st.lists(NETWORK, max_size=1), "internet": st.booleans(), "addressing": ADDRESSING},
    ),
    # About as many links as one VLAN pool allows.
    st.fixed_dictionaries(
        {
            "topology_type": st.just("mesh"),
            "size": st.integers(6, 8),
            "flavor": FLAVORS,
            "vlan_pools": st.integers(2, 3),
        }
    ),
)


def first_cluster() -> Cluster:
    """Return a cluster with two small workers, two flavors with the same image, and tenants alice and bob."""
    held = builders.cluster(max_vms=16)
    displays.make_key(held)  # otherwise the first plan creates a random key
    held.extra["user_data"] = {"key": "ab" * 32, "texts": {}, "slices": {}}  # likewise
    held.extra["revision"] = builders.AHEAD_OF_CLOCKS
    for number, worker in enumerate(held.workers.values()):
        worker.extra["machine_id"] = f"{number:032}"
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    held.users["admin"].quota_vms = 20
    held.users["alice"].quota_vms = 9
    held.users["bob"] = type(held.users["alice"])("bob", "!", quota_vms=9)
    return held


def has_slices(machine: Operations) -> bool:
    return bool(machine.door.data()["slices"])


def has_deleted_slices(machine: Operations) -> bool:
    return "deleted_slices" in machine.door.data()


def live_disks(data: dict[str, Any]) -> set[str]:
    """Return the UUIDs of the disks of all VMs that nobody has deleted."""
    slices = [slice_ for slice_ in Cluster.from_dict(data).slices.values() if not slice_.deleting]
    found = {disk.uuid for slice_ in slices for vm in slice_.live_vms for disk in vm.disks if not disk.given_up}
    return {uuid for uuid in found if uuid is not None}


def given_up_disks(data: dict[str, Any]) -> set[str | None]:
    """Return the UUIDs of the disks that work orders list as given up."""
    vms = [vm for slice_ in Cluster.from_dict(data).slices.values() for vm in slice_.vms]
    return {disk.uuid for vm in vms for disk in (vm.disks if vm.deleting else vm.given_up_disks)}


def seen_of(vm: dict[str, Any]) -> dict[str, Any]:
    """Return a host's report for a VM after its work order was applied."""
    state = vm.get("state", "running")
    return {"vm_id": vm["vm_id"], "state": state, "pid": None if state == "stopped" else str(vm["vm_id"])}


def without_marks(data: dict[str, Any]) -> dict[str, Any]:
    """Return a database without the orders that the last reports answered, which change nothing for anybody."""
    found = copy.deepcopy(data)
    for observed in (vm.get("observed", {}) for slice_ in found.get("slices", {}).values() for vm in slice_["vms"]):
        observed.pop("revision", None)
        observed.pop("moment", None)
    return found


def by_target(orders: dict[str, Any]) -> dict[str, Any]:
    """Return work orders by their recipients."""
    return {**orders["workers"], "network_node": orders["network_node"]}


class Operations(RuleBasedStateMachine):
    """The operations of users and operators."""

    door: Door

    def __init__(self) -> None:
        super().__init__()
        self.store, self.folder = self.new_store()
        self.patch = pytest.MonkeyPatch()
        self.door = Door(self.store, self.patch)
        self.backups: list[str] = []
        # What hosts have received, from any version of the database.
        self.owners: dict[int, tuple[str, str]] = {}
        self.removed: dict[str, str] = {}
        self.given_up: set[str] = set()
        with self.store.transaction(write=True) as cluster:
            made = first_cluster()
            cluster.extra.update(made.extra)
            cluster.workers.update(made.workers)
            for name, flavor in made.flavors.items():
                cluster.flavors[name] = flavor
            for name, user in made.users.items():
                cluster.users[name] = user

    def new_store(self) -> tuple[Store, str | None]:
        return Memory(Cluster.initial()), None

    def teardown(self) -> None:
        self.patch.undo()
        if self.folder is not None:
            shutil.rmtree(self.folder)

    def do(self, module: str, *, again: bool = True, **args: Any) -> dict[str, Any]:
        """Call a module in check mode, then without it, then again.

        Check that check mode changes nothing and returns the same result, that a refusal changes nothing, and that the
        second call changes nothing.
        """
        args.setdefault("management_network", {"last_address": "10.60.7.105"})
        if module in ("cloud", "database", "user", "worker", "slice_plan", "slice_report"):
            del args["management_network"]
        before, entries = self.door.data(), self.entries()
        foretold = self.door(module, check_mode=True, **args)
        assert self.door.data() == before
        done = self.door(module, caller={"proof": "awx", "module": module}, **args)
        if module == "database":
            # Restoring backs the replaced version up, which check mode does not.
            del foretold["backups"], done["backups"]
        assert done == foretold
        after = self.door.data()
        if done.get("failed"):
            assert done["msg"]
            assert after == before
        else:
            assert done["changed"] is (without_marks(after) != without_marks(before))
            if module != "database":
                self.given_up |= live_disks(before) - live_disks(after)
            if again:
                assert self.door(module, **args)["changed"] is False
                assert self.door.data() == after
        self.check_history(entries, done, module, args.get("acting_user", "admin"))
        return done

    def entries(self) -> list[Entry]:
        """Return the history, the newest entry first."""
        with self.store.transaction(write=False) as cluster:
            return list(cluster.history.newest_first())

    def check_history(self, before: list[Entry], done: dict[str, Any], module: str, user: str) -> None:
        """Check that a change has exactly one entry, with its user and its objects, and that nothing else has one."""
        after = self.entries()
        if done.get("failed") or not done["changed"]:
            assert after == before
            return
        assert after[1:] == before
        newest = after[0]
        assert (newest.user, newest.caller.proof, newest.caller.module) == (user, "awx", module)
        with self.store.transaction(write=False) as cluster:
            assert newest.revision == cluster.revision
        if "changes" in done:
            told = [(each["kind"], each["id"], each["action"]) for each in done["changes"]]
            assert [(each["kind"], each["id"], each["action"]) for each in newest.changes] == told
        kinds = ("slice", "vm", "link", "network", "vlan")
        assert all(each["slice_id"] is not None for each in newest.changes if each["kind"] in kinds)

    def check_orders(self, orders: dict[str, Any]) -> None:
        """Check that no order passes a VM to another owner, or gives up a disk that nobody deleted."""
        slices = self.door.data()["slices"]
        for order in orders["workers"].values():
            for slice_ in order["slices"]:
                owner = slices[str(slice_["slice_id"])]["owner_uuid"]
                for vm in slice_.get("vms", ()):
                    told = (vm["vm_uuid"], owner)
                    assert self.owners.setdefault(vm["vm_id"], told) == told, "a host has another VM of this id"
                assert {disk["uuid"] for disk in slice_.get("given_up", ())} <= self.given_up

    @initialize(topologies=st.lists(st.tuples(SLICES, USERS, TOPOLOGY), min_size=1, max_size=3))
    def start(self, topologies: list[tuple[str, str, dict[str, Any]]]) -> None:
        for name, owner, topology in topologies:
            self.put_slice(name, owner, topology, append=True)

    def some_slice(self, pick: int) -> dict[str, Any]:
        """Return an existing slice."""
        slices = list(self.door.data()["slices"].values())
        chosen: dict[str, Any] = slices[pick % len(slices)]
        return chosen

    def there(self, end: str, slice_: dict[str, Any]) -> str:
        """Return an endpoint, mostly of an existing VM of the slice."""
        names = [vm["name"] for vm in slice_["vms"]]
        vm, colon, interface = end.partition(":")
        if names and vm not in names and vm != "hub":
            vm = names[len(vm + interface) * 7 % len(names)] if colon else names[int(vm[-1]) % len(names)]
        return vm + colon + interface

    @rule(name=st.sampled_from(["alice", "bob"]), quota=st.integers(0, 9))
    def put_user(self, name: str, quota: int) -> None:
        self.do("user", name=name, quota_vms=quota)

    @rule(name=st.sampled_from(["alice", "bob"]))
    def remove_user(self, name: str) -> None:
        user = self.door.data()["users"].get(name, {})
        if not self.do("user", name=name, state="absent").get("failed") and "uuid" in user:
            self.removed[name] = user["uuid"]

    @precondition(lambda machine: machine.removed)
    @rule(pick=PICK, name=st.sampled_from(["alice", "bob"]))
    def add_user_again(self, pick: int, name: str) -> None:
        """A removed user comes back, perhaps under another name."""
        uuids = list(self.removed.values())
        done = self.do("user", name=name, uuid=uuids[pick % len(uuids)])
        assert done.get("failed") or done["users"][0]["uuid"] == uuids[pick % len(uuids)]

    @rule(name=SLICES, owner=USERS, topology=TOPOLOGY, append=st.booleans())
    def put_slice(self, name: str, owner: str, topology: dict[str, Any], append: bool) -> None:
        self.do("slice", name=name, owner=owner, acting_user=owner, append=append, **topology)

    @precondition(has_slices)
    @rule(pick=PICK, new_name=SLICES)
    def rename_slice(self, pick: int, new_name: str) -> None:
        slice_ = self.some_slice(pick)
        self.do("slice", name=slice_["name"], new_name=new_name, owner=slice_["owner"], append=True)

    @precondition(has_slices)
    @rule(pick=PICK)
    def remove_slice(self, pick: int) -> None:
        self.do("slice", name=str(self.some_slice(pick)["slice_id"]), state="absent")

    @precondition(has_slices)
    @rule(pick=PICK, vm=VM)
    def put_vm(self, pick: int, vm: dict[str, Any]) -> None:
        self.do("vm", slice=str(self.some_slice(pick)["slice_id"]), **vm)

    @precondition(has_slices)
    @rule(pick=PICK, vm=PICK, disks=DATA_DISKS)
    def put_disks(self, pick: int, vm: int, disks: list[dict[str, Any]]) -> None:
        slice_ = self.some_slice(pick)
        if slice_["vms"]:
            vm_id = slice_["vms"][vm % len(slice_["vms"])]["vm_id"]
            self.do("vm", slice=str(slice_["slice_id"]), vm_id=vm_id, data_disks=disks)

    @precondition(has_slices)
    @rule(pick=PICK, vm=PICK)
    def restore_disk(self, pick: int, vm: int) -> None:
        """A data disk comes from the trash to its VM or to another one."""
        slice_ = self.some_slice(pick)
        trashed = [disk for each in slice_["vms"] for disk in each.get("trashed_disks", ())]
        if trashed:
            disk, chosen = trashed[pick % len(trashed)], slice_["vms"][vm % len(slice_["vms"])]
            want = {"name": disk["name"], "size_gb": disk["size_gb"], "restore": disk["uuid"]}
            self.do("vm", slice=str(slice_["slice_id"]), vm_id=chosen["vm_id"], data_disks=[want])

    @precondition(has_slices)
    @rule(pick=PICK, vm=PICK, new_name=VMS)
    def rename_vm(self, pick: int, vm: int, new_name: str) -> None:
        slice_ = self.some_slice(pick)
        if slice_["vms"]:
            vm_id = slice_["vms"][vm % len(slice_["vms"])]["vm_id"]
            self.do("vm", slice=str(slice_["slice_id"]), vm_id=vm_id, new_name=new_name)

    @precondition(has_slices)
    @rule(pick=PICK, link=LINK)
    def put_link(self, pick: int, link: dict[str, Any]) -> None:
        slice_ = self.some_slice(pick)
        ends = [self.there(end, slice_) for end in link["endpoints"]]
        self.do("link", slice=str(slice_["slice_id"]), **{**link, "endpoints": ends})

    @precondition(has_slices)
    @rule(pick=PICK, network=NETWORK, append=st.booleans())
    def put_network(self, pick: int, network: dict[str, Any], append: bool) -> None:
        slice_ = self.some_slice(pick)
        members = [self.there(end, slice_) for end in network["members"]]
        self.do("network", slice=str(slice_["slice_id"]), append=append, **{**network, "members": members})

    @precondition(has_slices)
    @rule(pick=PICK, vlan=st.sampled_from(["up", "down"]))
    def put_vlan(self, pick: int, vlan: str) -> None:
        self.do("vlan", slice=str(self.some_slice(pick)["slice_id"]), name=vlan)

    @precondition(has_slices)
    @rule(pick=PICK, kind=st.sampled_from(["vm", "link", "network", "vlan"]), which=PICK)
    def take(self, pick: int, kind: str, which: int) -> None:
        slice_ = self.some_slice(pick)
        key, listed = {
            "vm": ("vm_id", slice_["vms"]),
            "link": ("link_id", slice_["links"]),
            "network": ("vlan_id", slice_["networks"]),
            "vlan": ("vlan_id", slice_.get("reserved_vlans", [])),
        }[kind]
        if listed:
            number = listed[which % len(listed)][key]
            self.do(kind, slice=str(slice_["slice_id"]), state="absent", **{key: number})

    def on_lost_workers(self) -> dict[int, int]:
        """The VMs of lost workers that nobody has deleted, with their slices."""
        with self.store.transaction(write=False) as cluster:
            live = [(vm, each.slice_id) for each in cluster.slices.values() for vm in each.live_vms]
            return {vm.vm_id: slice_id for vm, slice_id in live if cluster.workers[vm.worker_ip].lost}

    @precondition(has_slices)
    @rule(ip=st.sampled_from(WORKERS))
    def lose_worker(self, ip: str) -> None:
        """A worker is lost while it holds VMs, if any are placed there."""
        self.deploy(set())
        assert not self.do("worker", ip=ip, state="lost").get("failed")

    @rule(ip=st.sampled_from(WORKERS))
    def find_worker(self, ip: str) -> None:
        machines = self.machines()
        before = self.machines_of_vms(machines)
        assert not self.do("worker", ip=ip, machine_id=machines[ip]).get("failed")
        assert self.machines_of_vms(machines) == before

    @precondition(has_slices)
    @rule()
    def create_again_elsewhere(self) -> None:
        on_lost_workers, before = self.on_lost_workers(), self.machines_of_vms(self.machines())
        done = self.do("slice_plan", all=True, recreate_disks=[str(vm_id) for vm_id in on_lost_workers])
        after = self.machines_of_vms(self.machines())
        assert {vm_id for vm_id in before if after[vm_id] != before[vm_id]} <= set(on_lost_workers)
        # Slices whose VMs fit on no worker are refused, and the others are planned.
        assert done.get("failed") or {*self.on_lost_workers().values()} <= {one["slice_id"] for one in done["refused"]}

    @precondition(has_slices)
    @rule(failing=st.sets(st.sampled_from([*WORKERS, "network_node"]), max_size=1))
    def deploy(self, failing: set[str]) -> None:
        planned = self.do("slice_plan", all=True)
        orders, lost = planned["work_orders"], planned["lost_workers"]
        self.check_orders(orders)
        assert not {*orders["workers"]} & {*lost}
        failing = failing - {*lost}
        on_lost_workers = self.on_lost_workers()
        answered = {target: answers(order["slices"]) for target, order in by_target(orders).items()}
        told = {"failure": None, "answers": answered["network_node"]}
        reports = [{"host": "netnode", "target": "network_node", **told}]
        read_back(orders)
        for ip, order in orders["workers"].items():
            seen = [seen_of(vm) for slice_ in order["slices"] for vm in slice_["vms"]]
            reports.append({"host": ip, "target": ip, "failure": None, "vms": seen, "answers": answered[ip]})
        for report in reports:
            if report["target"] in failing:
                report.update(failure="down", vms=[])
        done = self.do("slice_report", again=False, all=True, reports=reports)
        assert bool(done["failures"]) is bool(failing or on_lost_workers)
        if not failing:
            # Objects that were being deleted are gone, whether their worker is lost or not.
            vms = [vm for slice_ in done["slices"] for vm in slice_["vms"]]
            assert all(vm["status"] != "deleting" for vm in vms)
            assert {vm["vm_id"] for vm in vms if vm["status"] == "error"} == {*on_lost_workers}
            vms = [vm for vm in vms if vm["vm_id"] not in on_lost_workers]
            assert all((vm["status"] == "stopped") is (vm.get("power") in ("stopped", "paused")) for vm in vms)

    @precondition(has_slices)
    @rule(pick=PICK)
    def delete(self, pick: int) -> None:
        chosen = self.some_slice(pick)
        name = str(chosen["slice_id"])
        planned = self.do("slice_plan", names=[name], state="absent", disk_retention_h=24)
        if planned["slice_ids"]:
            self.check_orders(planned["work_orders"])
            reports = [
                {"host": target, "target": target, "answers": answers(order["slices"])}
                for target, order in by_target(planned["work_orders"]).items()
            ]
            forged = [{**report, "answers": []} for report in reports]
            assert self.do("slice_report", again=False, names=[name], reports=forged)["waiting"] == [int(name)]
            self.do("slice_report", again=False, names=[name], reports=reports)
        assert name not in self.door.data()["slices"]

    @precondition(has_deleted_slices)
    @rule(pick=PICK)
    def undelete(self, pick: int) -> None:
        entries = self.door.data()["deleted_slices"]
        before = entries[pick % len(entries)]["slice"]
        user = ["admin", "alice", "bob"][pick % 3]
        done = self.do("deleted_slice", again=False, name=str(before["slice_id"]), acting_user=user)
        if not done.get("failed"):
            users = self.door.data()["users"]
            assert done["slice"]["owner_uuid"] == before["owner_uuid"] == users[done["slice"]["owner"]]["uuid"]
            assert user in ("admin", done["slice"]["owner"])
            assert done["slice"]["uuid"] == before["uuid"]
            disks = {disk["uuid"] for vm in before["vms"] for disk in vm["disks"]}
            assert disks >= {disk["uuid"] for vm in done["slice"]["vms"] for disk in vm["disks"]}

    @rule()
    def backup(self) -> None:
        before = self.door.data()
        self.backups.append(self.door("database", state="backup")["backup"])
        assert self.door.data() == before

    @precondition(lambda machine: machine.backups)
    @rule(pick=PICK)
    def restore(self, pick: int) -> None:
        """No counter decreases, no disk of a VM is given up, and no machine is lost or back."""
        before, lost = self.door.data(), self.lost()
        done = self.do("database", state="restore", name=self.backups[pick % len(self.backups)])
        after = self.door.data()
        if done.get("failed"):
            assert {refusal["code"] for refusal in done["refusals"]} == {"disk_taken_back"}
            return
        assert not live_disks(before) & given_up_disks(after)
        assert after["next_vm_id"] >= before["next_vm_id"]
        assert after["revision"] >= before["revision"]
        assert self.lost() == lost

    def lost(self) -> tuple[list[str], list[str]]:
        """The lost workers by their machine-ids, and the list of lost machines."""
        data = self.door.data()
        workers = sorted(each["machine_id"] for each in data["workers"].values() if each.get("lost"))
        return workers, data.get("lost_machines", [])

    @rule()
    def swap_workers(self) -> None:
        """Both workers get each other's addresses, and no VM leaves its machine."""
        machines = self.machines()
        where = self.machines_of_vms(machines)
        swapped = dict(zip(machines, reversed(machines.values())))
        self.do("worker", workers=[{"ip": ip, "machine_id": machine} for ip, machine in swapped.items()])
        assert self.machines_of_vms(swapped) == where

    def machines(self) -> dict[str, str]:
        """The machine-id of each worker."""
        return {ip: worker["machine_id"] for ip, worker in self.door.data()["workers"].items()}

    def machines_of_vms(self, machines: dict[str, str]) -> dict[int, str]:
        slices = self.door.data()["slices"].values()
        return {vm["vm_id"]: machines[vm["worker_ip"]] for slice_ in slices for vm in slice_["vms"]}

    @invariant()
    def nothing_is_broken(self) -> None:
        with self.store.transaction(write=False) as cluster:
            assert breaches(cluster) == []
            texts = cluster.extra["user_data"]["texts"]
            for slice_ in cluster.slices.values():
                assert {made for vm in slice_.vms for made in (user_data.id_of(vm), startup.id_of(vm))} <= {
                    None,
                    *texts,
                }
                held = [link.vlan_id for link in slice_.links]
                held += [network.vlan_id for network in slice_.networks]
                held += [each["vlan_id"] for each in slice_.extra.get("reserved_vlans", ())]
                held += slice_.extra.get("releasing", {}).get("vlan_ids", [])
                assert slice_.owner_uuid is not None
                assert slice_.owner_uuid == cluster.users[slice_.owner].uuid
                assert sorted(held) == sorted(slice_.vlan_pool_used)
                assert all(
                    any(100 + 20 * pool <= vlan < 120 + 20 * pool for vlan in held) for pool in slice_.further_pools
                )


class Limited(Operations):
    """The same in a cloud that shares its trunk: a few pools, not enough for all that is asked."""

    def new_store(self) -> tuple[Store, str | None]:
        held = Cluster.initial()
        cloud_vlans.change(held, vlan_pools="3,14-15,60", management_vlan=165)
        return Memory(held), None


class InFile(Operations):
    """The same with a file, which somebody replaces by an older copy."""

    suffix: str

    def __init__(self) -> None:
        super().__init__()
        self.copies: list[bytes] = []

    @property
    def path(self) -> Path:
        """The file of the database."""
        return next(Path(str(self.folder)).glob(f"database{self.suffix}"))

    @rule()
    def copy_file(self) -> None:
        self.copies.append(self.path.read_bytes())

    @precondition(lambda machine: machine.copies)
    @rule(pick=PICK)
    def put_file_back(self, pick: int) -> None:
        """No counter decreases, and nothing that hosts may use is free."""
        before, data = self.in_use(), self.door.data()
        self.path.write_bytes(self.copies[pick % len(self.copies)])
        after = self.door.data()
        assert (after["next_vm_id"], after["revision"]) >= (data["next_vm_id"], data["revision"])
        now = self.in_use()
        assert all({*numbers} <= {*now[kind]} for kind, numbers in before.items())

    def in_use(self) -> dict[str, list[int]]:
        """Return the numbers that hosts may use, by kind."""
        with self.store.transaction(write=False) as cluster:
            return cluster.in_use()


class InYaml(InFile):
    """The same with a YAML file."""

    suffix = ".yaml"

    def new_store(self) -> tuple[Store, str | None]:
        folder = tempfile.mkdtemp()
        return open_store(f"{folder}/database.yaml", lock_timeout_s=5, backups=100), folder


class InSqlite(InFile):
    """The same with SQLite."""

    suffix = ".sqlite"

    def new_store(self) -> tuple[Store, str | None]:
        folder = tempfile.mkdtemp()
        return open_store(
            f"sqlite:///{folder}/database.sqlite", lock_timeout_s=5, backups=100, backup_dir=folder
        ), folder


def some(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def test_in_memory() -> None:
    run_state_machine_as_test(Operations, settings=some(40, 25))


def test_with_few_pools() -> None:
    run_state_machine_as_test(Limited, settings=some(10, 25))


def test_in_yaml() -> None:
    run_state_machine_as_test(InYaml, settings=some(4, 20))


@pytest.mark.skipif(importlib.util.find_spec("sqlalchemy") is None, reason="SQLAlchemy is not installed")
def test_in_sqlite() -> None:
    run_state_machine_as_test(InSqlite, settings=some(3, 12))


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    return Door(Memory(first_cluster()), monkeypatch)
