# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CD drive of a VM, which has the image of a flavor, and the boot order.

A VM stores the image that its flavor had (C(cdrom): C({name, image, checksum})), as it does for its first disk. It is
looked up again when the VM is described by a topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .. import bounds
from ..errors import Refusal
from ..models import VM
from .teardown import set_extra
from .topology_spec import WantedVM

FIELD, BOOT = "cdrom", "boot"
CONTENT, ONLY_CD = "content", "cd"
"""The field of a flavor whose image is that of a CD, and its value if the image has no boot sector."""


def problems(where: str, cdrom: str | None, boot: Sequence[str]) -> Iterator[Refusal]:
    """Yield violations of rules for the boot order."""
    if boot and not bounds.BOOT_ORDER.allows(",".join(boot)):
        yield Refusal("boot_order", where, {"form": bounds.BOOT_ORDER.rule, "got": list(boot)})
    if "cdrom" in boot and cdrom is None:
        yield Refusal("boot_without_cd", where, {"got": list(boot)})


def assign(vm: VM, want: WantedVM, flavors: Mapping[str, Mapping[str, Any]], where: str) -> list[Refusal]:
    """Give a VM the drive and the boot order that it wants, and return refusals."""
    set_extra(vm.extra, BOOT, list(want.boot) or None)
    name, stored = want.cdrom, vm.extra.get(FIELD)
    if name is None:
        set_extra(vm.extra, FIELD, None)
        return []
    if want.flavor is None and stored is not None and stored["name"] == name:
        return []  # an edit of something else
    flavor = flavors.get(name)
    if flavor is None:
        return [Refusal("unknown_reference", where, {"kind": "flavor", "name": name, "known": list(flavors)})]
    if "checksum" not in flavor:
        return [Refusal("flavor_without_image", where, {"flavor": name, "vms": [vm.name], "image": flavor["image"]})]
    # The orchestrator has not read an image at a URL. Its hosts will.
    if "virtual_size_gb" in flavor and CONTENT not in flavor:
        return [Refusal("image_is_no_cd", where, {"flavor": name, "image": flavor["image"]})]
    vm.extra[FIELD] = {"name": name, "image": flavor["image"], "checksum": flavor["checksum"]}
    return []


def checksum(vm: VM) -> str | None:
    """Return the checksum of the image in the drive of a VM, C(None) without a drive."""
    stored = vm.extra.get(FIELD)
    return None if stored is None else str(stored["checksum"])


def has_image(vm: VM, flavor: Mapping[str, Any]) -> bool:
    """Return whether the image of a flavor is in the drive of a VM."""
    stored = vm.extra.get(FIELD)
    return stored is not None and all(stored[key] == flavor.get(key) for key in ("image", "checksum"))


def images(vms: Iterable[VM]) -> dict[str, Mapping[str, Any]]:
    """Return the images in drives by checksum, each with its source as C(image)."""
    return {vm.extra[FIELD]["checksum"]: vm.extra[FIELD] for vm in vms if FIELD in vm.extra}
