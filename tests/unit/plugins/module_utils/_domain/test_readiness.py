# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import readiness
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.edits import put_vm
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.readiness import ReadyWhen
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import probes
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, put, topology, vm


def one(*, internet: bool = True, **ready_when: Any) -> Slice:
    said = {"ready_when": ready_when} if ready_when else {}
    return put(cluster(), topology(vms=[vm("a", internet=internet, **said)], links=[]))


def checks(slice_: Slice) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in check.items() if value is not None}
        for check in readiness.checks([slice_.to_dict()])
    ]


def refusals(*, internet: bool = True, **ready_when: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        one(internet=internet, **ready_when)
    return [refusal.message for refusal in caught.value.refusals]


@pytest.mark.parametrize(("internet", "check"), [(True, "ping"), (False, "console")])
def test_the_default_depends_on_whether_the_vm_has_an_address(internet: bool, check: str) -> None:
    slice_ = one(internet=internet)
    [found] = checks(slice_)
    assert (found["check"], found["name"], found["vm_id"]) == (check, "web/a", slice_.vms[0].vm_id)
    assert found.get("address") == (slice_.vms[0].interfaces[0].ip_config or {}).get("ip")


@pytest.mark.parametrize(
    ("ready_when", "expected"),
    [
        ({"check": "ssh"}, {"port": 22}),
        ({"check": "http"}, {"port": 80, "path": "/"}),
        ({"check": "http", "port": 8080, "path": "/health"}, {"port": 8080, "path": "/health"}),
        ({"check": "tcp", "port": 5432}, {"port": 5432}),
        ({"check": "command", "command": "test -e /run/up"}, {"command": "test -e /run/up"}),
        ({"check": "cloud_init"}, {}),
    ],
)
def test_options_have_the_defaults_of_their_check(ready_when: dict[str, Any], expected: dict[str, Any]) -> None:
    slice_ = one(**ready_when)
    [found] = checks(slice_)
    assert {key: found[key] for key in found if key in ("port", "path", "command")} == expected
    assert ("address" in found) == (ready_when["check"] in readiness.ON_NETWORK_NODE)
    assert slice_.vms[0].extra["ready_when"] == ready_when


def test_vms_that_should_not_run_are_not_waited_for() -> None:
    assert checks(one(check="none")) == []
    stopped = put(cluster(), topology(vms=[vm("a", power="stopped")], links=[]))
    assert checks(stopped) == []
    deleting = one()
    deleting.vms[0].deleting = True
    assert checks(deleting) == []


def test_the_default_is_not_stored() -> None:
    assert "ready_when" not in one(check="auto").vms[0].extra


def test_a_check_stays_until_it_is_replaced() -> None:
    want = wanted_from(one(check="ssh"))
    assert want.vms[0].ready_when == ReadyWhen("ssh")
    [changed] = put_vm(want, {"name": "a", "power": "stopped"})[0].vms
    assert changed.ready_when == ReadyWhen("ssh")
    [changed] = put_vm(want, {"name": "a", "ready_when": {"check": "tcp", "port": 80}})[0].vms
    assert changed.ready_when == ReadyWhen("tcp", port=80)
    [changed] = put_vm(want, {"name": "a", "ready_when": {"check": "auto"}})[0].vms
    assert changed.ready_when is None


@pytest.mark.parametrize(
    ("ready_when", "message"),
    [
        ({"check": "tcp"}, "VM web/a ready_when: a check tcp needs port"),
        ({"check": "command"}, "VM web/a ready_when: a check command needs command"),
        (
            {"check": "ssh", "path": "/"},
            "VM web/a ready_when: path can only be used with these checks: http; check is ssh",
        ),
        (
            {"check": "ping", "command": "true"},
            "VM web/a ready_when: command can only be used with these checks: command; check is ping",
        ),
        ({"check": "tcp", "port": 65536}, "VM web/a ready_when: port must be 1-65535, got 65536"),
        (
            {"check": "http", "path": "/ HTTP/1.1"},
            "VM web/a ready_when: path must be / and up to 1,023 ASCII characters without spaces",
        ),
        ({"check": "command", "command": ""}, "VM web/a ready_when: command must be 1-4,096 characters"),
    ],
)
def test_checks_that_cannot_be_made_are_refused(ready_when: dict[str, Any], message: str) -> None:
    assert refusals(**ready_when) == [message]


def test_a_check_over_the_network_needs_an_address() -> None:
    assert refusals(internet=False, check="ssh") == [
        "VM web/a ready_when: these checks need an address on the management VLAN: ping, ssh, tcp, http; check is ssh; "
        "set internet to true"
    ]


def test_hosts_know_the_same_checks() -> None:
    assert readiness.ON_WORKER + readiness.ON_NETWORK_NODE == probes.CHECKS


@pytest.mark.parametrize(
    ("internet", "of_kind", "check"),
    [
        (True, "ssh", "ssh"),
        (False, "ssh", "console"),
        (True, "cloud_init", "cloud_init"),
        (False, "cloud_init", "cloud_init"),
        (True, "auto", "ping"),
        (False, "auto", "console"),
        (True, "none", None),
        (False, "none", None),
    ],
)
def test_a_kind_has_a_check_that_a_vm_uses_if_it_is_possible(internet: bool, of_kind: str, check: str | None) -> None:
    slice_ = one(internet=internet)
    slice_.vms[0].extra["kind"] = {"name": "router", "ready_when": of_kind}
    assert [each["check"] for each in checks(slice_)] == ([] if check is None else [check])


def test_the_whole_of_a_check() -> None:
    slice_ = one(check="http", path="/up")
    assert readiness.checks([slice_.to_dict()]) == [
        {
            "vm_id": 1001,
            "vm_uuid": slice_.vms[0].uuid,
            "name": "web/a",
            "worker_ip": "10.0.10.1",
            "port": 80,
            "path": "/up",
            "command": None,
            "address": "10.60.7.101",
            "check": "http",
        }
    ]
