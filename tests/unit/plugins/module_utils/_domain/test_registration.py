# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, flavors and workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import kinds, passwords, registration
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from . import builders
from .builders import cluster, put, topology

MOST = {"most": 10**9}


def refused(change: Callable[..., Any], held: Cluster, *args: Any) -> list[Refusal]:
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        change(held, *args)
    assert held.to_dict() == before
    return caught.value.refusals


def test_a_new_user_and_a_changed_one() -> None:
    held = cluster()
    user = registration.put_user(held, {"name": "bob", "password": "secret"})
    assert user.to_dict() == {
        "username": "bob",
        "password_hash": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        "quota_vms": 10,
        "used_vms": 0,
        "slices": [],
        "uuid": user.uuid,
    }
    uuid = user.uuid
    registration.put_user(held, {"name": "bob", "quota_vms": 2, "role": "admin"})
    assert (user.quota_vms, held.is_admin("bob"), user.password_hash[:4], user.uuid) == (2, True, "2bb8", uuid)
    registration.put_user(held, {"name": "bob", "role": "tenant"})
    assert not held.is_admin("bob")


@pytest.mark.parametrize(
    ("change", "args", "expected"),
    [
        (
            registration.put_user,
            {"name": "-x", "quota_vms": -1, "password_hash": "abc"},
            [
                Refusal("invalid_name", "user -x", {"kind": "user", "got": "-x", "form": bounds.IDENTIFIER.rule}),
                Refusal("out_of_range", "user -x", {"option": "quota_vms", "got": -1, "least": 0, "most": 10**9}),
                Refusal("invalid_password_hash", "user -x"),
            ],
        ),
        (
            registration.put_user,
            {"name": "bob", "password": "a", "password_hash": "ab" * 32},
            [Refusal("two_passwords", "user bob")],
        ),
        (
            registration.put_user,
            {"name": "admin", "role": "tenant"},
            [Refusal("first_admin_stays", "user admin")],
        ),
        (
            registration.remove_user,
            "admin",
            [Refusal("user_owns_slices", "user admin", {"count": 1, "slices": ["web (1000)"]})],
        ),
        (
            registration.put_flavor,
            {"name": "x", "cores": 1},
            [Refusal("option_missing", "flavor x", {"kind": "new flavor", "option": ["ram_gb", "disk_gb", "image"]})],
        ),
        (
            registration.put_flavor,
            {"name": "x", "cores": 0, "ram_gb": -1, "disk_gb": 1, "image": "/i", "virtual_size_gb": 2},
            [
                Refusal("out_of_range", "flavor x", {"option": "cores", "got": 0, "least": 1, "most": 255}),
                Refusal("out_of_range", "flavor x", {"option": "ram_gb", "got": -1, "least": 0.001, "most": 960}),
                Refusal("disk_smaller_than_image", "flavor x", {"got": 1, "least": 2}),
            ],
        ),
        (
            registration.put_flavor,
            {"name": "x", "cores": 1, "ram_gb": 1, "disk_gb": 1, "image": "a\nb"},
            [Refusal("invalid_image", "flavor x", {"got": "a\nb"})],
        ),
        (
            registration.put_flavor,
            {"name": "cirros", "checksum": "abc"},
            [Refusal("invalid_checksum", "flavor cirros", {"got": "abc"})],
        ),
        (
            registration.remove_flavor,
            "cirros",
            [Refusal("flavor_in_use", "flavor cirros", {"count": 2, "vms": ["web/vm1", "web/vm2"]})],
        ),
        (registration.put_worker, {"ip": "pluto"}, [Refusal("invalid_worker_ip", "worker pluto", {"got": "pluto"})]),
        (
            registration.put_worker,
            {"ip": "10.0.10.9", "cores": 0, "max_vms": -1},
            [
                Refusal("out_of_range", "worker 10.0.10.9", {**MOST, "option": "cores", "got": 0, "least": 1}),
                Refusal("out_of_range", "worker 10.0.10.9", {**MOST, "option": "max_vms", "got": -1, "least": 0}),
            ],
        ),
        (
            registration.remove_worker,
            "10.0.10.1",
            [Refusal("worker_holds_vms", "worker 10.0.10.1", {"count": 1, "vms": ["vm1 (1001)"]})],
        ),
    ],
)
def test_refusals(change: Callable[..., Any], args: Any, expected: list[Refusal]) -> None:
    held = cluster()
    put(held, topology())
    assert refused(change, held, args) == expected


def test_unused_objects_can_be_removed() -> None:
    held = cluster()
    registration.remove_user(held, "alice")
    registration.remove_flavor(held, "big")
    registration.remove_worker(held, "10.0.10.2")
    registration.remove_user(held, "nobody")
    assert (list(held.users), list(held.flavors), list(held.workers)) == (
        ["admin"],
        ["cirros", "ubuntu"],
        ["10.0.10.1"],
    )
    assert refused(registration.remove_user, held, "admin") == [Refusal("first_admin_stays", "user admin")]


UUID = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21"


def test_a_user_of_the_data_model_has_no_further_keys_until_it_is_changed() -> None:
    held = cluster()
    alice = registration.put_user(held, {"name": "alice", "quota_vms": 6})
    assert alice.extra == {}
    assert registration.put_user(held, {"name": "alice", "quota_vms": 5}).uuid is not None


def test_a_name_that_is_given_out_again_is_another_user() -> None:
    held = cluster()
    first = registration.put_user(held, {"name": "bob"}).uuid
    registration.remove_user(held, "bob")
    second = registration.put_user(held, {"name": "bob"}).uuid
    assert None not in (first, second)
    assert first != second
    registration.remove_user(held, "bob")
    assert registration.put_user(held, {"name": "bob", "uuid": first}).uuid == first


def test_the_uuid_of_a_user_is_that_of_no_other_and_never_changes() -> None:
    held = cluster()
    registration.put_user(held, {"name": "bob", "uuid": UUID})
    assert registration.put_user(held, {"name": "bob", "uuid": UUID}).uuid == UUID
    other = UUID.replace("9", "8")

    def messages(name: str, uuid: str) -> list[str]:
        return [each.message for each in refused(registration.put_user, held, {"name": name, "uuid": uuid})]

    assert messages("bob", other) == [
        f"user bob has UUID {UUID}, got {other}; the UUID of a user cannot change; add the removed user under an "
        "unused name, or remove this one first"
    ]
    assert messages("alice", UUID) == [f"user alice: UUID {UUID} is that of user bob; a UUID identifies one user"]
    assert messages("alice", UUID.upper()) == [
        "user alice: a UUID must be 32 lower-case hex digits in groups of 8-4-4-4-12, "
        "got '9F1C2E64-6C0B-4C55-9D56-0A4F5D0A7B21'"
    ]
    assert registration.put_user(held, {"name": "alice", "uuid": other}).uuid == other


def test_only_admins_can_register_objects() -> None:
    held = cluster()
    registration.require_admin(held, "admin", "flavor")
    assert refused(registration.require_admin, held, "alice", "flavor") == [
        Refusal("admins_only", "flavor", {"user": "alice"})
    ]


def test_a_password_that_stays_keeps_its_hash_and_another_scheme_changes_it() -> None:
    held = cluster()
    user = registration.put_user(held, {"name": "bob", "password": "secret"})
    first = user.password_hash
    registration.put_user(held, {"name": "bob", "password": "secret", "password_scheme": "scrypt"})
    salted = user.password_hash
    assert (passwords.scheme_of(first), passwords.scheme_of(salted)) == ("sha256", "scrypt")
    registration.put_user(held, {"name": "bob", "password": "secret"})
    assert user.password_hash == salted
    registration.put_user(held, {"name": "bob", "password": "other"})
    assert user.password_hash != salted
    assert (passwords.scheme_of(user.password_hash), passwords.verify("other", user.password_hash)) == ("scrypt", True)
    registration.put_user(held, {"name": "bob", "password_hash": first, "quota_vms": 0})
    assert (user.password_hash, user.quota_vms) == (first, 0)


def test_a_role_is_stored_only_if_it_is_not_the_default() -> None:
    held = cluster()
    assert "role" not in registration.put_user(held, {"name": "bob", "role": "tenant"}).extra
    assert "role" not in registration.put_user(held, {"name": "admin", "role": "admin"}).extra
    assert registration.put_user(held, {"name": "bob", "role": "admin"}).extra["role"] == "admin"
    assert registration.put_user(held, {"name": "bob", "role": None}).extra["role"] == "admin"


def test_users_verify_their_own_passwords_and_admins_all() -> None:
    held = cluster()
    registration.put_user(held, {"name": "bob", "password": "secret"})
    for user in ("bob", "admin"):
        assert registration.verify_user(held, "bob", "secret", acting_user=user) is True
        assert registration.verify_user(held, "bob", "wrong", acting_user=user) is False
    assert registration.verify_user(held, "nobody", "secret", acting_user="admin") is False
    assert registration.verify_user(held, "alice", "!", acting_user="alice") is False, "she has no password"
    for given, user, code in (("secret", "alice", "admins_only"), (None, "bob", "option_missing")):
        with pytest.raises(Refused) as caught:
            registration.verify_user(held, "bob", given, acting_user=user)
        assert [each.code for each in caught.value.refusals] == [code]


def test_a_flavor_follows_its_image() -> None:
    held = cluster()
    want = {"name": "x", "cores": 1, "ram_gb": 1, "disk_gb": 2, "image": "/i", "checksum": "ef" * 32}
    assert registration.put_flavor(held, {**want, "virtual_size_gb": 2}) == {
        "cores": 1,
        "ram_gb": 1,
        "disk_gb": 2,
        "image": "/i",
        "checksum": "ef" * 32,
        "virtual_size_gb": 2,
    }
    assert registration.put_flavor(held, {"name": "x", "cores": 2})["virtual_size_gb"] == 2
    assert refused(registration.put_flavor, held, {"name": "x", "disk_gb": 1.9}) == [
        Refusal("disk_smaller_than_image", "flavor x", {"got": 1.9, "least": 2})
    ]
    assert "virtual_size_gb" not in registration.put_flavor(held, {"name": "x", "image": "/other"})
    assert refused(registration.put_flavor, held, {"name": "x", "image": ""}) == [
        Refusal("invalid_image", "flavor x", {"got": ""})
    ]
    registration.remove_flavor(held, "none")
    registration.remove_flavor(held, "x")
    assert "x" not in held.flavors


def test_a_worker_keeps_what_is_not_named() -> None:
    held = cluster(workers=0)
    first = registration.put_worker(held, {"ip": "10.0.10.9", "cores": 4, "ram_gb": 8, "machine_id": "ab" * 16})
    again = registration.put_worker(held, {"ip": "10.0.10.9", "cores": 8, "ram_gb": None, "trunk_mtu": 9000})
    assert first is again is held.workers["10.0.10.9"]
    assert (again.cores, again.ram_gb, again.machine_id, again.extra["trunk_mtu"]) == (8, 8, "ab" * 16, 9000)
    assert [each.code for each in refused(registration.put_worker, held, {"ip": "10.0.10.9", "trunk_mtu": 67})] == [
        "out_of_range"
    ]
    registration.remove_worker(held, "10.0.10.8")
    registration.remove_worker(held, "10.0.10.9")
    assert held.workers == {}


def test_the_uplink_of_the_network_node_has_a_possible_mtu() -> None:
    held = cluster()
    for mtu in (67, 65536):
        assert [each.code for each in refused(registration.note_network_node, held, mtu)] == ["out_of_range"]
    registration.note_network_node(held, 65535)
    assert held.extra["network_node_trunk_mtu"] == 65535


def test_the_kind_of_a_flavor_stays_until_it_is_cleared() -> None:
    held = cluster()
    registration.put_flavor(held, {"name": "cirros", "kind": "cirros"})
    registration.put_flavor(held, {"name": "cirros", "cores": 2})
    assert held.flavors["cirros"]["kind"] == "cirros"
    for _time in range(2):
        assert "kind" not in registration.put_flavor(held, {"name": "cirros", "kind": ""})
    with pytest.raises(Refused, match="kind"):
        registration.put_flavor(held, {"name": "cirros", "kind": "none-such"})


def test_a_flavor_that_a_kind_gets_its_image_from_is_kept() -> None:
    held = cluster()
    kinds.put_kind(held, {"name": "switch", "image": "big"})
    with pytest.raises(Refused) as refused:
        registration.remove_flavor(held, "big")
    assert refused.value.refusals == [Refusal("flavor_of_kinds", "flavor big", {"kinds": ["switch"]})]
    kinds.put_kind(held, {"name": "switch", "image": "cirros"})
    registration.remove_flavor(held, "big")
    assert "big" not in held.flavors


def test_a_password_that_is_set_again_in_its_scheme_is_no_change() -> None:
    held = cluster()
    user = registration.put_user(held, {"name": "bob", "password": "secret", "password_scheme": "scrypt"})
    first = user.password_hash
    registration.put_user(held, {"name": "bob", "password": "secret", "password_scheme": "scrypt"})
    assert user.password_hash == first


def test_only_vms_with_the_image_of_a_flavor_use_it() -> None:
    held = cluster()
    put(held, topology(vms=[builders.vm("a"), builders.vm("b", flavor="big")], links=[]))
    held.flavors["other"] = {**held.flavors["big"], "image": "/other.img"}
    registration.remove_flavor(held, "other")
    assert "other" not in held.flavors
    with pytest.raises(Refused) as caught:
        registration.remove_flavor(held, "big")
    assert caught.value.refusals == [Refusal("flavor_in_use", "flavor big", {"count": 1, "vms": ["web/b"]})]
