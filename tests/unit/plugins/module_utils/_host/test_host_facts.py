# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import fences, host_facts, roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.host_info import TRY_NETEM

from .fakes import MORE, FakeRunner


def test_one_observation_returns_the_whole_state_of_a_host(tmp_path: Path) -> None:
    shown = json.dumps([{"ifname": "trunk0", "mtu": 9000}])
    runner = FakeRunner().tell("ip", "-json", "-details", "address", "show", stdout=shown).tell(*TRY_NETEM, rc=2)
    runner.tell("dpkg-query", MORE, stdout="tcpdump installed\nqemu-utils not-installed\n")
    roles.apply(roles.plan((), "worker"), state_dir=str(tmp_path))
    params = {"uplink": "trunk0", "packages": ["tcpdump", "qemu-utils"], "state_dir": str(tmp_path)}
    found = host_facts.look(params, runner)
    assert (found["trunk_mtu"], found["netem"], found["missing_packages"]) == (9000, False, ["qemu-utils"])
    assert (found["claim"], found["roles"], found["lost_machines"]) == (None, ["worker"], [])
    assert (found["highest_id"], found["highest_revision"], found["slices"]) == (None, None, [])


def test_the_network_node_returns_its_list_of_lost_machines(tmp_path: Path) -> None:
    runner = FakeRunner().tell("ip", "-json", "-details", "address", "show", stdout="[]").tell(*TRY_NETEM)
    (tmp_path / fences.FILE).write_text("1" * 64 + "\n")
    found = host_facts.look({"uplink": None, "packages": [], "state_dir": str(tmp_path)}, runner)
    assert found["lost_machines"] == [{"mark": "1" * 64}]
