# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leases end with the membership of their interfaces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import files, leases

from .test_files import FOLDERS
from .test_work_order import LAN, QUIET, order

VM1 = "1795371735 52:54:00:03:e9:01 192.168.101.17 vm1 01:52:54:00:03:e9:01\n"


def config() -> str:
    return files.texts(order(networks=(LAN, QUIET))[0], FOLDERS)["/s/networks/1000/dnsmasq.conf"]


@pytest.mark.parametrize(
    "gone",
    [
        VM1.replace("e9:01", "ea:01"),
        VM1.replace("101.17", "101.9"),
        VM1.replace("101.17", "101.251"),
        VM1.replace("192.168.101.17", "nonsense"),
        "duid 00:01:00:01\n",
        "nonsense\n",
    ],
)
def test_only_members_keep_their_leases(gone: str) -> None:
    assert leases.kept(gone + VM1, config()) == VM1


@pytest.mark.parametrize("option", ["#dhcp-host", "dhcp-mac"])
def test_only_a_reservation_makes_a_member(option: str) -> None:
    assert leases.kept(VM1, config().replace("dhcp-host=52:54:00:03:e9:01", f"{option}=52:54:00:03:e9:01")) == ""


@pytest.mark.parametrize("address", ["192.168.101.10", "192.168.101.250"])
def test_a_member_keeps_any_address_of_its_range(address: str) -> None:
    lease = VM1.replace("192.168.101.17", address).replace(" 52:54:00:03:e9:01", " 52:54:00:03:E9:01")
    assert leases.kept(lease, config()) == lease


def test_a_member_that_has_moved_to_another_network_gives_up_its_address() -> None:
    """Its VM may be off, so that it asks for none in the new network, and the old one may be full without it."""
    moved = order(networks=({**LAN, "members": []}, {**QUIET, "members": LAN["members"]}))[0]
    text = files.texts(moved, FOLDERS)["/s/networks/1000/dnsmasq.conf"]
    there = VM1.replace("192.168.101.17", "10.0.0.2")
    assert leases.kept(VM1 + there, text) == there


def test_without_dhcp_all_leases_are_removed() -> None:
    assert leases.kept(VM1, "interface=net_101\n") == ""


def test_the_lease_file_keeps_its_owner(tmp_path: Path) -> None:
    leases.prune(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "leases"
    path.write_text(VM1 * 2 + VM1.replace("e9", "ea"))
    path.chmod(0o640)
    owner = (path.stat().st_uid, path.stat().st_gid)
    if os.getuid() == 0:
        os.chown(path, 4242, 4343)
        owner = (4242, 4343)
    (tmp_path / "dnsmasq.conf").write_text(config())
    leases.prune(str(tmp_path))
    assert path.read_text() == VM1 * 2
    assert (path.stat().st_mode & 0o777, path.stat().st_uid, path.stat().st_gid) == (0o640, *owner)


def test_a_file_without_former_members_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text(VM1)
    (tmp_path / "dnsmasq.conf").write_text(config())
    before = path.stat().st_ino
    leases.prune(str(tmp_path))
    assert path.stat().st_ino == before
