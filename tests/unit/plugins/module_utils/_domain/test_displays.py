# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import displays
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.work_orders import work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import VNC_KEY, Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, put, refusals, topology, vm

# Of the key of zeros: with another derivation, all users would lose their passwords.
PASSWORDS = ["KQN5fmGz", "pYJLjQUb"]


def stored() -> tuple[Cluster, Slice]:
    held = cluster()
    displays.make_key(held)
    return held, put(held, topology())


def passwords(held: Cluster) -> list[str]:
    return [each["password"] for each in displays.with_passwords(held, held.slices.values())]


def test_a_key_is_created_once() -> None:
    held = cluster()
    displays.make_key(held)
    key = held.extra[VNC_KEY]

    displays.make_key(held)
    assert held.extra[VNC_KEY] == key
    other = cluster()
    displays.make_key(other)
    assert other.extra[VNC_KEY] != key


def test_without_a_key_there_is_no_password() -> None:
    held = cluster()
    slice_ = put(held, topology())

    assert displays.password(held, slice_.vms[0]) is None
    assert displays.password_id(held, slice_.vms[0]) is None


def test_every_vm_has_its_own_password() -> None:
    held, slice_ = stored()
    told = displays.with_passwords(held, [slice_])

    assert [(each["slice"], each["name"], each["worker_ip"], each["vnc_port"]) for each in told] == [
        ("web", "vm1", "10.0.10.1", 5901),
        ("web", "vm2", "10.0.10.2", 5902),
    ]
    assert len(set(passwords(held))) == 2
    assert all(len(each) == 8 and set(each) <= set(displays.ALPHABET) for each in passwords(held))
    assert passwords(held) == passwords(Cluster.from_dict(held.to_dict())), "they come back with the database"


def test_results_of_a_slice_do_not_contain_passwords() -> None:
    held, slice_ = stored()
    told = json.dumps(
        [slice_.to_dict(), work_orders(held, [slice_], "/x"), [each.to_dict() for each in changes(None, slice_)]],
        ensure_ascii=False,
    )

    assert displays.password_id(held, slice_.vms[0]) in told
    assert not [secret for secret in (*passwords(held), held.extra[VNC_KEY]) if secret in told]
    assert "vnc_password_version" not in json.dumps(slice_.to_dict())


def test_another_version_changes_only_the_password_of_this_vm() -> None:
    held, slice_ = stored()
    first, ids = passwords(held), [displays.password_id(held, each) for each in slice_.vms]
    assert all(re.fullmatch("[0-9a-f]{16}", str(each)) for each in ids)
    before = Slice.from_dict(slice_.to_dict())
    after = put(held, topology(vms=[vm("vm1", internet=True, vnc_password_version=2), vm("vm2")]))
    second = passwords(held)

    assert (second[0] != first[0], second[1] == first[1]) == (True, True)
    assert [displays.password_id(held, each) == ids[at] for at, each in enumerate(after.vms)] == [False, True]
    assert [(each.why, each.restart) for each in changes(before, after)] == [("vnc_password_version 1 → 2", False)]

    put(held, topology())
    assert passwords(held) == second, "a topology that does not say keeps it"


@pytest.mark.parametrize(
    ("wanted", "code", "figures"),
    [
        (1, "password_version_lowered", {"version": 2, "got": 1}),
        (0, "out_of_range", {"option": "vnc_password_version", "got": 0, "least": 1, "most": 1000000}),
    ],
)
def test_an_earlier_password_cannot_be_used_again(wanted: int, code: str, figures: dict[str, Any]) -> None:
    held, _one = stored()
    put(held, topology(vms=[vm("vm1", vnc_password_version=2), vm("vm2")]))

    assert refusals(held, topology(vms=[vm("vm1", vnc_password_version=wanted), vm("vm2")])) == [
        Refusal(code, "VM web/vm1", figures)
    ]


def test_a_reused_id_has_another_password() -> None:
    held, slice_ = stored()
    before = passwords(held)
    for each in slice_.vms:
        each.owner = "alice"

    assert not set(before) & set(passwords(held))


def test_a_kept_password_is_that_of_its_version() -> None:
    held, slice_ = stored()
    first, second = slice_.vms
    first.extra["uuid"], second.extra["uuid"] = "a", "b"
    derived = passwords(held)
    displays.keep(held, first, password_id="0" * 16, password="old")
    displays.keep(held, second, password_id="1" * 16, password="older")
    assert passwords(held) == ["old", "older"]
    assert [displays.password_id(held, each) for each in slice_.vms] == ["0" * 16, "1" * 16]
    first.extra[displays.VERSION] = 2
    assert displays.password(held, first) not in ("old", derived[0])
    assert passwords(held)[1] == "older"


def test_there_is_a_key_once_it_was_made() -> None:
    held = cluster()
    assert displays.has_key(held) is False
    displays.make_key(held)
    assert displays.has_key(held) is True
    assert len(bytes.fromhex(held.extra[VNC_KEY])) == 32


def test_passwords_follow_from_the_key_alone() -> None:
    held, _slice = stored()
    held.extra[VNC_KEY] = "00" * 32
    assert passwords(held) == PASSWORDS
    assert [displays.version(each) for each in held.vms()] == [1, 1]
