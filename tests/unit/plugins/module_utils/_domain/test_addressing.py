# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import ipaddress

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import addressing
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.addressing import Addresses, Addressing, Pool

from .builders import cluster, put, topology


def test_defaults_are_stored_with_the_pools() -> None:
    read = Addressing.read({"links": {"ipv4": "10.1.0.0/16", "prefix": None, "ipv6": None}, "networks": None})
    assert read.to_dict() == {"links": {"ipv4": "10.1.0.0/16", "prefix": 30}}
    assert Addressing.read(read.to_dict()) == read
    assert Addressing.read({"loopbacks": {"ipv6": "2001:DB8:0::/64"}}).to_dict() == {
        "loopbacks": {"ipv6": "2001:db8::/64"}
    }
    both = {"ipv4": "10.0.0.0/8", "ipv6": "2001:db8::/48"}
    assert Addressing.read({"links": both, "networks": both}).to_dict() == {
        "links": {**both, "prefix": 30, "prefix6": 64},
        "networks": {**both, "prefix": 24, "prefix6": 64},
    }


@pytest.mark.parametrize("data", [None, {}, {"links": None}, {"links": {"ipv4": None, "prefix": 30}}])
def test_no_pools_are_no_field(data: dict[str, None] | None) -> None:
    assert Addressing.read(data).to_dict() is None


def test_addresses_are_written_if_they_are_set() -> None:
    assert Addresses.read(None).to_dict() == {}
    assert Addresses.read({"ipv6": "2001:db8::1"}).to_dict() == {"ipv6": "2001:db8::1"}


@pytest.mark.parametrize(("version", "text"), [(4, "10.0.0.0/33"), (4, "2001:db8::/64"), (6, "10.0.0.0/8"), (4, "")])
def test_other_texts_are_no_subnets(version: int, text: str) -> None:
    assert addressing.subnet(version, text) is None


@pytest.mark.parametrize(("version", "text"), [(4, "10.0.0.1/8"), (4, "::1"), (6, "10.0.0.1"), (6, "fe80::1%eth0")])
def test_other_texts_are_no_addresses(version: int, text: str) -> None:
    assert addressing.address(version, text) is None


@pytest.mark.parametrize(
    ("text", "special"),
    [
        ("10.0.0.0/8", False),
        ("0.0.0.0/0", True),
        ("0.1.0.0/16", True),
        ("127.0.0.0/8", True),
        ("169.254.0.0/16", True),
        ("224.0.0.0/4", True),
        ("240.0.0.0/4", True),
        ("2001:db8::/32", False),
        ("fd00::/8", False),
        ("::/0", True),
        ("fe80::/10", True),
        ("ff00::/8", True),
    ],
)
def test_special_subnets(text: str, special: bool) -> None:
    found = addressing.subnet_of(text)
    assert found is not None
    assert addressing.is_special(found) is special


def test_stored_ends_without_a_subnet_have_no_addresses() -> None:
    slice_ = put(cluster(), topology())
    slice_.links[0].extra["addresses"] = [{"vm_id": 1001, "ipv4": "10.1.0.1"}]
    assert addressing.guest_addresses(slice_) == {}
    slice_.links[0].extra["cidr"] = "10.1.0.0/30"
    assert addressing.guest_addresses(slice_) == {(1001, "eth1"): ["10.1.0.1/30"]}


@pytest.mark.parametrize(
    ("version", "text", "special"),
    [
        (4, "0.255.255.255", True),
        (4, "1.0.0.0", False),
        (6, "::", True),
        (6, "2001:db8::1", False),
        (4, "10.0.0.1", False),
    ],
)
def test_addresses_of_no_host_are_special(version: int, text: str, special: bool) -> None:
    found = addressing.address(version, text)
    assert found is not None
    assert addressing.is_special(found) is special


def test_the_pools_of_a_slice_by_kind_and_version() -> None:
    read = Addressing.read(
        {"links": {"ipv4": "10.1.0.0/16", "ipv6": "fd00::/48"}, "loopbacks": {"ipv6": "fd01::/64", "ipv4": "wrong"}}
    )
    links4, links6, loopbacks6 = (ipaddress.ip_network(text) for text in ("10.1.0.0/16", "fd00::/48", "fd01::/64"))
    assert [*read.subnets()] == [("links", links4), ("links", links6), ("loopbacks", loopbacks6)]
    assert (read.subnet("links", 4), read.subnet("links", 6)) == (links4, links6)
    assert (read.subnet("loopbacks", 4), read.subnet("loopbacks", 6)) == (None, loopbacks6)
    assert (read.subnet("networks", 4), Addressing.read(None).subnet("links", 4)) == (None, None)


@pytest.mark.parametrize(
    ("kind", "lengths"),
    [("links", {4: 30, 6: 64}), ("networks", {4: 24, 6: 64}), ("loopbacks", {4: 32, 6: 128})],
)
def test_the_lengths_of_what_is_taken_from_a_pool(kind: str, lengths: dict[int, int]) -> None:
    assert Pool.read(kind, {"ipv4": "10.0.0.0/8"}).lengths == lengths
    assert Pool.read(kind, {"prefix": 29, "prefix6": 0}).lengths == {4: 29, 6: 0}


def test_the_subnets_of_links_and_networks() -> None:
    slice_ = put(cluster(), topology(networks=[{"name": "lan", "members": ["vm1"], "cidr6": "fd00::/64"}]))
    (link,), (lan,) = slice_.links, slice_.networks
    assert (addressing.cidr(link, 4), addressing.cidr(link, 6)) == (None, None)
    assert (addressing.cidr(lan, 4), addressing.cidr(lan, 6)) == ("192.168.101.0/24", "fd00::/64")
    link.extra.update(cidr="10.0.0.0/30", cidr6="fd01::/64")
    assert (addressing.cidr(link, 4), addressing.cidr(link, 6)) == ("10.0.0.0/30", "fd01::/64")


@pytest.mark.parametrize(
    ("text", "version"), [("10.0.0.0/8", 4), ("fd00::/8", 6), ("nonsense", None), ("10.0.0.1/8", None)]
)
def test_a_subnet_is_of_either_version(text: str, version: int | None) -> None:
    found = addressing.subnet_of(text)
    assert (None if found is None else (found.version, str(found))) == (None if version is None else (version, text))
