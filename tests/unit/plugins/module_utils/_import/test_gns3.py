# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import formats, gns3
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Node, Segment, UnreadableTopology
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.yaml_lines import load_topology


def node(key: str, kind: str, **properties: Any) -> dict[str, Any]:
    return {"node_id": key, "name": key.upper(), "node_type": kind, "properties": properties, "x": 1}


def link(*keys: str, **fields: Any) -> dict[str, Any]:
    ends = [{"node_id": key, "adapter_number": 0, "port_number": 1, "label": {"text": f"e{key}"}} for key in keys]
    return {"nodes": ends, "link_id": "l", **fields}


def project(nodes: list[dict[str, Any]], links: list[dict[str, Any]], **topology: Any) -> str:
    known = {"name": "lab", "project_id": "6b1d8f0e", "type": "topology", "version": "2.2.40"}
    return json.dumps({**known, "topology": {"nodes": nodes, "links": links, **topology}}, indent=4)


NODES = [
    node("r1", "qemu", hda_disk_image="vyos.qcow2"),
    node("pc", "docker", image="alpine:3", start_command="sh", startup_script="ip a"),
    node("sw", "ethernet_switch", ports_mapping=[]),
    node("hub", "ethernet_hub"),
    node("net", "cloud"),
]


def test_nodes_become_nodes_and_switches_networks() -> None:
    links = [link("r1", "pc"), link("r1", "sw"), link("pc", "sw"), link("r1", "hub")]
    form, graph = formats.read(project(NODES, links), "auto")
    assert (form, graph.title) == ("gns3", "lab")
    assert [(each.title, each.kind, each.image) for each in graph.nodes.values()] == [
        ("R1", "qemu", "vyos.qcow2"),
        ("PC", "docker", "alpine:3"),
    ]
    assert [(each.ends, each.title, each.is_network) for each in graph.segments] == [
        ((("r1", None), ("pc", None)), None, False),
        ((("r1", None), ("pc", None)), "SW", True),
        ((("r1", None),), "HUB", True),
    ]


def test_what_is_not_carried_stands_in_the_list_with_its_line() -> None:
    text = project(
        [{**NODES[0], "console_type": "telnet"}, *NODES[1:]],
        [
            link("r1", "net"),
            link("sw", "hub"),
            link("r1", "pc", filters={"delay": [10, 0]}),
            link("pc", "sw", filters={}),
        ],
        drawings=[{"svg": "<svg/>"}],
    )
    lines = text.splitlines()
    found = {each.what: lines[each.line - 1].strip() for each in gns3.read(text).remarks}
    assert found == {
        "image of node R1: vyos.qcow2": "{",
        "console of a node: telnet": '"console_type": "telnet"',
        "image of node PC: alpine:3": "{",
        "startup_script of node PC: ip a": '"startup_script": "ip a"',
        "ports of switch SW": "{",
        "cloud NET": "{",
        "link of cloud": "{",
        "interface er1 of R1": "{",
        "link between switches SW and HUB": "{",
        "interface epc of PC": "{",
        "filters of a link": '"filters": {',
        "drawing": "{",
    }


def test_a_port_without_a_label_has_its_numbers() -> None:
    ends = [{"node_id": "r1", "adapter_number": 2, "port_number": 0}, {"node_id": "pc"}]
    graph = gns3.read(project(NODES[:2], [{"nodes": ends}]))
    assert "interface 2/0 of R1" in [each.what for each in graph.remarks]
    assert graph.segments == [Segment((("r1", None), ("pc", None)), graph.segments[0].line)]


def test_a_project_without_nodes_or_with_one_twice() -> None:
    assert gns3.read('{"project_id": "a", "topology": {}}').nodes == {}
    assert gns3.read(project([{"node_id": "a"}], [])).nodes["a"] == Node("a", 8)
    with pytest.raises(UnreadableTopology, match="node r1 is already in line"):
        gns3.read(project([NODES[0], NODES[0]], []))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"project_id": "a", "topology": {}}', True),
        ('{"project_id": "a"}', False),
        ('{"project_id": "", "topology": {}}', False),
        ('{"topology": {}}', False),
    ],
)
def test_a_project_has_an_id_and_a_topology(text: str, expected: bool) -> None:
    assert gns3.is_project(load_topology(text)) is expected


def test_a_long_property_is_cut_in_its_remark() -> None:
    graph = gns3.read(project([node("pc", "docker", startup_script="x" * 81)], []))
    assert [each.what for each in graph.remarks] == [f"startup_script of node PC: {'x' * 80}"]
