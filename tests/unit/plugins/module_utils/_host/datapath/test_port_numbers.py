# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports keep their OpenFlow numbers, and new ones get numbers that neither ports nor flows have."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import port_numbers
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused


def switch(*ports: Port) -> Switch:
    return Switch({"br-int": "system"}, {port.name: port for port in ports})


def allocated(*ports: Port, reserved: Collection[int] = ()) -> dict[str, int]:
    return port_numbers.allocate(["tap0", "tap1"], switch(*ports), port_numbers.ACCESS, reserved)


def test_numbers_of_vms_are_between_those_of_other_ports_and_those_that_openflow_reserves() -> None:
    assert range(1, 1000) == port_numbers.INFRASTRUCTURE
    assert range(1000, 0xFF00) == port_numbers.ACCESS


def test_a_port_keeps_the_number_that_it_has_requested() -> None:
    assert allocated(Port("tap1", "br-int", number=1000)) == {"tap0": 1001, "tap1": 1000}


@pytest.mark.parametrize(
    ("ports", "reserved"),
    [
        ([Port("other", "br-int", number=1000)], ()),
        ([Port("other", "br-int", live_number=1000)], ()),
        ([], {1000}),
    ],
)
def test_numbers_in_use_are_not_allocated(ports: list[Port], reserved: Collection[int]) -> None:
    assert allocated(*ports, reserved=reserved) == {"tap0": 1001, "tap1": 1002}


def test_a_number_that_two_ports_have_requested_is_replaced() -> None:
    ports = [Port("tap0", "br-int", number=1000), Port("other", "br-int", number=1000)]
    assert allocated(*ports) == {"tap0": 1001, "tap1": 1002}


def test_a_number_of_another_type_of_ports_is_replaced() -> None:
    assert allocated(Port("tap0", "br-int", number=7)) == {"tap0": 1000, "tap1": 1001}


def test_a_port_is_refused_when_all_numbers_are_in_use() -> None:
    with pytest.raises(Refused) as refused:
        allocated(reserved=set(port_numbers.ACCESS) - {1000})
    figures = {"first": 1000, "last": 65279}
    assert refused.value.refusals == [Refusal("openflow_numbers_exhausted", "port tap1", figures)]
    assert refused.value.message == (
        "port tap1: all OpenFlow numbers of such ports (1000-65279) are in use; delete slices from this host, or "
        "deploy fewer VMs on it"
    )
