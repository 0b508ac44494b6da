# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import iso9660
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import read_image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import config, qmp
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.config import (
    EXCLUSIVE_PORTS,
    SPARE_ROOT_PORTS,
    as_started,
    drive_id,
    nic_place,
    read_settings,
    read_started,
    render,
    restart_reasons,
    root_port,
    root_ports,
    started_vnc_port,
    started_with_password,
    taps_text,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu.qmp import Session, SocketMonitor
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import MOST_DATA_DISKS, MOST_INTERFACES
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import VM

from ..fakes import ACCOUNTS, STATE_DIR, disk, nic, orders, settings, uuid, vm

SETTINGS = settings()

SECTION = r"\[(.*)\]\n((?:  .*\n)*)"

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

[device "port-0"]
  driver = "pcie-root-port"
  bus = "pcie.0"
  addr = "0x4.0x0"
  multifunction = "on"
  chassis = "1"
  io-reserve = "0"

[device "port-1"]
  driver = "pcie-root-port"
  bus = "pcie.0"
  addr = "0x4.0x1"
  multifunction = "on"
  chassis = "2"
  io-reserve = "0"

[device "port-2"]
  driver = "pcie-root-port"
  bus = "pcie.0"
  addr = "0x4.0x2"
  multifunction = "on"
  chassis = "3"
  io-reserve = "0"

[netdev "tap-eth0"]
  type = "tap"
  ifname = "tap_1001_eth0"
  script = "no"
  downscript = "no"

[device "nic-eth0"]
  driver = "virtio-net-pci"
  netdev = "tap-eth0"
  mac = "52:54:00:03:e9:00"
  bus = "port-0"
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


def test_checksum_offload_can_be_disabled():
    before, after = settings(), settings(checksum_offload=False)

    assert 'csum = "off"' in render(one(100), after)["qemu.cfg"]
    assert restart_reasons(as_started(one(100), before), as_started(one(100), after)) == (
        "checksum_offload True → False",
    )


def sections(text: str) -> dict[str, dict[str, str]]:
    """The settings of each device in a configuration, by its name."""
    found = re.findall(r'^\[device "(.*)"\]\n((?:  .*\n)*)', text, re.M)
    return {name: dict(re.findall(r'^  (.*) = "(.*)"$', lines, re.M)) for name, lines in found}


@pytest.mark.parametrize("count", [0, 1, 7, EXCLUSIVE_PORTS])
def test_the_first_nics_have_separate_root_ports_and_some_ports_are_spare(count):
    devices = sections(render(one(*range(1, count + 1)), SETTINGS)["qemu.cfg"])
    ports = {name: device for name, device in devices.items() if device["driver"] == "pcie-root-port"}
    assert [devices[f"nic-eth{index}"]["bus"] for index in range(count)] == [root_port(index) for index in range(count)]
    assert list(ports) == [root_port(index) for index in range(count + SPARE_ROOT_PORTS)]
    places = [
        (int(slot, 16), int(function, 16)) for each in ports.values() for slot, function in [each["addr"].split(".")]
    ]
    assert places == sorted(set(places))  # so that guests find NICs in their order
    assert len({each["chassis"] for each in ports.values()}) == len(ports)


def test_the_nics_after_these_share_ports_and_interrupts():
    devices = sections(render(one(*range(1, MOST_INTERFACES + 1)), SETTINGS)["qemu.cfg"])
    nics = [devices[f"nic-eth{index}"] for index in range(MOST_INTERFACES)]
    places = [(int(nic["bus"].removeprefix("port-")), nic.get("addr", "0x0.0x0")) for nic in nics]
    assert places == sorted(set(places))
    assert Counter(port for port, _addr in places).most_common()[-1][1] <= 8
    ports = [name for name, device in devices.items() if device["driver"] == "pcie-root-port"]
    assert ports == [root_port(index) for index in range(places[-1][0] + 1 + SPARE_ROOT_PORTS)]
    vectors = len(ports) + sum(3 for nic in nics if nic.get("vectors") != "0")
    assert vectors < 190  # Linux has about 200 on one CPU, some of them for the disk


def test_too_many_nics_are_refused():
    one(*range(1, MOST_INTERFACES + 1))
    with pytest.raises(Refused) as refused:
        one(*range(1, MOST_INTERFACES + 2))
    figures = {"option": "number of interfaces", "got": MOST_INTERFACES + 1, "least": 0, "most": MOST_INTERFACES}
    assert refused.value.refusals == [Refusal("out_of_range", "slice 1000, VM 1001", figures)]


def data_disk(number: int, **changes: Any) -> dict[str, Any]:
    path = f"{STATE_DIR}/vms/1001/d{number}_{number:08}.qcow2"
    return {"path": path, "size_bytes": 1 << 30, "name": f"d{number}", **changes}


def test_data_disks_are_virtio_disks_with_their_names_as_serials():
    many = [disk(), *(data_disk(n) for n in range(9))]
    config = render(one(100, disks=many), SETTINGS)["qemu.cfg"]
    first = (
        f'  file = "{STATE_DIR}/vms/1001/d0_00000000.qcow2"\n  format = "qcow2"\n  if = "none"\n  discard = "unmap"\n'
    )
    assert f'[drive "disk-d0_00000000"]\n{first}' in config
    assert (
        '[device "data0"]\n  driver = "virtio-blk-pci"\n  drive = "disk-d0_00000000"\n  serial = "d0"\n'
        '  bus = "pcie.0"\n  addr = "0x1d.0x0"\n  multifunction = "on"\n'
    ) in config
    assert re.findall(r'drive = "disk-d[78].*\n.*\n.*\n  addr = "(.*)"', config) == ["0x1d.0x7", "0x1c.0x0"]
    assert config.count("bootindex") == 1


def test_a_renamed_disk_keeps_its_id_in_qemu():
    old, new = (all_vms(orders(vm(disks=[disk(), data_disk(1, name=name)])))[0].data_disks[0] for name in ("a", "b"))
    assert drive_id(old) == drive_id(new) == "disk-d1_00000001"


@pytest.mark.parametrize(
    ("disks", "reasons"),
    [
        ([data_disk(1)], ()),
        ([data_disk(1, size_bytes=2 << 30)], ()),
        ([data_disk(1), data_disk(2)], ("data disk d2 added",)),
        ([], ("data disk d1 removed",)),
        ([data_disk(1, path=f"{STATE_DIR}/vms/1001/d1_11111111.qcow2")], ("data disk d1 replaced",)),
        ([data_disk(1, name="db")], ("data disk d1 removed", "data disk db added")),
    ],
)
def test_other_data_disks_need_a_restart(disks, reasons):
    before = as_started(one(100, disks=[disk(), data_disk(1)]), SETTINGS)
    assert restart_reasons(before, as_started(one(100, disks=[disk(), *disks]), SETTINGS)) == reasons


def test_a_vm_without_data_disks_is_as_it_was_before_there_were_any():
    assert "data_disks" not in as_started(one(100), SETTINGS)


CD = f"{STATE_DIR}/images/cd.img"


def test_a_cd_is_in_a_drive_on_sata_and_not_booted_from():
    config = render(one(100, cdrom=CD), SETTINGS)["qemu.cfg"]
    drive = f'  file = "{CD}"\n  format = "raw"\n  if = "none"\n  media = "cdrom"\n  readonly = "on"\n'
    assert f'[drive "cd"]\n{drive}' in config
    assert '[device "cd0"]\n  driver = "ide-cd"\n  drive = "cd"\n  bus = "ide.2"\n\n' in config
    assert 'sata = "on"' in config
    assert 'drive = "cd"' not in render(one(100), SETTINGS)["qemu.cfg"]


@pytest.mark.parametrize(
    ("boot", "disk0", "cd0", "nic"),
    [
        ("disk", "0", None, None),
        ("cdrom,disk", "1", "0", None),
        ("network,cdrom", None, "1", "0"),
        ("disk,network,cdrom", "0", "2", "1"),
    ],
)
def test_devices_are_booted_from_in_order(boot, disk0, cd0, nic):
    config = render(one(100, 101, cdrom=CD, boot=boot), SETTINGS)["qemu.cfg"]
    sections = {head: dict(re.findall(r'  (\S+) = "(.*)"', text)) for head, text in re.findall(SECTION, config)}
    names = {'device "disk0"': disk0, 'device "cd0"': cd0, 'device "nic-eth0"': nic, 'device "nic-eth1"': None}
    assert {name: sections[name].get("bootindex") for name in names} == names
    assert ("romfile" in sections['device "nic-eth0"']) is (nic is None), "a guest boots from a network with a boot ROM"
    assert sections['device "nic-eth1"']["romfile"] == ""


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"cdrom": CD, "boot": "cdrom,disk"}, ()),
        ({"cdrom": f"{CD}2", "boot": "cdrom"}, (f"cdrom {CD} → {CD}2", "boot cdrom,disk → cdrom")),
        ({}, ("cdrom removed", "boot removed")),
    ],
)
def test_another_cd_and_another_boot_order_need_a_restart(changes, reasons):
    before = as_started(one(100, cdrom=CD, boot="cdrom,disk"), SETTINGS)
    assert restart_reasons(before, as_started(one(100, **changes), SETTINGS)) == reasons


def test_a_vm_that_boots_from_its_disk_is_as_it_was_before_there_were_drives():
    assert {"cdrom", "boot"}.isdisjoint(as_started(one(100), SETTINGS))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[VM, str]]:
    """A VM with the maximum number of NICs in a real QEMU, and its monitor. It has no taps."""
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("QEMU is not installed")
    disks = [disk(), *(data_disk(n) for n in range(MOST_DATA_DISKS))]
    read = one(*range(1, MOST_INTERFACES + 1), disks=disks, cdrom=CD, boot="cdrom,disk,network")
    (tmp_path / "cd.iso").write_bytes(iso9660.image("install", {"a": b"b"}))
    for each in read.disks:
        path = tmp_path / Path(each.path).name
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    text = render(read, settings(vnc_listen="none"))["qemu.cfg"]
    text = re.sub(
        r'type = "tap"\n  ifname = .*\n  script = .*\n  downscript = .*\n', 'type = "hubport"\n  hubid = "0"\n', text
    )
    text = text.replace("/run/cloudrepo/1001", str(tmp_path)).replace(f"{STATE_DIR}/vms/1001", str(tmp_path))
    (tmp_path / "qemu.cfg").write_text(text.replace(CD, str(tmp_path / "cd.iso")))
    argv = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-readconfig", tmp_path / "qemu.cfg"]
    with subprocess.Popen(argv) as process:
        try:
            deadline = time.monotonic() + 60
            while qmp.plug(SocketMonitor(), f"{tmp_path}/qmp.sock", {}) is None:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield read, f"{tmp_path}/qmp.sock"
        finally:
            process.kill()


def test_real_qemu_has_all_data_disks_and_enlarges_them(running):
    read, path = running
    sizes = {drive_id(each): (2 + number) << 20 for number, each in enumerate(read.disks)}
    assert len(sizes) == 1 + MOST_DATA_DISKS
    with SocketMonitor().connect(path) as session:
        for name, size in sizes.items():
            session.execute("block_resize", {"device": name, "size": size})
        blocks = {each["device"]: each["inserted"] for each in session.execute("query-block") if "inserted" in each}
    cd = blocks.pop("cd")
    assert (cd["ro"], cd["drv"]) == (True, "raw")
    assert {name: each["image"]["virtual-size"] for name, each in blocks.items()} == sizes
    assert [read_image(f"{Path(path).parent}/{Path(each.path).name}").virtual_bytes for each in read.disks] == [
        *sizes.values()
    ], "the next run reads the new sizes from the files"


def test_real_qemu_accepts_all_nics_and_later_ones_on_the_spare_ports(running):
    read, path = running
    with SocketMonitor().connect(path) as session:
        spare = [root_port(root_ports(MOST_INTERFACES) - 1 - number) for number in range(SPARE_ROOT_PORTS)]
        for number, port in enumerate(spare):
            session.execute("netdev_add", {"type": "hubport", "id": f"late-{number}", "hubid": 0})
            device = {"driver": "virtio-net-pci", "id": f"nic-late{number}", "netdev": f"late-{number}"}
            session.execute("device_add", {**device, "bus": port})
        wanted = {root_port(nic_place(number)[0]): [] for number in range(MOST_INTERFACES)}
        for number, nic in enumerate(read.interfaces):
            wanted[root_port(nic_place(number)[0])].append(nic.name)
        wanted.update({port: [f"late{number}"] for number, port in enumerate(spare)})
        plugged = {port: plugged_into(session, port, len(names)) for port, names in wanted.items()}
    assert plugged == wanted


def plugged_into(session: Session, port: str, count: int) -> list[str]:
    """The NICs in a root port, in the order of their functions."""
    path = f"/machine/peripheral/{port}/{port}"
    children = [session.execute("qom-get", {"path": path, "property": f"child[{n}]"}) for n in range(count)]
    return [child.removeprefix("/machine/peripheral/nic-") for child in children]


@pytest.mark.parametrize(
    ("place", "section"),
    [
        ("loopback", '[vnc "default"]\n  vnc = "127.0.0.1:1"\n  password-secret = "vnc-password"\n'),
        ("unix", '[vnc "default"]\n  vnc = "unix:/run/cloudrepo/1001/vnc.sock"\n\n'),
    ],
)
def test_a_display_at_another_address(place, section):
    text = render(one(), settings(vnc_listen=place))["qemu.cfg"]

    assert section in text
    assert "10.0.10.1" not in text


def test_a_vm_without_a_display():
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
def test_a_changed_display_requires_a_restart(place, reason):
    assert restart_reasons(as_started(one(), SETTINGS), as_started(one(), settings(vnc_listen=place))) == (reason,)


def test_a_display_without_a_password_requires_a_restart():
    before = {**as_started(one(), SETTINGS), "vnc": "10.0.10.1:1"}

    assert not started_with_password(before)
    assert started_with_password(as_started(one(), SETTINGS))
    assert restart_reasons(before, as_started(one(), SETTINGS)) == ("vnc 10.0.10.1:1 → 10.0.10.1:1 with a password",)


@pytest.mark.parametrize(
    ("listens", "port"),
    [
        ({}, 5901),
        ({"vnc_listen": "loopback"}, 5901),
        ({"vnc_address": "fd00::1"}, 5901),
        ({"vnc_listen": "unix"}, None),
        ({"vnc_listen": "none"}, None),
    ],
)
def test_the_port_of_a_display_is_read_back(listens, port):
    assert started_vnc_port(as_started(one(), settings(**listens))) == port


def test_the_ipv6_address_of_a_display_is_bracketed():

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
def test_a_vm_without_a_record_of_its_start_requires_a_restart(text):
    started = read_started(text)

    assert started is None
    assert restart_reasons(started, as_started(one(), SETTINGS)) == ("started with an unknown configuration",)


USER_DATA = {"name": "user-data", "content": "#cloud-config\n{}"}


def test_a_vm_with_files_for_cloud_init_has_a_readonly_disk():
    config = render(one(100, seed=[USER_DATA]), SETTINGS)["qemu.cfg"]
    drive = f'  file = "{STATE_DIR}/vms/1001/seed.iso"\n  format = "raw"\n  if = "none"\n  readonly = "on"\n'
    assert f'[drive "seed"]\n{drive}' in config
    assert (
        '[device "seed0"]\n  driver = "virtio-blk-pci"\n  drive = "seed"\n  bus = "pcie.0"\n  addr = "0x1e"\n' in config
    )
    assert "seed" not in render(one(100), SETTINGS)["qemu.cfg"]


def test_other_files_for_cloud_init_need_a_restart():
    plain, seeded = (as_started(each, SETTINGS) for each in (one(100), one(100, seed=[USER_DATA])))
    other = as_started(one(100, seed=[{**USER_DATA, "content": "#cloud-config\n[]"}]), SETTINGS)
    assert re.fullmatch("[0-9a-f]{8}", seeded["cloud_init"])
    assert restart_reasons(seeded, plain) == ("cloud_init removed",)
    assert restart_reasons(plain, seeded) == (f"cloud_init None → {seeded['cloud_init']}",)
    assert restart_reasons(seeded, other) == (f"cloud_init {seeded['cloud_init']} → {other['cloud_init']}",)
    assert restart_reasons(seeded, seeded) == restart_reasons(plain, plain) == ()


@pytest.mark.parametrize(
    "text", ['{"interfaces": {}}', '{"interfaces": ["eth0"]}', '{"interfaces": [{"name": "eth0"}]}']
)
def test_interfaces_without_a_name_and_a_tap_are_unreadable(text):
    assert read_started(text) is None
    whole = {"interfaces": [{"name": "eth0", "tap": "tap_1001_eth0"}]}
    assert read_started(json.dumps(whole)) == whole


def test_another_owner_of_taps_leaves_everything_else():
    text = render(one(100, 101), SETTINGS)["taps"]
    assert taps_text(text, 899) == "tap_1001_eth0 1000 899\ntap_1001_eth1 1000 899\n"
    assert taps_text("tap_1001_eth0 1000 998 9000\n", 899) == "tap_1001_eth0 1000 899 9000\n"
    assert taps_text("", 899) == ""


def test_settings_are_read_from_the_arguments_of_a_module():
    params = {
        "state_dir": "/s",
        "vnc_address": None,
        "accelerator": "tcg",
        "checksum_offload": False,
        "vnc_listen": "unix",
    }
    read = read_settings(params, ACCOUNTS)
    assert (read.state_dir, read.vnc_address, read.accelerator, read.checksum_offload) == ("/s", "", "tcg", False)
    assert (read.accounts, read.vnc_listen, read.vnc_asks, read.folder(1001)) == (
        ACCOUNTS,
        "unix",
        False,
        "/s/vms/1001",
    )
    assert read_settings({**params, "vnc_address": "10.0.10.1", "vnc_listen": "worker"}, ACCOUNTS).vnc_asks


@pytest.mark.parametrize("slice_uuid", [None, uuid(1)])
@pytest.mark.parametrize("vm_uuid", [None, uuid(2)])
def test_the_uuids_that_a_vm_was_started_with_are_stored(slice_uuid: str | None, vm_uuid: str | None) -> None:
    (made,) = all_vms(orders(vm(1001, 100, vm_uuid=vm_uuid), slice_uuid=slice_uuid))
    stored = json.loads(render(made, SETTINGS)["vm.json"])
    known = {"slice_uuid": slice_uuid, "vm_uuid": vm_uuid}
    assert {key: value for key, value in stored.items() if key.endswith("uuid")} == {
        key: value for key, value in known.items() if value is not None
    }


@pytest.mark.parametrize(
    ("number", "place"),
    [
        (0, (0, 0)),
        (config.EXCLUSIVE_PORTS - 1, (config.EXCLUSIVE_PORTS - 1, 0)),
        (config.EXCLUSIVE_PORTS, (config.EXCLUSIVE_PORTS, 0)),
        (config.EXCLUSIVE_PORTS + 1, (config.EXCLUSIVE_PORTS, 1)),
        (config.EXCLUSIVE_PORTS + 7, (config.EXCLUSIVE_PORTS, 7)),
        (config.EXCLUSIVE_PORTS + 8, (config.EXCLUSIVE_PORTS + 1, 0)),
    ],
)
def test_the_first_nics_have_a_root_port_each_and_the_others_share_them(number: int, place: tuple[int, int]) -> None:
    assert config.nic_place(number) == place


def test_what_a_vm_was_started_with_is_stored_for_people_too() -> None:
    made = one(100)
    text = config.render(made, SETTINGS)[config.STARTED]
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert text.startswith('{\n  "')


def test_a_guest_is_set_up_again_for_other_user_data() -> None:
    several = [one(100, **given) for given in ({}, {"user_data_id": "a" * 32}, {"user_data_id": "b" * 32})]
    assert len({config.seed_version(each) for each in several}) == 3


def test_nics_on_a_bridge_share_its_root_port() -> None:
    plain, bridged = one(100, 101, nic_model="virtio-net-pci"), one(100, 101, nic_model="e1000")
    assert [name for name, _options in config._ports(plain)] == [f'device "port-{number}"' for number in range(4)]
    names = [name for name, _options in config._ports(bridged)]
    assert names == [*(f'device "port-{number}"' for number in range(3)), 'device "bridge"']
    first, second = (options for _name, options in config._ports(bridged)[:2])
    assert ("io-reserve" in first, second["io-reserve"]) == (False, "0")
    assert config._ports(bridged)[3][1]["bus"] == "port-0"
    assert [config._place(bridged, number) for number in (0, 1)] == [
        {"bus": "bridge", "addr": "0x1"},
        {"bus": "bridge", "addr": "0x2"},
    ]
    assert config._place(plain, config.EXCLUSIVE_PORTS - 1) == {"bus": f"port-{config.EXCLUSIVE_PORTS - 1}"}
    assert config._place(plain, config.EXCLUSIVE_PORTS)["addr"] == "0x0.0x0"
    assert (config.EXCLUSIVE_PORTS, config.SPARE_ROOT_PORTS) == (30, 2)
