# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects that a host should have according to the database. All others are orphans (docs/decisions/0019)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .contract import Contract, many, text, uuid
from .grammar import PATH_PATTERN
from .shared_fields import SLICE_ID


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
class Holdings(Contract):
    """All objects that a host should have."""

    known: tuple[KnownSlice, ...] = field(
        metadata=many(KnownSlice, "Every slice of the database, from M(cloudrepo.slices.holdings_info).")
    )
