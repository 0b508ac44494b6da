# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import netlab
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Remark, Segment

LAB = """name: lab
module: [ospf]
defaults.device: iosv
groups:
  hosts:
    members: [h1]
    device: linux
nodes:
  r1:
    device: eos
    bgp.as: 65000
  r2:
  h1:
links:
- r1-r2
- r1:
    ipv4: 10.0.0.1/24
    ifname: eth7
  r2:
  h1:
- r2:
- lag.members: [r1-r2, r1-r2]
- interfaces:
  - node: r1
    ifname: Ethernet1
  - h1
- r1:
  type: loopback
- group: spines
  members: [r2-h1]
- r1-x
"""


def test_nodes_have_their_own_device_or_that_of_their_group_or_the_default() -> None:
    graph = netlab.read(LAB)
    assert graph.title == "lab"
    assert {key: (node.kind, node.line) for key, node in graph.nodes.items()} == {
        "r1": ("eos", 10),
        "r2": ("iosv", 12),
        "h1": ("linux", 13),
    }


def test_links_of_two_nodes_become_links_and_others_become_networks() -> None:
    assert netlab.read(LAB).segments == [
        Segment((("r1", None), ("r2", None)), 15),
        Segment(
            (("r1", "eth7"), ("r2", None), ("h1", None)),
            16,
            is_network=True,
            subnets={"cidr": "10.0.0.0/24"},
            addresses={"r1": {"ipv4": "10.0.0.1"}},
        ),
        Segment((("r2", None),), 21, is_network=True),
        Segment((("r1", None), ("r2", None)), 22),
        Segment((("r1", None), ("r2", None)), 22),
        Segment((("r1", "Ethernet1"), ("h1", None)), 23),
        Segment((("r2", None), ("h1", None)), 30),
    ]


def test_unsupported_elements_are_reported_with_their_line() -> None:
    assert netlab.read(LAB).remarks == [
        Remark(2, "module"),
        Remark(5, "groups.hosts"),
        Remark(11, "bgp.as of node r1: 65000"),
        Remark(27, "link of type loopback"),
        Remark(31, "end at x, which is not a node"),
        Remark(31, "link of r1 alone"),
    ]


@pytest.mark.parametrize(
    ("nodes", "names"),
    [("[a, b]", ["a", "b"]), ("[{name: a}, b]", ["a", "b"]), ("a, b c", ["a", "b", "c"]), ("{a: , b: }", ["a", "b"])],
)
def test_nodes_are_a_list_a_mapping_or_a_text(nodes: str, names: list[str]) -> None:
    assert list(netlab.read(f"nodes: {nodes}\n").nodes) == names


def test_groups_may_create_their_members() -> None:
    graph = netlab.read("groups:\n  _auto_create: true\n  g: {members: [a, b], device: frr}\nlinks: [a-b]\n")
    assert {key: node.kind for key, node in graph.nodes.items()} == {"a": "frr", "b": "frr"}
    assert len(graph.segments) == 1


def test_links_are_written_in_many_ways() -> None:
    text = """nodes: [a-1, b, c]
links:
- [a-1, {node: b, ifname: eth3}]
- a-1
- type: lan
  a-1:
  b:
- type: stub
  c:
- name: core
  a-1:
  b:
- type: tunnel
  a-1:
  b:
- prefix: 10.0.0.0/24
"""
    graph = netlab.read(text)
    assert graph.segments == [
        Segment((("a-1", None), ("b", "eth3")), 3),
        Segment((("a-1", None),), 4, is_network=True),
        Segment((("a-1", None), ("b", None)), 5, is_network=True),
        Segment((("c", None),), 8, is_network=True),
        Segment((("a-1", None), ("b", None)), 10, title="core"),
    ]
    assert [remark for remark in graph.remarks if remark.line >= 13] == [
        Remark(13, "link of type tunnel"),
        Remark(16, "prefix of a link: 10.0.0.0/24"),
        Remark(16, "link without nodes"),
    ]


def test_links_may_be_a_mapping() -> None:
    graph = netlab.read("nodes: [a, b]\nlinks:\n  x: a-b\n  y: [a, b]\n")
    assert [each.ends for each in graph.segments] == [(("a", None), ("b", None))] * 2


@pytest.mark.parametrize(
    ("group", "kinds"),
    [
        ("g: [a]", {"a": "frr", "b": "eos"}),
        ("g: {members: [a, x], device: linux}", {"a": "linux", "b": "eos"}),
        ("g: {members: [b], device: linux}", {"a": "frr", "b": "eos"}),
        ("g: {members: [x], device: linux, _auto_create: yes}", {"a": "frr", "b": "eos", "x": "linux"}),
        ("g: {members: [x], _auto_create: on}", {"a": "frr", "b": "eos", "x": "frr"}),
        ("g: {members: [x], _auto_create: no}", {"a": "frr", "b": "eos"}),
    ],
)
def test_members_of_groups_get_its_device_unless_they_have_their_own(group: str, kinds: dict[str, str]) -> None:
    text = f"defaults.device: frr\ngroups:\n  {group}\nnodes:\n  a:\n  b: {{device: eos}}\n"
    graph = netlab.read(text)
    assert {name: node.kind for name, node in graph.nodes.items()} == kinds
    assert Remark(3, "groups.g") in graph.remarks


def test_every_value_of_a_tree_that_is_left_out_has_a_remark_with_its_line() -> None:
    text = """defaults:
  device: frr
  bgp:
    as: 65000
nodes: [a, b]
ospf:
  area: 1
  timers:
    hello: 5
    list: [1, 2]
  empty:
"""
    assert netlab.read(text).remarks == [
        Remark(4, "defaults.bgp.as: 65000"),
        Remark(7, "ospf.area: 1"),
        Remark(9, "ospf.timers.hello: 5"),
        Remark(10, "ospf.timers.list"),
        Remark(11, "ospf.empty"),
    ]


def test_the_image_of_a_node_is_that_of_its_own() -> None:
    graph = netlab.read("nodes:\n  r1:\n    image: frr\n  r2:\n    image: ''\n  r3:\nlinks: []\n")
    assert {key: node.image for key, node in graph.nodes.items()} == {"r1": "frr", "r2": None, "r3": None}


def test_addresses_are_those_of_nodes_only() -> None:
    text = "nodes: [r1, r2, r3]\nlinks:\n- r1:\n    ipv4: 10.0.0.1/30\n  r2:\n  other:\n    ipv4: 10.0.0.9/30\n"
    (segment,) = netlab.read(text).segments
    assert {key: dict(told) for key, told in segment.addresses.items()} == {"r1": {"ipv4": "10.0.0.1"}}


@pytest.mark.parametrize(("ends", "is_network"), [(1, True), (2, False), (3, True)])
def test_three_ends_are_a_network_for_addresses_too(
    monkeypatch: pytest.MonkeyPatch, ends: int, is_network: bool
) -> None:
    asked: list[bool] = []
    real = netlab.netlab_addresses.prefixes

    def prefixes(link: Any, *, ends: int, is_network: bool) -> dict[str, str]:
        asked.append(is_network)
        return real(link, ends=ends, is_network=is_network)

    monkeypatch.setattr(netlab.netlab_addresses, "prefixes", prefixes)
    listed = "".join(f"  r{number}:\n" for number in range(1, ends + 1))
    netlab.read(f"nodes: [r1, r2, r3]\nlinks:\n- prefix: 10.0.0.0/24\n{listed}")
    assert asked == [is_network]


def test_groups_in_groups_say_first_what_their_members_are() -> None:
    text = """defaults.device: frr
nodes: {a: , b: {device: frr}, c: , d: }
groups:
  outer: {members: [inner, b, c, missing], device: eos, ospf.area: 1, config: [x]}
  inner: {members: [a, outer], device: iosv, config: [y]}
  all: {config: [z]}
  _auto_create: false
"""
    graph = netlab.read(text)
    assert {key: node.kind for key, node in graph.nodes.items()} == {"a": "iosv", "b": "frr", "c": "iosv", "d": "frr"}
    told = [(each.line, each.what) for each in graph.remarks if "config" not in each.what]
    assert told == [(4, "groups.outer"), (4, "groups.outer.ospf.area: 1"), (5, "groups.inner"), (6, "groups.all")]
    assert [each.what for each in graph.remarks if each.what.endswith("node a")] == [
        "config x of node a",
        "config y of node a",
        "config z of node a",
    ]
