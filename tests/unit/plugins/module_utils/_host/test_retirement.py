# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both roles have in common; each role has tests of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import retirement, roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.retirement import Parts, Places
from ansible_collections.cloudrepo.slices.plugins.module_utils.changes import Change

from .fakes import MORE, FakeRunner

PARTS = Parts(roles.WORKER, (), ("/etc/x.conf",), ("/etc",), ("inet t",), ("images",))
OWN = {"cloudrepo-infrastructure": roles.WORKER}
TRUNK = Port("trunk0", "br-int", None, "trunk", (1, 2), external_ids=OWN)
ACCESS = Port("up0", "br-int", 5, "access", external_ids=OWN)


def left(
    tmp_path: Path, *have: str, mode: str = "secure", shown: str = "", units: Sequence[str] = ()
) -> retirement.Leftovers:
    todo = roles.without(have, roles.WORKER)
    switch = Switch({"br-int": "system"}, {"trunk0": TRUNK, "up0": ACCESS}, {"br-int": mode})
    runner = FakeRunner().tell("systemctl", MORE, stdout=shown).tell("nft", MORE, rc=1)
    if not todo.want:
        runner.tell("ip", MORE, stdout="[]")
    where = {"state_dir": f"{tmp_path}/state", "bridge": "br-int", "places": Places(str(tmp_path))}
    return retirement.look(replace(PARTS, units=tuple(units)), todo, switch, runner, **where)


@pytest.mark.parametrize("mode", ["secure", "standalone"])
def test_a_bridge_that_the_other_role_keeps_forwards_without_flows(tmp_path: Path, mode: str) -> None:
    found = left(tmp_path, roles.WORKER, roles.NETWORK_NODE, mode=mode)
    assert ([each.name for each in found.handed], [each.name for each in found.ports]) == (["trunk0"], ["up0"])
    assert (found.bridge, found.fail_modes) == ({}, {"br-int": "secure"} if mode == "secure" else {})
    commands = ["--if-exists", "del-port", "br-int", "up0", "--", "set", "Port", "trunk0"]
    commands.append("external_ids:cloudrepo-infrastructure=network_node")
    reset = ["--", "del-fail-mode", "br-int"] if mode == "secure" else []
    runner = FakeRunner().tell("ovs-vsctl", "--timeout=60", "--", *commands, *reset)
    found.stop(runner)


def test_units_that_do_nothing_are_not_among_what_is_left(tmp_path: Path) -> None:
    states = {"a": ("active", "disabled"), "b": ("inactive", "enabled"), "c": ("inactive", "disabled")}
    shown = [f"Id={name}.service\nActiveState={one}\nUnitFileState={two}\n" for name, (one, two) in states.items()]
    found = left(tmp_path, roles.WORKER, shown="\n".join(shown), units=[f"{name}.service" for name in states])
    assert sorted(found.units) == ["a.service", "b.service"]


def test_the_bridge_and_the_program_are_removed_with_the_last_role(tmp_path: Path) -> None:
    for path in ("etc/x.conf", retirement.PROGRAM.lstrip("/"), "state/images/a.img"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "etc/other.conf").write_text("")
    (tmp_path / "etc/systemd/system/slices-taps.service.d").mkdir(parents=True)
    (tmp_path / "opt/empty").mkdir(parents=True)
    found = left(tmp_path, roles.WORKER)
    assert (found.bridge, found.fail_modes, found.handed) == ({"br-int": "system"}, {}, ())
    assert len(found.paths) == 4
    (tmp_path / "state/roles.json").write_text('["worker"]')
    found.remove(
        replace(PARTS, folders=("/etc", "/opt/empty", "/opt/none")),
        FakeRunner().tell("systemctl", "daemon-reload"),
        state_dir=f"{tmp_path}/state",
        places=Places(str(tmp_path)),
    )
    kept = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert kept == ["etc/other.conf"]
    assert list((tmp_path / "etc/systemd/system").iterdir()) == []
    assert list((tmp_path / "opt").iterdir()) == []


def shared(
    tmp_path: Path, *others: Port, device: dict[str, Any] | None = None, bridges: Sequence[str] = ("br-int",)
) -> Mapping[str, str]:
    """Return the bridge to remove with the last role, on a host with these further ports and this device."""
    ports = {port.name: port for port in (TRUNK, Port("br-int", "br-int", None, None), *others)}
    runner = FakeRunner().tell("systemctl", MORE).tell("nft", MORE, rc=1)
    if "br-int" in bridges and not any(port.external_ids == {} for port in others):
        shown = [] if device is None else [{"ifname": "br-int", **device}]
        runner.tell("ip", "-json", "address", "show", "dev", "br-int", stdout=json.dumps(shown))
    todo = roles.without([roles.WORKER], roles.WORKER)
    where = {"state_dir": f"{tmp_path}/state", "bridge": "br-int", "places": Places(str(tmp_path))}
    switch = Switch(dict.fromkeys(bridges, "system"), ports, {})
    return retirement.look(replace(PARTS, units=("a.service",)), todo, switch, runner, **where).bridge


ADDRESS = {"family": "inet", "local": "10.0.0.1", "prefixlen": 24}


@pytest.mark.parametrize(
    ("device", "is_removed"),
    [
        (None, True),
        ({}, True),
        ({"addr_info": [{**ADDRESS, "family": "inet6"}]}, True),
        ({"flags": ["UP"]}, False),
        ({"addr_info": [ADDRESS]}, False),
        ({"flags": ["UP"], "addr_info": [ADDRESS]}, False),
    ],
)
def test_a_bridge_whose_device_the_host_uses_stays(
    tmp_path: Path, device: dict[str, Any] | None, is_removed: bool
) -> None:
    assert shared(tmp_path, device=device) == ({"br-int": "system"} if is_removed else {})


def test_a_bridge_with_ports_of_others_stays(tmp_path: Path) -> None:
    assert shared(tmp_path, Port("eth9", "br-int", None, None)) == {}
    assert shared(tmp_path, bridges=["br-other"]) == {}
    services = Port("net_100", "br-int", 100, None, external_ids={"cloudrepo-services": "true"})
    elsewhere = Port("eth9", "br-other", None, None, external_ids={"a": "b"})
    assert shared(tmp_path, services, elsewhere, bridges=["br-int", "br-other"]) == {"br-int": "system"}


def test_everything_that_is_left_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/x.conf").write_text("")
    shown = "Id=a.service\nActiveState=active\nUnitFileState=disabled\n"
    found = left(tmp_path, roles.WORKER, roles.NETWORK_NODE, shown=shown, units=["a.service"])
    found = replace(found, tables=("inet t",), bridge={"br-old": "netdev"})
    handed = replace(TRUNK, external_ids={"cloudrepo-infrastructure": roles.NETWORK_NODE})
    off = {"startup": "disabled"}
    told = [(change.kind, change.id, change.before, change.after) for change in found.changes]
    assert told == [
        ("unit", "a.service", {"state": "running", **off}, {"state": "stopped", **off}),
        ("port", "up0", ACCESS.attributes, None),
        ("port", "trunk0", TRUNK.attributes, handed.attributes),
        ("bridge", "br-old", {"datapath_type": "netdev"}, None),
        ("bridge", "br-int", {"fail_mode": "secure"}, {"fail_mode": "standalone"}),
        ("packet rules", "inet t", {}, None),
        ("path", f"{tmp_path}/etc/x.conf", {}, None),
        *((change.kind, change.id, change.before, change.after) for change in found.roles.changes),
    ]
    assert found.roles.changes
    assert all(isinstance(change, Change) for change in found.changes)


def test_units_are_disabled_in_their_order_before_ports_are_removed(tmp_path: Path) -> None:
    shown = "Id=b.service\nActiveState=active\nUnitFileState=enabled\n\nId=a.service\nActiveState=active\n"
    found = left(tmp_path, roles.WORKER, shown=shown, units=["b.service", "a.service"])
    runner = FakeRunner().tell("systemctl", "disable", "--quiet", "--now", "--", *found.units).tell("ovs-vsctl", MORE)
    found.stop(runner)
    assert [argv[0] for argv in runner.argvs] == ["systemctl", "ovs-vsctl"]
    assert {*found.units} == {"a.service", "b.service"}


def test_tables_of_rules_are_removed_in_one_call(tmp_path: Path) -> None:
    todo = retirement.Leftovers(roles.without([roles.WORKER], roles.WORKER), tables=("inet t", "ip u"))
    runner = FakeRunner().tell("nft", "-f", "-")
    (tmp_path / "state").mkdir()
    todo.remove(PARTS, runner, state_dir=f"{tmp_path}/state", places=Places(str(tmp_path)))
    assert runner.stdins == ["delete table inet t\ndelete table ip u\n"]
