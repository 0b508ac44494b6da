# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registration and removal of users, flavors and workers, and lists of them without passwords."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import registries
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.edge import Outcome
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.registries import FLAVORS, USERS, WORKERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .._domain.builders import cluster, put, topology

PASSWORD = "correct horse"


def user(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "state": "present", "password": None, "quota_vms": None, **fields}


def worker(ip: str, **fields: Any) -> dict[str, Any]:
    return {"ip": ip, "state": "present", **fields}


def actions(done: Outcome) -> list[tuple[str, int | str, str]]:
    return [(change.kind, change.id, change.action) for change in done.changes]


def refused(call: Any, *args: Any, **kwargs: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    return [each.code for each in caught.value.refusals]


def test_objects_are_added_and_removed_by_state() -> None:
    held = cluster()
    wants = [user("bob", quota_vms=3), user("alice", state="absent"), user("carol", state="absent")]
    done = registries.register(held, USERS, wants, acting_user="admin")
    assert actions(done) == [("user", "bob", "create"), ("user", "alice", "delete")]
    # The name is that of the change.
    assert [
        {**(change.before or {}), **(change.after or {})}.keys() & {"name", "username"} for change in done.changes
    ] == [
        {"username"},
        {"username"},
    ]
    assert list(held.users) == ["admin", "bob"]
    assert [each["name"] for each in done.result["users"]] == ["bob"]
    assert actions(registries.register(held, USERS, wants, acting_user="admin")) == []


def test_one_refused_object_refuses_all() -> None:
    held = cluster()
    assert (
        refused(registries.register, held, USERS, [user("x y"), user("bob"), user("z!")], acting_user="admin")
        == ["invalid_name"] * 2
    )


@pytest.mark.parametrize("registry", [USERS, FLAVORS, WORKERS])
def test_only_admins_can_register_objects(registry: registries.Registry) -> None:
    assert len(refused(registries.register, cluster(), registry, [], acting_user="alice")) == 1
    assert registries.register(cluster(), registry, [], acting_user="admin") == Outcome([], {registry.plural: []})


def test_refusals_do_not_tell_a_tenant_about_machines() -> None:
    held = cluster()
    held.workers["10.0.10.1"].extra["machine_id"] = "ab" * 16
    other = worker("10.0.10.1", machine_id="cd" * 16)
    for user, code in (("admin", "another_machine"), ("alice", "admins_only")):
        told = refused(registries.register_workers, held, [other], network_node_trunk_mtu=None, acting_user=user)
        assert told == [code]


def test_a_password_change_is_shown_without_the_password() -> None:
    held = cluster()
    done = registries.register(held, USERS, [user("alice", password=PASSWORD)], acting_user="admin")
    (change,) = done.changes
    assert (change.action, change.before["password_set"], change.after["password_set"]) == ("update", False, True)  # type: ignore[index]
    other = registries.register(held, USERS, [user("alice", password="another")], acting_user="admin")
    (change,) = other.changes
    assert (change.before == change.after, change.reason) == (True, "password changed")
    digest = held.users["alice"].password_hash
    assert digest not in str((done, other))
    assert registries.register(held, USERS, [user("alice", password="another")], acting_user="admin").changes == []


def test_other_changes_beside_a_password_have_no_reason() -> None:
    held = cluster()
    (change,) = registries.register(held, USERS, [user("alice", quota_vms=9)], acting_user="admin").changes
    assert (change.reason, change.before["quota_vms"], change.after["quota_vms"]) == ("", 6, 9)  # type: ignore[index]


def test_users_can_be_verified_together_with_changes_of_others() -> None:
    held = cluster()
    registries.put_users(held, [user("alice", password=PASSWORD)], acting_user="admin")
    before = held.to_dict()
    wants = [user("alice", state="verified", password=word) for word in (PASSWORD,)]
    wants.append(user("nobody", state="verified", password=PASSWORD))
    done = registries.put_users(held, wants, acting_user="admin")
    assert (done.result, done.changes) == ({"users": [], "verified": {"alice": True, "nobody": False}}, ())
    wrong = registries.put_users(held, [user("alice", state="verified", password="x")], acting_user="alice")
    assert wrong.result["verified"] == {"alice": False}
    assert held.to_dict() == before
    both = registries.put_users(held, [*wants, user("bob")], acting_user="admin")
    assert ([each["name"] for each in both.result["users"]], both.result["verified"]["alice"]) == (["bob"], True)


def test_a_tenant_can_verify_only_the_tenants_own_password() -> None:
    assert refused(
        registries.put_users, cluster(), [user("admin", state="verified", password="x")], acting_user="alice"
    )


@pytest.mark.parametrize(
    ("told", "before", "changed"), [(None, None, 0), (9000, None, 1), (9000, 9000, 0), (1500, 9000, 1), (None, 9000, 0)]
)
def test_the_mtu_of_the_network_nodes_uplink_is_stored(told: int | None, before: int | None, changed: int) -> None:
    held = cluster()
    if before is not None:
        held.extra["network_node_trunk_mtu"] = before
    done = registries.register_workers(held, [worker("10.0.10.9")], network_node_trunk_mtu=told, acting_user="admin")
    assert [kind for kind, _id, _action in actions(done)] == ["worker"] + ["host"] * changed
    assert [(change.before, change.after) for change in done.changes[1:]] == [
        (None if before is None else {"trunk_mtu": before}, {"trunk_mtu": told})
    ] * changed
    assert held.extra.get("network_node_trunk_mtu") == (told or before)


def test_links_that_no_longer_fit_their_trunks_are_reported() -> None:
    held = cluster()
    slice_ = put(held, topology(links=[{"name": "core", "endpoints": ["vm1", "vm2"], "mtu": 9000}]))
    both = ("10.0.10.1", "10.0.10.2")

    def unfit(mtu: int) -> Any:
        wants = [worker(ip, trunk_mtu=mtu) for ip in both]
        told = registries.register_workers(held, wants, network_node_trunk_mtu=None, acting_user="admin")
        return told.result["unfit"]

    assert unfit(9000) == []
    assert unfit(1500) == [f"link web/core: the trunk needs an MTU of 9000, worker {ip} has 1500" for ip in both]
    slice_.deleting = True
    assert unfit(1500) == []


def info(held: Cluster, registry: registries.Registry, acting_user: str, *names: str) -> list[str]:
    told = registries.info(held, registry, {"acting_user": acting_user, "names": list(names)})
    assert told.changes == ()
    return [each[registry.key] for each in told.result[registry.plural]]


def test_visible_users_and_workers() -> None:
    held = cluster()
    assert info(held, USERS, "admin") == ["admin", "alice"]
    assert info(held, USERS, "admin", "alice", "nobody") == ["alice"]
    assert info(held, USERS, "alice") == ["alice"]
    assert info(held, USERS, "alice", "admin") == []
    assert info(held, WORKERS, "admin") == ["10.0.10.1", "10.0.10.2"]
    assert info(held, WORKERS, "alice") == []
    assert info(held, FLAVORS, "alice") == info(held, FLAVORS, "admin") == ["cirros", "ubuntu", "big"]
    assert info(held, FLAVORS, "alice", "big") == ["big"]
    assert len(refused(registries.info, held, FLAVORS, {"acting_user": "nobody", "names": []})) == 1


def test_users_are_shown_with_whether_they_have_a_password() -> None:
    held = cluster()
    registries.register(held, USERS, [user("alice", password=PASSWORD)], acting_user="admin")
    told = registries.info(held, USERS, {"acting_user": "admin", "names": []}).result["users"]
    assert [(each["name"], each["password_set"], "password_hash" in each) for each in told] == [
        ("admin", False, False),
        ("alice", True, False),
    ]
    assert set(registries.all_stored(held, USERS)) == {"admin", "alice"}


def test_a_worker_is_declared_lost_once_and_used_again_when_it_is_reached() -> None:
    held = cluster()
    lost = registries.register(held, WORKERS, [worker("10.0.10.2", state="lost")], acting_user="admin")
    assert [(change.id, (change.after or {})["lost"]) for change in lost.changes] == [("10.0.10.2", True)]
    for wants, changed in (
        ([worker("10.0.10.2", state="lost")], False),
        ([worker("10.0.10.2", schedulable=True)], False),
        ([worker("10.0.10.2", machine_id="0f4c1f3a6d7b4b0e9a2f6c1d8e5b7a90")], True),
    ):
        assert bool(registries.register(held, WORKERS, wants, acting_user="admin").changes) is changed
    assert not held.workers["10.0.10.2"].lost


@pytest.mark.parametrize("state", ["present", "absent"])
def test_an_object_that_is_listed_twice_is_refused(state: str) -> None:
    """Of two entries, the last one would count unnoticed, and could undo the first one."""
    held = cluster()
    before = held.to_dict()
    wants = [{"name": "eve", "state": "present", "quota_vms": 1}, {"name": "eve", "state": state}]
    with pytest.raises(Refused) as caught:
        registries.register(held, USERS, wants, acting_user="admin")
    assert caught.value.message == "users: user eve is listed 2 times"
    assert held.to_dict() == before
