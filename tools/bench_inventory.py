# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures the user CPU time of ansible-inventory with 2,000 VMs in the database, without a cache.

A YAML file is read as after a change of the database, and as after an edit by hand, which the next change ends.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

VMS = 2000
RUNS = 5


def bench_inventory(fill: Callable[[str, int], None]) -> dict[str, float]:
    """Return the median seconds of CPU time for each kind of database, and for an inventory without it.

    Args:
        fill: creates a database with a number of VMs.
    """
    with tempfile.TemporaryDirectory(prefix="cloudrepo-bench-") as name:
        yaml, sqlite = str(Path(name, "database.yaml")), f"sqlite:///{name}/database.sqlite"
        for database in (yaml, sqlite):
            fill(database, VMS)
        source = Path(name, "vms.slices.yml")
        found: dict[str, list[float]] = {}
        for _each in range(RUNS):
            found.setdefault("without a database", []).append(_seconds("localhost,"))
            for what, database in (("YAML", yaml), ("SQLite", sqlite)):
                source.write_text(f"plugin: cloudrepo.slices.slices\ndatabase: {database}\n", encoding="utf-8")
                found.setdefault(what, []).append(_seconds(str(source)))
            source.write_text(f"plugin: cloudrepo.slices.slices\ndatabase: {yaml}\n", encoding="utf-8")
            with _edited(Path(yaml)):
                found.setdefault("YAML, edited", []).append(_seconds(str(source)))
    return {what: statistics.median(times) for what, times in found.items()}


@contextlib.contextmanager
def _edited(path: Path) -> Iterator[None]:
    """Append a comment for the block."""
    text = path.read_bytes()
    path.write_bytes(text + b"# edited\n")
    yield
    path.write_bytes(text)


def _seconds(source: str) -> float:
    # Ansible only warns of a source that no plugin reads.
    environment = {**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    before = os.times().children_user
    command = [sys.executable, "-m", "ansible", "inventory", "-i", source, "--graph"]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return os.times().children_user - before
