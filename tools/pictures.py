# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Draws the pictures of the documentation: docs/images/NAME.svg from tools/pictures/NAME.yml.

They are light or dark, as the reader's browser prefers. Run this script after changing a picture; a unit test fails if
one is outdated. A picture has a title, a description for those who do not see it, and one of

  shapes  with its size: boxes, texts and lines, with their coordinates and the classes in STYLE
  layers  of code, which are placed by row and columns
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import yaml

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tools/pictures"
IMAGES = ROOT / "docs/images"
LIGHT = {
    "text": {"fill": "#1f2328"},
    ".s": {"fill": "#59636e"},
    ".plate": {"fill": "#ffffff", "stroke": "#d1d9e0"},
    ".host": {"fill": "#f6f8fa", "stroke": "#818b98"},
    ".box": {"fill": "#ffffff", "stroke": "#818b98"},
    ".sw": {"fill": "#dde4eb", "stroke": "#818b98"},
    ".l": {"stroke": "#59636e"},
    ".arrow": {"fill": "#59636e"},
    ".v100": {"stroke": "#0969da"},
    ".v400": {"stroke": "#bc4c00"},
    ".t100": {"fill": "#0969da"},
    ".t400": {"fill": "#bc4c00"},
}
DARK = {
    "text": {"fill": "#f0f6fc"},
    ".s": {"fill": "#9198a1"},
    ".plate": {"fill": "#0d1117", "stroke": "#3d444d"},
    ".host": {"fill": "#151b23", "stroke": "#656c76"},
    ".box": {"fill": "#0d1117", "stroke": "#656c76"},
    ".sw": {"fill": "#2f3742", "stroke": "#656c76"},
    ".l": {"stroke": "#9198a1"},
    ".arrow": {"fill": "#9198a1"},
    ".v100": {"stroke": "#4493f8"},
    ".v400": {"stroke": "#f0883e"},
    ".t100": {"fill": "#4493f8"},
    ".t400": {"fill": "#f0883e"},
}
STYLE = """\
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;font-size:14px}
.b{font-weight:600}.s{font-size:12px}.m{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12px}
.l{fill:none;stroke-width:1.5}.d{stroke-dasharray:5 4}.v100,.v400{fill:none;stroke-width:3}"""
ARROW = (
    '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path class="arrow" d="M0 0L10 5L0 10z"/></marker></defs>'
)
ARROWS = {"end": ' marker-end="url(#a)"', "both": ' marker-end="url(#a)" marker-start="url(#a)"'}
MARGIN, COLUMNS, WIDTH = 20, 12, 920
BOX_HEIGHT, ROW_HEIGHT, GAP = 74, 94, 10
Shape = Mapping[str, Any]


def draw(picture: Mapping[str, Any]) -> str:
    """Return a picture as SVG."""
    shapes = picture.get("shapes") or list(_layers(picture["layers"]))
    width, height = picture.get("size") or (WIDTH + 2 * MARGIN, _bottom(picture["layers"]))
    frame = f'<rect class="plate" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img" aria-labelledby="t d">',
            f'<title id="t">{escape(picture["title"])}</title>',
            f'<desc id="d">{escape(picture["description"])}</desc>',
            f"<style>\n{STYLE}\n{_colors(LIGHT)}\n@media (prefers-color-scheme:dark){{{_colors(DARK)}}}\n</style>",
            *(ARROW, frame),
            *map(_element, shapes),
            "</svg>\n",
        ]
    )


def _colors(rules: Mapping[str, Mapping[str, str]]) -> str:
    return "".join(
        f"{selector}{{{';'.join(f'{name}:{value}' for name, value in colors.items())}}}"
        for selector, colors in rules.items()
    )


def _element(shape: Shape) -> str:
    if "box" in shape:
        (x, y), (width, height) = shape["at"], shape["size"]
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        return f'<rect class="{shape["box"]}" {place} rx="{shape.get("radius", 6)}"/>'
    if "line" in shape:
        return f'<path class="{shape["class"]}" d="{shape["line"]}"{ARROWS.get(shape.get("arrow", ""), "")}/>'
    (x, y), kind, anchor = shape["at"], shape.get("class"), shape.get("anchor")
    more = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:g}" y="{y:g}"{more}>{escape(shape["text"])}</text>'


def _layers(layers: Sequence[Shape]) -> Iterator[Shape]:
    """Yield the shapes of layers, and of the arrows between them."""
    named = {layer["name"]: layer for layer in layers}
    for layer in layers:
        (left, right), top = layer["columns"], _top(layer)
        yield {"box": "host", "at": [_x(left), top], "size": [_x(right) - _x(left) - GAP, BOX_HEIGHT]}
        yield {"text": layer["name"], "at": [_x(left) + 14, top + 26], "class": "b m"}
        for number, line in enumerate(layer["about"]):
            yield {"text": line, "at": [_x(left) + 14, top + 46 + 16 * number], "class": "s"}
        for below in (named[name] for name in layer["above"]):
            x = (_x(max(left, below["columns"][0])) + _x(min(right, below["columns"][1])) - GAP) / 2
            yield {"line": f"M{x:g} {top + BOX_HEIGHT}V{_top(below) - 2}", "class": "l", "arrow": "end"}


def _x(column: float) -> float:
    return round(MARGIN + GAP / 2 + column * WIDTH / COLUMNS)


def _top(layer: Shape) -> int:
    return int(MARGIN + layer["row"] * ROW_HEIGHT)


def _bottom(layers: Sequence[Shape]) -> int:
    return max(map(_top, layers)) + BOX_HEIGHT + MARGIN


def main() -> None:
    """Draw all pictures."""
    for data in sorted(DATA.glob("*.yml")):
        picture = yaml.safe_load(data.read_text(encoding="utf-8"))
        (IMAGES / f"{data.stem}.svg").write_text(draw(picture), encoding="utf-8")


if __name__ == "__main__":
    main()
