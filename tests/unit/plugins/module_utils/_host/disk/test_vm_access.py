# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.access import Access
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import vm_access
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import VNC_SECRET
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.devices import UEFI_VARIABLES
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..fakes import orders, vm

ACCOUNTS = Accounts("cloudrepo", {1000: Account(7, 8)})


def test_only_qemu_may_read_the_disks_and_secrets_of_a_vm(tmp_path: Path) -> None:
    (order,) = orders(vm(1001, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    found = [(Path(path).name, is_roots, mode) for path, _kind, is_roots, mode in vm_access._places(order.vms[0])]
    assert (found[0], found[1][1:]) == (("1001", True, 0o750), (True, 0o640))
    assert [each for each in found if not each[1]] == [
        ("vm1_img.qcow2", False, 0o600),
        ("console.log", False, 0o640),
        (VNC_SECRET, False, 0o400),
        (UEFI_VARIABLES, False, 0o600),
    ]


def test_only_paths_that_exist_with_another_owner_or_mode_change(tmp_path: Path) -> None:
    (order,) = orders(vm(1001, state_dir=str(tmp_path)), state_dir=str(tmp_path))
    folder = tmp_path / "vms/1001"
    folder.mkdir(parents=True)
    (folder / "console.log").touch(mode=0o640)
    assert vm_access.folder_path(order.vms[0]) == str(folder)
    seen = vm_access.observe(order.vms)
    assert {Path(path).name for path in seen} == {"1001", "console.log"}
    right = Access("folder", os.geteuid(), 8, 0o750)
    given = dict(vm_access.changing(order.vms, {**seen, str(folder): right}, ACCOUNTS))
    log = str(folder / "console.log")
    assert given == {log: (1000, seen[log], Access("file", 7, 8, 0o640))}
    assert dict(vm_access.changing(order.vms, seen, Accounts("cloudrepo"))) == {}


def test_a_path_that_is_something_else_is_refused() -> None:
    (order,) = orders(vm(1001))
    folder = vm_access.folder_path(order.vms[0])
    link = Access("symbolic link", 0, 0, 0o777)
    figures = {"path": folder, "got": "symbolic link", "expected": "folder"}
    assert list(vm_access.replaced(order.vms[0], {folder: link})) == [
        Refusal("path_replaced", str(order.vms[0]), figures)
    ]
    assert list(vm_access.replaced(order.vms[0], {folder: Access("folder", 0, 0, 0o700)})) == []
