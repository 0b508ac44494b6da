# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host says of slices is read from systemd, QEMU, Open vSwitch and its files."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from ..scripts import load

observe = load("faults/observe.py")
SHOWN = """Id=cloudrepo-1000@1001.service
ActiveState=active
MainPID=7

Id=slices-names@1000.service
ActiveState=failed
MainPID=0
"""
UUID = "5f0c1c5e-8a59-4c36-9d1c-6c1f8a1f0b77"


def test_units_are_read_from_systemd() -> None:
    assert observe.units(SHOWN) == {
        "cloudrepo-1000@1001.service": {"state": "active", "pid": 7},
        "slices-names@1000.service": {"state": "failed", "pid": 0},
    }
    assert observe.units("") == {}


def test_qemus_are_known_by_their_configuration() -> None:
    qemu = "/usr/bin/qemu-system-x86_64\0-readconfig\0/var/lib/cloudrepo/vms/{}/qemu.cfg\0"
    shell = "/bin/sh\0vm-run\0/var/lib/cloudrepo/vms/1001/qemu.cfg\0"
    found = observe.qemus([(7, qemu.format(1001)), (8, qemu.format(1001)), (9, qemu.format(1002)), (5, shell)])
    assert found == {"1001": [7, 8], "1002": [9]}


def test_ports_have_the_vlan_of_an_access_port() -> None:
    rows = [["tap_1001_eth0", 400], ["tap_1001_eth1", ["set", []]], ["trunk0", ["set", []]]]
    assert observe.ports(json.dumps({"data": rows})) == {"tap_1001_eth0": 400, "tap_1001_eth1": None}
    assert observe.ports("") == {}


def test_disks_have_the_uuid_in_their_folder(tmp_path: Path) -> None:
    for vm in ("1001", "1002"):
        (tmp_path / vm).mkdir()
        (tmp_path / vm / "vm1_img.qcow2").touch()
    (tmp_path / "1001/identity.json").write_text(json.dumps({"disks": {"vm1_img.qcow2": UUID}}))
    found = observe.disks(tmp_path)
    assert [each["uuid"] for each in found.values()] == [UUID, None]
    assert len({each["inode"] for each in found.values()}) == 2


def test_reservations_are_read_from_all_files(tmp_path: Path) -> None:
    (tmp_path / "1000").write_text("52:54:00:03:e9:00,10.60.7.101,vm1\n")
    (tmp_path / "1003").write_text("52:54:00:03:ec:00,10.60.7.102,vm1\n")
    assert observe.reservations(tmp_path) == {"52:54:00:03:e9:00": "10.60.7.101", "52:54:00:03:ec:00": "10.60.7.102"}


def test_temporary_files_are_found_in_all_folders(tmp_path: Path) -> None:
    (tmp_path / "vms/1001").mkdir(parents=True)
    drafts = ("vms/1001/.draft.qcow2", "vms/1001/.qemu.cfg.k3j_x81a.draft")
    for name in (*drafts, "vms/1001/qemu.cfg", ".updated", "a.abcdefgh.draft"):
        (tmp_path / name).touch()
    found = [f"{tmp_path}/{name}" for name in drafts]
    assert observe.drafts([str(tmp_path), f"{tmp_path}/none"]) == found


def test_cookies_of_flows_name_slices() -> None:
    flows = " cookie=0x636c7264000003e8, table=0\n cookie=0x636c726400000000, table=0\n cookie=0x0, table=0\n"
    assert {int(each, 16) for each in observe.COOKIE.findall(flows)} == {1000, 0}


@pytest.mark.parametrize(
    ("lines", "state"), [(['{"return": {}}', '{"return": {"status": "paused"}}'], "paused"), ([], "silent")]
)
def test_the_state_is_what_the_monitor_says(lines: list[str], state: str, tmp_path: Path) -> None:
    path = str(tmp_path / "qmp.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def speak() -> None:
            client, _address = server.accept()
            with client, client.makefile("rw", encoding="ascii") as stream:
                stream.write('{"QMP": {}}\n{"event": "RESUME"}\n')
                stream.flush()
                for line in lines:
                    stream.readline()
                    stream.write(f"{line}\n")
                    stream.flush()

        thread = threading.Thread(target=speak)
        thread.start()
        assert observe.answer(path) == state
        thread.join()


def test_a_monitor_that_is_not_there_is_silent(tmp_path: Path) -> None:
    assert observe.answer(str(tmp_path / "none")) == "silent"
