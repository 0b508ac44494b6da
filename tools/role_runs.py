# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the scenario of the example role several times at once on one lab: tools/role_runs.py [RUNS]

Each run is that of a role author (docs/guides/molecule.md), and all of them are in the same folder of the same user. A
table shows the outcome and the seconds of each run. The exit code is 1 if one has failed, or has left a slice behind.
The output of runs, and the inventory of the lab, are in .ansible/role_runs/.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
ROLE = ROOT / "docs/examples/router"
FOLDER = ROOT / ".ansible/role_runs"
INVENTORY = FOLDER / "inventory"
VMS_PER_RUN = 3
LAB = "rol" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:7]


@dataclass(frozen=True)
class Ended:
    """What became of a run."""

    number: int
    code: int
    seconds: float

    def __str__(self) -> str:
        verdict = "ok" if self.code == 0 else f"FAILED, see {FOLDER.relative_to(ROOT)}/{self.number}.log"
        return f"run {self.number:<3} {self.seconds:5.0f} s  {verdict}"


def environment() -> dict[str, str]:
    """Return the environment of a role author."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
        "CLOUDREPO_INVENTORY": str(INVENTORY),
        "HOME": str(FOLDER),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }


def write_inventory(runs: int) -> None:
    """Write the inventory of the lab, with a quota that suffices for all runs."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(ROOT / "inventory/lab", INVENTORY)
    settings = INVENTORY / "group_vars/all.yml"
    text = settings.read_text(encoding="utf-8").replace("lab_prefix: slab\n", f"lab_prefix: {LAB}\n")
    users = json.dumps([{"name": "admin", "quota_vms": runs * VMS_PER_RUN}])
    settings.write_text(f"{text}cloudrepo_users: {users}\n", encoding="utf-8")


def play(playbook: str) -> None:
    """Run a playbook of the collection.

    Raises:
        CalledProcessError: it has failed.
    """
    command = [str(BIN / "ansible-playbook"), "-i", str(INVENTORY), f"cloudrepo.slices.{playbook}"]
    subprocess.run(command, env=environment(), cwd=ROOT, check=True)


def test(number: int) -> Ended:
    """Run the scenario."""
    begin = time.monotonic()
    with open(FOLDER / f"{number}.log", "wb") as log:
        done = subprocess.run(
            [str(BIN / "molecule"), "test"],
            cwd=ROLE,
            env={**environment(), "MOLECULE_EPHEMERAL_DIRECTORY": str(FOLDER / str(number))},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    ended = Ended(number, done.returncode, time.monotonic() - begin)
    print(ended, flush=True)
    return ended


def left() -> list[str]:
    """Return the names of the slices that are in the database."""
    arguments = f"all=true database=/var/lib/cloudrepo-lab/{LAB}/database.yaml"
    command = [str(BIN / "ansible"), "-i", str(INVENTORY), "orchestrator", "-m", "cloudrepo.slices.slice_info"]
    tree = FOLDER / "left"
    subprocess.run([*command, "-a", arguments, "--tree", str(tree)], env=environment(), cwd=ROOT, check=True)
    return [slice_["name"] for slice_ in json.loads((tree / "localhost").read_text(encoding="utf-8"))["slices"]]


def main(arguments: list[str]) -> int:
    """Run the scenario at once, and return the exit code."""
    runs = int(arguments[0]) if arguments else 10
    write_inventory(runs)
    play("lab_up")
    try:
        play("site")
        with ThreadPoolExecutor(runs) as pool:
            ended = list(pool.map(test, range(1, runs + 1)))
        remaining = left()
    finally:
        play("lab_down")
    print("=====", *ended, f"slices left: {', '.join(remaining) or 'none'}", sep="\n")
    return int(any(run.code for run in ended) or bool(remaining))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
