# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import containerlab
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Config, Graph, Remark, Segment

LAB = """name: clos
mgmt:
  network: clab
topology:
  defaults:
    kind: linux
  kinds:
    linux:
      image: alpine
  groups:
    routers:
      kind: nokia_srlinux
  nodes:
    r1:
      group: routers
      startup-config: r1.cfg
    r2:
      kind: ${KIND:=vyos}
    pc:
    sw:
      kind: bridge
  links:
    - endpoints: ["r1:e1-1", "r2:eth1"]
    - endpoints: [{node: r1, interface: eth2}, {node: pc, interface: eth0}]
      mtu: 9000
    - endpoints: ["pc:eth3", "host:veth1"]
    - endpoints: ["pc:eth4", "sw:port1"]
    - endpoints: ["r2:eth2", "sw:port2"]
    - type: mgmt-net
      endpoint: {node: pc, interface: eth5}
"""


def read() -> Graph:
    return containerlab.read(LAB)


def test_nodes_have_their_own_kind_or_that_of_their_group_or_the_default() -> None:
    graph = read()
    assert graph.title == "clos"
    assert {key: node.kind for key, node in graph.nodes.items()} == {"r1": "nokia_srlinux", "r2": "vyos", "pc": "linux"}


def test_nodes_have_their_own_image_or_that_of_their_kind() -> None:
    assert {key: node.image for key, node in read().nodes.items()} == {"r1": None, "r2": None, "pc": "alpine"}
    text = """topology:
  defaults: {image: frr}
  groups: {g: {image: "quay.io/alpine:3"}}
  nodes: {a: , b: {group: g}, c: {image: "${IMAGE:=debian}"}}
"""
    found = containerlab.read(text).nodes
    assert {key: node.image for key, node in found.items()} == {"a": "frr", "b": "quay.io/alpine:3", "c": "debian"}


def test_links_keep_interfaces_and_bridges_become_networks() -> None:
    assert read().segments == [
        Segment((("r1", "e1-1"), ("r2", "eth1")), 23),
        Segment((("r1", "eth2"), ("pc", "eth0")), 24),
        Segment((("pc", "eth4"), ("r2", "eth2")), 20, "sw", is_network=True),
    ]


def test_unsupported_elements_are_reported_with_their_line() -> None:
    assert read().remarks == [
        Remark(2, "mgmt"),
        Remark(9, "kinds.linux.image: alpine"),
        Remark(16, "startup-config of node r1: r1.cfg"),
        Remark(25, "mtu of a link: 9000"),
        Remark(26, "link of host"),
        Remark(29, "link of mgmt-net"),
        Remark(30, "endpoint of a link"),
    ]


def test_a_file_without_nodes_is_an_empty_topology() -> None:
    assert containerlab.read("name: a\n").nodes == {}
    assert containerlab.read("name: a\ntopology: {}\n").nodes == {}


def test_settings_of_the_topology_that_are_not_used_are_reported_with_their_line() -> None:
    graph = containerlab.read("name: x\nprefix: y\ntopology:\n  nodes:\n    a:\n  other: 1\n  links: []\n")
    assert graph.remarks == [Remark(2, "prefix: y"), Remark(6, "topology.other: 1")]


def test_settings_of_kinds_and_groups_that_are_not_used_are_reported() -> None:
    defaults, of_kinds = "  defaults:\n    kind: linux\n    image: a\n", "  kinds:\n    linux:\n      image: b\n"
    text = f"name: x\ntopology:\n{defaults}{of_kinds}  nodes:\n    a:\n"
    assert [(each.line, each.what) for each in containerlab.read(text).remarks] == [
        (5, "defaults.image: a"),
        (8, "kinds.linux.image: b"),
    ]


def test_commands_of_nodes_have_their_lines() -> None:
    text = """topology:
  nodes:
    a:
      exec:
        - ip link set eth1 up
        - echo ${WHAT:=there}
    b:
      exec: true
    br:
      kind: bridge
      exec: [true]
"""
    graph = containerlab.read(text)
    assert {key: node.commands for key, node in graph.nodes.items()} == {
        "a": ((5, "ip link set eth1 up"), (6, "echo there")),
        "b": (),
    }
    assert graph.remarks == [Remark(8, "exec of node b: true"), Remark(11, "exec of node br")]


def test_configuration_in_the_file_is_carried_and_that_in_other_files_is_reported() -> None:
    text = """topology:
  nodes:
    a:
      startup-config: |
        hostname ${NAME:=a}
        set x
    b:
      startup-config: b.cfg
    br:
      kind: bridge
      startup-config: |
        x
"""
    graph = containerlab.read(text)
    assert graph.nodes["a"].configs == (Config(4, "startup-config", "hostname a\nset x\n"),)
    assert graph.nodes["b"].configs == ()
    assert graph.remarks == [Remark(8, "startup-config of node b: b.cfg"), Remark(11, "startup-config of node br: x")]
