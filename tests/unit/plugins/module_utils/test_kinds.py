# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two names of interfaces, and how many a kind can have."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import Kind

SWITCH = Kind("switch", interface_pattern="ge-0/0/{n}", first_interface=0, management_interface="fxp0")


@pytest.mark.parametrize(
    ("kind", "interface", "own"),
    [
        (Kind("linux"), "eth0", "eth0"),
        (Kind("linux"), "eth12", "eth12"),
        (SWITCH, "eth0", "fxp0"),
        (SWITCH, "eth1", "ge-0/0/0"),
        (SWITCH, "eth128", "ge-0/0/127"),
        (Kind("swp", interface_pattern="swp{n}"), "eth3", "swp3"),
        (Kind("srl", interface_pattern="ethernet-1/{n}", management_interface="mgmt0"), "eth1", "ethernet-1/1"),
    ],
)
def test_each_interface_has_two_names(kind: Kind, interface: str, own: str) -> None:
    assert kind.own_name(interface) == own
    assert kind.standard_name(own) == interface
    assert kind.standard_name(interface) == interface


@pytest.mark.parametrize("other", ["ge-0/0/", "ge-0/0/01", "ge-0/0/x", "ge-0/1/0", "swp1", "eth", "ge-0/0/12345"])
def test_other_names_are_unchanged(other: str) -> None:
    assert SWITCH.standard_name(other) == other


def test_a_number_before_the_first_one_is_no_interface() -> None:
    kind = Kind("swp", interface_pattern="Gi{n}", first_interface=2, management_interface="Gi1")
    assert (kind.standard_name("Gi1"), kind.standard_name("Gi2")) == ("eth0", "eth1")
    assert kind.standard_name("Gi0") == "Gi0"
    assert not kind.is_ambiguous


@pytest.mark.parametrize(
    ("fields", "is_ambiguous"),
    [
        ({}, False),
        ({"interface_pattern": "swp{n}"}, False),
        ({"first_interface": 2}, True),
        ({"management_interface": "eth7"}, True),
        ({"interface_pattern": "eth1{n}"}, True),
        ({"interface_pattern": "swp{n}", "management_interface": "swp1"}, True),
        ({"interface_pattern": "swp{n}", "first_interface": 0, "management_interface": "ma1"}, False),
    ],
)
def test_a_name_means_one_interface(fields: dict[str, Any], is_ambiguous: bool) -> None:
    assert Kind("one", **fields).is_ambiguous is is_ambiguous


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 128),
        ({"max_data_interfaces": 8}, 8),
        ({"nic_model": "e1000"}, 30),
        ({"nic_model": "e1000", "max_data_interfaces": 52}, 30),
        ({"nic_model": "e1000e"}, 128),
    ],
)
def test_the_number_of_interfaces_has_a_limit(fields: dict[str, Any], most: int) -> None:
    assert Kind("one", **fields).most_data_interfaces == most


def test_a_kind_is_read_as_it_was_written() -> None:
    assert Kind.from_dict(SWITCH.to_dict()) == SWITCH == Kind.stored({**SWITCH.to_dict(), "later": 1})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"firmware": "coreboot"}, "kind one: firmware must be one of bios, uefi, got 'coreboot'"),
        (
            {"interface_pattern": "swp"},
            "kind one: interface_pattern must be 1-25 letters, digits and / . _ -, beginning with a letter, and {n}, "
            "got 'swp'",
        ),
        ({"max_data_interfaces": 200}, "kind one: max_data_interfaces must be 0-128, got 200"),
        ({"shutdown": "agent"}, "kind one: shutdown must be one of none, acpi, got 'agent'"),
        ({"shutdown_timeout_s": 601}, "kind one: shutdown_timeout_s must be 1-600, got 601"),
        ({"shutdown_timeout_s": 0}, "kind one: shutdown_timeout_s must be 1-600, got 0"),
        (
            {"kernel": "https://h/k"},
            "kind one: an image at a URL needs its SHA-256 as checksum, got https://h/k without checksum",
        ),
        (
            {"kernel": "/k", "kernel_checksum": "ab" * 32, "initrd_checksum": "ab" * 32},
            "kind one: initrd_checksum requires initrd, which is not set",
        ),
        (
            {"kernel": "/k", "kernel_checksum": "ab"},
            "kind one: kernel_checksum must be 64 hexadecimal digits, got 'ab'",
        ),
        (
            {"kernel": "/k\n", "kernel_checksum": "ab" * 32},
            "kind one: kernel must be a path or URL, got '/k\\n'",
        ),
    ],
)
def test_a_field_has_its_rule(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as caught:
        Kind.from_dict({"name": "one", **fields})
    assert caught.value.message == message


def test_a_kind_is_that_of_a_guest_with_virtio_and_cloud_init_unless_it_says_more() -> None:
    plain = Kind("linux")
    assert {part.name: getattr(plain, part.name) for part in Kind.parts()} == {
        "name": "linux",
        "image": None,
        "firmware": "bios",
        "kernel": None,
        "kernel_checksum": None,
        "initrd": None,
        "initrd_checksum": None,
        "kernel_arguments": None,
        "disk_bus": "virtio",
        "nic_model": "virtio-net-pci",
        "max_data_interfaces": None,
        "interface_pattern": "eth{n}",
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
    }
    assert plain.to_dict() == {"name": "linux"}


@pytest.mark.parametrize(
    ("first", "name", "standard"),
    [
        (1, "swp1", "eth1"),
        (1, "swp0", "swp0"),
        (0, "swp0", "eth1"),
        (2, "swp1", "swp1"),
        (2, "swp2", "eth1"),
        (1, "swp", "swp"),
    ],
)
def test_a_name_before_the_first_interface_is_none_of_a_guest(first: int, name: str, standard: str) -> None:
    kind = Kind("switch", interface_pattern="swp{n}", first_interface=first, management_interface="mgmt")
    assert kind.standard_name(name) == standard


def test_a_kind_is_named_as_linux_does_unless_it_says_more() -> None:
    plain = Kind("linux")
    assert (plain.first_interface, [plain.own_name(f"eth{number}") for number in (0, 1, 2)]) == (
        1,
        ["eth0", "eth1", "eth2"],
    )
    data = {**SWITCH.to_dict()}
    data.pop("first_interface", None)
    assert Kind.from_dict(data).first_interface == 1


def test_a_kind_has_the_images_that_it_boots() -> None:
    sums = {"kernel_checksum": "ab" * 32, "initrd_checksum": "cd" * 32}
    kernel, initrd = ("ab" * 32, "/k", "kernel"), ("cd" * 32, "/i", "initrd")
    assert Kind("one", kernel="/k", initrd="/i", **sums).boot_images == (kernel, initrd)
    assert Kind("one", kernel="/k", kernel_checksum="ab" * 32).boot_images == (kernel,)
    assert Kind("one").boot_images == ()
