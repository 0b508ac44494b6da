# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Messages on violations of invariants, as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal


@pytest.mark.parametrize(
    ("code", "about", "figures", "message"),
    [
        (
            "allocated_twice",
            "id 1001",
            {"count": 2, "holders": ["VM web/vm1", "VM lab/vm1"]},
            "id 1001 is allocated 2 times: to VM web/vm1, VM lab/vm1",
        ),
        (
            "counter_too_low",
            "next_vm_id",
            {"got": 1001, "highest": 1004},
            "next_vm_id is 1001, but id 1004 is in use",
        ),
        (
            "used_vms_differ",
            "user alice",
            {"got": 2, "vms": 3},
            "user alice: used_vms is 2, but the slices have 3 VMs",
        ),
        ("username_differs", "user bob", {"got": "rob"}, "user bob: username is rob"),
        ("worker_ip_differs", "worker 10.0.10.1", {"got": "10.0.10.2"}, "worker 10.0.10.1: ip is 10.0.10.2"),
        (
            "interface_name_twice",
            "VM lab/a (1004)",
            {"name": "eth0"},
            "VM lab/a (1004): several interfaces have the name eth0",
        ),
        (
            "link_id_twice",
            "slice lab (1003) of alice",
            {"link_id": 1},
            "slice lab (1003) of alice: several links have the id 1",
        ),
        ("vm_linked_to_itself", "link lab/1", {"vm_id": 1004}, "link lab/1 connects VM 1004 with itself"),
        (
            "interface_of_several_links",
            "slice lab (1003) of alice",
            {"interface": "eth1", "vm_id": 1004},
            "slice lab (1003) of alice: eth1 of VM 1004 is on several links",
        ),
        (
            "vlan_of_interface_not_allocated",
            "VM lab/a (1004): eth1",
            {"vlan": 161},
            "VM lab/a (1004): eth1 is on VLAN 161, which is not allocated to the slice",
        ),
        (
            "loopback_of_several_vms",
            "slice lab (1003) of alice",
            {"got": "10.1.0.1"},
            "slice lab (1003) of alice: several VMs have loopback 10.1.0.1",
        ),
        (
            "address_on_another_vlan",
            "slice web (1000): eth0 of VM vm1 (1001)",
            {"address": "10.60.7.101", "vlan": 400, "management": 300},
            "slice web (1000): eth0 of VM vm1 (1001) with address 10.60.7.101 is on VLAN 400, not on 300",
        ),
    ],
)
def test_a_message_has_object_and_figures(code: str, about: str, figures: dict[str, Any], message: str) -> None:
    assert Refusal(code, about, figures).message == message
