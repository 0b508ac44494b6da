# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a slice on the network node, by their paths."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices import files
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.netservices.files import Folders, texts

from ..fakes import uuid
from .test_work_order import LAN, LINKS, QUIET, VM1, VM2, order


def test_the_files_of_a_slice():
    one = order(1017, reservations=(VM2, VM1), networks=(LAN, QUIET))[0]
    assert texts(one, Folders("/s", LINKS)) == {
        "/s/dhcp/hosts.d/1017": "52:54:00:03:e9:00,10.60.7.101,vm1\n52:54:00:03:ea:00,10.60.7.102,vm2\n",
        "/s/names/1017.conf": "conf-file=/etc/cloudrepo/names.conf\nport=5317\naddn-hosts=/s/names/1017.hosts\n",
        "/s/names/1017.hosts": "10.60.7.101 vm1\n10.60.7.102 vm2\n",
        "/s/names/1017.nft": "add element ip cloudrepo slices { 10.60.7.101 : 5317, 10.60.7.102 : 5317 }\n",
        "/s/shares/1017.nft": (
            "add element ip cloudrepo_shares slices { 10.60.7.101 : 1017, 10.60.7.102 : 1017, 169.254.64.35 : 1017 }\n"
        ),
        "/s/networks/1017/devices": (
            "port net_101 192.168.101.1/24 02:01:00:00:00:65\n"
            "port net_102 10.0.0.1/30 02:01:00:00:00:66 9000\n"
            "nat 169.254.64.34/31 169.254.64.35/31\n"
        ),
        "/s/networks/1017/dnsmasq.conf": (
            "conf-file=/etc/cloudrepo/networks.conf\n"
            "dhcp-leasefile=/s/networks/1017/leases\n"
            "interface=net_101\n"
            "domain=lan.internal,192.168.101.0/24\n"
            "dhcp-range=set:net_101,192.168.101.10,192.168.101.250,255.255.255.0,1h\n"
            "dhcp-option=tag:net_101,option:router,192.168.101.1\n"
            "dhcp-host=52:54:00:03:e9:01,vm1\n"
            "interface=net_102\n"
            "domain=quiet.internal,10.0.0.0/30\n"
            "dhcp-range=set:net_102,10.0.0.2,10.0.0.2,255.255.255.252,1h\n"
            "dhcp-option=tag:net_102,option:router\n"
        ),
        "/s/networks/1017/rules.nft": (
            'include "/etc/cloudrepo/network.nft"\nadd element ip cloudrepo nat { "net_101" }\n'
        ),
    }


def test_without_nat_there_is_no_rule_and_no_veth_pair():
    found = texts(order(networks=(QUIET,))[0], Folders("/s", LINKS))
    assert found["/s/networks/1000/rules.nft"] == 'include "/etc/cloudrepo/network.nft"\n'
    assert found["/s/networks/1000/devices"] == "port net_102 10.0.0.1/30 02:01:00:00:00:66 9000\n"
    assert texts(order()[0], Folders("/s", LINKS)) == {}


FOLDERS = Folders("/s", LINKS)


def test_every_possible_file_of_a_slice_is_known() -> None:
    full = replace(order(reservations=(VM1,), networks=(LAN,))[0], slice_uuid=uuid(1))
    assert set(texts(full, FOLDERS)) == set(files.kinds(1000, FOLDERS))
    assert len(set(files.kinds(1000, FOLDERS).values())) == 9


def test_reservations_and_networks_have_separate_files() -> None:
    reserved = texts(order(reservations=(VM1,))[0], FOLDERS)
    networks = texts(order(networks=(LAN,))[0], FOLDERS)
    assert (len(reserved), len(networks), set(reserved) & set(networks)) == (5, 4, {FOLDERS.shares(1000)})
    assert FOLDERS.pending(1000) not in {*reserved, *networks}
    assert FOLDERS.pending(1000) == "/s/names/1000.pending"


def test_reservations_are_sorted_by_vm() -> None:
    there, back = (texts(order(reservations=each)[0], FOLDERS) for each in ((VM1, VM2), (VM2, VM1)))
    assert there == back


def test_files_do_not_depend_on_the_order_of_networks_and_members() -> None:
    members = [{"name": name, "mac": f"52:54:00:03:{index}:01"} for name, index in (("vm2", "ea"), ("vm1", "e9"))]
    there = texts(order(networks=({**LAN, "members": members}, QUIET))[0], FOLDERS)
    back = texts(order(networks=(QUIET, {**LAN, "members": members[::-1]}))[0], FOLDERS)
    assert there == back
    assert there["/s/networks/1000/dnsmasq.conf"].index("net_101") < there["/s/networks/1000/dnsmasq.conf"].index("102")


def test_dnsmasq_is_restarted_for_options_that_it_reads_only_at_its_start() -> None:
    anew = {path for path in files.kinds(1000, FOLDERS) if files.restarts(path)}
    folder = "/s/networks/1000"
    assert anew == {"/s/names/1000.conf", f"{folder}/devices", f"{folder}/dnsmasq.conf", f"{folder}/rules.nft"}


def server_of(**changes: Any) -> list[str]:
    one = order(networks=({**LAN, **changes},))[0]
    return texts(one, FOLDERS)["/s/networks/1000/dnsmasq.conf"].splitlines()


def test_static_addresses_have_names() -> None:
    members = [{**LAN["members"][0], "address": "192.168.101.2", "address6": "2001:db8::2"}]
    static = {**LAN, "members": members}
    (line,) = [
        line
        for line in texts(order(networks=(static,))[0], FOLDERS)["/s/networks/1000/dnsmasq.conf"].splitlines()
        if line.startswith("host-record=")
    ]
    assert line == "host-record=vm1.lan.internal,192.168.101.2,2001:db8::2"
    known = {**VM1, "loopback": "10.0.0.1", "loopback6": "2001:db8::1"}
    assert texts(order(reservations=(known,))[0], FOLDERS)["/s/names/1000.hosts"] == (
        "10.60.7.101 vm1\n10.0.0.1 lo.vm1.internal\n2001:db8::1 lo.vm1.internal\n"
    )


def test_without_dhcp_there_is_only_dns() -> None:
    assert server_of(dhcp_range=None)[2:] == ["interface=net_101", "domain=lan.internal,192.168.101.0/24"]


def test_an_mtu_is_written_unless_it_is_the_default() -> None:
    devices = [
        texts(order(networks=({**LAN, "mtu": mtu},))[0], FOLDERS)["/s/networks/1000/devices"].splitlines()[0]
        for mtu in (1499, 1500, 1501)
    ]
    assert [line.split()[4:] for line in devices] == [["1499"], [], ["1501"]]


@pytest.mark.parametrize(
    ("services", "there"),
    [({"reservations": (VM1,)}, True), ({"networks": (LAN,)}, True), ({}, False)],
)
def test_a_slice_with_any_services_has_a_file_with_its_uuid(services: dict[str, Any], there: bool) -> None:
    made = texts(replace(order(**services)[0], slice_uuid=uuid(1)), FOLDERS)
    assert ("/s/names/1000.uuid" in made) is there
    assert "/s/names/1000.uuid" not in texts(order(**services)[0], FOLDERS)
