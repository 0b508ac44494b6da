# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of VMs with UEFI, and hosts without OVMF."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import devices, firmware
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM

from ..fakes import ME, orders, settings, vm


@pytest.fixture
def ovmf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OVMF on a host that has it."""
    folder = tmp_path / "OVMF"
    folder.mkdir()
    for name in ("OVMF_CODE", "OVMF_VARIABLES"):
        path = folder / Path(getattr(devices, name)).name
        path.write_bytes(name.encode())
        monkeypatch.setattr(devices, name, str(path))


def one(**fields: Any) -> VM:
    (read,) = all_vms(orders(vm(1001, 100, **fields)))
    return read


PATH = "/vms/1001/uefi_variables.fd"


def started(state_dir: Path, **said: str) -> dict[str, str | None]:
    """What is known of the VM's last start."""
    return {f"{state_dir}/vms/1001/vm.json": json.dumps({"interfaces": [], **said})}


@pytest.mark.parametrize(
    ("said", "is_lost"), [({"firmware": "uefi"}, True), ({"firmware": "bios"}, False), ({}, False), (None, False)]
)
def test_variables_are_lost_if_the_vm_has_started_with_uefi(
    tmp_path: Path, said: dict[str, str] | None, is_lost: bool
) -> None:
    state, wanted = settings(state_dir=str(tmp_path)), [one(firmware="uefi")]
    texts = {} if said is None else started(tmp_path, **said)
    absent = firmware.missing(wanted, state)
    assert absent == {1001: f"{tmp_path}{PATH}"}
    assert firmware.lost(wanted, absent, texts, state) == (absent if is_lost else {})
    assert firmware.lost([], absent, texts, state) == {}


def test_variables_that_are_there_or_not_needed_are_not_missing(tmp_path: Path) -> None:
    state = settings(state_dir=str(tmp_path))
    assert firmware.missing([one()], state) == {}
    assert firmware.lost([one()], {}, started(tmp_path), state) == {}
    (tmp_path / "vms/1001").mkdir(parents=True)
    Path(f"{tmp_path}{PATH}").touch()
    assert firmware.missing([one(firmware="uefi")], state) == {}


@pytest.mark.usefixtures("ovmf")
def test_the_variables_are_those_of_ovmf_until_the_guest_changes_them(tmp_path: Path) -> None:
    folder = tmp_path / "vms" / "1001"
    folder.mkdir(parents=True)
    state = settings(state_dir=str(tmp_path), accounts=ME)
    (file,) = firmware.variables(one(firmware="uefi"), state)
    assert (file.path, file.content, file.mode, file.uid) == (
        f"{folder}/uefi_variables.fd",
        b"OVMF_VARIABLES",
        0o600,
        os.getuid(),
    )
    (folder / "uefi_variables.fd").write_bytes(b"changed")
    assert list(firmware.variables(one(firmware="uefi"), state)) == []


@pytest.mark.usefixtures("ovmf")
def test_a_host_without_ovmf_refuses_a_slice_that_needs_it() -> None:
    wanted = orders(vm(1001, 100, firmware="uefi"), vm(1002, 101))
    assert list(firmware.conflicts(wanted)) == []
    os.remove(devices.OVMF_VARIABLES)
    ((slice_id, refusal),) = firmware.conflicts(wanted)
    assert slice_id == 1000
    assert refusal.message == (
        f"VM 1001 (vm1): {devices.OVMF_VARIABLES} does not exist; a VM with UEFI needs OVMF on its worker; "
        "add ovmf to worker_packages and run cloudrepo.slices.site"
    )
    assert list(firmware.conflicts(orders(vm(1001, 100)))) == []
