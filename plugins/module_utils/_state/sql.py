# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database in PostgreSQL or SQLite, with one transaction per change and a row that locks allocation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..cluster import Cluster
from ..errors import DatabaseError, DatabaseRefused, Refusal, Refused
from ..history import Entry
from ..stored_fields import FieldError
from . import lock, schema, url_secrets, yaml_text
from .files import Backups, exists
from .high_water import HighWater
from .sql_cluster import SqlCluster
from .sql_history import SqlHistory
from .store import does_not_exist, replaced_meanwhile

try:
    from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    HAS_SQLALCHEMY = True
except ImportError:  # the import test of ansible-test runs without SQLAlchemy
    HAS_SQLALCHEMY = False

DRIVERS = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite"}
MAKING_TABLES = 0x636C6F75
"""The advisory lock for the creation of tables."""
LOCK_NOT_AVAILABLE = "55P03"

# The oids differ after a dump has been restored, so it counts as another place.
PLACE = """
SELECT concat_ws(' ', CASE WHEN has_function_privilege('pg_control_system()', 'execute')
  THEN (SELECT system_identifier FROM pg_control_system()) END, pg_database.oid, pg_class.oid)
FROM pg_database, pg_class
WHERE pg_database.datname = current_database() AND pg_class.oid = to_regclass('cloudrepo_meta')
"""
# Waiters for the row hold the same lock on the table, but only the holder of the row has a transaction id.
HOLDER = """
SELECT activity.application_name FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.relation = to_regclass(:meta) AND held.mode = 'RowShareLock' AND held.granted
  AND activity.backend_xid IS NOT NULL AND activity.pid <> pg_backend_pid()
"""


class SqlDatabase:
    """A cluster in an SQL database. The first change creates the tables.

    Args:
        url: C(postgresql+psycopg://…) or C(sqlite:////absolute/path).
        lock_timeout_s: how long to wait for another writer, in seconds.
        backups: the number of backups to keep; they are made only on request.
        backup_dir: the folder of backups; by default C(PATH.backups) for SQLite, and none for a server.

    Raises:
        Refused: the URL is not supported.
        DatabaseError: SQLAlchemy is missing.
    """

    def __init__(self, url: str, *, lock_timeout_s: float, backups: int = 10, backup_dir: str | None = None) -> None:
        if not HAS_SQLALCHEMY:
            needed = {
                "library": "SQLAlchemy 2 or newer (Debian 12 has 1.4)",
                "package": "requirements.txt of the collection with pip",
            }
            raise DatabaseRefused([Refusal("library_missing", "an SQL database", needed)])
        self.name = f"database {url_secrets.masked(url)}"
        self._secrets = url_secrets.secrets(url)
        self.lock_timeout_s = lock_timeout_s
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # ValueError for a port that is not a number
            raise Refused([Refusal("invalid_database_url", self.name)]) from None
        if url_secrets.PARAMETER.search(url):
            raise Refused([Refusal("password_in_query", self.name)])
        backend = parsed.get_backend_name()
        if backend not in DRIVERS or parsed.drivername not in (backend, DRIVERS[backend]):
            figures = {"drivers": sorted(DRIVERS.values()), "got": parsed.drivername}
            raise Refused([Refusal("unsupported_driver", self.name, figures)])
        self.path: str | None = None
        self._high_water: HighWater | None = None
        if backend == "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise Refused([Refusal("database_without_path", self.name, {"form": "sqlite:////absolute/path"})])
            file = os.path.expanduser(str(parsed.database))
            if not os.path.isabs(file):
                figures = {"got": file, "absolute": f"sqlite:///{os.path.abspath(file)}"}
                raise Refused([Refusal("relative_path", self.name, figures)])
            self.path = os.path.realpath(file)
            self._high_water = HighWater(self.path, name=self.name)
            parsed = parsed.set(database=self.path)
            backup_dir = backup_dir or f"{self.path}.backups"
        self._url = parsed.set(drivername=DRIVERS[backend])
        self.backups = Backups(backup_dir, keep=backups) if backup_dir else None

    def exists(self) -> bool:
        """See C(Store.exists). On a server, it exists as soon as it has its tables."""
        if self.path is not None:
            return exists(self.path, name=self.name)
        with self._connected(False) as connection:
            return self._open(connection, False) is not None

    @contextmanager
    def transaction(self, *, write: bool, create: bool = True) -> Iterator[Cluster]:
        """See C(Store.transaction)."""
        if not create and self.path is not None and not self.exists():
            raise does_not_exist(self.name)
        if self.path is None:
            with self._connected(write) as connection:
                yield from self._transact(connection, write, create)
        elif write:
            with lock.locked(f"{self.path}.lock", name=self.name, timeout_s=self.lock_timeout_s):
                made = self._make_file(self.path)
                try:
                    with self._connected(write) as connection:
                        yield from self._transact(connection, write, create)
                finally:
                    if made and os.path.getsize(self.path) == 0:
                        os.unlink(self.path)
        elif self.exists():
            with self._connected(write) as connection:
                yield from self._transact(connection, write, create)
        else:
            initial = Cluster.initial()
            if self._high_water is not None:
                self._high_water.lift(initial)
            yield initial

    def backup(self) -> str | None:
        """See C(Store.backup)."""
        with self.transaction(write=False) as cluster:
            return self._keep(cluster)

    def read_backup(self, name: str) -> Cluster:
        """See C(Store.read_backup)."""
        backups = self._backups()
        return yaml_text.read(backups.text(name), name=f"backup {backups.path(name)}")

    def note(self, entry: Entry) -> None:
        """See C(Store.note)."""
        with self.transaction(write=True) as cluster:
            if isinstance(cluster.history, SqlHistory):
                cluster.history.add([entry])
                # Otherwise it would be rolled back, because the cluster has not changed.
                cluster.history.commit()

    def restore(self, name: str, entry: Entry | None = None) -> None:
        """See C(Store.restore)."""
        other = self.read_backup(name)
        with self.transaction(write=True) as cluster:
            self._keep(cluster)
            if self._high_water is not None:
                self._high_water.recognize(cluster, other)
            cluster.restore(other)
            cluster.noted = [] if entry is None else [replace(entry, revision=cluster.revision)]

    def _backups(self) -> Backups:
        if self.backups is None:
            figures = {"kind": "backup of a database server", "option": "backup_dir"}
            raise Refused([Refusal("option_missing", self.name, figures)])
        yaml_text.need_yaml()
        return self.backups

    def _keep(self, cluster: Cluster) -> str | None:
        data, backups = cluster.to_dict(), self._backups()
        if data == Cluster.initial().to_dict():
            return None
        text = yaml_text.write(data)
        with lock.locked(f"{backups.folder}.lock", name=f"folder {backups.folder}", timeout_s=self.lock_timeout_s):
            try:
                name = backups.keep_if_new(text)
                backups.prune()
            except OSError as error:
                raise lock.failed(self.name, "backed up", error) from error
        return name

    def _transact(self, connection: Connection, write: bool, create: bool) -> Iterator[Cluster]:
        row = self._open(connection, write)
        file = self._file()
        if row is None and not create:
            raise does_not_exist(self.name)
        cluster = SqlCluster(connection, row, write=write)
        if row is not None:
            cluster.history = SqlHistory(connection, cluster.kept)
        if self._high_water is not None:
            self._high_water.lift(cluster)
        self._recognize_copy(cluster, connection)
        yield cluster
        if write:
            self._recognize_copy(cluster, connection)
            # SQLite itself would say that the database is read-only.
            if self._file() != file:
                raise replaced_meanwhile(self.name)
        if write and cluster.save():
            SqlHistory(connection, cluster.kept).add(cluster.noted)
            self._lift(cluster)
            connection.commit()
        else:
            connection.rollback()

    def _recognize_copy(self, cluster: Cluster, connection: Connection) -> None:
        """Make a copied database another incarnation than its original."""
        if cluster.cloud is not None and self._high_water is not None:
            cluster.set_cloud(self._high_water.locate(cluster.cloud))
        elif cluster.cloud is not None:
            place = connection.scalar(text(PLACE))
            # There is no place before the tables are created; the next change stores it.
            cluster.set_cloud(cluster.cloud if place is None else cluster.cloud.found_at(place))

    def _lift(self, cluster: Cluster) -> None:
        """Write the high-water mark before the commit, so that no id is in use above the mark."""
        try:
            if self._high_water is not None:
                self._high_water.note(cluster)
        except OSError as error:
            raise lock.failed(self.name, "written", error) from error

    @contextmanager
    def _connected(self, write: bool) -> Iterator[Connection]:
        """Yield a connection, and convert errors of SQLAlchemy and of stored documents to C(DatabaseError)."""
        engine = self._engine(write)
        try:
            with engine.connect() as connection:
                yield connection
        except FieldError as error:
            raise DatabaseRefused([Refusal("database_invalid", self.name, {"why": str(error)})]) from error
        except IntegrityError as error:
            raise DatabaseRefused([Refusal("change_rejected", self.name, {"why": self._why(error)})]) from None
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                figures = {"holder": self._holder(engine), "timeout_s": self.lock_timeout_s}
                raise DatabaseRefused([Refusal("database_locked", self.name, figures)]) from None
            raise DatabaseError(f"{self.name}: {self._why(error)}") from None
        except (SQLAlchemyError, NoSuchModuleError) as error:
            raise DatabaseError(f"{self.name}: {self._why(error)}") from None
        finally:
            engine.dispose()

    def _engine(self, write: bool) -> Engine:
        arguments: dict[str, Any] = {"timeout": self.lock_timeout_s}
        options: dict[str, Any] = {}
        if self.path is None:
            arguments = {"application_name": f"cloudrepo.slices {lock.holder_name()}"}
            if not write:
                options = {"isolation_level": "REPEATABLE READ"}
        try:
            engine = create_engine(
                self._url,
                poolclass=NullPool,
                connect_args=arguments,
                # Documents come as JSON text from schema.text_of.
                json_serializer=str,
                **options,
            )
        except ImportError:
            figures = {"library": "psycopg 3", "package": "python3-psycopg"}
            raise DatabaseRefused([Refusal("library_missing", self.name, figures)]) from None
        if self.path is not None:

            @event.listens_for(engine, "connect")
            def connected(connection: Any, _record: Any) -> None:
                connection.isolation_level = None  # otherwise sqlite3 begins transactions implicitly
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = EXTRA")

            @event.listens_for(engine, "begin")
            def begun(connection: Connection) -> None:
                connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

        return engine

    def _open(self, connection: Connection, write: bool) -> dict[str, Any] | None:
        """Lock allocation for a writer, and return the locked row; C(None) if there are no tables."""
        if self.path is None and write:
            # SET does not support bind parameters; the number of milliseconds is computed here.
            connection.execute(text(f"SET LOCAL lock_timeout = {max(1, round(self.lock_timeout_s * 1000))}"))
        if not self._has_tables(connection):
            if self.path is not None or not write:
                return None
            connection.execute(select(text(f"pg_advisory_xact_lock({MAKING_TABLES})")))
            if not self._has_tables(connection):
                return None
        meta = schema.TABLES["meta"]
        row = connection.execute(select(meta).with_for_update() if write else select(meta)).mappings().first()
        version = None if row is None else row["schema_version"]
        if row is None or version != schema.SCHEMA_VERSION:
            figures = {"got": version, "supported": schema.SCHEMA_VERSION}
            raise DatabaseRefused([Refusal("unsupported_schema", self.name, figures)])
        return dict(row)

    def _has_tables(self, connection: Connection) -> bool:
        name = schema.TABLES["meta"].name
        # to_regclass() may use a cache without the tables that another process has just created.
        of_kind = "sqlite_master WHERE name" if self.path else "pg_class WHERE pg_table_is_visible(oid) AND relname"
        found = connection.scalar(text(f"SELECT 1 FROM {of_kind} = :name").bindparams(name=name))
        return found is not None

    def _holder(self, engine: Engine) -> str:
        try:
            with engine.connect() as connection:
                found = connection.scalars(text(HOLDER).bindparams(meta=schema.TABLES["meta"].name)).first()
        except SQLAlchemyError:
            found = None
        return str(found) if found else "another transaction"

    def _why(self, error: SQLAlchemyError) -> str:
        orig = getattr(error, "orig", None)
        lines = [line.strip() for line in str(orig if orig is not None else error).splitlines() if line.strip()]
        return url_secrets.without(" ".join(lines), self._secrets)

    def _file(self) -> tuple[int, int] | None:
        """Return what identifies the file of SQLite, C(None) if it is gone, and for a server."""
        if self.path is None:
            return None
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return None
        return state.st_dev, state.st_ino

    @staticmethod
    def _make_file(path: str) -> bool:
        """Create the file if it is missing, with mode 0600, because SQLite would make it readable by others."""
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, lock.FILE_MODE))
        except FileExistsError:
            return False
        return True
