# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Edits of single parts have the same result as a whole topology, can be reverted, and respect permissions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import VM_NAME
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal

from ..module_utils._domain import builders
from ..uuids import without_uuids
from .documented import check_changes
from .module_calls import Door, Memory

NUMERIC = Refusal("invalid_name", "slice web", {"kind": "VM", "got": "4711", "form": VM_NAME.rule})


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(Memory(builders.cluster()), monkeypatch)


@pytest.fixture
def web(door: Door) -> Door:
    """Return the door to a cluster with the slice web of admin."""
    assert ok(door("slice", **builders.topology()))["changed"]
    return door


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    return result


def without_revisions(data: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a database without the revisions of itself and of its slices."""
    slices = {key: {**slice_, "revision": 0} for key, slice_ in data["slices"].items()}
    return {**data, "slices": slices, "revision": 0, "issued_revisions": []}


def test_slice_and_the_small_modules_produce_the_same_database(web: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(web("network", slice="web", name="lan", members=["vm1", "vm2"], gateway=True))
    whole = Door(Memory(builders.cluster()), monkeypatch)
    ok(whole("slice", **builders.topology(networks=[{"name": "lan", "members": ["vm1", "vm2"], "gateway": True}])))
    steps = Door(Memory(builders.cluster()), monkeypatch)
    ok(steps("slice", name="web"))
    ok(steps("vm", slice="web", name="vm1", flavor="cirros", internet=True))
    ok(steps("vm", slice="web", name="vm2", flavor="cirros"))
    ok(steps("link", slice="web", endpoints=["vm1", "vm2"]))
    ok(steps("network", slice="web", name="lan", members=["vm1", "vm2"], gateway=True))
    data = [without_revisions(without_uuids(each.data())) for each in (web, whole, steps)]
    assert data[0] == data[1] == data[2]


def test_the_small_modules_keep_peers_and_nat(door: Door) -> None:
    networks = [{"name": "lan", "members": ["vm1"], "gateway": True, "nat": True}]
    ok(door("slice", **builders.topology(networks=networks), peers=True))
    before = door.data()
    for module, fields in (
        ("vm", {"name": "vm2", "internet": False}),
        ("link", {"endpoints": ["vm1", "vm2"]}),
        ("network", {"name": "lan", "members": ["vm1"]}),
    ):
        assert not ok(door(module, slice="web", **fields))["changed"]
    assert door.data() == before
    changed = ok(door("network", slice="web", name="lan", nat=False))
    assert "nat" not in changed["network"]
    assert [each["reason"] for each in changed["changes"]] == ["nat true → false"]
    assert builders.refused(door("network", slice="web", name="lan", nat=True, gateway=False)) == [
        Refusal("option_needs_option", "network web/lan", {"option": "nat", "needs": "gateway"})
    ]


THINGS: list[tuple[str, dict[str, Any]]] = [
    ("vm", {"name": "extra", "flavor": "cirros", "internet": True, "data_interfaces": 2}),
    ("link", {"name": "extra", "endpoints": ["vm1", "vm2"]}),
    ("link", {"name": "other", "endpoints": ["vm1", "vm3"]}),
    ("network", {"name": "extra", "members": ["vm1", "vm2", "vm3"], "dhcp_enabled": True}),
    ("vlan", {"name": "extra"}),
]


@given(
    shape=st.sampled_from(["linear", "ring", "star", "mesh", "bus"]),
    things=st.lists(st.sampled_from(range(len(THINGS))), min_size=1, max_size=5, unique=True),
)
def test_adding_and_removing_an_object_leaves_no_trace(shape: str, things: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        door = Door(Memory(builders.cluster()), monkeypatch)
        ok(door("slice", name="web", topology_type=shape, size=3, flavor="cirros"))
        before = door.data()
        for number in things:
            module, fields = THINGS[number]
            assert ok(door(module, slice="web", **fields))["changed"]
        for number in reversed(things):
            module, fields = THINGS[number]
            told = {key: fields[key] for key in ("name", "endpoints") if key in fields}
            if "name" in told:
                told = {"name": told["name"]}
            assert ok(door(module, slice="web", state="absent", **told))["changed"]
        after = door.data()
        assert without_revisions({**before, "next_vm_id": after["next_vm_id"]}) == without_revisions(after)


def test_a_removed_vm_is_removed_with_its_links_and_from_its_networks(web: Door) -> None:
    ok(web("network", slice="web", name="lan", members=["vm1", "vm2"]))
    changes = ok(web("vm", slice="web", vm_id=1002, state="absent"))["changes"]
    gone = [(each["kind"], each["name"]) for each in changes if each["action"] == "delete"]
    assert gone == [("vm", "web/vm2"), ("link", "web/1")]
    assert [(each["kind"], each["reason"]) for each in changes if each["action"] == "update"] == [
        ("vm", "interfaces eth1 52:54:00:03:e9:01 VLAN 100 → eth1 52:54:00:03:e9:01 no VLAN"),
        ("network", "members vm2:eth2 → none"),
    ]
    with web.store.transaction(write=False) as cluster:
        assert breaches(cluster) == []


def test_a_rename_is_a_change_that_requires_a_restart_of_a_running_vm(web: Door) -> None:
    web.store.data["slices"]["1000"]["vms"][0]["status"] = "running"  # type: ignore[attr-defined] # Memory
    done = ok(web("vm", slice="web", name="vm1", new_name="router"))
    (change,) = done["changes"]
    assert (change["kind"], change["name"], change["id"]) == ("vm", "web/router", 1001)
    assert (change["action"], change["reason"], change["restart"]) == ("update", "name vm1 → router", True)
    assert done["vm"]["qcow_image"].endswith("/1001/vm1_img.qcow2")
    assert ok(web("vm", slice="web", name="vm1", new_name="router"))["changed"] is False


def test_changes_are_returned_as_documented(web: Door) -> None:
    for module, fields in (
        ("vm", {"name": "vm2", "new_name": "other"}),
        ("link", {"endpoints": ["vm1", "other"], "name": "second"}),
        ("network", {"name": "lan", "members": ["vm1"]}),
        ("vlan", {"name": "uplink"}),
    ):
        check_changes(module, ok(web(module, slice="web", **fields)))
    assert ok(web("vlan", slice="web", name="uplink"))["changes"] == []


def test_a_slice_is_renamed_by_name_or_id(web: Door) -> None:
    ok(web("slice", name="web", new_name="shop", append=True))
    assert ok(web("slice", name="web", new_name="shop", append=True))["changed"] is False
    done = ok(web("slice", name="mall", slice_id=1000, append=True))
    assert [each["reason"] for each in done["changes"]] == ["name shop → mall"]
    ok(web("slice", name="web"))
    assert builders.refused(web("slice", name="web", new_name="mall")) == [
        Refusal("slice_name_in_use", "slice web", {"got": "mall", "slice_id": 1000, "owner": "admin"})
    ]


def test_a_moved_end_keeps_the_vlan(web: Door) -> None:
    ok(web("vm", slice="web", name="vm3", flavor="cirros"))
    done = ok(web("link", slice="web", link_id=1, endpoints=["vm1", "vm3"]))
    assert (done["link"]["vlan_id"], done["link"]["vm2_id"]) == (100, 1003)
    assert {each["name"]: each["reason"] for each in done["changes"]}["web/1"] == (
        "ends vm1:eth1–vm2:eth1 → vm1:eth1–vm3:eth1"
    )


def test_a_reserved_vlan_is_kept_by_later_changes_of_the_slice(web: Door) -> None:
    assert ok(web("vlan", slice="web", name="uplink"))["vlan"] == {"vlan_id": 101, "name": "uplink"}
    assert ok(web("vlan", slice="web"))["vlan"] == {"vlan_id": 102}
    done = ok(web("slice", **builders.topology(links=[builders.link("vm1", "vm2"), builders.link("vm1", "vm2")])))
    assert [link["vlan_id"] for link in done["slices"][0]["links"]] == [100, 103]
    assert [each["vlan_id"] for each in ok(web("vlan_info", slice="web"))["vlans"]] == [101, 102]
    ok(web("vlan", slice="web", vlan_id=102, state="absent"))
    assert [each["name"] for each in ok(web("vlan_info"))["vlans"]] == ["uplink"]


@pytest.mark.parametrize(
    ("module", "fields", "refusal"),
    [
        ("vm", {"name": "new"}, Refusal("vm_without_flavor", "VM web/new")),
        ("vm", {"name": "4711", "flavor": "cirros"}, NUMERIC),
        ("vm", {}, Refusal("identifier_missing", "slice web", {"kind": "VM", "key": "vm_id"})),
        (
            "vm",
            {"vm_id": 7},
            Refusal("unknown_reference", "slice web", {"kind": "VM", "name": 7, "known": [1001, 1002]}),
        ),
        (
            "vm",
            {"name": "vm1", "new_name": "vm2"},
            Refusal("name_in_use", "slice web", {"kind": "VM", "name": "vm1", "got": "vm2"}),
        ),
        (
            "link",
            {"name": "x"},
            Refusal("option_missing", "slice web", {"kind": "new link", "option": "endpoints"}),
        ),
        ("link", {"endpoints": ["vm1"]}, Refusal("endpoint_count", "link web/2 (vm1)", {"got": 1})),
        (
            "network",
            {"vlan_id": 100},
            Refusal("unknown_reference", "slice web", {"kind": "network on VLAN", "name": 100, "known": []}),
        ),
        ("vlan", {"vlan_id": 100}, Refusal("vlan_not_reserved", "slice web", {"got": 100})),
        ("vlan", {"state": "absent"}, Refusal("identifier_missing", "slice web", {"kind": "VLAN", "key": "vlan_id"})),
        ("vm", {"name": "x", "acting_user": "alice"}, Refusal("not_found", "slice web", {"known": []})),
    ],
)
def test_invalid_edits(web: Door, module: str, fields: dict[str, Any], refusal: Refusal) -> None:
    before = web.data()
    assert builders.refused(web(module, slice="web", **fields)) == [refusal]
    assert web.data() == before


def test_a_tenant_gets_only_the_tenants_own_objects(web: Door) -> None:
    ok(web("slice", **builders.topology("lab", owner="alice")))
    assert {each["slice"] for each in ok(web("vm_info"))["vms"]} == {"web", "lab"}
    assert [each["name"] for each in ok(web("vm_info", names=["vm1", "1002"], slice="web"))["vms"]] == ["vm1", "vm2"]
    for module, plural in (("vm_info", "vms"), ("link_info", "links")):
        assert {each["slice"] for each in ok(web(module, acting_user="alice"))[plural]} == {"lab"}
    assert [slice_["name"] for slice_ in ok(web("slice_info", all=True, acting_user="alice"))["slices"]] == ["lab"]
    assert builders.refused(web("vm_info", slice="web", acting_user="alice")) == [
        Refusal("not_found", "slice web", {"known": ["lab (1003)"]})
    ]
    assert [user["name"] for user in ok(web("user_info", acting_user="alice"))["users"]] == ["alice"]
    assert ok(web("worker_info", acting_user="alice"))["workers"] == []
    assert len(ok(web("flavor_info", acting_user="alice"))["flavors"]) == 3
    assert "web" not in web("vm", slice="nowhere", name="x", acting_user="alice")["msg"]


def test_errors_do_not_reveal_objects_of_others_to_a_tenant(web: Door) -> None:
    """All messages about another user's slice are the same as those about a missing slice."""
    ok(web("user", name="bob"))
    before = web.data()
    vms = [{"name": "x", "flavor": "cirros"}]

    def learns(module: str, there: Any, absent: Any, **args: Any) -> bool:
        def ask(value: Any) -> str:
            given = {key: value if each == "?" else each for key, each in args.items()}
            return json.dumps(web(module, acting_user="alice", **given)).replace(str(value), "?")

        return ask(there) != ask(absent)

    assert not learns("slice", 1000, 1999, name="lab", slice_id="?", vms=vms)
    assert not learns("slice", 1000, 1999, name="lab", slice_id="?", owner="admin", vms=vms)
    assert not learns("slice", "web", "nil", name="?", owner="admin", vms=vms)
    assert not learns("slice", "web", "nil", name="?", owner="admin", append=True, vms=[{"name": "vm1"}])
    assert not learns("slice", "web", "nil", name="?", new_name="x", owner="admin", vms=vms)
    assert not learns("slice", "bob", "nobody", name="web", owner="?", vms=vms)
    for module, args in (
        ("slice", {"name": "?", "state": "absent"}),
        ("vm", {"slice": "?", "name": "vm1"}),
        ("vm", {"slice": "?", "name": "vm1", "state": "absent"}),
        ("vm_info", {"slice": "?"}),
        ("slice_info", {"names": ["?"]}),
        ("slice_plan", {"names": ["?"], "state": "absent"}),
        ("slice_plan", {"names": ["?"]}),
        ("vnc_password_info", {"names": ["?"]}),
    ):
        for there, absent in (("web", "nil"), ("1000", "1999")):
            assert not learns(module, there, absent, **args), (module, args)
    for module in ("slice_info", "slice_plan", "vnc_password_info", "vm_info"):
        assert not learns(module, "bob", "nobody", owner="?"), module
    assert web.data() == before


@pytest.fixture
def bob(door: Door) -> Door:
    ok(door("user", name="bob", password="correct horse", password_scheme="scrypt"))
    return door


def test_passwords_are_verified_and_never_returned(bob: Door) -> None:
    before = bob.data()
    stored = before["users"]["bob"]["password_hash"]
    assert stored.startswith("$scrypt$")
    for password, right in (("correct horse", True), ("wrong", False)):
        told = ok(bob("user", name="bob", password=password, state="verified", acting_user="bob"))
        assert (told["verified"], told["changed"]) == ({"bob": right}, False)
        assert stored not in json.dumps(told)
    assert ok(bob("user", name="nobody", password="x", state="verified"))["verified"] == {"nobody": False}
    assert ok(bob("user", name="bob", password="correct horse"))["changed"] is False
    assert bob.data() == before
    assert builders.refused(bob("user", name="bob", password="x", state="verified", acting_user="alice")) == [
        Refusal("admins_only", "password of bob", {"user": "alice"})
    ]
    assert builders.refused(bob("user", name="bob", state="verified")) == [
        Refusal("option_missing", "user bob", {"kind": "verified user", "option": "password"})
    ]
    done = ok(bob("user", name="bob", password="correct horse", password_scheme="sha256"))
    assert done["changed"]
    assert done["diff"]["after"].endswith("(password changed)\n")


def test_the_disk_of_a_flavor_is_at_least_as_large_as_its_image(door: Door) -> None:
    refused = door("flavor", name="big", disk_gb=1)
    assert not refused.get("failed")
    door.store.data["flavors"]["big"]["virtual_size_gb"] = 4  # type: ignore[attr-defined] # Memory
    assert builders.refused(door("flavor", name="big", disk_gb=2)) == [
        Refusal("disk_smaller_than_image", "flavor big", {"got": 2, "least": 4})
    ]


def test_limits_with_the_small_modules(web: Door) -> None:
    limits = [{"name": "eth1", "tx_kbps": 500, "up": False}]
    ok(web("vm", slice="web", name="vm2", interfaces=limits))
    assert ok(web("link", slice="web", link_id=1, mtu=1400, qinq=True, forward_bpdu=True))["changed"]
    ok(web("network", slice="web", name="lan", members=["vm1", "vm2"], mtu=1300))
    ok(web("vm", slice="web", name="vm3", flavor="cirros"))
    stored = web.data()["slices"]["1000"]
    assert stored["vms"][1]["interfaces"][1]["tx_kbps"] == 500
    assert stored["vms"][1]["interfaces"][1]["up"] is False
    assert {key: stored["links"][0][key] for key in ("mtu", "qinq", "forward_bpdu")} == {
        "mtu": 1400,
        "qinq": True,
        "forward_bpdu": True,
    }
    assert stored["networks"][0]["mtu"] == 1300
    assert not ok(web("vm", slice="web", name="vm2", interfaces=limits))["changed"]
    assert not ok(web("link", slice="web", link_id=1, mtu=1400))["changed"]
    ok(web("link", slice="web", link_id=1, mtu=1500, qinq=False, forward_bpdu=False))
    ok(web("vm", slice="web", name="vm2", interfaces=[]))
    stored = web.data()["slices"]["1000"]
    assert stored["links"][0].keys() & {"mtu", "qinq", "forward_bpdu"} == set()
    assert stored["vms"][1]["interfaces"][1].keys() == {"name", "vlan_id", "mac", "ip_config", "link_id"}


def test_limits_are_removed_with_their_interface(web: Door) -> None:
    ok(web("link", slice="web", name="second", endpoints=["vm1", "vm2"]))
    ok(web("vm", slice="web", name="vm2", interfaces=[{"name": "eth2", "rx_kbps": 5}]))
    ok(web("link", slice="web", name="second", state="absent"))
    assert [each["name"] for each in web.data()["slices"]["1000"]["vms"][1]["interfaces"]] == ["eth0", "eth1"]
    refused = web("vm", slice="web", name="vm2", interfaces=[{"name": "eth2", "rx_kbps": 5}])
    assert builders.refused(refused) == [
        Refusal("unknown_reference", "VM web/vm2", {"kind": "interface", "name": "eth2", "known": ["eth0", "eth1"]})
    ]


def test_a_vm_keeps_the_image_of_another_flavor(web: Door) -> None:
    made = ok(web("vm", slice="web", name="vm3", flavor="cirros", image="big"))["vm"]
    assert (made["image"], made["flavor"]["image"], made["flavor"]["cores"]) == ("big", "/big.img", 1)
    assert ok(web("vm", slice="web", name="vm3", power="stopped"))["vm"]["flavor"] == made["flavor"]
    larger = ok(web("vm", slice="web", name="vm3", flavor="big"))["vm"]
    assert (larger["flavor"]["cores"], larger["flavor"]["image"]) == (4, "/big.img")
    refused = web("vm", slice="web", name="vm3", image="cirros")
    assert "VM web/vm3: its disk was made from /big.img, but flavor cirros has /tmp/vm_images/cirros" in refused["msg"]
    assert "VM web/vm3: flavor nothing does not exist" in web("vm", slice="web", name="vm3", image="nothing")["msg"]
    assert ok(web("vm", slice="web", name="vm1", image="cirros"))["vm"]["image"] == "cirros"
    assert web("flavor", name="big", state="absent")["failed"]
