# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plots seconds over VMs as SVG, with logarithmic axes, light or dark as the reader's browser prefers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.sax.saxutils import escape

ROWS = ("community_libvirt", "task_per_vm", "virsh", "delete", "deploy", "again", "floor")
# The palette of Okabe and Ito, for people with colour blindness.
COLOURS = ("#d55e00", "#e69f00", "#cc79a7", "#56b4e9", "#0072b2", "#009e73", "#808080")
WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 30, 50
LABEL_HEIGHT = 16
STYLE = """<style>
text{fill:#1f2328}.plate{fill:#ffffff}.grid{stroke:#dddddd}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.plate{fill:#0d1117}.grid{stroke:#3d444d}
.line{filter:brightness(1.3)}}
</style>"""


def draw(lines: Mapping[str, Mapping[str, float]]) -> str:
    """Return an SVG of the lines. Each has a name, and seconds by number of VMs."""
    sizes = sorted({int(size) for line in lines.values() for size in line})
    values = [value for line in lines.values() for value in line.values()]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))

    def x(size: float) -> float:
        span = math.log(sizes[-1] / sizes[0]) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(size / sizes[0]) / span

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(value / low) / math.log(high / low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="13">',
        STYLE,
        f'<rect class="plate" width="{WIDTH}" height="{HEIGHT}"/>',
    ]
    for value in _ticks(low, high):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for size in sizes:
        parts.append(f'<path d="M{x(size):.1f} {TOP}V{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">VMs</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end">s</text>')
    labels = _spread({name: y(line[max(line, key=int)]) for name, line in lines.items()})
    for (name, line), colour in zip(lines.items(), COLOURS):
        points = [(x(int(size)), y(line[size])) for size in sorted(line, key=int)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<g class="line" style="fill:{colour};stroke:{colour}">')
        parts.append(f'<polyline points="{path}" fill="none" stroke-width="2"/>')
        parts.extend(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" stroke="none"/>' for px, py in points)
        place = f'x="{WIDTH - RIGHT + 10}" y="{labels[name] + 4:.1f}"'
        parts.append(f'<text {place} style="fill:inherit" stroke="none">{escape(name.replace("*", ""))}</text></g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ticks(low: float, high: float) -> list[float]:
    decades = range(round(math.log10(low)), round(math.log10(high)) + 1)
    return [value for decade in decades for step in (1, 2, 5) if (value := step * 10.0**decade) <= high]


def _spread(places: Mapping[str, float]) -> dict[str, float]:
    """Move labels apart that would overlap."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name in sorted(places, key=places.__getitem__):
        last = max(places[name], last + LABEL_HEIGHT)
        moved[name] = last
    return moved
