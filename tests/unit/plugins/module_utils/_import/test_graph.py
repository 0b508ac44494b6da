# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import (
    Graph,
    Node,
    Remark,
    Segment,
    UnreadableTopology,
)


def test_missing_endpoints_and_loops_are_reported() -> None:
    graph = Graph(nodes={"a": Node("A", 1), "b": Node("B", 2)})
    graph.connect([("a", "eth1"), ("b", "swp1")], 3)
    graph.connect([("a", None), ("a", None)], 4)
    graph.connect([("a", None), ("x", None)], 5)
    graph.connect([], 6)
    graph.connect([("a", None)], 7, is_network=True)
    assert graph.segments == [
        Segment((("a", "eth1"), ("b", "swp1")), 3),
        Segment((("a", None),), 7, is_network=True),
    ]
    assert graph.remarks == [
        Remark(4, "link from A to itself"),
        Remark(5, "end at x, which is not a node"),
        Remark(5, "link of A alone"),
    ]


def test_equal_remarks_are_counted() -> None:
    graph = Graph()
    for line in (3, 1, 2):
        graph.remark(line, "what")
    assert [each.to_dict() for each in graph.remarks] == [{"line": 3, "what": "what", "count": 3}]


def test_a_node_is_added_once() -> None:
    graph = Graph()
    graph.add("a", Node("A", 1))
    with pytest.raises(UnreadableTopology) as caught:
        graph.add("a", Node("B", 7))
    assert caught.value.message == "line 7: node a is already in line 1"
    assert graph.nodes == {"a": Node("A", 1)}
