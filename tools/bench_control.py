# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures the control plane: the time to plan and store a slice of 10 VMs with 100 or 10,000 VMs in the database.

Each run is a separate process, like a module. The times to open the database, to plan and to store are measured, and
separately the time for imports. The databases take turns, so that noise of the machine affects all of them. Each run
also measures a fixed computation, to show the noise.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_inventory import VMS as INVENTORY_VMS
from bench_inventory import bench_inventory
from bench_tree import VMS, bench_tree

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".ansible" / "collections"
SLICE_VMS = 10
FILLING_SLICES = 90  # of at most 100, which is the number of VLAN pools
NOISE_LOOPS = 300_000


def topology(name: str, vms: int) -> dict[str, Any]:
    """Return a slice of VMs in a chain, as long as one VLAN pool allows, with one VM on VLAN 400."""
    return {
        "name": name,
        "owner": "admin",
        "vms": [{"name": f"vm{number}", "flavor": "cirros", "internet": number == 0} for number in range(vms)],
        "links": [{"endpoints": [f"vm{number}", f"vm{number + 1}"]} for number in range(min(vms, 19) - 1)],
    }


def store_slice(cluster: Any, name: str, vms: int) -> None:
    from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
    from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice

    reconcile_slice(cluster, read_slice(topology(name, vms), default_owner="admin"), Settings(), acting_user="admin")


def open_database(database: str) -> Any:
    from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store

    return open_store(database, lock_timeout_s=30, backups=10)


def fill(database: str, vms: int) -> None:
    """Create a database with C(vms) VMs in slices of equal size."""
    from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

    each = max(SLICE_VMS, -(-vms // FILLING_SLICES))
    with open_database(database).transaction(write=True) as cluster:
        cluster.users["admin"].quota_vms = 10 * vms
        cluster.flavors["cirros"]["checksum"] = "ab" * 32
        for number in range(1, 9):
            cluster.workers[f"10.0.10.{number}"] = Worker(f"10.0.10.{number}", cores=10_000, ram_gb=100_000)
        for number, start in enumerate(range(0, vms, each)):
            store_slice(cluster, f"filling{number}", min(each, vms - start))


def run_once(database: str, number: int) -> None:
    """Measure once, and print the seconds of each part as JSON."""
    begin = time.perf_counter()
    open_database(database)  # imports the adapter, without a connection
    if "://" in database:
        from sqlalchemy import create_engine

        create_engine(database)  # imports the driver
    importlib.import_module("ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile")
    imported = time.perf_counter()
    name = f"run{number}"
    with open_database(database).transaction(write=True) as cluster:
        loaded = time.perf_counter()
        store_slice(cluster, name, SLICE_VMS)
        planned = time.perf_counter()
    stored = time.perf_counter()
    with open_database(database).transaction(write=True) as cluster:  # restore the content for the next run
        from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import remove

        remove(cluster, cluster.find_slice("admin", name))
    noise = time.perf_counter()
    sum(range(NOISE_LOOPS))
    noise = time.perf_counter() - noise
    print(
        json.dumps(
            {
                "import": imported - begin,
                "open": loaded - imported,
                "plan": planned - loaded,
                "store": stored - planned,
                "total": stored - imported,
                "noise": noise,
            }
        )
    )


@dataclass
class Case:
    """A database to measure, and the results of its runs."""

    what: str
    vms: int
    database: str
    runs: list[dict[str, float]] = field(default_factory=list)

    def median_ms(self, part: str) -> float:
        return statistics.median(run[part] for run in self.runs) * 1000


@contextlib.contextmanager
def cases(folder: Path, sizes: list[int]) -> Iterator[list[Case]]:
    """Yield the filled databases: YAML with the first size only, SQLite and PostgreSQL with each size."""
    from sqlalchemy import create_engine, text

    from ansible_collections.cloudrepo.slices.tests.unit import postgres

    with contextlib.ExitStack() as stack:
        found = [Case("YAML", sizes[0], str(folder / "database.yaml"))]
        try:
            server = stack.enter_context(postgres.running())
        except FileNotFoundError as error:
            print(f"skipping PostgreSQL: {error}")
            server = None
        for vms in sizes:
            found.append(Case("SQLite", vms, f"sqlite:///{folder}/{vms}.sqlite"))
            if server:
                with create_engine(server).begin() as connection:
                    connection.execute(text(f"CREATE SCHEMA with_{vms}"))
                found.append(Case("PostgreSQL", vms, f"{server}&options=-csearch_path%3Dwith_{vms}"))
        for case in found:
            fill(case.database, case.vms)
        yield found


def measure(case: Case, number: int) -> None:
    done = subprocess.run(
        [sys.executable, __file__, "--run", case.database, str(number)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    case.runs.append(json.loads(done.stdout))


def table(found: list[Case]) -> str:
    """Return medians in milliseconds, with a line per database."""
    lines = [f"{'database':<12}{'VMs':>7}{'open':>8}{'plan':>8}{'store':>8}{'total':>8}{'spread':>14}{'import':>9}"]
    for case in found:
        totals = sorted(run["total"] * 1000 for run in case.runs)
        parts = "".join(f"{case.median_ms(part):8.0f}" for part in ("open", "plan", "store", "total"))
        spread = f"{totals[0]:.0f}–{totals[-1]:.0f}"
        lines.append(f"{case.what:<12}{case.vms:>7}{parts}{spread:>14}{case.median_ms('import'):9.0f}")
    return "\n".join(lines)


def ratios(found: list[Case]) -> Iterator[str]:
    by_kind: dict[str, list[Case]] = {}
    for case in found:
        by_kind.setdefault(case.what, []).append(case)
    for kind, group in by_kind.items():
        if len(group) > 1:
            few, many = group[0], group[-1]
            ratio = many.median_ms("total") / few.median_ms("total")
            yield f"{kind}: {many.vms} VMs take {ratio:.2f} times as long as {few.vms}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="number of runs per database (%(default)s)")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[100, 10_000], help="numbers of existing VMs (%(default)s)"
    )
    parser.add_argument(
        "--run", nargs=2, metavar=("DATABASE", "NUMBER"), help="measure once; used by this script itself"
    )
    options = parser.parse_args()
    sys.path.insert(0, str(COLLECTIONS))
    if options.run:
        run_once(options.run[0], int(options.run[1]))
        return
    with tempfile.TemporaryDirectory(prefix="cloudrepo-bench-") as name, cases(Path(name), options.sizes) as found:
        for number in range(options.runs + 1):
            for case in found:
                measure(case, number)
        for case in found:
            del case.runs[0]  # with a cold cache
        print(f"planning and storing a slice of {SLICE_VMS} VMs: medians of {options.runs} runs, in ms")
        print(table(found))
        print(*ratios(found), sep="\n")
        noise = sorted(run["noise"] * 1000 for case in found for run in case.runs)
        print(
            f"noise: a fixed computation took {noise[0]:.1f} to {noise[-1]:.1f} ms, "
            f"median {statistics.median(noise):.1f}; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
    for what, seconds in bench_tree().items():
        print(f"planning a tree of {VMS} VMs {what}: {seconds * 1000:.0f} ms")
    for what, seconds in bench_inventory(fill).items():
        print(f"ansible-inventory with {INVENTORY_VMS} VMs, {what}: {seconds:.2f} s of CPU time")


if __name__ == "__main__":
    main()
