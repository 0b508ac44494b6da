# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pictures of the documentation are those of their data, in light and dark."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..scripts import ROOT, load
from ..test_layers import BELOW

pictures = load("tools/pictures.py")
DATA = sorted((ROOT / "tools/pictures").glob("*.yml"))
IMAGES = sorted(ROOT.glob("docs/**/*.svg"))
DARK = "@media (prefers-color-scheme:dark)"


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / f"tools/pictures/{name}.yml").read_text(encoding="utf-8"))
    return found


def test_every_picture_has_data() -> None:
    assert [path.stem for path in IMAGES] == sorted([*(path.stem for path in DATA), "benchmark"])


@pytest.mark.parametrize("data", DATA, ids=lambda path: path.stem)
def test_a_picture_is_that_of_its_data(data: Path) -> None:
    image = ROOT / f"docs/images/{data.stem}.svg"
    assert image.read_text(encoding="utf-8") == pictures.draw(read(data.stem)), "run tools/pictures.py"


def test_the_plot_of_the_benchmark_is_that_of_its_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    report = load("bench/report.py")
    results = json.loads((ROOT / "bench/results.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs/benchmark.svg").read_text(encoding="utf-8") == report.chart(results)


@pytest.mark.parametrize("image", IMAGES, ids=lambda path: path.stem)
def test_every_picture_is_light_or_dark(image: Path) -> None:
    root = ET.parse(image).getroot()
    [style] = [element.text or "" for element in root if element.tag.endswith("style")]
    light, _media, dark = style.partition(DARK)
    for selector in ("text", ".plate"):
        [first], [second] = (re.findall(rf"(?:^|}})\s*{selector}{{fill:(#\w+)", part) for part in (light, dark[1:]))
        assert first != second


def test_colors_are_given_for_both() -> None:
    shape = {selector: set(colors) for selector, colors in pictures.LIGHT.items()}
    assert shape == {selector: set(colors) for selector, colors in pictures.DARK.items()}
    assert all(pictures.LIGHT[selector] != pictures.DARK[selector] for selector in shape)


def test_the_layers_in_the_picture_are_those_that_imports_are_checked_by() -> None:
    layers = read("layers")["layers"]
    assert {layer["name"] for layer in layers} == set(BELOW) - {"doc_fragments"}
    assert [
        (layer["name"], below) for layer in layers for below in layer["above"] if below not in BELOW[layer["name"]]
    ] == []
    assert [layer["name"] for layer in layers if not layer["above"]] == ["ground"]


def test_no_arrow_crosses_a_layer() -> None:
    layers = {layer["name"]: layer for layer in read("layers")["layers"]}
    for layer in layers.values():
        for below in (layers[name] for name in layer["above"]):
            (left, right) = max(layer["columns"][0], below["columns"][0]), min(layer["columns"][1], below["columns"][1])
            assert left < right
            between = range(layer["row"] + 1, below["row"])
            middle = (left + right) / 2
            assert not [
                other["name"]
                for other in layers.values()
                if other["row"] in between and other["columns"][0] <= middle <= other["columns"][1]
            ]


def test_text_is_escaped() -> None:
    shapes = [{"text": "a < b", "at": [1, 2]}, {"line": "M1 2V3", "class": "l", "arrow": "both"}]
    drawn = pictures.draw({"title": "T & t", "description": "d", "size": [10, 10], "shapes": shapes})
    root = ET.fromstring(drawn)
    assert [element.text for element in root if element.tag.endswith("text")] == ["a < b"]
    assert root[0].text == "T & t"
    assert 'd="M1 2V3" marker-end="url(#a)" marker-start="url(#a)"' in drawn
