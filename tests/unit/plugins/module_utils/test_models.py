# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data model: names, signatures, defaults, methods and stored shapes."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import Observed
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import (
    VM,
    Flavor,
    Interface,
    Link,
    Network,
    Slice,
    User,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import FieldError

NIC, MACHINE, DISK = ("vms", 0, "interfaces", 1), ("vms", 0), ("vms", 0, "disks", 1)
LINK, NETWORK = ("links", 0), ("networks", 0)
FIXTURE = Path(__file__).parents[3] / "fixtures" / "slice_1000.json"


def stored() -> dict[str, Any]:
    return json.loads(FIXTURE.read_text())


def test_a_stored_slice_is_read_back_unchanged_in_the_same_order() -> None:
    again = Slice.from_dict(stored()).to_dict()
    assert json.dumps(again, indent=2) + "\n" == FIXTURE.read_text()


@pytest.mark.parametrize(
    ("cls", "signature"),
    [
        (User, "(username, password_hash, quota_vms=10)"),
        (Interface, "(name, vlan_id=None, mac=None, ip_config=None, link_id=None)"),
        (Link, "(link_id, vlan_id, vm1_id, vm1_interface, vm2_id, vm2_interface)"),
        (VM, "(vm_id, name, owner, worker_ip, vnc_port, interfaces, flavor=None, qcow_image=None)"),
        (Network, "(vlan_id, cidr, gateway_ip, dhcp_enabled=False, dhcp_range=None)"),
        (Slice, "(slice_id, owner, topology_type='custom')"),
    ],
)
def test_constructors_have_the_signatures_of_the_data_model(cls: type, signature: str) -> None:
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(cls).parameters.values()
    ]
    assert str(inspect.Signature(parameters)) == signature


@pytest.mark.parametrize(
    ("thing", "keys"),
    [
        (User("a", "h"), "username password_hash quota_vms used_vms slices"),
        (Interface("eth0"), "name vlan_id mac ip_config link_id"),
        (Link(1, 100, 1, "eth1", 2, "eth1"), "link_id vlan_id vm1_id vm1_interface vm2_id vm2_interface"),
        (
            VM(1, "v", "a", "10.0.10.1", 5901, []),
            "vm_id name owner worker_ip vnc_port status pid qcow_image flavor interfaces",
        ),
        (Network(100, "192.168.100.0/24", "192.168.100.1"), "vlan_id cidr gateway_ip dhcp_enabled dhcp_range status"),
        (
            Slice(1000, "a"),
            "slice_id owner topology_type vlan_pool_start vlan_pool_end vlan_pool_used status vms links networks",
        ),
    ],
)
def test_stored_keys_have_the_order_of_the_data_model(thing: Any, keys: str) -> None:
    assert list(thing.to_dict()) == keys.split()


@pytest.mark.parametrize(
    "thing",
    [
        User("a", "h", quota_vms=3),
        Interface("eth0", 400, "52:54:00:03:e9:00", {"ip": "10.60.7.101"}, None),
        Link(1, 100, 1, "eth1", 2, "eth1"),
        VM(1, "v", "a", "10.0.10.1", 5901, [Interface("eth0")], dict(Flavor.FLAVORS["cirros"]), "x.qcow2"),
        Network(100, "192.168.100.0/24", None, True, "a,b"),
        Slice(1015, "a", "ring"),
    ],
)
def test_from_dict_is_the_inverse_of_to_dict(thing: Any) -> None:
    data = {**thing.to_dict(), "beyond": [1]}
    assert type(thing).from_dict(data).to_dict() == data


def test_defaults() -> None:
    user = User("alice", "abc123", quota_vms=5)
    assert (user.used_vms, user.slices, User("a", "h").quota_vms) == (0, [], 10)
    vm = VM(1, "v", "a", "10.0.10.1", 5901, [])
    assert (vm.status, vm.pid, vm.flavor, vm.qcow_image) == ("pending", None, None, None)
    assert (Slice(1000, "a").status, Network(1, "c", "g").status) == ("design", "pending")


def test_quota() -> None:
    user = User("alice", "abc123", quota_vms=5)
    user.used_vms = 4
    assert user.can_create_vms(1)
    assert not user.can_create_vms(2)


def test_flavors() -> None:
    assert Flavor.get("cirros") == {
        "cores": 1,
        "ram_gb": 0.5,
        "disk_gb": 1,
        "image": "/tmp/vm_images/cirros-0.6.2-x86_64-disk.img",
    }
    assert Flavor.get("ubuntu") == {
        "cores": 1,
        "ram_gb": 0.5,
        "disk_gb": 2.2,
        "image": "/tmp/vm_images/focal-server-cloudimg-amd64.img",
    }
    assert Flavor.get("unknown") is None
    assert list(Flavor.FLAVORS) == ["cirros", "ubuntu"]


@pytest.mark.parametrize(
    ("slice_id", "start", "end"), [(1000, 100, 119), (1001, 120, 139), (1002, 140, 159), (1050, 1100, 1119)]
)
def test_the_pool_is_that_of_the_data_model(slice_id: int, start: int, end: int) -> None:
    slice_ = Slice(slice_id, "a")
    assert (slice_.vlan_pool_start, slice_.vlan_pool_end) == (start, end)


def test_vlans_are_leased_lowest_first_until_none_is_free() -> None:
    slice_ = Slice(1000, "admin")
    assert [slice_.get_next_vlan() for _each in range(21)] == [*range(100, 120), None]
    slice_.vlan_pool_used.remove(107)
    assert slice_.get_next_vlan() == 107


def test_the_management_vlan_is_never_leased() -> None:
    slice_ = Slice(1015, "admin")
    assert [slice_.get_next_vlan() for _each in range(20)] == [*range(401, 420), None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("owner"), "the document: field owner is missing"),
        (lambda data: data.update(slice_id="x"), "slice_id: must be int, got str 'x'"),
        (lambda data: data.update(slice_id=True), "slice_id: must be int, got bool 'True'"),
        (lambda data: data.update(vms=None), "vms: must be list, got null"),
        (lambda data: data["vms"][1].update(pid=5), "vms.1.pid: must be str or null, got int '5'"),
        (lambda data: data["vms"][0]["interfaces"].append(7), "vms.0.interfaces.2: must be a mapping, got int '7'"),
        (lambda data: data["vlan_pool_used"].append("1"), "vlan_pool_used.1: must be int, got str '1'"),
        (lambda data: data["links"][0].pop("vlan_id"), "links.0: field vlan_id is missing"),
        (
            lambda data: data["vms"][0].update(power="off"),
            "vms.0.power: must be one of running, stopped, paused, got str 'off'",
        ),
        (lambda data: data["vms"][0].update(observed={"pid": "1"}), "vms.0.observed: field state is missing"),
        (
            lambda data: data["vms"][0].update(placement={"worker": 1}),
            "vms.0.placement.worker: must be str, got int '1'",
        ),
        (
            lambda data: data["vms"][0]["interfaces"][1].update(rx_kbps="1"),
            "vms.0.interfaces.1.rx_kbps: must be int, got str '1'",
        ),
        (
            lambda data: data["vms"][0]["interfaces"][1].update(delay_ms="1"),
            "vms.0.interfaces.1.delay_ms: must be int or float, got str '1'",
        ),
        (lambda data: data["vms"][0]["interfaces"][1].update(up=1), "vms.0.interfaces.1.up: must be bool, got int '1'"),
        (lambda data: data["links"][0].update(mtu="1"), "links.0.mtu: must be int, got str '1'"),
        (lambda data: data.update(expires=5), "expires: must be str, got int '5'"),
        (lambda data: data.update(peers="yes"), "peers: must be bool, got str 'yes'"),
        (
            lambda data: data["networks"].append({"vlan_id": 101, "cidr": "10.0.0.0/24", "nat": 1}),
            "networks.0.nat: must be bool, got int '1'",
        ),
        (
            lambda data: data["vms"][0].update(disks=[{"path": "/a", "first_seen": 5}]),
            "vms.0.disks.0.first_seen: must be str, got int '5'",
        ),
    ],
)
def test_a_stored_field_of_a_wrong_type_is_reported(change: Any, message: str) -> None:
    data = stored()
    change(data)
    with pytest.raises(FieldError) as caught:
        Slice.from_dict(data)
    assert str(caught.value) == message


@pytest.mark.parametrize("where", [(), ("vms", 0), ("vms", 1, "disks", 0)])
def test_an_invalid_uuid_is_reported_with_its_place(where: tuple[str | int, ...]) -> None:
    data = stored()
    if "disks" in where:
        data["vms"][1]["disks"] = [{"path": data["vms"][1]["qcow_image"]}]
    thing: Any = data
    for step in where:
        thing = thing[step]
    thing["uuid"] = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"
    assert Slice.from_dict(data).to_dict() == data
    thing["uuid"] = "1036"
    with pytest.raises(FieldError) as caught:
        Slice.from_dict(data)
    assert (caught.value.path, caught.value.reason) == ((*where, "uuid"), "must be a UUID, got str '1036'")


@pytest.mark.parametrize(("kind", "field"), [(User, "uuid"), (Slice, "owner_uuid")])
def test_an_invalid_uuid_of_a_user_is_reported(kind: type[User | Slice], field: str) -> None:
    data: dict[str, Any] = {"uuid": User("a", "h").to_dict(), "owner_uuid": stored()}[field]
    assert getattr(kind.from_dict(data), field) is None
    data[field] = "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"
    assert (kind.from_dict(data).to_dict(), getattr(kind.from_dict(data), field)) == (data, data[field])
    data[field] = "alice"
    with pytest.raises(FieldError) as caught:
        kind.from_dict(data)
    assert (caught.value.path, caught.value.reason) == ((field,), "must be a UUID, got str 'alice'")


def test_pools_are_the_own_one_and_further_ones() -> None:
    slice_ = Slice(1003, "admin")
    assert (slice_.pools, slice_.further_pools) == ([3], [])
    slice_.extra["further_pools"] = [7, 5]
    assert (slice_.pools, slice_.further_pools) == ([3, 7, 5], [7, 5])


def test_a_slice_has_the_status_of_its_vms_that_stay() -> None:
    slice_ = Slice(1000, "admin")
    for number, state in ((1001, "running"), (1002, "stopped")):
        slice_.vms.append(VM(number, f"vm{number}", "admin", "10.0.10.1", 5901, []))
        slice_.vms[-1].see(Observed(state))
    assert (len(slice_.live_vms), slice_.status) == (2, "stopped")
    slice_.vms[1].deleting = True
    assert ([vm.vm_id for vm in slice_.live_vms], slice_.status) == ([1001], "running")


@pytest.mark.parametrize("field", ["name", "title"])
@pytest.mark.parametrize("where", [(), ("vms", 0), ("links", 0), ("networks", 0)])
def test_names_and_titles_of_all_objects_are_texts(where: tuple[str | int, ...], field: str) -> None:
    data = stored()
    data["networks"] = [
        {
            "vlan_id": 101,
            "cidr": "192.168.101.0/24",
            "gateway_ip": None,
            "dhcp_enabled": False,
            "dhcp_range": None,
            "status": "design",
        }
    ]
    found: Any = data
    for key in where:
        found = found[key]
    Slice.from_dict(data)
    found[field] = 5
    with pytest.raises(FieldError, match=f"{field}"):
        Slice.from_dict(data)


@pytest.mark.parametrize("field", ["cidr", "cidr6"])
def test_subnets_of_links_are_texts(field: str) -> None:
    data = stored()
    data["links"][0][field] = 5
    with pytest.raises(FieldError, match=field):
        Slice.from_dict(data)


def test_a_slice_has_a_name_beyond_the_data_model() -> None:
    slice_ = Slice(1000, "admin")
    assert slice_.name is None
    slice_.extra["name"] = "web"
    assert slice_.name == "web"


def test_a_link_is_called_by_its_name_or_its_id() -> None:
    link = Link(7, 100, 1001, "eth1", 1002, "eth1")
    assert link.label == "7"
    link.extra["name"] = "core"
    assert link.label == "core"


def whole() -> dict[str, Any]:
    """Return a stored slice with a data disk and a network."""
    data = stored()
    data["vms"][0]["disks"] = [{"path": data["vms"][0]["qcow_image"]}, {"path": "/b", "name": "db"}]
    data["networks"].append({"vlan_id": 101, "cidr": "10.0.0.0/24"})
    return data


@pytest.mark.parametrize(
    ("where", "field", "bad", "place"),
    [
        (NIC, "guest_name", 7, ""),
        (NIC, "ip_config", {"ip": 7}, ".ip"),
        (NIC, "ip_config", {"cidr": "10.0.0.0/8"}, ""),
        (DISK, "uuid", 7, ""),
        (DISK, "name", 7, ""),
        (DISK, "size_gb", "7", ""),
        (DISK, "given_up", 1, ""),
        (MACHINE, "title", 7, ""),
        (MACHINE, "flavor", {"cores": "1", "ram_gb": 1, "disk_gb": 1, "image": "/x"}, ".cores"),
        (MACHINE, "placement", {"policy": 7}, ".policy"),
        (MACHINE, "data_interfaces", "2", ""),
        (MACHINE, "cloud_init", {"ssh_keys": [7]}, ".ssh_keys.0"),
        (MACHINE, "image", 7, ""),
        (MACHINE, "loopback", {"ipv4": 7}, ".ipv4"),
        (MACHINE, "ready_when", {"port": 22}, ""),
        (MACHINE, "trashed_disks", [{"name": "db"}], ".0"),
        (MACHINE, "kind", {"name": 7}, ".name"),
        (MACHINE, "cdrom", {"name": "a"}, ""),
        (MACHINE, "boot", ["disk", 7], ".1"),
        (MACHINE, "vnc_password_version", "2", ""),
        (LINK, "name", 7, ""),
        (LINK, "title", 7, ""),
        (LINK, "cidr", 7, ""),
        (LINK, "cidr6", 7, ""),
        (LINK, "addresses", [{"vm_id": "1"}], ".0.vm_id"),
        (LINK, "qinq", 1, ""),
        (LINK, "forward_bpdu", "no", ""),
        (NETWORK, "name", 7, ""),
        (NETWORK, "title", 7, ""),
        (NETWORK, "members", [{"vm_id": 1001}], ".0"),
        (NETWORK, "mtu", "9000", ""),
        (NETWORK, "qinq", 1, ""),
        (NETWORK, "forward_bpdu", 1, ""),
        (NETWORK, "cidr6", 7, ""),
        ((), "name", 7, ""),
        ((), "title", 7, ""),
        ((), "revision", "7", ""),
        ((), "max_vlan_pools", "2", ""),
        ((), "further_pools", ["2"], ".0"),
        ((), "reserved_vlans", [{"name": "a"}], ".0"),
        ((), "addressing", {"links": {"prefix": "30"}}, ".links.prefix"),
        ((), "releasing", {"vlan_ids": ["1"]}, ".vlan_ids.0"),
        ((), "release_id", 7, ""),
    ],
)
def test_each_field_beyond_the_data_model_has_its_type(
    where: tuple[str | int, ...], field: str, bad: Any, place: str
) -> None:
    data = whole()
    Slice.from_dict(data)
    thing: Any = data
    for step in where:
        thing = thing[step]
    thing[field] = bad
    with pytest.raises(FieldError) as caught:
        Slice.from_dict(data)
    assert str(caught.value).startswith(".".join(map(str, (*where, field))) + f"{place}: ")


def test_a_network_is_called_by_its_name_or_its_vlan() -> None:
    network = Network(101, "10.0.0.0/24", None)
    assert network.label == "101"
    network.extra["name"] = "lan"
    assert network.label == "lan"


def test_a_stored_network_has_no_gateway_and_no_dhcp_unless_it_is_said() -> None:
    network = Network.from_dict({"vlan_id": 101, "cidr": "10.0.0.0/24"})
    assert (network.gateway_ip, network.dhcp_enabled, network.dhcp_range, network.status) == (
        None,
        False,
        None,
        "pending",
    )
