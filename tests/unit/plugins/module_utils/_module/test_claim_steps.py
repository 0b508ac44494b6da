# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import claims, roles
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import claim_steps

UUID = "4c1f6a7e-8c1d-4f39-9a53-0d6f2b7e9c10"
CALLER = claims.Caller(UUID, "lab", UUID)


def test_a_host_is_claimed_once(tmp_path: Path) -> None:
    params = {"controller": "controller1", "claim": False, "state_dir": str(tmp_path)}
    steps = claim_steps.claim(params, CALLER)
    todo, _applied = steps.run()
    assert [(each.kind, each.action) for each in todo.changes] == [("host", "create")]
    assert steps.result(todo)["claim"]["uuid"] == UUID
    assert steps.result(todo)["orphans"] == []
    assert not claim_steps.claim(params, CALLER).plan().changes


def test_a_role_is_added_to_the_roles_of_the_host(tmp_path: Path) -> None:
    for name in ("worker", "network_node", None):
        steps = claim_steps.role(name, state_dir=str(tmp_path))
        todo, _applied = steps.run()
    assert steps.result(todo) == {"roles": list(roles.read(str(tmp_path)))}
    assert sorted(roles.read(str(tmp_path))) == ["network_node", "worker"]
    assert not todo.changes
