# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bounds are those of kernels and protocols, and orchestrator and hosts enforce them independently."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import host_requirements
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import work_order
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ...generated import is_current
from ._host.fakes import STATE_DIR, nic, vm

ETHERNET_HEADER = 14
IP_PACKET = 65535


def host_takes(**settings: Any) -> bool:
    slices = [{"slice_id": 1000, "vms": [vm(1001, interfaces=[{**nic(1001, 1, 100), **settings}])]}]
    try:
        work_order.read_slices(slices, state_dir=STATE_DIR)
    except Refused:
        return False
    return True


def tenant_may_ask(**settings: Any) -> bool:
    if "mtu" in settings:
        return not list(host_requirements.mtu_problems("link web/1", settings["mtu"]))
    limits = host_requirements.Limits.read({"name": "eth1", **settings})
    return not list(host_requirements.problems("VM web/vm1 eth1", limits))


def test_bounds_match_ipv4_ethernet_and_taps() -> None:
    assert (bounds.MTU.least, bounds.MTU.most) == (68, IP_PACKET - ETHERNET_HEADER)  # RFC 791
    assert bounds.TRUNK_MTU.most == IP_PACKET
    assert bounds.DEFAULT_MTU == 1500


@pytest.mark.parametrize(
    ("settings", "is_possible"),
    [
        ({"mtu": 67}, False),
        ({"mtu": 68}, True),
        ({"mtu": 65521}, True),
        ({"mtu": 65522}, False),
        *(({what: kbps}, True) for what in ("tx_kbps", "rx_kbps") for kbps in (1, 100_000_000)),
        *(({what: kbps}, False) for what in ("tx_kbps", "rx_kbps") for kbps in (-1, 0, 100_000_001)),
        ({"delay_ms": -0.1}, False),
        ({"delay_ms": 0.0}, True),
        ({"delay_ms": 60_000.0}, True),
        ({"delay_ms": 60_000.1}, False),
        ({"delay_ms": 1.0, "jitter_ms": -0.1}, False),
        ({"delay_ms": 1.0, "jitter_ms": 60_000.0}, True),
        ({"delay_ms": 1.0, "jitter_ms": 60_000.1}, False),
        ({"jitter_ms": 0.1}, False),
        ({"delay_ms": 0.0, "jitter_ms": 0.1}, False),
        ({"delay_ms": 0.0, "jitter_ms": 0.0}, True),
        ({"loss_percent": -0.1}, False),
        ({"loss_percent": 0.0}, True),
        ({"loss_percent": 100.0}, True),
        ({"loss_percent": 100.1}, False),
        ({"duplicate_percent": -0.1}, False),
        ({"duplicate_percent": 0.0}, True),
        ({"duplicate_percent": 100.0}, True),
        ({"duplicate_percent": 100.1}, False),
    ],
)
def test_a_host_accepts_exactly_the_mtus_that_tenants_may_request(settings: dict[str, Any], is_possible: bool) -> None:
    assert (tenant_may_ask(**settings), host_takes(**settings)) == (is_possible, is_possible)


def test_limits_are_those_of_the_documentation() -> None:
    assert is_current("docs/limits.md")


@pytest.mark.parametrize("limit", [each for each in vars(bounds).values() if isinstance(each, bounds.Limit)])
def test_values_at_a_limit_are_accepted_and_values_beyond_are_refused_with_the_limit(limit: bounds.Limit) -> None:
    for value in (limit.least, limit.most):
        assert list(limit.problems("x", "y", value)) == []
    for value in (limit.least - 1, limit.most + 1):
        figures = {"option": "y", "got": value, "least": limit.least, "most": limit.most}
        assert list(limit.problems("x", "y", value)) == [Refusal("out_of_range", "x", figures)]
    assert list(limit.problems("x", "y", None)) == []


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (bounds.LABEL, ("a", "a" * 63, "A-1"), ("", "a" * 64, "-a", "a-")),
        (bounds.VM_NAME, ("a", "a" * 63, "12x", "ignored"), ("12", "12h", "1S", "ignore", "infinite", "a" * 64)),
        (
            bounds.DISK_PATH,
            (f"/s/{'a' * 127}.qcow2", "/a.qcow2/b.qcow2"),
            (f"/s/{'a' * 128}.qcow2", "/s/.a.qcow2", "a"),
        ),
        (bounds.INTERFACE_NAME, ("eth0", "eth128", "eth999"), ("eth", "eth00", "eth1000", "lo")),
        (bounds.TAP_NAME, (f"tap_{'a' * 11}", "tap_1001_eth0"), ("tap_", f"tap_{'a' * 12}", "eth0")),
        (bounds.RECEIPT, ("0" * 32,), ("0" * 31, "0" * 33, "F" * 32)),
        (bounds.MACHINE_ID, ("0" * 32,), ("0" * 31, "0" * 33)),
        (bounds.IDENTIFIER, ("a" * 64, "a@b.c"), ("", "a" * 65, ".a", "-a", "@a")),
        (
            bounds.OBJECT_TITLE,
            ("a" * 200, "é – שלום 👍🏽"),
            ("", "a" * 201, "a\n", "a\u2028", "\x85", "\u202eb", "\u2067", "\ud800"),
        ),
        (bounds.TITLE, ("a" * 64,), ("", "a" * 65, "\u202eb")),
        (bounds.SEED_FILE, ("", "a" * 65536), ("a" * 65537, "\0")),
        (
            bounds.SSH_KEY,
            ("ssh-ed25519 AAAA", "sk-a@b.c AA== me", "ssh-rsa A="),
            ("ssh-rsa A===", "ssh-rsa A\nx", "x A"),
        ),
        (bounds.UTC_TIME, ("2026-01-31T12:00:00Z",), ("2026-01-31T12:00:00", "26-01-31T12:00:00Z")),
        (bounds.PATH, ("/a",), ("a", "/a b")),
    ],
)
def test_forms_at_their_limits(form: bounds.Form, right: tuple[str, ...], wrong: tuple[str, ...]) -> None:
    assert [value for value in right if not form.allows(value)] == []
    assert [value for value in wrong if form.allows(value)] == []
    (refusal,) = form.problems("x", "y", wrong[0])
    assert refusal == Refusal("invalid_name", "x", {"kind": "y", "got": wrong[0], "form": form.rule})


def test_names_and_sizes_at_their_limits() -> None:
    """Of limits that the table of limits does not have, because they are parts of others."""
    assert (bounds.TOPOLOGY_SIZE, bounds.MOST_DATA_INTERFACES, bounds.MOST_INTERFACES) == (10_000, 128, 129)
    assert (bounds.LABEL_LENGTH, bounds.DISK_NAME_LENGTH, bounds.DEVICE_NAME_LENGTH) == (63, 20, 15)
    assert (bounds.MOST_ON_BRIDGE, bounds.MOST_DATA_DISKS, bounds.DEFAULT_MTU) == (31, 16, 1500)
    assert (bounds.FIRST_VNC_PORT, bounds.LAST_VNC_PORT) == (5901, 65535)
    for form, length in ((bounds.LABEL, 63), (bounds.DISK_NAME, 20)):
        for size in (1, 2, 3, length):
            assert form.allows("a" * size)
        assert form.allows("a" + "-" * (length - 2) + "a")
        assert not form.allows("a" * (length + 1))
    path = "/vms/" + "a" * 127 + ".qcow2"
    assert (bounds.DISK_PATH.allows(path), bounds.DISK_PATH.allows(path.replace(".qcow2", "a.qcow2"))) == (True, False)
    tap = "tap_" + "a" * 11
    assert (bounds.TAP_NAME.allows(tap), bounds.TAP_NAME.allows(f"{tap}a")) == (True, False)


def test_a_limit_is_told_with_both_ends() -> None:
    limit = bounds.Limit(1, 5, "x", "y")
    assert (limit.rule, [value for value in range(8) if limit.allows(value)]) == ("1-5", [1, 2, 3, 4, 5])
