# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topologies at and beyond every limit: hosts accept the work orders of every topology that is accepted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from ansible_collections.cloudrepo.slices.plugins.module_utils import bounds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain import registration
from ansible_collections.cloudrepo.slices.plugins.module_utils.bounds import Limit
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refused
from ansible_collections.cloudrepo.slices.plugins.module_utils.kinds import CLOUD_INIT, NO_CONSOLE
from ansible_collections.cloudrepo.slices.plugins.module_utils.lifecycle import POWERS
from ansible_collections.cloudrepo.slices.plugins.module_utils.shipped_kinds import SHIPPED
from tests.unit.plugins.module_utils._domain import builders

from .module_calls import Door, Memory
from .readers import read_back

LABELS = ("a", "Z9", "a-b", "a" * 62, "a" * 63, "1" + "-" * 61 + "z")
WORDS = ("7", "12h", "0", "5M", "ignore", "infinite", "localhost", "xn--a", "r3---sn")
NO_LABELS = ("", "a" * 64, "-a", "a-", "a_b", "a.b", "a b", "ä", "a\n")
KINDS = tuple(SHIPPED)
EASY_KINDS = tuple(
    name
    for name, each in SHIPPED.items()
    if each.kind.set_up == CLOUD_INIT and each.kind.console != NO_CONSOLE and each.kind.most_data_interfaces >= 20
)
"""Shipped kinds without further restrictions."""
VMS = ("a" * 63, "b" + "-" * 61 + "b", "c")


def around(limit: Limit, beyond: bool) -> st.SearchStrategy[Any]:
    """Return the minimum and maximum, and with C(beyond) also the first values that are not allowed."""
    step = 1 if isinstance(limit.least, int) else limit.least / 2
    outside = [limit.least - step, limit.most + step] if beyond else []
    return st.sampled_from([limit.least, limit.least + step, limit.most, *outside])


def names(beyond: bool) -> st.SearchStrategy[str]:
    return st.sampled_from([*LABELS, *WORDS, *NO_LABELS] if beyond else LABELS)


def flavors(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: around(limit, beyond) for name, limit in bounds.FLAVOR.items()})


def interfaces(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    numbers = {
        "tx_kbps": bounds.RATE_KBPS,
        "rx_kbps": bounds.RATE_KBPS,
        "delay_ms": bounds.DELAY_MS,
        "jitter_ms": bounds.DELAY_MS,
        "loss_percent": bounds.LOSS_PERCENT,
        "duplicate_percent": bounds.DUPLICATE_PERCENT,
    }
    return st.fixed_dictionaries(
        {"name": st.sampled_from(["eth0", "eth1", "eth20", *(["eth128", "eth129"] if beyond else [])])},
        optional={"up": st.booleans(), **{name: around(limit, beyond) for name, limit in numbers.items()}},
    )


def key(length: int) -> str:
    """Return an ssh key of this length."""
    return "ssh-rsa " + "A" * (length - 8)


def guests(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Return set-ups of guests, of which the longest fill a file for cloud-init."""
    most = int(bounds.USER_DATA_LENGTH.most)
    lengths = [100, most - 1000, *([most - 200, most - 150, most, 2 * most] if beyond else [])]
    texts = [("#!/bin/sh\n" + "é" * most)[:length] for length in (12, most, *([most + 1] if beyond else []))]
    counts = [1, 16, *([3000] if beyond else [])]
    addresses = st.sampled_from(counts).map(lambda count: [f"10.{n // 250 + 2}.{n % 250}.1/24" for n in range(count)])
    interface = st.fixed_dictionaries({"name": st.just("eth1"), "addresses": addresses})
    return st.fixed_dictionaries(
        {},
        optional={
            "hostname": names(beyond),
            "ssh_keys": st.lists(st.sampled_from(lengths).map(key), max_size=1),
            "user_data": st.sampled_from(texts),
            "interfaces": st.lists(interface, max_size=1),
        },
    )


def checks(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Return what makes a guest ready."""
    more = [1] if beyond else []
    numbers = around(bounds.PORT, beyond)
    path = st.sampled_from([0, 1023, *(1023 + each for each in more)]).map(lambda length: "/" + "a" * length)
    command = st.sampled_from([1, 4096, *(4096 + each for each in more)]).map(lambda length: "x" * length)
    return st.one_of(
        st.sampled_from([{"check": name} for name in ("console", "cloud_init", "ping", "ssh")]),
        st.fixed_dictionaries({"check": st.just("tcp"), "port": numbers}),
        st.fixed_dictionaries({"check": st.just("http"), "port": numbers, "path": path}),
        st.fixed_dictionaries({"check": st.just("command"), "command": command}),
    )


def disks(beyond: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of data disks, of which the longest is as long as its limit."""
    names = st.sampled_from(["d", "a" * 20, "1-z", *(["a" * 21, "a_b", ""] if beyond else [])])
    disk = st.fixed_dictionaries({"name": names, "size_gb": around(bounds.DATA_DISK_GB, beyond)})
    most = int(bounds.DATA_DISKS.most)
    many = [
        [{"name": f"d{n}", "size_gb": 1} for n in range(count)] for count in [most, *([most + 1] if beyond else [])]
    ]
    return st.one_of(st.lists(disk, max_size=2, unique_by=lambda each: each["name"]), st.sampled_from(many))


def startups(beyond: bool) -> st.SearchStrategy[str]:
    """Return start-ups as JSON, of which some fill one of their limits."""
    more = [0, 1] if beyond else [0]
    paths = st.sampled_from(["/" + "a" * (1023 + each) for each in more])
    file = st.fixed_dictionaries({"path": paths, "content": st.just("é")}, optional={"mode": st.just("0644")})
    whole = int(bounds.STARTUP_LENGTH.most)
    contents = [[{"path": "/a", "content": "x" * (whole + each)}] for each in more]
    files = [[{"path": f"/{n}", "content": ""} for n in range(int(bounds.STARTUP_FILES.most) + each)] for each in more]
    commands = [["x"] * (int(bounds.STARTUP_COMMANDS.most) + each) for each in more]
    long = [["x" * (4096 + each)] for each in more]
    return st.one_of(
        st.fixed_dictionaries({"files": st.one_of(st.lists(file, max_size=1), st.sampled_from([*files, *contents]))}),
        st.fixed_dictionaries({"commands": st.sampled_from([*commands, *long])}),
        st.fixed_dictionaries({"commands": st.just(["x"]), "timeout_s": around(bounds.STARTUP_S, beyond)}),
    ).map(json.dumps)


def boots(beyond: bool) -> st.SearchStrategy[list[str]]:
    orders = [list(order) for count in (1, 2, 3) for order in itertools.permutations(bounds.BOOT_DEVICES, count)]
    return st.sampled_from([*orders, *([["disk", "disk"]] if beyond else [])])


def titles(beyond: bool) -> st.SearchStrategy[str]:
    return st.sampled_from(["x", "é" * 200, "a %$\"'{{ b }}\\", *(["", "x" * 201, "a\tb"] if beyond else [])])


def sound(vm: dict[str, Any]) -> dict[str, Any]:
    """Give a VM what its other values need, so that most topologies at the limits are accepted."""
    needs_address = (vm.get("ready_when") or {}).get("check") in bounds.CHECKS_ON_NETWORK_NODE
    delayed = [
        {**each, "delay_ms": each.get("delay_ms") or 1} if "jitter_ms" in each else each
        for each in vm.get("interfaces", ())
    ]
    boot = [each for each in vm.get("boot", ()) if each != "cdrom" or "cdrom" in vm]
    return {**vm, "boot": boot, "interfaces": delayed, **({"internet": True} if needs_address else {})}


def vms(name: str, beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    found = st.fixed_dictionaries(
        {
            "name": st.one_of(st.just(name), names(beyond)) if beyond else st.just(name),
            "flavor": st.just("edge"),
            "data_interfaces": around(bounds.DATA_INTERFACES, beyond) if beyond else st.just(20),
        },
        optional={
            "internet": st.booleans(),
            "vnc_password_version": around(bounds.PASSWORD_VERSION, beyond),
            "power": st.sampled_from(POWERS),
            "interfaces": st.lists(interfaces(beyond), max_size=2, unique_by=lambda each: each["name"]),
            "title": titles(beyond),
            "cloud_init": guests(beyond),
            "ready_when": checks(beyond),
            "data_disks": disks(beyond),
            "startup": startups(beyond),
            "kind": st.sampled_from(KINDS if beyond else EASY_KINDS),
            "cdrom": st.just("edge"),
            "boot": boots(beyond),
            "loopback": st.sampled_from([{"ipv4": "10.255.0.1"}, {"ipv6": "2001:db8:ff::1"}])
            if name == "c"
            else st.none(),
        },
    )
    return found if beyond else found.map(sound)


def carried(mtu: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return {"mtu": mtu, "qinq": st.booleans(), "forward_bpdu": st.booleans()}


def links(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    ends = st.lists(st.sampled_from(VMS), min_size=2, max_size=2, unique=True)
    return st.fixed_dictionaries({"endpoints": ends}, optional=carried(around(bounds.MTU, beyond)))


def networks(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    # Ranges with as many addresses as members, or one less.
    ranges = ["10.1.0.2,10.1.0.4", *(["10.1.0.2,10.1.0.3", "10.1.0.4,10.1.0.2", "10.1.0.0,10.1.0.7"] if beyond else [])]
    subnets = ["10.1.0.0/24", "10.1.0.0/29", *(["10.0.0.0/7", "10.1.0.0/30", "10.1.0.0/31"] if beyond else [])]
    served = {
        "members": st.lists(st.sampled_from(VMS), max_size=3, unique=True),
        "cidr": st.sampled_from(subnets),
        "gateway": st.booleans() if beyond else st.just(True),
        "nat": st.booleans(),
    }
    static = [
        "10.1.0.5",
        "10.1.0.6",
        *(["10.1.0.0", "10.1.0.1", "10.1.0.3", "10.1.0.255", "10.2.0.1"] if beyond else []),
    ]
    addresses = st.fixed_dictionaries({"vm": st.sampled_from(VMS), "ipv4": st.sampled_from(static)})
    served["addresses"] = st.lists(addresses, max_size=1)
    served["cidr6"] = st.sampled_from(
        [None, "2001:db8::/64", "2001:db8::/127", *(["2001:db8::/128"] if beyond else [])]
    )
    plain = {"name": names(beyond), **served}
    dhcp = {**plain, "dhcp_enabled": st.just(True), "dhcp_range": st.sampled_from(ranges)}
    return st.one_of(
        st.fixed_dictionaries(plain, optional=carried(around(bounds.MTU, beyond))),
        st.fixed_dictionaries(dhcp, optional=carried(around(bounds.DHCP_MTU, beyond))),
    )


def pools(beyond: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Return pools of addresses, of which the smallest have one subnet."""
    links = {
        "ipv4": st.sampled_from(["10.128.0.0/9", "10.128.0.0/30"]),
        "prefix": around(bounds.LINK_PREFIX_LENGTH, beyond),
    }
    links6 = {"ipv6": st.just("2001:db8:1::/48"), "prefix6": around(bounds.PREFIX6_LENGTH, beyond)}
    return st.fixed_dictionaries(
        {},
        optional={
            "links": st.one_of(st.fixed_dictionaries(links), st.fixed_dictionaries(links6)),
            "loopbacks": st.sampled_from([{"ipv4": "10.255.0.0/24"}, {"ipv4": "10.255.0.0/31"}]),
        },
    )


def topologies(beyond: str | None = None) -> st.SearchStrategy[dict[str, Any]]:
    """Return a topology with its flavor and the next id; the part C(beyond) may exceed its limits."""
    return st.fixed_dictionaries(
        {
            "flavor": flavors(beyond == "flavor"),
            "next_id": st.sampled_from([1000, int(bounds.ID.most) - 3, *([9_999_999] if beyond else [])]),
            "name": names(beyond == "name"),
            "vms": st.tuples(*(vms(name, beyond == name) for name in VMS)).map(list),
            "links": st.lists(links(beyond == "links"), max_size=21 if beyond == "links" else 18),
            "networks": st.lists(networks(beyond == "networks"), max_size=1),
        },
        optional={
            "title": titles(beyond == "title"),
            "addressing": pools(beyond == "addressing"),
            "vlan_pools": around(bounds.VLAN_POOLS, beyond == "vlan_pools"),
            "peers": st.booleans(),
        },
    )


PARTS = st.sampled_from(["flavor", "name", VMS[2], "links", "networks", "vlan_pools", "title", "addressing"])


def cluster(flavor: Mapping[str, Any], next_id: int = 1000) -> Cluster:
    """Return a cluster with large workers and a usable flavor."""
    held = builders.cluster()
    held.next_vm_id = next_id
    registration.put_flavor(held, {"name": "edge", "image": "/edge.img", "checksum": builders.CHECKSUM, **flavor})
    return held


def plan(held: Cluster, topology: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of M(cloudrepo.slices.slice), including work orders."""
    with pytest.MonkeyPatch.context() as patch:
        return Door(Memory(held), patch)("slice", work_orders=True, **topology)


def read(topology: dict[str, Any]) -> None:
    """Check that hosts accept the work orders of a topology that is accepted."""
    try:
        held = cluster(topology.pop("flavor"), topology.pop("next_id"))
    except Refused:
        assume(False)
    done = plan(held, topology)
    event("refused" if done.get("failed") else "planned")
    if not done.get("failed"):
        read_back(done["work_orders"])


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(topologies())
def test_hosts_accept_values_at_the_limits(topology: dict[str, Any]) -> None:
    read(topology)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(PARTS.flatmap(topologies))
def test_hosts_accept_every_planned_work_order(topology: dict[str, Any]) -> None:
    read(topology)


SMALL = {"cores": 1, "ram_gb": 0.5, "disk_gb": 1}


def one_vm(**fields: Any) -> dict[str, Any]:
    return {"name": "web", "vms": [{"name": "a", "flavor": "edge", **fields}]}


def one_network(**fields: Any) -> dict[str, Any]:
    vms = [builders.vm(name, flavor="edge") for name in VMS]
    return {"name": "web", "vms": vms, "networks": [{"name": "lan", "members": list(VMS), **fields}]}


def with_range(last: int) -> dict[str, Any]:
    return one_network(cidr="10.1.0.0/24", dhcp_enabled=True, dhcp_range=f"10.1.0.10,10.1.0.{last}")


@pytest.mark.parametrize(
    ("most", "beyond", "code"),
    [
        (one_vm(name="a" * 63), one_vm(name="a" * 64), "invalid_name"),
        (one_vm(name="ignored"), one_vm(name="ignore"), "invalid_name"),
        (one_vm(name="12x"), one_vm(name="12h"), "invalid_name"),
        (one_vm(data_interfaces=128), one_vm(data_interfaces=129), "out_of_range"),
        (one_network(mtu=65521), one_network(mtu=65522), "out_of_range"),
        (one_network(mtu=576, dhcp_enabled=True), one_network(mtu=575, dhcp_enabled=True), "out_of_range"),
        (with_range(last=12), with_range(last=11), "subnet_too_small"),
    ],
)
def test_the_maximum_is_accepted_and_larger_values_are_refused(
    most: dict[str, Any], beyond: dict[str, Any], code: str
) -> None:
    done = plan(cluster(SMALL), most)
    assert "msg" not in done
    read_back(done["work_orders"])
    assert [refusal.code for refusal in builders.refused(plan(cluster(SMALL), beyond))] == [code]


@pytest.mark.parametrize("option", bounds.FLAVOR)
def test_flavors_have_sizes_that_qemu_accepts(option: str) -> None:
    limit = bounds.FLAVOR[option]
    for value in (limit.least, limit.most):
        done = plan(cluster({**SMALL, option: value}), one_vm())
        read_back(done["work_orders"])
    for value in (limit.least - limit.least, limit.most + 1):
        with pytest.raises(Refused):
            cluster({**SMALL, option: value})


def test_ids_are_limited_by_the_names_of_taps() -> None:
    last = int(bounds.ID.most)
    held = cluster(SMALL, last - 1)
    done = plan(held, one_vm(data_interfaces=128))
    read_back(done["work_orders"])
    assert [vm["vm_id"] for slice_ in done["slices"] for vm in slice_["vms"]] == [last]
    beyond = plan(cluster(SMALL, last), one_vm())
    assert [refusal.code for refusal in builders.refused(beyond)] == ["no_free_id"]
