# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topologies are allocated completely or refused, and existing objects keep their allocations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import reconcile, teardown
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.identities import identify_user
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ...uuids import without_uuids
from .builders import cluster, deployed, link, put, refusals, topology, vm

FIXTURE = Path(__file__).parents[4] / "fixtures" / "slice_1000.json"


def invalid_name(where: str, kind: str, got: str, form: bounds.Form) -> Refusal:
    return Refusal("invalid_name", where, {"kind": kind, "got": got, "form": form.rule})


RANGE = {"option": "range for VMs", "first": "10.60.7.101", "last": "10.60.7.250"}


def test_the_slice_of_the_data_model() -> None:
    held = cluster()
    data = without_uuids(put(held, topology()).to_dict())
    expected = json.loads(FIXTURE.read_text())
    for machine, wanted in zip(data["vms"], expected["vms"]):
        wanted.update(status="pending", pid=None)
        wanted["qcow_image"] = f"/var/lib/cloudrepo/vms/{wanted['vm_id']}/{wanted['name']}_img.qcow2"
        assert machine["flavor"].pop("checksum")
        assert machine["flavor"].pop("name") == "cirros"
    assert data.pop("name") == "web"
    assert data == {**expected, "status": "design"}
    assert held.next_vm_id == 1003
    assert (held.users["admin"].used_vms, held.users["admin"].slices) == (2, [1000])


def test_reconciling_again_changes_nothing() -> None:
    held = cluster()
    put(held, topology())
    before = held.to_dict()
    put(held, topology())
    assert held.to_dict() == before


def test_allocations_known_to_hosts_are_kept_until_they_report() -> None:
    held = cluster()
    deployed(put(held, topology()))
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    assert [(each.name, each.status) for each in slice_.vms] == [("vm1", "running"), ("vm2", "deleting")]
    assert slice_.links == []
    assert slice_.vlan_pool_used == [100]
    assert slice_.extra["releasing"] == {"addresses": ["10.60.7.101"], "vlan_ids": [100]}
    assert held.users["admin"].used_vms == 2
    other = put(held, topology("mail", vms=[vm("m", internet=True)], links=[]))
    assert other.vms[0].interfaces[0].ip_config == {
        "ip": "10.60.7.102",
        "cidr": "10.60.7.0/24",
        "gateway": "10.60.7.1",
    }
    assert other.vms[0].vnc_port == 5903


def test_allocations_unknown_to_hosts_are_released_at_once() -> None:
    held = cluster()
    put(held, topology())
    slice_ = put(held, topology(vms=[vm("vm1")], links=[]))
    assert [each.name for each in slice_.vms] == ["vm1"]
    assert slice_.vlan_pool_used == []
    assert "releasing" not in slice_.extra
    assert held.users["admin"].used_vms == 1


def test_removing_a_slice() -> None:
    held = cluster()
    identify_user(held, held.users["admin"])  # otherwise the slice gives its owner a UUID
    before = held.to_dict()
    teardown.remove(held, put(held, topology()))
    assert {**held.to_dict(), "next_vm_id": 1000} == before
    slice_ = deployed(put(held, topology()))
    teardown.remove(held, slice_)
    assert (slice_.status, {each.status for each in slice_.vms}) == ("deleting", {"deleting"})
    assert held.users["admin"].used_vms == 2
    assert refusals(held, topology()) == [Refusal("slice_is_being_deleted", "slice web", {"slice_id": slice_.slice_id})]


def test_ids_skip_the_pools_and_macs_that_live_slices_hold() -> None:
    held = cluster()
    put(held, topology())
    held.next_vm_id = 1100
    slice_ = put(held, topology("other", vms=[], links=[]))
    assert slice_.slice_id == 1101
    held.next_vm_id = 65536 + 1001
    assert put(held, topology("third", vms=[vm("x")], links=[])).vms[0].vm_id == 65536 + 1003


def test_the_101st_slice_is_refused() -> None:
    held = cluster()
    for number in range(100):
        put(held, topology(f"s{number}", vms=[], links=[]))
    (refusal,) = refusals(held, topology("more", vms=[], links=[]))
    assert refusal == Refusal("no_free_pool", "slice more", {"pools": "0-99", "used": 100, "free": 0})
    assert refusal.message == (
        "slice more: 100 of the cloud's VLAN pools 0-99 are in use, 0 are free; delete a slice, or let the cloud use "
        "more pools (cloudrepo_vlan_pools)"
    )


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        (
            topology(vms=[vm("vm1", flavor="tiny")], links=[]),
            [
                Refusal(
                    "unknown_flavor",
                    "slice web",
                    {"flavor": "tiny", "vms": ["vm1"], "known": ["cirros", "ubuntu", "big"]},
                )
            ],
        ),
        (
            topology(vms=[vm("vm1", flavor="ubuntu")], links=[]),
            [
                Refusal(
                    "flavor_without_image",
                    "slice web",
                    {
                        "flavor": "ubuntu",
                        "vms": ["vm1"],
                        "image": "/tmp/vm_images/focal-server-cloudimg-amd64.img",
                    },
                )
            ],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=1), vm("vm2")], links=[link("vm1:eth2", "vm2:eth1")]),
            [
                Refusal(
                    "unknown_reference",
                    "link web/1 (vm1:eth2–vm2:eth1)",
                    {"kind": "interface", "name": "vm1:eth2", "known": ["eth1"]},
                )
            ],
        ),
        (
            topology(links=[link("vm1:eth9", "vm2:eth1")]),
            [Refusal("interface_without_segment", "VM web/vm1", {"segments": 1, "highest": 9, "named": "eth9"})],
        ),
        (
            topology(links=[link("vm1:eth0", "vm2:eth1")]),
            [Refusal("management_interface", "link web/1 (vm1:eth0–vm2:eth1)", {"got": "vm1:eth0"})],
        ),
        (
            topology(
                vms=[vm("vm1", data_interfaces=2), vm("vm2", data_interfaces=2)],
                links=[link("vm1:eth1", "vm2:eth1"), link("vm1:eth1", "vm2:eth2")],
            ),
            [Refusal("interface_in_use", "link web/2 (vm1:eth1–vm2:eth2)", {"endpoint": "vm1:eth1"})],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=2)], links=[link("vm1:eth1", "vm1:eth2")]),
            [Refusal("link_to_itself", "link web/1 (vm1:eth1–vm1:eth2)", {"vm": "vm1"})],
        ),
        (
            topology(links=[], networks=[{"name": "lan", "members": ["vm1:eth1", "vm1:eth2"]}]),
            [Refusal("member_twice", "network web/lan", {"vm": "vm1", "count": 2})],
        ),
        (
            topology(links=[link("vm1:eth1", "vm9:eth1")]),
            [
                Refusal(
                    "unknown_reference",
                    "link web/1 (vm1:eth1–vm9:eth1)",
                    {"kind": "VM", "name": "vm9", "known": ("vm1", "vm2")},
                )
            ],
        ),
        (
            topology(vms=[vm("vm1"), vm("vm1")], links=[]),
            [Refusal("duplicate_name", "slice web", {"kind": "VM", "name": "vm1", "count": 2})],
        ),
        (
            topology(networks=[{"name": "lan"}, {"name": "lan"}]),
            [Refusal("duplicate_name", "slice web", {"kind": "network", "name": "lan", "count": 2})],
        ),
        (
            topology(vms=[vm("VM1"), vm("vm2"), vm("vm1")], links=[]),
            [Refusal("names_differ_in_case", "slice web", {"kind": "VM", "names": ["VM1", "vm1"]})],
        ),
        (
            topology(
                vms=[vm("vm1", data_interfaces=1), vm("vm2"), vm("vm3")], links=[link("vm1", "vm2"), link("vm1", "vm3")]
            ),
            [Refusal("too_few_interfaces", "VM web/vm1", {"segments": 2, "most": 1})],
        ),
        (
            topology(vms=[vm("vm1", data_interfaces=999)], links=[]),
            [Refusal("out_of_range", "VM web/vm1", {"option": "data_interfaces", "got": 999, "least": 0, "most": 128})],
        ),
        (topology(links=[{"endpoints": ["vm1"]}]), [Refusal("endpoint_count", "link web/1 (vm1)", {"got": 1})]),
        (
            topology("no/slash", vms=[vm("a_b")], links=[]),
            [
                invalid_name("slice no/slash", "slice", "no/slash", bounds.LABEL),
                invalid_name("slice no/slash", "VM", "a_b", bounds.VM_NAME),
            ],
        ),
        (
            topology("12", vms=[vm("a")], links=[]),
            [Refusal("numeric_name", "slice 12", {"got": "12"})],
        ),
        *(
            (topology(vms=[vm(name)], links=[]), [invalid_name("slice web", "VM", name, bounds.VM_NAME)])
            for name in ("7", "12h", "3W", "ignore", "infinite", "a" * 64, "a-", "")
        ),
        (
            topology(owner="bob"),
            [Refusal("unknown_reference", "slice web", {"kind": "user", "name": "bob", "known": ["admin", "alice"]})],
        ),
        (
            topology(owner="alice", vms=[vm(f"v{number}") for number in range(7)], links=[]),
            [Refusal("quota_exceeded", "user alice", {"quota": 6, "used": 0, "requested": 7})],
        ),
        (
            topology(vms=[vm("vm1", worker="10.9.9.9")], links=[]),
            [
                Refusal(
                    "unknown_reference",
                    "VM web/vm1",
                    {"kind": "worker", "name": "10.9.9.9", "known": ["10.0.10.1", "10.0.10.2"]},
                )
            ],
        ),
    ],
)
def test_refusals_name_the_object_the_rule_and_the_figures(want: dict[str, Any], expected: list[Refusal]) -> None:
    assert refusals(cluster(), want) == expected


def test_a_refusal_lists_every_reason() -> None:
    held = cluster(workers=0)
    held.users["alice"].used_vms = 6
    want = topology(owner="alice", vms=[vm("vm1")], links=[])
    assert refusals(held, want) == [
        Refusal("no_workers", "VM web/vm1"),
        Refusal("quota_exceeded", "user alice", {"quota": 6, "used": 6, "requested": 1}),
    ]


def test_users_who_may_act_on_a_slice() -> None:
    held = cluster()
    held.users["bob"] = type(held.users["alice"])("bob", "!")
    put(held, topology(owner="alice"), acting_user="alice")
    assert refusals(held, topology(owner="alice"), acting_user="bob") == [
        Refusal("not_owner_or_admin", "slice web", {"user": "bob"})
    ]
    assert refusals(held, topology(), acting_user="nobody") == [Refusal("unknown_acting_user", "acting user nobody")]
    assert refusals(held, topology(owner="carol"), acting_user="bob") == refusals(
        held, topology(owner="alice"), acting_user="bob"
    ), "he does not learn who exists"
    put(held, topology(owner="alice"), acting_user="admin")
    assert len(held.slices) == 1


@pytest.mark.parametrize(
    ("network", "code", "figures"),
    [
        (
            ManagementNetwork(cidr="10.60.7.0/99"),
            "invalid_subnet",
            {"option": "cidr", "got": "10.60.7.0/99", "why": "'99' is not a valid netmask"},
        ),
        (
            ManagementNetwork(cidr="10.60.7.1/24"),
            "invalid_subnet",
            {"option": "cidr", "got": "10.60.7.1/24", "why": "10.60.7.1/24 has host bits set"},
        ),
        (ManagementNetwork(gateway="10.60.7"), "invalid_address", {"option": "gateway", "got": "10.60.7"}),
        (
            ManagementNetwork(gateway="10.60.7.0"),
            "address_outside_subnet",
            {"option": "gateway", "got": "10.60.7.0", "subnet": "10.60.7.0/24"},
        ),
        (
            ManagementNetwork(dhcp_server="10.60.7.255"),
            "address_outside_subnet",
            {"option": "dhcp_server", "got": "10.60.7.255", "subnet": "10.60.7.0/24"},
        ),
        (
            ManagementNetwork(last_address="10.60.7.255"),
            "address_outside_subnet",
            {"option": "last_address", "got": "10.60.7.255", "subnet": "10.60.7.0/24"},
        ),
        (
            ManagementNetwork(gateway="10.1.1.1"),
            "address_outside_subnet",
            {"option": "gateway", "got": "10.1.1.1", "subnet": "10.60.7.0/24"},
        ),
        (
            ManagementNetwork(first_address="10.60.7.9", last_address="10.60.7.8"),
            "range_reversed",
            {"option": "range for VMs", "first": "10.60.7.9", "last": "10.60.7.8"},
        ),
        (ManagementNetwork(gateway="10.60.7.110"), "range_holds_server", {**RANGE, "server": "10.60.7.110"}),
        (ManagementNetwork(dhcp_server="10.60.7.110"), "range_holds_server", {**RANGE, "server": "10.60.7.110"}),
        (ManagementNetwork(dhcp_server="10.60.7.1"), "same_address", {"got": "10.60.7.1"}),
    ],
)
def test_invalid_management_networks(network: ManagementNetwork, code: str, figures: dict[str, str]) -> None:
    assert refusals(cluster(), topology(), network=network) == [Refusal(code, "management network", figures)]


def test_vms_that_stay_are_in_the_management_network() -> None:
    held = cluster()
    elsewhere = ManagementNetwork("10.70.0.0/24", "10.70.0.1", "10.70.0.2", "10.70.0.101", "10.70.0.250")
    deployed(put(held, topology()))
    assert refusals(held, topology(), network=elsewhere) == [
        Refusal("address_outside_management", "VM web/vm1", {"got": "10.60.7.101", "subnet": "10.70.0.0/24"})
    ]
    put(held, topology(vms=[vm("vm2"), vm("vm3", internet=True)], links=[]), network=elsewhere)
    assert held.slices[1000].vms[1].interfaces[0].ip_config["ip"] == "10.70.0.101"


def test_a_slice_keeps_its_owner() -> None:
    held = cluster()
    put(held, topology())
    found = refusals(held, topology(owner="alice", slice_id=1000))
    assert [each.message for each in found] == [
        "slice web is owned by admin, got alice; the owner of a slice cannot change"
    ]


def test_a_slice_gets_a_name_that_no_other_slice_of_its_owner_has() -> None:
    held = cluster()
    put(held, topology())
    assert put(held, topology("shop", slice_id=1000)).extra["name"] == "shop"
    put(held, topology("lab"))
    (refusal,) = refusals(held, topology("lab", slice_id=1000))
    assert (refusal.code, refusal.figures["got"]) == ("slice_name_in_use", "lab")


OF_THE_SLICE = {
    "title": ("title", "Lab A", "Lab A"),
    "vlan_pools": ("max_vlan_pools", 3, 3),
    "peers": ("peers", True, True),
    "expires": ("expires", "2026-12-31", "2026-12-31T00:00:00Z"),
    "addressing": (
        "addressing",
        {"links": {"ipv4": "10.1.0.0/16"}},
        {"links": {"ipv4": "10.1.0.0/16", "prefix": 30}},
    ),
}


@pytest.mark.parametrize("option", OF_THE_SLICE)
def test_an_option_of_a_slice_is_stored_and_goes_with_it(option: str) -> None:
    field, given, stored = OF_THE_SLICE[option]
    held = cluster()
    assert field not in put(held, topology()).extra
    assert put(held, topology(**{option: given})).extra[field] == stored
    if option != "title":
        assert put(held, topology(**{option: None}, append=True)).extra[field] == stored
    assert field not in put(held, topology()).extra


@pytest.mark.parametrize(("pools", "stored"), [(1, None), (2, 2)])
def test_only_a_further_pool_is_stored(pools: int, stored: int | None) -> None:
    assert put(cluster(), topology(vlan_pools=pools)).extra.get("max_vlan_pools") == stored


def test_a_slice_has_the_type_of_its_topology() -> None:
    held = cluster()
    assert put(held, topology(topology_type="ring", size=3, flavor="cirros", vms=[], links=[])).topology_type == "ring"
    assert put(held, topology()).topology_type == "custom"


def test_new_objects_have_uuids_and_loopbacks_of_the_vms_that_exist() -> None:
    held = cluster()
    pools = {"loopbacks": {"ipv4": "10.0.0.0/24"}}
    slice_ = put(held, topology(addressing=pools))
    things = [slice_, *slice_.vms, *(disk for vm_ in slice_.vms for disk in vm_.disks)]
    assert all(each.uuid for each in things)
    assert len({each.uuid for each in things}) == len(things)
    assert [vm_.extra["loopback"] for vm_ in slice_.vms] == [{"ipv4": "10.0.0.1"}, {"ipv4": "10.0.0.2"}]
    found = refusals(held, topology(vms=[vm("vm1"), vm("vm3", flavor=None)], links=[], addressing=pools))
    assert [each.code for each in found] == ["vm_without_flavor"]


def test_given_subnets_overlap_and_those_that_are_derived_are_checked_later() -> None:
    networks = [{"name": "a", "cidr": "10.1.0.0/16"}, {"name": "b", "cidr": "10.1.2.0/24"}, {"name": "c"}]
    (found,) = refusals(cluster(), topology(networks=networks))
    assert (found.code, found.figures["of"], found.figures["other_of"]) == ("subnets_overlap", "network b", "network a")


def test_a_quota_that_was_lowered_prevents_only_more_vms() -> None:
    held = cluster()
    put(held, topology(owner="alice"))
    held.users["alice"].quota_vms = 1
    assert len(put(held, topology(owner="alice", title="Same")).vms) == 2
    more = [vm("vm1", internet=True), vm("vm2"), vm("vm3")]
    assert [each.code for each in refusals(held, topology(owner="alice", vms=more))] == ["quota_exceeded"]


def test_a_slice_that_does_not_change_keeps_what_it_has() -> None:
    held = cluster()
    first = put(held, topology())
    for each in (first, *first.vms):
        each.extra.pop("uuid", None)
    again = put(held, topology())
    assert (again.uuid, [vm_.uuid for vm_ in again.vms]) == (None, [None, None])
    changed = put(held, topology(title="New"))
    assert all(each.uuid for each in (changed, *changed.vms))


def test_a_stored_slice_that_was_edited_is_named_with_what_is_wrong() -> None:
    held = cluster()
    want = topology(links=[link("vm1", "vm2")])
    slice_ = put(held, want)
    slice_.vms[0].interfaces[1].name = "x"
    [refusal] = refusals(held, want)
    assert refusal.message == (
        "slice web: it was changed outside of the collection: link web/1 ends at eth1 of VM web/vm1 (1001), which has "
        "no such interface; VM web/vm1 (1001): x refers to link 1, which does not end there; VM web/vm1 (1001) has the "
        "interfaces eth0, x; a stored slice must not contradict itself; restore a backup, or run "
        "cloudrepo.slices.database with state=migrate and repair=true"
    )


@pytest.mark.parametrize("name", ["web", "new"])
def test_an_error_of_the_collection_is_no_fault_of_a_sound_slice(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    held = cluster()
    put(held, topology())
    monkeypatch.setattr(reconcile, "match_topology", lambda *_arguments: {}["bug"])
    with pytest.raises(KeyError):
        put(held, topology(name))
