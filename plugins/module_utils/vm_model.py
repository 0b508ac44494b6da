# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VM of the data model, with its interfaces and disks.

They are imported from C(models), like all classes of the data model.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from . import lifecycle
from .identity import Identified
from .kinds import Kind
from .lifecycle import Observed
from .stored_fields import FieldError, Record, boolean, fields, integer, list_of, number, one_of, text, uuid_text
from .vm_order import Interface as Ordered

ADDRESSED = {"ipv4": text, "ipv6": text}
_FLAVOR = fields(
    {"cores": integer, "ram_gb": number, "disk_gb": number, "image": text}, {"name": text, "checksum": text}
)
_OBSERVED = fields({"state": text}, {"since": text, "revision": integer, "moment": text})
_PLACEMENT = fields({}, {"worker": text, "policy": text})
_ADDRESSES = list_of(fields({"name": text, "addresses": list_of(text)}))
_CLOUD_INIT = fields({}, {"hostname": text, "user_data_id": text, "ssh_keys": list_of(text), "interfaces": _ADDRESSES})
_STARTUP = fields({"startup_id": text, "files": integer, "commands": integer, "timeout_s": integer}, {"via": text})
_READY_WHEN = fields({"check": text}, {"port": integer, "path": text, "command": text})
_IP_CONFIG = fields({"ip": text})
TRASHED_DISK = {"name": text, "size_gb": number, "uuid": uuid_text, "first_seen": text, "until": text}
_TRASHED = list_of(fields(TRASHED_DISK))
_CDROM = fields({"name": text, "image": text, "checksum": text})
_KINDS: dict[str, Callable[[Any], Any]] = {"bool": boolean, "int": integer, "float": number}
_KIND_FIELDS = {part.name: {"str": text, "int": integer}[part.spec.kind] for part in Kind.parts()}
kind_fields = fields({}, _KIND_FIELDS)
_KIND = fields({"name": text}, _KIND_FIELDS)
_LOOPBACK = fields({}, ADDRESSED)
_BOOT = list_of(text)
_POWER = one_of(lifecycle.POWERS)
_LIMITS = {part.name: _KINDS[part.spec.kind] for part in Ordered.parts() if part.name in Ordered.LIMITS}


class Interface:
    """One network interface of a VM.

    C(vlan_id) is C(None) if it is on no VLAN, 400 on the management VLAN, otherwise that of its link. C(ip_config) is
    C({ip, cidr, gateway}) for an eth0 with internet access. Fields beyond the data model: those in C(LIMITS) of the
    interface in a work order, unless they have their defaults; C(guest_name), its name in the guest if that differs.
    """

    def __init__(
        self,
        name: str,
        vlan_id: int | None = None,
        mac: str | None = None,
        ip_config: dict[str, str] | None = None,
        link_id: int | None = None,
    ) -> None:
        self.name = name
        self.vlan_id = vlan_id
        self.mac = mac
        self.ip_config = ip_config
        self.link_id = link_id
        self.extra: dict[str, Any] = {}

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "vlan_id": self.vlan_id,
            "mac": self.mac,
            "ip_config": dict(self.ip_config) if self.ip_config else None,
            "link_id": self.link_id,
            **deepcopy(self.extra),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Interface:
        record = Record(data)
        record.check("ip_config", lambda value: _IP_CONFIG(value) if value else None)
        record.check("guest_name", text)
        for key, read in _LIMITS.items():
            record.check(key, read)
        interface = cls(
            record.take("name", str),
            record.take_default("vlan_id", None, int, None),
            record.take_default("mac", None, str, None),
            record.take_default("ip_config", None, dict, None),
            record.take_default("link_id", None, int, None),
        )
        interface.extra = record.extra()
        return interface


class Disk(Identified):
    """A disk of a VM: C(path) is its file on the worker. The first one is the overlay on the flavor's base image.

    Fields beyond the data model: C(uuid); C(first_seen), when its host first reported the VM with it, in UTC. Those of
    a data disk: C(name), C(size_gb), and C(given_up) if its VM no longer has it, but its host may.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.extra: dict[str, Any] = {}

    @property
    def first_seen(self) -> str | None:
        """When its host first reported the VM with it; C(None) where it may be yet to be made."""
        return self.extra.get("first_seen")

    @property
    def name(self) -> str | None:
        """The name of a data disk; C(None) for the first disk."""
        return self.extra.get("name")

    @property
    def size_gb(self) -> float:
        """The size of a data disk in GiB; that of the first disk is the flavor's."""
        size: float = self.extra.get("size_gb", 0)
        return size

    @property
    def given_up(self) -> bool:
        """Whether its VM no longer has it. It is removed when its host has moved it to the trash."""
        return bool(self.extra.get("given_up"))

    def to_dict(self) -> dict[str, Any]:
        return {"path": self.path, **deepcopy(self.extra)}

    @classmethod
    def from_dict(cls, data: Any) -> Disk:
        record = Record(data)
        record.check("uuid", uuid_text)
        record.check("first_seen", text)
        record.check("name", text)
        record.check("size_gb", number)
        record.check("given_up", boolean)
        disk = cls(record.take("path", str))
        disk.extra = record.extra()
        return disk


class VM(Identified):
    """A virtual machine of a slice.

    C(vnc_port) is absolute (5901 is display 1). The desired state is its C(power) and, in fields beyond the data
    model, its C(placement) (the C(worker) that it is pinned to, or the C(policy) that selected one) and the name of its
    flavor. C(trashed_disks) are data disks in the trash of its worker. C(observed) is the state that its host reported.
    C(handed_out) is whether it was in a work order, C(deleting) whether it is being deleted.

    C(pid), a string, and C(status) are derived from these: C(pending) (not yet in a work order), C(design) (in a work
    order), C(running), and also C(stopped), C(error) and C(deleting). C(qcow_image) is the path of the first disk.
    """

    def __init__(
        self,
        vm_id: int,
        name: str,
        owner: str,
        worker_ip: str,
        vnc_port: int,
        interfaces: list[Interface],
        flavor: dict[str, Any] | None = None,
        qcow_image: str | None = None,
    ) -> None:
        self.vm_id = vm_id
        self.name = name
        self.owner = owner
        self.worker_ip = worker_ip
        self.vnc_port = vnc_port
        self.interfaces = interfaces
        self.flavor = flavor
        self.disks = [] if qcow_image is None else [Disk(qcow_image)]
        self.power = lifecycle.RUNNING
        self.handed_out = False
        self.deleting = False
        self.observed: Observed | None = None
        self.extra: dict[str, Any] = {}

    @property
    def status(self) -> str:
        """The data model's status, derived from desired and observed state."""
        wanted = lifecycle.ABSENT if self.deleting else self.power
        seen = None if self.observed is None else self.observed.state
        return lifecycle.vm_status(wanted, seen, handed_out=self.handed_out)

    @property
    def pid(self) -> str | None:
        """The last observed process id of its QEMU."""
        return None if self.observed is None else self.observed.pid

    @property
    def data_disks(self) -> list[Disk]:
        """Its disks except for the first one, and for those that it has given up."""
        return [disk for disk in self.disks[1:] if not disk.given_up]

    @property
    def given_up_disks(self) -> list[Disk]:
        """The data disks that it has given up, which its host may still have."""
        return [disk for disk in self.disks if disk.given_up]

    @property
    def size(self) -> dict[str, Any] | None:
        """What it takes on its worker, C(None) without a flavor: its flavor, with all its disks as C(disk_gb)."""
        if not self.flavor or len(self.disks) < 2:
            return self.flavor or None
        return {**self.flavor, "disk_gb": self.flavor["disk_gb"] + sum(disk.size_gb for disk in self.disks)}

    @property
    def qcow_image(self) -> str | None:
        """The path of its first disk."""
        return self.disks[0].path if self.disks else None

    @property
    def pinned_to(self) -> str | None:
        """The worker that it must run on, if there is one."""
        worker: str | None = self.extra.get("placement", {}).get("worker")
        return worker

    def see(self, observed: Observed) -> None:
        """Set the observed state. It must have been in a work order for that."""
        self.handed_out, self.observed = True, observed

    def to_dict(self) -> dict[str, Any]:
        return {
            "vm_id": self.vm_id,
            "name": self.name,
            "owner": self.owner,
            "worker_ip": self.worker_ip,
            "vnc_port": self.vnc_port,
            "status": self.status,
            "pid": self.pid,
            "qcow_image": self.qcow_image,
            "flavor": dict(self.flavor) if self.flavor is not None else None,
            "interfaces": [interface.to_dict() for interface in self.interfaces],
            **self._beyond_the_model(),
            **deepcopy(self.extra),
        }

    def _beyond_the_model(self) -> dict[str, Any]:
        """Return the fields that cannot be derived from those of the data model."""
        beyond: dict[str, Any] = {}
        if self.power != lifecycle.RUNNING:
            beyond["power"] = self.power
        if self.observed is not None and self.observed != lifecycle.seen_as(self.status, self.pid).observed:
            beyond["observed"] = self.observed.to_dict()
        if any(disk.to_dict() != {"path": self.qcow_image} for disk in self.disks):
            beyond["disks"] = [disk.to_dict() for disk in self.disks]
        return beyond

    @classmethod
    def from_dict(cls, data: Any) -> VM:
        record = Record(data)
        record.check("flavor", lambda value: _FLAVOR(value) if value is not None else None)
        record.check("observed", _OBSERVED)
        record.check("power", _POWER)
        record.check("title", text)
        record.check("placement", _PLACEMENT)
        record.check("data_interfaces", integer)
        record.check("cloud_init", _CLOUD_INIT)
        record.check("image", text)
        record.check("loopback", _LOOPBACK)
        record.check("ready_when", _READY_WHEN)
        record.check("startup", _STARTUP)
        record.check("trashed_disks", _TRASHED)
        record.check("kind", _KIND)
        record.check("cdrom", _CDROM)
        record.check("boot", _BOOT)
        record.check("vnc_password_version", integer)
        record.check("uuid", uuid_text)
        vm = cls(
            record.take("vm_id", int),
            record.take("name", str),
            record.take("owner", str),
            record.take("worker_ip", str),
            record.take("vnc_port", int),
            record.take_list("interfaces", Interface.from_dict),
            record.take_default("flavor", None, dict, None),
            record.take_default("qcow_image", None, str, None),
        )
        vm._read_state(record)
        vm._read_disks(record)
        vm.extra = record.extra()
        return vm

    def _read_state(self, record: Record) -> None:
        pid = record.take_default("pid", None, str, None)
        self.handed_out, self.deleting, self.observed = lifecycle.seen_as(record.take("status", str), pid)
        self.power = record.take_default("power", lifecycle.RUNNING, str)
        stored: dict[str, Any] = record.take_default("observed", {}, dict)
        if stored:
            said = (stored.get(key) for key in ("since", "revision", "moment"))
            self.see(Observed(stored["state"], pid, *said))

    def _read_disks(self, record: Record) -> None:
        if "disks" in record:
            first, self.disks = self.qcow_image, record.take_list("disks", Disk.from_dict)
            if self.qcow_image != first:
                raise FieldError(("disks",), f"the first one is {self.qcow_image}, but qcow_image is {first}")
