# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters for base images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import base_image_path


def base_images(flavors: Sequence[Mapping[str, Any]], state_dir: str) -> list[dict[str, str]]:
    """Return the images of registered flavors for the role C(base_images), without those that have no checksum."""
    sources = {flavor["checksum"]: flavor["image"] for flavor in flavors if flavor.get("checksum")}
    return [
        {"checksum": checksum, "path": base_image_path(state_dir, checksum), "source": source}
        for checksum, source in sources.items()
    ]


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Any]:
        return {
            "base_images": base_images,
        }
