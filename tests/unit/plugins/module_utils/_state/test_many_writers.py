# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""32 processes create and delete slices in parallel: nothing is allocated twice, quotas are correct, no update is lost.

Each process records what it has committed. They run for C(SLICES_WRITERS_S) seconds, by default 5, or 60 if C(CI) is
set.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.invariants import breaches
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.reconcile import Settings, reconcile_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.teardown import remove
from ansible_collections.cloudrepo.slices.plugins.module_utils._domain.topology_spec import read_slice
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.open_store import open_store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.models import Slice, User
from ansible_collections.cloudrepo.slices.plugins.module_utils.workers import Worker

WRITERS = 32
SECONDS = float(os.environ.get("SLICES_WRITERS_S") or (60 if os.environ.get("CI") else 5))
SLICES_EACH = 3  # 96 in total, of 100 VLAN pools


def topology(owner: str, name: str, vms: int) -> dict[str, Any]:
    return {
        "name": name,
        "owner": owner,
        "vms": [{"name": f"vm{number}", "flavor": "cirros", "internet": number == 0} for number in range(vms)],
        "links": [{"endpoints": [f"vm{number}", f"vm{number + 1}"]} for number in range(vms - 1)],
    }


def given(slice_: Slice) -> dict[str, list[Any]]:
    """Return the slice's values that must be unique while it exists; ids are never allocated again."""
    return {
        "ids": [slice_.slice_id, *(vm.vm_id for vm in slice_.vms)],
        "ports": [vm.vnc_port for vm in slice_.vms],
    }


def write(number: int, database: str, until: float, ledger: str) -> None:
    owner, chance = f"u{number}", random.Random(number)
    mine: dict[str, dict[str, list[Any]]] = {}
    told = []
    while time.monotonic() < until or not told:
        create = not mine or (len(mine) < SLICES_EACH and chance.random() < 0.6)
        name = f"s{len(told)}" if create else chance.choice(sorted(mine))
        with open_store(database, lock_timeout_s=120, backups=2).transaction(write=True) as cluster:
            if create:
                want = read_slice(topology(owner, name, chance.randint(1, 3)), default_owner=owner)
                made = given(reconcile_slice(cluster, want, Settings(), acting_user=owner))
            else:
                one = cluster.find_slice(owner, name)
                if one is None:
                    raise LookupError(f"{owner} has lost {name}")
                remove(cluster, one)
            cluster.extra["commits"] = cluster.extra.get("commits", 0) + 1
        if create:
            mine[name] = made
            told.append(made["ids"])
        else:
            del mine[name]
            told.append([])
    Path(ledger).write_text(json.dumps({"mine": mine, "told": told}), encoding="utf-8")


def test_32_concurrent_writers(database: str, tmp_path: Path) -> None:
    with open_store(database, lock_timeout_s=5, backups=2).transaction(write=True) as cluster:
        cluster.flavors["cirros"]["checksum"] = "ab" * 32
        for number in range(1, 4):
            cluster.workers[f"10.0.10.{number}"] = Worker(
                f"10.0.10.{number}", cores=WRITERS * SLICES_EACH, ram_gb=WRITERS * SLICES_EACH
            )
        for number in range(WRITERS):
            cluster.users[f"u{number}"] = User(f"u{number}", "!", quota_vms=3 * SLICES_EACH)
    # The YAML file gets the whole time; databases with their own transactions get a part of it.
    until = time.monotonic() + (SECONDS if "://" not in database else SECONDS / 4)
    ledgers = [str(tmp_path / f"ledger{number}") for number in range(WRITERS)]
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=write, args=(number, database, until, ledger)) for number, ledger in enumerate(ledgers)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS

    books = [json.loads(Path(ledger).read_text(encoding="utf-8")) for ledger in ledgers]
    with open_store(database, lock_timeout_s=5, backups=2).transaction(write=False) as cluster:
        held = Cluster.from_dict(cluster.to_dict())
    assert breaches(held) == []
    for number, book in enumerate(books):
        there = {str(one.name): given(one) for one in held.slices.values() if one.owner == f"u{number}"}
        assert there == book["mine"]
    ids = Counter(one for book in books for ids in book["told"] for one in ids)
    assert [one for one, count in ids.items() if count > 1] == []
    assert held.extra["commits"] == sum(len(book["told"]) for book in books)
    assert held.next_vm_id > max(ids)
