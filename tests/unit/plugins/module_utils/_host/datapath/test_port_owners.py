# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import ovs, port_owners
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import nic, orders, uuid, vm

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
    made = {
        port.name: port for port in ovs.plan_access_ports(ORDER, Switch(), bridge="br-int", management_vlan=400).wanted
    }
    assert made["tap_1001_eth1"].our_ids == {
        "cloudrepo-interface": "eth1",
        "cloudrepo-link": "100",
        "cloudrepo-slice": "1000",
        "cloudrepo-slice-uuid": uuid(1),
        "cloudrepo-vm": "1001",
        "cloudrepo-vm-uuid": uuid(2),
    }
    assert list(port_owners.conflicts(ORDER, Switch(ports=made), management_vlan=400)) == []
    served = {port.name: port for port in ovs.plan_network_ports([SERVICES], Switch(), bridge="br-int").wanted}
    assert served["net_101"].our_ids == {"cloudrepo-services": "1000", "cloudrepo-slice-uuid": uuid(1)}
    assert list(port_owners.network_conflicts([SERVICES], Switch(ports=served))) == []
    assert list(port_owners.conflicts(ORDER, Switch(ports=served), management_vlan=400)) == []


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
    assert list(port_owners.conflicts(ORDER, have, management_vlan=400)) == [(1000, refusal)]


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
    assert list(port_owners.conflicts(ORDER, have, management_vlan=400)) == []


def test_an_order_with_another_management_vlan_is_refused() -> None:
    """Otherwise the guest could send with any address, because the host would take its port for that of a link."""
    nics = [{**nic(1001, 0, 400), "address": "10.60.7.101"}, nic(1001, 1, 3000, 1)]
    order = orders(vm(1001, interfaces=nics), slice_uuid=uuid(1))
    assert list(port_owners.conflicts(orders(vm(1001, interfaces=nics[:1])), Switch(), management_vlan=400)) == []
    found = [refusal.message for _slice_id, refusal in port_owners.conflicts(order, Switch(), management_vlan=3000)]
    next_step = "run cloudrepo.slices.site, which sets the management VLAN of the cloud on all hosts"
    assert found == [
        f"VM 1001 (vm1): eth0 is on VLAN 400, but the management VLAN of this host is 3000; {next_step}",
        f"VM 1001 (vm1): eth1 is on VLAN 3000, which is the management VLAN of this host; {next_step}",
    ]


def test_a_mac_and_an_address_are_those_of_one_interface_on_the_management_vlan() -> None:
    address = {"address": "10.60.7.101"}
    first = vm(1001, interfaces=[{**nic(1001, 0, 3000), **address}])
    second = vm(1004, interfaces=[{**nic(1004, 0, 3000), **address}])
    both = (*orders(first), *orders(second, slice_id=1003))
    found = list(port_owners.conflicts(both, Switch(), management_vlan=3000))
    assert found == [
        (slice_id, Refusal("listed_twice", f"slice {slice_id}", {"kind": kind, "name": name, "count": 2}))
        for kind, name in (("MAC", "52:54:00:03:e9:00"), ("address", "10.60.7.101"))
        for slice_id in (1000, 1003)
    ]
    # On their own VLANs, tenants may use the same addresses and MACs.
    for each in (first, second):
        each["interfaces"][0].update(vlan_id=100, address=None)
    both = (*orders(first), *orders(second, slice_id=1003))
    assert list(port_owners.conflicts(both, Switch(), management_vlan=3000)) == []


def test_vlan_400_is_like_any_other_with_another_management_vlan() -> None:
    order = orders(vm(1001, interfaces=[nic(1001, 0, 400, 1)]))
    have = switch("tap_1036_eth1", 400, cloudrepo_slice=1035)
    (found,) = port_owners.conflicts(order, have, management_vlan=3000)
    assert found[1].code == "vlan_of_another_slice"


def test_ports_of_slices_in_the_same_order_do_not_conflict() -> None:
    have = switch("tap_1036_eth1", 100, cloudrepo_slice=1035)
    assert list(port_owners.conflicts((*ORDER, *orders(slice_id=1035)), have, management_vlan=400)) == []


def test_networks_are_compared_as_well() -> None:
    ours = switch("net_101", 101, cloudrepo_services=1000, cloudrepo_slice_uuid=uuid(9))
    theirs = switch("tap_1036_eth1", 101, cloudrepo_slice=1035, cloudrepo_slice_uuid=uuid(9))
    ((_id, other),) = port_owners.network_conflicts([SERVICES], ours)
    assert (other.code, other.figures["where"]) == ("another_slice", "port net_101")
    ((_id, taken),) = port_owners.network_conflicts([SERVICES], theirs)
    assert (taken.code, taken.figures["vlan_id"], taken.figures["holder"]) == ("vlan_of_another_slice", 101, "1035")
