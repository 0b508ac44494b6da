# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real runs of ansible-playbook that only involve this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# No host has this address, and nothing connects to it.
NOBODY = {"ansible_host": "192.0.2.1"}


@dataclass(frozen=True)
class Done:
    """The result of a run."""

    rc: int
    stdout: str
    stderr: str = ""

    @property
    def tasks(self) -> int:
        """The number of tasks that were started."""
        return self.stdout.count("TASK [")

    @property
    def failure(self) -> dict[str, Any]:
        """The result of the task that failed."""
        [text] = re.findall(r"FAILED! => (\{.*\})$", self.stdout, re.MULTILINE)
        found: dict[str, Any] = json.loads(text)
        return found


def run(
    folder: Path,
    playbook: str,
    variables: Mapping[str, Any],
    *options: str,
    environment: Mapping[str, str] | None = None,
    database: Mapping[str, Any] | None = None,
    inventory: Path | None = None,
) -> Done:
    """Run a playbook in C(folder), whose inventory sets the path of the database to it.

    Args:
        folder: where it is run.
        playbook: its name in the collection, or its path.
        variables: the extra variables, in a file as AWX gives them.
        options: of ansible-playbook.
        environment: of the controller, besides what it has.
        database: its content; without it, the database does not exist yet.
        inventory: another one, instead.
    """
    command = prepare(folder, playbook, variables, *options, database=database)
    if inventory is not None:
        command[command.index("-i") + 1] = str(inventory)
        # Tests run as root, and a call that is not refused as expected would prepare this machine.
        assert playbook != "site" or not _local_workers(inventory), "site must not reach this machine as a worker"
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _local_workers(inventory: Path) -> list[str]:
    hosts = (yaml.safe_load(inventory.read_text(encoding="utf-8")).get("workers") or {}).get("hosts") or {}
    return [name for name, variables in hosts.items() if (variables or {}).get("ansible_connection") == "local"]


def prepare(
    folder: Path, playbook: str, variables: Mapping[str, Any], *options: str, database: Mapping[str, Any] | None = None
) -> list[str]:
    """Write the files of a run, and return its command. For the arguments see C(run)."""
    place = folder / "database.yaml"
    if database is not None:
        place.write_text(yaml.safe_dump(dict(database)), encoding="utf-8")
    inventory = {
        "all": {"vars": {"cloudrepo_database": str(place)}},
        "orchestrator": {"hosts": {"localhost": {"ansible_connection": "local"}}},
        "workers": {"hosts": {"worker1": NOBODY}},
        "network_node": {"hosts": {"netnode": NOBODY}},
    }
    (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
    (folder / "extravars.json").write_text(json.dumps(dict(variables)), encoding="utf-8")
    name = playbook if playbook.endswith(".yml") else f"cloudrepo.slices.{playbook}"
    return [
        *(sys.executable, "-m", "ansible", "playbook", name, "-i", str(folder / "hosts.json")),
        *("-e", f"@{folder / 'extravars.json'}", *options),
    ]


def surroundings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a run."""
    return {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        **(environment or {}),
    }
