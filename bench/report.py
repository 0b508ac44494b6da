# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the results: results.json, and the measured part of docs/benchmark.md with its plot."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plot
from measurements import ROOT

PAGE = ROOT / "docs/benchmark.md"
WORDS = {
    "floor": "shell scripts in bulk (baseline)",
    "deploy": "**deploy**",
    "again": "**deploy again**, without changes",
    "empty_plays": "three empty plays",
    "site_again": "**site again**, without changes",
    "add_one": "**add one VM** to them",
    "floor_delete": "delete with shell scripts in bulk (baseline)",
    "delete": "**delete**",
    "task_per_vm": "a task per VM",
    "task_per_vm_again": "a task per VM, again",
    "community_libvirt": "community.libvirt",
    "community_libvirt_again": "community.libvirt, again",
    "virsh": "virsh",
    "ready": "**deploy and wait** until all guests answer",
    "ready_by_hand": "the same guests started by hand",
}
Runs = dict[str, dict[str, list[dict[str, float]]]]


def write_results(results: dict[str, Any], file: Path) -> None:
    """Write the results so far."""
    results["summary"] = {
        row: {size: round(statistics.median(_walls(runs)), 2) for size, runs in by_size.items()}
        for row, by_size in results["runs"].items()
    }
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_pages(results: dict[str, Any]) -> None:
    """Write page and plot. Every row must have been measured, for several sizes."""
    parts = (machine(results), table(results), waits(results), "![plot](benchmark.svg)", reach(results), split(results))
    text = "\n\n".join(parts)
    replace_part("measured", text)
    (ROOT / "docs/benchmark.svg").write_text(chart(results), encoding="utf-8")


def chart(results: dict[str, Any]) -> str:
    """Return the plot."""
    return plot.draw({WORDS[row].strip("*"): results["summary"][row] for row in plot.ROWS})


def replace_part(name: str, text: str, page: Path = PAGE) -> None:
    """Replace the text between the page's markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    head, found, rest = whole.partition(begin)
    _old, found_end, tail = rest.partition(end)
    if not (found and found_end):
        raise SystemExit(f"{page} has no markers for the part '{name}'")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def machine(results: dict[str, Any]) -> str:
    what, versions = results["machine"], results["versions"]
    works = [noise["work_s"] * 1000 for noise in results["noise"]]
    loads = [run["load"] for by_size in results["runs"].values() for runs in by_size.values() for run in runs]
    runs = max(len(runs) for by_size in results["runs"].values() for runs in by_size.values())
    return (
        f"Measured on {results['date']}: {what['cores']} cores ({what['processor']}), {what['memory_gib']} GiB, "
        f"{what['system']}; " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".\n"
        f"In seconds, median of {runs} runs, with the fastest and the slowest in parentheses. Noise: a fixed "
        f"computation took {min(works):.0f} to {max(works):.0f} ms; the load before a row was {min(loads):.1f} to "
        f"{max(loads):.1f}."
    )


def table(results: dict[str, Any]) -> str:
    """Return median and range of each row."""
    runs: Runs = results["runs"]
    sizes = sorted({size for by_size in runs.values() for size in by_size}, key=int)
    lines = ["| | " + " | ".join(f"{size} VMs" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for row in (row for row in WORDS if row in runs):
        cells = []
        for size in sizes:
            walls = _walls(runs[row].get(size, []))
            median = f"{statistics.median(walls):.2f}" if walls else "–"
            cells.append(f"{median} ({walls[0]:.2f}–{walls[-1]:.2f})" if len(walls) > 1 else median)
        lines.append(f"| {WORDS[row]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def waits(results: dict[str, Any]) -> str:
    """Return how much of the time until guests answer is spent waiting for them."""
    runs = results["runs"]["ready"]
    by_size = [f"{runs[size][0]['waited_s']:.0f} s with {size} VMs" for size in sorted(runs, key=int)]
    return f"Of the time until all guests answer, {', '.join(by_size)} are spent waiting while they boot."


def reach(results: dict[str, Any]) -> str:
    """Return the targets with their figures."""
    lines = ["| target | measured | reached |", "|---|---|---|"]
    lines.extend(
        f"| {what} | {figures} | {'yes' if reached else 'no'} |" for what, figures, reached in _targets(results)
    )
    return "\n".join(lines)


def _targets(results: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    of = results["summary"]
    sizes = sorted(of["deploy"], key=int)
    few, most = sizes[0], sizes[-1]

    def at_most(what: str, measured: float, limit: float, unit: str = " s") -> tuple[str, str, bool]:
        return what, f"{measured:.2f}{unit} ≤ {limit:.2f}{unit}", measured <= limit

    def faster(what: str, row: str, times: float) -> tuple[str, str, bool]:
        ratio = of[row][most] / of["deploy"][most]
        return f"{times:g} × faster than {what} with {most} VMs", f"{ratio:.1f} ×", ratio >= times

    yield at_most(f"deploy of {most} ≤ 1.3 × baseline + 3 s", of["deploy"][most], 1.3 * of["floor"][most] + 3)
    yield at_most(f"delete of {most} ≤ 1.5 × baseline + 3 s", of["delete"][most], 1.5 * of["floor_delete"][most] + 3)
    yield at_most(
        f"deploy of {most} again, without writing anything ≤ 1.5 × three empty plays",
        of["again"][most],
        1.5 * of["empty_plays"][most],
    )
    yield at_most(
        "site of three hosts again ≤ 4 × three empty plays", of["site_again"][most], 4 * of["empty_plays"][most]
    )
    yield at_most(f"add one VM to {most} ≤ 1.2 × to {few}", of["add_one"][most], 1.2 * of["add_one"][few])
    if {"50", "100"} <= set(sizes):
        yield at_most("deploy of 100 ≤ 2.1 × deploy of 50", of["deploy"]["100"], 2.1 * of["deploy"]["50"])
    peaks = {size: max(run["peak_mib"] for run in results["runs"]["deploy"][size]) for size in (few, most)}
    yield at_most(f"controller's largest process with {most} ≤ 1.2 × with {few}", peaks[most], 1.2 * peaks[few], " MiB")
    together = {size: results["split"][size]["together_mib"] for size in (few, most)}
    yield at_most(f"all of its processes with {most} ≤ 1.2 × with {few}", together[most], 1.2 * together[few], " MiB")
    yield faster("a task per VM", "task_per_vm", 10)
    yield faster("community.libvirt", "community_libvirt", 15)
    yield faster("virsh", "virsh", 4)


def split(results: dict[str, Any]) -> str:
    """Return the parts of one deploy of each size."""
    sizes = sorted(results["split"], key=int)
    by_size = {size: dict(results["split"][size]["parts"]) for size in sizes}
    names = list(dict.fromkeys(name for size in sizes for name in by_size[size]))
    lines = ["| one deploy, s | " + " | ".join(f"{size} VMs" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for name in names:
        cells = (f"{by_size[size][name]:.2f}" if name in by_size[size] else "–" for size in sizes)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("| **total** | " + " | ".join(f"{sum(by_size[size].values()):.2f}" for size in sizes) + " |")
    last = results["split"][sizes[-1]]
    lines.append(
        f"\nOpening a connection takes another {last['connection_s']:.2f} s, unless it was used in the last two "
        f"minutes. A call of a module that does nothing takes {last['empty_call_s']:.2f} s."
    )
    return "\n".join(lines)


def _walls(runs: list[dict[str, float]]) -> list[float]:
    return sorted(run["wall_s"] for run in runs)
