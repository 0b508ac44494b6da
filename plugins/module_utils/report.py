# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host reports of a work order (docs/work-order.md): the playbook hands it to the orchestrator."""

from __future__ import annotations

from dataclasses import dataclass, field

from .contract import Contract, flag, integer, many, text

NETWORK_NODE = "network_node"
STATES = ("running", "stopped", "paused", "error")


@dataclass(frozen=True)
class VmReport(Contract):
    """What a worker saw of a VM."""

    NOUN = "VM"
    KEY = "vm_id"
    SPARSE = False

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, least=1))
    state: str = field(metadata=text("What it does.", sample="running", choices=STATES))
    name: str | None = field(default=None, metadata=text("The VM's name.", sample="vm1"))
    slice_id: int | None = field(default=None, metadata=integer("The slice that it belongs to.", sample=1000))
    pid: str | None = field(
        default=None,
        metadata=text("The process id of its QEMU. Null where it does not run.", sample="4821"),
    )
    failure: str | None = field(
        default=None, metadata=text("What is wrong with it. Null where nothing is.", sample=None)
    )


@dataclass(frozen=True)
class SliceRefusal(Contract):
    """A slice that a host refused: it changed nothing of it."""

    NOUN = "slice"
    KEY = "slice_id"
    SPARSE = False

    slice_id: int = field(metadata=integer("The slice's id.", sample=1000, least=1))
    failure: str = field(metadata=text("Why the host refused it.", sample="slice 1000: run the deploy again"))
    another: bool = field(
        default=False,
        metadata=flag(
            "Whether the host holds another slice of this id, and so nothing of this one.",
            sample=False,
        ),
    )


@dataclass(frozen=True)
class HostReport(Contract):
    """What one host has to say about the run."""

    NOUN = "host"
    KEY = "host"
    SPARSE = False

    host: str = field(metadata=text("The host's name in the inventory, for messages.", sample="worker1"))
    target: str = field(
        metadata=text("What its work order was for: the worker's address, or C(network_node).", sample="10.0.10.1")
    )
    failure: str | None = field(
        default=None,
        metadata=text("Why it did not do all of its work order. Null where it did.", sample=None),
    )
    refused: tuple[SliceRefusal, ...] = field(
        default=(),
        metadata=many(
            SliceRefusal,
            "The slices of its work order that it refused. It did the others, and VMs of these stay as they are "
            "recorded.",
        ),
    )
    vms: tuple[VmReport, ...] = field(default=(), metadata=many(VmReport, "The VMs it saw."))


@dataclass(frozen=True)
class Reports(Contract):
    """What all hosts have to say."""

    reports: tuple[HostReport, ...] = field(
        metadata=many(HostReport, "What each host that was given a work order has to say.")
    )
