# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that fetches files from guests. The guest is this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ..plugins.module_utils._domain.builders import cluster, put, topology, vm
from .runs import Done, run

CONTENT = '{"a": "{{ b }}"}\r\n\n'


def save(folder: Path, *options: str, user_data: str | None = None, **vm_host: Any) -> Done:
    """Run the playbook for a VM whose user data writes a file, by default C(guest/frr.conf) in the folder."""
    text = user_data or f"#cloud-config\nwrite_files: [{{path: {folder}/guest/frr.conf}}]\n"
    held = cluster()
    put(held, topology("web", vms=[vm("r1", cloud_init={"user_data": text}), vm("r2", cloud_init={})], links=[]))
    guest = {"cloudrepo_slice_id": 1000, "cloudrepo_vm_name": "r1", "cloudrepo_connection": "jump", **vm_host}
    inventory = {
        "all": {"vars": {"ansible_connection": "local", "cloudrepo_database": str(folder / "database.yaml")}},
        "orchestrator": {"hosts": {"localhost": None}},
        "cloudrepo_vms": {"hosts": {"web-r1": guest}},
    }
    (folder / "inventory.json").write_text(json.dumps(inventory))
    variables = {"slice_name": "web", "save_dest": str(folder / "saved")}
    return run(folder, "save", variables, *options, database=held.to_dict(), inventory=folder / "inventory.json")


def written(folder: Path) -> Path:
    """Write the file of the guest, and return where it is saved to."""
    (folder / "guest").mkdir()
    (folder / "guest/frr.conf").write_bytes(CONTENT.encode())
    return folder / f"saved/r1{folder}/guest/frr.conf"


def test_files_are_saved_byte_for_byte_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    saved = written(tmp_path)
    done = save(tmp_path)
    assert done.rc == 0, done.stdout
    assert f"{tmp_path}/saved: 1 files of 1 VMs" in done.stdout
    assert saved.read_bytes() == CONTENT.encode()
    assert (saved.stat().st_mode & 0o777, saved.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    again = save(tmp_path)
    assert (again.rc, "changed=1" in again.stdout) == (0, False), again.stdout
    (tmp_path / "guest/frr.conf").write_text("hostname r1\n")
    assert "changed=1" in save(tmp_path).stdout
    assert saved.read_text() == "hostname r1\n"


def test_complaints_of_sudo_are_no_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It complains about a host name that it cannot resolve, through the terminal that the file comes through."""
    saved = written(tmp_path)
    sudo = tmp_path / "bin/sudo"
    sudo.parent.mkdir()
    sudo.write_text(
        '#!/bin/sh\n[ "$1" = -n ] && shift\necho "sudo: unable to resolve host r1: Unknown error"\nexec "$@"\n'
    )
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sudo.parent}:{os.environ['PATH']}")
    done = save(tmp_path, ansible_user="debian")
    assert done.rc == 0, done.stdout
    assert saved.read_bytes() == CONTENT.encode()


def test_contents_are_not_shown(tmp_path: Path) -> None:
    written(tmp_path)
    done = save(tmp_path, "--diff", "-vvv")
    assert done.rc == 0
    assert "{{ b }}" not in done.stdout


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    written(tmp_path)
    done = save(tmp_path, "--check")
    assert done.rc == 0, done.stdout
    assert not (tmp_path / "saved").exists()


def test_a_file_that_the_guest_has_no_more_is_named(tmp_path: Path) -> None:
    done = save(tmp_path)
    assert done.rc != 0
    assert done.failure["msg"] == f"VM r1: cannot read {tmp_path}/guest/frr.conf"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"user_data": "#!/bin/sh\n:\n"}, "slice web has no VM with files in its user data or start-up"),
        (
            {"cloudrepo_slice_id": 1003},
            "slice web: VMs r1 are not hosts of the group cloudrepo_vms; add a source of the inventory plugin "
            "cloudrepo.slices.slices with -i",
        ),
    ],
)
def test_there_must_be_files_of_hosts(call: dict[str, Any], message: str, tmp_path: Path) -> None:
    done = save(tmp_path, **call)
    assert done.rc != 0
    assert done.failure["msg"] == message
    assert not (tmp_path / "saved").exists()
