# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import seed
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import Settings, render
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.plan import Host
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import VM, SliceOrder

from ..fakes import ME, orders, settings, vm
from .test_plan import UNIT, plan, running

SEED = [{"name": "meta-data", "content": '{"instance-id": "1"}\n'}, {"name": "user-data", "content": "#cloud-config\n"}]
OTHER = [{**SEED[0], "content": '{"instance-id": "2"}\n'}, SEED[1]]


def order(files: list[dict[str, str]] | None) -> tuple[SliceOrder, ...]:
    return orders(vm(1001, 100, **({} if files is None else {"seed": files})))


def one(order: tuple[SliceOrder, ...]) -> VM:
    (found,) = all_vms(order)
    return found


def place(tmp_path: Path) -> Settings:
    made = settings(state_dir=str(tmp_path), accounts=ME)
    Path(made.folder(1001)).mkdir(parents=True)
    return made


def started_with(files: list[dict[str, str]] | None) -> Host:
    """A host that runs a VM that was started with these files."""
    have, mine = running(order(files)), one(order(files))
    image = seed.file(mine, settings(accounts=ME)).content
    return replace(have, seeds={1001: hashlib.sha256(image).hexdigest()} if files else {})


def test_the_disk_is_written_once_and_qemu_can_only_read_it(tmp_path: Path) -> None:
    made, mine = place(tmp_path), one(order(SEED))
    assert seed.observe([mine], made) == {}
    assert seed.plan([mine], {}) == (mine,)
    files.write_all([seed.file(mine, made)])
    assert seed.plan([mine], seed.observe([mine], made)) == ()
    path = f"{made.folder(1001)}/seed.iso"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    listed = subprocess.run(["bsdtar", "-xOf", path, "meta-data"], check=True, capture_output=True).stdout
    assert listed.decode() == SEED[0]["content"]
    Path(path).write_bytes(b"damaged")
    assert seed.plan([mine], seed.observe([mine], made)) == (mine,)


def test_the_cloud_init_disk_exists_only_with_files() -> None:
    with_it, without = (render(one(order(given)), settings())["qemu.cfg"] for given in (SEED, None))
    assert '[drive "seed"]' in with_it
    assert (
        'file = "/var/lib/cloudrepo/vms/1001/seed.iso"\n  format = "raw"\n  if = "none"\n  readonly = "on"' in with_it
    )
    assert "seed" not in without


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [(SEED, OTHER, "cloud_init "), (None, SEED, "cloud_init None → "), (SEED, None, "cloud_init removed")],
)
def test_a_running_vm_keeps_its_files_until_it_is_restarted(before: Any, after: Any, reason: str) -> None:
    have = started_with(before)
    kept = plan(order(after), have)
    ((_vm, reasons),) = kept.restart_required
    assert reasons[0].startswith(reason)
    assert kept.seeds == kept.writes == ()
    done = plan(order(after), have, restart=True)
    assert [each.vm_id for each in done.seeds] == ([1001] if after else [])
    (change,) = done.changes
    assert (change.id, change.action, change.restart) == (UNIT, "restart", True)


def test_a_missing_cloud_init_disk_is_written_again_without_a_restart() -> None:
    again = plan(order(SEED), started_with(SEED))
    assert (again.changes, again.seeds) == ([], ())
    lost = plan(order(SEED), replace(started_with(SEED), seeds={}))
    (change,) = lost.changes
    assert (change.action, change.after) == ("update", {"seed.iso": "current"})
    assert [each.vm_id for each in lost.seeds] == [1001]


def test_a_cloud_init_file_has_a_known_name_and_is_listed_once() -> None:
    for given in ([SEED[0], SEED[0]], [{"name": "../x", "content": ""}], [{"name": "meta-data", "content": "\0"}]):
        with pytest.raises(Refused):
            order(given)
