# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import base_images

from ...locks import is_held
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


def test_images_are_examined_and_installed_under_the_lock_of_their_folder(monkeypatch, tmp_path, image):
    held: list[bool] = []
    plan, install = base_images.base_images.plan, base_images.base_images.install

    def noted(function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            held.append(is_held(tmp_path / "images"))
            return function(*args, **options)

        return call

    monkeypatch.setattr(base_images.base_images, "plan", noted(plan))
    monkeypatch.setattr(base_images.base_images, "install", noted(install))
    run(monkeypatch, tmp_path, images=[image])
    assert held == [True, True]
    assert (tmp_path / "images").stat().st_mode & 0o777 == 0o755


def test_a_host_without_the_folder_of_images_has_none(monkeypatch, tmp_path):
    path = f"{tmp_path}/images/other.img"
    told = run(monkeypatch, tmp_path, images=[{"checksum": "ab" * 32, "path": path, "source": "/other"}])
    assert (told["changed"], told["missing"]) == (False, [path])
    assert not (tmp_path / "images").exists()


def test_a_run_installs_its_own_new_file(monkeypatch, tmp_path, image):
    mine = Path(f"{image['path']}.1.new")
    Path(f"{image['path']}.new").rename(mine)
    assert run(monkeypatch, tmp_path, images=[image], run="2")["missing"] == [image["path"]]
    assert mine.exists()
    assert run(monkeypatch, tmp_path, images=[image], run="1")["missing"] == []
    assert not mine.exists()


@pytest.mark.parametrize("own", [True, False])
def test_two_runs_that_install_the_same_image_at_once_both_succeed(tmp_path, image, own):
    """Whichever comes first installs it; the other one finds it installed, even if both have the same name for it."""
    content = Path(f"{image['path']}.new").read_bytes()
    together = Barrier(2)

    def install(run: str | None) -> base_images.base_images.Plan:
        if run:
            Path(f"{image['path']}.{run}.new").write_bytes(content)
        params = {"images": [image], "verify": False, "state_dir": str(tmp_path), "run": run}
        together.wait(timeout=10)
        return base_images.steps(params, False).run()[0]

    with ThreadPoolExecutor(2) as pool:
        plans = list(pool.map(install, ["1", "2"] if own else [None, None]))
    assert sorted(len(plan.changes) for plan in plans) == [0, 1]
    assert [(plan.failure, plan.result["missing"]) for plan in plans] == [(None, [])] * 2
    assert {path.name for path in (tmp_path / "images").iterdir()} - {f"{Path(image['path']).name}.new"} == {
        Path(image["path"]).name,
        f"{Path(image['path']).name}.json",
    }
