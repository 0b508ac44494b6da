# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The whole datapath: observed once, planned as a whole, and applied in the order of dependencies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs, reconcile, taps
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import Flow
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.management import Management
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.reconcile import Settings, Wires
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.shaping import Host as Limits
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.taps import Devices, Tap
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refused

from .....locks import is_held
from ..fakes import ACCOUNTS, MORE, TAP_FILTER, FakeRunner, Stages, nic, orders, vm

TAP = "tap_1001_eth0"
EMPTY = Wires(True, Devices(), Switch({"br-int": "system"}), frozenset(), {}, Limits())
ORDER = orders(vm(1001, 100))
NOTHING = '{"headings": [], "data": []}\n' * 4
LIST_FILTER = ("nft", "--stateless", "list", "table", "inet", "cloudrepo_taps")


def settings(folder: str = "/nowhere", *, prune_vlans: bool = False) -> Settings:
    return Settings("br-int", Management("10.60.7.1", "10.60.7.2"), folder, prune_vlans)


def plan(have: Wires = EMPTY, **changes: object) -> reconcile.WirePlan:
    return reconcile.plan(ORDER, have, **{"settings": settings(), "accounts": ACCOUNTS, **changes})  # type: ignore[arg-type]


def test_settings_are_read_from_arguments() -> None:
    params = {
        "bridge": "br0",
        "gateway": "10.0.0.1",
        "dhcp_server": "10.0.0.2",
        "state_dir": "/s",
        "prune_vlans": True,
    }
    assert reconcile.read_settings(params, management_vlan=3000) == Settings(
        "br0", Management("10.0.0.1", "10.0.0.2", 3000), "/s/flows", True
    )
    with pytest.raises(Refused):
        reconcile.read_settings({**params, "gateway": "x"}, management_vlan=3000)


def test_all_kinds_are_planned_together() -> None:
    todo = plan()
    found = list(dict.fromkeys(change.kind for change in todo.changes))
    assert [kind for kind in found if kind != "file"] == ["tap", "port", "flows"]


def test_the_packet_filter_of_taps_is_loaded_if_it_is_missing() -> None:
    todo = plan(replace(EMPTY, closed=False))
    assert (todo.close, todo.changes[0].kind) == (True, "packet filter")


def test_numbers_of_existing_flows_are_not_used_for_new_ports() -> None:
    taken = Flow(2000, 0, 50, frozenset({"in_port=1000"}), "NORMAL")
    assert plan().ports.numbers[TAP] == 1000
    assert plan(replace(EMPTY, flows=frozenset({taken}))).ports.numbers[TAP] == 1001


def test_trunks_are_pruned_to_the_vlans_in_use_on_request() -> None:
    ours = {ovs.INFRASTRUCTURE: "true"}
    trunk = Port("trunk0", "br-int", vlan_mode="trunk", trunks=(200,), external_ids=ours, number=1, live_number=1)
    have = replace(EMPTY, switch=Switch({"br-int": "system"}, {"trunk0": trunk}))
    for prune_vlans in (False, True):
        commands = plan(have, settings=settings(prune_vlans=prune_vlans)).ports.commands
        assert ("trunks=100,400" in [word for command in commands for word in command]) is prune_vlans


def test_an_empty_host_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "observe", taps.Devices)
    failing = FakeRunner().tell(*LIST_FILTER, rc=1)
    failing.tell("ovs-vsctl", MORE, rc=127).tell("ovs-ofctl", MORE, rc=127)
    have = reconcile.observe(ORDER, failing, settings=settings(str(tmp_path)), missing_ok=True)
    assert (have.closed, have.switch, have.flows, have.limits) == (False, Switch(), frozenset(), Limits())
    failing = FakeRunner().tell(*LIST_FILTER, rc=1).tell("ovs-vsctl", MORE, rc=127)
    with pytest.raises(CommandFailed):
        reconcile.observe(ORDER, failing, settings=settings(str(tmp_path)))


def test_saved_flows_of_the_order_and_of_all_slices_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "observe", taps.Devices)
    for name in ("1000.flows", "shared.flows", "2000.flows"):
        (tmp_path / name).write_text(f"{name}\n")
    runner = FakeRunner().tell(*LIST_FILTER, stdout=TAP_FILTER)
    runner.tell("ovs-vsctl", MORE, stdout=NOTHING).tell("ovs-ofctl", MORE)
    have = reconcile.observe(ORDER, runner, settings=settings(str(tmp_path)))
    assert have.closed
    assert "2000.flows" not in have.saved
    assert have.saved["1000.flows"] == "1000.flows\n"


def test_one_run_at_a_time_changes_the_datapath(tmp_path: Path) -> None:
    with reconcile.locked(settings(str(tmp_path / "flows"))):
        assert is_held(tmp_path / "flows")
    assert not is_held(tmp_path / "flows")


def test_a_port_is_added_after_its_tap_and_flows_and_removed_before_them(tmp_path: Path) -> None:
    runner = FakeRunner().tell("nft", "-f", MORE).tell("ip", "-batch", "-")
    runner.tell("ovs-vsctl", MORE).tell("ovs-ofctl", MORE)
    watch = Stages()
    todo = plan(replace(EMPTY, closed=False), settings=settings(str(tmp_path)))
    reconcile.apply(todo, runner, settings=settings(str(tmp_path)), watch=watch)
    assert [argv[0] for argv in runner.argvs] == ["nft", "ip", "ovs-ofctl", "ovs-vsctl"]
    assert watch.names == ["ovs", "taps", "ovs", "taps"]

    nics = [{**nic(1001, 0, 100, 100), "tx_kbps": 5, "rx_kbps": 5}]
    limited = reconcile.plan(orders(vm(1001, interfaces=nics)), EMPTY, settings=settings(), accounts=ACCOUNTS)
    runner = FakeRunner().tell("ip", "-batch", "-").tell("ovs-vsctl", MORE).tell("ovs-ofctl", MORE).tell("tc", MORE)
    reconcile.apply(limited, runner, settings=settings(str(tmp_path)))
    assert [argv[0] for argv in runner.argvs] == ["ip", "ovs-ofctl", "ovs-ofctl", "ovs-vsctl", "tc"]

    old = Tap("tap_1001_eth9", 1000, 998, busy=False, plugged=True)
    there = Port(old.name, "br-int", 100, "access", (), {"cloudrepo-slice": "1000"}, number=1009, live_number=1009)
    have = replace(EMPTY, devices=Devices({old.name: old}), switch=Switch({"br-int": "system"}, {there.name: there}))
    runner = FakeRunner().tell("ip", "-batch", "-").tell("ovs-vsctl", MORE).tell("ovs-ofctl", MORE)
    reconcile.apply(plan(have), runner, settings=settings(str(tmp_path)))
    texts = [text or " ".join(argv) for argv, text in zip(runner.argvs, runner.stdins)]
    assert [number for number, text in enumerate(texts) if old.name in text] == [len(texts) - 2, len(texts) - 1]
    assert "del-port" in texts[-2]


def test_a_port_is_removed_before_its_tap_is_created_again(tmp_path: Path) -> None:
    """Open vSwitch keeps a tap that is gone open, and would not take the new one."""
    old = Tap(TAP, 1000, 0, busy=False, plugged=True)
    there = Port(TAP, "br-int", 100, "access", (), {"cloudrepo-slice": "1000"}, number=1000, live_number=1000)
    have = replace(EMPTY, devices=Devices({TAP: old}), switch=Switch({"br-int": "system"}, {TAP: there}))
    runner = FakeRunner().tell("ip", "-batch", "-").tell("ovs-vsctl", MORE).tell("ovs-ofctl", MORE)
    reconcile.apply(plan(have), runner, settings=settings(str(tmp_path)))
    assert [argv[0] for argv in runner.argvs] == ["ovs-vsctl", "ip", "ovs-ofctl", "ovs-vsctl"]
    assert runner.argvs[0][-3:] == ["del-port", "br-int", TAP]
    assert "add-port" in runner.argvs[-1]


def test_settings_are_read_from_the_arguments_of_a_module() -> None:
    params = {"bridge": "br0", "gateway": "10.60.7.1", "dhcp_server": "10.60.7.2", "state_dir": "/s"}
    read = reconcile.read_settings({**params, "prune_vlans": True}, management_vlan=400)
    assert (read.bridge, read.folder, read.prune_vlans) == ("br0", "/s/flows", True)
    assert (read.management.gateway, read.management.dhcp_server) == ("10.60.7.1", "10.60.7.2")
