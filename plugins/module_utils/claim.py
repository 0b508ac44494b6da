# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The claim of a cloud on a host, and the values in use on the host, which hosts and database exchange."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import bounds
from .contract import Contract, integer, ipv4_address, many, text, uuid
from .shared_fields import CLOUD_INCARNATION, CLOUD_TITLE, REVISION, SLICE_ID, SLICE_UUID, mark
from .vlans import ALL_POOLS, MANAGEMENT_VLAN, POOLS_PATTERN, Vlans, ranges, read_pools

VLAN_POOLS_RULE = "ranges of pools, 0-99, such as 0-49,60-79"
VLAN_POOLS = text(
    "The VLAN pools of the cloud's slices, as ranges.",
    sample="0-99",
    pattern=POOLS_PATTERN,
    rule=VLAN_POOLS_RULE,
)
TARGET = text(
    "Recipient of the work orders: the worker's address, or C(network_node).",
    sample="10.0.10.1",
)
MANAGEMENT = integer("The management VLAN of the cloud.", sample=400, limit=bounds.VLAN)


@dataclass(frozen=True)
class Claim(Contract):
    """The claim that is stored on a host."""

    NOUN = "cloud"
    KEY = "uuid"

    uuid: str = field(metadata=uuid("The UUID of the cloud.", sample="4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"))
    title: str = field(metadata=CLOUD_TITLE)
    incarnation: str = field(metadata=CLOUD_INCARNATION)
    since: str = field(metadata=text("When the cloud claimed the host, in UTC.", sample="2026-01-31T12:00:00Z"))
    controller: str = field(metadata=text("The controller that claimed it.", sample="controller1"))
    machine_mark: str | None = field(
        default=None,
        metadata=mark(
            "HMAC-SHA256 of the machine-id of the claimed machine, with the UUID of the cloud as the key.",
        ),
    )
    vlan_pools: str = field(default=ranges(ALL_POOLS), metadata=VLAN_POOLS)
    management_vlan: int = field(default=MANAGEMENT_VLAN, metadata=MANAGEMENT)

    @property
    def vlans(self) -> Vlans:
        """The VLANs of the cloud."""
        return Vlans(read_pools(self.vlan_pools), self.management_vlan)

    def __str__(self) -> str:
        """Return the cloud as messages show it."""
        return f"{self.title} ({self.uuid})"


@dataclass(frozen=True)
class HeldAddress(Contract):
    """An address on VLAN 400 that is reserved for a VM of a slice."""

    NOUN = "address"
    KEY = "address"

    address: str = field(metadata=ipv4_address("The address.", sample="10.60.7.101"))


@dataclass(frozen=True)
class HeldVlan(Contract):
    """A VLAN with a port of a slice."""

    NOUN = "VLAN"
    KEY = "vlan_id"

    vlan_id: int = field(metadata=integer("The VLAN.", sample=100, limit=bounds.VLAN))


@dataclass(frozen=True)
class HeldVncPort(Contract):
    """The TCP port of the display of a VM of a slice."""

    NOUN = "VNC port"
    KEY = "vnc_port"

    vnc_port: int = field(metadata=integer("The TCP port of a display.", sample=5901, limit=bounds.VNC_PORT))


@dataclass(frozen=True)
class HeldSlice(Contract):
    """A slice with objects on a host, whether it is in the database or not."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    reservations: tuple[HeldAddress, ...] = field(
        default=(), metadata=many(HeldAddress, "Its addresses on VLAN 400 that the network node reserves.")
    )
    vlans: tuple[HeldVlan, ...] = field(
        default=(), metadata=many(HeldVlan, "The VLANs of its ports on the host, also of VMs that are off.")
    )
    vnc_ports: tuple[HeldVncPort, ...] = field(
        default=(), metadata=many(HeldVncPort, "The ports of its VMs' displays on the host, also of VMs that are off.")
    )


@dataclass(frozen=True)
class InUse(Contract):
    """The values in use on a host."""

    NOUN = "host"
    KEY = "host"

    host: str = field(metadata=text("The host's name in the inventory.", sample="worker1"))
    highest_id: int | None = field(
        default=None,
        metadata=integer(
            "The highest id of all slices and VMs with objects on the host.", sample=1036, limit=bounds.ID
        ),
    )
    highest_revision: int | None = field(default=None, metadata=REVISION)
    slices: tuple[HeldSlice, ...] = field(default=(), metadata=many(HeldSlice, "The slices with objects on the host."))
    target: str | None = field(default=None, metadata=TARGET)


@dataclass(frozen=True)
class Asked(Contract):
    """The values in use on several hosts."""

    hosts: tuple[InUse, ...] = field(
        default=(),
        metadata=many(InUse, "The values in use on hosts, as M(cloudrepo.slices.host_info) returns them."),
    )
