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


def test_the_kernels_and_initrds_of_kinds_are_listed_with_what_they_are() -> None:
    kinds = [
        {"name": "a", "kernel": "/k", "kernel_checksum": "cd", "initrd": "/r", "initrd_checksum": "ef"},
        {"name": "b", "kernel": "/k", "kernel_checksum": "cd"},
        {"name": "c"},
    ]
    assert images.base_images([], "/state", kinds) == [
        {"checksum": "cd", "path": "/state/images/cd.img", "source": "/k", "content": "kernel"},
        {"checksum": "ef", "path": "/state/images/ef.img", "source": "/r", "content": "initrd"},
    ]
