# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import trash
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import empty_trash

from .....locks import is_held
from ..disk.test_trash import DAY_S, put


def test_expired_disks_are_deleted_and_reported(tmp_path, capsys):
    old = put(tmp_path, 1001, ago_s=2 * DAY_S)
    put(tmp_path, 1002)
    assert empty_trash.main(str(tmp_path), "24") == 0
    gone = f"{os.path.dirname(old)} of slice 1000"
    assert capsys.readouterr().out == f"slices-host: removed {gone} from the trash after 48.0 h\n"
    assert len(trash.entries(str(tmp_path))) == 1


def test_disks_are_deleted_under_the_lock_of_work_orders(tmp_path, monkeypatch):
    held = []

    def note(state_dir, *, retention_s):
        held.append((state_dir, retention_s, is_held(tmp_path / "flows")))
        return []

    monkeypatch.setattr(trash, "empty", note)
    assert empty_trash.main(str(tmp_path), "0.5") == 0
    assert held == [(str(tmp_path), 1800, True)]


def test_a_disk_that_goes_early_is_reported_with_the_reason(tmp_path, monkeypatch, capsys):
    path = os.path.dirname(put(tmp_path, 1001, ago_s=3600))
    full = os.statvfs_result((1 << 20, 1 << 20, 100, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(trash.empty, "__kwdefaults__", {"statvfs": lambda _path: full})
    assert empty_trash.main(str(tmp_path), "24") == 0
    assert capsys.readouterr().out == (
        f"slices-host: removed {path} of slice 1000 from the trash after 1.0 h of 24 h: "
        "the file system is nearly full\n"
    )


@pytest.mark.parametrize(
    ("age_s", "kept"),
    [
        (3_600_000, "after 1000.0 h"),
        (3_599_999.5, "after 1000.0 h of 1000 h: the file system is nearly full"),
    ],
)
def test_a_disk_is_early_until_its_last_second(tmp_path, monkeypatch, capsys, age_s, kept):
    entry = trash.Entry("/s/trash/1", age_s, overlays={}, slice_id=1000, retention_s=3_600_000)
    monkeypatch.setattr(trash, "empty", lambda _state_dir, **_options: [entry])
    assert empty_trash.main(str(tmp_path), "24") == 0
    assert capsys.readouterr().out == f"slices-host: removed /s/trash/1 of slice 1000 from the trash {kept}\n"
