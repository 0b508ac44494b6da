# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Metadata of fields that several contracts have."""

from __future__ import annotations

from typing import Any

from . import bounds, identity
from .contract import flag, integer, json_object, text, uuid

CLOUD_UUID = uuid(
    "The UUID of the cloud.",
    "A host that another cloud has claimed refuses the call before anything is changed.",
    sample="4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10",
)
CLOUD_TITLE = text(
    "The name of the cloud for messages.",
    sample="lab",
    form=bounds.TITLE,
)
CLOUD_INCARNATION = uuid(
    "The UUID of the cloud's database. A copy of the database has another one.",
    sample="9d2b7c31-1f0e-4a52-8b6d-6f5e3c2a1b00",
)
SLICE_ID = integer("The slice's id.", sample=1000, limit=bounds.ID)
SLICE_UUID = uuid(
    "The slice's UUID.",
    "A host that has another slice with this id refuses the order of this slice and changes neither.",
    sample="7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11",
)
REVISION = integer(
    "Time of the last change of desired or allocated state in the database, in milliseconds since 1970.",
    "A host refuses an order that is older than the last one that it started to apply for this slice. An order "
    "without a revision is always accepted.",
    sample=1795371735123,
    limit=bounds.REVISION,
)
ISSUED = text(
    "The last revisions of the database, oldest first, separated by commas.",
    "A host refuses the call before anything is changed if the last revision that it has applied is higher than the "
    "first of these and is not among them, because the database was reverted to an earlier state.",
    sample="1795371735001,1795371735123",
    form=bounds.ISSUED_REVISIONS,
)
RECORD = json_object(
    "What the database contains of the slice, without observed states and secrets, as JSON. A worker gets its own VMs "
    "and their links, the network node gets everything.",
    "The host stores it after it has applied the order, so that a lost database can be rebuilt, and removes it if an "
    "order has none.",
    sample='{"next_vm_id":1003,"slice":{"slice_id":1000,"owner":"admin"},"vm_ids":[1001,1002]}',
)
COMPLETE = flag(
    "Whether the order contains all slices of the database. In check mode, all that this host has of other slices is "
    "then returned.",
    sample=False,
)
RECEIPT = text(
    "Set if the slice gives up VMs, VLANs or addresses. Only a report that contains it frees them.",
    sample="9f1c3b5a0d7e4862a1b2c3d4e5f60718",
    form=bounds.RECEIPT,
)


def mark(*description: str) -> dict[str, Any]:
    """Return the metadata of a machine's mark (C(identity.machine_mark))."""
    return text(
        *description,
        sample="5f6b0c1e9d" + "0" * 54,
        pattern=identity.MARK_PATTERN,
        rule="64 hexadecimal digits",
    )
