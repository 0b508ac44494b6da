# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import (
    applied_orders,
    files,
    revisions,
    state_files,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import register
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import disk, orders, vm

NAMES = ("cloud.json", "roles.json", "disks.json", "revisions", "orphans", "trash", "applied/worker", "lost-machines")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state folder of a worker that has applied an order, as the collection has made it."""
    (one,) = orders(vm(1001, disks=[disk(1001)]))
    register.note(str(tmp_path), present=one.vms[0].disks)
    order = SliceOrder(1000, (), record="{}", revision=1)
    revisions.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    applied_orders.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    for name in ("cloud.json", "roles.json"):
        files.write_text(f"{tmp_path}/{name}", "{}", mode=0o600)
    files.write_text(f"{tmp_path}/lost-machines", "", mode=0o644)
    for name in ("orphans", "trash", "applied/worker"):
        (tmp_path / name).mkdir(mode=0o700, exist_ok=True, parents=True)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_what_others_may_read_or_write_is_shown_and_closed(state: Path, name: str) -> None:
    assert state_files.plan(str(state)).changes == []
    path, right = state / name, (state / name).stat().st_mode & 0o777
    path.chmod(0o777)
    todo = state_files.plan(str(state))
    assert [(each.id, each.why) for each in todo.changes] == [(str(path), f"mode 0777 → {right:04o}")]
    state_files.apply(todo)
    assert (path.stat().st_mode & 0o777, state_files.plan(str(state)).changes) == (right, [])


def test_a_host_without_state_has_nothing_to_change(tmp_path: Path) -> None:
    assert state_files.plan(str(tmp_path)).changes == []


def move(path: Path) -> Path:
    """Leave a link in place of a file or folder that others may use."""
    target = path.rename(path.parent / "elsewhere")
    path.symlink_to(target)
    target.chmod(0o777)
    return target


def test_a_folder_may_have_been_moved(state: Path) -> None:
    target = move(state / "trash")
    todo = state_files.plan(str(state))
    assert [each.id for each in todo.changes] == [str(target)]
    state_files.apply(todo)
    assert target.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_a_file_is_told_and_not_followed(state: Path) -> None:
    target = move(state / "disks.json")
    todo = state_files.plan(str(state))
    assert [each.id for each in todo.changes] == [f"{state}/disks.json"]
    with pytest.raises(OSError, match=r"symbolic links: '.*/disks\.json'"):
        state_files.apply(todo)
    assert target.stat().st_mode & 0o777 == 0o777
