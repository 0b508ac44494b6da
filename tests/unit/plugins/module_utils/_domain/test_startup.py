# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start-ups of VMs: a slice only contains the id and the figures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    edits,
    reconcile,
    startup,
    user_data,
    work_orders,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.slice_changes import changes
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import USER_DATA, Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, put, refusals, topology, vm

SECRET = "hunter2-Zq8"
GIVEN = {"files": [{"path": "/etc/key", "content": f"{SECRET}\n"}], "commands": [f"login {SECRET}", "true"]}


def web(given: Any = None, **fields: Any) -> dict[str, Any]:
    said = {} if given is None else {"startup": json.dumps(given)}
    return topology(vms=[vm("vm1", **said, **fields), vm("vm2")], links=[])


def texts(held: Cluster) -> list[Any]:
    return [json.loads(text) for text in held.extra.get(USER_DATA, {}).get("texts", {}).values()]


def stored(slice_: Slice) -> dict[str, Any]:
    found: dict[str, Any] = slice_.vms[0].extra[startup.FIELD]
    return found


def test_slices_changes_and_work_orders_only_contain_id_and_figures() -> None:
    held = cluster()
    slice_ = put(held, web({**GIVEN, "timeout_s": 90}))
    assert stored(slice_) == {"startup_id": startup.id_of(slice_.vms[0]), "files": 1, "commands": 2, "timeout_s": 90}
    orders = work_orders.work_orders(held, [slice_], "/x")
    shown = [slice_.to_dict(), [each.to_dict() for each in changes(None, slice_)], orders, startup.guests([slice_])]
    assert SECRET not in json.dumps(shown)
    (told,) = user_data.with_texts(held, [slice_])
    assert (told["user_data"], json.loads(told["startup"])["commands"]) == (None, GIVEN["commands"])


def test_a_start_up_is_not_shown_where_a_topology_is_printed() -> None:
    wanted = startup.WantedStartup.read(json.dumps(GIVEN))
    assert wanted is not None
    assert (wanted.files, wanted.commands, wanted.timeout_s) == (0, 0, 600), "as long as it is not opened"
    assert SECRET not in f"{wanted} {wanted.opened()}"


def test_equal_start_ups_have_the_same_id_and_a_time_limit_does_not_change_it() -> None:
    held = cluster()
    first = stored(put(held, web(GIVEN)))
    files = [{"mode": "0644", **GIVEN["files"][0]}]  # type: ignore[dict-item]
    again = stored(put(held, web({"commands": GIVEN["commands"], "files": files, "timeout_s": 5})))
    assert {**first, "timeout_s": 5} == again
    assert stored(put(held, web({"commands": ["true"]})))["startup_id"] != first["startup_id"]
    assert texts(held) == [{"files": [], "commands": ["true"]}]


def test_a_running_vm_needs_no_restart_for_its_start_up() -> None:
    held = cluster()
    before = deployed(put(held, web()))
    (change,) = changes(Slice.from_dict(before.to_dict()), put(held, web(GIVEN)))
    assert (change.name, change.restart) == ("web/vm1", False)
    assert change.why.startswith("startup none → startup_id=")


@pytest.mark.parametrize("nothing", [None, {}, {"files": [], "commands": []}])
def test_an_empty_start_up_is_none(nothing: Any) -> None:
    held = cluster()
    put(held, web(GIVEN))
    slice_ = put(held, web(nothing))
    assert (startup.FIELD in slice_.vms[0].extra, texts(held), startup.guests([slice_])) == (False, [], [])


def test_a_part_of_a_slice_keeps_and_replaces_a_start_up() -> None:
    held = cluster()
    slice_ = put(held, web(GIVEN))
    before = slice_.to_dict()

    def edited(**data: Any) -> Slice:
        want, _place = edits.put_vm(wanted_from(held.slices[slice_.slice_id]), {"name": "vm1", **data})
        return reconcile.reconcile_slice(held, want, reconcile.Settings(), acting_user="admin")

    assert edited(startup=None).to_dict() == before
    assert stored(edited(startup=json.dumps({"commands": ["true"]})))["commands"] == 1
    assert startup.FIELD not in edited(startup="{}").vms[0].extra


@pytest.mark.parametrize("name", ["alpine", "cumulus-vx"])
def test_a_kind_without_a_login_on_its_console_has_no_start_up(name: str) -> None:
    (found,) = refusals(cluster(), web(GIVEN, kind=name))
    assert (found.code, found.figures) == ("startup_needs_console", {"name": name})
    assert found.message == (
        f"VM web/vm1: a start-up needs a shell or a login on the serial console of the guest, and kind {name} has "
        "none; register a kind with console, set via of startup to ssh, or use user data of cloud_init"
    )
    assert startup.FIELD not in put(cluster(), web({}, kind=name)).vms[0].extra


def test_a_malformed_start_up_is_refused_and_nothing_is_stored() -> None:
    held = cluster()
    (found,) = refusals(held, web({"commands": [SECRET, 1]}))
    assert found.message == "VM web/vm1: startup command 2 must be 1-4,096 characters"
    assert (held.slices, USER_DATA in held.extra) == ({}, False)


def test_a_start_up_over_ssh_needs_an_address_and_no_console() -> None:
    for given, fields in (({**GIVEN, "via": "ssh"}, {"kind": "cumulus-vx"}), (GIVEN, {"kind": "debian"})):
        (found,) = refusals(cluster(), web(given, **fields))
        assert found.message == (
            "VM web/vm1: a start-up over ssh needs an address on the management VLAN; set internet to true, or via "
            "of startup to console"
        )
        assert startup.id_of(put(cluster(), web(given, internet=True, **fields)).vms[0]) is not None
    (found,) = refusals(cluster(), web({**GIVEN, "via": "console"}, kind="debian", internet=True))
    assert found.code == "startup_needs_console"


def test_another_way_into_the_guest_is_stored_and_runs_nothing_again() -> None:
    held = cluster()
    first = stored(put(held, web(GIVEN, internet=True)))
    assert stored(put(held, web({**GIVEN, "via": "ssh"}, internet=True))) == {**first, "via": "ssh"}
    assert Slice.from_dict(next(iter(held.slices.values())).to_dict()).vms[0].extra[startup.FIELD]["via"] == "ssh"


@pytest.mark.parametrize(
    ("via", "fields", "said"),
    [
        ("ssh", {}, {"ready_when": "console", "user": "root"}),
        ("ssh", {"kind": "cirros"}, {"ready_when": "console", "user": "cirros", "shell": "sudo -i"}),
        (None, {"kind": "debian"}, {"ready_when": "console", "user": "debian", "shell": "sudo -i"}),
        (
            None,
            {"kind": "debian", "cloud_init": {}},
            {"ready_when": "cloud_init", "user": "debian", "shell": "sudo -i"},
        ),
        (None, {"kind": "own"}, {"ready_when": "console", "user": "me"}),
    ],
)
def test_what_is_told_of_a_start_up_over_ssh(via: str | None, fields: dict[str, Any], said: dict[str, Any]) -> None:
    held = cluster()
    held.kinds = {"own": {"startup_via": "ssh", "console_user": "me"}}
    slice_ = put(held, web({**GIVEN, "via": via}, internet=True, **fields))
    work_orders.hand_out([slice_])
    (found,) = startup.guests([slice_])
    told = {
        name: found[name] for name in ("ready_when", "via", "address", "user", "shell", "password") if name in found
    }
    address = slice_.vms[0].interfaces[0].ip_config
    assert address is not None
    assert told == {"via": "ssh", "address": address["ip"], **said}


def test_a_vm_that_has_lost_its_address_is_told_without_one() -> None:
    """M(cloudrepo.slices.guest_startup) refuses it by name."""
    held = cluster()
    slice_ = put(held, web({**GIVEN, "via": "ssh"}, internet=True))
    work_orders.hand_out([slice_])
    slice_.vms[0].interfaces[0].ip_config = None
    assert startup.guests([slice_])[0]["address"] is None


def test_a_worker_is_not_told_of_the_console_which_is_its_default() -> None:
    held = cluster()
    slice_ = put(held, web({**GIVEN, "via": "console"}))
    work_orders.hand_out([slice_])
    assert stored(slice_)["via"] == "console"
    assert "via" not in startup.guests([slice_])[0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, {"ready_when": "console"}),
        ({"kind": "lab-guest"}, {"ready_when": "console"}),
        (
            {"kind": "cirros"},
            {"ready_when": "console", "user": "cirros", "password": "gocubsgo", "shell": "sudo -i"},
        ),
        ({"kind": "root"}, {"ready_when": "console", "user": "root"}),
        ({"cloud_init": {}, "ready_when": {"check": "cloud_init"}}, {"ready_when": "cloud_init"}),
        ({"ready_when": {"check": "cloud_init"}}, {"ready_when": "console"}),
        ({"kind": "late", "cloud_init": {}}, {"ready_when": "cloud_init"}),
        ({"cloud_init": {}, "ready_when": {"check": "command", "command": "true"}}, {"ready_when": "console"}),
    ],
)
def test_what_a_worker_is_told(fields: dict[str, Any], said: dict[str, Any]) -> None:
    held = cluster()
    held.kinds = {"root": {"console": "login"}, "late": {"ready_when": "cloud_init"}}
    slice_ = put(held, web(GIVEN, **fields))
    work_orders.hand_out([slice_])
    first = slice_.vms[0]
    (found,) = startup.guests([slice_])
    assert found == {
        "slice_id": 1000,
        "worker_ip": first.worker_ip,
        "vm_id": 1001,
        "vm_uuid": first.uuid,
        "name": "web/vm1",
        "disk": first.qcow_image,
        **stored(slice_),
        **said,
    }


@pytest.mark.parametrize("power", ["stopped", "paused"])
def test_a_vm_that_does_not_run_waits_for_its_start_up(power: str) -> None:
    assert startup.guests([put(cluster(), web(GIVEN, power=power))]) == []
