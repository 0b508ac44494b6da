# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inspection of flavors' images before the flavors are registered."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import iso9660
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import images
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .._host.disk.images import MIB, converted, raw
from .._host.fakes import MORE, FakeRunner

GIB = 1 << 30
CHECKSUM = "ab" * 32


def want(image: object, **changes: Any) -> dict[str, Any]:
    return {"name": "small", "state": "present", "image": None if image is None else str(image), **changes}


def inspect(*wants: dict[str, Any], runner: FakeRunner | None = None, check_mode: bool = False) -> list[dict[str, Any]]:
    """Return the inspected flavors, and check that there are no warnings. C(runner) runs qemu-img."""
    told, warnings = images.inspect_all(wants, runner or FakeRunner(), check_mode=check_mode)
    assert warnings == []
    return told


def codes(*wants: dict[str, Any]) -> list[str]:
    with pytest.raises(Refused) as caught:
        inspect(*wants)
    return [each.code for each in caught.value.refusals]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_image_of_a_cd_is_told(tmp_path: Path) -> None:
    (tmp_path / "cd").write_bytes(iso9660.image("cidata", {"meta-data": b"{}"}))
    (told,) = inspect(want(tmp_path / "cd"))
    assert told["content"] == "cd"


@pytest.mark.parametrize("size", [64 * 512 + 512, MIB, MIB + 512])
def test_checksum_and_size_of_a_file_are_returned(tmp_path: Path, size: int) -> None:
    disk = raw(tmp_path / "disk", size)
    for checksum in (None, digest(disk)):
        (told,) = inspect(want(disk, checksum=checksum, cores=2))
        assert told == want(disk, checksum=digest(disk), virtual_size_gb=size / GIB, cores=2)


@pytest.mark.parametrize(("rc", "warnings"), [(0, 0), (3, 0), (127, 1), (63, 1)])
def test_images_whose_tables_were_not_checked_cause_a_warning(tmp_path: Path, rc: int, warnings: int) -> None:
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    runner = FakeRunner().tell("qemu-img", "check", MORE, rc=rc)
    wants = [want(image), want(tmp_path / "disk", name="other")]
    told, warned = images.inspect_all(wants, runner, check_mode=False)
    assert [each["virtual_size_gb"] for each in told] == [2 * MIB / GIB] * 2
    assert len(warned) == warnings
    assert all("small" in text and "other" not in text for text in warned)


@pytest.mark.parametrize("url", ["https://host/a.img", "http://h/a", "s3+x://b/a"])
def test_a_url_requires_a_checksum_and_is_not_inspected(url: str) -> None:
    assert inspect(want(url, checksum=CHECKSUM)) == [want(url, checksum=CHECKSUM)]
    assert codes(want(url)) == ["image_without_checksum"]
    assert codes(want(url, checksum=CHECKSUM, convert=True)) == ["convert_needs_file"]


def test_every_missing_or_different_file_is_refused(tmp_path: Path) -> None:
    disk = raw(tmp_path / "disk")
    assert codes(want(tmp_path / "b")) == codes(want(tmp_path)) == ["image_not_found"]
    assert codes(want(disk, checksum=CHECKSUM)) == ["checksum_mismatch"]
    assert codes(want(tmp_path / "b"), want(disk), want("x://y")) == ["image_not_found", "image_without_checksum"]


def test_without_an_image_or_with_state_absent_nothing_is_inspected(tmp_path: Path) -> None:
    for given in (want(None, cores=1), want(tmp_path / "b", state="absent")):
        assert inspect(given) == [given]


def converter(tmp_path: Path) -> FakeRunner:
    """Return a runner whose qemu-img creates a copy of the test's disk."""

    def convert(argv: Sequence[str]) -> None:
        converted(tmp_path / "disk", Path(argv[-1]))

    return FakeRunner().on("qemu-img", "convert", MORE, do=convert).tell("qemu-img", "check", MORE)


def test_unsupported_images_are_converted_once_on_request(tmp_path: Path) -> None:
    packed = tmp_path / "disk.gz"
    packed.write_bytes(gzip.compress(raw(tmp_path / "disk").read_bytes()))
    target = Path(f"{packed}.qcow2")
    assert codes(want(packed)) == ["image_compressed"]

    (planned,) = inspect(want(packed, convert=True), check_mode=True)
    assert (planned["image"], planned["checksum"], target.exists()) == (str(target), None, False)
    (told,) = inspect(want(packed, convert=True), runner=converter(tmp_path))
    assert (told["image"], told["checksum"]) == (str(target), digest(target))
    assert told["virtual_size_gb"] == 2 * MIB / GIB
    checked = FakeRunner().tell("qemu-img", "check", MORE)
    assert inspect(want(packed, convert=True), runner=checked, check_mode=True) == [told]


def test_a_checksum_is_that_of_the_given_file(tmp_path: Path) -> None:
    packed = tmp_path / "disk.gz"
    packed.write_bytes(gzip.compress(raw(tmp_path / "disk").read_bytes()))
    (told,) = inspect(want(packed, convert=True, checksum=digest(packed)), runner=converter(tmp_path))
    assert told["checksum"] != digest(packed)
    assert codes(want(packed, convert=True, checksum=CHECKSUM)) == ["checksum_mismatch"]


def test_a_supported_image_is_not_converted(tmp_path: Path) -> None:
    disk = raw(tmp_path / "disk")
    (told,) = inspect(want(disk, convert=True))
    assert (told["image"], told["checksum"]) == (str(disk), digest(disk))
