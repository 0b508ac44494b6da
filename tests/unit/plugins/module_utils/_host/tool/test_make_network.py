# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import live
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import make_network
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool.make_network import make

from ..fakes import FakeRunner
from ..netservices.test_namespace import LAN, Layout, address, made
from .mains import exit_of


def test_the_state_after_the_creation_is_recorded(tmp_path):
    folder = tmp_path / "1000"
    folder.mkdir()
    (tmp_path / "slices-network@1000").mkdir()
    host = made(folder, str(Layout((LAN,))), forwards=0, live=[address(LAN)])
    host.runner.tell("ip", "link", "delete", "dev", "nat_1000", rc=1)
    with_state(host.runner)
    (folder / "leases").write_text("1795371735 52:54:00:03:e9:01 192.168.101.17 gone *\n")
    make(str(folder), host.runner, run_dir=str(tmp_path), proc_sys=str(tmp_path))
    assert (folder / "leases").read_text() == "", "no interface is a member"
    assert "nat_1000 forwarding none\n" in (tmp_path / "slices-network@1000/live").read_text()
    now = with_state(FakeRunner())
    assert live.network_differences(1000, str(tmp_path), now, proc_sys=str(tmp_path)) == ()


def with_state(runner: FakeRunner) -> FakeRunner:
    """Prepare the output for the state of slice 1000's namespace."""
    space = ("nsenter", "--net=/run/netns/slice-1000")
    runner.tell(*space, "nft", "--stateless", "list", "table", "ip", "cloudrepo", stdout="table ip cloudrepo {\n}\n")
    runner.tell(*space, "nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")
    runner.tell("ip", "-n", "slice-1000", "route", "show", stdout="192.168.101.0/24 dev net_101\n")
    return runner.tell(*space, "sysctl", "net.ipv4.ip_forward", stdout="net.ipv4.ip_forward = 0\n")


def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_of(monkeypatch, make_network, "make", "/s/networks/1000") == (7, ("/s/networks/1000",))
