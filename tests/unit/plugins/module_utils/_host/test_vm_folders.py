# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import vm_folders
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.vm_folders import Folder
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused, SlicesError

from .fakes import disk, mark, orders, uuid, vm


def test_the_owner_of_a_folder_is_read_back(tmp_path: Path) -> None:
    wanted = vm(1001, 100, vm_uuid=uuid(2), disks=[disk(1001, uuid=uuid(3))])
    ((machine,),) = (order.vms for order in orders(wanted, slice_uuid=uuid(1)))
    text = vm_folders.text_of(machine)
    assert json.loads(text) == {
        "slice_id": 1000,
        "slice_uuid": uuid(1),
        "vm_id": 1001,
        "vm_uuid": uuid(2),
        "name": "vm1",
        "disks": {"vm1_img.qcow2": uuid(3)},
    }
    (tmp_path / "1001").mkdir()
    (tmp_path / "1001" / "identity.json").write_text(text)
    assert vm_folders.read(str(tmp_path)) == {
        1001: Folder(f"{tmp_path}/1001", 1000, uuid(1), uuid(2), {"vm1_img.qcow2": uuid(3)}, text, vm_id=1001)
    }
    assert vm_folders.slices_by_vm(str(tmp_path)) == {1001: 1000}


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"slice_id": 1000}', '{"slice_id": null}'])
def test_a_folder_without_an_identity_is_ignored_unless_it_contains_a_disk(tmp_path: Path, text: str | None) -> None:
    folder = tmp_path / "1001"
    folder.mkdir()
    if text is not None:
        (folder / "identity.json").write_text(text)
    assert vm_folders.read(str(tmp_path)) == {}
    (folder / "vm1_img.qcow2").touch()
    assert vm_folders.read(str(tmp_path)) == {1001: Folder(str(folder), text=text or "")}
    assert vm_folders.slices_by_vm(str(tmp_path)) == {}


def test_folders_with_other_names_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    mark(tmp_path / "lost+found")
    (tmp_path / "1002").write_text("a file")
    assert vm_folders.read(str(tmp_path)) == {}
    assert vm_folders.read(str(tmp_path / "missing")) == {}


def test_overlays_are_listed_in_order_and_without_temporary_files(tmp_path: Path) -> None:
    for name in ("b.qcow2", "a.qcow2", ".a.qcow2.x81a_k3j.draft", ".draft.qcow2", "a.qcow2.new", "console.log"):
        (tmp_path / name).touch()
    assert vm_folders.overlays(str(tmp_path)) == (f"{tmp_path}/a.qcow2", f"{tmp_path}/b.qcow2")


def test_a_renamed_overlay_is_known_by_its_content(tmp_path: Path) -> None:
    """Otherwise it would be removed with its folder, although nobody gave it up."""
    for name in ("vm1_img.qcow2.old", "kept", ".kept.original", ".x.draft"):
        (tmp_path / name).write_bytes(b"QFI\xfb and the rest")
    (tmp_path / "console.log").write_bytes(b"QFI")
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to("missing")
    os.mkfifo(tmp_path / "fifo")
    assert [Path(path).name for path in vm_folders.overlays(str(tmp_path))] == [
        ".kept.original",
        "kept",
        "vm1_img.qcow2.old",
    ]


def test_a_draft_of_a_file_is_no_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the run was that was killed before the file got its name."""
    replaced: list[str] = []
    monkeypatch.setattr(os, "replace", lambda draft, _path: replaced.append(draft))
    vm_folders.files.write_all([vm_folders.files.File(f"{tmp_path}/vm1_img.qcow2", b"QFI\xfb", 0o600)])
    assert [str(each) for each in tmp_path.iterdir()] == replaced
    assert vm_folders.overlays(str(tmp_path)) == ()


@pytest.mark.parametrize("place", ["before", "before/that", ".hidden"])
def test_overlays_deeper_in_the_folder_of_a_vm_are_noticed(tmp_path: Path, place: str) -> None:
    overlay(tmp_path / "1001" / "vm1_img.qcow2")
    (tmp_path / "1001" / place).mkdir(parents=True)
    (tmp_path / "1001" / place / "notes.txt").touch()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "1001")
    assert not vm_folders.has_deeper(f"{tmp_path}/1001")
    overlay(tmp_path / "1001" / place / "old.qcow2")
    assert vm_folders.has_deeper(f"{tmp_path}/1001")
    # A link is removed without what it leads to.
    (tmp_path / "1002").mkdir()
    (tmp_path / "1002/link").symlink_to(tmp_path / "1001" / place)
    assert not vm_folders.has_deeper(f"{tmp_path}/1002")


def test_a_folder_is_removed_with_its_owner_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "1001"
    (folder / "deeper").mkdir(parents=True)
    mark(folder)
    (folder / "deeper/file").touch()
    (folder / "console.log").touch()
    (tmp_path / "kept").mkdir()
    (folder / "link").symlink_to(tmp_path / "kept")
    left: list[list[str]] = []
    remove = vm_folders.files.remove

    def note(path: str) -> None:
        left.append([each.name for each in folder.iterdir()])
        remove(path)

    monkeypatch.setattr(vm_folders.files, "remove", note)
    vm_folders.remove(str(folder))
    assert left == [["identity.json"]]
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_a_link_in_place_of_a_folder_is_not_followed_by_a_removal(tmp_path: Path) -> None:
    """Its target may be the folder of a VM that is off, and whose disks nobody gave up."""
    target = overlay(tmp_path / "2001/vm1_img.qcow2")
    (tmp_path / "1001").symlink_to("2001")
    with pytest.raises(Refused) as refused:
        vm_folders.remove(f"{tmp_path}/1001")
    assert refused.value.message == (
        f"VM folder {tmp_path}/1001: {tmp_path}/1001 is a symbolic link instead of a folder; symbolic links in the "
        "folder of a VM are not followed; restore or remove it"
    )
    assert target.exists()


def test_a_folder_is_removed_with_a_folder_in_place_of_its_owner_file(tmp_path: Path) -> None:
    (tmp_path / "1001/identity.json").mkdir(parents=True)
    (tmp_path / "1001/vm1_img.qcow2").touch()
    vm_folders.remove(f"{tmp_path}/1001")
    assert list(tmp_path.iterdir()) == []


STRANGE = {"slice_id": 1000, "slice_uuid": uuid(1), "vm_uuid": uuid(2), "vm_id": 1001, "disks": {}}


@pytest.mark.parametrize(
    "said",
    [
        {**STRANGE, "slice_id": float("inf")},
        {**STRANGE, "slice_id": "1000"},
        {**STRANGE, "vm_id": [1001]},
        {**STRANGE, "slice_uuid": [uuid(1)]},
        {**STRANGE, "vm_uuid": 7},
        {**STRANGE, "disks": {"vm1_img.qcow2": {}}},
        {**STRANGE, "disks": [7]},
    ],
)
def test_a_folder_with_a_strange_owner_file_has_no_owner(tmp_path: Path, said: dict[str, Any]) -> None:
    path = overlay(tmp_path / "1001/vm1_img.qcow2").with_name("identity.json")
    path.write_text(json.dumps(STRANGE))
    assert vm_folders.slices_by_vm(str(tmp_path)) == {1001: 1000}
    path.write_text(json.dumps(said))
    assert vm_folders.read(str(tmp_path)) == {1001: Folder(f"{tmp_path}/1001", text=json.dumps(said))}


@pytest.mark.parametrize("fault", ["a folder", "a loop", "nested too deeply", "an error of the disk"])
def test_an_owner_file_that_cannot_be_read_concerns_its_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = overlay(tmp_path / "1001/vm1_img.qcow2").with_name("identity.json")
    overlay(tmp_path / "2001/vm1_img.qcow2")
    if fault == "an error of the disk":
        read_text = vm_folders.read_text

        def fail(each: str) -> str | None:
            if each == str(path):
                raise SlicesError(f"{each} cannot be read: Input/output error")
            return read_text(each)

        monkeypatch.setattr(vm_folders, "read_text", fail)
    elif fault == "nested too deeply":
        path.write_text("[" * 100_000)
    else:
        path.unlink()
        path.symlink_to(path) if fault == "a loop" else path.mkdir()
    found = vm_folders.read(str(tmp_path))
    assert {vm_id: each.slice_id for vm_id, each in found.items()} == {1001: None, 2001: 1000}


def test_nobody_knows_what_is_in_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none that may be used for another VM, so it does not count as empty."""
    (tmp_path / "1001").mkdir()
    listdir = os.listdir

    def fail(path: str) -> list[str]:
        if path == f"{tmp_path}/1001":
            raise OSError(5, "Input/output error", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", fail)
    assert vm_folders.read(str(tmp_path)) == {1001: Folder(f"{tmp_path}/1001")}


def test_a_link_to_a_folder_without_an_owner_is_known_as_one(tmp_path: Path) -> None:
    overlay(tmp_path / "2001/vm1_img.qcow2").with_name("identity.json").unlink()
    (tmp_path / "1001").symlink_to("2001")
    assert {vm_id: each.is_link for vm_id, each in vm_folders.read(str(tmp_path)).items()} == {1001: True, 2001: False}


def test_an_id_alone_says_nothing_and_an_id_without_a_folder_is_of_a_vm_that_was_not_deployed(tmp_path: Path) -> None:
    assert vm_folders.of_another(1001, None, state_dir=str(tmp_path)) is None
    assert vm_folders.of_another(1001, "", state_dir=str(tmp_path)) is None
    refusal = vm_folders.of_another(1001, uuid(2), state_dir=str(tmp_path))
    assert refusal is not None
    assert refusal.message == (
        f"VM 1001 was not deployed on its worker, which has no {tmp_path}/vms/1001/identity.json; run "
        "cloudrepo.slices.deploy for its slice"
    )


def test_a_folder_whose_owner_is_unknown_may_be_another_vms(tmp_path: Path) -> None:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "identity.json").write_text("{")
    told = (
        f"VM 1001: the worker has another VM with this id: {folder} belongs to no UUID, not to {uuid(2)}; deploy its "
        "slice to see why it is not on that worker"
    )
    with pytest.raises(Refused, match=re.escape(told)):
        vm_folders.need(1001, uuid(2), state_dir=str(tmp_path))
    overlay(folder / "vm1_img.qcow2").with_name("identity.json").unlink()
    with pytest.raises(Refused, match=re.escape(told)):
        vm_folders.need(1001, uuid(2), state_dir=str(tmp_path))


def test_a_vm_without_a_uuid_in_the_database_is_not_one_that_has_one(tmp_path: Path) -> None:
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    mark(folder, vm_uuid=uuid(2))
    with pytest.raises(Refused) as refused:
        vm_folders.need(1001, "", state_dir=str(tmp_path))
    assert refused.value.refusals[0].figures["got"] == "no UUID"
    vm_folders.need(1001, uuid(2), state_dir=str(tmp_path))


def overlay(path: Path) -> Path:
    """Write an overlay with the owner file of VM 1001 beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "identity.json").write_text(
        json.dumps(
            {"slice_id": 1000, "slice_uuid": None, "vm_id": 1001, "vm_uuid": None, "disks": {path.name: uuid(3)}}
        )
    )
    path.write_bytes(b"QFI\xfb and more")
    return path


def test_overlays_that_somebody_moved_or_copied_are_found_wherever_they_are(tmp_path: Path) -> None:
    places = ("vms/1001.old", "vms/old/1001", "vms/1001/before", "1001", "vms.bak/1001", "vms/.hidden")
    moved = [overlay(tmp_path / place / "vm1_img.qcow2") for place in places]
    for place in ("vms/1001", "images", "trash/1-1001", "vms/trash/1-1001"):
        overlay(tmp_path / place / "vm1_img.qcow2")
    beside = tmp_path / "vms/copy"
    beside.write_bytes(b"QFI\xfb and more")
    (tmp_path / "vms/notes.txt").write_text("not a disk")
    (tmp_path / "vms/folder.qcow2").mkdir()
    found = vm_folders.misplaced(str(tmp_path))
    assert sorted(found) == sorted(map(str, (*moved, beside)))
    for path in moved:
        folder = found[str(path)]
        assert folder is not None
        assert (folder.slice_id, folder.vm_id, folder.disks) == (1000, 1001, {"vm1_img.qcow2": uuid(3)})


def test_overlays_are_found_if_the_vm_folders_are_on_another_file_system(tmp_path: Path) -> None:
    path = overlay(tmp_path / "elsewhere/1001.old/vm1_img.qcow2")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/vms").symlink_to(tmp_path / "elsewhere")
    assert [*vm_folders.misplaced(f"{tmp_path}/state")] == [f"{tmp_path}/state/vms/1001.old/{path.name}"]
    assert vm_folders.misplaced(f"{tmp_path}/none") == {}
