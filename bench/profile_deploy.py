# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures the parts and the memory of a deploy, in a separate deploy that is not included in the other figures.

The times of plays and tasks are recorded by a callback (callback_plugins/stamps.py). The stages on a worker are
returned by the module as C(timings_s). The rest of a module call is its overhead: sending it to the host, starting
Python there, and returning the result.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import FOLDER, HERE, Lab, topologies
from measurements import Cost, Memory, run


@dataclass(frozen=True)
class Task:
    """A task of a host in a play: begin and end in seconds, and durations of its stages if the module returns them."""

    play: int
    host: str
    name: str
    begin: float
    end: float
    stages_s: Mapping[str, float]

    @property
    def took_s(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Stamped:
    """A run of a playbook with its time stamps."""

    begin: float
    stamps: list[dict[str, Any]]
    end: float
    cost: Cost

    @property
    def plays(self) -> list[tuple[str, float, float]]:
        """The plays: name, begin, end."""
        found = [(stamp["name"], stamp["at"]) for stamp in self.stamps if stamp["event"] == "play"]
        ends = [at for _name, at in found[1:]] + [self.stamps[-1]["at"]]
        return [(name, at, end) for (name, at), end in zip(found, ends)]

    @property
    def tasks(self) -> list[Task]:
        """The tasks of all hosts, in the order in which they ended."""
        play = -1
        begun: dict[tuple[str, str], float] = {}
        found = []
        for stamp in self.stamps:
            if stamp["event"] == "play":
                play += 1
            elif stamp["event"] == "task_begins":
                begun[stamp["host"], stamp["task"]] = stamp["at"]
            elif stamp["event"] == "task_ends":
                host, name = stamp["host"], stamp["task"]
                begin = begun.pop((host, name), stamp["at"])  # meta tasks do not begin
                found.append(Task(play, host, name.rpartition(" : ")[2], begin, stamp["at"], stamp["timings_s"]))
        return found


def profile(lab: Lab, size: int) -> dict[str, Any]:
    """Return C(parts), the seconds of each part, C(connection_s), C(empty_call_s) and C(together_mib)."""
    disconnect()
    pings = stamped(lab, str(HERE / "empty_plays.yml"))
    first, second = (max(task.took_s for task in pings.tasks if task.play == play) for play in (0, 1))
    memory = Memory()
    deploy = stamped(lab, "cloudrepo.slices.deploy", memory=memory, slices=topologies(size))
    lab.playbook("cloudrepo.slices.delete", slice_all=True)
    return {
        "parts": parts(deploy),
        "connection_s": round(first - second, 3),
        "empty_call_s": round(second, 3),
        "together_mib": round(memory.peak_mib, 1),
    }


def stamped(
    lab: Lab,
    playbook: str,
    *,
    memory: Memory | None = None,
    environment: Mapping[str, str] | None = None,
    **variables: Any,
) -> Stamped:
    """Run a playbook with time stamps."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stamps"
        begin = time.time()
        cost = run(
            lab.playbook_command(playbook, **variables),
            environment={
                "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
                "ANSIBLE_CALLBACKS_ENABLED": "stamps",
                "BENCH_STAMPS": str(file),
                **(environment or {}),
            },
            started=memory.watch if memory else lambda _pid: None,
        )
        end = time.time()
        if memory:
            memory.stop()
        stamps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Stamped(begin, stamps, end, cost)


def disconnect() -> None:
    """Close the connections that Ansible keeps open."""
    for socket in (FOLDER / "cp").glob("*"):
        subprocess.run(
            ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "lab"], check=False, capture_output=True
        )


def parts(deploy: Stamped) -> list[list[Any]]:
    """Return the parts of a deploy as pairs of a name and seconds, which add up to its total.

    For the play that hosts run in parallel, these are the tasks of the host that finished last.
    """
    plays = deploy.plays
    # The plays after it wait for guests, and do nothing in a deploy without wait_ready.
    last = max(task.play for task in deploy.tasks if task.took_s)
    found = {"Ansible starts": plays[0][1] - deploy.begin}
    for number, (play, begin, end) in enumerate(plays):
        if number == 0 or number >= last:
            found[f"play '{play}'"] = end - begin
            continue
        own = [task for task in deploy.tasks if task.play == number]
        path = [task for task in own if task.host == own[-1].host]
        for task in path:
            for stage, seconds in task.stages_s.items():
                found[f"{task.name}: {stage}"] = seconds
            words = f"{task.name}: overhead of the call" if task.stages_s else task.name
            found[words] = found.get(words, 0) + task.took_s - sum(task.stages_s.values())
        found[f"play '{play}': between tasks"] = end - begin - sum(task.took_s for task in path)
    found["Ansible ends"] = deploy.end - plays[-1][2]
    return [[what, round(seconds, 3)] for what, seconds in found.items() if seconds >= 0.0005]
