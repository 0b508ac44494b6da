# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import access
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.access import Access

from .test_acls import GROUP, MASK, OTHER, OWNER, THEIRS, listed

ME = (os.geteuid(), os.getegid())


def with_list(path: Path, name: str) -> None:
    try:
        os.setxattr(path, f"system.posix_acl_{name}", listed(OWNER, GROUP, THEIRS, MASK, OTHER))
    except OSError:
        pytest.skip("this file system has no access control lists")


@pytest.mark.parametrize("name", ["access", "default"])
def test_a_list_is_seen_and_removed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "vms"
    folder.mkdir(mode=0o750)
    with_list(folder, name)
    found = access.observe(str(folder))
    assert found is not None
    assert found.attributes["access_list"] == "set"
    access.give(str(folder), Access("folder", *ME, 0o750))
    assert access.observe(str(folder)) == Access("folder", *ME, 0o750)
    assert os.listxattr(folder) == []


def test_a_list_that_the_mode_does_not_show_is_seen(tmp_path: Path) -> None:
    """The mode of a file with a list shows the mask as its group's permissions."""
    path = tmp_path / "vnc.secret"
    path.write_text("")
    path.chmod(0o640)
    before = access.observe(str(path))
    with_list(path, "access")
    path.chmod(0o640)
    found = access.observe(str(path))
    assert found is not None
    assert (found.mode, found.has_list, found == before) == (0o640, True, False)


def test_links_and_special_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nothing")
    os.mkfifo(tmp_path / "fifo")
    kinds = [found.kind for name in ("link", "fifo", "") if (found := access.observe(f"{tmp_path}/{name}"))]
    assert kinds == ["symbolic link", "special file", "folder"]
    assert access.observe(f"{tmp_path}/nothing") is None
    assert access.observe(f"{tmp_path}/fifo/x") is None
    with pytest.raises(OSError, match="symbolic links"):
        access.give(f"{tmp_path}/link", Access("file", *ME, 0o600))


def test_a_file_system_without_lists_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listxattr(path: str, **_options: bool) -> list[str]:
        raise OSError(95, "Operation not supported", path)

    monkeypatch.setattr(os, "listxattr", listxattr)
    found = access.observe(str(tmp_path))
    assert found is not None
    assert not found.has_list
    access.give(str(tmp_path), Access("folder", *ME, 0o700))
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_other_errors_are_not_taken_for_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def listxattr(path: str, **_options: bool) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listxattr", listxattr)
    with pytest.raises(PermissionError, match="Permission denied"):
        access.observe(str(tmp_path))


def test_paths_that_exist_and_differ_have_wrong_permissions_and_keep_their_group(tmp_path: Path) -> None:
    for name, mode in (("open", 0o666), ("right", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to(tmp_path / "right")
    paths = [str(tmp_path / name) for name in ("open", "right", "link", "missing")]
    found = access.wrong_permissions((path, "file", 0o600) for path in paths)
    group = os.stat(tmp_path / "open").st_gid
    assert {path: new for path, (_old, new) in found.items()} == dict.fromkeys(
        (paths[0], paths[2]), Access("file", os.geteuid(), group, 0o600)
    )
    assert [(change.id, change.why) for change in access.changes({paths[0]: found[paths[0]]})] == [
        (paths[0], "mode 0666 → 0600")
    ]
