# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import config
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import restore_taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.restore_taps import restore
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.work_order import all_vms
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from ..fakes import FakeRunner, nic, orders, settings, vm
from .mains import exit_of

OWNER = 998
ETH0 = """\
tuntap add dev tap_1001_eth0 mode tap user 998
link set dev tap_1001_eth0 addrgenmode none
link set dev tap_1001_eth0 arp off group 1000 up
"""


class Host:
    """A host that is starting, with its state folder, its devices and the commands."""

    def __init__(self, path: Path) -> None:
        self.state, self.sys_net = path / "state", path / "net"
        self.sys_net.mkdir()
        self.runner = FakeRunner()

    def takes(self, *programs: str) -> None:
        """Expect batches for these programs."""
        for program in programs:
            self.runner.tell(program, "-force", "-batch", "-")

    def save(self, name: str, text: str) -> None:
        """Write a file of the state folder."""
        path = self.state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def has(self, name: str, **values: object) -> None:
        """Add a device."""
        folder = self.sys_net / name
        folder.mkdir()
        for file, value in {"netdev_group": 1000, "tun_flags": "0x1802", **values}.items():
            (folder / file).write_text(f"{value}\n")

    def restore(self) -> list[tuple[str, str | None]]:
        """Restore the taps, and return the programs with their standard input."""
        restore(str(self.state), self.runner, sys_net=str(self.sys_net))
        return self.told

    @property
    def told(self) -> list[tuple[str, str | None]]:
        """The programs with their standard input."""
        return [(argv[0], stdin) for argv, stdin in zip(self.runner.argvs, self.runner.stdins)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_saved_taps_of_a_vm_are_created(host: Host) -> None:
    nics = [nic(1001, 0, 100), {**nic(1001, 1, 101), "mtu": 9000}]
    (one,) = all_vms(orders(vm(1001, interfaces=nics)))
    host.save("vms/1001/taps", config.render(one, settings())[config.TAPS])
    host.takes("ip")
    eth1 = ETH0.replace("eth0", "eth1").replace("arp off", "mtu 9000 arp off")
    assert host.restore() == [("ip", ETH0 + eth1)]


def test_without_vms_nothing_is_done(host: Host) -> None:
    assert host.restore() == []


def test_an_existing_tap_is_kept(host: Host) -> None:
    host.save("vms/1001/taps", f"tap_1001_eth0 1000 {OWNER}\n")
    host.has("tap_1001_eth0", owner=OWNER)
    assert host.restore() == []


def test_a_tap_of_another_user_is_recreated(host: Host) -> None:
    host.save("vms/1001/taps", f"tap_1001_eth0 1000 {OWNER}\n")
    host.has("tap_1001_eth0", owner=12)
    host.takes("ip")
    assert host.restore() == [("ip", f"tuntap del dev tap_1001_eth0 mode tap\n{ETH0}")]


def test_limits_are_restored_on_created_taps(host: Host) -> None:
    host.save("vms/1001/taps", f"tap_1001_eth0 1000 {OWNER}\ntap_1001_eth1 1000 {OWNER}\n")
    host.save("vms/1002/taps", f"tap_1001_eth 1001 {OWNER}\n")
    limits = "qdisc replace dev tap_1001_eth0 root handle 1: netem delay 5us\n"
    host.save("flows/1000.qdiscs", limits + limits.replace("eth0", "eth1") + limits.replace("eth0", "eth2"))
    host.has("tap_1001_eth1", owner=OWNER)
    host.takes("ip", "tc")
    assert host.restore()[1:] == [("tc", limits)]


@pytest.mark.parametrize(
    "line",
    [
        "eth0 1000 998",
        "tap_1001_eth0.123 1000 998",
        "tap_1001/eth0 1000 998",
        "tap_1001_eth0 1000 root",
        "tap_1001_eth0 1000 998 1500;reboot",
        "tap_1001_eth0 1000 998 1500 up",
        "tap_1001_eth0 1000",
        "",
    ],
)
def test_an_invalid_tap_is_refused_and_does_not_affect_others(host: Host, line: str) -> None:
    host.save("vms/1000/taps", f"{line}\n")
    host.save("vms/1001/taps", f"tap_1001_eth0 1000 {OWNER}\n")
    host.takes("ip")
    with pytest.raises(SlicesError, match=rf"^{host.state}/vms/1000/taps: .* does not describe a tap"):
        host.restore()
    assert host.told == [("ip", ETH0)]


def test_rejected_taps_are_an_error_at_the_end(host: Host) -> None:
    host.save("vms/1001/taps", f"tap_1001_eth0 1000 {OWNER}\n")
    host.save("flows/1000.qdiscs", "qdisc replace dev tap_1001_eth0 root handle 1: netem delay 5us\n")
    host.runner.tell("ip", "-force", "-batch", "-", rc=1, stderr="Command failed -:1\n")
    host.runner.tell("tc", "-force", "-batch", "-", rc=1, stderr="no netem\n")
    with pytest.raises(SlicesError, match=r"^Command failed -:1\nno netem$"):
        host.restore()
    assert [argv for argv, _stdin in host.told] == ["ip", "tc"]


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, restore_taps, "restore", "/s") == (7, ("/s",))
