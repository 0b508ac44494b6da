# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host's report on its work order (docs/work-order.md), which the playbook passes to the orchestrator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import bounds
from .contract import Contract, flag, integer, many, text

NETWORK_NODE = "network_node"
HOLDS = "holds_given_up"
STATES = ("running", "stopped", "paused", "error")
NO_RESPONSE = "the host did not respond, or was not part of the run"
"""The failure of a host without a report."""


@dataclass(frozen=True)
class VmReport(Contract):
    """The state of a VM as its worker observed it."""

    NOUN = "VM"
    KEY = "vm_id"
    SPARSE = False

    vm_id: int = field(metadata=integer("The VM's id.", sample=1001, limit=bounds.ID))
    state: str = field(metadata=text("Its observed state.", sample="running", choices=STATES))
    name: str | None = field(default=None, metadata=text("The VM's name.", sample="vm1"))
    slice_id: int | None = field(default=None, metadata=integer("Id of its slice.", sample=1000, limit=bounds.ID))
    pid: str | None = field(
        default=None,
        metadata=text("Process id of its QEMU. Null if it does not run.", sample="4821"),
    )
    failure: str | None = field(default=None, metadata=text("Why it failed. Null if it did not.", sample=None))
    holds_given_up: bool = field(
        default=False,
        metadata=flag(
            "Whether its QEMU has data disks open that the VM has given up. They are kept until a restart.",
            sample=None,
        ),
    )

    def to_dict(self) -> dict[str, Any]:
        """See C(Contract). What is seldom true is left out if it is false."""
        said = super().to_dict()
        return said if self.holds_given_up else {key: said[key] for key in said if key != HOLDS}


@dataclass(frozen=True)
class SliceRefusal(Contract):
    """A slice that a host refused, so that nothing of it was changed, or that it could not apply completely."""

    NOUN = "slice"
    KEY = "slice_id"
    SPARSE = False

    slice_id: int = field(metadata=integer("The slice's id.", sample=1000, limit=bounds.ID))
    failure: str = field(metadata=text("Why the host refused it.", sample="slice 1000: run the deploy again"))
    another: bool = field(
        default=False,
        metadata=flag(
            "Whether the host has another slice with this id, and therefore nothing of this one.",
            sample=False,
        ),
    )
    begun: bool = field(
        default=False,
        metadata=flag(
            "Whether the host had begun to apply it and failed, so that a part of it may be applied.",
            sample=False,
        ),
    )


@dataclass(frozen=True)
class Answer(Contract):
    """The receipt of a slice that gives something up, as the host found it in its work order."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=integer("The slice's id.", sample=1000, limit=bounds.ID))
    receipt: str = field(metadata=text("Its receipt.", sample="9f1c3b5a0d7e4862a1b2c3d4e5f60718", form=bounds.RECEIPT))


def answers(slices: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers to a work order with these slices."""
    return [
        Answer(slice_["slice_id"], slice_["receipt"]).to_dict()
        for slice_ in slices
        if slice_.get("receipt") is not None
    ]


@dataclass(frozen=True)
class HostReport(Contract):
    """The report of one host."""

    NOUN = "host"
    KEY = "host"
    SPARSE = False

    host: str = field(metadata=text("Name of the host in the inventory, for messages.", sample="worker1"))
    target: str = field(
        metadata=text("Recipient of the work order: the worker's address, or C(network_node).", sample="10.0.10.1")
    )
    failure: str | None = field(
        default=None,
        metadata=text("Why the work order was not applied completely. Null if it was applied.", sample=None),
    )
    refused: tuple[SliceRefusal, ...] = field(
        default=(),
        metadata=many(
            SliceRefusal,
            "Slices of the work order that the host refused or failed to apply. The others were applied. The recorded "
            "state of the VMs of refused slices is kept.",
        ),
    )
    vms: tuple[VmReport, ...] = field(default=(), metadata=many(VmReport, "The VMs on the host."))
    answers: tuple[Answer, ...] = field(
        default=(),
        metadata=many(
            Answer,
            "The receipts of slices in the work order. Without the right one, nothing that the slice has given up is "
            "freed.",
        ),
    )
    revision: int | None = field(
        default=None,
        metadata=integer(
            "The revision of the work order that the report answers. A report that is older than the recorded one "
            "changes no state of VMs. Null if it is not known, and then it is always recorded.",
            sample=1795371735123,
            limit=bounds.REVISION,
        ),
    )
    moment: str | None = field(
        default=None,
        metadata=text(
            "When the host observed the VMs: the id of its boot, and the seconds since. Of two reports on orders of "
            "the same revision, it shows which one is older. Null if it is not known.",
            sample="8a1c52f0-9d3e-4b7a-8f21-0c6d5e4b3a29 86400.250000",
            form=bounds.MOMENT,
        ),
    )


@dataclass(frozen=True)
class Reports(Contract):
    """The reports of all hosts."""

    reports: tuple[HostReport, ...] = field(metadata=many(HostReport, "A report for each host that has a work order."))
