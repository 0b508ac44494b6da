# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbook that waits for guests, on workers that are this machine and run no VMs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..plugins.module_utils._domain.builders import cluster, put, topology, vm
from .runs import Done, run
from .test_status import shown


def wait(folder: Path, playbook: str = "wait", *options: str, **ready_when: Any) -> Done:
    held = cluster()
    said = {"ready_when": ready_when} if ready_when else {}
    slice_ = put(held, topology("web", vms=[vm("vm1", **said)], links=[]))
    log = folder / "state/vms/1001/console.log"
    log.parent.mkdir(parents=True)
    mark = {"slice_id": 1000, "slice_uuid": slice_.uuid, "vm_id": 1001, "vm_uuid": slice_.vms[0].uuid, "disks": {}}
    (log.parent / "identity.json").write_text(json.dumps(mark))
    log.write_text("Kernel panic\x1b[2J - not syncing\n")
    inventory = {
        "all": {
            "vars": {
                "ansible_connection": "local",
                "cloudrepo_database": str(folder / "database.yaml"),
                "cloudrepo_state_dir": str(folder / "state"),
            }
        },
        "orchestrator": {"hosts": {"localhost": None}},
        "workers": {"hosts": {"worker1": {"worker_ip": "10.0.10.1"}}},
    }
    (folder / "inventory.json").write_text(json.dumps(inventory))
    variables = {"slice_name": "web", "wait_ready_seconds": 1}
    database = held.to_dict()
    return run(folder, playbook, variables, *options, database=database, inventory=folder / "inventory.json")


def test_a_vm_that_is_not_ready_is_named_with_the_end_of_its_console(tmp_path: Path) -> None:
    done = wait(tmp_path)
    assert done.rc != 0
    lines = shown(done.stdout)
    assert lines[0].startswith("0 of 1 VMs are ready after ")
    assert lines[1:] == [
        "",
        "VM web/vm1 (1001) is not ready (console): it does not run on this host",
        "  | Kernel panic - not syncing",
    ]


def test_a_vm_with_the_check_none_is_not_waited_for(tmp_path: Path) -> None:
    done = wait(tmp_path, check="none")
    assert done.rc == 0
    assert "0 of 0 VMs are ready" in done.stdout


def test_nothing_is_waited_for_in_check_mode(tmp_path: Path) -> None:
    done = wait(tmp_path, "wait", "--check")
    assert done.rc == 0
    assert "not ready" not in done.stdout
