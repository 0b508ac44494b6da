# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import import gml
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import Remark, Segment, UnreadableTopology

ZOO = """Creator "Topology Zoo"
graph [
  Network "Zoo" # a comment
  Year 2010
  node [
    id 0
    label "S&#227;o Paulo"
    graphics [ x 1.5 ]
  ]
  node [ id 1 ]
  edge [ source 0 target 1 LinkLabel "10G" key 7 LinkSpeed "10" ]
]
"""


def test_nodes_and_edges_are_read_and_other_elements_are_reported() -> None:
    graph = gml.read(ZOO)
    assert graph.title == "Zoo"
    assert {key: (node.title, node.line) for key, node in graph.nodes.items()} == {
        "0": ("São Paulo", 5),
        "1": ("1", 10),
    }
    assert graph.segments == [Segment((("0", None), ("1", None)), 11, "10G")]
    assert graph.remarks == [
        Remark(4, "Year of a graph"),
        Remark(8, "graphics of a node"),
        Remark(11, "LinkSpeed of an edge"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1", "line 1: there is no graph"),
        ("graph [\nnode [\nid 1\n", "line 2: \\[ without \\]"),
        ("graph [\n]\n]", "line 3: \\] without \\["),
        ("graph [\nid ]", "line 2: id has no value"),
        ('graph [\nlabel "open', "line 2: the quoted text has no end"),
        ("a [ " * 60, "line 1: more than 50 nested lists"),
    ],
)
def test_invalid_gml_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UnreadableTopology, match=message):
        gml.read(text)


def test_as_many_lists_as_allowed_may_be_nested() -> None:
    inner = "a [ " * 49 + "] " * 49
    assert gml.read(f"graph [ {inner} ]").nodes == {}
    with pytest.raises(UnreadableTopology, match="more than 50 nested lists"):
        gml.read(f"graph [ a [ {inner} ] ]")


def test_a_graph_is_a_list_and_other_lists_are_no_graph() -> None:
    assert gml.read('graph "none" other [ node [ id 9 ] ] graph [ node [ id 1 ] ]').nodes.keys() == {"1"}
    with pytest.raises(UnreadableTopology, match="line 1: there is no graph"):
        gml.read('graph "none" other [ ]')


def test_lists_in_place_of_texts_are_reported() -> None:
    nodes = "node [ id 0 label [ a 1 ] ] node [ id 1 id [ a 1 ] ]"
    graph = gml.read(f"graph [ {nodes} edge [ source 0 target 1 label [ a 1 ] ] ]")
    assert {key: node.title for key, node in graph.nodes.items()} == {"0": "0", "1": "1"}
    assert [segment.title for segment in graph.segments] == [None]
