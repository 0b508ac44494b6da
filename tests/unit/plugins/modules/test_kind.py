# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds of guests from their registration to work orders."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind
from ansible_collections.cloudrepo.slices.plugins.modules import kind

from ..module_utils._domain import builders
from ..module_utils._domain.builders import refused
from ..module_utils._host.disk.images import bzimage, raw
from .module_calls import Door, Memory

SWITCH = {"firmware": "uefi", "disk_bus": "sata", "nic_model": "e1000", "interface_pattern": "swp{n}"}


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(Memory(builders.cluster()), monkeypatch)


def test_options_are_described_as_in_the_contract() -> None:
    options = yaml.safe_load(kind.DOCUMENTATION)["options"]
    told = {part.name: list(part.spec.description) for part in Kind.parts()}
    assert {name: options[name]["description"] for name in told} == told


def test_a_kind_is_registered_once(door: Door) -> None:
    first = door("kind", name="switch", **SWITCH)
    assert first["changed"]
    assert first["kinds"] == [{"name": "switch", **SWITCH}]
    assert not door("kind", name="switch", **SWITCH)["changed"]
    assert door("kind", kinds=[{"name": "switch", "state": "absent"}])["changed"]
    assert "kinds" not in door.data()


@pytest.mark.parametrize(
    ("option", "value"),
    [("console_password", 83), ("console_user", True), ("management_interface", False), ("console_shell", 1.5)],
)
def test_texts_that_yaml_reads_as_something_else_are_refused(door: Door, option: str, value: object) -> None:
    """A password C(0123) without quotes is the number 83."""
    message = door("kind", name="switch", **{option: value})["msg"]
    assert f"got {value!r}; quote names that YAML reads as something else" in message
    assert "kinds" not in door.data()


def test_a_tenant_registers_no_kinds_and_sees_all(door: Door) -> None:
    (refusal,) = refused(door("kind", name="switch", acting_user="alice"))
    assert (refusal.code, refusal.object) == ("admins_only", "kind")
    door("kind", name="switch", **SWITCH)
    kinds = {each["name"]: each for each in door("kind_info", acting_user="alice")["kinds"]}
    assert kinds["switch"] == {
        "name": "switch",
        "image": None,
        "kernel": None,
        "kernel_checksum": None,
        "initrd": None,
        "initrd_checksum": None,
        "kernel_arguments": None,
        "max_data_interfaces": None,
        "first_interface": 1,
        "management_interface": "eth0",
        "set_up": "cloud_init",
        "ready_when": "auto",
        "shutdown": "none",
        "shutdown_timeout_s": 60,
        "console": "shell",
        "console_user": "root",
        "console_password": None,
        "console_shell": None,
        "startup_via": "console",
        "most_data_interfaces": 30,
        "is_registered": True,
        "guest": None,
        "source": None,
        "is_tried": False,
        **SWITCH,
    }
    assert (kinds["cumulus-vx"]["guest"], kinds["cumulus-vx"]["is_registered"]) == ("Cumulus VX", False)


def test_some_kinds_are_shown_by_name(door: Door) -> None:
    assert [each["name"] for each in door("kind_info", names=["vyos", "cirros"])["kinds"]] == ["cirros", "vyos"]
    (refusal,) = refused(door("kind_info", acting_user="nobody"))
    assert refusal.code == "unknown_acting_user"


def test_a_work_order_has_the_hardware_of_the_kind_and_how_to_shut_it_down(door: Door) -> None:
    door("kind", name="switch", shutdown="acpi", shutdown_timeout_s=90, **SWITCH)
    vms = [{"name": "s1", "flavor": "cirros", "kind": "switch"}, {"name": "s2", "flavor": "cirros"}]
    result = door("slice", name="web", vms=vms, links=[{"endpoints": ["s1:swp1", "s2"]}], work_orders=True)
    ordered = {
        vm["name"]: vm
        for order in result["work_orders"]["workers"].values()
        for one in order["slices"]
        for vm in one["vms"]
    }
    hardware = {"firmware": "uefi", "disk_bus": "sata", "nic_model": "e1000"}
    hardware.update(shutdown="acpi", shutdown_timeout_s=90)
    assert {key: ordered["s1"][key] for key in hardware} == hardware
    assert not hardware.keys() & ordered["s2"].keys()


def test_one_part_of_a_slice_may_be_named_as_in_the_guest(door: Door) -> None:
    door("kind", name="switch", interface_pattern="swp{n}")
    vms = [{"name": name, "flavor": "cirros", "kind": "switch", "data_interfaces": 4} for name in ("s1", "s2")]
    door("slice", name="web", vms=vms)
    first = door("link", slice="web", endpoints=["s1:swp3", "s2:swp4"])
    assert (first["link"]["vm1_interface"], first["link"]["vm2_interface"]) == ("eth3", "eth4")
    again = door("link", slice="web", endpoints=["s1:swp3", "s2:eth4"])
    assert not again["changed"]
    limited = door("vm", slice="web", name="s1", interfaces=[{"name": "swp3", "tx_kbps": 1000}])
    assert limited["vm"]["interfaces"][3]["tx_kbps"] == 1000
    assert door("link", slice="web", endpoints=["s1:swp3", "s2:swp4"], state="absent")["changed"]
    more = [{"endpoints": ["s1:swp1", "s2:swp1"]}]
    appended = door("slice", name="web", append=True, links=more)
    assert [(each["vm1_interface"], each["vm2_interface"]) for each in appended["slices"][0]["links"]] == [
        ("eth1", "eth1")
    ]
    assert not door("slice", name="web", append=True, links=more)["changed"]


@pytest.fixture
def boots(tmp_path: Path) -> dict[str, Any]:
    """A kernel and an initrd on the orchestrator."""
    (tmp_path / "vmlinuz").write_bytes(bzimage())
    (tmp_path / "initrd.gz").write_bytes(gzip.compress(b"070701"))
    names = {"kernel": str(tmp_path / "vmlinuz"), "initrd": str(tmp_path / "initrd.gz")}
    return {**names, "kernel_arguments": "console=ttyS0 quiet"}


def digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def ordered(result: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first VM in work orders, and the images of its worker without that of its disk."""
    (order,) = (order for order in result["work_orders"]["workers"].values() if order["images"])
    return order["slices"][0]["vms"][0], [each for each in order["images"] if "content" in each]


def test_a_kernel_and_an_initrd_are_registered_with_their_checksums(door: Door, boots: dict[str, Any]) -> None:
    first = door("kind", name="direct", **boots)
    sums = {f"{name}_checksum": digest(boots[name]) for name in ("kernel", "initrd")}
    assert first["kinds"] == [{"name": "direct", **boots, **sums}]
    assert not door("kind", name="direct", **boots)["changed"]
    assert not door("kind", name="direct", kernel_checksum=sums["kernel_checksum"], **boots)["changed"]
    Path(boots["kernel"]).write_bytes(bzimage(8192))
    again = door("kind", name="direct", **boots)
    assert again["kinds"][0]["kernel_checksum"] == digest(boots["kernel"]) != sums["kernel_checksum"]
    removed = door("kind", name="direct", kernel="", initrd="", kernel_arguments="")
    assert removed["kinds"] == [{"name": "direct"}]


def test_a_vm_boots_the_kernel_of_its_kind(door: Door, boots: dict[str, Any]) -> None:
    door("kind", name="direct", **boots)
    vms = [{"name": "a", "flavor": "cirros", "kind": "direct"}]
    vm, images = ordered(door("slice", name="web", vms=vms, work_orders=True))
    paths = {name: f"/var/lib/cloudrepo/images/{digest(boots[name])}.img" for name in ("kernel", "initrd")}
    assert {key: vm[key] for key in boots} == {**paths, "kernel_arguments": "console=ttyS0 quiet"}
    assert "boot" not in vm
    assert images == [
        {"checksum": digest(boots[name]), "path": path, "source": boots[name], "content": name}
        for name, path in paths.items()
    ]
    door("kind", name="direct", kernel="", initrd="", kernel_arguments="")
    vm, images = ordered(door("slice", name="web", vms=vms, work_orders=True))
    assert (boots.keys() & vm.keys(), images) == (set(), [])


def test_a_kind_with_a_kernel_that_a_vm_boots_is_not_removed(door: Door, boots: dict[str, Any]) -> None:
    door("kind", name="direct", **boots)
    door("slice", name="web", vms=[{"name": "a", "flavor": "cirros", "kind": "direct"}])
    (refusal,) = refused(door("kind", name="direct", state="absent"))
    assert (refusal.code, refusal.figures["users"]) == ("kind_in_use", ["VM web/a"])


def test_a_file_that_is_something_else_is_refused_and_nothing_is_stored(
    door: Door, boots: dict[str, Any], tmp_path: Path
) -> None:
    disk = str(raw(tmp_path / "disk"))
    kinds = [
        {"name": "a", "kernel": disk},
        {"name": "b", "kernel": boots["kernel"], "initrd": boots["kernel"]},
        {"name": "c", "kernel": "/no/such/file"},
        {"name": "d", "kernel": boots["kernel"], "kernel_checksum": "ab" * 32},
        {"name": "e", "kernel": "https://h/vmlinuz"},
        {"name": "f", "initrd_checksum": "ab" * 32},
    ]
    result = door("kind", kinds=kinds)
    assert [(each.code, each.object) for each in refused(result)] == [
        ("image_is_no_kernel", f"kind a: kernel {disk}"),
        ("image_is_no_initrd", f"kind b: initrd {boots['kernel']}"),
        ("image_not_found", "kind c"),
        ("checksum_mismatch", "kind d"),
        ("image_without_checksum", "kind e"),
        ("checksum_without_image", "kind f"),
    ]
    assert f"kind a: kernel {disk} is a raw disk; a kernel must be one of Linux for x86 (bzImage)" in result["msg"]
    assert "kinds" not in door.data()


def test_a_kernel_at_a_url_is_registered_as_it_is(door: Door) -> None:
    given = {"kernel": "https://h/vmlinuz", "kernel_checksum": "ab" * 32}
    assert door("kind", name="direct", **given)["kinds"] == [{"name": "direct", **given}]


def test_a_tenant_learns_nothing_about_files(door: Door) -> None:
    (refusal,) = refused(door("kind", name="direct", kernel="/no/such/file", acting_user="alice"))
    assert refusal.code == "admins_only"
