# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import cloud_init, work_orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.cloud_init import CloudInit
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Network, Slice

from .builders import cluster, link, put, topology, vm

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqP alice@desk"


def pair(held: Cluster | None = None, mtu: int = 1500, **first: Any) -> Slice:
    """Return a slice of two VMs with a link, of which one has a set-up."""
    links = [{**link("a", "b"), "mtu": mtu}]
    return put(held or cluster(), topology(vms=[vm("a", internet=True, cloud_init=first), vm("b")], links=links))


def files(slice_: Slice, held: Cluster | None = None) -> dict[str, str]:
    held = held or cluster()
    held.slices[slice_.slice_id] = slice_
    found = work_orders.work_orders(held, [slice_], state_dir="/var/lib/cloudrepo")["workers"]
    (mine,) = [
        each for order in found.values() for one in order["slices"] for each in one["vms"] if each["name"] == "a"
    ]
    return {each["name"]: each["content"] for each in mine.get("seed", ())}


def network(slice_: Slice) -> dict[str, Any]:
    config = json.loads(files(slice_)["network-config"])
    assert config["version"] == 2
    found: dict[str, Any] = config["ethernets"]
    return found


def refusals(**first: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        pair(**first)
    return [refusal.message for refusal in caught.value.refusals]


def test_a_vm_without_a_set_up_has_no_files() -> None:
    held = cluster()
    assert files(put(held, topology(vms=[vm("a")], links=[])), held) == {}


def test_the_host_name_is_that_of_the_vm_and_eth0_uses_dhcp() -> None:
    slice_ = pair()
    found = files(slice_)
    first = slice_.vms[0]
    meta = json.loads(found["meta-data"])
    assert meta["local-hostname"] == "a"
    assert meta["instance-id"].startswith(f"{first.uuid}-")
    assert found["user-data"].startswith("#cloud-config\n")
    assert json.loads(found["user-data"].partition("\n")[2]) == {"hostname": "a", "preserve_hostname": False}
    assert network(slice_) == {
        "eth0": {"match": {"macaddress": first.interfaces[0].mac}, "set-name": "eth0", "dhcp4": True},
        "eth1": {"match": {"macaddress": first.interfaces[1].mac}, "set-name": "eth1", "optional": True},
    }


def test_keys_and_static_addresses_reach_the_guest() -> None:
    addresses = ["10.1.0.1/24", "2001:db8::1/64"]
    slice_ = pair(mtu=9000, hostname="r1", ssh_keys=[KEY], interfaces=[{"name": "eth1", "addresses": addresses}])
    user = json.loads(files(slice_)["user-data"].partition("\n")[2])
    assert (user["hostname"], user["ssh_authorized_keys"]) == ("r1", [KEY])
    eth1 = network(slice_)["eth1"]
    assert (eth1["addresses"], eth1["mtu"], "dhcp4" in eth1) == (addresses, 9000, False)


def test_an_interface_on_a_network_with_dhcp_uses_it() -> None:
    lan = {"name": "lan", "members": ["a"], "dhcp_enabled": True}
    slice_ = put(cluster(), topology(vms=[vm("a", cloud_init={})], links=[], networks=[lan]))
    assert [network(slice_)[name].get("dhcp4") for name in ("eth0", "eth1")] == [None, True]


@pytest.mark.parametrize(
    ("internet", "addresses", "networks", "awaited"),
    [
        (True, ["10.1.0.1/24"], [], "eth0"),
        (False, ["10.1.0.1/24"], [], "eth1"),
        (False, ["10.1.0.1/24"], [{"name": "lan", "members": ["a"], "dhcp_enabled": True}], "eth2"),
        (False, [], [{"name": "lan", "members": ["a"]}], "eth1"),
    ],
)
def test_the_boot_waits_for_one_connected_interface(
    internet: bool, addresses: list[str], networks: list[dict[str, Any]], awaited: str
) -> None:
    first = {"interfaces": [{"name": "eth1", "addresses": addresses}]} if addresses else {}
    vms = [vm("a", internet=internet, cloud_init=first), vm("b")]
    found = network(put(cluster(), topology(vms=vms, links=[link("a", "b")], networks=networks)))
    assert [name for name, said in found.items() if "optional" not in said] == [awaited]


def test_a_guest_without_a_connected_interface_waits_for_none() -> None:
    alone = put(cluster(), topology(vms=[vm("a", cloud_init={}, data_interfaces=1)], links=[]))
    assert [said["optional"] for said in network(alone).values()] == [True, True]


PLAN = {
    "links": {"ipv4": "10.1.0.0/16", "ipv6": "2001:db8:1::/48"},
    "loopbacks": {"ipv4": "10.0.0.0/24", "ipv6": "2001:db8::/64"},
}


def planned(**first: Any) -> Slice:
    """Return a slice of two VMs with a link, whose addresses come from pools."""
    vms = [vm("a", internet=True, cloud_init=first), vm("b")]
    return put(cluster(), topology(vms=vms, links=[link("a", "b")], addressing=PLAN))


def test_addresses_from_pools_reach_the_guest() -> None:
    found = network(planned())
    assert found["eth1"]["addresses"] == ["10.1.0.1/30", "2001:db8:1::1/64"]
    assert found["lo"] == {"match": {"name": "lo"}, "addresses": ["10.0.0.1/32", "2001:db8::1/128"]}
    assert found["eth0"]["dhcp4"] is True


def test_addresses_of_the_set_up_are_added_to_those_from_pools() -> None:
    more = {"name": "eth1", "addresses": ["10.1.0.1/24", "10.9.0.1/24"]}
    assert network(planned(interfaces=[more]))["eth1"]["addresses"] == [
        "10.1.0.1/30",
        "2001:db8:1::1/64",
        "10.9.0.1/24",
    ]


def test_an_address_of_the_set_up_must_not_be_one_that_another_end_has_from_a_pool() -> None:
    with pytest.raises(Refused) as caught:
        planned(interfaces=[{"name": "eth1", "addresses": ["2001:db8:1:0::2/64"]}])
    assert "2001:db8:1::2 belongs to" in str(caught.value)


def test_an_interface_with_an_ipv6_address_from_a_pool_still_uses_dhcp() -> None:
    lan = {"name": "lan", "members": ["a"], "dhcp_enabled": True}
    pools = {"networks": {"ipv4": "10.2.0.0/16", "ipv6": "2001:db8:2::/48"}}
    slice_ = put(cluster(), topology(vms=[vm("a", cloud_init={})], links=[], networks=[lan], addressing=pools))
    eth1 = network(slice_)["eth1"]
    assert (eth1["addresses"], eth1["dhcp4"]) == (["2001:db8:2::1/64"], True)


def test_a_member_with_an_address_from_a_pool_uses_the_gateway_unless_dhcp_tells_another_one() -> None:
    lan = {"name": "lan", "members": ["a"], "gateway": True}
    pools = {"networks": {"ipv4": "10.2.0.0/16"}}

    def eth1(*, internet: bool) -> dict[str, Any]:
        vms = [vm("a", cloud_init={}, internet=internet)]
        found: dict[str, Any] = network(put(cluster(), topology(vms=vms, links=[], networks=[lan], addressing=pools)))
        return {key: found["eth1"].get(key) for key in ("addresses", "routes", "nameservers")}

    route = [{"to": "0.0.0.0/0", "via": "10.2.0.1"}]
    assert eth1(internet=False) == {
        "addresses": ["10.2.0.2/24"],
        "routes": route,
        "nameservers": {"addresses": ["10.2.0.1"]},
    }
    assert eth1(internet=True) == {"addresses": ["10.2.0.2/24"], "routes": None, "nameservers": None}


def test_user_data_leaves_host_name_and_keys_to_other_files() -> None:
    slice_ = pair(hostname="r1", ssh_keys=[KEY], user_data="#!/bin/sh\ntrue\n")
    found = files(slice_)
    assert set(found) == {"meta-data", "vendor-data", "network-config"}
    vendor = json.loads(found["vendor-data"].partition("\n")[2])
    assert (found["vendor-data"][:14], vendor) == ("#cloud-config\n", {"hostname": "r1", "preserve_hostname": False})
    meta = json.loads(found["meta-data"])
    assert (meta["local-hostname"], meta["public-keys"]) == ("r1", [KEY])


def test_other_user_data_or_keys_are_another_instance() -> None:
    held = cluster()
    given = [
        {"user_data": "#!/bin/sh\ntrue\n"},
        {"user_data": "#!/bin/sh\nfalse\n"},
        {"user_data": "#!/bin/sh\nfalse\n", "ssh_keys": [KEY]},
    ]
    found = [json.loads(files(pair(held, **each), held)["meta-data"])["instance-id"] for each in given]
    assert len(set(found)) == 3


def test_a_changed_set_up_is_another_instance() -> None:
    first, second = (json.loads(files(pair(hostname=name))["meta-data"])["instance-id"] for name in ("r1", "r2"))
    assert first.rpartition("-")[2] != second.rpartition("-")[2]


def test_the_set_up_is_stored_unchanged_and_removed_with_its_option() -> None:
    held = cluster()
    given = {"hostname": "r1", "ssh_keys": [KEY], "interfaces": [{"name": "eth1", "addresses": ["10.1.0.1/24"]}]}
    slice_ = pair(held, **given)
    assert slice_.vms[0].extra["cloud_init"] == given
    assert Slice.from_dict(slice_.to_dict()).to_dict() == slice_.to_dict()
    read = CloudInit.read(given)
    assert read is not None
    assert read.to_dict() == given
    again = put(held, topology(vms=[vm("a", internet=True), vm("b")], links=[link("a", "b")]))
    assert "cloud_init" not in again.vms[0].extra


IN_NETWORK = " in {}; a guest cannot have the address of a network, nor its broadcast address"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.1.0.1", "; an address needs a prefix length, such as 10.0.0.1/24"),
        ("10.1.0.1/255.255.255.0", "; an address needs a prefix length, such as 10.0.0.1/24"),
        ("10.1.0.1/", "; an address needs a prefix length, such as 10.0.0.1/24"),
        ("fe80::1%eth1/64", "; an address of an interface has no zone"),
        ("10.1.0.0/24", IN_NETWORK.format("10.1.0.0/24")),
        ("10.1.0.255/24", IN_NETWORK.format("10.1.0.0/24")),
        ("2001:db8::/64", IN_NETWORK.format("2001:db8::/64")),
        # The longest prefixes with addresses that are no host's.
        ("10.1.0.4/30", IN_NETWORK.format("10.1.0.4/30")),
        ("10.1.0.7/30", IN_NETWORK.format("10.1.0.4/30")),
        ("2001:db8::4/126", IN_NETWORK.format("2001:db8::4/126")),
        ("10.1.0.1/33", ": '10.1.0.1/33' does not appear to be an IPv4 or IPv6 interface"),
    ],
)
def test_invalid_addresses_are_refused(address: str, why: str) -> None:
    (message,) = refusals(interfaces=[{"name": "eth1", "addresses": [address]}])
    assert message == f"VM web/a eth1 cannot have address '{address}'{why}"


@pytest.mark.parametrize("address", ["10.1.0.0/31", "10.1.0.1/31", "10.1.0.1/32", "2001:db8::/127", "fe80::1/64"])
def test_point_to_point_addresses_are_valid(address: str) -> None:
    assert cloud_init.files(pair(interfaces=[{"name": "eth1", "addresses": [address]}]).vms[0], Slice(1, "a"), {}, {})


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({"hostname": "a_b"}, "a host name must be 1-63 letters"),
        ({"ssh_keys": [KEY, "ssh-ed25519"]}, "VM web/a: key 2: an ssh key must be one line with a type"),
        ({"ssh_keys": [f"{KEY}\nroot"]}, "key 1: an ssh key must be one line"),
        ({"interfaces": [{"name": "eth2", "addresses": ["10.1.0.1/24"]}]}, "interface eth2 does not exist; existing:"),
        ({"interfaces": [{"name": "eth0", "addresses": ["10.1.0.1/24"]}]}, "gets its address by DHCP, got 10.1.0.1/24"),
        ({"interfaces": [{"name": "eth1", "addresses": []}] * 2}, "interface eth1 is listed 2 times"),
    ],
)
def test_invalid_set_ups_are_refused(first: dict[str, Any], message: str) -> None:
    (found,) = refusals(**first)
    assert message in found


def test_an_address_belongs_to_one_interface_of_a_link() -> None:
    same = {"interfaces": [{"name": "eth1", "addresses": ["10.1.0.1/24"]}]}
    two = [vm(name, cloud_init=same) for name in "abc"]
    with pytest.raises(
        Refused, match=r"10\.1\.0\.1 belongs to a:eth1, b:eth1; addresses on a link or network are unique"
    ):
        put(cluster(), topology(vms=two, links=[link("a", "b")], networks=[{"name": "lan", "members": ["c"]}]))


@pytest.mark.parametrize("user_data", [None, "#!/bin/sh\ntrue\n"])
def test_the_keys_of_a_guest_fit_into_a_file(user_data: str | None) -> None:
    """Otherwise its worker would refuse the whole slice."""
    name = "user-data" if user_data is None else "meta-data"
    more = {} if user_data is None else {"user_data": user_data}

    def key(length: int) -> str:
        return "ssh-rsa " + "A" * (length - 8)

    most = 65_536 - (len(files(pair(ssh_keys=[key(100)], **more))[name]) - 100)
    assert len(files(pair(ssh_keys=[key(most)], **more))[name]) == 65_536
    assert refusals(ssh_keys=[key(most + 1)], **more) == [
        f"VM web/a: its {name} for cloud-init would have 65537 characters; a file for cloud-init has at most 65,536 "
        "characters; give it fewer ssh keys or addresses"
    ]


def test_the_addresses_of_a_guest_fit_into_a_file() -> None:
    addresses = [f"10.{number // 250}.{number % 250}.1/24" for number in range(4000)]
    (message,) = refusals(interfaces=[{"name": "eth1", "addresses": addresses}])
    assert message.startswith("VM web/a: its network-config for cloud-init would have ")


def test_files_are_readable_by_people_and_one_network_has_the_default_route() -> None:
    nets = [{"name": name, "members": ["a"], "gateway": True} for name in ("lan", "dmz")]
    pools = {"networks": {"ipv4": "10.2.0.0/16"}}
    made = put(cluster(), topology(vms=[vm("a", cloud_init={})], links=[], networks=nets, addressing=pools))
    found = network(made)
    assert [found[nic].get("routes") for nic in ("eth1", "eth2")] == [[{"to": "0.0.0.0/0", "via": "10.2.0.1"}], None]
    text = files(made)["network-config"]
    assert text == json.dumps(json.loads(text), indent=1) + "\n"


def test_the_id_of_an_instance_ends_with_8_digits_of_what_is_set_up() -> None:
    slice_ = pair()
    meta = json.loads(files(slice_)["meta-data"])
    uuid, _dash, version = meta["instance-id"].rpartition("-")
    assert (uuid, len(version)) == (slice_.vms[0].uuid, 8)
    assert "secret" not in repr(CloudInit(user_data="secret"))


def test_the_network_of_a_link_without_a_name_has_no_gateway_for_guests() -> None:
    slice_ = pair(interfaces=[{"name": "eth1", "addresses": ["192.168.100.7/24"]}])
    slice_.networks.append(Network(100, "192.168.100.0/24", "192.168.100.1"))
    slice_.vms[0].interfaces[0].ip_config, slice_.vms[0].interfaces[0].vlan_id = None, None
    assert "routes" not in network(slice_)["eth1"]


@pytest.mark.parametrize("mtu", [1500, 9000])
def test_an_interface_on_no_vlan_has_the_default_mtu(mtu: int) -> None:
    slice_ = put(
        cluster(),
        topology(vms=[vm("a", cloud_init={}, data_interfaces=2), vm("b")], links=[{**link("a", "b"), "mtu": mtu}]),
    )
    found = network(slice_)
    assert [found[nic].get("mtu") for nic in ("eth0", "eth1", "eth2")] == [None, None if mtu == 1500 else mtu, None]


def test_addresses_on_different_vlans_may_be_equal_and_on_no_vlan_too() -> None:
    static = [{"name": "eth1", "addresses": ["10.0.0.1/24"]}]
    vms = [vm(name, cloud_init={"interfaces": static}, data_interfaces=1) for name in ("a", "b")]
    with pytest.raises(Refused) as caught:
        put(cluster(), topology(vms=vms, links=[link("a", "b")]))
    assert [each.code for each in caught.value.refusals] == ["guest_address_twice"]


@pytest.mark.parametrize(
    ("mtu", "address", "is_refused"),
    [
        (1280, "2001:db8::5/64", False),
        (1279, "2001:db8::5/64", True),
        (1279, "10.9.0.5/24", False),
    ],
)
def test_an_interface_with_an_ipv6_address_needs_the_least_mtu_of_ipv6(
    mtu: int, address: str, is_refused: bool
) -> None:
    """Linux has no IPv6 on an interface with a smaller one."""

    def make() -> Slice:
        return pair(mtu=mtu, interfaces=[{"name": "eth1", "addresses": [address]}])

    if is_refused:
        with pytest.raises(Refused) as caught:
            make()
        assert caught.value.message == "VM web/a eth1: mtu with an IPv6 address must be 1280-65521, got 1279"
    else:
        make()
