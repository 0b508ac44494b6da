# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Selects the reader of a topology by its format."""

from __future__ import annotations

from collections.abc import Callable

from . import containerlab, gml, gns3, graphml, netlab
from .graph import Graph
from .yaml_lines import load

READERS: dict[str, Callable[[str], Graph]] = {
    "graphml": graphml.read,
    "gml": gml.read,
    "netlab": netlab.read,
    "containerlab": containerlab.read,
    "gns3": gns3.read,
}


def detect(text: str) -> str:
    """Return the format of a topology, one of C(READERS).

    Raises:
        UnreadableTopology: it looks like YAML, and is none.
    """
    first = next((line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")), "")
    if first.startswith("<"):
        return "graphml"
    if first.startswith(("graph", "Creator", "Version")) and ":" not in first.split("[")[0].split('"')[0]:
        return "gml"
    document = load(text)
    if gns3.is_project(document):
        return "gns3"
    return "containerlab" if document.get("topology") is not None else "netlab"


def read(text: str, form: str) -> tuple[str, Graph]:
    """Return the format of a text, which C(auto) detects, and the graph in it.

    Raises:
        UnreadableTopology: the text is invalid. The message contains the line.
    """
    found = detect(text) if form == "auto" else form
    return found, READERS[found](text)
