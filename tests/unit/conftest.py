# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures for tests of several folders: a PostgreSQL server, and databases of all three kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import postgres

_NUMBERS = itertools.count()
KINDS = ("yaml", "sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Return the URL of a PostgreSQL server for this session. tools/setup installs Debian's package."""
    with postgres.running() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgresql(postgresql: str) -> Callable[[], str]:
    """Return a function that creates an empty schema, which is faster than a database, and returns its URL."""
    from sqlalchemy import create_engine, text

    engine = create_engine(postgresql)

    def make() -> str:
        name = f"test_{next(_NUMBERS)}"
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        return f"{postgresql}&options=-csearch_path%3D{name}"

    return make


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the C(database) option for a new database of each kind."""
    if request.param == "yaml":
        return str(tmp_path / "made" / "database.yaml")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/made/database.sqlite"
    url: str = request.getfixturevalue("new_postgresql")()
    return url
