# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.modules import wait_for_vms

from ..module_utils._host import modules


def tcp(vm_id: int, port: int) -> dict[str, Any]:
    return {"vm_id": vm_id, "name": f"web/vm{vm_id}", "check": "tcp", "address": "127.0.0.1", "port": port}


def test_guests_that_are_ready_and_those_that_are_not_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and does not listen
        ports = listener.getsockname()[1], closed.getsockname()[1]
        checks = [tcp(1, ports[0]), tcp(2, ports[1])]
        result = modules.run(monkeypatch, wait_for_vms, checks=checks, timeout_s=1)
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == "1 of 2 VMs are not ready: web/vm2"
    assert [each["name"] for each in result["ready"]] == ["web/vm1"]
    assert [each["reason"] for each in result["waiting"]] == [f"127.0.0.1 port {ports[1]}: Connection refused"]


def test_all_guests_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = modules.run(monkeypatch, wait_for_vms, checks=[tcp(1, listener.getsockname()[1])])
    assert (result.get("failed"), result["waiting"]) == (None, [])


def test_a_vm_without_a_uuid_is_waited_for_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice that was imported has none before it is deployed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        checks = [{**tcp(1, port), "vm_uuid": ""}, tcp(2, port)]
        result = modules.run(monkeypatch, wait_for_vms, checks=checks)
    assert [each["vm_id"] for each in result["ready"]] == [1, 2]


def test_check_mode_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    assert modules.run(monkeypatch, wait_for_vms, checks=[tcp(1, 1)], _ansible_check_mode=True)["skipped"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"timeout_s": 0}, "timeout_s must be an integer, 1-86400"),
        ({"report_s": 0}, "report_s must be an integer, 1-3600"),
        ({"checks": [{**tcp(1, 1), "address": "localhost"}]}, "address must be empty or an IP address"),
        ({"checks": [{**tcp(1, 1), "path": "/ HTTP/1.1"}]}, "path must be empty or / and up to 1,023 ASCII characters"),
        ({"checks": [{**tcp(1, 1), "path": "/\nHost: x"}]}, "path must be empty or / and up to 1,023 ASCII characters"),
    ],
)
def test_invalid_arguments_are_refused(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], told: str) -> None:
    assert told in modules.run(monkeypatch, wait_for_vms, **{"checks": [tcp(1, 1)], **given})["msg"]
