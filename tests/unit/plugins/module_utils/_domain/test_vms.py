# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Allocations of VMs, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.allocation import ManagementNetwork
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import wanted_from
from ansible_collections.cloudrepo.slices.plugins.module_utils.allocations import VNC_PORT
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import FIRST_VNC_PORT, LAST_VNC_PORT
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from .builders import cluster, link, put, refusals, topology, vm


def test_changed_size_and_interfaces_of_a_vm() -> None:
    held = cluster()
    held.flavors["cirros2"] = {**held.flavors["cirros"], "cores": 2, "disk_gb": 5}
    put(held, topology())
    slice_ = put(held, topology(vms=[vm("vm1", flavor="cirros2", data_interfaces=3), vm("vm2")]))
    first = slice_.vms[0]
    assert first.flavor is not None
    assert (first.flavor["cores"], first.flavor["disk_gb"]) == (2, 5)
    assert [each.name for each in first.interfaces] == ["eth0", "eth1", "eth2", "eth3"]
    assert first.interfaces[3].mac == "52:54:00:03:e9:03"
    assert first.interfaces[0].ip_config is None


def test_another_base_image_is_refused() -> None:
    held = cluster()
    put(held, topology())
    assert refusals(held, topology(vms=[vm("vm1", flavor="big"), vm("vm2")])) == [
        Refusal(
            "image_is_fixed",
            "VM web/vm1",
            {"image": "/tmp/vm_images/cirros-0.6.2-x86_64-disk.img", "flavor": "big", "got": "/big.img"},
        )
    ]


def test_exhausted_addresses_are_refused() -> None:
    held = cluster()
    network = ManagementNetwork(first_address="10.60.7.101", last_address="10.60.7.101")
    want = topology(vms=[vm("a", internet=True), vm("b", internet=True)], links=[])
    assert refusals(held, want, network=network) == [
        Refusal("no_free_address", "VM web/b", {"vlan": 400, "first": "10.60.7.101", "last": "10.60.7.101"})
    ]


def test_a_renamed_vm_keeps_its_disk_and_its_links() -> None:
    held = cluster()
    first = put(held, topology())
    want = topology(vms=[vm("router", vm_id=1001, internet=True), vm("vm2")], links=[link("router", "vm2")])
    slice_ = put(held, want)
    renamed = slice_.vms[0]
    assert (renamed.vm_id, renamed.name, renamed.qcow_image) == (1001, "router", first.vms[0].qcow_image)
    assert [each.to_dict() for each in slice_.links] == [each.to_dict() for each in first.links]


def test_a_vm_only_grows_within_the_capacity_of_its_worker() -> None:
    held = cluster(workers=1, cores=1, cpu_overcommit=2.0)
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    put(held, topology())
    want = topology(vms=[vm("vm1", flavor="two", internet=True), vm("vm2")])
    figures = {"resource": "cores", "total": 2, "allocated": 2, "requested": 1}
    shortage = Refusal("resource_exhausted", "worker 10.0.10.1", figures)
    assert refusals(held, want) == [Refusal("no_room_to_grow", "VM web/vm1", {"shortages": [shortage]})]


def test_a_vm_does_not_move() -> None:
    held = cluster()
    put(held, topology())
    assert refusals(held, topology(vms=[vm("vm1", worker="10.0.10.2"), vm("vm2")])) == [
        Refusal("worker_is_fixed", "VM web/vm1", {"worker": "10.0.10.1", "got": "10.0.10.2"})
    ]


def test_power_is_kept_unless_it_is_specified() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("vm1", power="stopped"), vm("vm2")]))
    assert [each.power for each in slice_.vms] == ["stopped", "running"]
    slice_ = put(held, topology())
    assert [each.to_dict().get("power") for each in slice_.vms] == ["stopped", None]
    slice_ = put(held, topology(vms=[vm("vm1", power="running"), vm("vm2")]))
    assert [each.to_dict().get("power") for each in slice_.vms] == [None, None]


def test_a_pin_is_stored_with_the_vm_and_removed_with_the_option() -> None:
    held = cluster()
    pinned = topology(vms=[vm("vm1", worker="10.0.10.2"), vm("vm2")])
    slice_ = put(held, pinned)
    assert [each.extra.get("placement") for each in slice_.vms] == [{"worker": "10.0.10.2"}, None]
    assert put(held, pinned).to_dict() == slice_.to_dict()
    assert [each.worker for each in wanted_from(slice_).vms] == ["10.0.10.2", None]
    slice_ = put(held, topology())
    assert [(each.worker_ip, each.pinned_to) for each in slice_.vms] == [("10.0.10.2", None), ("10.0.10.1", None)]
    assert all("placement" not in each.extra for each in slice_.vms)


def test_the_placement_policy_of_a_vm_is_stored_unless_it_is_the_default() -> None:
    held = cluster()
    slice_ = put(held, topology(), placement="pack")
    assert [each.extra["placement"] for each in slice_.vms] == [{"policy": "pack"}] * 2
    assert put(held, topology()).to_dict() == slice_.to_dict()


def test_a_flavor_is_stored_by_name() -> None:
    held = cluster()
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    put(held, topology())
    slice_ = put(held, topology(vms=[vm("vm1", flavor="two"), vm("vm2", flavor=None)]))
    assert [(each.flavor or {})["name"] for each in slice_.vms] == ["two", "cirros"]


def test_a_flavor_is_required_only_for_a_new_vm() -> None:
    held = cluster()
    assert refusals(held, topology(vms=[{"name": "vm1", "flavor": None}], links=[])) == [
        Refusal("vm_without_flavor", "VM web/vm1")
    ]
    first = put(held, topology()).vms[0].flavor
    assert put(held, topology(vms=[vm("vm1", flavor=None), vm("vm2")])).vms[0].flavor == first


def test_two_vms_on_a_worker_only_grow_if_both_fit() -> None:
    held = cluster(workers=1, cores=3, cpu_overcommit=1.0)
    held.flavors["two"] = {**held.flavors["cirros"], "cores": 2}
    put(held, topology())
    both = topology(vms=[vm("vm1", flavor="two", internet=True), vm("vm2", flavor="two")])
    figures = {"resource": "cores", "total": 3, "allocated": 3, "requested": 1}
    shortage = Refusal("resource_exhausted", "worker 10.0.10.1", figures)
    assert refusals(held, both) == [Refusal("no_room_to_grow", "VM web/vm2", {"shortages": [shortage]})]
    held.workers["10.0.10.1"].cores = 4
    assert [(each.flavor or {})["cores"] for each in put(held, both).vms] == [2, 2]


def test_a_vm_keeps_everything_that_its_flavor_does_not_change() -> None:
    held = cluster()
    held.flavors["cirros"]["virtual_size_gb"] = 0.1
    slice_ = put(held, topology(vms=[vm("vm1", internet=True), vm("vm2")]), placement="pack")
    assert [(each.flavor or {}).get("virtual_size_gb") for each in slice_.vms] == [None, None]
    assert [each.extra.get("placement") for each in slice_.vms] == [{"policy": "pack"}] * 2
    assert "placement" not in put(cluster(), topology()).vms[0].extra


def test_vms_that_hosts_may_have_are_deleted_by_them_and_others_at_once() -> None:
    held = cluster()
    slice_ = put(held, topology())
    slice_.vms[0].handed_out = True
    slice_ = put(held, topology(vms=[vm("new")], links=[]))
    assert [(each.name, each.deleting) for each in slice_.vms] == [("new", False), ("vm1", True)]


def test_without_internet_an_address_is_free_once_hosts_have_released_it() -> None:
    for handed_out, released in ((False, None), (True, ["10.60.7.101"])):
        held = cluster()
        slice_ = put(held, topology())
        slice_.vms[0].handed_out = handed_out
        after = put(held, topology(vms=[vm("vm1"), vm("vm2")]))
        nic = after.vms[0].interfaces[0]
        assert (nic.vlan_id, nic.ip_config) == (None, None)
        assert after.extra.get("releasing", {}).get("addresses") == released


def test_interfaces_without_a_link_are_refused_unless_data_interfaces_is_set() -> None:
    held = cluster()
    want = topology(vms=[vm("vm1"), vm("vm2")], links=[link("vm1:eth3", "vm2:eth1")])
    (refusal,) = refusals(held, want)
    assert (refusal.code, refusal.figures) == (
        "interface_without_segment",
        {"segments": 1, "highest": 3, "named": "eth3"},
    )
    counted = topology(vms=[vm("vm1", data_interfaces=3), vm("vm2")], links=[link("vm1:eth3", "vm2:eth1")])
    assert [each.name for each in put(held, counted).vms[0].interfaces] == ["eth0", "eth1", "eth2", "eth3"]


def test_limits_are_those_of_existing_interfaces() -> None:
    held = cluster()
    limited = vm("vm1", interfaces=[{"name": "eth1", "rx_kbps": 8000, "up": False}, {"name": "eth9", "tx_kbps": 1}])
    (refusal,) = refusals(held, topology(vms=[limited, vm("vm2")]))
    figures = {"kind": "interface", "name": "eth9", "known": ["eth0", "eth1"]}
    assert refusal == Refusal("unknown_reference", "VM web/vm1", figures)
    limited["interfaces"].pop()
    nic = put(held, topology(vms=[limited, vm("vm2")])).vms[0].interfaces[1]
    assert (nic.extra["rx_kbps"], nic.extra["up"]) == (8000, False)
    nic = put(held, topology(vms=[vm("vm1", interfaces=[]), vm("vm2")])).vms[0].interfaces[1]
    assert nic.extra == {}


def test_ports_and_workers_run_out() -> None:
    held = cluster(workers=0)
    assert {each.code for each in refusals(held, topology())} == {"no_workers"}
    held = cluster()
    want = topology(vms=[vm("vm1", worker="10.0.10.9")], links=[])
    (refusal,) = refusals(held, want)
    figures = {"kind": "worker", "name": "10.0.10.9", "known": ["10.0.10.1", "10.0.10.2"]}
    assert refusal == Refusal("unknown_reference", "VM web/vm1", figures)


def test_a_password_gets_only_newer_versions() -> None:
    held = cluster()
    versions = []
    for version in (None, 1, 3, None, 3):
        fields = {} if version is None else {"vnc_password_version": version}
        slice_ = put(held, topology(vms=[vm("vm1", **fields), vm("vm2")]))
        versions.append(slice_.vms[0].extra.get("vnc_password_version"))
    assert versions == [None, None, 3, 3, 3]


def test_the_version_of_a_password_is_stored_and_never_lowered() -> None:
    held = cluster()

    def want(version: int | None) -> dict[str, Any]:
        return topology(vms=[vm("a", **({} if version is None else {"vnc_password_version": version}))], links=[])

    stored = [put(held, want(version)).vms[0].extra.get("vnc_password_version") for version in (1, 2, 2, None, 3)]
    assert stored == [None, 2, 2, 2, 3]
    assert refusals(held, want(2)) == [Refusal("password_version_lowered", "VM web/a", {"version": 3, "got": 2})]


def test_only_what_grows_needs_room() -> None:
    held = cluster(1, cores=4, ram_gb=8)
    held.workers["10.0.10.1"].cpu_overcommit = 1.0
    held.flavors["wide"] = {**held.flavors["cirros"], "cores": 5}
    held.flavors["high"] = {**held.flavors["cirros"], "cores": 1, "ram_gb": 7.5}
    put(held, topology(vms=[vm("a")], links=[]))
    (refused,) = refusals(held, topology(vms=[vm("a", flavor="wide")], links=[]))
    assert (refused.code, refused.object) == ("no_room_to_grow", "VM web/a")
    # All cores are overcommitted, but memory is left.
    held.workers["10.0.10.1"].cores = 0
    assert put(held, topology(vms=[vm("a", flavor="high")], links=[])).vms[0].flavor["ram_gb"] == 7.5  # type: ignore[index] # it has one


def test_new_vms_have_the_lowest_free_ports() -> None:
    held = cluster()
    assert [each.vnc_port for each in put(held, topology()).vms] == [5901, 5902]
    assert [each.vnc_port for each in put(held, topology("lab", vms=[vm("a")], links=[])).vms] == [5903]


@pytest.mark.parametrize(("highest", "is_refused"), [("eth1", False), ("eth2", True)])
def test_an_interface_beyond_the_segments_of_a_vm_needs_data_interfaces(highest: str, is_refused: bool) -> None:
    want = topology(vms=[vm("a"), vm("b")], links=[link(f"a:{highest}", "b")])
    if is_refused:
        assert [each.code for each in refusals(cluster(), want)] == ["interface_without_segment"]
    else:
        assert [len(each.interfaces) for each in put(cluster(), want).vms] == [2, 2]


def test_a_vm_keeps_the_interfaces_that_it_has() -> None:
    held = cluster()
    links = [link("a:eth1", "b"), link("a:eth2", "b")]
    put(held, topology(vms=[vm("a"), vm("b", data_interfaces=2)], links=links))
    slice_ = put(held, topology(vms=[vm("a"), vm("b", data_interfaces=2)], links=links[1:]))
    assert [each.name for each in slice_.vms[0].interfaces] == ["eth0", "eth1", "eth2"]


def test_the_image_of_a_vm_may_get_the_name_of_another_flavor_with_the_same_image() -> None:
    held = cluster()
    held.flavors["same"] = {**held.flavors["cirros"]}
    put(held, topology())
    for flavor in ("cirros", None):
        again = put(held, topology(vms=[vm("vm1", flavor=flavor, image="same"), vm("vm2")]))
        assert again.vms[0].extra["image"] == "same"
        (refusal,) = refusals(held, topology(vms=[vm("vm1", flavor=flavor, image="big"), vm("vm2")]))
        assert refusal.code == "image_is_fixed"


def test_a_disk_is_at_least_as_large_as_the_image_of_another_flavor() -> None:
    held = cluster()
    for name, size in (("fits", 1), ("large", 1.5)):
        held.flavors[name] = {**held.flavors["big"], "virtual_size_gb": size}
    assert put(held, topology(vms=[vm("a", image="fits")], links=[])).vms[0].extra["image"] == "fits"
    (refusal,) = refusals(held, topology("other", vms=[vm("a", image="large")], links=[]))
    assert (refusal.code, refusal.figures) == ("disk_smaller_than_image", {"got": 1, "least": 1.5})


def test_title_set_up_and_interfaces_are_stored_with_a_vm_and_go_with_their_options() -> None:
    held = cluster()
    options: dict[str, Any] = {
        "title": "Router 1",
        "data_interfaces": 2,
        "cloud_init": {"packages": ["frr"]},
        "ready_when": {"check": "console"},
    }
    plain = put(held, topology(vms=[vm("a")], links=[])).vms[0].extra
    full = put(held, topology(vms=[vm("a", **options)], links=[])).vms[0].extra
    assert {key: full[key] for key in full if key not in plain} == {
        "title": "Router 1",
        "data_interfaces": 2,
        "cloud_init": full["cloud_init"],
        "ready_when": {"check": "console"},
    }
    assert put(held, topology(vms=[vm("a", **{**options, "title": None})], links=[])).vms[0].extra.get("title") is None
    assert put(held, topology(vms=[vm("a")], links=[])).vms[0].extra.keys() == plain.keys()


@pytest.mark.parametrize("image", [None, "iso"])
def test_a_vm_is_not_made_from_a_cd(image: str | None) -> None:
    held = cluster()
    held.flavors["iso"] = {**held.flavors["big"], "image": "/a.iso", "content": "cd"}
    (refusal,) = refusals(held, topology(vms=[vm("a", flavor="big" if image else "iso", image=image)], links=[]))
    assert refusal == Refusal("cd_is_no_disk", "VM web/a", {"flavor": "iso", "image": "/a.iso"})


def test_the_ports_of_displays_run_out() -> None:
    held = cluster()
    held.extra["left_behind"] = {VNC_PORT: list(range(FIRST_VNC_PORT, LAST_VNC_PORT))}
    assert refusals(held, topology()) == [
        Refusal("no_free_vnc_port", "VM web/vm2", {"first": FIRST_VNC_PORT, "last": LAST_VNC_PORT})
    ]


def test_a_disk_never_shrinks_with_another_flavor() -> None:
    held = cluster()
    held.flavors["same"] = {**held.flavors["cirros"]}
    held.flavors["small"] = {**held.flavors["cirros"], "disk_gb": 0.5}
    put(held, topology(vms=[vm("a")], links=[]))
    assert refusals(held, topology(vms=[vm("a", flavor="small")], links=[])) == [
        Refusal("disk_cannot_shrink", "VM web/a", {"disk": "the disk of flavor small", "size": 1, "got": 0.5})
    ]
    put(held, topology(vms=[vm("a", flavor="same")], links=[]))
    held.flavors["same"]["disk_gb"] = 0.5
    kept = put(held, topology(vms=[vm("a", flavor="same")], links=[])).vms[0]
    assert kept.flavor is not None
    assert kept.flavor["disk_gb"] == 1, "a flavor that shrinks leaves disks as they are"


def test_an_image_that_is_no_flavor_is_refused() -> None:
    held = cluster()
    put(held, topology(vms=[vm("a")], links=[]))
    (refusal,) = refusals(held, topology(vms=[vm("a", flavor=None, image="none")], links=[]))
    assert (refusal.code, refusal.figures["kind"], refusal.figures["name"]) == ("unknown_reference", "flavor", "none")


def test_what_does_not_grow_needs_no_room_and_shrinking_makes_none_smaller() -> None:
    held = cluster(1, cores=4, ram_gb=8)
    held.flavors["even"] = {**held.flavors["cirros"], "cores": 2}
    held.flavors["more"] = {**held.flavors["even"], "cores": 1, "ram_gb": 1}
    put(held, topology(vms=[vm("a", flavor="even")], links=[]))
    worker = held.workers["10.0.10.1"]
    worker.cores = 0
    changed = put(held, topology(vms=[vm("a", flavor="more")], links=[])).vms[0]
    assert changed.flavor is not None
    assert (changed.flavor["cores"], changed.flavor["ram_gb"]) == (1, 1)
    worker.ram_gb = 0
    assert put(held, topology(vms=[vm("a", flavor="more", title="T")], links=[])).vms[0].flavor == changed.flavor


@pytest.mark.parametrize(("version", "stored"), [(None, None), (1, None), (2, 2), (3, 3)])
def test_the_first_version_of_a_password_is_not_stored(version: int | None, stored: int | None) -> None:
    slice_ = put(cluster(), topology(vms=[vm("a", vnc_password_version=version)], links=[]))
    assert slice_.vms[0].extra.get("vnc_password_version") == stored


def test_the_kind_of_a_vm_is_stored_and_goes_with_it() -> None:
    held = cluster()
    held.kinds = {"router": {"management_interface": "mgmt", "interface_pattern": "ge{n}"}}
    slice_ = put(held, topology(vms=[vm("a", kind="router"), vm("b")], links=[link("a", "b")]))
    assert (slice_.vms[0].extra["kind"]["name"], "kind" in slice_.vms[1].extra) == ("router", False)
    assert slice_.vms[0].interfaces[0].extra["guest_name"] == "mgmt"
    slice_ = put(held, topology(vms=[vm("a"), vm("b")], links=[link("a", "b")]))
    assert "kind" not in slice_.vms[0].extra
    assert [each.extra.get("guest_name") for each in slice_.vms[0].interfaces] == [None, None]


def test_a_vm_without_a_flavor_keeps_its_image() -> None:
    held = cluster()
    slice_ = put(held, topology(vms=[vm("a")], links=[]))
    slice_.vms[0].flavor = None
    (refusal,) = refusals(held, topology(vms=[vm("a", flavor=None, image="big")], links=[]))
    assert (refusal.code, refusal.figures) == ("image_is_fixed", {"image": None, "flavor": "big", "got": "/big.img"})


@pytest.mark.parametrize(
    ("addresses", "is_change"),
    [
        (["10.9.0.1/24", "10.9.0.2/24", "2001:db8::5/64"], False),
        (["2001:DB8:0::0005/64", "10.9.0.1/24", "10.9.0.2/24"], False),
        # The first address of a network is that from which the guest sends.
        (["10.9.0.2/24", "10.9.0.1/24", "2001:db8::5/64"], True),
        (["10.9.0.1/24", "10.9.0.2/24", "2001:db8::6/64"], True),
        (["10.9.0.1/24", "10.9.0.2/24"], True),
    ],
)
def test_addresses_in_another_spelling_or_order_of_ip_versions_are_no_change(
    addresses: list[str], is_change: bool
) -> None:
    def machine(given: list[str]) -> dict[str, Any]:
        return vm("a", data_interfaces=1, cloud_init={"interfaces": [{"name": "eth1", "addresses": given}]})

    held = cluster()
    first = put(held, topology(vms=[machine(["10.9.0.1/24", "10.9.0.2/24", "2001:db8::5/64"])], links=[])).to_dict()
    again = put(held, topology(vms=[machine(addresses)], links=[])).to_dict()
    assert (again != first) is is_change
