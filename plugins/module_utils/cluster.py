# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster: all that the database holds, as one value that the rules read and change.

Stored as C({users, workers, flavors, slices, next_vm_id}); users by name, workers by address, slices by id as a
string. Rules ask the cluster through its methods, so that an adapter may answer them without loading everything: the
SQL adapter's cluster answers by queries what this one answers by walking, and its tables load what they are asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar

from .allocations import ADDRESS, VLAN_POOL, VNC_PORT, leases
from .cloud import Cloud
from .models import VM, Flavor, Slice, User
from .stored_fields import FieldError, Record, at, integer, list_of, text
from .stored_fields import fields as mapping

FIRST_ID = 1000
ADMIN = "admin"
NO_PASSWORD = "!"
WORKERS_LIST = "workers_list"
VNC_KEY = "vnc_key"
"""The field beyond the model that the displays' passwords follow from: a secret, which no result may hold."""
REVISION = "revision"
"""The field beyond the model that tells hosts which of two work orders is the newer one (docs/decisions/0014)."""
CLOUD = "cloud"
"""The field beyond the model that says which cloud this is, once hosts may have heard of it (docs/decisions/0018)."""
LEFT_BEHIND = "left_behind"
"""The field beyond the model with what hosts may still hold of slices that a restore forgot: by kind of lease numbers
that are not given out before C(site) has asked the hosts."""
NETWORK_NODE_TRUNK_MTU = "network_node_trunk_mtu"
"""The field beyond the model that says what the network node's uplink carries, once somebody has said so."""
ENTRY = "entry"
"""Among the absent fields of a worker that only Cloud Repositorio's C(workers_list) names."""
USED_KEYS = ("used_vms", "used")
"""The extra fields in which a worker's entry may say how many VMs are on it, as Cloud Repositorio's does."""
_LEAVABLE = (VLAN_POOL, ADDRESS, VNC_PORT)
TABLES = ("users", "workers", "flavors", "slices", "next_vm_id")

T = TypeVar("T")


@dataclass
class Worker:
    """A host that runs VMs.

    Attributes:
        ip: the address by which it is known, and on which VNC listens.
        cores: processor cores, C(None) where they are not known; then it takes no new VMs.
        ram_gb: memory in GiB, C(None) where it is not known; then it takes no new VMs.
        disk_gb: room for overlays in GiB, C(None) for no limit.
        max_vms: how many VMs at most, C(None) for no limit.
        cpu_overcommit: how many virtual cores may be promised for each real one.
        ram_overcommit: the same for memory.
        schedulable: whether new VMs may be placed on it.
    """

    ip: str
    cores: int | None = None
    ram_gb: float | None = None
    disk_gb: float | None = None
    max_vms: int | None = None
    cpu_overcommit: float = 8.0
    ram_overcommit: float = 1.0
    schedulable: bool = True
    extra: dict[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def to_dict(self) -> dict[str, Any]:
        return {
            **{
                each.name: getattr(self, each.name)
                for each in fields(self)
                if each.name not in ("extra", "absent")
                and not (each.name in self.absent and getattr(self, each.name) in (each.default, self.ip))
            },
            **self.extra,
        }

    @classmethod
    def from_dict(cls, data: Any, ip: str | None = None) -> Worker:
        """Read a stored worker; C(ip) is what its table calls it, for an entry that does not say so itself.

        Fields that are not there stay away when the worker is stored again, as long as they are at their defaults.
        """
        record = Record(data)
        return cls(
            ip=record.take("ip", str) if ip is None else record.take_default("ip", ip, str),
            cores=record.take_default("cores", None, int, None),
            ram_gb=record.take_default("ram_gb", None, int, float, None),
            disk_gb=record.take_default("disk_gb", None, int, float, None),
            max_vms=record.take_default("max_vms", None, int, None),
            cpu_overcommit=record.take_default("cpu_overcommit", 8.0, int, float),
            ram_overcommit=record.take_default("ram_overcommit", 1.0, int, float),
            schedulable=record.take_default("schedulable", True, bool),
            extra=record.extra(),
            absent=frozenset(each.name for each in fields(cls) if each.name not in data),
        )


@dataclass
class Load:
    """What the VMs on one worker were promised: cores, GiB of memory and of disk, and their number."""

    cores: float = 0
    ram_gb: float = 0
    disk_gb: float = 0
    vms: int = 0

    def add(self, flavor: Mapping[str, Any]) -> None:
        self.cores += flavor["cores"]
        self.ram_gb += flavor["ram_gb"]
        self.disk_gb += flavor["disk_gb"]
        self.vms += 1


@dataclass
class Cluster:
    """Everything that is stored.

    Attributes:
        users: by name. This table and C(slices) may load what they are asked for: a walk over all of one's values
            loads it whole, so rules ask the methods below instead.
        workers: by address.
        flavors: by name.
        slices: by id.
        next_vm_id: the counter that slices and VMs take their ids from.
        extra: fields beyond the model, kept as they are.
        absent: fields that the document did not have; they stay away while they are at their defaults.
    """

    users: MutableMapping[str, User] = field(default_factory=dict)
    workers: MutableMapping[str, Worker] = field(default_factory=dict)
    flavors: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)
    slices: MutableMapping[int, Slice] = field(default_factory=dict)
    next_vm_id: int = FIRST_ID
    extra: dict[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    @classmethod
    def initial(cls) -> Cluster:
        """Return what a new database holds: the admin (who has no password yet) and the data model's flavors."""
        return cls(users={ADMIN: User(ADMIN, NO_PASSWORD)}, flavors=first_flavors())

    def vms(self) -> Iterator[VM]:
        """Yield every VM that holds ids, ports and addresses, those being deleted included."""
        for slice_ in self.slices.values():
            yield from slice_.vms

    def slices_of(self, owner: str) -> list[Slice]:
        """Return the slices that the user's entry lists; ids of slices that are not there are passed over."""
        return [self.slices[slice_id] for slice_id in self.users[owner].slices if slice_id in self.slices]

    def called(self, name: str, owner: str | None = None) -> list[Slice]:
        """Return the slices that answer to a name, to C(OWNER/NAME) or to an id, of one owner or of all."""
        return [
            slice_
            for slice_ in self.slices.values()
            if owner in (None, slice_.owner)
            and name in (slice_label(slice_), f"{slice_.owner}/{slice_label(slice_)}", str(slice_.slice_id))
        ]

    def find_slice(self, owner: str, name: str) -> Slice | None:
        """Return the owner's slice of that name; one without a name answers to its id."""
        return next((slice_ for slice_ in self.called(name, owner) if slice_label(slice_) == name), None)

    def held(self, kind: str, first: int, last: int) -> set[int]:
        """Return the numbers from C(first) to C(last) of a kind of lease (C(allocations)) that slices hold."""
        return {
            lease.number
            for slice_ in self.slices.values()
            for lease in leases(slice_, kind)
            if first <= lease.number <= last
        }

    def free(self, kind: str, first: int, last: int) -> Iterator[int]:
        """Yield the numbers from C(first) to C(last) of a kind of lease that no slice holds, lowest first.

        What is held is looked up when the first one is asked for.
        """
        held = self.held(kind, first, last)
        return (number for number in range(first, last + 1) if number not in held)

    def loads(self) -> dict[str, Load]:
        """Return what the VMs were promised, by worker; VMs without a flavor do not count."""
        found: dict[str, Load] = {}
        for vm in self.vms():
            if vm.flavor:
                found.setdefault(vm.worker_ip, Load()).add(vm.flavor)
        return found

    def newest_vm_worker(self) -> str | None:
        """Return the worker of the VM with the highest id."""
        newest = max(self.vms(), key=lambda vm: vm.vm_id, default=None)
        return newest.worker_ip if newest else None

    def vms_on(self, worker_ip: str) -> list[VM]:
        """Return the VMs on a worker."""
        return [vm for vm in self.vms() if vm.worker_ip == worker_ip]

    def vms_from(self, image: str, checksum: str | None) -> list[tuple[str, VM]]:
        """Return the VMs that were made from a base image, each with the label of its slice."""
        return [
            (slice_label(slice_), vm)
            for slice_ in self.slices.values()
            for vm in slice_.vms
            if vm.flavor and (vm.flavor.get("image"), vm.flavor.get("checksum")) == (image, checksum)
        ]

    def is_admin(self, username: str) -> bool:
        """Return whether the user may act on everybody's objects: by role, which only C(admin) has from birth."""
        user = self.users.get(username)
        return user is not None and user.extra.get("role", ADMIN if username == ADMIN else "tenant") == ADMIN

    def to_dict(self) -> dict[str, Any]:
        initial = Cluster(flavors=first_flavors()).tables() if self.absent else {}
        return {
            **{
                key: value for key, value in self.tables().items() if not (key in self.absent and value == initial[key])
            },
            **self.stored_extra(),
        }

    def stored_extra(self) -> dict[str, Any]:
        """Return the fields beyond the model as they are stored: a worker that was removed is not to come back from
        Cloud Repositorio's list of them."""
        listed = self.extra.get(WORKERS_LIST)
        if not isinstance(listed, list):
            return self.extra
        kept = [ip for ip in listed if ip in self.workers or not isinstance(ip, str)]
        return {**self.extra, WORKERS_LIST: kept}

    def stored_workers(self) -> dict[str, dict[str, Any]]:
        """Return the workers as they are stored: one that only C(workers_list) names has no entry of its own."""
        rows = {ip: (worker, worker.to_dict()) for ip, worker in self.workers.items()}
        return {ip: row for ip, (worker, row) in rows.items() if row or ENTRY not in worker.absent}

    @property
    def revision(self) -> int | None:
        """The time of the last change of what slices want or hold, in milliseconds since 1970."""
        found: int | None = self.extra.get(REVISION)
        return found

    def revise(self, *others: int | None, now_ms: Callable[[], int] | None = None) -> None:
        """Note a change of what slices want or hold: its revision is higher than all before, whatever the clock says.

        Args:
            others: further revisions that hosts may have seen.
            now_ms: the clock; this machine's where none is given.
        """
        now = now_ms() if now_ms else time.time_ns() // 1_000_000
        seen = [each for each in (self.revision, *others) if each is not None]
        self.extra = {**self.extra, REVISION: max([now, *(each + 1 for each in seen)])}

    @property
    def cloud(self) -> Cloud | None:
        """Which cloud this is; C(None) before any host could have heard of it."""
        found = self.extra.get(CLOUD)
        return None if found is None else Cloud.from_dict(found)

    def identify(self, title: str) -> Cloud:
        """Return which cloud this is; where nobody has asked yet, a new one of that title."""
        found = self.cloud or Cloud.new(title)
        self.become(found)
        return found

    def become(self, cloud: Cloud) -> None:
        """Note which cloud this is."""
        if cloud != self.cloud:
            self.extra = {**self.extra, CLOUD: cloud.to_dict()}

    def lift(self, *, next_vm_id: int, revision: int | None) -> None:
        """Let the counters go on from what was handed out already, where that is more than is known here."""
        self.next_vm_id = max(self.next_vm_id, next_vm_id)
        if revision is not None and revision > (self.revision or 0):
            self.extra = {**self.extra, REVISION: revision}

    def left_behind(self, kind: str) -> frozenset[int]:
        """Return the numbers of a kind of lease that are not given out, since hosts may hold them."""
        return frozenset(self.extra.get(LEFT_BEHIND, {}).get(kind, ()))

    def content(self) -> dict[str, Any]:
        """Return C(to_dict()) without what no two databases of one content need share: counters and identity."""
        others = ("next_vm_id", REVISION, CLOUD, LEFT_BEHIND)
        return {key: value for key, value in self.to_dict().items() if key not in others}

    def replace(self, other: Cluster) -> None:
        """Make this cluster hold what the other holds.

        What hosts were told by this one stays true: its counters go on, what its slices held and the other's do not is
        left behind, and it is another incarnation unless the other one is of this. The revision is higher than both.
        """
        before, cloud = self.revision, self._as(other)
        next_vm_id = max(self.next_vm_id, other.next_vm_id)
        left = {kind: sorted(numbers) for kind in _LEAVABLE if (numbers := self._leaves(other, kind))}
        for table in ("users", "workers", "flavors", "slices"):
            mine, others = getattr(self, table), getattr(other, table)
            for key in [key for key, _value in mine.items() if key not in others]:
                del mine[key]
            mine.update(others)
        extra = {key: value for key, value in other.extra.items() if key not in (CLOUD, LEFT_BEHIND)}
        if cloud is not None:
            extra[CLOUD] = cloud.to_dict()
        if left:
            extra[LEFT_BEHIND] = left
        self.next_vm_id, self.extra, self.absent = next_vm_id, extra, other.absent
        self.revise(before)

    def _as(self, other: Cluster) -> Cloud | None:
        """Which cloud this one is when it holds what the other holds."""
        mine, cloud = self.cloud, other.cloud
        if cloud is None or mine == cloud:
            return mine
        return replace(cloud, place=mine.place) if mine and mine.incarnation == cloud.incarnation else cloud.reborn()

    def _leaves(self, other: Cluster, kind: str) -> set[int]:
        """Which numbers of a kind hosts may hold when this one holds what the other holds."""
        held, known = (
            {lease.number for slice_ in each.slices.values() for lease in leases(slice_, kind)}
            for each in (self, other)
        )
        return (held | self.left_behind(kind) | other.left_behind(kind)) - known

    def tables(self) -> dict[str, Any]:
        """Return the fields of the model as they are stored."""
        return {
            "users": {name: user.to_dict() for name, user in self.users.items()},
            "workers": self.stored_workers(),
            "flavors": {name: dict(flavor) for name, flavor in self.flavors.items()},
            "slices": {str(slice_id): slice_.to_dict() for slice_id, slice_ in self.slices.items()},
            "next_vm_id": self.next_vm_id,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Cluster:
        """Read a stored cluster. Cloud Repositorio's own files are read as they are: they have no C(flavors) (the data
        model's are meant), and workers whose entries do not repeat their addresses."""
        record = Record(data)

        def table(key: str, read: Callable[[Any], T]) -> dict[str, T]:
            return named(key, lambda _name, row: read(row))

        def named(key: str, read: Callable[[str, Any], T]) -> dict[str, T]:
            rows: dict[Any, Any] = record.take_default(key, {}, dict)
            return {str(name): at((key, name), partial(read, str(name)), row) for name, row in rows.items()}

        record.check(VNC_KEY, text)
        record.check(REVISION, integer)
        record.check(CLOUD, Cloud.from_dict)
        record.check(LEFT_BEHIND, mapping({}, dict.fromkeys(_LEAVABLE, list_of(integer))))
        record.check(NETWORK_NODE_TRUNK_MTU, integer)
        slices = table("slices", Slice.from_dict)
        for key, slice_ in slices.items():
            if key != str(slice_.slice_id):
                raise FieldError(("slices", key), f"has slice_id {slice_.slice_id}")
        workers = named("workers", lambda ip, row: Worker.from_dict(row, ip))
        listed = data.get(WORKERS_LIST)
        for ip in listed if isinstance(listed, list) else ():
            if isinstance(ip, str) and ip not in workers:
                workers[ip] = Worker(ip, absent=frozenset({ENTRY, *(each.name for each in fields(Worker))}))
        return cls(
            users=table("users", User.from_dict),
            workers=workers,
            flavors=table("flavors", read_flavor) if "flavors" in data else first_flavors(),
            slices={slice_.slice_id: slice_ for slice_ in slices.values()},
            next_vm_id=record.take_default("next_vm_id", FIRST_ID, int),
            extra=record.extra(),
            absent=frozenset(key for key in TABLES if key not in data),
        )


class WorkerFigures:
    """Keeps up the figures of use that Cloud Repositorio's files have in a worker's entry.

    What they are off by stays what it was, so that a check finds it.
    """

    def __init__(self, workers: Mapping[str, Worker]) -> None:
        self._before = {
            (ip, key): (worker, worker.extra[key])
            for ip, worker in workers.items()
            for key in USED_KEYS
            if isinstance(worker.extra.get(key), int)
        }

    def follow(self, workers: Mapping[str, Worker], more: Mapping[str, int]) -> None:
        """Add what became more VMs, by worker, to figures that nobody else has changed."""
        for (ip, key), (worker, figure) in self._before.items():
            if workers.get(ip) is worker and worker.extra.get(key) == figure and more.get(ip):
                worker.extra[key] = figure + more[ip]


def first_flavors() -> dict[str, dict[str, Any]]:
    """Return the flavors that a new database has: the data model's."""
    return {name: dict(flavor) for name, flavor in Flavor.FLAVORS.items()}


def read_flavor(data: Any) -> dict[str, Any]:
    """Return a stored flavor, its sizes checked for their types."""
    record = Record(data)
    return {
        "cores": record.take("cores", int),
        "ram_gb": record.take("ram_gb", int, float),
        "disk_gb": record.take("disk_gb", int, float),
        "image": record.take("image", str),
        **record.extra(),
    }


def slice_label(slice_: Slice) -> str:
    """Return what people call the slice: its name, or its id where it has none."""
    return slice_.name or str(slice_.slice_id)
