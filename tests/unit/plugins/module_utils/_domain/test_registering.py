# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users, flavors and workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import registering
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

from .builders import cluster, put, topology


def refused(change: Callable[..., Any], held: Cluster, *args: Any) -> str:
    before = held.to_dict()
    with pytest.raises(Refused) as caught:
        change(held, *args)
    assert held.to_dict() == before
    return str(caught.value)


def test_a_new_user_and_a_changed_one() -> None:
    held = cluster()
    user = registering.put_user(held, {"name": "bob", "password": "secret"})
    assert user.to_dict() == {
        "username": "bob",
        "password_hash": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
        "quota_vms": 10,
        "used_vms": 0,
        "slices": [],
    }
    registering.put_user(held, {"name": "bob", "quota_vms": 2, "role": "admin"})
    assert (user.quota_vms, held.is_admin("bob"), user.password_hash[:4]) == (2, True, "2bb8")
    registering.put_user(held, {"name": "bob", "role": "tenant"})
    assert not held.is_admin("bob")


@pytest.mark.parametrize(
    ("change", "args", "message"),
    [
        (
            registering.put_user,
            {"name": "-x", "quota_vms": -1, "password_hash": "abc"},
            "user '-x': a name is letters, digits and _ . @ -, 64 at most, not beginning with . @ -; "
            "user -x: a quota of -1 VMs is below 0; "
            "user -x: password_hash is neither a SHA-256 hex digest of 64 digits nor a scrypt hash",
        ),
        (registering.put_user, {"name": "admin", "role": "tenant"}, "user admin: the first admin stays an admin"),
        (registering.remove_user, "admin", "user admin owns 1 slices: web (1000); delete them first"),
        (registering.put_flavor, {"name": "x", "cores": 1}, "flavor x is new and lacks ram_gb, disk_gb, image"),
        (
            registering.put_flavor,
            {"name": "x", "cores": 0, "ram_gb": -1, "disk_gb": 1, "image": "/i", "virtual_size_gb": 2},
            "flavor x: cores is 0, and must be above 0; flavor x: ram_gb is -1, and must be above 0; "
            "flavor x: disk_gb is 1, and its image holds a disk of 2",
        ),
        (
            registering.put_flavor,
            {"name": "cirros", "checksum": "abc"},
            "flavor cirros: checksum 'abc' is not a SHA-256 of 64 hex digits",
        ),
        (registering.remove_flavor, "cirros", "flavor cirros is in use by 2 VMs: web/vm1, web/vm2"),
        (
            registering.put_worker,
            {"ip": "pluto"},
            "worker 'pluto': that is not an IPv4 address; set worker_ip for this host in the inventory",
        ),
        (
            registering.put_worker,
            {"ip": "10.0.10.9", "cores": 0, "max_vms": -1},
            "worker 10.0.10.9: cores is 0, and must be above 0; worker 10.0.10.9: max_vms is -1, and must be above 0",
        ),
        (
            registering.remove_worker,
            "10.0.10.1",
            "worker 10.0.10.1 holds 1 VMs: vm1 (1001); delete them first",
        ),
    ],
)
def test_refusals(change: Callable[..., Any], args: Any, message: str) -> None:
    held = cluster()
    put(held, topology())
    assert refused(change, held, args) == message


def test_what_nothing_stands_on_is_removed() -> None:
    held = cluster()
    registering.remove_user(held, "alice")
    registering.remove_flavor(held, "big")
    registering.remove_worker(held, "10.0.10.2")
    registering.remove_user(held, "nobody")
    assert (list(held.users), list(held.flavors), list(held.workers)) == (
        ["admin"],
        ["cirros", "ubuntu"],
        ["10.0.10.1"],
    )
    assert refused(registering.remove_user, held, "admin") == "user admin: the first admin cannot be removed"


def test_only_admins_register() -> None:
    held = cluster()
    registering.require_admin(held, "admin", "flavor")
    assert refused(registering.require_admin, held, "alice", "flavor") == (
        "flavor: alice is not an admin, and only admins may change it"
    )
