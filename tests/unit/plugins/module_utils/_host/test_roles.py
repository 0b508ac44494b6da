# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles for which a host was prepared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import roles


def prepare(folder: Path, role: str | None) -> roles.RolesPlan:
    todo = roles.plan(roles.read(str(folder)), role)
    roles.apply(todo, state_dir=str(folder))
    return todo


def test_the_roles_of_a_host_are_stored(tmp_path: Path) -> None:
    assert roles.read(str(tmp_path)) == ()
    (change,) = prepare(tmp_path, roles.NETWORK_NODE).changes
    assert (change.action, change.after) == ("create", {"roles": ["network_node"]})
    (change,) = prepare(tmp_path, roles.WORKER).changes
    assert (change.before, change.after) == ({"roles": ["network_node"]}, {"roles": ["worker", "network_node"]})
    assert prepare(tmp_path, roles.WORKER).changes == []
    assert prepare(tmp_path, None).changes == []
    assert roles.read(str(tmp_path)) == ("worker", "network_node")
    assert (tmp_path / "roles.json").stat().st_mode & 0o777 == 0o600


def test_without_a_role_nothing_is_written(tmp_path: Path) -> None:
    prepare(tmp_path, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", '"worker"', '{"worker": 1}', '["king"]'])
def test_a_damaged_file_of_roles_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "roles.json").write_text(text)
    assert roles.read(str(tmp_path)) == ()
    assert prepare(tmp_path, roles.WORKER).changes
    assert roles.read(str(tmp_path)) == ("worker",)


def test_removing_a_role_keeps_the_other(tmp_path: Path) -> None:
    for role in roles.ROLES:
        prepare(tmp_path, role)
    for role, left in ((roles.NETWORK_NODE, ("worker",)), (roles.WORKER, ())):
        todo = roles.without(roles.read(str(tmp_path)), role)
        roles.apply(todo, state_dir=str(tmp_path))
        assert roles.read(str(tmp_path)) == left
    assert [change.action for change in todo.changes] == ["delete"]
    assert list(tmp_path.iterdir()) == []
    assert roles.without((), roles.WORKER).changes == []
