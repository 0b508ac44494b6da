# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which work orders a host has carried out: one that comes late is not to undo a newer one (docs/decisions/0014).

C(STATE_DIR/revisions) has a file for each kind of order, which holds the highest revision of each slice. It outlives
the slice, for late orders are for slices that are gone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..errors import Refusal, SlicesError
from ..work_order import revision_text
from . import files

WORKER = "worker"
NETWORK_NODE = "network_node"
_KEPT = 1000


class Dated(Protocol):
    """What a work order says of one slice."""

    @property
    def slice_id(self) -> int:
        """The slice."""

    @property
    def revision(self) -> int | None:
        """How new the order is; C(None) where it does not say."""


def older(orders: Iterable[Dated], *, state_dir: str, kind: str) -> dict[int, list[Refusal]]:
    """Why slices of an order are refused, by slice: an order that is newer of them was carried out.

    Raises:
        SlicesError: what was carried out cannot be told.
    """
    seen = _read(_path(state_dir, kind))
    found = {}
    for order in orders:
        applied = seen.get(order.slice_id, 0)
        if order.revision is not None and applied > order.revision:
            figures = {"got": revision_text(order.revision), "applied": revision_text(applied)}
            found[order.slice_id] = [Refusal("order_superseded", f"slice {order.slice_id}", figures)]
    return found


def note(orders: Iterable[Dated], *, state_dir: str, kind: str) -> None:
    """Remember what is carried out from now on: one that was begun counts as well."""
    path = _path(state_dir, kind)
    seen = _read(path)
    dated = {order.slice_id: order.revision for order in orders if order.revision is not None}
    news = {slice_id: revision for slice_id, revision in dated.items() if revision > seen.get(slice_id, 0)}
    if news:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        kept = sorted({**seen, **news}.items(), key=lambda each: each[1])[-_KEPT:]
        files.write_text(path, json.dumps(dict(kept)) + "\n", mode=0o600)


def highest(state_dir: str) -> int | None:
    """The highest revision that this host knows, of whatever slice and kind of order.

    Raises:
        SlicesError: what was carried out cannot be told.
    """
    found = [revision for kind in (WORKER, NETWORK_NODE) for revision in _read(_path(state_dir, kind)).values()]
    return max(found, default=None)


def forget(state_dir: str) -> None:
    """Forget what was carried out, which was another cloud's."""
    for kind in (WORKER, NETWORK_NODE):
        files.remove(_path(state_dir, kind))


@contextmanager
def turn(slice_ids: Iterable[int], *, state_dir: str, kind: str) -> Iterator[None]:
    """Keep other orders of the same slices waiting; those of other slices pass."""
    path = f"{_path(state_dir, kind)}.lock"
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # A byte is a slice. All take them in one order, so nobody waits for somebody who waits.
        for slice_id in sorted(slice_ids):
            fcntl.lockf(handle, fcntl.LOCK_EX, 1, slice_id)
        yield
    finally:
        os.close(handle)


def _path(state_dir: str, kind: str) -> str:
    return f"{state_dir}/revisions/{kind}"


def _read(path: str) -> dict[int, int]:
    try:
        return {
            int(slice_id): int(revision) for slice_id, revision in json.loads(files.read_text(path) or "{}").items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise SlicesError(
            f"{path} cannot be read as a list of applied work orders ({error}); remove it and deploy again",
            path=path,
        ) from error
