# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments of modules for hosts: a sample order is valid, and unknown fields are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils._host import arguments
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.work_order import read_links

from ....fragments import documented, specified
from .fakes import nic, vm

WORKER = {**arguments.WORK_ORDER_ARGUMENTS, **arguments.DATAPATH_ARGUMENTS, **arguments.RUNNING_ARGUMENTS}
NODE = arguments.SERVICES_ARGUMENTS
ALL = {
    name: spec
    for specs in (WORKER, NODE, {"slices": arguments.WORK_ORDER_ARGUMENTS["slices"]})
    for name, spec in specs.items()
}


def checked(spec: dict[str, Any], **given: Any) -> tuple[dict[str, Any], list[str]]:
    result = ArgumentSpecValidator(spec).validate(given)
    return result.validated_parameters, result.error_messages


def a_slice(**changes: Any) -> dict[str, Any]:
    return {"slice_id": 1000, "vms": [vm(1001, None, 100)], **changes}


def test_the_order_of_a_worker_passes() -> None:
    params, errors = checked(WORKER, slices=[a_slice()])
    assert errors == []
    assert (params["state_dir"], params["vnc_listen"]) == ("/var/lib/cloudrepo", "worker")
    assert [each["name"] for each in params["slices"][0]["vms"][0]["interfaces"]] == ["eth0", "eth1"]


def test_the_order_of_a_network_node_passes() -> None:
    params, errors = checked(NODE, slices=[{"slice_id": 1000}])
    assert errors == []
    assert read_links(params["nat_links"]).num_addresses >= 200, "two for each of a hundred slices"


@pytest.mark.parametrize(
    "one",
    [
        a_slice(unknown=1),
        a_slice(slice_id="x"),
        {"vms": []},
        a_slice(vms=[{**vm(1001), "unknown": 1}]),
        a_slice(vms=[vm(1001, interfaces=[{**nic(1001, 0, 100), "unknown": 1}])]),
        a_slice(vms=[vm(1001, interfaces=[{**nic(1001, 0, 100), "vlan_id": "x"}])]),
        a_slice(vms=[{key: value for key, value in vm(1001).items() if key != "name"}]),
    ],
)
def test_unknown_fields_in_an_order_are_refused(one: dict[str, Any]) -> None:
    assert len(checked(WORKER, slices=[one])[1]) == 1


def test_required_options_have_no_default_and_slices_are_required() -> None:
    for specs in (WORKER, NODE):
        assert [name for name, spec in specs.items() if spec.get("required")] == ["slices"]
        assert len(checked(specs)[1]) == 1
    assert not [name for name, spec in ALL.items() if spec.get("required") and "default" in spec]


def test_passwords_and_user_data_are_not_logged() -> None:
    assert [name for name, spec in ALL.items() if spec.get("no_log")] == ["vnc_passwords", "user_data"]
    assert "pass" not in "".join(name for name, spec in ALL.items() if not spec.get("no_log"))


def test_shared_options_have_the_same_default() -> None:
    shared = WORKER.keys() & NODE.keys() - {"slices", *arguments.CLOUD_ARGUMENTS}
    assert shared == {"bridge", "state_dir"}
    assert [WORKER[name] for name in sorted(shared)] == [NODE[name] for name in sorted(shared)]


@pytest.mark.parametrize("place", ["worker", "loopback", "unix", "none"])
def test_displays_listen_at_the_configured_address(place: str) -> None:
    assert checked(WORKER, slices=[], vnc_listen=place)[1] == []
    assert len(checked(WORKER, slices=[], vnc_listen=f"{place}s")[1]) == 1


@pytest.mark.parametrize(
    ("fragment", "spec"),
    [
        ("claim", arguments.CLAIM_ARGUMENTS),
        ("work_order", arguments.WORK_ORDER_ARGUMENTS),
        ("datapath", arguments.DATAPATH_ARGUMENTS),
        ("disks", arguments.DISK_ARGUMENTS),
        ("running", arguments.RUNNING_ARGUMENTS),
        ("bridge", arguments.BRIDGE_ARGUMENTS),
    ],
)
def test_types_and_defaults_are_those_of_the_documentation(fragment: str, spec: dict[str, Any]) -> None:
    told = documented(fragment)
    assert specified({name: option for name, option in spec.items() if name in told}) == told
