# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs, port_owners
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import orders, uuid, vm

ORDER = orders(vm(1001, 400, 100, vm_uuid=uuid(2)), slice_uuid=uuid(1))
SERVICES = Services.from_dict(
    {
        "slice_id": 1000,
        "slice_uuid": uuid(1),
        "networks": [{"vlan_id": 101, "name": "lan", "cidr": "10.1.0.0/24", "server_ip": "10.1.0.1"}],
    }
)


def switch(name: str, tag: int | None, **ids: Any) -> Switch:
    external_ids = {key.replace("_", "-"): str(value) for key, value in ids.items()}
    return Switch({"br-int": "netdev"}, {name: Port(name, "br-int", tag, "access", external_ids=external_ids)})


def test_ports_of_an_order_belong_to_its_slice() -> None:
    made = {port.name: port for port in ovs.plan_access_ports(ORDER, Switch(), bridge="br-int").wanted}
    assert made["tap_1001_eth1"].our_ids == {
        "cloudrepo-interface": "eth1",
        "cloudrepo-link": "100",
        "cloudrepo-slice": "1000",
        "cloudrepo-slice-uuid": uuid(1),
        "cloudrepo-vm": "1001",
        "cloudrepo-vm-uuid": uuid(2),
    }
    assert list(port_owners.conflicts(ORDER, Switch(ports=made))) == []
    served = {port.name: port for port in ovs.plan_network_ports([SERVICES], Switch(), bridge="br-int").wanted}
    assert served["net_101"].our_ids == {"cloudrepo-services": "1000", "cloudrepo-slice-uuid": uuid(1)}
    assert list(port_owners.network_conflicts([SERVICES], Switch(ports=served))) == []
    assert list(port_owners.conflicts(ORDER, Switch(ports=served))) == []


@pytest.mark.parametrize(
    ("have", "refusal"),
    [
        (
            switch("tap_1009_eth1", 101, cloudrepo_slice=1000, cloudrepo_slice_uuid=uuid(9)),
            Refusal("another_slice", "slice 1000", {"where": "port tap_1009_eth1", "held": uuid(9), "got": uuid(1)}),
        ),
        (
            switch("tap_1001_eth1", 100, cloudrepo_slice=1007, cloudrepo_slice_uuid=uuid(9)),
            Refusal(
                "port_of_another_slice", "VM 1001 (vm1)", {"port": "tap_1001_eth1", "holder": "1007", "held": uuid(9)}
            ),
        ),
        (
            switch("tap_1001_eth1", 100, cloudrepo_slice=1000, cloudrepo_slice_uuid=uuid(1), cloudrepo_vm_uuid=uuid(9)),
            Refusal("another_vm", "VM 1001 (vm1)", {"where": "port tap_1001_eth1", "held": uuid(9), "got": uuid(2)}),
        ),
        (
            switch("tap_1036_eth1", 100, cloudrepo_slice=1035),
            Refusal(
                "vlan_of_another_slice",
                "slice 1000",
                {"vlan_id": 100, "port": "tap_1036_eth1", "holder": "1035", "held": "no UUID"},
            ),
        ),
        (
            switch("net_100", 100, cloudrepo_services=1035, cloudrepo_slice_uuid=uuid(9)),
            Refusal(
                "vlan_of_another_slice",
                "slice 1000",
                {"vlan_id": 100, "port": "net_100", "holder": "1035", "held": uuid(9)},
            ),
        ),
    ],
)
def test_a_slice_is_refused_if_another_one_has_a_port_on_its_vlan(have: Switch, refusal: Refusal) -> None:
    assert list(port_owners.conflicts(ORDER, have)) == [(1000, refusal)]


@pytest.mark.parametrize(
    "have",
    [
        switch("tap_1036_eth0", 400, cloudrepo_slice=1035),  # shared by all tenants
        switch("tap_1036_eth1", 102, cloudrepo_slice=1035),
        switch("uplink", None, cloudrepo_infrastructure="worker"),
        switch("tap_1001_eth1", 100, cloudrepo_slice=1000),  # its UUIDs are missing and are repaired
        switch("stranger", 100),
    ],
)
def test_other_ports_do_not_matter(have: Switch) -> None:
    assert list(port_owners.conflicts(ORDER, have)) == []


def test_ports_of_slices_in_the_same_order_do_not_conflict() -> None:
    have = switch("tap_1036_eth1", 100, cloudrepo_slice=1035)
    assert list(port_owners.conflicts((*ORDER, *orders(slice_id=1035)), have)) == []


def test_networks_are_compared_as_well() -> None:
    ours = switch("net_101", 101, cloudrepo_services=1000, cloudrepo_slice_uuid=uuid(9))
    theirs = switch("tap_1036_eth1", 101, cloudrepo_slice=1035, cloudrepo_slice_uuid=uuid(9))
    ((_id, other),) = port_owners.network_conflicts([SERVICES], ours)
    assert (other.code, other.figures["where"]) == ("another_slice", "port net_101")
    ((_id, taken),) = port_owners.network_conflicts([SERVICES], theirs)
    assert (taken.code, taken.figures["vlan_id"], taken.figures["holder"]) == ("vlan_of_another_slice", 101, "1035")
