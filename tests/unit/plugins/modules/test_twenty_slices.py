# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Twenty slices of two owners, whose database and backups are removed: the rebuilt one equals it field by field.

The scenario C(failures) does the same on the lab with one slice (C(rebuild.yml)). For these twenty, write C(TOPOLOGIES)
to a file as C({"slices": [...]}), and add the flavor C(two) to C(cloudrepo_flavors) and the user alice, with a quota of
40 like that of admin, to C(cloudrepo_users). Run C(site), C(deploy -e @FILE), save the result of C(slice_info), move
the folder of the database away, and run C(rebuild), C(site) and C(deploy -e @FILE). The last one must have changed=0,
C(slice_info) must return the same, and the C(MainPID) of all units must be what it was.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import displays
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, revisions
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import NetworkOrder
from ansible_collections.cloudrepo.slices.plugins.module_utils.report import NETWORK_NODE, answers

from .module_calls import Door
from .simulated_hosts import Machine

WORKERS = ("10.0.10.1", "10.0.10.2")
MACHINES = {ip: f"{number:032}" for number, ip in enumerate(WORKERS)}
OWNERS = ("admin", "alice")
IMAGE = bytes(510) + b"\x55\xaa" + bytes(1 << 20)
"""A raw image with a boot sector."""


def topology(number: int) -> dict[str, Any]:
    """One of twenty topologies, which between them have every kind of part."""
    a, b, c = (f"vm{each}" for each in (1, 2, 3))
    vms: list[dict[str, Any]] = [
        {"name": a, "flavor": "cirros", "internet": True, "power": ("running", "stopped", "paused")[number % 3]},
        {"name": b, "flavor": "two", "worker": WORKERS[number % 2], "data_interfaces": 3},
        {"name": c, "flavor": "cirros", "power": "stopped" if number % 4 == 0 else "running"},
    ]
    links = [{"endpoints": [a, b]}, {"endpoints": [b, c], "name": "back"}][: 1 + number % 2]
    network = {"name": "lan", "members": [a, c], "gateway": number % 2 == 0, "dhcp_enabled": number % 3 == 0}
    return {
        "name": f"lesson{number}",
        "owner": OWNERS[number % 2],
        "vms": vms,
        "links": links,
        "networks": [network] if number % 4 else [],
        "vlan_pools": 2 if number % 10 == 0 else 1,
    }


UNKNOWN = (
    # Another incarnation of the cloud, whose history begins with it.
    *("cloud.incarnation", "noted", "revision", "issued_revisions*"),
    # What work orders do not contain, as the rebuild lists it.
    *("users.*.quota_vms", "users.*.password_hash", "workers.*.max_vms", "flavors.*.virtual_size_gb"),
    # Passwords are kept in place of the key that they were derived from.
    *("vnc_key", "vnc_passwords.*"),
)
"""The fields of the database that hosts do not know."""
TOPOLOGIES = [topology(number) for number in range(20)]


class Lab:
    """A database file, and the hosts that carry out its work orders."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "database"
        self.door = Door(self.open(), monkeypatch)
        self.machines = {ip: Machine(str(folder / ip)) for ip in WORKERS}
        self.node = str(folder / "netnode")

    def open(self) -> Store:
        """Open the database, with backups, at its place."""
        self.folder.mkdir(exist_ok=True)
        return open_store(f"{self.folder}/database.yaml", lock_timeout_s=5, backups=10)

    def do(self, module: str, **args: Any) -> dict[str, Any]:
        """Call a module, which must not fail."""
        done = self.door(module, **args)
        assert not done.get("failed"), done["msg"]
        return done

    def prepare(self) -> None:
        """As C(site)."""
        self.do("cloud", title="lab")
        workers = [
            {"ip": ip, "cores": 64, "ram_gb": 64, "max_vms": 40, "machine_id": MACHINES[ip], "trunk_mtu": 9000}
            for ip in WORKERS
        ]
        self.do("worker", workers=workers)
        image = self.folder.parent / "cirros.raw"
        image.write_bytes(IMAGE)
        small, large = {"cores": 1, "ram_gb": 0.25, "disk_gb": 1}, {"cores": 2, "ram_gb": 0.5, "disk_gb": 2}
        flavors = [{"name": name, "image": str(image), **size} for name, size in (("cirros", small), ("two", large))]
        self.do("flavor", flavors=flavors)
        self.do("user", name="admin", quota_vms=40)
        self.do("user", name="alice", password="Zebra-12345", quota_vms=40)

    def deploy(self) -> dict[str, Any]:
        """As C(deploy) of all topologies; return the result of the plan, after hosts have carried it out."""
        planned = self.do("slice", slices=TOPOLOGIES, work_orders=True)
        orders, data = planned["work_orders"], self.door.data()
        owners = {slice_["slice_id"]: slice_["owner"] for slice_ in data["slices"].values()}
        node = NetworkOrder.from_dict(orders["network_node"]).slices
        revisions.note(node, state_dir=self.node, kind=revisions.NETWORK_NODE)
        applied_orders.note(node, state_dir=self.node, kind=revisions.NETWORK_NODE)
        told = {"failure": None, "answers": answers(orders["network_node"]["slices"])}
        reports = [{"host": "netnode", "target": NETWORK_NODE, **told}]
        for ip, machine in self.machines.items():
            reports.append({"host": ip, "target": ip, **machine.apply(orders["workers"][ip], owners)})
        assert self.do("slice_report", names=planned["slice_ids"], reports=reports)["failures"] == []
        return planned

    def read_hosts(self) -> list[dict[str, Any]]:
        """Return what C(host_info) and C(applied_orders_info) return."""
        cloud = self.door.data()["cloud"]
        claimed = {"cloud_uuid": cloud["uuid"], "cloud_title": cloud["title"]}
        found = []
        for ip, machine in self.machines.items():
            applied = applied_orders.read(machine.folder, revisions.WORKER)
            facts = {"machine_id": MACHINES[ip], "cores": 64, "ram_gb": 64.0, "trunk_mtu": 9000}
            said = {**machine.in_use(f"host of {ip}"), **facts, "applied": [one.to_dict() for one in applied]}
            found.append({**said, "target": ip, **claimed})
        applied = applied_orders.read(self.node, revisions.NETWORK_NODE)
        node = {"host": "netnode", "highest_revision": revisions.highest(self.node), "target": NETWORK_NODE}
        return [*found, {**node, "applied": [one.to_dict() for one in applied], **claimed}]

    def read_displays(self) -> list[dict[str, Any]]:
        """Return the passwords of the displays, which workers store."""
        with self.door.store.transaction(write=False) as cluster:
            return [
                {
                    "vm_id": vm.vm_id,
                    "password_id": displays.password_id(cluster, vm),
                    "password": displays.password(cluster, vm),
                    "vm_uuid": vm.uuid,
                    "worker_ip": vm.worker_ip,
                }
                for vm in cluster.vms()
            ]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path, monkeypatch)
    made.prepare()
    return made


def flat(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each field of a database with its path."""
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list) and data:
        for number, value in enumerate(data):
            yield from flat(value, f"{path}[{number}]")
    else:
        yield path, data


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Return the paths of the fields that differ."""
    left, right = dict(flat(one)), dict(flat(other))
    return {path for path in {*left, *right} if left.get(path, flat) != right.get(path, flat)}


def test_a_lost_database_of_twenty_slices_is_rebuilt(lab: Lab) -> None:
    lab.deploy()
    for name in ("lesson0", "admin/lesson10"):
        lab.do("vlan", slice=name, name="uplink")
    lab.deploy()
    again = lab.deploy()
    assert (len(again["slice_ids"]), again["changed"]) == (20, False)
    lab.do("database", state="backup")
    original, hosts, passwords = lab.door.data(), lab.read_hosts(), lab.read_displays()
    started = {ip: (machine.starts, dict(machine.processes)) for ip, machine in lab.machines.items()}
    assert len(original["slices"]) == 20

    shutil.rmtree(lab.folder)
    lab.door.store = lab.open()
    assert not lab.door.store.exists()
    done = lab.do("database_rebuild", hosts=copy.deepcopy(hosts), displays=passwords)
    assert done["counts"]["slices"] == 20

    rebuilt = lab.door.data()
    assert differing(original["slices"], rebuilt["slices"]) == set()
    for each in (original, rebuilt):
        del each["cloud"]["place"]  # the number of the file, which the new one may have again
    other = differing(original, rebuilt)
    assert {path for path in other if not any(fnmatch(path, each) for each in UNKNOWN)} == set()
    assert [each for each in UNKNOWN if not any(fnmatch(path, each) for path in other)] == []
    assert rebuilt["revision"] > original["revision"]
    with lab.door.store.transaction(write=False) as cluster:
        assert breaches(cluster) == []
    assert lab.read_displays() == passwords
    assert lab.deploy()["changed"] is False
    assert {ip: (machine.starts, machine.processes) for ip, machine in lab.machines.items()} == started
