# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose a host is, and what it has in use: what hosts and the database tell each other apart from work orders."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import bounds
from .contract import Contract, integer, ipv4_address, many, text, uuid
from .work_order import CLOUD_INCARNATION, CLOUD_TITLE, REVISION, SLICE_ID, SLICE_UUID


@dataclass(frozen=True)
class Claim(Contract):
    """What a host says of the cloud that it belongs to."""

    NOUN = "cloud"
    KEY = "uuid"
    SPARSE = False

    uuid: str = field(metadata=uuid("The UUID of the cloud.", sample="4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"))
    title: str = field(metadata=CLOUD_TITLE)
    incarnation: str = field(metadata=CLOUD_INCARNATION)
    since: str = field(metadata=text("When the cloud claimed the host, in UTC.", sample="2026-01-31T12:00:00Z"))
    controller: str = field(metadata=text("The controller that claimed it.", sample="controller1"))

    def __str__(self) -> str:
        """What messages call it."""
        return f"{self.title} ({self.uuid})"


@dataclass(frozen=True)
class HeldAddress(Contract):
    """An address on VLAN 400 that is reserved for a VM of a slice."""

    NOUN = "address"
    KEY = "address"

    address: str = field(metadata=ipv4_address("The address.", sample="10.60.7.101"))


@dataclass(frozen=True)
class HeldSlice(Contract):
    """A slice of which a host has something, whether the database knows it or not."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    reservations: tuple[HeldAddress, ...] = field(
        default=(), metadata=many(HeldAddress, "Its addresses on VLAN 400, as the network node has them.")
    )


@dataclass(frozen=True)
class InUse(Contract):
    """What is in use on a host."""

    NOUN = "host"
    KEY = "host"

    host: str = field(metadata=text("The host's name in the inventory.", sample="worker1"))
    highest_id: int | None = field(
        default=None,
        metadata=integer(
            "The highest id of a slice or VM that the host has something of.", sample=1036, limit=bounds.ID
        ),
    )
    highest_revision: int | None = field(default=None, metadata=REVISION)
    slices: tuple[HeldSlice, ...] = field(
        default=(), metadata=many(HeldSlice, "The slices that the host has something of.")
    )


@dataclass(frozen=True)
class Asked(Contract):
    """What hosts answered when they were asked."""

    hosts: tuple[InUse, ...] = field(
        default=(),
        metadata=many(InUse, "What is in use on hosts, as M(cloudrepo.slices.host_info) returns it."),
    )
