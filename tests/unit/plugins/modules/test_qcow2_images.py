# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.modules import qcow2_images

from ..module_utils._domain.builders import refused
from ..module_utils._host import modules
from ..module_utils._host.fakes import FakeRunner, mark, vm


def test_a_missing_base_image_is_an_error_only_if_it_is_needed(monkeypatch, tmp_path):
    args = {
        "slices": [{"slice_id": 1000, "vms": [vm(state_dir=str(tmp_path))]}],
        "state_dir": str(tmp_path),
        "user": "me",
    }
    checked = modules.run(monkeypatch, qcow2_images, FakeRunner(), _ansible_check_mode=True, **args)
    failed = modules.run(monkeypatch, qcow2_images, FakeRunner(), **args)

    assert checked["changed"]
    assert checked["created"] == [f"{tmp_path}/vms/1001/vm1_img.qcow2"]
    assert refused(failed) == [Refusal("base_image_missing", f"base image {tmp_path}/images/base.img")]
    assert list(tmp_path.iterdir()) == []


def test_an_unlisted_folder_is_removed(monkeypatch, tmp_path):
    (tmp_path / "vms/1001").mkdir(parents=True)
    mark(tmp_path / "vms/1001")
    args = {
        "slices": [{"slice_id": 1000, "vms": []}],
        "state_dir": str(tmp_path),
        "user": "me",
    }
    result = modules.run(monkeypatch, qcow2_images, FakeRunner(), **args)

    assert (result["removed"], result["kept_backing"]) == ([1001], [])
    assert list((tmp_path / "vms").iterdir()) == []


def test_what_is_removed_from_the_trash_of_a_nearly_full_file_system_is_a_warning(monkeypatch, tmp_path):
    folder = tmp_path / "trash/1-1777"
    folder.mkdir(parents=True)
    (folder / "a_img.qcow2").write_text("of another tenant")
    monkeypatch.setattr(trash, "_is_full", lambda _state, _expected: True)
    args = {"slices": [{"slice_id": 1000, "vms": []}], "state_dir": str(tmp_path), "user": "me"}
    result = modules.run(monkeypatch, qcow2_images, FakeRunner(), **args)
    told = (
        "the file system of the trash is nearly full, so these disks were removed before their time: "
        f"{folder}/a_img.qcow2 of an unknown slice (to be kept until 20"
    )
    (warning,) = result["warnings"]
    assert told in str(warning)
    assert not folder.exists()
