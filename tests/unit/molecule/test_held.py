# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What slices hold on hosts, and the rules for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ..scripts import ROOT, load

FILE = "extensions/molecule/failures/files/held.py"
held = load(FILE)
Row = held.Row

SOCKETS = """\
LISTEN 0 1 10.0.10.1:5902 0.0.0.0:* users:(("qemu-system-x86",pid=373,fd=18))
LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=20,fd=3))
LISTEN 0 10 127.0.0.1:6640 0.0.0.0:*
"""
PROCESSES = "373 /usr/bin/qemu-system-x86_64 -display none -readconfig /var/lib/cloudrepo/vms/1003/qemu.cfg\n"
NOTHING: list[Any] = ["set", []]
PORTS = {
    "headings": ["name", "tag", "external_ids"],
    "data": [
        ["tap_1003_eth0", 400, ["map", [["cloudrepo-slice", "1002"], ["cloudrepo-slice-uuid", "a"]]]],
        ["tap_1003_eth1", 140, ["map", [["cloudrepo-slice", "1002"], ["cloudrepo-slice-uuid", "a"]]]],
        ["tap_1003_eth2", NOTHING, ["map", [["cloudrepo-slice", "1002"], ["cloudrepo-slice-uuid", "a"]]]],
        ["net_141", 141, ["map", [["cloudrepo-services", "1002"], ["cloudrepo-slice-uuid", "a"]]]],
        ["trunk0", NOTHING, ["map", [["cloudrepo-infrastructure", "worker"]]]],
        ["br-int", NOTHING, ["map", []]],
    ],
}
ANSWERS = {held.SOCKETS: SOCKETS, held.PROCESSES: PROCESSES, held.PORTS: json.dumps(PORTS)}


def answer(command: Sequence[str]) -> str:
    return ANSWERS[tuple(command)]


def test_everything_that_a_slice_holds_is_found(tmp_path: Path) -> None:
    for folder in ("vms/1003", "vms/trash", "dhcp/hosts.d", "names"):
        (tmp_path / folder).mkdir(parents=True)
    said = {"slice_id": 1002, "slice_uuid": "a", "vm_id": 1003, "disks": {"one_img.qcow2": "d"}}
    (tmp_path / "vms/1003/identity.json").write_text(json.dumps(said))
    disk = tmp_path / "vms/1003/one_img.qcow2"
    disk.touch()
    (tmp_path / "dhcp/hosts.d/1002").write_text("52:54:00:03:eb:00,10.60.7.102,one\n")
    (tmp_path / "names/1002.uuid").write_text("a\n")
    found = list(held.look(answer, str(tmp_path)))
    assert {row.owner for row in found} == {"a"}
    assert [(row.kind, row.what) for row in found] == [
        ("id", "1002"),
        ("id", "1003"),
        ("disk", f"{disk} inode {disk.stat().st_ino}"),
        ("process", "VM 1003 pid 373"),
        ("vnc port", "5902"),
        ("port", "tap_1003_eth0 VLAN 400"),
        ("port", "tap_1003_eth1 VLAN 140"),
        ("vlan", "140"),
        ("port", "tap_1003_eth2 VLAN ['set', []]"),
        ("gateway", "net_141 VLAN 141"),
        ("vlan", "141"),
        ("address", "10.60.7.102"),
    ]


def test_a_disk_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "vms/1003").mkdir(parents=True)
    said = {"slice_id": 1002, "slice_uuid": "a", "vm_id": 1003, "disks": {"one_img.qcow2": "d"}}
    (tmp_path / "vms/1003/identity.json").write_text(json.dumps(said))
    with pytest.raises(FileNotFoundError):
        list(held.look(answer, str(tmp_path)))


WHOLE = [Row("a", kind, "1") for kind in held.KINDS]


def test_a_slice_that_holds_the_same_is_kept() -> None:
    kept = [{"name": "web", "uuid": "a"}]
    assert held.judge({"before": {"w1": WHOLE}, "after": {"w1": WHOLE}, "kept": kept}) == []


@pytest.mark.parametrize("kind", held.KINDS)
@pytest.mark.parametrize("what", [None, "2"])
def test_a_slice_that_holds_something_else_is_not_kept(kind: str, what: str | None) -> None:
    others = [row for row in WHOLE if row.kind != kind]
    after = [*others, *([Row("a", kind, what)] if what else [])]
    kept = [{"name": "web", "uuid": "a"}]
    (line,) = held.judge({"before": {"w1": WHOLE}, "after": {"w1": after}, "kept": kept})
    assert line.startswith(f"slice web: {kind}s were [")
    only = [{"name": "web", "uuid": "a", "kinds": [each for each in held.KINDS if each != kind]}]
    assert held.judge({"before": {"w1": WHOLE}, "after": {"w1": after}, "kept": only}) == []


def test_a_slice_that_never_held_anything_is_not_kept() -> None:
    wrong = held.judge({"before": {"w1": []}, "after": {"w1": []}, "kept": [{"name": "web", "uuid": "a"}]})
    assert wrong[0] == "slice web: ids were [], and are []"
    assert len(wrong) == len(held.KINDS)


def test_an_object_on_another_host_is_another_one() -> None:
    kept = [{"name": "web", "uuid": "a", "kinds": ["disk"]}]
    rows = [Row("a", "disk", "/vms/1003/one_img.qcow2 inode 7")]
    assert len(held.judge({"before": {"w1": rows}, "after": {"w2": rows}, "kept": kept})) == 1


def test_what_is_left_of_a_slice_is_reported() -> None:
    rows = [Row("a", "gateway", "net_141 VLAN 141")]
    gone = [{"name": "web", "uuid": "a"}]
    assert held.judge({"after": {"n": rows}, "gone": gone}) == [
        "slice web still holds ['n: net_141 VLAN 141']",
    ]
    assert held.judge({"after": {"n": rows}, "gone": [{"name": "web", "uuid": "b"}]}) == []


@pytest.mark.parametrize("kind", held.NUMBERS)
def test_a_number_that_two_slices_hold_is_reported(kind: str) -> None:
    after = {"w1": [Row("a", kind, "7")], "w2": [Row("b", kind, "7"), Row("b", kind, "8")]}
    assert held.judge({"after": after}) == [f"{kind} 7 is held by slices ['a', 'b']"]
    assert held.judge({"after": {"w1": [Row("a", "port", "x")], "w2": [Row("b", "port", "x")]}}) == []


@pytest.mark.parametrize(
    ("kind", "what"), [("id", "1008"), ("id", "1009"), ("vlan", "260"), ("vnc port", "5906"), ("address", "10.60.7.9")]
)
def test_a_number_of_a_planned_slice_that_another_one_holds_is_reported(kind: str, what: str) -> None:
    interfaces = [{"ip_config": {"ip": "10.60.7.9"}}, {"ip_config": None}, {}]
    vms = [{"vm_id": 1009, "vnc_port": 5906, "interfaces": interfaces}]
    slice_ = {"uuid": "b", "slice_id": 1008, "vlan_pool_used": [260], "vms": vms}
    seen = {"after": {"w1": [Row("a", kind, what)]}, "planned": [slice_]}
    assert held.judge(seen) == [f"{kind} {what} is held by slices ['a', 'b']"]


@pytest.mark.parametrize(
    ("kind", "what", "key", "number"),
    [
        ("address", "10.60.7.102", "address", 171706214),
        ("vnc port", "5906", "vnc_port", 5906),
        ("vlan", "139", "vlan_pool", 1),
        ("vlan", "140", "vlan_pool", 2),
    ],
)
def test_what_a_slice_holds_must_be_in_use(kind: str, what: str, key: str, number: int) -> None:
    nothing: dict[str, list[int]] = {"address": [], "vnc_port": [], "vlan_pool": []}
    after = {"w1": [Row("a", kind, what), Row("a", "id", "1008")]}
    assert held.judge({"after": after, "in_use": {**nothing, key: [number]}}) == []
    assert held.judge({"after": after, "in_use": {**nothing, key: [number + 1]}}) == [
        f"{kind} {what} is free, but held"
    ]
    assert held.judge({"after": after, "in_use": {}}) == []


def test_the_command_fails_with_the_broken_rules() -> None:
    def run(seen: dict[str, Any]) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, ROOT / FILE, "judge"], input=json.dumps(seen), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    after = {"w1": [["a", "vlan", "7"]], "w2": [["b", "vlan", "7"]]}
    assert run({"after": after}) == (1, "vlan 7 is held by slices ['a', 'b']\n")
    assert run({"after": {"w1": [["a", "vlan", "7"]]}}) == (0, "1 rows are as expected\n")
