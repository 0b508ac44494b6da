# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seven classes of the Cloud Repositorio data model: users, flavors, slices and their parts.

Names, constructor signatures, attributes and the shapes of C(to_dict()) are those of the data model. C(from_dict()) is
the inverse of C(to_dict()). Fields beyond the model (docs/decisions/0004) are preserved in C(extra), and written after
the model's keys if they are set. A stored field that is missing or of the wrong type raises
C(stored_fields.FieldError).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from . import lifecycle
from .identity import Identified
from .kinds import Kind
from .lifecycle import Observed
from .stored_fields import FieldError, Record, boolean, fields, integer, list_of, number, one_of, text, uuid_text
from .vlans import FURTHER_POOLS, MANAGEMENT_VLAN, POOL_SIZE, pool_number, pool_range, pool_vlans
from .vm_order import Interface as Ordered

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
_TRASHED_DISK = {"name": text, "size_gb": number, "uuid": uuid_text, "first_seen": text, "until": text}
_TRASHED = list_of(fields(_TRASHED_DISK))
_TRASHED_OF_DELETED = list_of(fields({**_TRASHED_DISK, "vm": text, "worker_ip": text}))
_CDROM = fields({"name": text, "image": text, "checksum": text})
_KINDS: dict[str, Callable[[Any], Any]] = {"bool": boolean, "int": integer, "float": number}
_KIND_FIELDS = {part.name: {"str": text, "int": integer}[part.spec.kind] for part in Kind.parts()}
kind_fields = fields({}, _KIND_FIELDS)
_LIMITS = {part.name: _KINDS[part.spec.kind] for part in Ordered.parts() if part.name in Ordered.LIMITS}
_CARRIED = {"mtu": integer, "qinq": boolean, "forward_bpdu": boolean, "cidr6": text}
_ADDRESSED = {"ipv4": text, "ipv6": text}
_MEMBERS = list_of(fields({"vm_id": integer, "interface": text}, _ADDRESSED))
_ENDS = list_of(fields({"vm_id": integer}, _ADDRESSED))
_POOL = fields({}, {**_ADDRESSED, "prefix": integer, "prefix6": integer})
_ADDRESSING = fields({}, dict.fromkeys(("links", "networks", "loopbacks"), _POOL))
_RESERVED = list_of(fields({"vlan_id": integer}, {"name": text}))
_RELEASING = fields({}, {"vlan_ids": list_of(integer), "addresses": list_of(text)})


class User:
    """An authenticated user with a quota of VMs and the ids of the user's slices.

    C(password_hash) is the SHA-256 hex digest of the password. C(!) matches no password.
    """

    def __init__(self, username: str, password_hash: str, quota_vms: int = 10) -> None:
        self.username = username
        self.password_hash = password_hash
        self.quota_vms = quota_vms
        self.used_vms = 0
        self.slices: list[int] = []
        self.extra: dict[str, Any] = {}

    def can_create_vms(self, count: int) -> bool:
        """Return whether the quota allows C(count) more VMs."""
        return (self.used_vms + count) <= self.quota_vms

    def to_dict(self) -> dict[str, Any]:
        return {
            "username": self.username,
            "password_hash": self.password_hash,
            "quota_vms": self.quota_vms,
            "used_vms": self.used_vms,
            "slices": list(self.slices),
            **deepcopy(self.extra),
        }

    @classmethod
    def from_dict(cls, data: Any) -> User:
        record = Record(data)
        user = cls(record.take("username", str), record.take("password_hash", str), record.take("quota_vms", int))
        user.used_vms = record.take("used_vms", int)
        user.slices = record.take_list("slices", integer)
        user.extra = record.extra()
        return user


class Flavor:
    """The flavors of a new database. Not meant to be instantiated.

    C(ram_gb) and C(disk_gb) are in GiB. C(image) is the path or URL of the base image.
    """

    FLAVORS: ClassVar[dict[str, dict[str, Any]]] = {
        "cirros": {
            "cores": 1,
            "ram_gb": 0.5,
            "disk_gb": 1,
            "image": "/tmp/vm_images/cirros-0.6.2-x86_64-disk.img",
        },
        "ubuntu": {
            "cores": 1,
            "ram_gb": 0.5,
            "disk_gb": 2.2,
            "image": "/tmp/vm_images/focal-server-cloudimg-amd64.img",
        },
    }

    @staticmethod
    def get(flavor_name: str) -> dict[str, Any] | None:
        """Return a flavor, or C(None) if it does not exist."""
        return Flavor.FLAVORS.get(flavor_name)


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


class Link:
    """A layer-2 connection between two interfaces with its own VLAN.

    Fields beyond the data model: C(name); C(mtu), C(qinq), C(forward_bpdu), C(cidr) and C(cidr6), as for networks;
    C(addresses), a list of C({vm_id, ipv4, ipv6}).
    """

    def __init__(
        self, link_id: int, vlan_id: int, vm1_id: int, vm1_interface: str, vm2_id: int, vm2_interface: str
    ) -> None:
        self.link_id = link_id
        self.vlan_id = vlan_id
        self.vm1_id = vm1_id
        self.vm1_interface = vm1_interface
        self.vm2_id = vm2_id
        self.vm2_interface = vm2_interface
        self.extra: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """Its name for messages: the name within its slice, otherwise the id."""
        return str(self.extra.get("name", self.link_id))

    def to_dict(self) -> dict[str, Any]:
        return {
            "link_id": self.link_id,
            "vlan_id": self.vlan_id,
            "vm1_id": self.vm1_id,
            "vm1_interface": self.vm1_interface,
            "vm2_id": self.vm2_id,
            "vm2_interface": self.vm2_interface,
            **deepcopy(self.extra),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Link:
        record = Record(data)
        record.check("name", text)
        record.check("title", text)
        record.check("cidr", text)
        record.check("addresses", _ENDS)
        for key, read in _CARRIED.items():
            record.check(key, read)
        link = cls(
            record.take("link_id", int),
            record.take("vlan_id", int),
            record.take("vm1_id", int),
            record.take("vm1_interface", str),
            record.take("vm2_id", int),
            record.take("vm2_interface", str),
        )
        link.extra = record.extra()
        return link


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
        record.check("power", one_of(lifecycle.POWERS))
        record.check("title", text)
        record.check("placement", _PLACEMENT)
        record.check("data_interfaces", integer)
        record.check("cloud_init", _CLOUD_INIT)
        record.check("image", text)
        record.check("loopback", fields({}, _ADDRESSED))
        record.check("ready_when", _READY_WHEN)
        record.check("startup", _STARTUP)
        record.check("trashed_disks", _TRASHED)
        record.check("kind", fields({"name": text}, _KIND_FIELDS))
        record.check("cdrom", _CDROM)
        record.check("boot", list_of(text))
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


class Network:
    """The network of a VLAN, with its CIDR, gateway and DHCP. C(dhcp_range) is C(FIRST,LAST).

    Fields beyond the data model: C(name); C(members), a list of C({vm_id, interface, ipv4, ipv6}); C(nat); C(cidr6).
    A network without a name describes the VLAN of a link.
    """

    def __init__(
        self,
        vlan_id: int,
        cidr: str,
        gateway_ip: str | None,
        dhcp_enabled: bool = False,
        dhcp_range: str | None = None,
    ) -> None:
        self.vlan_id = vlan_id
        self.cidr = cidr
        self.gateway_ip = gateway_ip
        self.dhcp_enabled = dhcp_enabled
        self.dhcp_range = dhcp_range
        self.status = "pending"
        self.extra: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """Its name for messages: the name within its slice, otherwise the VLAN."""
        return str(self.extra.get("name", self.vlan_id))

    def to_dict(self) -> dict[str, Any]:
        return {
            "vlan_id": self.vlan_id,
            "cidr": self.cidr,
            "gateway_ip": self.gateway_ip,
            "dhcp_enabled": self.dhcp_enabled,
            "dhcp_range": self.dhcp_range,
            "status": self.status,
            **deepcopy(self.extra),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Network:
        record = Record(data)
        record.check("name", text)
        record.check("title", text)
        record.check("members", _MEMBERS)
        record.check("nat", boolean)
        for key, read in _CARRIED.items():
            record.check(key, read)
        network = cls(
            record.take("vlan_id", int),
            record.take("cidr", str),
            record.take_default("gateway_ip", None, str, None),
            record.take_default("dhcp_enabled", False, bool),
            record.take_default("dhcp_range", None, str, None),
        )
        network.status = record.take_default("status", "pending", str)
        network.extra = record.extra()
        return network


class Slice(Identified):
    """A tenant's topology with its own pool of 20 VLANs.

    C(status) is derived from its VMs: C(design), C(running), C(stopped) or C(error); or C(deleting) if it is being
    deleted. Fields beyond the data model:
    C(name); C(max_vlan_pools), if it may have more than one pool, and C(further_pools), their numbers;
    C(addressing), the pools of its addresses by kind, each C({ipv4, prefix, ipv6, prefix6});
    C(reserved_vlans), a list of C({vlan_id, name}) without a link; C(peers), if its VMs may communicate on VLAN 400;
    C(expires), the time in UTC at which it expires, if it does;
    C(trashed_disks), data disks of its deleted VMs in the trash of their workers;
    C(releasing), released resources that hosts may still use (C({vlan_ids, addresses})), and C(release_id), a UUID for
    these and for VMs that are being deleted.
    """

    def __init__(self, slice_id: int, owner: str, topology_type: str = "custom") -> None:
        self.slice_id = slice_id
        self.owner = owner
        self.topology_type = topology_type
        vlans = pool_range(pool_number(slice_id))
        self.vlan_pool_start, self.vlan_pool_end = vlans[0], vlans[-1]
        self.vlan_pool_used: list[int] = []
        self.vms: list[VM] = []
        self.links: list[Link] = []
        self.networks: list[Network] = []
        self.deleting = False
        self.extra: dict[str, Any] = {}

    @property
    def status(self) -> str:
        """The data model's status, derived from its VMs."""
        return lifecycle.slice_status(((vm.status, vm.power) for vm in self.live_vms), deleting=self.deleting)

    @property
    def name(self) -> str | None:
        """The slice's name, unique among those of its owner; a field beyond the data model."""
        return self.extra.get("name")

    @property
    def live_vms(self) -> list[VM]:
        """The VMs that are not being deleted."""
        return [vm for vm in self.vms if not vm.deleting]

    @property
    def further_pools(self) -> list[int]:
        """The numbers of its pools after the first one; a field beyond the data model."""
        return list(self.extra.get(FURTHER_POOLS, ()))

    @property
    def pools(self) -> list[int]:
        """The numbers of all its pools. The first one is determined by its id."""
        return [pool_number(self.slice_id), *self.further_pools]

    def pool(self, management_vlan: int) -> list[int]:
        """Return the VLANs of all its pools in order, without the management VLAN."""
        first = range(self.vlan_pool_start, self.vlan_pool_start + POOL_SIZE)
        further = pool_vlans(*self.further_pools, management=management_vlan)
        return [*(vlan for vlan in first if vlan != management_vlan), *further]

    def get_next_vlan(self, management_vlan: int = MANAGEMENT_VLAN) -> int | None:
        """Allocate the lowest free VLAN of the pool, or return C(None) if none is left."""
        for vlan in self.pool(management_vlan):
            if vlan not in self.vlan_pool_used:
                self.vlan_pool_used.append(vlan)
                return vlan
        return None

    def to_dict(self) -> dict[str, Any]:
        return {
            "slice_id": self.slice_id,
            "owner": self.owner,
            "topology_type": self.topology_type,
            "vlan_pool_start": self.vlan_pool_start,
            "vlan_pool_end": self.vlan_pool_end,
            "vlan_pool_used": list(self.vlan_pool_used),
            "status": self.status,
            "vms": [vm.to_dict() for vm in self.vms],
            "links": [link.to_dict() for link in self.links],
            "networks": [network.to_dict() for network in self.networks],
            **deepcopy(self.extra),
        }

    @classmethod
    def from_dict(cls, data: Any) -> Slice:
        record = Record(data)
        for key, read in (
            ("name", text),
            ("title", text),
            ("uuid", uuid_text),
            ("revision", integer),
            ("max_vlan_pools", integer),
            (FURTHER_POOLS, list_of(integer)),
            ("reserved_vlans", _RESERVED),
            ("peers", boolean),
            ("expires", text),
            ("addressing", _ADDRESSING),
            ("trashed_disks", _TRASHED_OF_DELETED),
            ("releasing", _RELEASING),
            ("release_id", text),
        ):
            record.check(key, read)
        stored = cls(record.take("slice_id", int), record.take("owner", str), record.take("topology_type", str))
        stored.vlan_pool_start = record.take("vlan_pool_start", int)
        stored.vlan_pool_end = record.take("vlan_pool_end", int)
        stored.vlan_pool_used = record.take_list("vlan_pool_used", integer)
        stored.deleting = record.take("status", str) == lifecycle.DELETING
        stored.vms = record.take_list("vms", VM.from_dict)
        stored.links = record.take_list("links", Link.from_dict)
        stored.networks = record.take_list("networks", Network.from_dict)
        stored.extra = record.extra()
        return stored
