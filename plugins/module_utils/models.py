# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The seven classes of the Cloud Repositorio data model: users, flavors, slices and their parts.

Names, constructor signatures, attributes and the shapes of C(to_dict()) are those of the data model. C(from_dict()) is
the inverse of C(to_dict()). Fields beyond the model (docs/decisions/0004) are preserved in C(extra), and written after
the model's keys if they are set. A stored field that is missing or of the wrong type raises
C(stored_fields.FieldError).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from . import lifecycle
from .identity import Identified
from .stored_fields import Record, boolean, fields, integer, list_of, text, uuid_text
from .vlans import FURTHER_POOLS, MANAGEMENT_VLAN, POOL_SIZE, pool_number, pool_range, pool_vlans
from .vm_model import ADDRESSED, TRASHED_DISK, VM, Disk, Interface

# All classes of the data model are imported from here, as in Cloud Repositorio.
__all__ = ["VM", "Disk", "Flavor", "Interface", "Link", "Network", "Slice", "User"]

OWNER_UUID = "owner_uuid"
"""The extra field of a slice with the UUID of its owner, because names of users may be given out again."""
_TRASHED_OF_DELETED = list_of(fields({**TRASHED_DISK, "vm": text, "worker_ip": text}))
_CARRIED = {"mtu": integer, "qinq": boolean, "forward_bpdu": boolean, "cidr6": text}
_MEMBERS = list_of(fields({"vm_id": integer, "interface": text}, ADDRESSED))
_ENDS = list_of(fields({"vm_id": integer}, ADDRESSED))
_POOL = fields({}, {**ADDRESSED, "prefix": integer, "prefix6": integer})
_ADDRESSING = fields({}, dict.fromkeys(("links", "networks", "loopbacks"), _POOL))
_RESERVED = list_of(fields({"vlan_id": integer}, {"name": text}))
_RELEASING = fields({}, {"vlan_ids": list_of(integer), "addresses": list_of(text)})


class User(Identified):
    """An authenticated user with a quota of VMs and the ids of the user's slices.

    C(password_hash) is the SHA-256 hex digest of the password. C(!) matches no password. Fields beyond the data model:
    C(role); C(uuid), which distinguishes the user from a removed one of the same name.
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
        record.check("uuid", uuid_text)
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
    def owner_uuid(self) -> str | None:
        """The UUID of its owner, C(None) if the owner has none yet; a field beyond the data model."""
        return self.extra.get(OWNER_UUID)

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
            (OWNER_UUID, uuid_text),
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
