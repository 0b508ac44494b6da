# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pwd
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.accounts import Account, Accounts
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import POOL_COUNT
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import orders, vm

TEMPLATES = Path(__file__).parents[5] / "roles/worker/templates"
USERS = {"cloudrepo-0": (998, 997), "cloudrepo-99": (899, 899)}


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with two users."""

    def getpwnam(name: str) -> SimpleNamespace:
        uid, gid = USERS[name]
        return SimpleNamespace(pw_uid=uid, pw_gid=gid)

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)


def order(*slice_ids: int) -> tuple[SliceOrder, ...]:
    return tuple(one for slice_id in slice_ids for one in orders(vm(slice_id + 1), slice_id=slice_id))


def test_each_slice_has_the_user_of_its_pool():
    found = accounts.find_accounts("cloudrepo", order(1000, 1099), missing_ok=False)

    assert found == Accounts("cloudrepo", {1000: Account(998, 997), 1099: Account(899, 899)})
    assert [found.name(slice_id) for slice_id in (1000, 1099, 1100)] == ["cloudrepo-0", "cloudrepo-99", "cloudrepo-0"]
    assert (found.of(1099).gid, found.uid(1000)) == (899, 998)


@pytest.mark.parametrize(("slice_id", "known"), [(1042, {}), (1000, {1000: Account(998, 997)})])
def test_a_slice_without_vms_needs_no_user_and_is_known_by_it(slice_id, known):
    assert accounts.find_accounts("cloudrepo", orders(slice_id=slice_id), missing_ok=False).known == known


def test_missing_users_are_reported_unless_the_host_is_unprepared():
    with pytest.raises(Refused) as refused:
        accounts.find_accounts("cloudrepo", order(1042, 1000, 1043), missing_ok=False)
    assert refused.value.refusals == [
        Refusal("user_missing", f"user cloudrepo-{slot}", {"slice_id": 1000 + slot}) for slot in (42, 43)
    ]

    found = accounts.find_accounts("cloudrepo", order(1042, 1000), missing_ok=True)
    assert (found.uid(1042), found.find(1042), found.uid(1000)) == (None, None, 998)


@pytest.mark.parametrize("missing_ok", [True, False])
def test_two_slices_never_share_a_user(missing_ok):
    with pytest.raises(Refused) as refused:
        accounts.find_accounts("cloudrepo", order(1000, 1100), missing_ok=missing_ok)
    assert refused.value.refusals == [Refusal("user_shared", "user cloudrepo-0", {"slices": [1000, 1100]})] * 2
    # A slice that is only removed affects no other.
    accounts.find_accounts("cloudrepo", order(1000) + orders(slice_id=1100), missing_ok=missing_ok)


@pytest.mark.parametrize("template", ["sysusers.conf.j2", "taps.nft.j2"])
def test_the_role_creates_a_user_for_each_pool_and_filters_its_packets(template):
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    assert re.findall(r"range\((\d+)\)", text) == [str(POOL_COUNT)]
