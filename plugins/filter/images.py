# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for base images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import base_image_path
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind


def base_images(
    flavors: Sequence[Mapping[str, Any]], state_dir: str, kinds: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, str]]:
    """Return the images of registered flavors for the role C(base_images), without those that have no checksum.

    With C(kinds), their kernels and initrds are added.
    """
    found = {
        each["checksum"]: {"checksum": each["checksum"], "source": each["image"]}
        for each in flavors
        if each.get("checksum")
    }
    for checksum, source, content in (image for kind in kinds for image in Kind.stored(kind).boot_images):
        found[checksum] = {"checksum": checksum, "source": source, "content": content}
    return [{**image, "path": base_image_path(state_dir, checksum)} for checksum, image in found.items()]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "base_images": base_images,
        }
