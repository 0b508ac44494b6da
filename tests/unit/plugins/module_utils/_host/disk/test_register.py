# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import time

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import register
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.register import Known
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.times import utc
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_disks

from ..fakes import disk, orders, uuid, vm

(ONE, TWO) = (each for _vm, each in all_disks(orders(vm(1001, disks=[disk(1001, uuid=uuid(1))]), vm(1002))))


def test_disks_are_registered_from_their_first_observation_until_their_deletion(tmp_path):
    begin = utc()
    register.note(str(tmp_path), present=[ONE, TWO])
    known = register.read(str(tmp_path))
    assert {path: each.uuid for path, each in known.items()} == {ONE.path: uuid(1), TWO.path: None}
    assert all(begin <= each.seen <= utc() for each in known.values())
    register.note(str(tmp_path), gone=[ONE.path, "/other"])
    assert list(register.read(str(tmp_path))) == [TWO.path]


def test_the_time_of_the_last_observation_is_updated_only_when_it_is_outdated(tmp_path, monkeypatch):
    register.note(str(tmp_path), present=[ONE])
    first, file = register.read(str(tmp_path)), (tmp_path / "disks.json").stat()
    register.note(str(tmp_path), present=[ONE])
    assert (tmp_path / "disks.json").stat() == file
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(register, "utc", lambda seconds=None: utc(later if seconds is None else seconds))
    register.note(str(tmp_path), present=[ONE])
    assert register.read(str(tmp_path))[ONE.path].seen > first[ONE.path].seen


def test_another_disk_at_the_same_path_replaces_the_first(tmp_path):
    register.note(str(tmp_path), present=[ONE])
    (other,) = (each for _vm, each in all_disks(orders(vm(1001, disks=[disk(1001, uuid=uuid(2))]))))
    register.note(str(tmp_path), present=[other])
    assert register.read(str(tmp_path))[ONE.path].uuid == uuid(2)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"/disk": {"uuid": null}}', '{"/disk": 1}'])
def test_a_damaged_register_is_empty(tmp_path, text):
    (tmp_path / "disks.json").write_text(text)
    assert register.read(str(tmp_path)) == {}


def test_the_register_is_read_back(tmp_path):
    (tmp_path / "disks.json").write_text('{"/disk": {"uuid": null, "seen": "2026-01-31T12:00:00Z"}}')
    assert register.read(str(tmp_path)) == {"/disk": Known(None, "2026-01-31T12:00:00Z")}


def test_the_register_is_closed_and_readable_by_people(tmp_path):
    register.note(str(tmp_path), present=[ONE])
    path = tmp_path / "disks.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith('{\n "')
    assert register._STALE_S == 600
