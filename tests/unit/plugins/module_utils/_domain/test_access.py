# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which slice is meant, and what a tenant learns of the slices of others: nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import access
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .builders import cluster, put, topology


def test_choosing() -> None:
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
    for kwargs, message in (
        ({"owner": "bob"}, "owner bob does not exist; users are admin, alice"),
        (
            {"owner": "bob", "acting_user": "alice"},
            "owner bob: alice is not an admin, and only admins act for other users",
        ),
        (
            {"owner": "admin", "acting_user": "alice"},
            "owner admin: alice is not an admin, and only admins act for other users",
        ),
        ({"everything": True, "acting_user": "carol"}, "acting user carol does not exist"),
    ):
        with pytest.raises(Refused) as caught:
            chosen(**kwargs)  # type: ignore[arg-type] # one keyword each
        assert str(caught.value) == message
    with pytest.raises(Refused) as caught:
        chosen("a", "b")
    assert caught.value.reasons == [
        "no slice is called a; slices are web (1000), mail (1003)",
        "no slice is called b; slices are web (1000), mail (1003)",
    ]


def test_two_owners_may_use_one_name() -> None:
    held = cluster()
    first, second = put(held, topology()), put(held, topology(owner="alice"))
    assert first.slice_id != second.slice_id
    with pytest.raises(Refused) as caught:
        access.find(held, "web")
    assert str(caught.value) == "2 slices are called web (1000 of admin, 1003 of alice); name the owner or the id"
    assert access.find(held, "web", "alice") is second
    assert access.find(held, "alice/web") is second
    assert access.find(held, "1000") is first
    with pytest.raises(Refused, match="no slice of bob is called web; slices are web \\(1000\\), web \\(1003\\)"):
        access.find(held, "web", "bob")


@pytest.mark.parametrize(("there", "absent"), [("web", "nil"), ("1000", "1999")])
@pytest.mark.parametrize("owner", [None, "admin", "alice"])
def test_anothers_slice_is_to_a_tenant_as_if_it_were_not_there(there: str, absent: str, owner: str | None) -> None:
    held = cluster()
    put(held, topology("web"))
    put(held, topology("mail", owner="alice"))

    def refusal(name: str) -> str:
        with pytest.raises(Refused) as caught:
            access.find(held, name, owner, acting_user="alice")
        return str(caught.value)

    assert refusal(there) == refusal(absent).replace(absent, there)
