# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Results as files: results.json, and the measured part of docs/benchmark.md with its plot."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plot
from measuring import ROOT

PAGE = ROOT / "docs/benchmark.md"
WORDS = {
    "floor": "by hand, in bulk: the floor",
    "deploy": "**deploy**",
    "again": "**deploy again**, nothing to do",
    "empty_plays": "three empty plays",
    "add_one": "**add one VM** beside them",
    "floor_delete": "delete by hand, in bulk",
    "delete": "**delete**",
    "task_per_vm": "a task per VM",
    "task_per_vm_again": "a task per VM, again",
    "community_libvirt": "libvirt through Ansible",
    "community_libvirt_again": "libvirt through Ansible, again",
    "virsh": "libvirt alone",
}
Runs = dict[str, dict[str, list[dict[str, float]]]]


def write_results(results: dict[str, Any], file: Path) -> None:
    """Write the results as far as they have come."""
    results["summary"] = {
        row: {size: round(statistics.median(_walls(runs)), 2) for size, runs in by_size.items()}
        for row, by_size in results["runs"].items()
    }
    file.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_pages(results: dict[str, Any]) -> None:
    """Write what is for people; every row was measured, for several sizes."""
    text = "\n\n".join((machine(results), table(results), "![plot](benchmark.svg)", reach(results), split(results)))
    replace_part("measured", text)
    lines = {WORDS[row].strip("*"): results["summary"][row] for row in plot.ROWS}
    (ROOT / "docs/benchmark.svg").write_text(plot.draw(lines), encoding="utf-8")


def replace_part(name: str, text: str, page: Path = PAGE) -> None:
    """Put a text between the page's markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    whole = page.read_text(encoding="utf-8")
    head, found, rest = whole.partition(begin)
    _old, found_end, tail = rest.partition(end)
    if not (found and found_end):
        raise SystemExit(f"{page} has no place for what was {name}")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def machine(results: dict[str, Any]) -> str:
    what, versions = results["machine"], results["versions"]
    works = [noise["work_s"] * 1000 for noise in results["noise"]]
    loads = [run["load"] for by_size in results["runs"].values() for runs in by_size.values() for run in runs]
    runs = max(len(runs) for by_size in results["runs"].values() for runs in by_size.values())
    return (
        f"Measured on {results['date']}: {what['cores']} cores ({what['processor']}), {what['memory_gib']} GiB, "
        f"{what['system']}; " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".\n"
        f"Seconds, medians of {runs} runs with the fastest and the slowest. Noise: a fixed work took "
        f"{min(works):.0f} to {max(works):.0f} ms; the load before a row was {min(loads):.1f} to {max(loads):.1f}."
    )


def table(results: dict[str, Any]) -> str:
    """Return medians and spread of all rows."""
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


def reach(results: dict[str, Any]) -> str:
    """Return the targets, each with its figures."""
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
        return f"at {most} VMs {times:g} × faster than {what}", f"{ratio:.1f} ×", ratio >= times

    yield at_most(f"deploy of {most} ≤ 1.3 × floor + 3 s", of["deploy"][most], 1.3 * of["floor"][most] + 3)
    yield at_most(f"delete of {most} ≤ 1.5 × floor + 3 s", of["delete"][most], 1.5 * of["floor_delete"][most] + 3)
    yield at_most(
        f"deploy {most} again ≤ 1.5 × three empty plays, nothing written",
        of["again"][most],
        1.5 * of["empty_plays"][most],
    )
    yield at_most(f"add one beside {most} ≤ 1.2 × beside {few}", of["add_one"][most], 1.2 * of["add_one"][few])
    if {"50", "100"} <= set(sizes):
        yield at_most("deploy of 100 ≤ 2.1 × deploy of 50", of["deploy"]["100"], 2.1 * of["deploy"]["50"])
    peaks = {size: max(run["peak_mib"] for run in results["runs"]["deploy"][size]) for size in (few, most)}
    yield at_most(f"the controller's largest process at {most} ≤ 1.2 × at {few}", peaks[most], 1.2 * peaks[few], " MiB")
    together = {size: results["split"][size]["together_mib"] for size in (few, most)}
    yield at_most(f"all its processes together at {most} ≤ 1.2 × at {few}", together[most], 1.2 * together[few], " MiB")
    yield faster("a task per VM", "task_per_vm", 10)
    yield faster("libvirt through Ansible", "community_libvirt", 15)
    yield faster("libvirt alone", "virsh", 4)


def split(results: dict[str, Any]) -> str:
    """Return where the time of one deploy of each size went."""
    sizes = sorted(results["split"], key=int)
    by_size = {size: dict(results["split"][size]["parts"]) for size in sizes}
    names = list(dict.fromkeys(name for size in sizes for name in by_size[size]))
    lines = ["| one deploy, s | " + " | ".join(f"{size} VMs" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    for name in names:
        cells = (f"{by_size[size][name]:.2f}" if name in by_size[size] else "–" for size in sizes)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("| **together** | " + " | ".join(f"{sum(by_size[size].values()):.2f}" for size in sizes) + " |")
    last = results["split"][sizes[-1]]
    lines.append(
        f"\nOpening a connection costs {last['connection_s']:.2f} s on top, once in two minutes; a call of a "
        f"module that does nothing {last['empty_call_s']:.2f} s."
    )
    return "\n".join(lines)


def _walls(runs: list[dict[str, float]]) -> list[float]:
    return sorted(run["wall_s"] for run in runs)
