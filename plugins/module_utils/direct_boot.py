# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Direct boot: a kernel that QEMU starts without a boot loader. Kinds and work orders have the same fields for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from .bounds import FIRMWARES, INITRD, KERNEL, KERNEL_ARGUMENTS_LENGTH
from .errors import Refusal

ARGUMENTS = "kernel_arguments"
FIELDS = (KERNEL, INITRD, ARGUMENTS)


class Bootable(Protocol):
    """What has the fields for direct boot: a kind with sources of images, or a VM in a work order with paths."""

    @property
    def firmware(self) -> str: ...

    @property
    def kernel(self) -> str | None: ...

    @property
    def initrd(self) -> str | None: ...

    @property
    def kernel_arguments(self) -> str | None: ...


def given(guest: Bootable) -> dict[str, str]:
    """Return the fields that are set."""
    values = {KERNEL: guest.kernel, INITRD: guest.initrd, ARGUMENTS: guest.kernel_arguments}
    return {name: value for name, value in values.items() if value is not None}


def faults(where: str, guest: Bootable) -> Iterator[Refusal]:
    """Yield violations of rules for the fields together, and for the length of the arguments."""
    if guest.kernel is None:
        yield from (Refusal("kernel_missing", where, {"option": name}) for name in given(guest))
    elif guest.firmware != FIRMWARES[0]:
        yield Refusal("kernel_needs_bios", where, {"kernel": guest.kernel, "got": guest.firmware})
    if guest.kernel_arguments is not None:
        yield from KERNEL_ARGUMENTS_LENGTH.problems(where, f"length of {ARGUMENTS}", len(guest.kernel_arguments))
