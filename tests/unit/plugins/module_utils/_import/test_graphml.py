# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import graphml
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Remark, Segment, UnreadableTopology

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="LinkLabel" for="edge" id="d2" />
  <key attr.name="label" for="node" id="d1" />
  <key attr.name="Country" for="node" id="d3" />
  <key attr.name="Network" for="graph" id="d0" />
"""
ZOO = (
    HEAD
    + """  <graph edgedefault="undirected">
    <data key="d0">Réseau</data>
    <node id="0"><data key="d1">São  Paulo?</data><data key="d3">Brazil</data></node>
    <node id="1"><data key="d1">None</data><data key="d3">Chile</data></node>
    <node id="2"/>
    <edge source="0" target="1"><data key="d2">10 Gbit/s</data></edge>
    <edge source="1" target="0"/>
    <edge source="2" target="2"/>
    <edge source="2" target="9"/>
    <hyperedge><endpoint node="0"/><endpoint node="1"/><endpoint node="2"/></hyperedge>
  </graph>
</graphml>
"""
)


def test_nodes_edges_and_hyperedges_are_read() -> None:
    graph = graphml.read(ZOO)
    assert graph.title == "Réseau"
    assert {key: (node.title, node.line) for key, node in graph.nodes.items()} == {
        "0": ("São Paulo?", 9),
        "1": ("None", 10),
        "2": ("2", 11),
    }
    assert graph.segments == [
        Segment((("0", None), ("1", None)), 12, "10 Gbit/s"),
        Segment((("1", None), ("0", None)), 13),
        Segment((("0", None), ("1", None), ("2", None)), 16, is_network=True),
    ]


def test_unsupported_elements_are_reported_with_their_line() -> None:
    assert graphml.read(ZOO).remarks == [
        Remark(9, "Country of a node", 2),
        Remark(14, "link from 2 to itself"),
        Remark(15, "end at 9, which is not a node"),
        Remark(15, "link of 2 alone"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<graphml>\n<graph>\n</graphml>", "line 3: mismatched tag"),
        ("<svg/>", "line 1: the root element must be graphml"),
        ("", "line 1: no element found"),
        ('<!DOCTYPE a [\n<!ENTITY b "c">\n]><graphml/>', "line 2: entities are not supported"),
    ],
)
def test_invalid_graphml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UnreadableTopology, match=message):
        graphml.read(text)


def test_unsupported_elements_of_the_graph_itself_are_reported() -> None:
    text = ZOO.replace('for="node" id="d3"', 'for="graph" id="d3"')
    text = text.replace('<data key="d0">', '<data key="d3">France</data><data key="d0">')
    assert "Country of a graph" in [remark.what for remark in graphml.read(text).remarks]


def test_a_text_with_elements_in_it_is_read_as_a_whole_and_other_data_of_links_is_reported() -> None:
    graph = graphml.read(
        '<graphml><key id="d0" attr.name="label"/><key id="d1" attr.name="Speed"/><graph>\n'
        '<node id="a"><data key="d0">R<b/>1</data></node><node id="b"/>\n'
        '<edge source="a" target="b"><data key="d1">10</data><data key="d0">core</data></edge>\n</graph></graphml>'
    )
    assert graph.nodes["a"].title == "R1"
    assert [segment.title for segment in graph.segments] == [None] or [each.title for each in graph.segments] == [
        "core"
    ]
    assert ("Speed of a edge", 3) in [(each.what, each.line) for each in graph.remarks]
