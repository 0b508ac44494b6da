# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the time of a deploy goes, and what memory it takes, from one deploy that is not among the timed ones.

Ansible's part comes from stamps of a callback (callback_plugins/stamps.py); what happens on a worker from the module
itself, which returns C(timings_s), the seconds of each of its stages. A call's own cost is what is left of it: its way
to the host, Python's start there, and the way back.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from lab import FOLDER, HERE, Lab, topologies
from measuring import Memory, run

Stamps = list[dict[str, Any]]


def profile(lab: Lab, size: int) -> dict[str, Any]:
    """Return C(parts), seconds by what they went to, C(connection_s), C(empty_call_s) and C(together_mib)."""
    _begin, stamps, _end = stamped(lab, str(HERE / "empty_plays.yml"), unconnected=True)
    first, second = (task["slowest_s"] for task in tasks_of(stamps)[:2])
    memory = Memory()
    begin, stamps, end = stamped(lab, "cloudrepo.slices.deploy", memory=memory, slices=topologies(size))
    lab.playbook("cloudrepo.slices.delete", slice_all=True)
    return {
        "parts": parts(begin, stamps, end),
        "connection_s": round(first - second, 3),
        "empty_call_s": round(second, 3),
        "together_mib": round(memory.peak_mib, 1),
    }


def stamped(
    lab: Lab, playbook: str, *, unconnected: bool = False, memory: Memory | None = None, **variables: Any
) -> tuple[float, Stamps, float]:
    """Run a playbook and return when it was started, its stamps, and when it had ended."""
    if unconnected:
        disconnect()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stamps"
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "stamps",
            "BENCH_STAMPS": str(file),
        }
        begin = time.time()
        run(
            lab.playbook_command(playbook, **variables),
            environment=environment,
            started=memory.watch if memory else lambda _pid: None,
        )
        end = time.time()
        if memory:
            memory.stop()
        stamps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return begin, stamps, end


def disconnect() -> None:
    """Close the connections that Ansible keeps open."""
    for socket in (FOLDER / "cp").glob("*"):
        subprocess.run(
            ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, capture_output=True
        )


def tasks_of(stamps: Stamps) -> list[dict[str, Any]]:
    """Return the tasks that did something: C(play) (its number), C(name), C(begin), C(end), the seconds of the slowest
    host and what that one returned as C(timings_s). A task ends where the next begins."""
    tasks: list[dict[str, Any]] = []
    play = -1
    begun: dict[str, float] = {}
    for stamp in stamps:
        if tasks and "end" not in tasks[-1] and stamp["event"] in ("play", "task", "end"):
            tasks[-1]["end"] = stamp["at"]
        if stamp["event"] == "play":
            play += 1
        elif stamp["event"] == "task":
            begun = {}
            tasks.append({"play": play, "name": stamp["name"], "begin": stamp["at"], "slowest_s": 0.0, "timings_s": {}})
        elif stamp["event"] == "host_begins":
            begun[stamp["host"]] = stamp["at"]
        elif stamp["event"] == "host_ends":
            took = stamp["at"] - begun.get(stamp["host"], tasks[-1]["begin"])
            if took > tasks[-1]["slowest_s"]:
                tasks[-1].update(slowest_s=took, timings_s=stamp["timings_s"] or {})
    return tasks


def parts(begin: float, stamps: Stamps, end: float) -> list[list[Any]]:
    """Return what the time of a deploy went to, as pairs of a phrase and seconds; together they are all of it."""
    plays = [stamp for stamp in stamps if stamp["event"] == "play"]
    borders = [play["at"] for play in plays] + [stamps[-1]["at"]]
    found: list[tuple[str, float]] = [("Ansible starts", borders[0] - begin)]
    tasks = tasks_of(stamps)
    for number, play in enumerate(plays):
        whole = borders[number + 1] - borders[number]
        own = [task for task in tasks if task["play"] == number]
        if number in (0, len(plays) - 1):
            found.append((f"play “{play['name']}”", whole))
            continue
        for task in own:
            took = task["end"] - task["begin"]
            stages = task["timings_s"]
            found.extend((f"worker: {stage}", seconds) for stage, seconds in stages.items())
            rest = took - sum(stages.values())
            whole -= took
            found.append((f"task “{task['name']}”" + (": the call itself" if stages else ""), rest))
        found.append((f"play “{play['name']}”: between tasks", whole))
    found.append(("Ansible ends", end - borders[-1]))
    return [[what, round(seconds, 3)] for what, seconds in found]
