# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bounds are those of kernels and protocols, and orchestrator and hosts enforce them independently."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import host_requirements
from ansible_collections.cloudrepo.slices.plugins.module_utils._host import work_order
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused

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
    limits = host_requirements.Limits("eth1", **settings)
    return not list(host_requirements.problems("VM web/vm1 eth1", limits))


def test_bounds_are_those_of_ipv4_ethernet_and_taps() -> None:
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
    ],
)
def test_a_host_takes_what_a_tenant_may_ask_for_and_nothing_else(settings: dict[str, Any], is_possible: bool) -> None:
    assert (tenant_may_ask(**settings), host_takes(**settings)) == (is_possible, is_possible)
