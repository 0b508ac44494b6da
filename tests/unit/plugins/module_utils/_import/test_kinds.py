# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds of guests for the devices, images and interfaces of other tools."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import kinds
from ansible_collections.cloudrepo.slices.plugins.module_utils.shipped_kinds import SHIPPED


@pytest.mark.parametrize(
    ("device", "image", "kind"),
    [
        ("cumulus", None, "cumulus-vx"),
        ("cvx", None, "cumulus-vx"),
        ("nokia_srlinux", "ghcr.io/nokia/srlinux:24.10", "nokia-srlinux"),
        ("frr", None, "frr"),
        ("linux", "frrouting/frr:v8.4.0", "frr"),
        ("linux", "quay.io:443/frrouting/frr@sha256:00", "frr"),
        ("linux", "alpine", "alpine"),
        (None, "ubuntu:24.04", "ubuntu"),
        ("linux", "network-multitool", None),
        ("linux", None, None),
        (None, None, None),
        ("eos", "frr", None),
    ],
)
def test_a_device_or_the_image_of_a_host_has_a_kind(device: str | None, image: str | None, kind: str | None) -> None:
    assert kinds.shipped(device, image) == kind
    assert kind is None or kind in SHIPPED


@pytest.mark.parametrize(
    ("kind", "interface", "name", "number"),
    [
        (None, "eth3", "eth3", 3),
        (None, "eth0", None, None),
        (None, "eth128", "eth128", 128),
        (None, "eth129", None, None),
        (None, "swp1", None, None),
        ("cumulus-vx", "swp3", "swp3", 3),
        ("cumulus-vx", "eth3", "eth3", 3),
        ("nokia-srlinux", "ethernet-1/7", "ethernet-1/7", 7),
        ("nokia-srlinux", "e1-7", "ethernet-1/7", 7),
        ("nokia-srlinux", "e1-", None, None),
        ("nokia-srlinux", "mgmt0", None, None),
        ("of-mine", "Ethernet1", "Ethernet1", None),
    ],
)
def test_interfaces_have_names_of_their_kind(
    kind: str | None, interface: str, name: str | None, number: int | None
) -> None:
    assert kinds.interface(kind, interface) == name
    if name is not None:
        assert kinds.number(kind, name) == number


@pytest.mark.parametrize(
    ("kind", "internet", "possible"),
    [
        (None, False, True),
        ("of-mine", False, True),
        ("vyos", False, True),
        ("frr", False, False),
        ("frr", True, True),
        ("cumulus-vx", True, False),
    ],
)
def test_a_start_up_needs_a_way_into_the_guest(kind: str | None, internet: bool, possible: bool) -> None:
    assert kinds.has_start_up(kind, internet=internet) is possible
    assert kinds.needs_address(kind) is (kind == "frr")


@pytest.mark.parametrize(
    ("kind", "device", "text", "command"),
    [
        ("frr", "frr", "hostname a\n", "vtysh -f /a"),
        ("frr", "frr", "#!/bin/sh\n", "/a"),
        ("frr", "linux", "ip link\n", "sh /a"),
        (None, "linux", "ip link\n", "sh /a"),
        (None, None, "ip link\n", None),
        ("vyos", "vyos", "set x\n", None),
    ],
)
def test_how_a_configuration_is_applied(kind: str | None, device: str | None, text: str, command: str | None) -> None:
    assert kinds.loads(kind, device, "/a", text) == command
