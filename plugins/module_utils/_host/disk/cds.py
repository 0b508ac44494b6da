# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images of CDs in the drives of VMs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from ...errors import Refusal
from ...work_order import SliceOrder
from .. import files
from ..ownership import Conflict
from . import raw


def conflicts(orders: Iterable[SliceOrder]) -> Iterator[Conflict]:
    """Yield why this host refuses slices: the image in a drive is not that of a CD, whatever its name."""
    for order in orders:
        for vm in order.vms:
            if vm.cdrom is not None and os.path.isfile(vm.cdrom) and not _is_cd(vm.cdrom):
                yield order.slice_id, Refusal("cd_without_file_system", str(vm), {"path": vm.cdrom})


def _is_cd(path: str) -> bool:
    with open(path, "rb", opener=files.at_once) as file:
        return raw.is_iso(file)
