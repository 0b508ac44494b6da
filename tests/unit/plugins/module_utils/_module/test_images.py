# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is told of a flavor's image before it is registered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import images
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .._host.disk.test_qcow2 import qcow2

GIB = 1 << 30
CHECKSUM = "ab" * 32


def want(image: object, **changes: Any) -> dict[str, Any]:
    return {"name": "small", "state": "present", "image": None if image is None else str(image), **changes}


def inspect(*wants: dict[str, Any]) -> list[dict[str, Any]]:
    return images.inspect_all(wants)


def codes(*wants: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as caught:
        inspect(*wants)
    return [each.code for each in caught.value.refusals]


@pytest.mark.parametrize("size_gb", [1, 2.5])
def test_a_file_tells_its_checksum_and_its_size(tmp_path: Path, size_gb: float) -> None:
    qcow2(tmp_path / "a", int(size_gb * GIB))
    digest = hashlib.sha256((tmp_path / "a").read_bytes()).hexdigest()
    for checksum in (None, digest):
        (told,) = inspect(want(tmp_path / "a", checksum=checksum, cores=2))
        assert told == want(tmp_path / "a", checksum=digest, virtual_size_gb=size_gb, cores=2)


@pytest.mark.parametrize("size", [0, images.CHUNK_BYTES, images.CHUNK_BYTES + 1])
def test_the_whole_file_counts(tmp_path: Path, size: int) -> None:
    data = b"x" * size
    (tmp_path / "a").write_bytes(data)
    (told,) = inspect(want(tmp_path / "a"))
    assert (told["checksum"], told["virtual_size_gb"]) == (hashlib.sha256(data).hexdigest(), size / GIB)


@pytest.mark.parametrize("url", ["https://host/a.img", "http://h/a", "s3+x://b/a"])
def test_a_url_needs_a_checksum_and_is_not_looked_at(url: str) -> None:
    assert inspect(want(url, checksum=CHECKSUM)) == [want(url, checksum=CHECKSUM)]
    assert codes(want(url)) == ["image_without_checksum"]


def test_what_is_no_file_and_what_is_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert codes(want(tmp_path / "b")) == codes(want(tmp_path)) == ["image_not_found"]
    assert codes(want(tmp_path / "a", checksum=CHECKSUM)) == ["checksum_mismatch"]
    assert codes(want(tmp_path / "b"), want(tmp_path / "a"), want("x://y")) == [
        "image_not_found",
        "image_without_checksum",
    ]


def test_nothing_is_looked_at_where_no_image_is_named_or_the_flavor_goes(tmp_path: Path) -> None:
    for given in (want(None, cores=1), want(tmp_path / "b", state="absent")):
        assert inspect(given) == [given]
