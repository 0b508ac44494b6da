# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import vnc
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ..fakes import ME, PASSWORD_ID, FakeMonitor, orders, settings, vm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of VM 1001, whose display has its password."""
    made = tmp_path / "vms/1001"
    made.mkdir(parents=True)
    (new,) = vnc.plan(vms(tmp_path), {}, live=())
    secret = vnc.secret(new, {1001: "hMr3kWpa"}, settings=here(tmp_path))
    files.write_all([secret, vnc.note(new, settings=here(tmp_path))])
    return made


def vms(state_dir: Path):
    return all_vms(orders(vm(1001, 100, state_dir=str(state_dir)), state_dir=str(state_dir)))


def here(state_dir: Path):
    return settings(state_dir=str(state_dir), accounts=ME)


@pytest.mark.usefixtures("folder")
def test_stored_state_is_read_back(tmp_path):
    have = vnc.observe(vms(tmp_path), here(tmp_path))

    assert have == {1001: PASSWORD_ID}
    assert vnc.plan(vms(tmp_path), have, live=()) == ()


def test_files_that_were_written_in_the_same_instant_are_as_written(tmp_path, folder):
    """The clock of a file system may only advance every few milliseconds."""
    noted = (folder / "vnc.id").stat().st_mtime_ns
    os.utime(folder / "vnc.secret", ns=(noted, noted))
    assert vnc.observe(vms(tmp_path), here(tmp_path)) == {1001: PASSWORD_ID}


@pytest.mark.parametrize("spoil", ["remove", "open up", "replace by a link", "change"])
def test_a_changed_file_is_written_again(tmp_path, folder, spoil):
    secret = folder / "vnc.secret"
    if spoil == "open up":
        secret.chmod(0o444)
    elif spoil == "change":
        noted = (folder / "vnc.id").stat().st_mtime_ns
        secret.chmod(0o600)
        secret.write_text("another")
        secret.chmod(0o400)
        os.utime(secret, ns=(noted + 1, noted + 1))
    else:
        secret.rename(tmp_path / "elsewhere")
    if spoil == "replace by a link":
        secret.symlink_to(tmp_path / "elsewhere")

    assert vnc.observe(vms(tmp_path), here(tmp_path)) == {}


def test_passwords_are_read():
    assert vnc.read_passwords({"1001": "hMr3kWpa", 1002: "x"}) == {1001: "hMr3kWpa", 1002: "x"}


@pytest.mark.parametrize("password", ["ninechars", "", "tab\there", "motörhd", 12345678, None])
def test_a_password_that_vnc_does_not_accept_is_refused_without_showing_it(password):
    with pytest.raises(Refused) as refused:
        vnc.read_passwords({"1001": password})
    assert refused.value.refusals == [Refusal("invalid_password", "VM 1001")]


def test_invalid_vms_are_refused():
    with pytest.raises(Refused) as refused:
        vnc.read_passwords({"vm1": "hMr3kWpa"})
    assert refused.value.refusals == [Refusal("invalid_vm_id", "settings", {"option": "vnc_passwords", "got": "vm1"})]


def test_an_order_names_the_password_of_each_display(tmp_path):
    unnamed = all_vms(
        orders(vm(1001, 100, state_dir=str(tmp_path), vnc_password_id=None), state_dir=str(tmp_path)),
    )
    with pytest.raises(Refused) as refused:
        vnc.plan(unnamed, {}, live=())
    assert refused.value.refusals == [Refusal("password_id_missing", "VM 1001 (vm1)")]


def test_passwords_to_set_are_known_before_anything_is_changed(tmp_path):
    (first,) = vms(tmp_path)
    (new,) = vnc.plan([first], {1001: "0" * 16}, live=[first])
    assert new == vnc.NewPassword(first, live=True)
    assert vnc.plan([first], {}, live=()) == (vnc.NewPassword(first, live=False),)
    vnc.need([new], {1001: "hMr3kWpa"})
    assert (vnc.missing([new], {1001: "x"}), vnc.missing([new], {1002: "x"})) == ([], [first])
    with pytest.raises(Refused) as refused:
        vnc.need([new], {1002: "x"})
    assert refused.value.refusals == [Refusal("password_missing", "VM 1001 (vm1)")]


def test_a_running_vm_gets_its_password(tmp_path):
    (first,) = vms(tmp_path)
    monitor = FakeMonitor().tell("set_password")
    vnc.set_password(vnc.NewPassword(first, live=True), {1001: "hMr3kWpa"}, monitor)
    ((path, command, arguments),) = monitor.commands
    assert (path, command, arguments["password"]) == ("/run/cloudrepo/1001/qmp.sock", "set_password", "hMr3kWpa")


@pytest.mark.usefixtures("folder")
def test_the_files_of_a_password_have_narrow_modes(tmp_path, folder):
    (new,) = vnc.plan(vms(tmp_path), {}, live=())
    account = ME.of(1000)
    secret = vnc.secret(new, {1001: "x"}, settings=here(tmp_path))
    assert (secret.path, secret.mode, secret.uid, secret.gid) == (
        f"{folder}/vnc.secret",
        0o400,
        account.uid,
        account.gid,
    )
    note = vnc.note(new, settings=here(tmp_path))
    assert (note.path, note.mode, note.gid, note.content) == (
        f"{folder}/vnc.id",
        0o640,
        account.gid,
        f"{PASSWORD_ID}\n".encode(),
    )
