# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Base images of flavors."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.filter import images


def test_base_images_are_listed_once_and_only_with_a_checksum() -> None:
    flavors = [
        {"name": "a", "image": "/i", "checksum": "ab"},
        {"name": "b", "image": "/i", "checksum": "ab"},
        {"name": "c", "image": "/j"},
    ]
    assert images.base_images(flavors, "/state") == [{"checksum": "ab", "path": "/state/images/ab.img", "source": "/i"}]
