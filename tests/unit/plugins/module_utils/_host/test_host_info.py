# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Information about a host."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import host_info
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_info import (
    TRY_NETEM,
    Interface,
    look,
    missing_packages,
)

from .fakes import FakeRunner

SHOW = ("ip", "-json", "-details", "address", "show")
DEVICES = [
    {"ifname": "lo", "mtu": 65536, "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
    {
        "ifname": "trunk0",
        "mtu": 9000,
        "master": "ovs-system",
        "linkinfo": {"info_kind": "bond", "info_slave_kind": "openvswitch"},
        "addr_info": [
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
            {"family": "inet", "local": "192.0.2.11", "prefixlen": 24},
        ],
    },
    {},
]


def test_interfaces_are_returned_with_their_ipv4_addresses() -> None:
    info = look(FakeRunner().tell(*SHOW, stdout=json.dumps(DEVICES)).tell(*TRY_NETEM))
    assert info.interfaces == (
        Interface("lo", 65536, ("127.0.0.1/8",)),
        Interface("trunk0", 9000, ("192.0.2.11/24",), kind="bond", master="ovs-system"),
    )
    assert (info.mtu_of("trunk0"), info.mtu_of("trunk1")) == (9000, None)
    assert info.to_dict()["interfaces"][1] == {
        "name": "trunk0",
        "mtu": 9000,
        "addresses": ["192.0.2.11/24"],
        "kind": "bond",
        "master": "ovs-system",
    }
    assert info.netem


def test_a_host_without_netem_and_ip() -> None:
    info = look(FakeRunner().tell(*SHOW, rc=127).tell(*TRY_NETEM, rc=2))
    assert (info.netem, info.interfaces) == (False, ())


@pytest.mark.parametrize("is_there", [True, False])
def test_hardware_virtualization_needs_its_device(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_info, "KVM_PATH", str(tmp_path / "kvm"))
    if is_there:
        (tmp_path / "kvm").touch()
    assert look(FakeRunner().tell(*SHOW, rc=127).tell(*TRY_NETEM)).kvm is is_there


def test_cores_and_memory_of_this_machine() -> None:
    info = look(FakeRunner().tell(*SHOW, rc=127).tell(*TRY_NETEM))
    with open("/proc/meminfo", encoding="ascii") as file:
        total_kib = int(next(line for line in file if line.startswith("MemTotal")).split()[1])
    assert info.ram_gb == round(total_kib / 2**20, 1)
    assert info.cores == os.cpu_count()


def test_the_number_of_cores_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert look(FakeRunner().tell(*SHOW, rc=127).tell(*TRY_NETEM)).cores == 1


@pytest.mark.parametrize(
    ("text", "machine_id"),
    [("ab" * 16 + "\n", "ab" * 16), ("uninitialized\n", None), ("", None), ("ab" * 15 + "\n", None), (None, None)],
)
def test_the_machine_id_is_that_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, machine_id: str | None
) -> None:
    path = tmp_path / "machine-id"
    monkeypatch.setattr(host_info, "MACHINE_ID_PATH", str(path))
    if text is not None:
        path.write_text(text)
    assert host_info.read_machine_id() == machine_id
    assert look(FakeRunner().tell(*SHOW, rc=127).tell(*TRY_NETEM)).machine_id == machine_id


def test_packages_that_are_not_installed_are_returned() -> None:
    query = ("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", "--", "nftables", "tcpdump", "x")
    runner = FakeRunner().tell(*query, stdout="nftables installed\ntcpdump config-files\n", rc=1)
    assert missing_packages(["nftables", "tcpdump", "x"], runner) == ["tcpdump", "x"]
    assert missing_packages([], FakeRunner()) == []
