# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import grp
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import fences, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_info import TRY_NETEM
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import duplicates
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.modules import host_setup

from ..module_utils._host import modules
from ..module_utils._host.fakes import MORE, FakeRunner

GROUP = grp.getgrgid(os.getgid()).gr_name
SHOWN = '[{"ifname": "trunk0", "mtu": 9000}]'
NOTHING = '{"headings": [], "data": []}\n' * 4
OBSERVE = ("ovs-vsctl", "--timeout=60", "--format=json", MORE)
CREATE = ("ovs-vsctl", "--timeout=60", "--", MORE)
IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")
UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
CLOUD = {"cloud_uuid": UUID, "cloud_title": "lab", "cloud_incarnation": UUID, "controller": "controller1"}


@pytest.fixture(autouse=True)
def booted_with_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may be a container without it."""
    monkeypatch.setattr(systemd, "BOOTED", "/")


def arguments(folder: Path) -> dict[str, Any]:
    return {
        **CLOUD,
        "state_dir": f"{folder}/state",
        "uplink": "trunk0",
        "packages": ["openvswitch-switch"],
        "owner": "worker",
        "ports": [{"name": "trunk0"}],
        "folders": [{"path": f"{folder}/lib", "group": GROUP}],
        "files": [{"path": f"{folder}/lib/x.conf", "content": "a=1\n", "mode": "0600"}],
        "program": f"{folder}/lib/slices-host",
        "services": [{"name": "slices-x.service", "state": "reloaded"}],
        "checksums": f"{folder}/state/read",
    }


def a_host(status: str = "installed") -> FakeRunner:
    """A host without a bridge, which stays without one."""
    runner = FakeRunner().tell("ip", "-json", "-details", "address", "show", stdout=SHOWN).tell(*TRY_NETEM)
    return runner.tell("dpkg-query", MORE, stdout=f"openvswitch-switch {status}\n")


def a_host_with_open_vswitch() -> FakeRunner:
    return a_host().tell(*OBSERVE, stdout=NOTHING)


def test_a_host_is_set_up_once(monkeypatch, tmp_path):
    args = arguments(tmp_path)
    planned = modules.run(monkeypatch, host_setup, a_host_with_open_vswitch(), **args, _ansible_check_mode=True)
    assert list(tmp_path.iterdir()) == []
    runner = a_host_with_open_vswitch().tell(*CREATE).tell("systemctl", "reload", "--", "slices-x.service")
    first = modules.run(monkeypatch, host_setup, runner, **args)

    assert [each["changed"] for each in (planned, first)] == [True, True]
    assert without_time(planned["diff"]["after"]) == without_time(first["diff"]["after"])
    assert (first["trunk_mtu"], first["missing_packages"]) == (9000, [])
    assert first["claim"]["uuid"] == planned["claim"]["uuid"] == UUID
    assert first["paths"] == [f"{tmp_path}/lib/x.conf", f"{tmp_path}/lib/slices-host"]
    assert (tmp_path / "lib/x.conf").read_text() == "a=1\n"
    program = tmp_path / "lib/slices-host"
    assert program.read_bytes().startswith(b"#!/usr/bin/python3 -IS\nPK")
    assert stat.S_IMODE(program.stat().st_mode) == 0o755

    again = modules.run(monkeypatch, host_setup, a_host_with_open_vswitch().tell(*CREATE), **args)
    assert lines(again["diff"]["after"]) == {"bridge", "port"}, "this host forgets its bridge"


def test_a_file_that_differs_is_replaced_and_shown(monkeypatch, tmp_path):
    args = arguments(tmp_path)
    runner = a_host_with_open_vswitch().tell(*CREATE).tell("systemctl", "reload", "--", "slices-x.service")
    modules.run(monkeypatch, host_setup, runner, **args)
    (tmp_path / "lib/x.conf").write_text("a=2\n")
    done = modules.run(monkeypatch, host_setup, a_host_with_open_vswitch().tell(*CREATE), **args)
    assert done["paths"] == [f"{tmp_path}/lib/x.conf"]
    path = f"file {tmp_path}/lib/x.conf"
    assert done["diff"]["before"] == f"{path}: mode 0600\n{path}: a=2\n"


def test_a_host_without_the_packages_is_only_claimed(monkeypatch, tmp_path):
    done = modules.run(monkeypatch, host_setup, a_host("not-installed"), **arguments(tmp_path))
    assert (done["changed"], done["missing_packages"]) == (True, ["openvswitch-switch"])
    assert lines(done["diff"]["after"]) == {"host"}
    assert "paths" not in done
    assert not (tmp_path / "lib").exists()


def test_check_mode_predicts_the_changes_after_the_installation_of_packages(monkeypatch, tmp_path):
    runner = a_host("not-installed").tell("ovs-vsctl", MORE, rc=127, stderr="command not found")
    done = modules.run(monkeypatch, host_setup, runner, **arguments(tmp_path), _ansible_check_mode=True)
    assert lines(done["diff"]["after"]) == {"host", "bridge", "port", "folder", "file", "unit"}


def test_a_worker_gets_the_flows_that_all_slices_share(monkeypatch, tmp_path):
    runner = a_host_with_open_vswitch().tell("nft", MORE, rc=1).tell("ovs-ofctl", MORE, rc=1)
    done = modules.run(monkeypatch, host_setup, runner, **arguments(tmp_path), vms=True, _ansible_check_mode=True)
    assert not done.get("failed"), done
    assert lines(done["diff"]["after"]) >= {"bridge", "file", "packet", "flows"}


def without_packet_rules(runner: FakeRunner) -> FakeRunner:
    """A network node on which somebody has removed the packet rules for VMs."""
    runner.tell("systemctl", "show", MORE, stdout="Id=slices-dhcp.service\nActiveState=active\n")
    runner.tell("nft", "--stateless", MORE, rc=1).tell("nft", "--json", MORE, rc=1)
    rules = [
        {"map": {"name": "slices"}},
        *({"rule": {"table": "cloudrepo_dhcp", "family": f}} for f in ("ip", "netdev")),
    ]
    return runner.tell(*IN_GATEWAY, "nft", "--json", MORE, stdout=json.dumps({"nftables": rules}))


def test_a_network_node_is_repaired_last(monkeypatch, tmp_path):
    args = {**arguments(tmp_path), "network_services": True}
    runner = without_packet_rules(a_host_with_open_vswitch()).tell(*CREATE)
    reload = ("systemctl", "reload", "--", "slices-x.service")
    repair = ("systemctl", "reload-or-restart", "--", "slices-nat.service")
    done = modules.run(monkeypatch, host_setup, runner.tell(*reload).tell(*repair), **args)
    assert not done.get("failed"), done
    assert [argv for argv in runner.argvs if argv in (list(reload), list(repair))] == [list(reload), list(repair)]
    assert runner.argvs[-1] == list(repair)

    runner = without_packet_rules(a_host_with_open_vswitch())
    planned = modules.run(monkeypatch, host_setup, runner, **args, _ansible_check_mode=True)
    assert lines(planned["diff"]["after"]) == {"bridge", "port", "packet"}, "this host forgets its bridge"


def test_check_mode_predicts_no_repair_of_services_that_are_not_installed(monkeypatch, tmp_path):
    args = {**arguments(tmp_path), "network_services": True, "_ansible_check_mode": True}
    planned = modules.run(monkeypatch, host_setup, a_host_with_open_vswitch(), **args)
    assert lines(planned["diff"]["after"]) == {"host", "bridge", "port", "folder", "file", "unit"}


def test_a_host_of_another_cloud_is_refused_before_anything_is_changed(monkeypatch, tmp_path):
    args = arguments(tmp_path)
    modules.run(monkeypatch, host_setup, a_host("not-installed"), **args)
    other = {**args, "cloud_uuid": UUID.replace("4", "5")}
    done = modules.run(monkeypatch, host_setup, a_host(), **other)
    assert done["refusals"][0]["code"] == "another_cloud"
    assert not (tmp_path / "lib").exists()


@pytest.mark.parametrize("check_mode", [True, False])
def test_lost_machines_of_another_cloud_are_not_returned(check_mode, monkeypatch, tmp_path):
    args = arguments(tmp_path)
    modules.run(monkeypatch, host_setup, a_host("not-installed"), **args)
    held = tmp_path / "state" / fences.FILE
    held.write_text("1" * 64 + "\n")
    own = modules.run(monkeypatch, host_setup, a_host("not-installed"), **args)
    assert own["lost_machines"] == [{"mark": "1" * 64}]
    other = {**args, "cloud_uuid": UUID.replace("4", "5"), "claim": True, "_ansible_check_mode": check_mode}
    runner = a_host_with_open_vswitch() if check_mode else a_host("not-installed")
    taken = modules.run(monkeypatch, host_setup, runner, **other)
    assert (taken["lost_machines"], held.exists()) == ([], check_mode)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_host_without_systemd_is_refused_before_anything_is_changed(check_mode, monkeypatch, tmp_path):
    monkeypatch.setattr(systemd, "BOOTED", "/nowhere")
    args = {**arguments(tmp_path), "_ansible_check_mode": check_mode}
    done = modules.run(monkeypatch, host_setup, FakeRunner(), **args)
    assert done["msg"] == (
        f"host {os.uname().nodename}: it runs without systemd, but VMs and their networks are units of systemd; boot "
        "the host with systemd; in a container, it must be the first process"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_duplicate_address_is_refused_before_anything_is_changed(check_mode, monkeypatch, tmp_path):
    asked = []

    def find(interface: str, addresses: list[str], _runner: Runner, *, management_vlan: int) -> list[str]:
        asked.append((interface, addresses, management_vlan))
        raise Refused([Refusal("host_unclaimed", "this host")])

    monkeypatch.setattr(duplicates, "find", find)
    args = {**arguments(tmp_path), "management_addresses": ["10.60.7.1"], "_ansible_check_mode": check_mode}
    args["management_vlan"] = 3000
    done = modules.run(monkeypatch, host_setup, a_host(), **args)
    assert done["refusals"][0]["code"] == "host_unclaimed"
    assert asked == [("trunk0", ["10.60.7.1"], 3000)]
    assert list(tmp_path.iterdir()) == []


def test_a_duplicate_of_an_address_in_use_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(duplicates, "find", lambda *_args, **_kwargs: ["another machine answers"])
    args = {**arguments(tmp_path), "management_addresses": ["10.60.7.1"]}
    done = modules.run(monkeypatch, host_setup, a_host("not-installed"), **args)
    assert done["changed"]
    # A version of Ansible returns a warning as text or with its details.
    assert ["another machine answers" in str(warning) for warning in done["warnings"]] == [True]


def test_without_a_trunk_duplicates_are_not_searched(monkeypatch, tmp_path):
    args = {**arguments(tmp_path), "uplink": "", "management_addresses": ["10.60.7.1"]}
    assert "warnings" not in modules.run(monkeypatch, host_setup, a_host("not-installed"), **args)


def lines(text: str) -> set[str]:
    """The kinds of objects in a diff."""
    return {line.split(" ")[0] for line in text.splitlines()}


def without_time(text: str) -> str:
    return re.sub(r"since \S+", "since", text)
