# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plans for the network node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.access import Access
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    plan as netservices_plan,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.live import Device
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import Namespace, State
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, SliceRef
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import slices, uuid
from .test_work_order import LAN, LINKS, QUIET, VM1, VM2, order

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


def plan(orders: tuple[Services, ...], have: State) -> netservices_plan.ServicesPlan:
    return netservices_plan.plan(orders, have, FOLDERS, bridge="br-int")


def test_slices_with_changes_have_begun_and_units_of_slices_have_owners() -> None:
    drift = (Change("packet rules", "VMs", "load"), Change("unit", "a", "start", slice=SliceRef(1042)))
    todo = netservices_plan.ServicesPlan(
        drift=drift, slice_ids=(1000, 1042), units={NAMES: "restart", NETWORK: "stop", DHCP: "restart"}
    )
    assert todo.begun == [1042]
    assert todo.owners == {
        f"slices-{kind}@{slice_id}.service": slice_id for slice_id in (1000, 1042) for kind in ("names", "network")
    }
    assert (todo.units_to("restart"), todo.units_to("reload")) == ([NAMES, DHCP], [])
    assert netservices_plan.ServicesPlan().units_to("restart") == []


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


def test_the_servers_of_an_interrupted_run_are_restarted_and_told():
    todo = plan(FULL, replace(as_wanted(FULL), pending=frozenset({1000})))
    assert todo.units == {NAMES: "restart", NETWORK: "restart", DHCP: "restart"}
    outdated, will = {"state": "not restarted by an interrupted run"}, {"state": "restarted"}
    assert todo.changes == [Change("slice servers", 1000, "restart", outdated, will)]
    assert slices(todo.changes) == {1000}


def test_everything_of_a_deleted_slice_is_removed():
    todo = plan(NOTHING, as_wanted(FULL))
    assert todo.units == {NAMES: "stop", NETWORK: "stop", DHCP: "restart"}
    assert [change.new for change in todo.files] == [None] * 8
    assert [port.name for port in todo.ports.remove] == ["net_101", "net_102"]
    assert (todo.gone, todo.clients) == (NOTHING, {"10.60.7.101": (5300, None), "10.60.7.102": (5300, None)})
    assert todo.shares == dict.fromkeys(("10.60.7.101", "10.60.7.102", "169.254.64.1"), (1000, None))
    assert todo.moved == ("10.60.7.101", "10.60.7.102", "169.254.64.1")
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
                    1000: replace(as_wanted(FULL).namespaces[1000], drift=("< \t\tpolicy drop", "> \t\tpolicy accept"))
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


def test_reloaded_rules_include_the_connection_limits():
    todo = plan(FULL, replace(as_wanted(FULL), rules=False, shares={}))
    assert (todo.units, todo.shares) == ({NAT: "reload-or-restart"}, {})


def test_a_change_of_one_slice_restarts_no_servers_of_another():
    both = (*order(reservations=(VM1,), networks=(LAN,)), *order(1003, reservations=(VM2,), networks=(QUIET,)))
    have = State(
        texts={path: text for one in both for path, text in texts(one, FOLDERS).items() if one.slice_id == 1000},
        active=frozenset({DHCP, NAMES, NETWORK}),
    )
    of_1000 = {unit: job for unit, job in (plan(both, have).units or {}).items() if unit == NAMES}
    assert of_1000 == {}
    assert {"slices-names@1003.service", "slices-network@1003.service"} <= {*(plan(both, have).units or {})}


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
    assert netservices_plan.FileChange(1000, "reservation", "/x", old, new).adds_only is adds_only


def test_who_may_use_a_file_is_part_of_its_change() -> None:
    held = Access("file", 7, 8, 0o600)
    change = netservices_plan.FileChange(1000, "reservation", "/s/x", "a\n", "a\n", held).change
    assert change.before == {"lines": [], "type": "file", "owner": 7, "group": 8, "mode": "0600"}
    assert change.after == {"lines": [], "type": "file", "owner": 0, "group": 8, "mode": "0644"}
    assert netservices_plan.FileChange(1000, "reservation", "/s/x", "a\n", "b\n").change.before == {"lines": ["a"]}
    new = netservices_plan.FileChange(1000, "reservation", "/s/x", None, "b\n", held).change
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
def test_stray_files_restart_what_reads_their_folder(folder: str, is_active: bool) -> None:
    places = {"shares": FOLDERS.all_shares, "dhcp-hosts": FOLDERS.dhcp_hosts, "other": "/s/other"}
    wanted = as_wanted(FULL)
    have = replace(
        wanted, stray_files=(f"{places[folder]}/x",), active=wanted.active if is_active else wanted.active - {DHCP}
    )
    drift: list[Change] = []
    units = netservices_plan._shared(have, FOLDERS, drift)
    expected = {"shares": {NAT: "reload-or-restart"}, "dhcp-hosts": {DHCP: "restart"} if is_active else {}, "other": {}}
    assert units == expected[folder]
    assert [(each.kind, each.id, each.action) for each in drift] == [("file", f"{places[folder]}/x", "delete")]


def test_only_units_of_services_are_enabled_and_told_if_they_run_already() -> None:
    plain = order(reservations=(VM1,))
    assert netservices_plan._to_enable(plain, State()) == ((NAMES, plain[0]),)
    only_network = order(networks=(LAN,))
    assert netservices_plan._to_enable(only_network, State()) == ((NETWORK, only_network[0]),)
    assert netservices_plan._to_enable(FULL, State(enabled=frozenset({NAMES}))) == ((NETWORK, FULL[0]),)
    enable = ((NAMES, FULL[0]), (NETWORK, FULL[0]))
    assert [each.id for each in netservices_plan._enabled(enable, State(active=frozenset({NETWORK})))] == [NETWORK]


def test_units_that_hang_on_the_gateway_are_those_with_reservations() -> None:
    have = State(active=frozenset({DHCP}), clients={})
    assert plan(order(networks=(LAN,)), have).hang_on_gateway == (DHCP,)
    assert plan(order(reservations=(VM1,)), have).hang_on_gateway == (DHCP, NAMES)


@pytest.mark.parametrize(
    ("old", "new", "slice_id"), [(5300, None, 1000), (None, 5300, 1000), (5342, 5300, 1000), (5342, None, None)]
)
def test_a_mapped_address_is_one_of_the_slice_of_its_value(
    old: int | None, new: int | None, slice_id: int | None
) -> None:
    (change,) = netservices_plan._mapped("sender", "port", {"10.60.7.101": (old, new)}, {5300: 1000})
    assert change.to_dict()["slice_id"] == slice_id
    assert (change.before, change.after) == (
        None if old is None else {"port": old},
        None if new is None else {"port": new},
    )


@pytest.mark.parametrize("missing", ["networks", "folder", "unit"])
def test_a_namespace_is_compared_only_while_its_unit_is_active(missing: str) -> None:
    have = replace(as_wanted(FULL), namespaces={})
    one = FULL[0]
    assert [each.kind for each in netservices_plan._namespace_drift(one, have, FOLDERS)] == ["namespace"]
    if missing == "networks":
        one = replace(one, networks=())
    elif missing == "folder":
        have = replace(have, folders=frozenset())
    else:
        have = replace(have, active=have.active - {NETWORK})
    assert list(netservices_plan._namespace_drift(one, have, FOLDERS)) == []


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


def test_a_name_server_is_restarted_for_some_files_and_reloaded_for_others() -> None:
    def change(path: str) -> netservices_plan.FileChange:
        return netservices_plan.FileChange(1000, "x", path, None, "a")

    paths = {path: netservices_plan.restarts(path) for path in texts(FULL[0], FOLDERS)}
    assert {*paths.values()} == {True, False}
    for path, is_restarting in paths.items():
        assert netservices_plan._verb([change(path)]) == ("restart" if is_restarting else "reload")
    assert netservices_plan._verb([]) is None
