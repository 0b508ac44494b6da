# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A worker with another address than in the database has no orphans. Hosts are folders of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, host_info
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim

from ..plugins.module_utils._domain.builders import cluster
from ..plugins.module_utils._host.fakes import mark, uuid
from .runs import run

MACHINE = host_info.read_machine_id()


@pytest.mark.skipif(MACHINE is None, reason="this machine has no machine-id")
@pytest.mark.parametrize(
    ("machine_id", "said"),
    [
        (MACHINE, "this host was reached at 10.0.10.9, and the database has its machine at 10.0.10.1; "),
        ("b" * 32, "this host was reached at 10.0.10.9, and the database has no worker there; "),
    ],
)
def test_a_worker_with_another_address_keeps_its_disks(tmp_path: Path, machine_id: str, said: str) -> None:
    held = cluster(workers=1)
    held.workers["10.0.10.1"].extra["machine_id"] = machine_id
    cloud = held.identify(title="lab")
    other = Claim(uuid(1), "other", uuid(2), "2026-01-31T12:00:00Z", "controller2")
    own = Claim(cloud.uuid, "lab", cloud.incarnation, "2026-01-31T12:00:00Z", "controller1")
    variables = {}
    for name, claim in (("worker1", own), ("netnode", other)):
        (tmp_path / name).mkdir()
        (tmp_path / name / claims.FILE).write_text(json.dumps(claim.to_dict()))
        variables[name] = {"ansible_connection": "local", "cloudrepo_state_dir": str(tmp_path / name)}
    variables["worker1"]["worker_ip"] = "10.0.10.9"
    (tmp_path / "local.json").write_text(json.dumps({"all": {"hosts": variables}}))
    folder = tmp_path / "worker1/vms/1001"
    folder.mkdir(parents=True)
    mark(folder, 1000, slice_uuid=uuid(5), disks={"vm1_img.qcow2": uuid(7)})
    disk = folder / "vm1_img.qcow2"
    disk.write_text("what a tenant wrote")
    for _run in range(2):
        inventory = str(tmp_path / "local.json")
        done = run(tmp_path, "orphans", {"orphans_remove": [uuid(7)]}, "-i", inventory, database=held.to_dict())
        assert done.rc == 2
        told = done.stdout[done.stdout.rindex("FAILED! =>") :]
        assert f"worker1: {said}" in told
        assert "run cloudrepo.slices.site, which " in told
        assert "netnode: this host belongs to cloud other" in told
    assert disk.exists()
    assert not (tmp_path / "worker1/orphans").exists()
