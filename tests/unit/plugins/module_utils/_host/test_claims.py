# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A host belongs to one cloud, and to one incarnation of its database."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import applied_orders, claims, revisions, systemd
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.claims import Caller
from ansible_collections.cloudrepo.slices.plugins.module_utils.claim import Claim
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.holdings import KnownMachine
from ansible_collections.cloudrepo.slices.plugins.module_utils.identity import machine_mark
from ansible_collections.cloudrepo.slices.plugins.module_utils.vlans import Vlans
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder

from .fakes import mark, uuid

USUAL = Vlans()

MACHINE = "a" * 32
LAB = Caller(uuid(1), "lab", uuid(2))
OTHER = Caller(uuid(3), "other", uuid(4))
COPY = replace(LAB, incarnation=uuid(5))


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this the machine C(MACHINE)."""
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: MACHINE)


def claimed(
    tmp_path: Path,
    caller: Caller,
    *,
    claim: bool = False,
    now: str = "2026-01-31T12:00:00Z",
    vlans: Vlans = USUAL,
) -> Any:
    todo = claims.plan(
        claims.read(str(tmp_path)),
        caller,
        controller="controller1",
        now=now,
        claim=claim,
        state_dir=str(tmp_path),
        vlans=vlans,
    )
    claims.apply(todo, state_dir=str(tmp_path))
    return todo


def call(tmp_path: Path, caller: Caller | None, *, missing_ok: bool = False) -> None:
    values = (caller.uuid, caller.title, caller.incarnation) if caller else (None, None, None)
    names = ("cloud_uuid", "cloud_title", "cloud_incarnation")
    claims.require({**dict(zip(names, values)), "state_dir": str(tmp_path)}, missing_ok=missing_ok)


def codes(refused: Any) -> list[str]:
    return [each.code for each in refused.value.refusals]


def test_a_host_is_claimed_once(tmp_path: Path) -> None:
    todo = claimed(tmp_path, LAB)
    assert [(change.kind, change.action) for change in todo.changes] == [("host", "create")]
    after = {
        "incarnation": LAB.incarnation,
        "since": "2026-01-31T12:00:00Z",
        "controller": "controller1",
        "orphans": [],
    }
    assert (todo.changes[0].before, {**(todo.changes[0].after or {}), **after}) == (None, todo.changes[0].after)
    mark = machine_mark(LAB.uuid, MACHINE)
    held = Claim(LAB.uuid, "lab", LAB.incarnation, "2026-01-31T12:00:00Z", "controller1", machine_mark=mark)
    assert claims.read(str(tmp_path)) == held
    assert (tmp_path / "cloud.json").stat().st_mode & 0o777 == 0o600
    assert claimed(tmp_path, LAB, now="2026-02-01T12:00:00Z").changes == []
    assert claims.read(str(tmp_path)) == held
    call(tmp_path, LAB)


def test_a_claim_is_planned_from_the_arguments_of_a_module(tmp_path: Path) -> None:
    params = {"state_dir": str(tmp_path), "controller": "controller1", "claim": False}
    todo = claims.plan_for(params, LAB, now="2026-01-31T12:00:00Z")
    claims.apply(todo, state_dir=str(tmp_path))
    held = claims.read(str(tmp_path))
    mark = machine_mark(LAB.uuid, MACHINE)
    assert held == Claim(LAB.uuid, "lab", LAB.incarnation, "2026-01-31T12:00:00Z", "controller1", machine_mark=mark)
    with pytest.raises(Refused):
        claims.plan_for(params, OTHER, now="2026-02-01T12:00:00Z")
    assert claims.plan_for({**params, "claim": True}, OTHER, now="2026-02-01T12:00:00Z").is_handed_over


def test_the_vlans_of_the_cloud_are_stored_unless_they_are_the_defaults(tmp_path: Path) -> None:
    assert claims.management_vlan(str(tmp_path)) == 400
    claimed(tmp_path, LAB)
    assert not {"vlan_pools", "management_vlan"} & json.loads((tmp_path / "cloud.json").read_text()).keys()
    assert claims.management_vlan(str(tmp_path)) == 400
    (change,) = claimed(tmp_path, LAB, vlans=Vlans((0, 1, 7), 3000)).changes
    assert (change.after or {})["vlan_pools"] == "0-1,7"
    held = claims.read(str(tmp_path))
    assert held is not None
    assert (held.vlans, claims.management_vlan(str(tmp_path))) == (Vlans((0, 1, 7), 3000), 3000)
    assert claimed(tmp_path, LAB, vlans=Vlans((0, 1, 7), 3000)).changes == []


def test_the_vlans_are_planned_from_the_arguments_of_a_module(tmp_path: Path) -> None:
    params = {"state_dir": str(tmp_path), "controller": "controller1", "claim": False}
    todo = claims.plan_for({**params, "vlan_pools": "2-3", "management_vlan": 7}, LAB, now="2026-01-31T12:00:00Z")
    assert todo.wanted.vlans == Vlans((2, 3), 7)


def test_another_machine_is_noted_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed(tmp_path, LAB)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: "b" * 32)
    (change,) = claimed(tmp_path, LAB).changes
    shown = [(side or {})["machine"] for side in (change.before, change.after)]
    assert shown == [machine_mark(LAB.uuid, MACHINE), machine_mark(LAB.uuid, "b" * 32)]
    assert claimed(tmp_path, LAB).changes == []
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: None)
    assert claimed(tmp_path, LAB).changes == []


def test_a_new_title_is_stored(tmp_path: Path) -> None:
    claimed(tmp_path, LAB)
    assert claimed(tmp_path, replace(LAB, title="new")).changes != []
    assert (claims.read(str(tmp_path)) or LAB).title == "new"


@pytest.mark.parametrize(("caller", "code"), [(OTHER, "another_cloud"), (COPY, "another_incarnation")])
def test_another_cloud_or_copy_is_refused_unless_it_takes_the_host_over(
    tmp_path: Path, caller: Caller, code: str
) -> None:
    claimed(tmp_path, LAB)
    before = (tmp_path / "cloud.json").read_text()
    for refused_call in (lambda: call(tmp_path, caller), lambda: claimed(tmp_path, caller)):
        with pytest.raises(Refused) as refused:
            refused_call()
        assert codes(refused) == [code]
        for told in ("lab", LAB.uuid, "2026-01-31T12:00:00Z", "controller1", "-e claim_hosts=true"):
            assert told in refused.value.message
    assert (tmp_path / "cloud.json").read_text() == before
    claimed(tmp_path, caller, claim=True)
    call(tmp_path, caller)
    with pytest.raises(Refused):
        call(tmp_path, LAB)


def test_taking_a_host_over_returns_its_orphans_and_removes_its_applied_orders(tmp_path: Path) -> None:
    claimed(tmp_path, LAB)
    (tmp_path / "vms/1001").mkdir(parents=True)
    mark(tmp_path / "vms/1001", 1000)
    order = SliceOrder(slice_id=1000, vms=(), revision=5, record="{}")
    revisions.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    applied_orders.note([order], state_dir=str(tmp_path), kind=revisions.WORKER)
    assert claimed(tmp_path, COPY, claim=True).orphans == ()
    assert revisions.highest(str(tmp_path)) == 5
    assert applied_orders.read(str(tmp_path), revisions.WORKER) != ()
    todo = claimed(tmp_path, OTHER, claim=True)
    assert todo.orphans == ("VM 1001 of slice 1000 becomes an orphan",)
    assert "becomes an orphan" in json.dumps(todo.changes[0].to_dict())
    assert revisions.highest(str(tmp_path)) is None
    assert applied_orders.read(str(tmp_path), revisions.WORKER) == ()


def test_an_unclaimed_host_refuses_work_orders(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        call(tmp_path, LAB)
    assert codes(refused) == ["host_unclaimed"]
    call(tmp_path, LAB, missing_ok=True)
    call(tmp_path, None)


def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dir: str) -> None:
    """Install the unit of a worker that site has prepared with a state folder."""
    monkeypatch.setattr(systemd, "UNIT_DIR", str(tmp_path))
    (tmp_path / "slices-fence.service").write_text(f"[Service]\nExecStart=/lib/slices-host check-machine {state_dir}\n")


def claim_params(state_dir: Path, *, claim: bool) -> dict[str, Any]:
    return {**USUAL.to_dict(), "state_dir": str(state_dir), "controller": "controller1", "claim": claim}


@pytest.mark.parametrize("missing_ok", [False, True])
def test_an_empty_state_folder_of_a_prepared_host_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing_ok: bool
) -> None:
    prepare(tmp_path, monkeypatch, f"{tmp_path}")
    with pytest.raises(Refused) as refused:
        call(tmp_path, LAB, missing_ok=missing_ok)
    assert codes(refused) == ["claim_missing"]
    with pytest.raises(Refused) as refused:
        claims.plan_for(claim_params(tmp_path, claim=False), LAB, now="now")
    assert codes(refused) == ["claim_missing"]
    with pytest.raises(Refused) as refused:
        claims.require_state(str(tmp_path))
    assert codes(refused) == ["claim_missing"]
    assert claims.plan_for(claim_params(tmp_path, claim=True), LAB, now="now").wanted.uuid == LAB.uuid


def test_another_state_folder_does_not_make_a_host_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    claimed(first, LAB)
    prepare(tmp_path, monkeypatch, str(first))
    for check in (
        lambda: call(second, LAB, missing_ok=True),
        lambda: claims.plan_for(claim_params(second, claim=False), LAB, now="now"),
        lambda: claims.require_state(str(second)),
    ):
        with pytest.raises(Refused) as refused:
            check()
        assert refused.value.refusals[0].message == (
            f"this host was prepared with the state folder {first}, and not with {second}, which contains no claim; "
            f"set cloudrepo_state_dir to {first}; or stop all VMs on the host and move the folder to {second}, then "
            "run cloudrepo.slices.site"
        )
    first.rename(second)
    call(second, LAB)
    claims.require_state(str(second))
    assert claims.plan_for(claim_params(second, claim=False), LAB, now="now").changes == []


def test_another_cloud_does_not_get_a_host_with_another_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    claimed(first, LAB)
    prepare(tmp_path, monkeypatch, str(first))
    with pytest.raises(Refused) as refused:
        claims.plan_for(claim_params(second, claim=False), OTHER, now="now")
    assert codes(refused) == ["another_cloud"]
    claimed(second, OTHER, claim=True)
    with pytest.raises(Refused) as refused:
        call(second, OTHER)
    assert codes(refused) == ["another_cloud"]
    prepare(tmp_path, monkeypatch, str(second))
    call(second, OTHER)
    with pytest.raises(Refused) as refused:
        call(first, LAB)
    assert codes(refused) == ["another_cloud"]


def test_a_link_in_place_of_the_state_folder_is_the_same_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "state").symlink_to("moved")
    prepare(tmp_path, monkeypatch, str(tmp_path / "state"))
    with pytest.raises(Refused) as refused:
        call(tmp_path / "moved", LAB)
    assert codes(refused) == ["claim_missing"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"uuid": "x"}'])
def test_an_unreadable_claim_belongs_to_no_cloud(tmp_path: Path, text: str) -> None:
    (tmp_path / "cloud.json").write_text(text)
    with pytest.raises(Refused) as refused:
        call(tmp_path, LAB)
    path = str(tmp_path / "cloud.json")
    assert [(each.code, each.object) for each in refused.value.refusals] == [("claim_unreadable", path)]
    assert refused.value.message.startswith(f"{path} is not a valid claim (")
    assert refused.value.message.endswith("); remove it and run cloudrepo.slices.site")


def test_the_state_folder_and_its_parents_are_readable_by_all_users(tmp_path: Path) -> None:
    state_dir = tmp_path / "with/parents"
    old = os.umask(0o077)
    try:
        claimed(state_dir, LAB)
    finally:
        os.umask(old)
    assert [folder.stat().st_mode & 0o777 for folder in (state_dir.parent, state_dir)] == [0o755, 0o755]
    call(state_dir, LAB)


@pytest.mark.parametrize(
    ("machine_id", "wanted", "got"),
    [
        ("a" * 32, "a" * 32, None),
        ("a" * 32, None, None),
        (None, None, None),
        ("b" * 32, "a" * 32, machine_mark(LAB.uuid, "b" * 32)),
        (None, "a" * 32, "no machine-id"),
    ],
)
@pytest.mark.parametrize("missing_ok", [False, True])
def test_a_machine_that_has_got_the_address_of_a_worker_refuses_its_calls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine_id: str | None,
    wanted: str | None,
    got: str | None,
    missing_ok: bool,
) -> None:
    claimed(tmp_path, LAB)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: machine_id)
    mark = None if wanted is None else machine_mark(LAB.uuid, wanted)
    params = {"cloud_uuid": LAB.uuid, "cloud_title": LAB.title, "cloud_incarnation": LAB.incarnation}
    params.update(state_dir=str(tmp_path), machine_mark=mark)
    if got is None:
        claims.require(params, missing_ok=missing_ok)
        return
    with pytest.raises(Refused) as refused:
        claims.require(params, missing_ok=missing_ok)
    assert refused.value.refusals == [Refusal("not_this_machine", "this host", {"got": got, "wanted": mark})]
    assert refused.value.refusals[0].message == (
        f"this host is another machine: its mark is {got}, expected {mark}; "
        "run cloudrepo.slices.site, which recognizes workers with new addresses and refuses a machine it does not know"
    )


def test_the_cloud_is_checked_before_the_machine(tmp_path: Path) -> None:
    claimed(tmp_path, OTHER)
    params = {"cloud_uuid": LAB.uuid, "cloud_title": LAB.title, "cloud_incarnation": LAB.incarnation}
    with pytest.raises(Refused) as refused:
        claims.require({**params, "state_dir": str(tmp_path), "machine_mark": "0" * 64}, missing_ok=False)
    assert codes(refused) == ["another_cloud"]


@pytest.mark.parametrize(
    ("title", "incarnation", "caller"),
    [("lab", "i", Caller("u", "lab", "i")), (None, None, Caller("u", "", "")), ("", "", Caller("u", "", ""))],
)
def test_the_caller_is_that_of_the_arguments(title: str | None, incarnation: str | None, caller: Caller) -> None:
    params = {"cloud_uuid": "u", "cloud_title": title, "cloud_incarnation": incarnation}
    assert claims.caller(params) == caller
    assert claims.caller({**params, "cloud_uuid": None}) is None


def test_a_claim_is_readable_by_people_and_only_by_root(tmp_path: Path) -> None:
    claimed(tmp_path, Caller(LAB.uuid, "Übung", LAB.incarnation))
    path = tmp_path / "cloud.json"
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert text.startswith('{\n  "')
    assert "Übung" in text


def test_clouds_with_vlans_in_common_are_told_when_a_host_is_refused_and_when_it_is_taken(tmp_path: Path) -> None:
    claimed(tmp_path, LAB, vlans=Vlans((0, 1), 400))
    with pytest.raises(Refused) as refused:
        claimed(tmp_path, OTHER, vlans=Vlans((1, 2), 401))
    both = (
        "VLANs 120-139 belong to both (pools 0-1 and management VLAN 400 there, pools 1-2 and management VLAN 401 here)"
    )
    assert refused.value.message == (
        f"this host belongs to cloud lab ({uuid(1)}), claimed from controller controller1 at 2026-01-31T12:00:00Z, "
        f"and not to other ({uuid(3)}); {both}; run cloudrepo.slices.site with -e claim_hosts=true to take the "
        "host over"
    )
    with pytest.raises(Refused) as refused:
        claimed(tmp_path, OTHER, vlans=Vlans((2,), 401))
    assert "belong to both" not in refused.value.message
    assert claimed(tmp_path, OTHER, claim=True, vlans=Vlans((1, 2), 401)).warnings == [
        f"this host was taken from cloud lab ({uuid(1)}) for cloud other ({uuid(3)}); {both}; other hosts of that "
        "cloud must not be on the same trunk"
    ]
    assert claimed(tmp_path, OTHER, vlans=Vlans((1, 2), 401)).warnings == []
    assert claimed(tmp_path, LAB, claim=True, vlans=Vlans((0,), 400)).warnings == []


def test_a_call_without_a_cloud_is_refused_by_a_claimed_host_that_asks_for_its_owner(tmp_path: Path) -> None:
    params: dict[str, Any] = dict.fromkeys(("cloud_uuid", "cloud_title", "cloud_incarnation"))
    params["state_dir"] = str(tmp_path)
    claims.require_owner(params, missing_ok=False)
    claimed(tmp_path, LAB)
    claims.require(params, missing_ok=False)
    with pytest.raises(Refused) as refused:
        claims.require_owner(params, missing_ok=False)
    assert codes(refused) == ["another_cloud"]
    assert f"belongs to cloud lab ({uuid(1)})" in refused.value.message
    assert "and not to a call without a cloud" in refused.value.message
    claims.require_owner({**params, "cloud_uuid": LAB.uuid}, missing_ok=False)
    with pytest.raises(Refused, match="belongs to cloud lab"):
        claims.require_owner({**params, "cloud_uuid": OTHER.uuid}, missing_ok=False)


MINE = machine_mark(LAB.uuid, MACHINE)
SITE = "run cloudrepo.slices.site, which"


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (
            {"10.0.10.1": MINE, "10.0.10.2": "b" * 64},
            "this host was reached at 10.0.10.9, and the database has its machine at 10.0.10.1; a worker is reached at "
            f"the address that it has in the database; {SITE} changes the address in the database",
        ),
        # Another worker has got its new address.
        (
            {"10.0.10.1": MINE, "10.0.10.9": "b" * 64},
            "this host was reached at 10.0.10.9, and the database has its machine at 10.0.10.1; a worker is reached at "
            f"the address that it has in the database; {SITE} changes the address in the database",
        ),
        (
            {"10.0.10.1": "b" * 64, "10.0.10.2": None},
            "this host was reached at 10.0.10.9, and the database has no worker there; only a worker of the database "
            f"has orphans; {SITE} registers it",
        ),
        (
            {"10.0.10.9": "b" * 64},
            f"this host is another machine: its mark is {MINE}, expected "
            f"{'b' * 64}; {SITE} recognizes workers with new addresses and refuses a machine it does not know",
        ),
        ({"10.0.10.1": "b" * 64, "10.0.10.9": MINE}, None),
        ({"10.0.10.9": None}, None),
    ],
)
def test_a_worker_is_reached_at_the_address_that_the_database_has(
    marks: dict[str, str | None], message: str | None
) -> None:
    machines = [KnownMachine(address, mark) for address, mark in marks.items()]
    if message is None:
        claims.require_worker("10.0.10.9", machines, LAB)
        return
    with pytest.raises(Refused) as refused:
        claims.require_worker("10.0.10.9", machines, LAB)
    assert refused.value.message == message


def test_machines_are_compared_only_for_a_cloud_and_a_valid_machine_id(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = [KnownMachine("10.0.10.1", MINE), KnownMachine("10.0.10.2")]
    claims.require_worker("10.0.10.2", machines, None)
    monkeypatch.setattr(claims.host_info, "read_machine_id", lambda: None)
    claims.require_worker("10.0.10.2", machines, LAB)
    with pytest.raises(Refused, match="its mark is no machine-id"):
        claims.require_worker("10.0.10.1", machines, LAB)
    with pytest.raises(Refused, match="no worker there"):
        claims.require_worker("10.0.10.9", machines, None)
