# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath.ovsdb import Port, Switch
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import owners
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import plan as netservices_plan
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, kinds, texts
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.state import State
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.network_order import Services

from ..fakes import uuid
from .test_work_order import LAN, LINKS, VM1, order

FOLDERS = Folders("/s", LINKS)
FULL = tuple(replace(one, slice_uuid=uuid(1)) for one in order(reservations=(VM1,), networks=(LAN,)))
NOTHING = tuple(replace(one, reservations=(), networks=()) for one in FULL)
UUID_FILE = "/s/names/1000.uuid"


def test_the_uuid_is_kept_while_the_slice_is_served() -> None:
    assert kinds(1000, FOLDERS)[UUID_FILE] == "identity"
    assert texts(FULL[0], FOLDERS)[UUID_FILE] == f"{uuid(1)}\n"
    assert texts(NOTHING[0], FOLDERS) == {}
    assert list(owners.conflicts(FULL, State(texts={UUID_FILE: f"{uuid(1)}\n"}), FOLDERS)) == []
    assert list(owners.conflicts(FULL, State(), FOLDERS)) == []


@pytest.mark.parametrize("orders", [FULL, NOTHING])
def test_a_slice_is_refused_if_another_one_with_its_id_is_served(orders: tuple[Services, ...]) -> None:
    have = State(texts={UUID_FILE: f"{uuid(9)}\n"})
    figures = {"where": UUID_FILE, "held": uuid(9), "got": uuid(1)}
    assert list(owners.conflicts(orders, have, FOLDERS)) == [(1000, Refusal("another_slice", "slice 1000", figures))]
    with pytest.raises(Refused):
        netservices_plan.plan(orders, have, FOLDERS, bridge="br-int")


def test_a_slice_is_refused_if_another_one_of_its_pool_is_served() -> None:
    have = State(others={1100: uuid(9), 1007: uuid(8)})
    figures = {"path": "/s/names/1100.uuid", "holder": 1100, "held": uuid(9)}
    refusal = Refusal("pool_of_another_slice", "slice 1000", figures)
    assert list(owners.conflicts(FULL, have, FOLDERS)) == [(1000, refusal)]
    assert list(owners.conflicts(NOTHING, have, FOLDERS)) == []


def test_addresses_and_vlans_of_other_slices_are_refused() -> None:
    port = Port("net_101", "br-int", 101, external_ids={"cloudrepo-services": "1007"})
    have = State(reserved={"10.60.7.101": 1007}, switch=Switch(ports={"net_101": port}))
    found = [refusal for _slice_id, refusal in owners.conflicts(FULL, have, FOLDERS)]
    assert [each.code for each in found] == ["address_reserved", "vlan_of_another_slice"]
    assert found[0].figures == {"address": "10.60.7.101", "vm_id": 1001, "holder": 1007}


def test_networks_are_not_on_the_management_vlan_of_the_host() -> None:
    (refusal,) = (refusal for _slice_id, refusal in owners.conflicts(FULL, State(management_vlan=101), FOLDERS))
    assert refusal.message == "slice 1000, network lan: vlan_id must not be 101, the management VLAN"
    assert list(owners.conflicts(FULL, State(management_vlan=102), FOLDERS)) == []
