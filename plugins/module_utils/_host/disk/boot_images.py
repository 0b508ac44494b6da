# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks whether a file is a kernel or an initrd, before it is registered and on arrival at a host."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...bounds import INITRD, KERNEL
from ...errors import Refusal, Refused
from . import bzimage, formats

_SHOWN: Mapping[str, str] = {
    formats.RAW: "a raw disk",
    formats.KERNEL: "a Linux kernel",
    formats.UNKNOWN: "of no known format",
}


def inspect(path: str, content: str, *, object: str) -> str:
    """Return the format of a file that is a kernel or an initrd.

    Args:
        path: the file.
        content: what it has to be, one of C(BOOT_IMAGES).
        object: the file as messages show it.

    Raises:
        Refused: it is something else, or cut short.
    """
    with open(path, "rb") as file:
        found = formats.identify(file)
        needed = bzimage.needed_bytes(file) or 0
        size = os.fstat(file.fileno()).st_size
    figures = {"content": _SHOWN.get(found, found)}
    if content == KERNEL and found != formats.KERNEL:
        raise Refused([Refusal("image_is_no_kernel", object, figures)])
    if content == INITRD and found not in formats.INITRDS:
        raise Refused([Refusal("image_is_no_initrd", object, figures)])
    if size < needed:
        raise Refused([Refusal("image_cut_short", object, {"got": size, "needed": needed})])
    return found
