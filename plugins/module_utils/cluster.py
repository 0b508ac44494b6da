# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster: all that the database holds, as one value that the rules read and change.

Stored as C({users, workers, flavors, slices, next_vm_id}); users by name, workers by address, slices by id as a
string. Rules ask the cluster through its methods, so that an adapter may answer them without loading everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .models import VM, FieldError, Flavor, Record, Slice, User, at

FIRST_ID = 1000
ADMIN = "admin"
NO_PASSWORD = "!"


@dataclass
class Worker:
    """A host that runs VMs.

    Attributes:
        ip: the address by which it is known, and on which VNC listens.
        cores: processor cores, C(None) for no limit.
        ram_gb: memory in GiB, C(None) for no limit.
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

    def to_dict(self) -> dict[str, Any]:
        data = asdict(self)
        extra = data.pop("extra")
        return {**data, **extra}

    @classmethod
    def from_dict(cls, data: Any) -> Worker:
        record = Record(data)
        return cls(
            ip=record.take("ip", str),
            cores=record.take_default("cores", None, int, None),
            ram_gb=record.take_default("ram_gb", None, int, float, None),
            disk_gb=record.take_default("disk_gb", None, int, float, None),
            max_vms=record.take_default("max_vms", None, int, None),
            cpu_overcommit=record.take_default("cpu_overcommit", 8.0, int, float),
            ram_overcommit=record.take_default("ram_overcommit", 1.0, int, float),
            schedulable=record.take_default("schedulable", True, bool),
            extra=record.extra(),
        )


@dataclass
class Cluster:
    """Everything that is stored."""

    users: dict[str, User] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    slices: dict[int, Slice] = field(default_factory=dict)
    next_vm_id: int = FIRST_ID
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def initial(cls) -> Cluster:
        """Return what a new database holds: the admin (who has no password yet) and the data model's flavors."""
        return cls(
            users={ADMIN: User(ADMIN, NO_PASSWORD)},
            flavors={name: dict(flavor) for name, flavor in Flavor.FLAVORS.items()},
        )

    def vms(self) -> Iterator[VM]:
        """Yield every VM that holds ids, ports and addresses, those being deleted included."""
        for one in self.slices.values():
            yield from one.vms

    def slices_of(self, owner: str) -> list[Slice]:
        return [self.slices[slice_id] for slice_id in self.users[owner].slices]

    def find_slice(self, owner: str, name: str) -> Slice | None:
        """Return the owner's slice of that name; one without a name answers to its id."""
        if owner not in self.users:
            return None
        return next((one for one in self.slices_of(owner) if slice_label(one) == name), None)

    def is_admin(self, username: str) -> bool:
        """Return whether the user may act on everybody's objects: by role, which only C(admin) has from birth."""
        user = self.users.get(username)
        return user is not None and user.extra.get("role", ADMIN if username == ADMIN else "tenant") == ADMIN

    def to_dict(self) -> dict[str, Any]:
        return {
            "users": {name: user.to_dict() for name, user in self.users.items()},
            "workers": {ip: worker.to_dict() for ip, worker in self.workers.items()},
            "flavors": {name: dict(flavor) for name, flavor in self.flavors.items()},
            "slices": {str(slice_id): one.to_dict() for slice_id, one in self.slices.items()},
            "next_vm_id": self.next_vm_id,
            **self.extra,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Cluster:
        record = Record(data)

        def table(key: str, read: Any) -> dict[str, Any]:
            rows: dict[Any, Any] = record.take_default(key, {}, dict)
            return {str(name): at((key, name), read, row) for name, row in rows.items()}

        slices = table("slices", Slice.from_dict)
        for key, one in slices.items():
            if key != str(one.slice_id):
                raise FieldError(("slices", key), f"holds slice_id {one.slice_id}")
        return cls(
            users=table("users", User.from_dict),
            workers=table("workers", Worker.from_dict),
            flavors=table("flavors", read_flavor),
            slices={one.slice_id: one for one in slices.values()},
            next_vm_id=record.take_default("next_vm_id", FIRST_ID, int),
            extra=record.extra(),
        )


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


def slice_label(one: Slice) -> str:
    """Return what people call the slice: its name, or its id where it has none."""
    return one.name or str(one.slice_id)
