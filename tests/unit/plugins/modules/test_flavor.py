# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images of flavors during registration."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import flavor

from ..module_utils._domain import builders
from ..module_utils._domain.builders import refused
from ..module_utils._host.disk.images import MIB, converted, cut, raw
from ..module_utils._host.fakes import MORE, FakeRunner
from .module_calls import Door, Memory

SIZE = {"cores": 1, "ram_gb": 1, "disk_gb": 1}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(Memory(builders.cluster()), monkeypatch)


def entry(name: str, image: Path, **others: Any) -> dict[str, Any]:
    return {"name": name, "image": str(image), **SIZE, **others}


def test_the_format_of_an_image_is_detected_from_its_content(door: Door, tmp_path: Path) -> None:
    image = converted(raw(tmp_path / "disk"), tmp_path / "image.raw")
    result = door("flavor", **entry("small", image))

    assert result["flavors"] == [
        {
            **entry("small", image),
            "virtual_size_gb": 2 * MIB / 1024**3,
            "checksum": hashlib.sha256(image.read_bytes()).hexdigest(),
        }
    ]
    assert "warnings" not in result


def test_invalid_images_of_several_flavors_are_all_reported(door: Door, tmp_path: Path) -> None:
    vmdk = converted(raw(tmp_path / "disk"), tmp_path / "image.qcow2", to="vmdk")
    short = cut(converted(raw(tmp_path / "disk"), tmp_path / "short"), 100)
    before = door.data()
    flavors = [entry("a", vmdk), entry("b", short), entry("c", raw(tmp_path / "disk"))]
    result = door("flavor", flavors=flavors)

    assert [(each.code, each.object) for each in refused(result)] == [
        ("image_format", f"flavor a: image {vmdk}"),
        ("image_cut_short", f"flavor b: image {short}"),
    ]
    assert door.data() == before


def test_without_qemu_img_a_warning_lists_what_was_not_checked(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = FakeRunner().tell("qemu-img", "check", MORE, rc=127)
    monkeypatch.setattr(flavor, "SubprocessRunner", lambda **_options: runner)
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    result = door("flavor", flavors=[entry("a", image), entry("b", raw(tmp_path / "disk")), entry("c", image)])

    assert result["warnings"] == [
        "qemu-img is not installed on the orchestrator, so the tables of qcow2 images were not checked (flavors a, c); "
        "install qemu-utils"
    ]
    assert set(door.data()["flavors"]) >= {"a", "b", "c"}


def test_files_of_users_who_may_not_register_flavors_are_not_read(door: Door, tmp_path: Path) -> None:
    result = door("flavor", **entry("a", tmp_path / "missing"), acting_user="alice")

    assert refused(result) == [Refusal("admins_only", "flavor", {"user": "alice"})]


def test_an_image_is_converted_once_and_again_after_it_changed(door: Door, tmp_path: Path) -> None:
    image, target = converted(raw(tmp_path / "disk"), tmp_path / "image.vdi", to="vdi"), tmp_path / "image.vdi.qcow2"
    wanted = entry("a", image, convert=True)
    planned = door("flavor", check_mode=True, **wanted)
    assert not target.exists()
    first = door("flavor", **wanted)

    assert f"image {target}" in planned["diff"]["after"]
    assert (first["flavors"][0]["image"], first["flavors"][0]["checksum"]) == (
        str(target),
        hashlib.sha256(target.read_bytes()).hexdigest(),
    )
    assert not door("flavor", **wanted)["changed"]
    converted(raw(tmp_path / "disk", 3 * MIB), image, to="vdi")
    assert door("flavor", **wanted)["flavors"][0]["virtual_size_gb"] == 3 / 1024


def test_an_image_in_a_supported_format_is_not_converted(door: Door, tmp_path: Path) -> None:
    image = raw(tmp_path / "disk")

    assert door("flavor", **entry("a", image, convert=True))["flavors"][0]["image"] == str(image)
    assert [path.name for path in tmp_path.iterdir()] == ["disk"]


def test_files_can_be_converted_and_urls_cannot(door: Door, tmp_path: Path) -> None:
    vdi = converted(raw(tmp_path / "disk"), tmp_path / "image.vdi", to="vdi")
    url = "https://images.example.org/x.vdi"
    offered = door("flavor", **entry("a", vdi))
    refusal = door("flavor", **{**entry("a", vdi), "image": url}, checksum="ab" * 32, convert=True)

    assert offered["msg"].endswith(
        f"qemu-img convert -f vdi -O qcow2 {vdi} {tmp_path}/image.qcow2, or set convert to true"
    )
    assert refused(refusal) == [Refusal("convert_needs_file", "flavor a", {"got": url})]


def test_the_checksum_is_that_of_the_file_before_it_is_converted(door: Door, tmp_path: Path) -> None:
    image = converted(raw(tmp_path / "disk"), tmp_path / "image.vdi", to="vdi")
    checksum = hashlib.sha256(image.read_bytes()).hexdigest()

    assert not door("flavor", **entry("a", image, convert=True, checksum=checksum)).get("failed")
    assert [each.code for each in refused(door("flavor", **entry("a", image, convert=True, checksum="ab" * 32)))] == [
        "checksum_mismatch"
    ]
