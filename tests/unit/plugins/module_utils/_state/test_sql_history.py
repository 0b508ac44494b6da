# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")

from sqlalchemy import Connection, create_engine, func, select

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import sql_history
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.schema import HISTORY, METADATA
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.sql_history import SqlHistory
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, Kept

NOW = "9999-01-01T00:00:00Z"


def entry(at: str = NOW) -> Entry:
    return Entry(at, "admin", Caller(), 7, [{"id": "ä"}])


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path}/d.sqlite", json_serializer=str)
    METADATA.create_all(engine)
    with engine.connect() as made:
        yield made
    engine.dispose()


@pytest.mark.parametrize("page", [1, 2, 3, 50])
def test_entries_are_read_page_by_page(connection: Connection, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(sql_history, "PAGE", page)
    history = SqlHistory(connection, Kept())
    assert list(history.newest_first()) == []
    history.add([entry()])
    history.add([entry(), entry()])
    assert [each.number for each in history.newest_first()] == [3, 2, 1]


def test_an_entry_stays_once_it_is_committed(connection: Connection) -> None:
    history = SqlHistory(connection, Kept())
    history.add([entry()])
    history.commit()
    history.add([entry()])
    connection.rollback()
    assert [each.number for each in history.newest_first()] == [1]


def test_number_and_age_of_kept_entries_are_limited(connection: Connection) -> None:
    history = SqlHistory(connection, Kept(entries=5))
    for _each in range(9):
        history.add([entry()])
    assert connection.scalar(select(func.count()).select_from(HISTORY)) == 5
    assert [each.number for each in SqlHistory(connection, Kept(entries=3)).newest_first()] == [9, 8, 7]
    SqlHistory(connection, Kept(days=1)).add([entry("2020-01-01T00:00:00Z")])
    assert [each.number for each in history.newest_first()] == [9, 8, 7, 6, 5]


def test_with_a_limit_of_zero_no_entries_are_written(connection: Connection) -> None:
    SqlHistory(connection, Kept(entries=0)).add([entry()])
    assert list(SqlHistory(connection, Kept()).newest_first()) == []
    SqlHistory(connection, Kept()).add([entry()])
    SqlHistory(connection, Kept(entries=0)).add([entry()])
    SqlHistory(connection, Kept()).add([])
    assert [each.number for each in SqlHistory(connection, Kept()).newest_first()] == [1], "no earlier one is removed"


def test_an_entry_that_is_exactly_as_old_as_allowed_is_kept(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_history, "oldest_time", lambda _kept: "2026-01-01T00:00:00Z")
    history = SqlHistory(connection, Kept())
    for at in ("2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"):
        history.add([entry(at)])
    assert [each.at for each in history.newest_first()] == ["2026-01-01T00:00:00Z"]
    assert connection.scalar(select(func.count()).select_from(HISTORY)) == 1
