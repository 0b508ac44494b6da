# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The work orders that a host has applied, so that a late order never undoes a newer one (docs/decisions/0014).

C(STATE_DIR/revisions) has a file for each kind of order with the highest revision of each slice, and under 0 that of
what belongs to no slice. Entries remain after the slice is deleted, because a late order may be for a deleted slice.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..errors import Refusal, Refused
from ..work_order import revision_text
from . import files

WORKER = "worker"
NETWORK_NODE = "network_node"
_WHOLE = 0
_KEPT = 1000


class Dated(Protocol):
    """A slice of a work order."""

    @property
    def slice_id(self) -> int:
        """Its id."""

    @property
    def revision(self) -> int | None:
        """The revision of the order; C(None) if it has none."""


def older(orders: Iterable[Dated], *, state_dir: str, kind: str) -> dict[int, list[Refusal]]:
    """Return why slices of an order are refused, by slice: a newer order was applied.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    seen = _read(_path(state_dir, kind))
    found = {}
    for order in orders:
        got, applied = order.revision, seen.get(order.slice_id)
        if got is not None and applied is not None and applied > got:
            figures = {"got": revision_text(got), "applied": revision_text(applied)}
            found[order.slice_id] = [Refusal("order_superseded", f"slice {order.slice_id}", figures)]
    return found


def is_older(revision: int | None, *, state_dir: str, kind: str) -> bool:
    """Return whether what belongs to no slice was applied from a newer order than one of this revision.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    return revision is not None and revision < _read(_path(state_dir, kind)).get(_WHOLE, 0)


def require_issued(revisions: Iterable[int | None], issued: str | None, *, state_dir: str) -> None:
    """Check that the database that has made an order has also made the last one that this host has applied.

    A late order is older than that one, which is found for each slice (C(older)).

    Args:
        revisions: those of the order.
        issued: the last revisions of the database, as in orders. Without them, nothing is checked.
        state_dir: the state folder.

    Raises:
        Refused: it has not, although it has a higher revision now.
        SlicesError: the list of applied orders is unreadable.
    """
    known = [int(each) for each in issued.split(",")] if issued else []
    got, applied = max((each for each in revisions if each is not None), default=0), highest(state_dir)
    if known and applied is not None and known[0] <= applied < got and applied not in known:
        figures = {"applied": revision_text(applied), "got": revision_text(got)}
        raise Refused([Refusal("database_put_back", "this host", figures)])


def note(orders: Iterable[Dated], *, state_dir: str, kind: str, whole: int | None = None) -> None:
    """Register orders as applied. This is done before they are applied, so that interrupted orders count as well.

    Args:
        orders: the slices that are applied.
        state_dir: the state folder.
        kind: the kind of the orders.
        whole: the revision of what belongs to no slice, if that is applied.
    """
    path = _path(state_dir, kind)
    seen = _read(path)
    dated = {order.slice_id: order.revision for order in orders if order.revision is not None}
    if whole is not None:
        dated[_WHOLE] = whole
    news = {slice_id: revision for slice_id, revision in dated.items() if revision > seen.get(slice_id, 0)}
    if news:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        kept = sorted({**seen, **news}.items(), key=lambda each: each[1])[-_KEPT:]
        files.write_text(path, json.dumps(dict(kept)) + "\n", mode=0o600)


def of_slices(state_dir: str, kind: str) -> dict[int, int]:
    """Return the highest revision of each slice in orders of a kind.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    return _read(_path(state_dir, kind))


def highest(state_dir: str) -> int | None:
    """Return the highest revision of all slices and kinds of orders on this host.

    Raises:
        SlicesError: the list of applied orders is unreadable.
    """
    found = [revision for kind in (WORKER, NETWORK_NODE) for revision in _read(_path(state_dir, kind)).values()]
    return max(found, default=None)


def forget(state_dir: str) -> None:
    """Forget all applied orders, because they were those of another cloud."""
    for kind in (WORKER, NETWORK_NODE):
        files.remove(_path(state_dir, kind))


@contextmanager
def turn(slice_ids: Iterable[int], *, state_dir: str, kind: str) -> Iterator[None]:
    """Lock slices for the block. Orders for the same slices wait; orders for other slices do not."""
    path = f"{_path(state_dir, kind)}.lock"
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Each slice is one byte of the file. All processes lock them in ascending order, which avoids deadlocks.
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
        raise Refused([Refusal("revisions_unreadable", path, {"why": str(error)})], path=path) from error
