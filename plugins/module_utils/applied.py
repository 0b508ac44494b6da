# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The work orders that hosts have applied, from which a lost database is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import bounds
from .claim import HeldSlice
from .contract import Contract, integer, many, text
from .report import STATES
from .work_order import CLOUD_INCARNATION, CLOUD_TITLE, CLOUD_UUID, RECORD, REVISION, SLICE_ID, SLICE_UUID


@dataclass(frozen=True)
class AppliedVm(Contract):
    """The state of a VM after an order was applied."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    state: str = field(metadata=text("Its observed state.", sample="running", choices=STATES))
    pid: str | None = field(
        default=None, metadata=text("Process id of its QEMU. Null if it did not run.", sample="4821")
    )


@dataclass(frozen=True)
class AppliedSlice(Contract):
    """What a host stores of the last work order that it has applied for a slice."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    record: str = field(metadata=RECORD)
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    revision: int | None = field(default=None, metadata=REVISION)
    vms: tuple[AppliedVm, ...] = field(
        default=(), metadata=many(AppliedVm, "The states of its VMs on this host after the order was applied.")
    )


@dataclass(frozen=True)
class HostOrders(Contract):
    """All that one host returns for the rebuild of a database."""

    NOUN = "host"
    KEY = "host"

    host: str = field(metadata=text("Name of the host in the inventory.", sample="worker1"))
    target: str = field(
        metadata=text("Recipient of the work orders: the worker's address, or C(network_node).", sample="10.0.10.1")
    )
    cloud_uuid: str | None = field(default=None, metadata=CLOUD_UUID)
    cloud_title: str | None = field(default=None, metadata=CLOUD_TITLE)
    cloud_incarnation: str | None = field(default=None, metadata=CLOUD_INCARNATION)
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
    applied: tuple[AppliedSlice, ...] = field(
        default=(), metadata=many(AppliedSlice, "The work orders that the host has applied, one for each slice.")
    )
