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
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

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
    (image,) = seed.disk(mine, {}, settings(accounts=ME))
    return replace(have, seeds={1001: hashlib.sha256(image.content).hexdigest()} if files else {})


def test_the_disk_is_written_once_and_qemu_can_only_read_it(tmp_path: Path) -> None:
    made, mine = place(tmp_path), one(order(SEED))
    assert seed.observe([mine], made) == {}
    assert seed.plan([mine], {}) == (mine,)
    files.write_all(seed.disk(mine, {}, made))
    assert seed.plan([mine], seed.observe([mine], made)) == ()
    path = f"{made.folder(1001)}/seed.iso"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    listed = subprocess.run(["bsdtar", "-xOf", path, "meta-data"], check=True, capture_output=True).stdout
    assert listed.decode() == SEED[0]["content"]
    Path(path).write_bytes(b"damaged")
    assert seed.plan([mine], seed.observe([mine], made)) == (mine,)


ID, OTHER_ID = "ab" * 16, "cd" * 16
TEXT = "#!/bin/sh\necho hunter2\n"


def secret(user_data_id: str = ID) -> VM:
    return one(orders(vm(1001, 100, seed=SEED[:1], user_data_id=user_data_id)))


def test_user_data_is_needed_only_when_the_disk_is_written(tmp_path: Path) -> None:
    made, mine = place(tmp_path), secret()
    assert seed.plan([mine], seed.observe([mine], made)) == (mine,)
    files.write_all(seed.disk(mine, {1001: TEXT}, made))
    folder = Path(made.folder(1001))
    listed = subprocess.run(["bsdtar", "-xOf", folder / "seed.iso", "user-data"], check=True, capture_output=True)
    assert listed.stdout.decode() == TEXT
    assert [stat.S_IMODE(os.stat(folder / name).st_mode) for name in ("seed.iso", "seed.id")] == [0o640, 0o640]
    assert "hunter2" not in (folder / "seed.id").read_text()
    assert seed.plan([mine], seed.observe([mine], made)) == ()
    assert seed.plan([secret(OTHER_ID)], seed.observe([mine], made)) == (secret(OTHER_ID),)


@pytest.mark.parametrize(
    ("name", "content"), [("seed.iso", b"damaged"), ("seed.id", b"another one"), ("seed.id", b""), ("seed.id", None)]
)
def test_a_disk_with_user_data_that_does_not_match_its_note_is_written_again(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    made, mine = place(tmp_path), secret()
    files.write_all(seed.disk(mine, {1001: TEXT}, made))
    path = Path(made.folder(1001)) / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert seed.plan([mine], seed.observe([mine], made)) == (mine,)


def test_a_disk_is_not_written_without_its_user_data() -> None:
    plain, mine = one(order(SEED)), secret()
    assert (seed.missing([plain, mine], {1001: TEXT}), seed.missing([mine], {1002: TEXT})) == ([], [mine])
    seed.need([plain, mine], {1001: TEXT})
    with pytest.raises(Refused, match=r"VM 1001 \(vm1\): the disk for cloud-init has to be written, but"):
        seed.need([mine], {})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({1001: "hunter2"}, "VM 1001: user data must be a line #cloud-config or #!COMMAND, and more lines"),
        ({1001: 7}, "VM 1001: user data must be a line"),
        ({"vm1": TEXT}, "settings: the keys of user_data must be ids of VMs, got 'vm1'"),
    ],
)
def test_invalid_user_data_is_refused_without_showing_it(given: dict[Any, Any], message: str) -> None:
    with pytest.raises(Refused) as caught:
        seed.read_user_data(given)
    assert caught.value.message.startswith(message)
    assert "hunter2" not in caught.value.message
    assert seed.read_user_data({"1001": TEXT}) == {1001: TEXT}


def test_other_user_data_needs_a_restart() -> None:
    have = running(orders(vm(1001, 100, seed=SEED[:1], user_data_id=ID)))
    ((_vm, reasons),) = plan(orders(vm(1001, 100, seed=SEED[:1], user_data_id=OTHER_ID)), have).restart_required
    assert reasons[0].startswith("cloud_init ")


def test_a_work_order_has_user_data_once() -> None:
    with pytest.raises(Refused, match="file user-data is listed 2 times"):
        orders(vm(1001, 100, seed=SEED, user_data_id=ID))


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
