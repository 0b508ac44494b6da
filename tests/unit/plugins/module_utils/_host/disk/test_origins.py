# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import errno
import os
import pwd
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import origins
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.origins import Origin
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import Disk

from ..fakes import uuid

ACCOUNTS = Accounts("cloudrepo", {})


def need_attributes(path: Path) -> None:
    """Skip the test if the file system of a file has no extended attributes."""
    try:
        os.setxattr(path, "user.test", b"")
    except OSError:
        pytest.skip("this file system has no extended attributes")


def disk_at(path: Path, number: int | None) -> Disk:
    return Disk(path=str(path), size_bytes=1, backing_file=None, uuid=None if number is None else uuid(number))


def test_a_file_keeps_the_uuid_of_its_disk_when_it_is_moved_or_copied_with_its_attributes(tmp_path: Path) -> None:
    path, moved, copied, content = (tmp_path / name for name in ("a", "b", "c", "d"))
    path.touch()
    need_attributes(path)
    origins.note([disk_at(path, 1), disk_at(tmp_path / "missing", 2)])
    origins.note([disk_at(path, 2), disk_at(path, None)])
    path.rename(moved)
    shutil.copy2(moved, copied)
    shutil.copyfile(moved, content)
    found = origins.read(map(str, (path, moved, copied, content)))
    assert {each: origin.uuid for each, origin in found.items()} == {
        str(moved): uuid(1),
        str(copied): uuid(1),
        str(content): None,
    }


def test_a_file_of_a_file_system_without_attributes_is_known_by_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_path: object, **_how: object) -> Any:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    path = tmp_path / "a"
    path.touch()
    monkeypatch.setattr(os, "setxattr", refuse)
    monkeypatch.setattr(os, "getxattr", refuse)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=f"cloudrepo-{uid - os.getuid() + 7}"))
    origins.note([disk_at(path, 1)])
    assert origins.read([str(path)]) == {str(path): Origin(None, "cloudrepo-7")}
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: {}[uid])
    assert origins.read([str(path)]) == {str(path): Origin(None, None)}


def test_a_link_to_a_disk_is_not_that_disk(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    need_attributes(tmp_path / "a")
    origins.note([disk_at(tmp_path / "a", 1)])
    (tmp_path / "b").symlink_to("a")
    origins.note([disk_at(tmp_path / "b", 2)])
    assert [each.uuid for each in origins.read([f"{tmp_path}/a", f"{tmp_path}/b"]).values()] == [uuid(1), None]


@pytest.mark.parametrize(
    ("origin", "number", "told"),
    [
        (Origin(uuid(1), None), 1, None),
        (Origin(uuid(1), "cloudrepo-7"), 1, None),
        (Origin(uuid(2), "cloudrepo-0"), 1, f"disk {uuid(2)}"),
        (Origin(uuid(2), "cloudrepo-0"), None, None),
        (Origin(uuid(2), "cloudrepo-7"), None, "a file of cloudrepo-7"),
        (Origin(None, "cloudrepo-7"), 1, "a file of cloudrepo-7"),
        (Origin(None, "cloudrepo-0"), 1, None),
        (Origin(None, "cloudrepo"), 1, None),
        (Origin(None, "cloudrepo-admin"), 1, None),
        (Origin(None, None), 1, None),
    ],
)
def test_the_uuid_of_a_file_counts_more_than_its_owner(origin: Origin, number: int | None, told: str | None) -> None:
    """Users may have got other numbers since, for example after the host was installed again."""
    assert origin.fault(None if number is None else uuid(number), 1000, ACCOUNTS) == told
