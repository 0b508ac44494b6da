# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans for the network node, and how they are applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.access import Access
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL, Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    apply as netservices_apply,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.live import Device
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import Namespace, State
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused, SlicesError
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import MORE, FakeRunner, journal, slices, uuid
from .test_plan import LAN, LINKS, QUIET, VM1, VM2, order

FOLDERS = Folders("/s", LINKS)
DHCP, GATEWAY, NAT = "slices-dhcp.service", "slices-gateway.service", "slices-nat.service"
NAMES, NETWORK = "slices-names@1000.service", "slices-network@1000.service"
CLIENT = "name server's client"
SHOW = ("systemctl", "show", "--property=Id,ActiveState,MainPID", "--")
IN_GATEWAY = ("nsenter", "--net=/run/netns/slices-dhcp")
IN_SLICE = ("nsenter", "--net=/run/netns/slice-1000")
GATEWAY_RULES = (*IN_GATEWAY, "nft", "--json", "list", "ruleset")
NAT_RULES = ("nft", "--stateless", "list", "table", "ip", "cloudrepo")
SHARE_RULES = ("nft", "--stateless", "--terse", "list", "table", "ip", "cloudrepo_shares")
SHARES = ("nft", "--json", "list", "map", "ip", "cloudrepo_shares", "slices")
FULL = order(reservations=(VM1, VM2), networks=(LAN, QUIET))
NOTHING = order()
LAN_PORT = Port("net_101", "br-int", 101, "access", (), {"cloudrepo-services": "1000"}, "internal", 1000, 1000)
QUIET_PORT = replace(LAN_PORT, name="net_102", tag=102, number=1001, live_number=1001)
PORTS = {"net_101": LAN_PORT, "net_102": QUIET_PORT}


def as_wanted(orders: Iterable[Services], folders: Folders = FOLDERS) -> State:
    """Return the state of a host that has applied the orders."""
    one = next(iter(orders))
    return State(
        texts=texts(one, folders),
        folders=frozenset({1000}),
        active=frozenset({DHCP, NAMES, NETWORK}),
        enabled=frozenset({NAMES, NETWORK}),
        clients={"10.60.7.101": 5300, "10.60.7.102": 5300, "10.60.7.150": 5342},
        shares={"10.60.7.101": 1000, "10.60.7.102": 1000, "169.254.64.1": 1000, "10.60.7.150": 1042},
        switch=Switch({"br-int": "system"}, PORTS),
        devices={"nat_1000": Device("", frozenset({"169.254.64.0/31"}), is_up=True)},
        namespaces={
            1000: Namespace(
                {
                    "net_101": Device("02:01:00:00:00:65", frozenset({"192.168.101.1/24"}), is_up=True),
                    "net_102": Device("02:01:00:00:00:66", frozenset({"10.0.0.1/30"}), is_up=True, mtu=9000),
                    "nat": Device("", frozenset({"169.254.64.1/31"}), is_up=True),
                }
            )
        },
    )


def started(unit: str) -> Change:
    return Change("unit", unit, "start", {"state": "stopped"}, {"state": "running"})


def plan(orders: tuple[Services, ...], have: State) -> netservices_apply.ServicesPlan:
    return netservices_apply.plan(orders, have, FOLDERS, bridge="br-int")


def test_objects_in_the_desired_state_are_not_changed():
    todo = plan(FULL, as_wanted(FULL))
    assert (todo.changes, dict(todo.units or {})) == ([], {})


def test_a_new_slice():
    todo = plan(FULL, State(active=frozenset({DHCP}), clients={}))
    assert todo.units == {NAMES: "restart", NETWORK: "restart", DHCP: "reload"}
    assert todo.enable == ((NAMES, FULL[0]), (NETWORK, FULL[0]))
    assert slices(todo.changes) == {1000}
    assert [port.name for port in todo.ports.add] == ["net_101", "net_102"]
    assert todo.clients == {"10.60.7.101": (None, 5300), "10.60.7.102": (None, 5300)}
    assert todo.shares == dict.fromkeys(("10.60.7.101", "10.60.7.102", "169.254.64.1"), (None, 1000))
    # They are read from its file.
    assert "sender" not in {each.kind for each in todo.changes}
    assert todo.changes[0] == Change(
        "slice reservation",
        1000,
        "create",
        after={"lines": ["52:54:00:03:e9:00,10.60.7.101,vm1", "52:54:00:03:ea:00,10.60.7.102,vm2"]},
    )
    assert ("port", "net_101", "create") in [(each.kind, each.id, each.action) for each in todo.changes]
    assert Change(CLIENT, "10.60.7.101", "create", after={"port": 5300}) in todo.changes
    assert Change("unit", NAMES, "start", {"state": "stopped"}, {"state": "running"}) in todo.changes


def test_everything_of_a_deleted_slice_is_removed():
    todo = plan(NOTHING, as_wanted(FULL))
    assert todo.units == {NAMES: "stop", NETWORK: "stop", DHCP: "restart"}
    assert [change.new for change in todo.files] == [None] * 8
    assert [port.name for port in todo.ports.remove] == ["net_101", "net_102"]
    assert (todo.gone, todo.clients) == (NOTHING, {"10.60.7.101": (5300, None), "10.60.7.102": (5300, None)})
    assert todo.shares == dict.fromkeys(("10.60.7.101", "10.60.7.102", "169.254.64.1"), (1000, None))
    assert {each.action for each in todo.changes} == {"delete"}
    assert slices(todo.changes) == {1000}
    assert todo.changes[-5:] == [
        Change("unit", NAMES, "delete", before={"state": "present"}),
        Change("unit", NETWORK, "delete", before={"state": "present"}),
        Change(CLIENT, "10.60.7.101", "delete", before={"port": 5300}),
        Change(CLIENT, "10.60.7.102", "delete", before={"port": 5300}),
        Change("namespace", "slice-1000", "delete", before={}),
    ]
    assert plan(NOTHING, State(active=frozenset({DHCP}), clients={"10.60.7.150": 5342})).changes == []


def test_a_leftover_namespace_is_removed():
    todo = plan(NOTHING, State(namespaces={1000: as_wanted(FULL).namespaces[1000]}, clients={}))
    assert todo.changes == [Change("namespace", "slice-1000", "delete", before={})]


@pytest.mark.parametrize(
    ("changes", "units", "expected"),
    [
        ({"active": frozenset({NAMES, NETWORK})}, {DHCP: "restart"}, [started(DHCP)]),
        ({"active": frozenset({DHCP, NETWORK})}, {NAMES: "restart"}, [started(NAMES)]),
        ({"active": frozenset({DHCP, NAMES})}, {NETWORK: "restart"}, [started(NETWORK)]),
        (
            {"enabled": frozenset({NAMES})},
            {},
            [Change("unit", NETWORK, "update", {"startup": "disabled"}, {"startup": "enabled"})],
        ),
        (
            {"namespaces": {}},
            {NETWORK: "restart"},
            [Change("namespace", "slice-1000", "create", after={"state": "present"})],
        ),
        (
            {"devices": {}},
            {NETWORK: "restart"},
            [
                Change(
                    "NAT link",
                    "slice-1000",
                    "update",
                    {"state": "missing or different"},
                    {"address": "169.254.64.0/31"},
                )
            ],
        ),
        (
            {
                "namespaces": {
                    1000: replace(as_wanted(FULL).namespaces[1000], astray=("< \t\tpolicy drop", "> \t\tpolicy accept"))
                }
            },
            {NETWORK: "restart"},
            [Change("namespace", "slice-1000", "update", {"state": ["policy accept"]}, {"state": ["policy drop"]})],
        ),
        (
            {"rules": False},
            {NAT: "reload-or-restart"},
            [Change("packet rules", "VMs", "load", {"state": "missing or changed"}, {"state": "loaded"})],
        ),
        (
            {"gateway": ("< gw400 02:00:0a:3c:07:01", "> gw400 06:00:00:00:00:01", "< default via 10.60.7.1")},
            {GATEWAY: "restart"},
            [
                Change(
                    "gateway",
                    "VLAN 400",
                    "restart",
                    {"state": ["gw400 06:00:00:00:00:01"]},
                    {"state": ["gw400 02:00:0a:3c:07:01", "default via 10.60.7.1"]},
                )
            ],
        ),
        (
            {"guard": False},
            {DHCP: "reload"},
            [Change("unit", DHCP, "reload", {"state": "rules missing"}, {"state": "rules loaded"})],
        ),
        (
            {"clients": {"10.60.7.101": 5300}},
            {},
            [Change(CLIENT, "10.60.7.102", "create", after={"port": 5300})],
        ),
        (
            {"clients": {"10.60.7.101": 5300, "10.60.7.102": 5300, "10.60.7.150": 5300}},
            {},
            [Change(CLIENT, "10.60.7.150", "delete", before={"port": 5300})],
        ),
        (
            {"clients": {"10.60.7.101": 5342, "10.60.7.102": 5300}},
            {},
            [Change(CLIENT, "10.60.7.101", "update", {"port": 5342}, {"port": 5300})],
        ),
        (
            {"shares": {"10.60.7.101": 1000, "10.60.7.102": 1042, "10.60.7.150": 1042, "10.60.7.199": 1000}},
            {},
            [
                Change("sender", "10.60.7.102", "update", {"slice": 1042}, {"slice": 1000}),
                Change("sender", "10.60.7.199", "delete", before={"slice": 1000}),
                Change("sender", "169.254.64.1", "create", after={"slice": 1000}),
            ],
        ),
        (
            {"clients": None},
            {GATEWAY: "restart"},
            [
                Change("namespace", "slices-dhcp", "update", {"state": "rules missing"}, {"state": "rules loaded"}),
                Change(CLIENT, "10.60.7.101", "create", after={"port": 5300}),
                Change(CLIENT, "10.60.7.102", "create", after={"port": 5300}),
            ],
        ),
        (
            {"switch": Switch({"br-int": "system"}, {"net_101": replace(LAN_PORT, tag=7), "net_102": QUIET_PORT})},
            {NETWORK: "restart"},
            [Change("port", "net_101", "update", replace(LAN_PORT, tag=7).attributes, LAN_PORT.attributes)],
        ),
        (
            {"switch": Switch({"br-int": "system"}, {"net_101": LAN_PORT})},
            {NETWORK: "restart"},
            [Change("port", "net_102", "create", after=QUIET_PORT.attributes)],
        ),
    ],
)
def test_drift_is_repaired(changes, units, expected):
    todo = plan(FULL, replace(as_wanted(FULL), **changes))
    assert (todo.changes, todo.units) == (expected, units)
    for change in todo.changes:
        of_all = change.kind in ("gateway", "packet rules") or change.id in (DHCP, "slices-dhcp")
        assert change.to_dict()["slice_id"] == (None if of_all else 1000), change
    assert bool(todo.clients) == any(change.kind == CLIENT for change in expected)


@pytest.mark.parametrize(
    "device",
    [
        None,
        Device("02:01:00:00:00:65", frozenset(), is_up=True),
        Device("02:01:00:00:00:65", frozenset({"192.168.101.1/24", "10.60.7.9/24"}), is_up=True),
        Device("02:01:00:00:00:65", frozenset({"192.168.101.1/24"}), is_up=False),
        Device("00:00:00:00:00:01", frozenset({"192.168.101.1/24"}), is_up=True),
        Device("02:01:00:00:00:65", frozenset({"192.168.101.1/24"}), is_up=True, mtu=9000),
    ],
)
def test_a_device_that_differs_from_its_network(device):
    have = as_wanted(FULL)
    devices = {**have.namespaces[1000].devices, "net_101": device}
    devices = {name: each for name, each in devices.items() if each is not None}
    todo = plan(FULL, replace(have, namespaces={1000: replace(have.namespaces[1000], devices=devices)}))
    assert todo.units == {NETWORK: "restart"}
    assert todo.changes == [
        Change(
            "device",
            "slice-1000/net_101",
            "update",
            {"state": "missing or different"},
            {"address": "192.168.101.1/24"},
        )
    ]
    assert slices(todo.changes) == {1000}


@pytest.mark.parametrize(
    ("after", "verbs"),
    [
        (order(reservations=(VM1, VM2)), {DHCP: "reload", NAMES: "reload"}),
        (order(reservations=(VM2,)), {DHCP: "restart", NAMES: "reload"}),
        (order(reservations=({**VM1, "address": "10.60.7.109"},)), {DHCP: "restart", NAMES: "reload"}),
        (order(reservations=({**VM1, "name": "other"},)), {DHCP: "restart", NAMES: "reload"}),
        (order(), {DHCP: "restart", NAMES: "stop"}),
    ],
)
def test_changed_or_removed_reservations_only_restart_the_dhcp_server(after, verbs):
    one = order(reservations=(VM1,))[0]
    have = State(
        texts=texts(one, FOLDERS),
        active=frozenset({DHCP, NAMES}),
        enabled=frozenset({NAMES}),
        clients={"10.60.7.101": 5300},
    )
    assert plan(after, have).units == verbs


def test_a_changed_network_restarts_the_unit_of_its_slice():
    after = order(reservations=(VM1, VM2), networks=({**LAN, "nat": False}, QUIET))
    todo = plan(after, as_wanted(FULL))
    assert todo.units == {NETWORK: "restart"}
    (change,) = (each for each in todo.changes if each.kind == "slice network")
    assert (change.id, (change.before or {})["lines"]) == (1000, ["nat 169.254.64.0/31 169.254.64.1/31"])
    assert todo.gone == ()


def test_a_plan_is_applied_in_order(tmp_path):
    folders = Folders(str(tmp_path), LINKS)
    runner = FakeRunner()
    for program in ("systemctl", "ovs-vsctl", "ip", "nsenter", "conntrack", "nft"):
        runner.tell(program, MORE)
    todo = netservices_apply.plan(FULL, State(active=frozenset({DHCP}), clients={}), folders, bridge="br-int")
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
    netservices_apply.apply(netservices_apply.plan(NOTHING, have, folders, bridge="br-int"), folders, runner)
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
    todo = netservices_apply.ServicesPlan(
        clients={"A": (old, new)}, units={GATEWAY: "restart"} if is_restarting else {}
    )
    netservices_apply.apply(todo, FOLDERS, runner)
    assert runner.stdins[-1] == stdin


def test_connection_limits_are_moved_without_losing_counted_connections():
    runner = FakeRunner().tell("nft", "--file", "-")
    pairs = {"A": (1042, 1000), "B": (None, 1000), "C": (1000, None)}
    netservices_apply.apply(netservices_apply.ServicesPlan(shares=pairs), FOLDERS, runner)
    assert (runner.stdins[-1] or "").splitlines() == [
        "delete element ip cloudrepo_shares slices { A : 1042 }",
        "delete element ip cloudrepo_shares slices { C : 1000 }",
        "add element ip cloudrepo_shares slices { A : 1000 }",
        "add element ip cloudrepo_shares slices { B : 1000 }",
    ]


def test_reloaded_rules_include_the_connection_limits():
    todo = plan(FULL, replace(as_wanted(FULL), rules=False, shares={}))
    assert (todo.units, todo.shares) == ({NAT: "reload-or-restart"}, {})


def test_rules_are_loaded_before_the_gateway_which_is_restarted_before_the_units_in_its_namespace():
    runner = FakeRunner().tell("systemctl", MORE)
    units = {NAMES: "restart", GATEWAY: "restart", NAT: "reload-or-restart"}
    netservices_apply.apply(netservices_apply.ServicesPlan(units=units), FOLDERS, runner)
    assert [argv[-1] for argv in runner.argvs] == [NAT, GATEWAY, NAMES]


def test_a_change_of_one_slice_restarts_no_servers_of_another():
    both = (*order(reservations=(VM1,), networks=(LAN,)), *order(1003, reservations=(VM2,), networks=(QUIET,)))
    have = State(
        texts={path: text for one in both for path, text in texts(one, FOLDERS).items() if one.slice_id == 1000},
        active=frozenset({DHCP, NAMES, NETWORK}),
    )
    of_1000 = {unit: job for unit, job in (plan(both, have).units or {}).items() if unit == NAMES}
    assert of_1000 == {}
    assert {"slices-names@1003.service", "slices-network@1003.service"} <= {*(plan(both, have).units or {})}


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
        netservices_apply.apply(netservices_apply.plan(FULL, have, folders, bridge="br-int"), folders, runner)

    with pytest.raises(SlicesError):
        run(rc=1)
    assert Path(folders.pending(1000)).exists()
    written = replace(as_wanted(FULL), texts=texts(FULL[0], folders), pending=frozenset({1000}))
    todo = netservices_apply.plan(FULL, written, folders, bridge="br-int")
    assert todo.units == {NAMES: "restart", NETWORK: "restart", DHCP: "restart"}
    outdated = {"state": "not restarted by an interrupted run"}
    assert todo.changes == [Change("slice servers", 1000, "restart", outdated, {"state": "restarted"})]
    assert slices(todo.changes) == {1000}
    run()
    assert not Path(folders.pending(1000)).exists()
    assert Path(folders.pending(1000)).parent.stat().st_mode & 0o777 == 0o755
    gone = netservices_apply.plan(
        NOTHING, State(active=frozenset({DHCP}), clients={}, pending=frozenset({1000})), folders, bridge="br-int"
    )
    assert gone.units == {DHCP: "restart"}


def test_the_last_log_lines_of_a_unit_that_does_not_start_are_shown():
    runner = FakeRunner().tell("systemctl", "restart", "--", NAMES, NETWORK, rc=1, stderr="Job failed.")
    after = f"Id={NAMES}\nActiveState=active\n\nId={NETWORK}\nActiveState=failed\n"
    runner.tell(*SHOW, NAMES, NETWORK, stdout=after)
    runner.tell("journalctl", MORE, stdout=journal(NETWORK, "no such device"))
    todo = netservices_apply.ServicesPlan(units={NAMES: "restart", NETWORK: "restart"})
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
    todo = netservices_apply.ServicesPlan(
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
    todo = netservices_apply.ServicesPlan(units=dict.fromkeys(units, "restart"), slice_ids=(1000,))
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
    todo = netservices_apply.ServicesPlan(units=dict.fromkeys(units, "restart"), slice_ids=(1000,))
    with pytest.raises(SlicesError) as caught:
        netservices_apply.apply(todo, FOLDERS, runner)
    assert caught.value.message == "systemctl failed with code 1: Job failed." + f"\n{DHCP}: no address" * words


def test_the_servers_of_slices_without_changes_are_not_restarted_after_an_interrupted_run(tmp_path):
    folders = Folders(str(tmp_path), LINKS)
    todo = netservices_apply.ServicesPlan(
        units={DHCP: "restart"}, slice_ids=(1000, 1041), drift=(Change("unit", DHCP, "start"),)
    )
    runner = FakeRunner().tell("systemctl", "restart", "--", DHCP, rc=1).tell(*SHOW, DHCP)
    with pytest.raises(SlicesError):
        netservices_apply.apply(todo, folders, runner)
    assert not list(tmp_path.iterdir())


def test_services_of_another_slice_are_refused():
    one = replace(FULL[0], slice_uuid=uuid(1))
    have = replace(as_wanted(FULL), texts={"/s/names/1000.uuid": f"{uuid(9)}\n"})
    with pytest.raises(Refused) as refused:
        plan((one,), have)
    assert [each.code for each in refused.value.refusals] == ["another_slice"]


@pytest.mark.parametrize(
    ("old", "new", "adds_only"),
    [
        ("a\nb\n", "b\na\n", True),
        ("a\n", "a\nb\n", True),
        (None, "a\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n", None, False),
    ],
)
def test_a_file_whose_lines_all_stay_only_adds(old, new, adds_only):
    assert netservices_apply.FileChange(1000, "reservation", "/x", old, new).adds_only is adds_only


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


def test_who_may_use_a_file_is_part_of_its_change() -> None:
    held = Access("file", 7, 8, 0o600)
    change = netservices_apply.FileChange(1000, "reservation", "/s/x", "a\n", "a\n", held).change
    assert change.before == {"lines": [], "type": "file", "owner": 7, "group": 8, "mode": "0600"}
    assert change.after == {"lines": [], "type": "file", "owner": 0, "group": 8, "mode": "0644"}
    assert netservices_apply.FileChange(1000, "reservation", "/s/x", "a\n", "b\n").change.before == {"lines": ["a"]}
    new = netservices_apply.FileChange(1000, "reservation", "/s/x", None, "b\n", held).change
    assert (new.before, new.after) == (None, {"lines": ["b"]})


@pytest.mark.parametrize("there", [(), (NAMES,), (NETWORK,)])
def test_units_that_are_only_enabled_or_only_active_are_stopped(there: tuple[str, ...]) -> None:
    for have in (
        State(active=frozenset({DHCP, *there}), clients={}),
        State(active=frozenset({DHCP}), enabled=frozenset(there), clients={}),
    ):
        assert dict(plan(NOTHING, have).units) == dict.fromkeys(there, "stop")


def test_senders_whose_file_does_not_change_are_told_by_themselves() -> None:
    wanted = as_wanted(FULL)
    todo = plan(FULL, replace(wanted, shares={**wanted.shares, "10.60.7.101": 1042}))
    assert [(each.id, each.before, each.after) for each in todo.changes if each.kind == "sender"] == [
        ("10.60.7.101", {"slice": 1042}, {"slice": 1000})
    ]


@pytest.mark.parametrize("folder", ["shares", "dhcp-hosts", "other"])
@pytest.mark.parametrize("is_active", [True, False])
def test_strangers_restart_what_reads_their_folder(folder: str, is_active: bool) -> None:
    places = {"shares": FOLDERS.all_shares, "dhcp-hosts": FOLDERS.dhcp_hosts, "other": "/s/other"}
    wanted = as_wanted(FULL)
    have = replace(
        wanted, strangers=(f"{places[folder]}/x",), active=wanted.active if is_active else wanted.active - {DHCP}
    )
    drift: list[Change] = []
    units = netservices_apply._shared(have, FOLDERS, drift)
    expected = {"shares": {NAT: "reload-or-restart"}, "dhcp-hosts": {DHCP: "restart"} if is_active else {}, "other": {}}
    assert units == expected[folder]
    assert [(each.kind, each.id, each.action) for each in drift] == [("file", f"{places[folder]}/x", "delete")]


def test_only_units_of_services_are_enabled_and_told_if_they_run_already() -> None:
    plain = order(reservations=(VM1,))
    assert netservices_apply._to_enable(plain, State()) == ((NAMES, plain[0]),)
    only_network = order(networks=(LAN,))
    assert netservices_apply._to_enable(only_network, State()) == ((NETWORK, only_network[0]),)
    assert netservices_apply._to_enable(FULL, State(enabled=frozenset({NAMES}))) == ((NETWORK, FULL[0]),)
    enable = ((NAMES, FULL[0]), (NETWORK, FULL[0]))
    assert [each.id for each in netservices_apply._enabled(enable, State(active=frozenset({NETWORK})))] == [NETWORK]


def test_units_that_hang_on_the_gateway_are_those_with_reservations() -> None:
    have = State(active=frozenset({DHCP}), clients={})
    assert plan(order(networks=(LAN,)), have).hang_on_gateway == (DHCP,)
    assert plan(order(reservations=(VM1,)), have).hang_on_gateway == (DHCP, NAMES)


def test_a_unit_that_cannot_be_reset_and_a_namespace_that_is_gone_are_no_errors(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), LINKS)
    have = replace(as_wanted(FULL), texts=texts(FULL[0], folders))
    runner = FakeRunner().tell("systemctl", "disable", MORE).tell("systemctl", "reset-failed", MORE, rc=1)
    runner.tell("ip", "link", MORE, rc=1).tell("ip", "netns", MORE, rc=1)
    for program in ("ovs-vsctl", "nsenter", "conntrack", "nft", "systemctl"):
        runner.tell(program, MORE)
    runner.tell("ip", "-batch", "-")
    todo = netservices_apply.plan(NOTHING, have, folders, bridge="br-int")
    pending = tmp_path / "pending"
    assert netservices_apply.apply(todo, folders, runner) == {}
    assert not pending.exists()


def test_ports_are_unplugged_before_they_are_changed(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), LINKS)
    moved = replace(PORTS["net_101"], live_number=7)
    have = replace(as_wanted(FULL, folders), switch=Switch({"br-int": "system"}, {**PORTS, "net_101": moved}))
    todo = netservices_apply.plan(FULL, have, folders, bridge="br-int")
    runner = FakeRunner().tell("ovs-vsctl", MORE)
    netservices_apply.apply(replace(todo, units={}, enable=(), files=()), folders, runner)
    commands = [argv[3:] for argv in runner.argvs if argv[0] == "ovs-vsctl"]
    assert commands[0] == ["del-port", "br-int", "net_101"]
    assert commands[1][:3] == ["add-port", "br-int", "net_101"]


@pytest.mark.parametrize(
    ("old", "new", "slice_id"), [(5300, None, 1000), (None, 5300, 1000), (5342, 5300, 1000), (5342, None, None)]
)
def test_a_mapped_address_is_one_of_the_slice_of_its_value(
    old: int | None, new: int | None, slice_id: int | None
) -> None:
    (change,) = netservices_apply._mapped("sender", "port", {"10.60.7.101": (old, new)}, {5300: 1000})
    assert change.to_dict()["slice_id"] == slice_id
    assert (change.before, change.after) == (
        None if old is None else {"port": old},
        None if new is None else {"port": new},
    )


@pytest.mark.parametrize("missing", ["networks", "folder", "unit"])
def test_a_namespace_is_compared_only_while_its_unit_is_active(missing: str) -> None:
    have = replace(as_wanted(FULL), namespaces={})
    one = FULL[0]
    assert [each.kind for each in netservices_apply._astray(one, have, FOLDERS)] == ["namespace"]
    if missing == "networks":
        one = replace(one, networks=())
    elif missing == "folder":
        have = replace(have, folders=frozenset())
    else:
        have = replace(have, active=have.active - {NETWORK})
    assert list(netservices_apply._astray(one, have, FOLDERS)) == []


def test_a_namespace_without_entries_is_no_error() -> None:
    runner = FakeRunner().tell("ip", "-batch", "-").tell("conntrack", "--load-file", "-")
    runner.tell("nsenter", MORE, rc=1)
    netservices_apply._forget(["10.60.7.101"], runner)
    assert len(runner.argvs) == 4


def test_the_folder_of_a_removed_slice_may_be_gone(tmp_path: Path) -> None:
    runner = FakeRunner().tell("ip", "link", MORE, rc=1).tell("ip", "netns", MORE, rc=1)
    netservices_apply._remove(FULL[0], Folders(str(tmp_path), LINKS), runner)
    assert len(runner.argvs) == 2


@pytest.mark.parametrize(("lost", "is_told"), [("names", True), ("shares", False)])
def test_senders_are_told_unless_the_file_that_lists_them_changes(lost: str, is_told: bool) -> None:
    wanted = as_wanted(FULL)
    shares = FOLDERS.shares(1000)
    gone = {shares} if lost == "shares" else {path for path in wanted.texts if path.endswith(".hosts")}
    have = replace(
        wanted,
        texts={path: text for path, text in wanted.texts.items() if path not in gone},
        shares={**wanted.shares, "10.60.7.101": 1042},
    )
    assert ("sender" in {each.kind for each in plan(FULL, have).changes}) is is_told


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
        as_wanted(FULL), texts=texts(FULL[0], folders), strangers=(str(stranger),), active=frozenset({DHCP, NETWORK})
    )
    todo = netservices_apply.plan(FULL, have, folders, bridge="br-int")
    runner = FakeRunner()
    for program in ("systemctl", "nsenter", "nft"):
        runner.tell(program, MORE)
    runner.made.remove(runner)
    netservices_apply.apply(todo, folders, runner)
    assert not stranger.exists()
    assert modes == {folders.pending(1000): 0o600}


def test_a_name_server_is_restarted_for_some_files_and_reloaded_for_others() -> None:
    def change(path: str) -> netservices_apply.FileChange:
        return netservices_apply.FileChange(1000, "x", path, None, "a")

    paths = {path: netservices_apply.restarts(path) for path in texts(FULL[0], FOLDERS)}
    assert {*paths.values()} == {True, False}
    for path, is_restarting in paths.items():
        assert netservices_apply._verb([change(path)]) == ("restart" if is_restarting else "reload")
    assert netservices_apply._verb([]) is None
