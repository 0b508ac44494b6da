# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both roles have in common; each role has tests of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import retirement, roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.retirement import Parts, Places

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
