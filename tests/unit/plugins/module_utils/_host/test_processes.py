# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import processes


def test_a_deleted_file_that_a_process_has_open_is_found(tmp_path):
    path, me = tmp_path / "disk", os.getpid()
    path.write_text("a tenant's")
    with open(path, "rb"):
        assert processes.deleted_file(me, str(path)) is None
        path.unlink()
        found = processes.deleted_file(me, str(path))
        assert found is not None
        with open(found, encoding="utf-8") as file:
            assert file.read() == "a tenant's"
    assert processes.deleted_file(me, str(path)) is None


def test_files_that_any_process_has_open_are_found(tmp_path):
    paths = [str(tmp_path / name) for name in ("open", "closed", "missing")]
    for path in paths[:2]:
        (tmp_path / path).write_text("")
    with open(paths[0], "rb"):
        assert processes.open_paths(paths) == {paths[0]}
    assert processes.open_paths(paths) == processes.open_paths([]) == set()


def test_files_are_found_through_a_link_to_their_folder(tmp_path):
    """Otherwise a disk that QEMU has open would be moved to the trash, or its VM stopped after the disk was deleted."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "vms").symlink_to("elsewhere")
    path = tmp_path / "vms/disk"
    path.write_text("a tenant's")
    with path.open("rb"):
        assert processes.open_paths([str(path)]) == {str(path)}
        path.unlink()
        assert processes.deleted_file(os.getpid(), str(path)) is not None
        assert processes.open_paths([str(path)]) == set()


def test_processes_are_found_by_their_cgroup():
    mine = Path("/proc/self/cgroup").read_text().splitlines()[-1].split(":", 2)[2]
    found = processes.in_cgroups([mine, "/missing.slice"])
    assert found.keys() == {mine}
    assert os.getpid() in found[mine]
    assert processes.in_cgroups([]) == {}


def test_a_process_that_has_ended_has_no_files():
    assert processes.deleted_file(0, "/disk") is None


def test_a_process_that_a_signal_stopped_is_found():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not processes.is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert processes.is_stopped(process.pid)
        process.kill()
    assert not processes.is_stopped(0)


def test_a_file_that_a_process_has_open_is_found_after_it_was_moved(tmp_path):
    path, moved = tmp_path / "disk", tmp_path / "moved"
    path.write_text("a tenant's")
    with open(path, "rb"):
        path.rename(moved)
        assert processes.has_open(os.getpid(), str(moved))
        assert not processes.has_open(os.getpid(), str(path))
    assert not processes.has_open(os.getpid(), str(moved))
    assert not processes.has_open(0, str(moved))
