# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import base_images

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.disk.images import converted, cut, raw


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    """Return an image that was copied to a host."""
    (tmp_path / "images").mkdir()
    content = converted(raw(tmp_path / "disk"), tmp_path / "made").read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    path = f"{tmp_path}/images/{checksum}.img"
    Path(f"{path}.new").write_bytes(content)
    return {"checksum": checksum, "path": path, "source": "/srv/images/guest.qcow2"}


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **args: Any) -> dict[str, Any]:
    result = modules.run(monkeypatch, base_images, **args, state_dir=str(tmp_path))
    assert not result.get("failed"), result["msg"]
    return result


def test_images_are_installed_once(monkeypatch, tmp_path, image):
    other = {"checksum": "ab" * 32, "path": f"{tmp_path}/images/other.img", "source": "/other"}
    planned = run(monkeypatch, tmp_path, images=[image, other], _ansible_check_mode=True)
    assert not Path(image["path"]).exists()
    first = run(monkeypatch, tmp_path, images=[image, other])
    again = run(monkeypatch, tmp_path, images=[image, other])

    assert [each["changed"] for each in (planned, first, again)] == [True, True, False]
    assert planned["diff"]["after"] == first["diff"]["after"]
    assert f"base image {image['path']}: checksum {image['checksum']}" in first["diff"]["after"]
    assert [(each["missing"], each["damaged"]) for each in (first, again)] == [([other["path"]], [])] * 2


def test_images_that_no_flavor_uses_are_verified_as_well(monkeypatch, tmp_path, image):
    run(monkeypatch, tmp_path, images=[image])
    path = Path(image["path"])
    path.chmod(0o644)
    cut(path, 1)
    told = run(monkeypatch, tmp_path, images=[], verify=True)

    assert told["damaged"][0]["path"] == image["path"]
    assert told["damaged"][0]["message"].startswith(f"base image {path} is damaged: {path.stat().st_size} bytes with ")
    assert run(monkeypatch, tmp_path, images=[image])["damaged"] == told["damaged"]


def test_all_images_that_are_not_installed_are_reported(monkeypatch, tmp_path, image):
    empty = {"checksum": hashlib.sha256(b"").hexdigest(), "path": f"{tmp_path}/images/e.img", "source": "/empty"}
    Path(f"{empty['path']}.new").touch()
    wrong = {**image, "checksum": "ab" * 32}
    images = [empty, wrong]
    planned = modules.run(monkeypatch, base_images, images=images, state_dir=str(tmp_path), _ansible_check_mode=True)
    assert len(list((tmp_path / "images").iterdir())) == 2
    result = modules.run(monkeypatch, base_images, images=images, state_dir=str(tmp_path))
    assert result["msg"] == planned["msg"]

    assert [(each.code, each.object) for each in refused(result)] == [
        ("base_image_not_installed", "base image /empty"),
        ("base_image_not_installed", "base image /srv/images/guest.qcow2"),
    ]
    assert list((tmp_path / "images").iterdir()) == []
