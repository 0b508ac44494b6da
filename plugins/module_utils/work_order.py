# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The work order of a worker (docs/work-order.md): written by the orchestrator, read and validated by the worker.

Names in an order end up in paths, unit names and configuration files that root reads, so every order is validated when
it is read, no matter who wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from . import bounds
from .contract import (
    Contract,
    integer,
    ipv4_address,
    mac_address,
    many,
    text,
    uuid,
)
from .shared_fields import (
    CLOUD_INCARNATION,
    CLOUD_TITLE,
    CLOUD_UUID,
    COMPLETE,
    ISSUED,
    RECEIPT,
    RECORD,
    REVISION,
    SLICE_ID,
    SLICE_UUID,
    mark,
)
from .vm_order import SAMPLE_CHECKSUM, VM


def revision_text(revision: int | None) -> str:
    """Return a revision for a message: the number, and the time that it stands for."""
    if revision is None:
        return "none"
    seconds, milliseconds = divmod(revision, 1000)
    return f"{revision} ({datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z)"


@dataclass(frozen=True)
class Image(Contract):
    """A read-only file that VMs use: the backing file of their disks, a CD, or a kernel or initrd that they boot."""

    NOUN = "image"
    KEY = "checksum"

    checksum: str = field(metadata=text("Its SHA-256.", sample=SAMPLE_CHECKSUM, form=bounds.SHA256))
    path: str = field(
        metadata=text(
            "Its path on the worker.",
            sample=f"/var/lib/cloudrepo/images/{SAMPLE_CHECKSUM}.img",
            form=bounds.PATH,
        )
    )
    source: str = field(
        metadata=text(
            "A file on the orchestrator, or a URL.",
            sample="/srv/images/guest.qcow2",
            form=bounds.IMAGE_SOURCE,
        )
    )
    content: str = field(
        default=bounds.IMAGE_CONTENTS[0],
        metadata=text(
            "What it is. V(disk) is the image of a disk or CD, V(kernel) a Linux kernel for x86 (bzImage), and "
            "V(initrd) an archive that it unpacks. The host verifies this.",
            sample=None,
            choices=bounds.IMAGE_CONTENTS,
        ),
    )


@dataclass(frozen=True)
class Peer(Contract):
    """An interface on VLAN 400, on any host, that the other VMs of its slice may communicate with there."""

    NOUN = "peer"
    KEY = "mac"

    mac: str = field(metadata=mac_address("The interface's MAC address.", sample="52:54:00:03:e9:00"))
    address: str | None = field(default=None, metadata=ipv4_address("Its IPv4 address.", sample="10.60.7.101"))


@dataclass(frozen=True)
class GivenUp(Contract):
    """A disk to delete, because its VM is being deleted or has given it up. No other disk is ever deleted.

    A data disk that is in use is kept until its VM is restarted.
    """

    NOUN = "given-up disk"
    KEY = "path"

    vm_id: int = field(metadata=integer("Id of the VM that it was created for.", sample=(1002, 1001), limit=bounds.ID))
    path: str = field(
        metadata=text(
            "Path of its qcow2 file, in that VM's folder.",
            sample=("/var/lib/cloudrepo/vms/1002/vm2_img.qcow2", "/var/lib/cloudrepo/vms/1001/log_8d2e4f60.qcow2"),
            form=bounds.DISK_PATH,
        )
    )
    uuid: str | None = field(
        default=None,
        metadata=uuid(
            "Its UUID. A disk at this path with another UUID is an orphan.",
            sample=("5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77", "8d2e4f60-1b7a-4c93-a5d8-e0f6b3c2d719"),
        ),
    )
    name: str | None = field(
        default=None,
        metadata=text("The name of a data disk.", sample=(None, "log"), form=bounds.DISK_NAME),
    )


@dataclass(frozen=True)
class Crossing(Contract):
    """A link or network that uses the trunk of a host."""

    NOUN = "crossing"
    KEY = "name"

    name: str = field(metadata=text("The link or network, for messages.", sample="link web/core"))
    mtu: int = field(
        metadata=integer(
            "The MTU that it needs of the trunk. With C(qinq) it is 4 bytes more than its own.",
            sample=9004,
            limit=bounds.TRUNK_MTU,
        )
    )


TRUNK = many(
    Crossing,
    "Links and networks that need more than the default MTU on this host's trunk. If the trunk has less, the host "
    "refuses the slice.",
)


@dataclass(frozen=True)
class SliceOrder(Contract):
    """Everything that a slice has on this host."""

    NOUN = "slice"
    KEY = "slice_id"

    slice_id: int = field(metadata=SLICE_ID)
    vms: tuple[VM, ...] = field(metadata=many(VM, "All VMs of the slice on this host, empty if it has none."))
    slice_uuid: str | None = field(default=None, metadata=SLICE_UUID)
    revision: int | None = field(default=None, metadata=REVISION)
    peers: tuple[Peer, ...] = field(
        default=(),
        metadata=many(
            Peer,
            "All interfaces of the slice on VLAN 400, on any host, if its VMs may communicate there. Otherwise empty.",
        ),
    )
    given_up: tuple[GivenUp, ...] = field(
        default=(),
        metadata=many(
            GivenUp,
            "Disks to delete. A disk that is listed neither here nor with a VM is an orphan, which is kept and "
            "reported.",
        ),
    )
    trunk: tuple[Crossing, ...] = field(default=(), metadata=TRUNK)
    record: str | None = field(default=None, metadata=RECORD)
    receipt: str | None = field(default=None, metadata=RECEIPT)


@dataclass(frozen=True)
class WorkerOrder(Contract):
    """Everything that slices have on a worker."""

    NOUN = "worker"
    KEY = "worker_ip"

    worker_ip: str = field(
        metadata=ipv4_address("The worker's address, on which VNC listens by default.", sample="10.0.10.1")
    )
    images: tuple[Image, ...] = field(metadata=many(Image, "The images that the VMs use."))
    slices: tuple[SliceOrder, ...] = field(
        metadata=many(
            SliceOrder,
            "Slices of the work order, each with B(everything) that it has on this host.",
            "Units, taps, ports, flows and configuration files of these slices that are not listed are removed. Disks "
            "are removed only if they are listed in C(given_up). Other slices are not touched.",
        )
    )
    cloud_uuid: str | None = field(default=None, metadata=CLOUD_UUID)
    cloud_title: str | None = field(default=None, metadata=CLOUD_TITLE)
    cloud_incarnation: str | None = field(default=None, metadata=CLOUD_INCARNATION)
    issued_revisions: str | None = field(default=None, metadata=ISSUED)
    complete: bool = field(default=False, metadata=COMPLETE)
    machine_mark: str | None = field(
        default=None,
        metadata=mark(
            "HMAC-SHA256 of the worker's machine-id, with the UUID of the cloud as the key.",
            "A host with another machine-id, which has got this worker's address, refuses the call before anything is "
            "changed.",
        ),
    )
