# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import (
    as_started,
    check,
    read_started,
    render,
    restart_reasons,
    started_with_password,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import VM

from ..fakes import disk, nic, orders, settings, vm

SETTINGS = settings()

GOLDEN = """\
[name]
  guest = "vm1"

[machine]
  type = "q35"
  accel = "tcg"
  sata = "off"
  hpet = "off"

[memory]
  size = "512M"

[smp-opts]
  cpus = "1"

[device "vga"]
  driver = "VGA"
  bus = "pcie.0"
  addr = "0x1"

[object "random"]
  qom-type = "rng-builtin"

[device "rng"]
  driver = "virtio-rng-pci"
  rng = "random"
  bus = "pcie.0"
  addr = "0x2"

[drive "disk"]
  file = "/var/lib/cloudrepo/vms/1001/vm1_img.qcow2"
  format = "qcow2"
  if = "none"
  discard = "unmap"

[device "disk0"]
  driver = "virtio-blk-pci"
  drive = "disk"
  bus = "pcie.0"
  addr = "0x3"
  bootindex = "0"

[netdev "tap-eth0"]
  type = "tap"
  ifname = "tap_1001_eth0"
  script = "no"
  downscript = "no"

[device "nic-eth0"]
  driver = "virtio-net-pci"
  netdev = "tap-eth0"
  mac = "52:54:00:03:e9:00"
  bus = "pcie.0"
  addr = "0x4"
  romfile = ""
  csum = "on"

[object "vnc-password"]
  qom-type = "secret"
  file = "/var/lib/cloudrepo/vms/1001/vnc.secret"

[vnc "default"]
  vnc = "10.0.10.1:1"
  password-secret = "vnc-password"

[chardev "qmp"]
  backend = "socket"
  server = "on"
  wait = "off"
  path = "/run/cloudrepo/1001/qmp.sock"

[mon "qmp"]
  mode = "control"
  chardev = "qmp"

[chardev "serial"]
  backend = "socket"
  server = "on"
  wait = "off"
  path = "/run/cloudrepo/1001/serial.sock"
  logfile = "/var/lib/cloudrepo/vms/1001/console.log"
  logappend = "on"

[device "serial0"]
  driver = "isa-serial"
  chardev = "serial"
"""


def one(*vlan_ids: int | None, **changes: Any) -> VM:
    (read,) = all_vms(orders(vm(1001, *vlan_ids, **changes)))
    return read


def test_files_of_a_vm():
    files = render(one(None), SETTINGS)

    assert files["qemu.cfg"] == GOLDEN
    assert files["taps"] == "tap_1001_eth0 1000 998\n"
    assert files["links_down"] == "nic-eth0\n"
    assert json.loads(files["vm.json"]) == as_started(one(100), SETTINGS)


def test_guests_may_be_told_to_write_their_own_checksums():
    before, after = settings(), settings(checksum_offload=False)

    assert 'csum = "off"' in render(one(100), after)["qemu.cfg"]
    assert restart_reasons(as_started(one(100), before), as_started(one(100), after)) == (
        "checksum_offload True → False",
    )


def test_nics_have_fixed_slots_in_order():
    text = render(one(1, 2, 3), SETTINGS)["qemu.cfg"]

    assert [text.index(f'"nic-eth{index}"') < text.index(f'addr = "0x{index + 4}"') for index in range(3)] == [True] * 3


def test_more_nics_than_slots_are_refused():
    check([one(*range(1, 28))])
    with pytest.raises(Refused) as refused:
        check([one(*range(1, 29))])
    assert refused.value.refusals == [Refusal("too_many_nics", "VM 1001 (vm1)", {"got": 28, "most": 27})]


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("loopback", '[vnc "default"]\n  vnc = "127.0.0.1:1"\n  password-secret = "vnc-password"\n'),
        ("unix", '[vnc "default"]\n  vnc = "unix:/run/cloudrepo/1001/vnc.sock"\n\n'),
    ],
)
def test_display_listens_elsewhere(place, section):
    text = render(one(), settings(vnc_listen=place))["qemu.cfg"]

    assert section in text
    assert "10.0.10.1" not in text


def test_there_may_be_no_display():
    text = render(one(), settings(vnc_listen="none"))["qemu.cfg"]

    assert "vnc" not in text


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("loopback", "vnc 10.0.10.1:1 with a password → 127.0.0.1:1 with a password"),
        ("unix", "vnc 10.0.10.1:1 with a password → unix:/run/cloudrepo/1001/vnc.sock"),
        ("none", "vnc 10.0.10.1:1 with a password → none"),
    ],
)
def test_display_moves_with_a_restart(place, reason):
    assert restart_reasons(as_started(one(), SETTINGS), as_started(one(), settings(vnc_listen=place))) == (reason,)


def test_display_without_a_password_is_no_longer_wanted():
    before = {**as_started(one(), SETTINGS), "vnc": "10.0.10.1:1"}  # as older versions started it

    assert not started_with_password(before)
    assert started_with_password(as_started(one(), SETTINGS))
    assert restart_reasons(before, as_started(one(), SETTINGS)) == ("vnc 10.0.10.1:1 → 10.0.10.1:1 with a password",)


def test_ipv6_address_of_a_display_is_bracketed():

    assert 'vnc = "[fd00::1]:1"' in render(one(), settings(vnc_address="fd00::1"))["qemu.cfg"]


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [
        (one(100, 101), ()),
        (one(400, None), ()),
        (one(100, 101, disks=[disk(size_bytes=5 << 30)]), ()),
        (one(100, 101, cores=2, ram_mib=1024), ("cores 1 → 2", "ram_mib 512 → 1024")),
        (one(100, 101, vnc_port=5910), ("vnc 10.0.10.1:1 with a password → 10.0.10.1:10 with a password",)),
        (one(100), ("interface eth1 removed",)),
        (one(100, 101, 102), ("interface eth2 added",)),
        (
            one(interfaces=[{**nic(1001, 0, 100), "mac": "52:54:00:00:00:01"}, nic(1001, 1, 101)]),
            ("interface eth0 mac 52:54:00:03:e9:00 → 52:54:00:00:00:01",),
        ),
        (one(interfaces=[nic(1001, 1, 101), nic(1001, 0, 100)]), ("interfaces eth0, eth1 → eth1, eth0",)),
    ],
)
def test_reasons_for_a_restart(wanted, reasons):
    assert restart_reasons(as_started(one(100, 101), SETTINGS), as_started(wanted, SETTINGS)) == reasons


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}"])
def test_vm_that_nobody_knows_how_it_was_started_needs_a_restart(text):
    started = read_started(text)

    assert started is None
    assert restart_reasons(started, as_started(one(), SETTINGS)) == ("it is not known how it was started",)
