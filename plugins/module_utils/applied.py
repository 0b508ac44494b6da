# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The work orders that hosts have applied, from which a lost database is rebuilt."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import bounds
from .claim import MANAGEMENT, TARGET, VLAN_POOLS, HeldSlice
from .contract import Contract, flag, integer, ipv4_address, many, number, text, uuid
from .network_order import LostMachine
from .report import STATES
from .shared_fields import CLOUD_TITLE, RECORD, REVISION, SLICE_ID, SLICE_UUID
from .vlans import ALL_POOLS, MANAGEMENT_VLAN, ranges


@dataclass(frozen=True)
class AppliedVm(Contract):
    """The state of a VM after an order was applied."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    state: str = field(metadata=text("Its observed state.", sample="running", choices=STATES))
    pid: str | None = field(
        default=None, metadata=text("Process id of its QEMU. Null if it was not running.", sample="4821")
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
class KnownDisplay(Contract):
    """The password of a VM's display, as its host has it."""

    NOUN = "VM"
    KEY = "vm_id"

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    password_id: str = field(
        metadata=text("The id of the password in work orders.", sample="8b1a9953c4611296", no_log=False)
    )
    password: str = field(metadata=text("The password.", sample="hMr3kWpa", no_log=True))
    vm_uuid: str | None = field(
        default=None,
        metadata=uuid("The VM's UUID.", sample="3f9c1b52-7d40-4f6e-9a2b-1c8e5d7f6a04"),
    )
    worker_ip: str | None = field(
        default=None,
        metadata=ipv4_address("The address of the worker that has the password.", sample="10.0.10.1"),
    )


@dataclass(frozen=True)
class KnownDisplays(Contract):
    """The passwords of displays on all hosts."""

    displays: tuple[KnownDisplay, ...] = field(default=(), metadata=many(KnownDisplay, "The passwords of displays."))


@dataclass(frozen=True)
class HostOrders(Contract):
    """All that one host returns for the rebuild of a database."""

    NOUN = "host"
    KEY = "host"

    host: str = field(metadata=text("Name of the host in the inventory.", sample="worker1"))
    target: str = field(metadata=TARGET)
    failure: str | None = field(
        default=None, metadata=text("Why the host could not be read. Null if it was read.", sample=None)
    )
    cloud_uuid: str | None = field(
        default=None,
        metadata=uuid("The UUID of the cloud that claimed the host.", sample="4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"),
    )
    cloud_title: str | None = field(default=None, metadata=CLOUD_TITLE)
    vlan_pools: str = field(default=ranges(ALL_POOLS), metadata=VLAN_POOLS)
    management_vlan: int = field(default=MANAGEMENT_VLAN, metadata=MANAGEMENT)
    machine_id: str | None = field(
        default=None,
        metadata=text(
            "The content of C(/etc/machine-id).", sample="0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90", form=bounds.MACHINE_ID
        ),
    )
    cores: int | None = field(
        default=None, metadata=integer("Number of CPU cores.", sample=8, limit=bounds.WORKER["cores"])
    )
    ram_gb: float | None = field(
        default=None, metadata=number("Memory in GiB.", sample=31.2, limit=bounds.WORKER["ram_gb"])
    )
    trunk_mtu: int | None = field(
        default=None, metadata=integer("MTU of the uplink.", sample=9000, limit=bounds.TRUNK_MTU)
    )
    netem: bool | None = field(default=None, metadata=flag("Whether the kernel has netem.", sample=True))
    highest_id: int | None = field(
        default=None,
        metadata=integer(
            "The highest id of all slices and VMs with objects on the host.", sample=1036, limit=bounds.ID
        ),
    )
    highest_revision: int | None = field(default=None, metadata=REVISION)
    slices: tuple[HeldSlice, ...] = field(default=(), metadata=many(HeldSlice, "The slices with objects on the host."))
    lost_machines: tuple[LostMachine, ...] = field(
        default=(),
        metadata=many(LostMachine, "The lost machines that the network node tells workers."),
    )
    applied: tuple[AppliedSlice, ...] = field(
        default=(),
        metadata=many(
            AppliedSlice, "The work orders that the host has applied, from M(cloudrepo.slices.applied_orders_info)."
        ),
    )


@dataclass(frozen=True)
class AllOrders(Contract):
    """All that hosts return for the rebuild of a database."""

    hosts: tuple[HostOrders, ...] = field(
        metadata=many(HostOrders, "All workers and the network node. A host that is both is listed twice.")
    )
