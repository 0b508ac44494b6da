# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import in_use, revisions, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import InUse
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import MORE, FakeRunner, mark, uuid

OBSERVE = (*VSCTL, "--format=json", MORE)


def no_switch() -> FakeRunner:
    return FakeRunner().tell(*OBSERVE, rc=127, stderr="ovs-vsctl: command not found")


def switch(*ports: tuple[str, dict[str, str], int | None]) -> FakeRunner:
    """Return a host whose bridge has ports with these names, external_ids and VLANs."""
    nothing: list[Any] = ["set", []]
    rows = [
        {
            "_uuid": ["uuid", name],
            "name": name,
            "tag": nothing if tag is None else tag,
            **dict.fromkeys(("vlan_mode", "trunks", "interfaces", "qos"), nothing),
            "external_ids": ["map", [*ids.items()]],
            "other_config": ["map", []],
        }
        for name, ids, tag in ports
    ]
    uuids = ["set", [row["_uuid"] for row in rows]]
    bridge = {"name": "br-int", "ports": uuids, "datapath_type": "", "fail_mode": nothing}
    tables = [{"headings": [*table[0]], "data": [[*row.values()] for row in table]} for table in ([bridge], rows)] + [
        {"headings": [], "data": []}
    ] * 2
    return FakeRunner().tell(*OBSERVE, stdout="\n".join(map(json.dumps, tables)))


def test_a_new_host_uses_nothing(tmp_path: Path) -> None:
    found = in_use.look(str(tmp_path), FakeRunner(), unit_dir=str(tmp_path / "units"))
    assert found == {"highest_id": None, "highest_revision": None, "slices": []}


def test_a_folder_that_does_not_say_whose_it_is_uses_its_number(tmp_path: Path) -> None:
    (tmp_path / "vms/1040").mkdir(parents=True)
    (tmp_path / "vms/1040/a_img.qcow2").touch()
    found = in_use.look(str(tmp_path), FakeRunner(), unit_dir=str(tmp_path / "units"))
    assert (found["highest_id"], found["slices"]) == (1040, [])


def test_slices_are_found_by_folders_units_reservations_and_networks(tmp_path: Path) -> None:
    units = tmp_path / "units"
    for folder in ("vms/1036", "dhcp/hosts.d", "networks/1009", "names", "units"):
        (tmp_path / folder).mkdir(parents=True)
    mark(tmp_path / "vms/1036", 1035, slice_uuid=uuid(1))
    (units / "cloudrepo-1003@.service").write_text(systemd.template_text("cloudrepo-3", uuid(2)))
    (tmp_path / "dhcp/hosts.d/1006").write_text("52:54:00:03:ef:00,10.60.7.101,vm1\n")
    (tmp_path / "names/1006.uuid").write_text(f"{uuid(3)}\n")
    revisions.note([SliceOrder(1035, (), revision=5)], state_dir=str(tmp_path), kind=revisions.WORKER)
    revisions.note([SliceOrder(1006, (), revision=7)], state_dir=str(tmp_path), kind=revisions.NETWORK_NODE)
    found = in_use.look(str(tmp_path), no_switch(), unit_dir=str(units))
    assert found == {
        "highest_id": 1036,
        "highest_revision": 7,
        "slices": [
            {"slice_id": 1003, "slice_uuid": uuid(2)},
            {"slice_id": 1006, "slice_uuid": uuid(3), "reservations": [{"address": "10.60.7.101"}]},
            {"slice_id": 1009},
            {"slice_id": 1035, "slice_uuid": uuid(1)},
        ],
    }
    assert InUse.from_dict({"host": "worker1", **found}).highest_id == 1036


def test_a_folder_that_somebody_made_uses_no_ids_up(tmp_path: Path) -> None:
    for name in ("9999999", "9000000", "8999999", "1004²", "x"):
        (tmp_path / "vms" / name).mkdir(parents=True)
        (tmp_path / "vms" / name / "a_img.qcow2").touch()
    found = in_use.look(str(tmp_path), FakeRunner(), unit_dir=str(tmp_path / "units"))
    assert found["highest_id"] == 8_999_999


def test_what_cannot_be_the_id_of_a_slice_is_none(tmp_path: Path) -> None:
    for number in ("0", "1003", "10000000", "²", "1004²"):
        (tmp_path / f"networks/{number}").mkdir(parents=True)
    found = in_use.look(str(tmp_path), no_switch(), unit_dir=str(tmp_path / "units"))
    assert ([each["slice_id"] for each in found["slices"]], found["highest_id"]) == ([1003], 1003)


def test_the_vlans_of_slices_are_those_of_their_ports(tmp_path: Path) -> None:
    """Also of VMs that are off, and if the host has forgotten all orders, because another cloud took it over."""
    for folder in ("vms/1036", "networks/1009"):
        (tmp_path / folder).mkdir(parents=True)
    mark(tmp_path / "vms/1036", 1035, slice_uuid=uuid(1))
    runner = switch(
        ("tap_1036_eth0", {"cloudrepo-slice": "1035"}, 400),
        ("tap_1036_eth1", {"cloudrepo-slice": "1035"}, 120),
        ("tap_1037_eth1", {"cloudrepo-slice": "1035"}, 120),
        ("tap_1036_eth2", {"cloudrepo-slice": "1035"}, None),
        ("tap_1036_eth3", {"cloudrepo-slice": "1035"}, 0),
        ("net_101", {"cloudrepo-services": "1009"}, 101),
        ("gw0", {"cloudrepo-infrastructure": "network_node"}, 400),
        ("x", {"cloudrepo-slice": "²"}, 7),
    )
    found = in_use.look(str(tmp_path), runner, unit_dir=str(tmp_path / "units"))
    assert found["slices"] == [
        {"slice_id": 1009, "vlans": [{"vlan_id": 101}]},
        {"slice_id": 1035, "slice_uuid": uuid(1), "vlans": [{"vlan_id": 120}, {"vlan_id": 400}]},
    ]


@pytest.mark.parametrize(
    ("display", "ports"),
    [
        ("10.0.10.1:6 with a password", [5906]),
        ("[fd00::1]:7", [5907]),
        ("unix:/run/cloudrepo/1036/vnc.sock with a password", []),
        ("none", []),
        ("10.0.10.1:0", []),
        (None, []),
    ],
)
def test_the_ports_of_displays_are_those_with_which_vms_were_started(
    display: str | None, ports: list[int], tmp_path: Path
) -> None:
    (tmp_path / "vms/1036").mkdir(parents=True)
    mark(tmp_path / "vms/1036", 1035, slice_uuid=uuid(1))
    started = {"interfaces": [], **({} if display is None else {"vnc": display})}
    (tmp_path / "vms/1036/vm.json").write_text(json.dumps(started))
    (found,) = in_use.look(str(tmp_path), no_switch(), unit_dir=str(tmp_path / "units"))["slices"]
    assert found.get("vnc_ports", []) == [{"vnc_port": port} for port in ports]


def test_a_vm_whose_file_cannot_be_read_is_no_obstacle(tmp_path: Path) -> None:
    for vm_id in (1036, 1037):
        (tmp_path / f"vms/{vm_id}").mkdir(parents=True)
        mark(tmp_path / f"vms/{vm_id}", 1035)
    (tmp_path / "vms/1036/vm.json").mkdir()
    (tmp_path / "vms/1037/vm.json").write_text('{"interfaces": [], "vnc": "10.0.10.1:7"}')
    (found,) = in_use.look(str(tmp_path), no_switch(), unit_dir=str(tmp_path / "units"))["slices"]
    assert found["vnc_ports"] == [{"vnc_port": 5907}]


def test_a_switch_that_does_not_respond_is_not_one_without_ports(tmp_path: Path) -> None:
    (tmp_path / "networks/1009").mkdir(parents=True)
    why = "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed"
    with pytest.raises(CommandFailed, match="database connection failed"):
        in_use.look(str(tmp_path), FakeRunner().tell(*OBSERVE, rc=1, stderr=why), unit_dir=str(tmp_path / "units"))
