# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Links and networks get VLANs and interfaces and keep them."""

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from .builders import cluster, link, put, refusals, topology, vm


def test_a_link_in_the_middle_goes_and_no_other_is_renumbered() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    links = [link("a", "b"), link("b", "c"), link("c", "a")]
    slice_ = put(held, topology(vms=machines, links=links))
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (2, 101), (3, 102)]
    slice_ = put(
        held,
        topology(vms=[vm("a"), vm("b", data_interfaces=2), vm("c", data_interfaces=2)], links=[links[0], links[2]]),
    )
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (3, 102)]
    assert slice_.vlan_pool_used == [100, 102]
    slice_ = put(held, topology(vms=machines, links=links))
    assert [(each.link_id, each.vlan_id) for each in slice_.links] == [(1, 100), (4, 101), (3, 102)]


def test_endpoints_without_an_interface_take_the_lowest_free_one_and_keep_it() -> None:
    held = cluster()
    machines = [vm("a", data_interfaces=3), vm("b"), vm("c")]
    slice_ = put(held, topology(vms=machines, links=[link("a:eth2", "b"), link("a", "c")]))
    assert [(each.vm1_interface, each.vm2_interface) for each in slice_.links] == [("eth2", "eth1"), ("eth1", "eth1")]
    again = put(held, topology(vms=machines, links=[link("c", "a"), link("b", "a")]))
    assert {each.link_id: each.vm1_interface for each in again.links} == {1: "eth2", 2: "eth1"}


def test_a_slice_on_the_management_vlans_pool_holds_19_links() -> None:
    held = cluster()
    held.next_vm_id = 1015
    machines = [vm("hub", data_interfaces=19), *(vm(f"n{number}") for number in range(1, 20))]
    held.users["admin"].quota_vms = 50
    want = topology(vms=machines, links=[link("hub", f"n{number}") for number in range(1, 20)])
    assert [each.vlan_id for each in put(held, want).links] == list(range(401, 420))


def test_too_many_links_are_refused_with_the_count() -> None:
    held = cluster()
    held.users["admin"].quota_vms = 50
    machines = [vm("a", data_interfaces=11), *(vm(f"n{number}", data_interfaces=3) for number in range(11))]
    links = [link("a", f"n{number}") for number in range(11)] + [link(f"n{n}", f"n{n + 1}") for n in range(10)]
    assert refusals(held, topology(vms=machines, links=links)) == [
        Refusal(
            "too_few_vlans",
            "slice web",
            {"links": 21, "networks": 0, "reserved": 0, "pools": ["100–119"], "total": 20, "releasing": 0},
        )
    ]


def test_a_named_link_keeps_its_vlan_wherever_it_ends() -> None:
    held = cluster()
    machines = [vm("a"), vm("b"), vm("c")]
    put(held, topology(vms=machines, links=[link("a", "b"), {**link("b", "c"), "name": "x"}]))
    slice_ = put(held, topology(vms=machines, links=[{**link("a", "c"), "name": "x"}]))
    assert [(each.link_id, each.vlan_id, each.vm1_id, each.vm2_id) for each in slice_.links] == [(2, 101, 1001, 1003)]
    assert breaches(held) == []
