# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.kinds import with_kinds
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.validate import problems
from ansible_collections.cloudrepo.slices.plugins.module_utils._import import formats, netlab
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Config, Graph, Node, Remark, Segment
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import topology_import
from ansible_collections.cloudrepo.slices.plugins.module_utils._module.topology_import import Options, topology
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.startup_texts import with_texts

from .._domain.builders import cluster, put

# Topologies of real networks are kept beside the repository, if at all.
INPUTS = sorted(Path(__file__).resolve().parents[6].glob("shared/inputs/*/*"))


def graph() -> Graph:
    nodes = {
        "0": Node("São Paulo", 3, "frr"),
        "1": Node("None", 4, "vyos"),
        "2": Node("None", 5),
        "3": Node("PC1", 6),
    }
    segments = [
        Segment((("0", "eth1"), ("1", None)), 7, "10 Gbit/s"),
        Segment((("1", None), ("2", None), ("3", None)), 8, is_network=True),
        Segment((("3", None),), 9, "Büro", is_network=True),
    ]
    return Graph("Réseau", nodes, segments)


def test_labels_become_titles_and_valid_names() -> None:
    made = topology(graph(), Options(None, "cirros", {"frr": "router"}))
    assert made == {
        "name": "reseau",
        "title": "Réseau",
        "vms": [
            {"name": "sao-paulo", "title": "São Paulo", "flavor": "router", "kind": "frr"},
            {"name": "none", "title": "None", "flavor": "cirros", "kind": "vyos"},
            {"name": "none-2", "title": "None", "flavor": "cirros"},
            {"name": "PC1", "flavor": "cirros"},
        ],
        "links": [{"title": "10 Gbit/s", "endpoints": ["sao-paulo:eth1", "none"]}],
        "networks": [
            {"name": "net-1", "members": ["none", "none-2", "PC1"]},
            {"name": "buro", "title": "Büro", "members": ["PC1"]},
        ],
    }


def test_an_unknown_kind_without_a_flavor_is_reported() -> None:
    found = Graph(nodes={"a": Node("A", 3, "eos"), "b": Node("B", 4, "iol")})
    made = topology(found, Options("web", "cirros", {"eos": "router"}, internet=True))
    assert found.remarks == [Remark(4, "kind iol of node B")]
    assert made["name"] == "web"
    assert all(vm["internet"] for vm in made["vms"])


def test_a_flavor_is_that_of_the_image_or_of_the_kind() -> None:
    nodes = {name: Node(name, 1, "linux", image=image) for name, image in (("a", "frr:8"), ("b", "frr:9"), ("c", None))}
    made = topology(Graph(nodes=nodes), Options("web", "cirros", {"frr:8": "frr8", "linux": "small"}))
    assert [vm["flavor"] for vm in made["vms"]] == ["frr8", "small", "small"]
    assert [vm.get("kind") for vm in made["vms"]] == ["frr", "frr", None]


def test_interfaces_keep_the_names_that_their_kind_has() -> None:
    nodes = {"sw": Node("sw", 1, "cumulus"), "srl": Node("srl", 2, "srl"), "pc": Node("pc", 3, "linux")}
    segments = [
        Segment((("sw", "swp51"), ("srl", "e1-2")), 5),
        Segment((("sw", "Ethernet2"), ("pc", "eth0")), 6),
        Segment((("srl", "ethernet-1/1"), ("pc", "eth1")), 7),
    ]
    found = Graph("lab", nodes, segments)
    made = topology(found, Options("lab", "cirros"))
    assert [link["endpoints"] for link in made["links"]] == [
        ["sw:swp51", "srl:ethernet-1/2"],
        ["sw", "pc"],
        ["srl:ethernet-1/1", "pc:eth1"],
    ]
    assert found.remarks[-2:] == [Remark(6, "interface Ethernet2 of sw"), Remark(6, "interface eth0 of pc")]
    assert [vm.get("data_interfaces") for vm in made["vms"]] == [51, None, None]
    stored = put(cluster(), made)
    ends = [(link.vm1_interface, link.vm2_interface) for link in stored.links]
    assert ends == [("eth51", "eth2"), ("eth1", "eth2"), ("eth1", "eth1")]


def test_a_kind_may_be_given_for_a_device_and_taken_from_it() -> None:
    nodes = {"a": Node("a", 1, "eos"), "b": Node("b", 2, "frr")}
    found = Graph("lab", nodes, [Segment((("a", "Ethernet3"), ("b", "eth1")), 5)])
    made = topology(found, Options("lab", "cirros", {"frr": "cirros"}, kinds={"eos": "arista", "frr": None}))
    assert [vm.get("kind") for vm in made["vms"]] == ["arista", None]
    assert made["links"][0]["endpoints"] == ["a:Ethernet3", "b:eth1"]
    assert found.remarks == []


def test_commands_become_start_ups_of_guests_that_have_a_console() -> None:
    commands = ((7, "ip link set eth1 up"), (8, "x" * 4097), (9, "true"))
    nodes = {"a": Node("a", 1, "linux", commands=commands), "b": Node("b", 2, "frr", commands=commands[:1])}
    nodes["c"] = Node("c", 3, "vyos", commands=((10, "true"),) * 257)
    found = Graph(None, nodes)
    made = topology(found, Options(None, "cirros"))
    assert [vm.get("startup") for vm in made["vms"]] == [{"commands": ["ip link set eth1 up", "true"]}, None, None]
    assert [remark for remark in found.remarks if remark.what.startswith("exec")] == [
        Remark(7, "exec of node b: ip link set eth1 up"),
        Remark(8, f"exec of node a: {'x' * 80}"),
        Remark(10, "exec of node c: true", 257),
    ]


def test_configuration_in_the_file_becomes_start_ups_of_guests_that_can_load_it() -> None:
    config = (Config(7, "config a", "router ospf\n"), Config(8, "config b", "#!/bin/sh\ntrue\n"))
    kinds = ("frr", "linux", "srl", "eos", "cumulus")
    nodes = {kind: Node(kind, 1, kind, configs=config, commands=((9, "true"),)) for kind in kinds}
    found = Graph(None, nodes)
    made = topology(found, Options(None, "cirros", internet=True))
    first, second = "/etc/startup-config/1", "/etc/startup-config/2"
    files = [
        {"path": first, "content": "router ospf\n", "mode": "0700"},
        {"path": second, "content": "#!/bin/sh\ntrue\n", "mode": "0700"},
    ]
    srl = f"sr_cli -ed < {first} && sr_cli -ed 'commit save'"
    assert {vm["name"]: vm.get("startup") for vm in made["vms"]} == {
        "frr": {"files": files, "commands": [f"vtysh -f {first}", second, "true"]},
        "linux": {"files": files, "commands": [f"sh {first}", second, "true"]},
        "srl": {"files": files, "commands": [srl, second, "true"]},
        "eos": {"files": files[1:], "commands": [second, "true"]},
        "cumulus": None,
    }
    assert [remark for remark in found.remarks if remark.line > 6] == [
        Remark(7, "config a of node eos: router ospf\n"),
        Remark(7, "config a of node cumulus: router ospf\n"),
        Remark(8, "config b of node cumulus: #!/bin/sh\ntrue\n"),
        Remark(9, "exec of node cumulus: true"),
    ]
    assert invalid(Graph(None, {"frr": nodes["frr"]}), internet=True) == []


@pytest.mark.parametrize(("count", "length"), [(65, 1), (1, 262_140), (2, 131_000)])
def test_configuration_that_is_too_long_for_a_start_up_is_reported(count: int, length: int) -> None:
    configs = tuple(Config(number, "config", "x" * length) for number in range(count))
    found = Graph(None, {"a": Node("a", 1, "linux", configs=configs)})
    made = topology(found, Options(None, "cirros"))
    assert "startup" not in made["vms"][0]
    assert sum(each.count for each in found.remarks if each.what.startswith("config of node a")) == count


def test_there_are_enough_pools_for_the_links_even_with_vlan_400() -> None:
    nodes = {str(number): Node(f"n{number}", 1) for number in range(40)}
    segments = [Segment((("0", None), (str(number), None)), 2) for number in range(1, 40)]
    assert topology(Graph(None, nodes, segments), Options(None, "cirros"))["vlan_pools"] == 3
    assert topology(Graph(None, nodes, segments[:20]), Options(None, "cirros"))["vlan_pools"] == 2
    assert "vlan_pools" not in topology(Graph(None, nodes, segments[:19]), Options(None, "cirros"))


def test_addresses_are_those_of_the_slice() -> None:
    text = """addressing: {p2p: {ipv4: 10.1.0.0/16}, loopback: {ipv4: 10.0.0.0/24}}
nodes: {r 1: {loopback.ipv4: 10.0.0.9/32}, r2: }
links:
- {r 1: {ipv4: 10.1.0.2/30}, r2: }
- {r 1: , r2: , type: lan, prefix: 10.2.0.0/24}
"""
    made = topology(netlab.read(text), Options("lab", "cirros"))
    assert made["addressing"] == {"links": {"ipv4": "10.1.0.0/16"}, "loopbacks": {"ipv4": "10.0.0.0/24"}}
    assert [vm.get("loopback") for vm in made["vms"]] == [{"ipv4": "10.0.0.9"}, None]
    assert made["links"] == [
        {"endpoints": ["r-1", "r2"], "cidr": "10.1.0.0/30", "addresses": [{"vm": "r-1", "ipv4": "10.1.0.2"}]}
    ]
    assert made["networks"] == [{"name": "net-1", "members": ["r-1", "r2"], "cidr": "10.2.0.0/24"}]
    assert [each["ipv4"] for each in put(cluster(), made).links[0].extra["addresses"]] == ["10.1.0.2", "10.1.0.1"]


def test_an_address_of_what_is_not_a_node_is_left_out() -> None:
    found = Graph(nodes={"a": Node("A", 1), "b": Node("B", 2)})
    addresses = {key: {"ipv4": f"10.0.0.{number}"} for number, key in enumerate(("a", "b", "ghost"), start=1)}
    found.connect([("a", None), ("b", None), ("ghost", None)], 3, addresses=addresses)
    (made,) = topology(found, Options(None, "cirros"))["links"]
    assert made["addresses"] == [{"vm": "A", "ipv4": "10.0.0.1"}, {"vm": "B", "ipv4": "10.0.0.2"}]


@pytest.mark.parametrize("title", ["", "\n", "x" * 300, "a\u2028b", "{{ x }}"])
def test_every_label_results_in_a_valid_vm(title: str) -> None:
    assert invalid(Graph(title, {"0": Node(title, 1)})) == []


def invalid(found: Graph, *, internet: bool = False) -> list[Any]:
    made = topology(found, Options(None, "cirros", internet=internet))
    wanted = read_slice(with_texts(made), default_owner="admin")
    return problems(with_kinds(cluster(), wanted, None))


@pytest.mark.skipif(not INPUTS, reason="there are no topologies beside the repository")
def test_topologies_of_real_networks_are_valid() -> None:
    for path in INPUTS:
        _form, found = formats.read(path.read_text(encoding="utf-8-sig"), "auto")
        assert found.nodes, path
        assert invalid(found) == [], path


def test_a_node_with_a_higher_interface_than_segments_has_data_interfaces() -> None:
    def needed(*ends: tuple[str, str | None]) -> dict[str, int]:
        segments = [Segment(pair, 1) for pair in zip(ends[::2], ends[1::2])]
        return topology_import._data_interfaces(segments, {key: None for key, _interface in ends})

    assert needed(("a", None), ("b", None)) == {}
    assert needed(("a", "eth1"), ("b", "eth2")) == {"b": 2}
    assert needed(("a", "eth2"), ("b", None), ("a", "eth1"), ("b", None)) == {}
