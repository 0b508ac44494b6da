# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects that a host should have according to the database. All others are orphans (docs/decisions/0019)."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import bounds
from .contract import Contract, integer, ipv4_address, many, text, uuid
from .grammar import PATH_PATTERN
from .shared_fields import SLICE_ID, mark


@dataclass(frozen=True)
class KnownDisk(Contract):
    """A disk that should be on the host, or is given up and may still be there."""

    NOUN = "disk"
    KEY = "path"

    path: str = field(
        metadata=text(
            "Path of the disk.",
            sample="/var/lib/cloudrepo/vms/1001/vm1_img.qcow2",
            pattern=PATH_PATTERN,
            rule="an absolute path of letters, digits and . _ + -",
        )
    )
    uuid: str | None = field(default=None, metadata=uuid("Its UUID.", sample="c2b2d6ac-6a1c-4d0b-8a55-0d6f9f0a7e03"))


@dataclass(frozen=True)
class KnownSlice(Contract):
    """A slice in the database."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    slice_uuid: str | None = field(
        default=None, metadata=uuid("The slice's UUID.", sample="7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11")
    )
    disks: tuple[KnownDisk, ...] = field(
        default=(), metadata=many(KnownDisk, "Its disks on this host, including those of VMs that are being deleted.")
    )


@dataclass(frozen=True)
class KnownMachine(Contract):
    """A worker in the database."""

    NOUN = "worker"
    KEY = "address"

    address: str = field(metadata=ipv4_address("The worker's address in the database.", sample="10.0.10.1"))
    mark: str | None = field(
        default=None,
        metadata=mark(
            "HMAC-SHA256 of its machine-id, with the UUID of the cloud as the key. Without it, the machine-id is not "
            "in the database.",
        ),
    )


@dataclass(frozen=True)
class Holdings(Contract):
    """All objects that a host should have, and all workers of the cloud."""

    known: tuple[KnownSlice, ...] = field(
        metadata=many(KnownSlice, "Every slice of the database, from M(cloudrepo.slices.holdings_info).")
    )
    revision: int | None = field(
        default=None,
        metadata=integer(
            "The revision of the database, from M(cloudrepo.slices.holdings_info).",
            "Objects of slices for which this host has applied a newer work order are not judged, because the database "
            "was read before it. They are neither recorded nor removed.",
            sample=1795371735123,
            limit=bounds.REVISION,
        ),
    )
    machines: tuple[KnownMachine, ...] = field(
        default=(),
        metadata=many(
            KnownMachine,
            "Every worker of the database, from M(cloudrepo.slices.holdings_info).",
            "If this machine is in the database with another address than O(address), or no worker has O(address), the "
            "call is refused before anything is recorded or removed.",
        ),
    )
