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
