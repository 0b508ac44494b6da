# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A slice whose stored form somebody has edited stops no other slice of a run."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError
from tests.unit.plugins.module_utils._domain import builders

from .module_calls import Door, Memory

BAD: dict[str, Any] = {
    "name": "bad",
    "title": "Edited by hand",
    "addressing": {"links": {"ipv4": "10.99.0.0/16", "ipv6": "2001:db8::/48"}, "loopbacks": {"ipv4": "10.98.0.0/24"}},
    "vms": [
        builders.vm(
            "a",
            internet=True,
            kind="vyos",
            ready_when={"check": "tcp", "port": 22},
            data_disks=[{"name": "d", "size_gb": 1}],
            cdrom="cirros",
            boot=["cdrom"],
            startup='{"commands": ["x"]}',
        ),
        builders.vm(
            "b",
            internet=True,
            data_interfaces=3,
            interfaces=[{"name": "eth1", "delay_ms": 5}],
            cloud_init={
                "ssh_keys": ["ssh-rsa AAAA"],
                "interfaces": [{"name": "eth3", "addresses": ["10.77.0.1/24"]}],
                "user_data": "#cloud-config\n{}\n",
            },
        ),
    ],
    "links": [{"endpoints": ["a", "b"], "name": "x"}],
    "networks": [{"name": "lan", "members": ["a", "b"], "gateway": True, "dhcp_enabled": True, "nat": True}],
}
KIND = {
    "name": "vyos",
    "kernel": "https://images.example.org/vmlinuz",
    "kernel_checksum": "ab" * 32,
    "initrd": "https://images.example.org/initrd.img",
    "initrd_checksum": "cd" * 32,
    "kernel_arguments": "console=ttyS0",
}
ODD = (None, "", "x", "zz:zz", -1, 10**12, 0.5, True, [], {})
GONE = object()


def good(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "vms": [builders.vm("g", internet=True)], **fields}


def stored() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        door = Door(Memory(builders.cluster(3)), patch)
        assert "msg" not in door("kind", **KIND)
        assert "msg" not in door("slice", slices=[copy.deepcopy(BAD), good("good")], work_orders=True)
        return door.data()


def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


DATA = stored()
[NUMBER] = [key for key, each in DATA["slices"].items() if each["name"] == "bad"]
PLACES = list(places(DATA["slices"][NUMBER], ("slices", NUMBER)))


def edited(path: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    value: Any = data
    for key in path[:-1]:
        value = value[key]
    if odd is GONE:
        del value[path[-1]]
    else:
        value[path[-1]] = odd
    return data


def check(data: dict[str, Any]) -> None:
    """Check that the others are planned, stored and deleted, whatever is done at the same time with the edited one."""
    with pytest.MonkeyPatch.context() as patch:
        door = Door(Memory(builders.cluster(3)), patch)
        calls: list[tuple[str, dict[str, Any], list[str]]] = [
            ("slice_plan", {"all": True}, ["admin/good"]),
            ("slice_plan", {"all": True, "state": "absent"}, ["admin/good"]),
            (
                "slice",
                {"slices": [BAD, good("good", peers=True), good("new")], "work_orders": True},
                ["admin/good", "admin/new"],
            ),
        ]
        for module, arguments, others in calls:
            door.store.data = copy.deepcopy(data)
            done = door(module, **copy.deepcopy(arguments))
            assert set(others) <= set(done.get("slice_names", {}).values()), (module, done.get("msg"))
            assert {each["slice"] for each in done["refused"]}.isdisjoint(others)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(PLACES), odd=st.sampled_from([GONE, *ODD]))
@example(path=("slices", "1000", "vms", 1, "cloud_init", "interfaces", 0, "addresses", 0), odd="")
def test_an_edited_slice_stops_no_other(path: tuple[Any, ...], odd: Any) -> None:
    data = edited(path, odd)
    try:
        Cluster.from_dict(copy.deepcopy(data))
    except FieldError:
        assume(False)  # the database as a whole is refused, with the line
    check(data)
