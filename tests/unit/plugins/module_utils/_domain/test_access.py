# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selection of slices, without any information about slices of others for tenants."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import access
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import User

from .builders import cluster, put, topology


def test_selection_of_slices() -> None:
    held = cluster()
    first, second = put(held, topology()), put(held, topology("mail", owner="alice"))

    def chosen(
        *names: str, owner: str | None = None, everything: bool = False, acting_user: str = "admin"
    ) -> list[Any]:
        return access.choose(held, names, owner=owner, everything=everything, acting_user=acting_user)

    assert chosen("web", "1000", "admin/web") == [first]
    assert chosen(owner="alice") == [second]
    assert chosen(everything=True) == [first, second]
    assert chosen() == []
    assert chosen("mail", acting_user="alice") == [second]
    assert chosen(owner="alice", acting_user="alice") == [second]
    assert chosen(everything=True, acting_user="alice") == [second]
    for kwargs, refusal in (
        ({"owner": "bob"}, Refusal("not_found", "owner bob", {"known": ["admin", "alice"]})),
        (
            {"owner": "bob", "acting_user": "alice"},
            Refusal("not_owner_or_admin", "owner bob", {"user": "alice"}),
        ),
        (
            {"owner": "admin", "acting_user": "alice"},
            Refusal("not_owner_or_admin", "owner admin", {"user": "alice"}),
        ),
        ({"everything": True, "acting_user": "carol"}, Refusal("unknown_acting_user", "acting user carol")),
    ):
        with pytest.raises(Refused) as caught:
            chosen(**kwargs)  # type: ignore[arg-type] # one keyword each
        assert caught.value.refusals == [refusal]
    with pytest.raises(Refused) as caught:
        chosen("a", "b")
    known = {"known": ["web (1000)", "mail (1003)"]}
    assert caught.value.refusals == [Refusal("not_found", "slice a", known), Refusal("not_found", "slice b", known)]


def test_two_owners_may_use_the_same_name() -> None:
    held = cluster()
    first, second = put(held, topology()), put(held, topology(owner="alice"))
    assert first.slice_id != second.slice_id
    with pytest.raises(Refused) as caught:
        access.find(held, "web")
    several = {"count": 2, "found": ["1000 of admin", "1003 of alice"]}
    assert caught.value.refusals == [Refusal("ambiguous_slice", "slice web", several)]
    assert access.find(held, "web", "alice") is second
    assert access.find(held, "alice/web") is second
    assert access.find(held, "1000") is first
    with pytest.raises(Refused) as caught:
        access.find(held, "web", "bob")
    known = ["web (1000)", "web (1003)"]
    assert caught.value.refusals == [Refusal("not_found", "slice web of bob", {"known": known})]


@pytest.mark.parametrize(("there", "absent"), [("web", "nil"), ("1000", "1999")])
@pytest.mark.parametrize("owner", [None, "admin", "alice"])
def test_slices_of_others_are_unknown_to_a_tenant(there: str, absent: str, owner: str | None) -> None:
    held = cluster()
    put(held, topology("web"))
    put(held, topology("mail", owner="alice"))

    def refusal(name: str) -> str:
        with pytest.raises(Refused) as caught:
            access.find(held, name, owner, acting_user="alice")
        return str(caught.value)

    assert refusal(there) == refusal(absent).replace(absent, there)


def test_a_slice_is_found_by_its_number_by_who_may_act_on_it() -> None:
    held = cluster()
    slice_ = put(held, topology("lab", owner="alice"))
    assert [access.numbered(held, 1000, user) for user in ("alice", "admin")] == [slice_, slice_]
    assert access.numbered(held, 1001, "admin") is None
    put(held, topology("web"))
    assert access.numbered(held, 1003, "alice") is None


@pytest.mark.parametrize(
    ("want", "acting_user", "found"),
    [
        ({"name": "web"}, "admin", {1000, ("admin", "web")}),
        ({"name": "new"}, "admin", {("admin", "new")}),
        ({"name": "web", "new_name": "new"}, "admin", {1000, ("admin", "web"), ("admin", "new")}),
        ({"name": "new", "slice_id": 1000}, "admin", {1000, ("admin", "new")}),
        ({"name": "1000"}, "admin", {("admin", "1000")}),
        ({"name": "1000", "state": "absent"}, "admin", {1000, ("admin", "1000")}),
        ({"name": "mail", "owner": "alice"}, "admin", {1003, ("alice", "mail")}),
        ({"name": "mail"}, "alice", {1003, ("alice", "mail")}),
        ({"name": "mail"}, "admin", {("admin", "mail")}),
        # To a tenant, slices of others do not exist.
        ({"name": "web", "owner": "admin"}, "alice", {("admin", "web")}),
        ({"name": "web", "owner": "admin", "state": "absent"}, "alice", {("admin", "web")}),
        ({"name": "1000", "state": "absent"}, "alice", {("alice", "1000")}),
    ],
)
def test_what_identifies_the_slice_of_a_topology(want: dict[str, Any], acting_user: str, found: set[Any]) -> None:
    held = cluster()
    put(held, topology())
    put(held, topology("mail", owner="alice"))
    assert access.places(held, {"owner": None, "state": "present", **want}, acting_user) == found


UUID, OTHER = "9f1c2e64-6c0b-4c55-9d56-0a4f5d0a7b21", "3b0e7c0e-9f63-4a39-8f0b-0d2c1f5e8a77"


def test_a_token_is_that_of_a_user_and_not_of_a_name() -> None:
    held = cluster()

    def message(user: str, uuid: str) -> str:
        with pytest.raises(Refused) as caught:
            access.require_user(held, user, uuid)
        return caught.value.message

    advice = (
        "a token is valid for the user whom it was issued for, not for a later one of the same name; create another "
        "with acting_token"
    )
    access.require_user(held, "alice", None)
    earlier = f"token: it was issued for an earlier user alice (UUID {UUID}), the present one has UUID {{}}; {advice}"
    assert message("alice", UUID) == earlier.format("none")
    held.users["alice"].extra["uuid"] = OTHER
    assert message("alice", UUID) == earlier.format(OTHER)
    access.require_user(held, "alice", OTHER)
    assert message("carol", UUID) == "acting user carol does not exist"


@pytest.mark.parametrize(
    ("uuid", "owner", "owner_uuid", "is_owner"),
    [
        (UUID, "alice", UUID, True),
        (UUID, "bob", UUID, True),
        (UUID, "alice", OTHER, False),
        (UUID, "alice", None, False),
        (None, "alice", None, True),
        (None, "bob", None, False),
        (None, "alice", UUID, False),
    ],
)
def test_a_slice_belongs_to_a_uuid_and_without_one_to_a_name(
    uuid: str | None, owner: str, owner_uuid: str | None, is_owner: bool
) -> None:
    alice = User("alice", "!")
    alice.extra.update({} if uuid is None else {"uuid": uuid})
    assert access.owns(alice, owner, owner_uuid) is is_owner
