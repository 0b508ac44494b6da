# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The registry of kinds, the kinds of VMs, and names of interfaces in topologies."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import (
    kinds,
    readiness,
    render_graph,
    render_text,
    slice_changes,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.edits import put_link, put_vm
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.guests import guests
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.registration import put_flavor
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice

from .builders import cluster, deployed, link, put, refusals, topology, vm

SWITCH = {
    "name": "switch",
    "firmware": "uefi",
    "disk_bus": "sata",
    "nic_model": "e1000",
    "max_data_interfaces": 4,
    "interface_pattern": "ge-0/0/{n}",
    "first_interface": 0,
    "management_interface": "fxp0",
    "set_up": "none",
}


def held(*registered: dict[str, Any]) -> Cluster:
    made = cluster()
    for each in registered or (SWITCH,):
        kinds.put_kind(made, each)
    return made


def switches(**fields: Any) -> dict[str, Any]:
    return topology(
        vms=[vm(name, kind="switch", data_interfaces=3) for name in ("s1", "s2")],
        links=[link("s1:ge-0/0/2", "s2:ge-0/0/0")],
        **fields,
    )


def messages(made: Cluster, want: dict[str, Any]) -> list[str]:
    return [each.message for each in refusals(made, want)]


def edited(made: Cluster, slice_: Slice, **data: Any) -> Slice:
    return reconcile_slice(made, put_vm(wanted_from(slice_), data)[0], Settings(), acting_user="admin")


def test_a_kind_is_registered_changed_and_removed() -> None:
    made = held({"name": "switch", "firmware": "uefi"})
    kinds.put_kind(made, {"name": "switch", "disk_bus": "scsi", "firmware": None})
    assert made.kinds == {"switch": {"firmware": "uefi", "disk_bus": "scsi"}}
    assert Cluster.from_dict(made.to_dict()).kinds == made.kinds
    kinds.remove_kind(made, "switch")
    kinds.remove_kind(made, "switch")
    assert "kinds" not in made.to_dict()


def test_a_registered_kind_replaces_a_shipped_one_of_its_name() -> None:
    made = held({"name": "cumulus-vx", "max_data_interfaces": 2})
    kind = kinds.known(made)["cumulus-vx"]
    assert (kind.max_data_interfaces, kind.interface_pattern) == (2, "swp{n}")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            {"name": "odd", "first_interface": 3},
            "kind odd: interfaces would be called eth0, eth3, eth4 and so on; a name such as eth2 must be that of the "
            "same interface in topologies and in the guest",
        ),
        (
            {"name": "a b"},
            "kind a b: a kind name must be 1-64 letters, digits and _ . @ -, with none of . @ - at the beginning, got "
            "'a b'",
        ),
        ({"name": "odd", "first_interface": -1}, "kind odd: first_interface must be 0-999, got -1"),
    ],
)
def test_an_invalid_kind_is_refused(kind: dict[str, Any], message: str) -> None:
    made = cluster()
    with pytest.raises(Refused) as caught:
        kinds.put_kind(made, kind)
    assert caught.value.message == message
    assert made.kinds == {}


def test_a_kind_in_use_is_not_removed() -> None:
    made = held()
    put_flavor(made, {"name": "big", "kind": "switch"})
    put(made, switches())
    with pytest.raises(Refused) as caught:
        kinds.remove_kind(made, "switch")
    assert caught.value.message == (
        "kind switch is used by flavor big, VM web/s1, VM web/s2; a kind in use cannot be removed"
    )


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    (message,) = messages(held(), topology(vms=[vm("vm1", kind="swich")], links=[]))
    assert message.startswith("VM web/vm1: kind swich does not exist; existing: alpine, cirros, cumulus-vx,")
    assert message.endswith("add it to cloudrepo_kinds and run cloudrepo.slices.site")
    with pytest.raises(Refused) as caught:
        put_flavor(held(), {"name": "big", "kind": "swich"})
    assert caught.value.message.startswith("flavor big: kind swich does not exist")


def test_a_plain_vm_has_the_fields_of_the_data_model_only() -> None:
    made = put(held(), topology())
    for each in made.to_dict()["vms"]:
        assert "kind" not in each
        assert all("guest_name" not in interface for interface in each["interfaces"])


def test_ends_have_the_names_of_the_guest_or_of_the_topology() -> None:
    made = held()
    slice_ = put(made, switches())
    (stored,) = slice_.links
    assert (stored.vm1_interface, stored.vm2_interface) == ("eth3", "eth1")
    before = slice_.to_dict()
    assert put(made, switches()).to_dict() == before
    plain = {**switches(), "links": [link("s1:eth3", "s2:eth1")]}
    assert put(made, plain).to_dict() == before


def test_interfaces_with_limits_have_either_name() -> None:
    made = held()
    want = switches()
    want["vms"][0]["interfaces"] = [{"name": "ge-0/0/2", "tx_kbps": 1000}, {"name": "fxp0", "up": False}]
    first = put(made, want).vms[0]
    assert [each.extra for each in first.interfaces] == [
        {"guest_name": "fxp0", "up": False},
        {"guest_name": "ge-0/0/0"},
        {"guest_name": "ge-0/0/1"},
        {"guest_name": "ge-0/0/2", "tx_kbps": 1000},
    ]


def test_a_member_of_a_network_and_the_other_end_of_a_link_keep_their_names() -> None:
    made = held()
    vms = [vm("s1", kind="switch"), vm("vm1", data_interfaces=2)]
    want = topology(
        vms=vms, links=[link("s1:ge-0/0/0", "vm1:eth2")], networks=[{"name": "lan", "members": ["s1:ge-0/0/1"]}]
    )
    slice_ = put(made, want)
    table = render_text.slice_table(slice_)
    assert "eth0=fxp0:- eth1=ge-0/0/0:100 eth2=ge-0/0/1:101" in table
    assert "members s1:eth2=ge-0/0/1" in table
    assert 'vm1001 ---|"eth1=ge-0/0/0 VLAN 100 eth2"| vm1002' in render_graph.mermaid(slice_)
    assert 'vm1001 ---|"eth2=ge-0/0/1"| net101' in render_graph.mermaid(slice_)


def test_an_inventory_has_both_names() -> None:
    first, second = guests([put(held(), switches())])
    assert first["cloudrepo_kind"] == "switch"
    assert [each["guest_name"] for each in first["cloudrepo_interfaces"]] == [
        "fxp0",
        "ge-0/0/0",
        "ge-0/0/1",
        "ge-0/0/2",
    ]
    (end,) = second["cloudrepo_links"]
    assert (end["interface"], end["guest_interface"]) == ("eth1", "ge-0/0/0")
    assert (end["peer_interface"], end["peer_guest_interface"]) == ("eth3", "ge-0/0/2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data_interfaces": 5}, "VM web/s1: a VM of kind switch has at most 4 data interfaces, got 5"),
        ({"cloud_init": {}}, "VM web/s1: cloud_init is set, but guests of kind switch have no cloud-init"),
    ],
)
def test_a_kind_limits_its_vms(fields: dict[str, Any], message: str) -> None:
    want = topology(vms=[vm("s1", kind="switch", **fields)], links=[])
    assert messages(held(), want) == [message]


def test_the_limit_of_a_kind_holds_for_links_without_interfaces() -> None:
    names = [f"vm{number}" for number in range(5)]
    want = topology(
        vms=[vm("s1", kind="switch"), *(vm(name) for name in names)], links=[link("s1", name) for name in names]
    )
    assert messages(held(), want) == ["VM web/s1: a VM of kind switch has at most 4 data interfaces, got 5"]


def test_an_interface_that_a_kind_does_not_have_is_refused_with_those_it_has() -> None:
    want = {**switches(), "links": [link("s1:ge-0/0/4", "s2:swp1")]}
    assert messages(held(), want) == [
        "link web/1 (s1:eth5=ge-0/0/4–s2:swp1): interface s1:ge-0/0/4 does not exist; existing: ge-0/0/0 to ge-0/0/2",
        "link web/1 (s1:eth5=ge-0/0/4–s2:swp1): interface s2:swp1 does not exist; existing: ge-0/0/0 to ge-0/0/2",
    ]


def test_a_vm_has_the_kind_of_the_flavor_that_its_image_is_from() -> None:
    made = held()
    put_flavor(made, {"name": "big", "kind": "switch"})
    slice_ = put(made, topology(vms=[vm("a", flavor="big"), vm("b", flavor="big", image="cirros"), vm("c")], links=[]))
    assert [each.extra.get("kind", {}).get("name") for each in slice_.vms] == ["switch", None, None]
    assert "kind" not in (slice_.vms[0].flavor or {})


def test_a_kind_may_have_an_image_for_new_vms() -> None:
    made = held({**SWITCH, "image": "big"})
    made.flavors["small"] = {**made.flavors["cirros"], "disk_gb": 30}
    first = put(made, topology(vms=[vm("s1", flavor="small", kind="switch")], links=[])).vms[0]
    assert first.extra["image"] == "big"
    kinds.put_kind(made, {"name": "switch", "image": "cirros"})
    again = put(made, topology(vms=[vm("s1", flavor="small", kind="switch")], links=[])).vms[0]
    assert again.extra["image"] == "big"


def test_another_part_of_a_topology_leaves_the_kind_as_it_was() -> None:
    made = held()
    slice_ = put(made, switches())
    kinds.put_kind(made, {"name": "switch", "nic_model": "e1000e"})
    assert edited(made, slice_, name="s2", power="stopped").vms[0].extra["kind"]["nic_model"] == "e1000"
    assert edited(made, slice_, name="s1", flavor="cirros").vms[0].extra["kind"]["nic_model"] == "e1000e"
    assert edited(made, slice_, name="s1", kind="debian").vms[0].extra["kind"] == {
        "name": "debian",
        "ready_when": "cloud_init",
        "shutdown": "acpi",
        "console": "none",
        "console_user": "debian",
        "console_shell": "sudo -i",
        "startup_via": "ssh",
    }


def test_a_link_is_found_by_the_names_of_the_guest() -> None:
    made = held()
    slice_ = put(made, switches())
    data = kinds.with_standard_names(slice_, {"endpoints": ["s1:ge-0/0/2", "s2:ge-0/0/0"], "mtu": 9000, "name": None})
    assert data["endpoints"] == ["s1:eth3", "s2:eth1"]
    want, place = put_link(wanted_from(slice_), data)
    assert (len(want.links), place, want.links[0].mtu) == (1, 0, 9000)


@pytest.mark.parametrize(
    ("change", "restart"),
    [
        ({"firmware": "bios"}, True),
        ({"disk_bus": "virtio"}, True),
        ({"nic_model": "e1000e"}, True),
        ({"interface_pattern": "xe-0/0/{n}"}, False),
        ({"ready_when": "console"}, False),
        ({"shutdown": "acpi", "shutdown_timeout_s": 90}, False),
    ],
)
def test_another_hardware_needs_a_restart(change: dict[str, Any], restart: bool) -> None:
    made = held()
    before = Slice.from_dict(deployed(put(made, switches())).to_dict())
    kinds.put_kind(made, {"name": "switch", **change})
    found = slice_changes.changes(before, put(made, {**switches(), "links": [link("s1:eth3", "s2:eth1")]}))
    assert [(each.id, each.restart) for each in found] == [(1001, restart), (1002, restart)]


@pytest.mark.parametrize(
    ("kind", "internet", "check"),
    [
        ("auto", False, "console"),
        ("auto", True, "ping"),
        ("ssh", True, "ssh"),
        ("ssh", False, "console"),
        ("cloud_init", False, "cloud_init"),
        ("console", True, "console"),
    ],
)
def test_a_kind_says_when_its_guests_are_ready(kind: str, internet: bool, check: str) -> None:
    made = held({"name": "one", "ready_when": kind})
    slice_ = put(made, topology(vms=[vm("a", kind="one", internet=internet)], links=[]))
    (found,) = readiness.checks([slice_.to_dict()])
    assert found["check"] == check


def test_nobody_waits_for_a_guest_whose_kind_says_so_unless_the_vm_says_more() -> None:
    made = held({"name": "one", "ready_when": "none"})
    vms = [vm("a", kind="one"), vm("b", kind="one", ready_when={"check": "console"})]
    found = readiness.checks([put(made, topology(vms=vms, links=[])).to_dict()])
    assert [(each["name"], each["check"]) for each in found] == [("web/b", "console")]


def test_a_kind_has_all_the_interfaces_that_it_says() -> None:
    slice_ = put(held(), topology(vms=[vm("s1", kind="switch", data_interfaces=4)], links=[]))
    assert [each.name for each in slice_.vms[0].interfaces] == ["eth0", "eth1", "eth2", "eth3", "eth4"]


def test_the_hardware_of_a_plain_vm_is_the_usual_one() -> None:
    slice_ = put(held(), topology(vms=[vm("a"), vm("b", kind="switch")], links=[]))
    assert kinds.hardware(slice_.vms[0]) == {"firmware": "bios", "disk_bus": "virtio", "nic_model": "virtio-net-pci"}
    assert kinds.hardware(slice_.vms[1]) == {"firmware": "uefi", "disk_bus": "sata", "nic_model": "e1000"}


def test_only_the_vms_of_a_kind_keep_it() -> None:
    made = held(SWITCH, {"name": "other"})
    put(made, topology(vms=[vm("a"), vm("b", kind="switch")], links=[]))
    with pytest.raises(Refused) as caught:
        kinds.remove_kind(made, "switch")
    assert caught.value.refusals[0].figures == {"count": 1, "users": ["VM web/b"]}
    kinds.remove_kind(made, "other")
    assert list(made.kinds) == ["switch"]


def test_a_vm_with_a_flavor_has_no_kind_unless_it_is_said() -> None:
    made = held()
    put(made, topology(vms=[vm("a", kind="switch")], links=[]))
    kept = put(made, topology(vms=[vm("a", flavor=None)], links=[])).vms[0]
    assert kept.extra["kind"]["name"] == "switch"
    assert "kind" not in put(made, topology(vms=[vm("a")], links=[])).vms[0].extra
    assert (
        put(made, topology(vms=[vm("a"), vm("new", kind="switch")], links=[])).vms[1].extra["kind"]["name"] == "switch"
    )


def test_the_image_of_a_kind_is_that_of_new_vms_that_name_none() -> None:
    made = held({**SWITCH, "image": "big"})
    own = put(made, topology(vms=[vm("a", kind="switch", image="cirros"), vm("b", kind="switch")], links=[]))
    assert [each.extra.get("image") for each in own.vms] == ["cirros", "big"]
    plain = held()
    slice_ = put(plain, topology(vms=[vm("a", kind="switch"), vm("b", kind="switch", image="big")], links=[]))
    assert [each.extra.get("image") for each in slice_.vms] == [None, "big"]


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (
            [("s:swp2", "h")],
            "VM web/s: eth2=swp2 is named, but the VM is on 1 links and networks; set data_interfaces to 2 or more",
        ),
        (
            [("s:swp1", "h"), ("s:eth1", "h:eth2")],
            "link web/2 (s:eth1=swp1–h:eth2): s:eth1=swp1 is already in use; an interface is on one link or network at "
            "most",
        ),
        (
            [("s:mgmt", "h")],
            "link web/1 (s:eth0=mgmt–h): links and networks use eth1 and up, because eth0 is the management "
            "interface, got s:eth0=mgmt",
        ),
        (
            [("s:swp5", "h")],
            "link web/1 (s:eth5=swp5–h): interface s:swp5 does not exist; existing: swp1 to swp4",
        ),
    ],
)
def test_refusals_show_both_names_of_an_interface(links: list[tuple[str, str]], message: str) -> None:
    held = cluster()
    fields = {"interface_pattern": "swp{n}", "management_interface": "mgmt", "max_data_interfaces": 4}
    held.kinds = {"switch": fields}
    want = topology(vms=[vm("s", kind="switch"), vm("h")], links=[{"endpoints": [*ends]} for ends in links])
    assert [each.message for each in refusals(held, want)] == [message]


def test_links_and_networks_are_shown_with_the_names_in_guests() -> None:
    held = cluster()
    held.kinds = {"switch": {"interface_pattern": "swp{n}"}}
    lan = {"name": "lan", "members": ["s:swp2", "h"]}
    slice_ = put(held, topology(vms=[vm("s", kind="switch"), vm("h")], links=[link("s:swp1", "h")], networks=[lan]))
    (told,) = kinds.links_shown(slice_)
    assert told == {**slice_.links[0].to_dict(), "vm1_guest_interface": "swp1"}
    (told,) = kinds.networks_shown(slice_)
    assert told["members"] == [
        {"vm_id": 1001, "interface": "eth2", "guest_interface": "swp2"},
        {"vm_id": 1002, "interface": "eth2"},
    ]
    assert "guest_interface" not in slice_.networks[0].to_dict()["members"][0]


SUMS = {"kernel_checksum": "ab" * 32, "initrd_checksum": "cd" * 32}
DIRECT = {"name": "direct", "kernel": "/k", "initrd": "/i", "kernel_arguments": "quiet", **SUMS}


@pytest.mark.parametrize(
    ("change", "stored"),
    [
        ({"kernel_arguments": "debug"}, {**DIRECT, "kernel_arguments": "debug"}),
        ({"kernel_arguments": ""}, {key: value for key, value in DIRECT.items() if key != "kernel_arguments"}),
        ({"initrd": ""}, {key: value for key, value in DIRECT.items() if not key.startswith("initrd")}),
        ({"kernel": "/new", "kernel_checksum": "ef" * 32}, {**DIRECT, "kernel": "/new", "kernel_checksum": "ef" * 32}),
        ({"kernel": "", "initrd": "", "kernel_arguments": "", "firmware": "uefi"}, {"firmware": "uefi"}),
    ],
)
def test_what_a_kind_boots_is_changed_and_removed(change: dict[str, Any], stored: dict[str, Any]) -> None:
    made = held(DIRECT)
    kinds.put_kind(made, {"name": "direct", **change})
    assert made.kinds == {"direct": {key: value for key, value in stored.items() if key != "name"}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kernel": ""}, "kernel_missing"),
        ({"firmware": "uefi"}, "kernel_needs_bios"),
        ({"kernel": "https://h/other"}, "image_without_checksum"),
        ({"kernel_checksum": ""}, "field_not_allowed"),
    ],
)
def test_a_kind_that_could_not_boot_is_refused_and_stays_as_it_was(change: dict[str, Any], code: str) -> None:
    made = held(DIRECT)
    before = made.to_dict()
    with pytest.raises(Refused) as caught:
        kinds.put_kind(made, {"name": "direct", **change})
    assert {each.code for each in caught.value.refusals} == {code}
    assert made.to_dict() == before


@pytest.mark.parametrize(
    ("change", "restart"),
    [
        ({"kernel": "/k", "kernel_checksum": "ef" * 32}, True),
        ({"initrd": "/i", "initrd_checksum": "ef" * 32}, True),
        ({"initrd": ""}, True),
        ({"kernel_arguments": "debug"}, True),
        ({"kernel": "/moved", "kernel_checksum": "ab" * 32}, False),
    ],
)
def test_another_kernel_needs_a_restart_and_the_same_one_elsewhere_does_not(
    change: dict[str, Any], restart: bool
) -> None:
    made, want = held(DIRECT), topology(vms=[vm("a", kind="direct"), vm("b")], links=[])
    before = Slice.from_dict(deployed(put(made, want)).to_dict())
    kinds.put_kind(made, {"name": "direct", **change})
    after = put(made, want)
    (found,) = slice_changes.changes(before, after)
    assert (found.id, found.restart) == (1001, restart)
    assert found.after is not None
    assert found.after["kind"] == after.vms[0].extra["kind"] != before.vms[0].extra["kind"]
    assert slice_changes.changes(after, put(made, want)) == []


def test_the_images_that_vms_boot_are_those_of_their_kinds() -> None:
    slice_ = put(held(DIRECT), topology(vms=[vm("a", kind="direct"), vm("b")], links=[]))
    assert kinds.boot_images(slice_.vms) == {"ab" * 32: ("/k", "kernel"), "cd" * 32: ("/i", "initrd")}
    booted = {"kernel": "ab" * 32, "initrd": "cd" * 32, "kernel_arguments": "quiet"}
    assert [kinds.booted(each) for each in slice_.vms] == [booted, {}]
