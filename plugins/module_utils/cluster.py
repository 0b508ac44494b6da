# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster: the content of the database, as one value that the rules read and change.

Stored as C({users, workers, flavors, slices, next_vm_id}); users by name, workers by address, slices by id as a
string. Rules use its methods, so that an adapter can implement them without loading everything: the cluster of the SQL
adapter uses queries where this one iterates, and loads its tables on demand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from .allocations import ADDRESS, VLAN_POOL, VNC_PORT, allocated
from .changes import SliceRef
from .cloud import Cloud
from .errors import Refusal, Refused
from .history import Entry, History, Kept, NoHistory
from .identity import machine_mark
from .lifecycle import ERROR, Observed
from .models import VM, Flavor, Slice, User
from .stored_fields import FieldError, Record, at, integer, list_of, text
from .stored_fields import fields as mapping
from .vlans import Vlans
from .vm_model import kind_fields
from .workers import ENTRY, LOST, Load, Worker, only_listed

FIRST_ID = 1000
ADMIN = "admin"
NO_PASSWORD = "!"
WORKERS_LIST = "workers_list"
VNC_KEY = "vnc_key"
USER_DATA = "user_data"
"""The field beyond the model with the user data of guests: C({key, texts, slices}), the texts by id, and the ids by
slice (docs/decisions/0031)."""
DELETED_SLICES = "deleted_slices"
"""The field beyond the model from which the displays' passwords are derived: a secret, never in a result."""
REVISION = "revision"
"""The field beyond the model with the revision of work orders (docs/decisions/0014)."""
ISSUED = "issued_revisions"
"""The field beyond the model with the last revisions, oldest first. From these, hosts find that a database was reverted
(docs/decisions/0014)."""
CLOUD = "cloud"
"""The field beyond the model with the cloud's identity, which hosts store (docs/decisions/0018)."""
VLANS = "vlans"
"""The field beyond the model with the VLANs of the cloud, as far as they are not the defaults (docs/decisions/0026)."""
LEFT_BEHIND = "left_behind"
"""The field beyond the model with resources of slices that a restored backup does not contain: numbers by kind, which
are not allocated before C(site) has checked the hosts, because these may still use them."""
HISTORY = "history"
KINDS = "kinds"
"""The extra field with registered kinds of guests, by name."""
"""The field beyond the model with how much of the history is kept, if that is not the default."""
NOTED = "noted"
"""The field beyond the model with the number of the last entry of the history (docs/decisions/0022)."""
NETWORK_NODE_TRUNK_MTU = "network_node_trunk_mtu"
"""The field beyond the model with the MTU of the network node's uplink."""
NETWORK_NODE_MACHINE = "network_node_machine_id"
"""The field beyond the model with the machine-id of the network node (docs/decisions/0020)."""
LOST_MACHINES = "lost_machines"
"""The field beyond the model with the machine-ids of machines that must not start VMs: those of workers that were
declared lost, and those that another machine has replaced (docs/decisions/0021)."""
LOST_MARKS = "lost_marks"
"""The field beyond the model with the marks of lost machines that only the network node knows, because the database was
rebuilt or restored since."""
HOSTS = "hosts"
"""The field beyond the model with the inventory names of all hosts that C(site) has prepared."""
_LEAVABLE = (VLAN_POOL, ADDRESS, VNC_PORT)
_ISSUED_KEPT = 50
_HIGHEST = 2**32 - 1
"""The highest number of these kinds: the last IPv4 address."""
TABLES = ("users", "workers", "flavors", "slices", "next_vm_id")

T = TypeVar("T")


@dataclass
class Cluster:
    """The content of the database.

    Attributes:
        users: by name. This table and C(slices) may be loaded on demand. Iterating over all values loads the whole
        table, so rules use the methods below instead.
        workers: by address.
        flavors: by name.
        slices: by id.
        next_vm_id: the counter for ids of slices and VMs.
        extra: fields beyond the model, which are preserved.
        absent: missing fields of the document. They are not stored while they have their defaults.
        history: the stored entries of the history.
        noted: entries that are stored with the changes of this cluster.
    """

    users: MutableMapping[str, User] = field(default_factory=dict)
    workers: MutableMapping[str, Worker] = field(default_factory=dict)
    flavors: MutableMapping[str, dict[str, Any]] = field(default_factory=dict)
    slices: MutableMapping[int, Slice] = field(default_factory=dict)
    next_vm_id: int = FIRST_ID
    extra: dict[str, Any] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    history: History = field(default_factory=NoHistory, compare=False, repr=False)
    noted: list[Entry] = field(default_factory=list, compare=False, repr=False)

    @classmethod
    def initial(cls) -> Cluster:
        """Return the content of a new database: the admin, without a password, and the data model's flavors."""
        return cls(users={ADMIN: User(ADMIN, NO_PASSWORD)}, flavors=first_flavors())

    def vms(self) -> Iterator[VM]:
        """Yield all VMs, including those that are being deleted, which still hold ids, ports and addresses."""
        for slice_ in self.slices.values():
            yield from slice_.vms

    def slices_of(self, owner: str) -> list[Slice]:
        """Return the slices in the user's entry, without ids that do not exist."""
        return [self.slices[slice_id] for slice_id in self.users[owner].slices if slice_id in self.slices]

    def called(self, name: str, owner: str | None = None) -> list[Slice]:
        """Return the slices with a name, C(OWNER/NAME) or an id, of one owner or of all."""
        return [
            slice_
            for slice_ in self.slices.values()
            if owner in (None, slice_.owner)
            and name in (slice_label(slice_), f"{slice_.owner}/{slice_label(slice_)}", str(slice_.slice_id))
        ]

    def find_slice(self, owner: str, name: str) -> Slice | None:
        """Return the owner's slice with that name, or with that id if it has no name."""
        return next((slice_ for slice_ in self.called(name, owner) if slice_label(slice_) == name), None)

    def held(self, kind: str, first: int, last: int) -> set[int]:
        """Return the numbers from C(first) to C(last) of a kind (C(allocations)) that are allocated to slices."""
        return {
            allocation.number
            for slice_ in self.slices.values()
            for allocation in allocated(slice_, kind)
            if first <= allocation.number <= last
        }

    def free(self, kind: str, first: int, last: int) -> Iterator[int]:
        """Yield the numbers from C(first) to C(last) of a kind that are not allocated, lowest first.

        The allocated numbers are determined when the first number is requested.
        """
        held = self.held(kind, first, last)
        return (number for number in range(first, last + 1) if number not in held)

    def loads(self) -> dict[str, Load]:
        """Return the allocated resources by worker. VMs without a flavor are not counted."""
        found: dict[str, Load] = {}
        for vm in self.vms():
            if (size := vm.size) is not None:
                found.setdefault(vm.worker_ip, Load()).add(size)
        return found

    def newest_vm_worker(self) -> str | None:
        """Return the worker of the VM with the highest id."""
        newest = max(self.vms(), key=lambda vm: vm.vm_id, default=None)
        return newest.worker_ip if newest else None

    def vms_on(self, worker_ip: str) -> list[VM]:
        """Return the VMs on a worker."""
        return [vm for vm in self.vms() if vm.worker_ip == worker_ip]

    def vms_from(self, image: str, checksum: str | None) -> list[tuple[str, VM]]:
        """Return the VMs that were created from a base image, each with the label of its slice."""
        return [
            (slice_label(slice_), vm)
            for slice_ in self.slices.values()
            for vm in slice_.vms
            if vm.flavor and (vm.flavor.get("image"), vm.flavor.get("checksum")) == (image, checksum)
        ]

    def is_admin(self, username: str) -> bool:
        """Return whether the user has the role of an admin, which in a new database only C(admin) has."""
        user = self.users.get(username)
        return user is not None and user.extra.get("role", ADMIN if username == ADMIN else "tenant") == ADMIN

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the database, with the fields of the data model before those beyond it."""
        initial = Cluster(flavors=first_flavors()).tables() if self.absent else {}
        return {
            **{
                key: value for key, value in self.tables().items() if not (key in self.absent and value == initial[key])
            },
            **self.stored_extra(),
        }

    def stored_extra(self) -> dict[str, Any]:
        """Return the fields beyond the model as they are stored, with removed workers removed from Cloud Repositorio's
        list as well."""
        listed = self.extra.get(WORKERS_LIST)
        if not isinstance(listed, list):
            return self.extra
        kept = [ip for ip in listed if ip in self.workers or not isinstance(ip, str)]
        return {**self.extra, WORKERS_LIST: kept}

    def stored_workers(self) -> dict[str, dict[str, Any]]:
        """Return the workers as they are stored, without those that are only in C(workers_list)."""
        rows = {ip: (worker, worker.to_dict()) for ip, worker in self.workers.items()}
        return {ip: row for ip, (worker, row) in rows.items() if row or ENTRY not in worker.absent}

    @property
    def revision(self) -> int | None:
        """The time of the last change of desired or allocated state, in milliseconds since 1970."""
        found: int | None = self.extra.get(REVISION)
        return found

    def revise(self, *others: int | None, now_ms: Callable[[], int] | None = None) -> None:
        """Set a new revision for a change of desired or allocated state, higher than before regardless of the clock.

        Args:
            others: other revisions that hosts may have seen.
            now_ms: the clock; by default that of this machine.
        """
        now = now_ms() if now_ms else time.time_ns() // 1_000_000
        seen = [each for each in (self.revision, *others) if each is not None]
        revision = max([now, *(each + 1 for each in seen)])
        self.extra = {**self.extra, REVISION: revision, ISSUED: [*self.issued, revision][-_ISSUED_KEPT:]}

    @property
    def issued(self) -> list[int]:
        """The last revisions of this incarnation, and those of hosts that it has taken in, oldest first."""
        found: list[int] = self.extra.get(ISSUED, [])
        return found

    def knows(self, revision: int) -> bool:
        """Return whether this database has issued a revision, or is too young or has forgotten."""
        return not self.issued or revision < self.issued[0] or revision in self.issued

    def take_in(self, revisions: Iterable[int]) -> None:
        """List revisions of work orders that hosts have applied as issued, and continue with a new one."""
        self.extra = {**self.extra, ISSUED: sorted({*self.issued, *revisions})}
        self.revise()

    def forget_issued(self) -> None:
        """Forget which revisions were issued before the last one, so that hosts need not know the same ones."""
        if self.revision is not None:
            self.extra = {**self.extra, ISSUED: [self.revision]}

    @property
    def kinds(self) -> dict[str, dict[str, Any]]:
        """The registered kinds of guests by name, each without its name."""
        found: dict[str, dict[str, Any]] = self.extra.get(KINDS, {})
        return found

    @kinds.setter
    def kinds(self, kinds: dict[str, dict[str, Any]]) -> None:
        others = {key: value for key, value in self.extra.items() if key != KINDS}
        self.extra = {**others, KINDS: kinds} if kinds else others

    @property
    def kept(self) -> Kept:
        """How much of the history is kept."""
        return Kept(**self.extra.get(HISTORY, {}))

    def keep(self, kept: Kept) -> None:
        """Set how much of the history is kept."""
        if kept != self.kept:
            self.extra = {**self.extra, HISTORY: {"entries": kept.entries, "days": kept.days}}

    @property
    def vlans(self) -> Vlans:
        """The VLANs of the cloud."""
        return Vlans.from_dict(self.extra.get(VLANS, {}))

    @vlans.setter
    def vlans(self, vlans: Vlans) -> None:
        others = {key: value for key, value in self.extra.items() if key != VLANS}
        said = vlans.to_dict()
        self.extra = {**others, VLANS: said} if said else others

    @property
    def cloud(self) -> Cloud | None:
        """The cloud's identity; C(None) before it has been sent to any host."""
        found = self.extra.get(CLOUD)
        return None if found is None else Cloud.from_dict(found)

    def identify(self, title: str) -> Cloud:
        """Return the cloud's identity, and create it with that title if there is none yet."""
        found = self.cloud or Cloud.new(title)
        self.set_cloud(found)
        return found

    def set_cloud(self, cloud: Cloud) -> None:
        """Set the cloud's identity."""
        mine = self.cloud
        if cloud != mine:
            self.extra = {**self.extra, CLOUD: cloud.to_dict()}
        if mine is not None and mine.incarnation != cloud.incarnation:
            self.extra.pop(ISSUED, None)

    def lift(self, *, next_vm_id: int, revision: int | None, issued: Iterable[int] = ()) -> None:
        """Raise the counters to those that were used already, if these are higher.

        Args:
            next_vm_id: the counter for ids.
            revision: the revision.
            issued: the last revisions up to this one, as far as they are known.
        """
        self.next_vm_id = max(self.next_vm_id, next_vm_id)
        if revision is not None and revision > (self.revision or 0):
            known = sorted({*self.issued, *issued})
            self.extra = {**self.extra, REVISION: revision, **({ISSUED: known[-_ISSUED_KEPT:]} if known else {})}

    @property
    def lost_machines(self) -> frozenset[str]:
        """The machine-ids of machines that must not start VMs, also of workers that were removed since."""
        return frozenset(self.extra.get(LOST_MACHINES, ()))

    @lost_machines.setter
    def lost_machines(self, machine_ids: frozenset[str]) -> None:
        self._set_list(LOST_MACHINES, machine_ids)

    @property
    def lost_marks(self) -> frozenset[str]:
        """The marks of lost machines whose machine-ids may be unknown (C(identity.machine_mark))."""
        return frozenset(self.extra.get(LOST_MARKS, ()))

    @lost_marks.setter
    def lost_marks(self, marks: frozenset[str]) -> None:
        self._set_list(LOST_MARKS, marks)

    def _set_list(self, key: str, texts: frozenset[str]) -> None:
        """Set a field beyond the model, which is left out if it is empty."""
        others = {name: value for name, value in self.extra.items() if name != key}
        self.extra = {**others, key: sorted(texts)} if texts else others

    @property
    def all_lost_marks(self) -> frozenset[str]:
        """The marks of all lost machines, as far as there is a cloud that has marks."""
        cloud = self.cloud
        known = () if cloud is None else (machine_mark(cloud.uuid, each) for each in self.lost_machines)
        return self.lost_marks.union(known)

    def mark_lost(self, ip: str) -> None:
        """Mark a worker as lost. Its VMs become C(error)."""
        self.workers[ip].extra[LOST] = True
        for vm in self.vms_on(ip):
            if vm.handed_out and not vm.deleting:
                vm.see(Observed(ERROR))

    def left_behind(self, kind: str) -> frozenset[int]:
        """Return the numbers of a kind that are not allocated because hosts may still use them."""
        return frozenset(self.extra.get(LEFT_BEHIND, {}).get(kind, ()))

    def leave_behind(self, numbers: Mapping[str, Collection[int]]) -> None:
        """Do not allocate numbers that hosts may still use and no slice has any more, by kind."""
        left: dict[str, list[int]] = dict(self.extra.get(LEFT_BEHIND, {}))
        for kind, more in numbers.items():
            unknown = {*more} - self.left_behind(kind)
            if unknown:
                unknown -= self.held(kind, min(unknown), max(unknown))
            if unknown:
                left[kind] = sorted(self.left_behind(kind) | unknown)
        if left != self.extra.get(LEFT_BEHIND, {}):
            self.extra = {**self.extra, LEFT_BEHIND: left}

    def in_use(self) -> dict[str, list[int]]:
        """Return the numbers that hosts may use by kind: those of slices, and those that are left behind."""
        found = {kind: self.held(kind, 0, _HIGHEST) | self.left_behind(kind) for kind in _LEAVABLE}
        return {kind: sorted(numbers) for kind, numbers in found.items() if numbers}

    def content(self) -> dict[str, Any]:
        """Return C(to_dict()) without counters and identity, to compare the content of databases."""
        others = ("next_vm_id", REVISION, ISSUED, CLOUD, LEFT_BEHIND, NOTED)
        found = {key: value for key, value in self.to_dict().items() if key not in others}
        for slice_ in found.get("slices", {}).values():
            slice_.pop(REVISION, None)
        return found

    def replace(self, other: Cluster) -> None:
        """Replace the content of this cluster with that of another.

        Hosts know this cluster, so its counters are not lowered, allocations of its slices that the other does not have
        are left behind, and it becomes another incarnation unless the other one is of this. The revision is higher than
        both.

        Raises:
            Refused: the other one gives up disks that VMs of this one have. Nothing is changed then.
        """
        refusals = list(self._taken_back(other))
        if refusals:
            raise Refused(refusals)
        before, previous, cloud = self.revision, self.cloud, self._as(other)
        next_vm_id = max(self.next_vm_id, other.next_vm_id)
        left = {kind: sorted(numbers) for kind in _LEAVABLE if (numbers := self._leaves(other, kind))}
        for table in ("users", "workers", "flavors", "slices"):
            mine, others = getattr(self, table), getattr(other, table)
            for key in [key for key, _value in mine.items() if key not in others]:
                del mine[key]
            mine.update(others)
        extra = {key: value for key, value in other.extra.items() if key not in (CLOUD, LEFT_BEHIND, NOTED, ISSUED)}
        if cloud is not None:
            extra[CLOUD] = cloud.to_dict()
        if self.issued and previous is not None and cloud is not None and previous.incarnation == cloud.incarnation:
            extra[ISSUED] = self.issued
        if left:
            extra[LEFT_BEHIND] = left
        if NOTED in self.extra:
            extra[NOTED] = self.extra[NOTED]
        self.next_vm_id, self.extra, self.absent = next_vm_id, extra, other.absent
        self.revise(before)

    def restore(self, backup: Cluster) -> None:
        """Replace the content of this cluster with that of a backup, which is changed as well.

        Which machines are lost is not restored. It is a fact about machines, as the counters are about hosts: a lost
        one could start the VMs that were created again elsewhere, and one that came back would have to stop those that
        it runs. Only a cluster that knows no machines of this cloud takes the backup's word for it. The same applies to
        the machine of the network node.

        Raises:
            Refused: the backup gives up disks that VMs have now.
        """
        lost, marks, node = self.lost_machines, self.lost_marks, self.extra.get(NETWORK_NODE_MACHINE)
        is_other = self._is_of_another_cloud(backup)
        known = bool(lost or self.workers) and not is_other
        if known:
            for ip, worker in backup.workers.items():
                if not self._has_lost(worker):
                    worker.extra.pop(LOST, None)
                elif not worker.lost:
                    backup.mark_lost(ip)
        self.replace(backup)
        if known:
            self.lost_machines, self.lost_marks = lost, marks
            if node is not None:
                self.extra[NETWORK_NODE_MACHINE] = node
        elif not is_other:
            # Those of the high-water mark.
            self.lost_marks |= marks

    def _is_of_another_cloud(self, other: Cluster) -> bool:
        return self.cloud is not None and other.cloud is not None and self.cloud.uuid != other.cloud.uuid

    def _has_lost(self, worker: Worker) -> bool:
        """Return whether a worker of a backup is lost, as far as this cluster knows its machine."""
        alike = [
            each
            for each in self.workers.values()
            if (each.machine_id == worker.machine_id if worker.machine_id else each.ip == worker.ip)
        ]
        if alike:
            return any(each.lost for each in alike)
        if worker.machine_id is None:
            return worker.lost
        # It was removed since, or another machine has its address, which site asks about.
        return worker.machine_id in self.lost_machines and worker.ip not in self.workers

    def _as(self, other: Cluster) -> Cloud | None:
        """The cloud's identity after the replacement."""
        mine, cloud = self.cloud, other.cloud
        if cloud is None or mine == cloud:
            return mine
        if mine is None or mine.incarnation != cloud.incarnation:
            return cloud.with_new_incarnation()
        return replace(cloud, place=mine.place, machine=mine.machine)

    def _taken_back(self, other: Cluster) -> Iterator[Refusal]:
        """Yield a refusal for each VM with disks that the work orders of another version would delete.

        That version is from the time between their deletion and their restoration.
        """
        given_up = {
            disk.uuid
            for slice_ in other.slices.values()
            for vm in slice_.vms
            for disk in (vm.disks if vm.deleting else vm.given_up_disks)
            if disk.uuid is not None
        }
        for slice_ in self.slices.values() if given_up else ():
            for vm in slice_.live_vms:
                disks = [disk.path for disk in vm.disks if disk.uuid in given_up and not disk.given_up]
                if disks:
                    yield Refusal("disk_taken_back", f"VM {slice_label(slice_)}/{vm.name}", {"disks": disks})

    def _leaves(self, other: Cluster, kind: str) -> set[int]:
        """The numbers of a kind that hosts may still use after the replacement."""
        held, known = (
            {allocation.number for slice_ in each.slices.values() for allocation in allocated(slice_, kind)}
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
        """Read a stored cluster. Files of Cloud Repositorio are accepted: they have no C(flavors), so those of the data
        model are used, and the entries of workers do not contain their addresses."""
        record = Record(data)

        def table(key: str, read: Callable[[Any], T]) -> dict[str, T]:
            return named(key, lambda _name, row: read(row))

        def named(key: str, read: Callable[[str, Any], T]) -> dict[str, T]:
            rows: dict[Any, Any] = record.take_default(key, {}, dict)
            return {str(name): at((key, name), partial(read, str(name)), row) for name, row in rows.items()}

        for key in (VNC_KEY, NETWORK_NODE_MACHINE):
            record.check(key, text)
        record.check(USER_DATA, mapping({"key": text, "texts": mapping({}), "slices": mapping({})}))
        record.check(LEFT_BEHIND, numbers_by_kind)
        record.check(ISSUED, list_of(integer))
        record.check(LOST_MACHINES, list_of(text))
        record.check(LOST_MARKS, list_of(text))
        record.check(HOSTS, list_of(text))
        record.check(HISTORY, mapping({"entries": integer, "days": integer}))
        for key, read in ((CLOUD, Cloud.from_dict), (KINDS, kinds_by_name), (VLANS, stored_vlans)):
            record.check(key, read)
        for key in (REVISION, NETWORK_NODE_TRUNK_MTU, NOTED):
            record.check(key, integer)
        slices = table("slices", Slice.from_dict)
        for key, slice_ in slices.items():
            if key != str(slice_.slice_id):
                raise FieldError(("slices", key), f"has slice_id {slice_.slice_id}")
        workers = named("workers", lambda ip, row: Worker.from_dict(row, ip))
        return cls(
            users=table("users", User.from_dict),
            workers={**workers, **only_listed(data.get(WORKERS_LIST), workers)},
            flavors=table("flavors", read_flavor) if "flavors" in data else first_flavors(),
            slices={slice_.slice_id: slice_ for slice_ in slices.values()},
            next_vm_id=record.take_default("next_vm_id", FIRST_ID, int),
            extra=record.extra(),
            absent=frozenset(key for key in TABLES if key not in data),
        )


def first_flavors() -> dict[str, dict[str, Any]]:
    """Return the flavors of a new database, which are those of the data model."""
    return {name: dict(flavor) for name, flavor in Flavor.FLAVORS.items()}


def read_flavor(data: Any) -> dict[str, Any]:
    """Return a stored flavor after checking the types of its fields."""
    record = Record(data)
    return {
        "cores": record.take("cores", int),
        "ram_gb": record.take("ram_gb", int, float),
        "disk_gb": record.take("disk_gb", int, float),
        "image": record.take("image", str),
        **record.extra(),
    }


def kinds_by_name(data: Any) -> None:
    """Check the types of stored kinds."""
    for name, kind in Record(data).extra().items():
        at((name,), kind_fields, kind)


def numbers_by_kind(data: Any) -> None:
    """Check the types of stored numbers of the kinds that can be left behind."""
    mapping({}, dict.fromkeys(_LEAVABLE, list_of(integer)))(data)


def stored_vlans(data: Any) -> Vlans:
    """Return the stored VLANs of the cloud.

    Raises:
        FieldError: a field has another type, or is not possible.
    """
    mapping({}, {"vlan_pools": text, "management_vlan": integer})(data)
    try:
        return Vlans.from_dict(data)
    except ValueError as error:
        raise FieldError((), str(error)) from None


def slice_ref(slice_: Slice) -> SliceRef:
    """Return the slice as it is named in changes."""
    return SliceRef(slice_.slice_id, slice_label(slice_), slice_.owner, slice_.owner_uuid)


def slice_label(slice_: Slice) -> str:
    """Return the slice's name, or its id if it has none."""
    return slice_.name or str(slice_.slice_id)
