# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How plans for the network node are applied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    apply as netservices_apply,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    plan as netservices_plan,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import State
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError

from ..fakes import MORE, FakeRunner, journal, slices
from .test_plan import (
    DHCP,
    FOLDERS,
    FULL,
    GATEWAY,
    IN_GATEWAY,
    NAMES,
    NAT,
    NETWORK,
    NOTHING,
    PORTS,
    SHOW,
    as_wanted,
    plan,
)
from .test_work_order import LAN, LINKS, QUIET, VM1, VM2, order


def test_a_plan_is_applied_in_order(tmp_path):
    folders = Folders(str(tmp_path), LINKS)
    runner = FakeRunner()
    for program in ("systemctl", "ovs-vsctl", "ip", "nsenter", "conntrack", "nft"):
        runner.tell(program, MORE)
    todo = netservices_plan.plan(FULL, State(active=frozenset({DHCP}), clients={}), folders, bridge="br-int")
    netservices_apply.apply(todo, folders, runner)
    assert [argv[:3] for argv in runner.argvs] == [
        [*VSCTL, "--"],
        ["ip", "-batch", "-"],
        ["nsenter", "--net=/run/netns/slices-dhcp", "ip"],
        ["conntrack", "--load-file", "-"],
        ["nsenter", "--net=/run/netns/slices-dhcp", "conntrack"],
        ["systemctl", "--no-reload", "enable"],
        ["systemctl", "reload", "--"],
        ["systemctl", "restart", "--"],
        ["nsenter", "--net=/run/netns/slices-dhcp", "nft"],
        ["nft", "--file", "-"],
    ]
    assert (tmp_path / "names/1000.hosts").read_text() == "10.60.7.101 vm1\n10.60.7.102 vm2\n"
    assert (tmp_path / "names/1000.hosts").stat().st_mode & 0o777 == 0o644

    (tmp_path / "networks/1000/leases").write_text("x")
    runner.argvs.clear()
    have = replace(as_wanted(FULL), texts=texts(FULL[0], folders))
    netservices_apply.apply(netservices_plan.plan(NOTHING, have, folders, bridge="br-int"), folders, runner)
    assert runner.argvs[0] == ["systemctl", "disable", "--quiet", "--now", "--", NAMES, NETWORK]
    assert runner.argvs[2] == [*VSCTL, "--", "del-port", "br-int", "net_101", "--", "del-port", "br-int", "net_102"]
    assert runner.argvs[7:9] == [
        ["ip", "link", "delete", "dev", "nat_1000"],
        ["ip", "netns", "delete", "slice-1000"],
    ]
    assert [path for path in tmp_path.rglob("*") if "1000" in str(path)] == []


def test_arp_entries_and_connections_of_a_moved_or_released_address_are_deleted(tmp_path):
    before = replace(as_wanted(FULL), texts=texts(order(reservations=(VM1,))[0], FOLDERS))
    assert plan(FULL, before).moved == ("10.60.7.102",)
    given_on = {**VM1, "mac": "52:54:00:07:d1:00"}
    assert plan(NOTHING, as_wanted(FULL)).moved == ("10.60.7.101", "10.60.7.102", "169.254.64.1")
    renamed = order(reservations=({**VM1, "name": "other"}, VM2), networks=(LAN, QUIET))
    assert plan(renamed, as_wanted(FULL)).moved == ()
    todo = plan(order(reservations=(given_on, VM2), networks=(LAN, QUIET)), as_wanted(FULL))
    assert todo.moved == ("10.60.7.101",)

    runner = FakeRunner()
    for program in ("systemctl", "ip", "nsenter", "conntrack"):
        runner.tell(program, MORE)
    netservices_apply.apply(replace(todo, files=()), Folders(str(tmp_path), LINKS), runner)
    flushed = [text for argv, text in zip(runner.argvs, runner.stdins) if argv[-2:] == ["-batch", "-"]]
    assert flushed == ["neighbour flush to 10.60.7.101\n"] * 2
    dropped = [text for argv, text in zip(runner.argvs, runner.stdins) if "conntrack" in argv]
    assert dropped == ["-D -s 10.60.7.101\n-D -d 10.60.7.101\n"] * 2


@pytest.mark.parametrize(
    ("old", "new", "is_restarting", "stdin"),
    [
        (
            5342,
            5300,
            False,
            "delete element ip cloudrepo slices { A : 5342 }\nadd element ip cloudrepo slices { A : 5300 }\n",
        ),
        (5300, None, False, "delete element ip cloudrepo slices { A : 5300 }\n"),
        (5342, 5300, True, "add element ip cloudrepo slices { A : 5300 }\n"),
    ],
)
def test_the_map_to_dns_servers_is_changed_only_for_the_slices_of_the_order(old, new, is_restarting, stdin):
    runner = FakeRunner().tell(*IN_GATEWAY, "nft", "--file", "-")
    if is_restarting:
        runner.tell("systemctl", "restart", "--", GATEWAY)
    todo = netservices_plan.ServicesPlan(clients={"A": (old, new)}, units={GATEWAY: "restart"} if is_restarting else {})
    netservices_apply.apply(todo, FOLDERS, runner)
    assert runner.stdins[-1] == stdin


def test_connection_limits_are_moved_without_losing_counted_connections():
    runner = FakeRunner().tell("nft", "--file", "-")
    pairs = {"A": (1042, 1000), "B": (None, 1000), "C": (1000, None)}
    netservices_apply.apply(netservices_plan.ServicesPlan(shares=pairs), FOLDERS, runner)
    assert (runner.stdins[-1] or "").splitlines() == [
        "delete element ip cloudrepo_shares slices { A : 1042 }",
        "delete element ip cloudrepo_shares slices { C : 1000 }",
        "add element ip cloudrepo_shares slices { A : 1000 }",
        "add element ip cloudrepo_shares slices { B : 1000 }",
    ]


def test_rules_are_loaded_before_the_gateway_which_is_restarted_before_the_units_in_its_namespace():
    runner = FakeRunner().tell("systemctl", MORE)
    units = {NAMES: "restart", GATEWAY: "restart", NAT: "reload-or-restart"}
    netservices_apply.apply(netservices_plan.ServicesPlan(units=units), FOLDERS, runner)
    assert [argv[-1] for argv in runner.argvs] == [NAT, GATEWAY, NAMES]


def test_units_that_depend_on_the_gateway_are_awaited():
    runner = FakeRunner().tell("systemctl", MORE)
    todo = plan(FULL, replace(as_wanted(FULL), gateway=("< gw400 10.60.7.1/24",)))
    netservices_apply.apply(replace(todo, slice_ids=()), FOLDERS, runner)
    assert runner.argvs == [["systemctl", "restart", "--", GATEWAY], ["systemctl", "start", "--", DHCP, NAMES]]


@pytest.mark.parametrize("ends_at", ["ovs-vsctl", "conntrack", "reload", "restart"])
def test_servers_are_reloaded_after_an_interrupted_run(tmp_path, ends_at):
    folders = Folders(str(tmp_path), LINKS)
    have = State(active=frozenset({DHCP}), clients={})

    steps = [
        (*VSCTL, "--"),
        ("ip", "-batch", "-"),
        (*IN_GATEWAY, "ip", "-batch", "-"),
        ("conntrack", "--load-file", "-"),
        (*IN_GATEWAY, "conntrack", "--load-file", "-"),
        ("systemctl", "--no-reload", "enable"),
        ("systemctl", "reload"),
        ("systemctl", "restart"),
        (*IN_GATEWAY, "nft", "--file", "-"),
        ("nft", "--file", "-"),
    ]

    def run(**failing: Any) -> None:
        runner = FakeRunner()
        for step in steps:
            if failing and ends_at in step:
                runner.tell(*step, MORE, **failing)
                break
            runner.tell(*step, MORE)
        if failing and ends_at in ("reload", "restart"):
            runner.tell("systemctl", "show", MORE)
        netservices_apply.apply(netservices_plan.plan(FULL, have, folders, bridge="br-int"), folders, runner)

    with pytest.raises(SlicesError):
        run(rc=1)
    assert Path(folders.pending(1000)).exists()
    written = replace(as_wanted(FULL), texts=texts(FULL[0], folders), pending=frozenset({1000}))
    todo = netservices_plan.plan(FULL, written, folders, bridge="br-int")
    assert todo.units == {NAMES: "restart", NETWORK: "restart", DHCP: "restart"}
    outdated = {"state": "not restarted by an interrupted run"}
    assert todo.changes == [Change("slice servers", 1000, "restart", outdated, {"state": "restarted"})]
    assert slices(todo.changes) == {1000}
    run()
    assert not Path(folders.pending(1000)).exists()
    assert Path(folders.pending(1000)).parent.stat().st_mode & 0o777 == 0o755
    gone = netservices_plan.plan(
        NOTHING, State(active=frozenset({DHCP}), clients={}, pending=frozenset({1000})), folders, bridge="br-int"
    )
    assert gone.units == {DHCP: "restart"}


def test_the_last_log_lines_of_a_unit_that_does_not_start_are_shown():
    runner = FakeRunner().tell("systemctl", "restart", "--", NAMES, NETWORK, rc=1, stderr="Job failed.")
    after = f"Id={NAMES}\nActiveState=active\n\nId={NETWORK}\nActiveState=failed\n"
    runner.tell(*SHOW, NAMES, NETWORK, stdout=after)
    runner.tell("journalctl", MORE, stdout=journal(NETWORK, "no such device"))
    todo = netservices_plan.ServicesPlan(units={NAMES: "restart", NETWORK: "restart"})
    with pytest.raises(SlicesError) as caught:
        netservices_apply.apply(todo, FOLDERS, runner)
    assert caught.value.message == f"systemctl failed with code 1: Job failed.\n{NETWORK}: no such device"


@pytest.mark.parametrize("verb", ["restart", "start"])
def test_a_unit_of_a_slice_that_does_not_start_is_a_failure_of_its_slice_alone(tmp_path, verb):
    """Also one that has to follow the gateway: the clients of all slices are mapped, and the others are done."""
    gateway = "slices-gateway.service"
    folders = Folders(str(tmp_path), LINKS)
    other = replace(FULL[0], slice_id=1041)
    names = [f"slices-names@{one}.service" for one in (1000, 1041)]
    units = dict.fromkeys(names, "restart") | ({gateway: "restart"} if verb == "start" else {})
    drift = [Change("unit", unit, "start", slice=SliceRef(one)) for one, unit in zip((1000, 1041), names)]
    todo = netservices_plan.ServicesPlan(
        units=units,
        slice_ids=(1000, 1041),
        drift=tuple(drift),
        clients={"10.60.7.101": (None, other.name_port)},
        hang_on_gateway=tuple(names) if verb == "start" else (),
    )
    runner = FakeRunner().tell("systemctl", verb, "--", *names, rc=1, stderr="Job failed.")
    if verb == "start":
        runner.tell("systemctl", "restart", "--", gateway).tell("systemctl", "restart", "--", *names)
    runner.tell(*SHOW, *names, stdout=f"Id={names[0]}\nActiveState=active\n\nId={names[1]}\nActiveState=failed\n")
    runner.tell("journalctl", MORE, stdout=journal(names[1], "bad option at line 3"))
    runner.tell(*IN_GATEWAY, "nft", "--file", "-")
    failed = netservices_apply.apply(todo, folders, runner)
    assert failed == {1041: f"unit {names[1]} did not start:\nbad option at line 3"}
    assert [Path(folders.pending(one)).exists() for one in (1000, 1041)] == [False, True]


def test_all_units_of_a_slice_that_did_not_start_are_named():
    units = (NAMES, NETWORK)
    runner = FakeRunner().tell("systemctl", "restart", "--", *units, rc=1)
    runner.tell(*SHOW, *units, stdout="\n".join(f"Id={unit}\nActiveState=failed\n" for unit in units))
    runner.tell("journalctl", MORE, stdout=journal(NETWORK, "no such device"))
    todo = netservices_plan.ServicesPlan(units=dict.fromkeys(units, "restart"), slice_ids=(1000,))
    failed = netservices_apply.apply(todo, FOLDERS, runner)
    assert failed == {1000: f"unit {NAMES} did not start\nunit {NETWORK} did not start:\nno such device"}


@pytest.mark.parametrize(("states", "words"), [(("failed", "failed"), True), (("active", "active"), False)])
def test_a_unit_that_slices_share_or_a_job_that_failed_otherwise_is_a_failure_of_the_host(states, words):
    units = (NAMES, DHCP)
    runner = FakeRunner().tell("systemctl", "restart", "--", *units, rc=1, stderr="Job failed.")
    blocks = (f"Id={unit}\nActiveState={state}\n" for unit, state in zip(units, states))
    runner.tell(*SHOW, *units, stdout="\n".join(blocks))
    if words:
        runner.tell("journalctl", MORE, stdout=journal(DHCP, "no address"))
    todo = netservices_plan.ServicesPlan(units=dict.fromkeys(units, "restart"), slice_ids=(1000,))
    with pytest.raises(SlicesError) as caught:
        netservices_apply.apply(todo, FOLDERS, runner)
    assert caught.value.message == "systemctl failed with code 1: Job failed." + f"\n{DHCP}: no address" * words


def test_the_servers_of_slices_without_changes_are_not_restarted_after_an_interrupted_run(tmp_path):
    folders = Folders(str(tmp_path), LINKS)
    todo = netservices_plan.ServicesPlan(
        units={DHCP: "restart"}, slice_ids=(1000, 1041), drift=(Change("unit", DHCP, "start"),)
    )
    runner = FakeRunner().tell("systemctl", "restart", "--", DHCP, rc=1).tell(*SHOW, DHCP)
    with pytest.raises(SlicesError):
        netservices_apply.apply(todo, folders, runner)
    assert not list(tmp_path.iterdir())


def test_overrides_are_removed_before_anything_starts_and_units_that_ran_with_them_are_restarted(tmp_path):
    path = tmp_path / "slices-dhcp.service.d"
    path.mkdir()
    todo = plan(FULL, replace(as_wanted(FULL), overrides=(str(path),)))
    assert todo.changes == [Change("unit override", str(path), "delete", before={})]
    runner = FakeRunner().tell("systemctl", "daemon-reload").tell("systemctl", "try-restart", "--", DHCP)
    # A restarted gateway restarts these, which must have been awaited when this ends.
    runner.tell("systemctl", "start", "--", DHCP, NAMES)
    netservices_apply.apply(replace(todo, slice_ids=()), Folders(str(tmp_path), LINKS), runner)
    assert [argv[1] for argv in runner.argvs] == ["daemon-reload", "try-restart", "start"]
    assert not path.exists()


def test_a_unit_that_cannot_be_reset_and_a_namespace_that_is_gone_are_no_errors(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), LINKS)
    have = replace(as_wanted(FULL), texts=texts(FULL[0], folders))
    runner = FakeRunner().tell("systemctl", "disable", MORE).tell("systemctl", "reset-failed", MORE, rc=1)
    runner.tell("ip", "link", MORE, rc=1).tell("ip", "netns", MORE, rc=1)
    for program in ("ovs-vsctl", "nsenter", "conntrack", "nft", "systemctl"):
        runner.tell(program, MORE)
    runner.tell("ip", "-batch", "-")
    todo = netservices_plan.plan(NOTHING, have, folders, bridge="br-int")
    pending = tmp_path / "pending"
    assert netservices_apply.apply(todo, folders, runner) == {}
    assert not pending.exists()


def test_ports_are_unplugged_before_they_are_changed(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), LINKS)
    moved = replace(PORTS["net_101"], live_number=7)
    have = replace(as_wanted(FULL, folders), switch=Switch({"br-int": "system"}, {**PORTS, "net_101": moved}))
    todo = netservices_plan.plan(FULL, have, folders, bridge="br-int")
    runner = FakeRunner().tell("ovs-vsctl", MORE)
    netservices_apply.apply(replace(todo, units={}, enable=(), files=()), folders, runner)
    commands = [argv[3:] for argv in runner.argvs if argv[0] == "ovs-vsctl"]
    assert commands[0] == ["del-port", "br-int", "net_101"]
    assert commands[1][:3] == ["add-port", "br-int", "net_101"]


def test_a_namespace_without_entries_is_no_error() -> None:
    runner = FakeRunner().tell("ip", "-batch", "-").tell("conntrack", "--load-file", "-")
    runner.tell("nsenter", MORE, rc=1)
    netservices_apply._forget(["10.60.7.101"], runner)
    assert len(runner.argvs) == 4


def test_the_folder_of_a_removed_slice_may_be_gone(tmp_path: Path) -> None:
    runner = FakeRunner().tell("ip", "link", MORE, rc=1).tell("ip", "netns", MORE, rc=1)
    netservices_apply._remove(FULL[0], Folders(str(tmp_path), LINKS), runner)
    assert len(runner.argvs) == 2


def test_files_of_nobody_are_removed_and_marks_of_runs_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "stranger"
    stranger.touch()
    modes: dict[str, int] = {}
    write = netservices_apply.files.write_text
    monkeypatch.setattr(
        netservices_apply.files,
        "write_text",
        lambda path, text, *, mode: modes.update({path: mode}) or write(path, text, mode=mode),
    )
    folders = Folders(str(tmp_path), LINKS)
    have = replace(
        as_wanted(FULL), texts=texts(FULL[0], folders), stray_files=(str(stranger),), active=frozenset({DHCP, NETWORK})
    )
    todo = netservices_plan.plan(FULL, have, folders, bridge="br-int")
    runner = FakeRunner()
    for program in ("systemctl", "nsenter", "nft"):
        runner.tell(program, MORE)
    runner.made.remove(runner)
    netservices_apply.apply(todo, folders, runner)
    assert not stranger.exists()
    assert modes == {folders.pending(1000): 0o600}
