# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._import.formats import READERS, detect, read
from ansible_collections.cloudrepo.slices.plugins.module_utils._import.graph import UnreadableTopology


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("<?xml version='1.0'?><graphml/>", "graphml"),
        ("\n<graphml/>", "graphml"),
        ("graph [ ]", "gml"),
        ('# a comment\nCreator "x"\ngraph [ ]', "gml"),
        ("name: a\ntopology: {}", "containerlab"),
        ('{"project_id": "a", "topology": {}}', "gns3"),
        ("nodes: [a]", "netlab"),
    ],
)
def test_the_format_is_detected(text: str, form: str) -> None:
    assert detect(text) == form
    assert form in READERS
    assert read(text, "auto") == read(text, form)


def test_another_format_than_that_of_the_file_is_refused() -> None:
    with pytest.raises(UnreadableTopology):
        read("nodes: [a]", "graphml")
    with pytest.raises(UnreadableTopology):
        detect("just text")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("graphml", "<graphml><graph><node id='a'/>\n<node id='a'/></graph></graphml>"),
        ("gml", "graph [ node [ id 1 ]\nnode [ id 1 ] ]"),
        ("netlab", "nodes:\n- a\n- name: a"),
        ("netlab", "nodes: {a: ,\n a: }"),
        ("netlab", "nodes: [a]\nnodes: [b]"),
        ("containerlab", "topology: {nodes: {a: ,\n a: }}"),
        ("containerlab", "topology: {}\ntopology: {nodes: {a: }}"),
    ],
)
def test_what_a_file_says_twice_is_refused_with_both_lines(form: str, text: str) -> None:
    """Otherwise the last one would win, and links could be those of the other."""
    with pytest.raises(UnreadableTopology, match=r"line \d: (node )?\w+ is already (set )?in line \d"):
        read(text, form)
