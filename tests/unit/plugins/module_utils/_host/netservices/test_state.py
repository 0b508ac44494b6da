# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The observed state of the network node."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.flows import OFCTL
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import VSCTL
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    apply as netservices_apply,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    plan as netservices_plan,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import (
    state as netservices_state,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.live import Device
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import Namespace, State
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change, diff
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import MORE, FakeRunner, uuid
from .test_plan import (
    DHCP,
    FULL,
    GATEWAY,
    GATEWAY_RULES,
    IN_GATEWAY,
    IN_SLICE,
    NAMES,
    NAT,
    NAT_RULES,
    NETWORK,
    NOTHING,
    SHARE_RULES,
    SHARES,
    SHOW,
    plan,
)
from .test_work_order import LINKS, VM1, VM2, order


def test_an_address_of_another_slice_is_refused(tmp_path):
    (tmp_path / "dhcp/hosts.d").mkdir(parents=True)
    (tmp_path / "dhcp/hosts.d/1007").write_text("52:54:00:03:ef:00,10.60.7.102,vm1\n")
    (tmp_path / "dhcp/hosts.d/1000").write_text("52:54:00:03:e9:00,10.60.7.101,vm1\n")
    have = look(tmp_path, bare_host(), order(reservations=(VM1,)))
    assert have.reserved == {"10.60.7.102": 1007}
    assert plan(order(reservations=(VM1,)), have).changes
    with pytest.raises(Refused) as caught:
        plan(order(reservations=(VM1, VM2)), have)
    figures = {"address": "10.60.7.102", "vm_id": 1002, "holder": 1007}
    assert caught.value.refusals == [Refusal("address_reserved", "slice 1000", figures)]


def test_other_served_slices_are_observed_with_their_uuids(tmp_path):
    for folder in ("dhcp/hosts.d", "networks/1100", "names"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dhcp/hosts.d/1007").write_text("52:54:00:03:ef:00,10.60.7.102,vm1\n")
    (tmp_path / "names/1007.uuid").write_text(f"{uuid(7)}\n")
    (tmp_path / "names/1000.uuid").write_text(f"{uuid(1)}\n")
    for other in ("dhcp/hosts.d/README", "dhcp/hosts.d/1007²", "networks/1200.old", "networks/²"):
        (tmp_path / other).write_text("an admin's")
    have = look(tmp_path, bare_host(), order(reservations=(VM1,)))
    assert have.others == {1007: uuid(7), 1100: None}
    assert have.texts == {f"{tmp_path}/names/1000.uuid": f"{uuid(1)}\n"}


def address(name: str, *addresses: str, mac: str = "02:01:00:00:00:65") -> dict[str, Any]:
    pairs = [each.split("/") for each in addresses]
    listed = [{"family": "inet", "local": local, "prefixlen": int(prefix)} for local, prefix in pairs]
    return {"ifname": name, "address": mac, "flags": ["UP"], "mtu": 1500, "addr_info": [*listed, {"family": "inet6"}]}


CLIENTS = {"name": "slices", "elem": [["10.60.7.101", 5300]]}
GUARDS = [{"rule": {"family": family, "table": "cloudrepo_dhcp"}} for family in ("ip", "netdev")]


def nft(*items: dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {}}, *items]})


def look(tmp_path: Path, runner: FakeRunner, orders: tuple[Services, ...] = FULL) -> State:
    return netservices_state.observe(
        orders,
        Folders(str(tmp_path), LINKS),
        runner,
        unit_dir=str(tmp_path / "units"),
        netns_dir=str(tmp_path / "netns"),
        run_dir=str(tmp_path),
    )


def test_the_host_is_observed(tmp_path):
    for folder in ("names", "netns", "units/multi-user.target.wants", "networks/1000"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "names/1000.hosts").write_text("10.60.7.101 vm1\n")
    (tmp_path / "names/1000.pending").touch()
    (tmp_path / "netns/slice-1000").touch()
    (tmp_path / "units/multi-user.target.wants" / NAMES).symlink_to("/etc/systemd/system/slices-names@.service")
    (tmp_path / "units/multi-user.target.wants" / NETWORK).symlink_to("/dev/null")
    runner = FakeRunner()
    active = f"Id={DHCP}\nActiveState=active\n\nId={NAMES}\nActiveState=inactive\n"
    runner.tell(*SHOW, DHCP, NAMES, NETWORK, stdout=active)
    runner.tell(*NAT_RULES, rc=1).tell(*SHARE_RULES)
    runner.tell(*SHARES, stdout=nft({"map": {"elem": [["10.60.7.101", 1000]]}}))
    note_gateway(tmp_path, runner, "10.60.7.1/24", "10.60.7.9/24")
    runner.tell(*GATEWAY_RULES, stdout=nft({"map": CLIENTS}))
    runner.tell(*IN_SLICE, *NAT_RULES, stdout="table ip cloudrepo {\n}\n").tell(*IN_SLICE, *SHARE_RULES, rc=1)
    runner.tell("ip", "-n", "slice-1000", "route", "show")
    runner.tell(*IN_SLICE, "sysctl", "net.ipv4.ip_forward", stdout="net.ipv4.ip_forward = 1\n")
    (tmp_path / "slices-network@1000").mkdir()
    (tmp_path / "slices-network@1000/live").write_text(
        "table ip cloudrepo {\n}\ndefault via 169.254.64.0 dev nat\nnet.ipv4.ip_forward = 1\nnat_1000 forwarding none\n"
    )
    runner.tell("ip", "-json", "address", "show", stdout=json.dumps([address("nat_1000", "169.254.64.0/31")]))
    inside = [address("net_101", "192.168.101.1/24"), {}]
    runner.tell("ip", "-json", "-n", "slice-1000", "address", "show", stdout=json.dumps(inside))
    empty = json.dumps({"headings": ["_uuid", "name", "ports", "datapath_type", "fail_mode"], "data": []})
    runner.tell(*VSCTL, "--format=json", MORE, stdout="\n".join([empty] * 4))
    have = look(tmp_path, runner)
    assert have.texts == {f"{tmp_path}/names/1000.hosts": "10.60.7.101 vm1\n"}
    assert (have.folders, have.pending, have.active, have.enabled) == ({1000}, {1000}, {DHCP}, {NAMES})
    assert (have.rules, have.clients, have.guard) == (False, {"10.60.7.101": 5300}, False)
    assert have.shares == {"10.60.7.101": 1000}
    assert have.gateway == ("< gw400 10.60.7.1/24", "> gw400 10.60.7.9/24")
    assert have.devices["nat_1000"].addresses == {"169.254.64.0/31"}
    assert have.namespaces[1000] == Namespace(
        {"net_101": Device("02:01:00:00:00:65", frozenset({"192.168.101.1/24"}), is_up=True)},
        ("< default via 169.254.64.0 dev nat",),
    )


def bare_host() -> FakeRunner:
    runner = FakeRunner().tell(*SHOW, DHCP, NAMES, NETWORK).tell(*NAT_RULES).tell(*SHARE_RULES).tell(*SHARES, rc=1)
    return runner.tell(*GATEWAY_RULES, rc=1)


def note_gateway(tmp_path: Path, runner: FakeRunner, noted: str, now: str | None) -> None:
    """Save the state of a gateway with one address; now it has another one, or is missing."""
    rows = [] if now is None else [address("gw400", now)]
    (tmp_path / "slices-gateway.live").write_text(
        "wan wan0\nbridge br-int\nbr-int forwards\n"
        f"gw400 02:01:00:00:00:65\ngw400 {noted}\ngw400 forwarding none\nwan0 forwarding none\n"
    )
    runner.tell(*OFCTL, "--no-stats", "dump-flows", "br-int", "table=0", stdout=" priority=0 actions=NORMAL\n")
    runner.tell("ip", "-json", "address", "show", "dev", "gw400", stdout=json.dumps(rows))
    runner.tell("ip", "-json", "-n", "slices-dhcp", "address", "show", "dev", "dhcp400", rc=1)
    runner.tell("ip", "-n", "slices-dhcp", "route", "show", rc=1)
    runner.tell(*IN_GATEWAY, *NAT_RULES, rc=1).tell(*IN_GATEWAY, *SHARE_RULES, rc=1)


def test_a_slice_without_a_network_takes_five_commands_and_six_for_the_gateway(tmp_path):
    runner = bare_host()
    note_gateway(tmp_path, runner, "10.60.7.1/24", "10.60.7.1/24")
    have = look(tmp_path, runner, order(reservations=(VM1,)))
    assert (len(runner.argvs), have.clients, have.texts, have.gateway) == (11, None, {}, ())


def test_shared_objects_are_repaired_even_if_no_slice_is_listed(tmp_path):
    runner = FakeRunner().tell(*SHOW, DHCP, stdout=f"Id={DHCP}\nActiveState=active\n").tell(*NAT_RULES)
    # A single missing table is enough.
    runner.tell(*SHARE_RULES, rc=1).tell(*SHARES, rc=1)
    note_gateway(tmp_path, runner, "10.60.7.1/24", None)
    # The rules for replies are loaded. Those for requests are missing, although their table and set exist.
    runner.tell(*GATEWAY_RULES, stdout=nft({"map": CLIENTS}, {"set": {"table": "cloudrepo_dhcp"}}, GUARDS[1]))
    todo = plan((), look(tmp_path, runner, ()))
    assert todo.units == {NAT: "reload-or-restart", GATEWAY: "restart", DHCP: "reload"}
    assert diff(todo.changes)["before"].splitlines() == [
        f"unit {DHCP}: state rules missing",
        "packet rules VMs: state missing or changed",
        "gateway VLAN 400: state none",
    ]
    assert plan((), State(clients={"10.60.7.101": 5300})).changes == []


def test_packet_rules_are_compared_with_the_loaded_ones(tmp_path):
    listed = "table ip cloudrepo {\n}\n"
    runner = FakeRunner().tell(*SHOW, DHCP, NAMES, NETWORK).tell(*NAT_RULES, stdout=listed)
    runner.tell(*SHARE_RULES, stdout=listed).tell(*SHARES, rc=1)
    runner.tell(*GATEWAY_RULES, stdout=nft(*GUARDS))
    have = look(tmp_path, runner, NOTHING)
    assert (have.rules, have.guard) == (True, True)
    for noted, whole in (
        (listed * 2, True),
        (listed, False),
        ("table ip cloudrepo {\n chain forward {\n }\n}\n", False),
    ):
        (tmp_path / "slices-nat.rules").write_text(noted)
        assert look(tmp_path, runner, NOTHING).rules is whole


@pytest.mark.parametrize(
    ("name", "unit"), [("dhcp/hosts.d/1000.bak", DHCP), ("dhcp/hosts.d/guest", DHCP), ("shares/zz.nft", NAT)]
)
def test_a_file_of_nobody_that_a_service_would_read_is_removed(tmp_path: Path, name: str, unit: str) -> None:
    for each in ("dhcp/hosts.d/1042", "dhcp/hosts.d/.1042.draft", "shares/1042.nft", "shares/.x.nft", "names/x.nft"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).touch()
    (tmp_path / "dhcp/hosts.d/folder").mkdir()
    served = FakeRunner().tell(*SHOW, DHCP, stdout=f"Id={DHCP}\nActiveState=active\n").tell(*NAT_RULES)
    served.tell(*SHARE_RULES).tell(*SHARES, rc=1).tell(*GATEWAY_RULES, stdout=nft({"map": CLIENTS}, *GUARDS))
    have = look(tmp_path, served, ())
    folders = Folders(str(tmp_path), LINKS)
    assert netservices_plan.plan((), have, folders, bridge="br-int").changes == []
    (tmp_path / name).write_text("52:54:00:03:e9:00,10.60.7.166,guest\n")
    todo = netservices_plan.plan((), look(tmp_path, served, ()), folders, bridge="br-int")
    assert [(each.kind, each.id, each.action) for each in todo.changes] == [("file", f"{tmp_path}/{name}", "delete")]
    there: list[bool] = []
    runner = FakeRunner()
    verb = "restart" if unit == DHCP else "reload-or-restart"
    runner.on("systemctl", verb, "--", unit, do=lambda _argv: there.append((tmp_path / name).exists()))
    netservices_apply.apply(todo, folders, runner)
    assert there == [False]


def as_a_link(path: Path) -> None:
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "before"),
    [
        (lambda path: path.chmod(0o666), {"type": "file", "mode": "0666"}),
        (lambda path: path.chmod(0o600), {"type": "file", "mode": "0600"}),
        (as_a_link, {"type": "symbolic link", "mode": "0777"}),
    ],
)
def test_a_file_that_others_may_write_or_dnsmasq_cannot_read_is_written_again(
    tmp_path: Path, spoil: Callable[[Path], None], before: dict[str, str]
) -> None:
    folders, orders = Folders(str(tmp_path), LINKS), order(reservations=(VM1,))
    for path, text in texts(orders[0], folders).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o644)
    conf = tmp_path / "names/1000.conf"
    served = FakeRunner().tell(*SHOW, DHCP, NAMES, NETWORK, stdout=f"Id={NAMES}\nActiveState=active\n")
    served.tell(*NAT_RULES).tell(*SHARE_RULES).tell(*SHARES, rc=1).tell(*GATEWAY_RULES, rc=1)

    def changed() -> list[Change]:
        todo = netservices_plan.plan(orders, look(tmp_path, served, orders), folders, bridge="br-int")
        return [change for change in todo.changes if change.kind == "slice name server"]

    assert changed() == []
    spoil(conf)
    (change,) = changed()
    assert {name: (change.before or {})[name] for name in before} == before
    assert (change.after or {})["mode"] == "0644"
    todo = netservices_plan.plan(orders, look(tmp_path, served, orders), folders, bridge="br-int")
    assert todo.units is not None
    assert todo.units[NAMES] == "restart"
    for each in todo.files:
        netservices_apply._write(each)
    assert (conf.is_symlink(), conf.stat().st_mode & 0o777) == (False, 0o644)
    assert changed() == []


@pytest.mark.parametrize("there", ["folder", "namespace", "order"])
def test_the_switch_is_asked_if_a_slice_has_or_gets_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    def asked(_runner: FakeRunner) -> None:
        raise CommandFailed(cmd=["ovs-vsctl"], rc=1, stdout="", stderr="")

    monkeypatch.setattr(netservices_state.ovsdb, "observe", asked)
    wanted = order(reservations=(VM1,), networks=FULL[0].to_dict()["networks"] if there == "order" else ())
    folders = Folders(str(tmp_path), LINKS)
    if there == "folder":
        Path(folders.network(1000)).mkdir(parents=True)
    if there == "namespace":
        (tmp_path / "netns").mkdir()
        (tmp_path / "netns" / wanted[0].namespace).touch()
    runner = FakeRunner().tell(*SHOW, DHCP, NAMES, NETWORK).tell(*GATEWAY_RULES, rc=1)
    with pytest.raises(CommandFailed, match="ovs-vsctl"):
        look(tmp_path, runner, wanted)


def test_interrupted_runs_are_those_that_left_a_mark(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path), LINKS)
    assert netservices_state._pending(FULL, folders) == frozenset()
    Path(folders.pending(1000)).parent.mkdir(parents=True)
    Path(folders.pending(1000)).touch()
    assert netservices_state._pending(FULL, folders) == {1000}
