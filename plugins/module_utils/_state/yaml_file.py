# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database as one YAML file with a lock file, atomic writes and backups."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from ..cluster import NOTED, Cluster
from ..errors import DatabaseError, DatabaseRefused, Refusal
from ..history import Entry
from ..stored_fields import FieldError
from ..workers import WorkerFigures
from . import lock, yaml_text
from .files import Backups, exists, read_whole, unreadable, write_whole
from .high_water import HighWater
from .history_file import HistoryFile
from .parsed import Parsed
from .store import does_not_exist, replaced_meanwhile


class YamlFile:
    """A cluster in a YAML file.

    Args:
        path: the file; created with mode 0600, and its folder with 0700, if missing.
        lock_timeout_s: how long to wait for another writer, in seconds.
        backups: the number of backups to keep.
        backup_dir: the folder of backups, by default C(PATH.backups).
    """

    def __init__(self, path: str, *, lock_timeout_s: float, backups: int = 10, backup_dir: str | None = None) -> None:
        yaml_text.need_yaml()
        self.path = os.path.realpath(path)
        self.name = f"database {self.path}"
        self.lock_timeout_s = lock_timeout_s
        self.backups = Backups(backup_dir or f"{self.path}.backups", keep=backups)
        self._high_water = HighWater(self.path, name=self.name)
        self._parsed = Parsed(self.path)
        self._read_data: bytes | None = None

    def exists(self) -> bool:
        """See C(Store.exists)."""
        return exists(self.path, name=self.name)

    @contextmanager
    def transaction(self, *, write: bool, create: bool = True) -> Iterator[Cluster]:
        """See C(Store.transaction)."""
        if not create and not self.exists():
            raise does_not_exist(self.name)
        if not write:
            cluster = self._load()
            self._recognize_copy(cluster)
            yield cluster
            return
        with self._locked():
            cluster = self._load()
            before = yaml_text.fingerprint(cluster.to_dict())
            self._recognize_copy(cluster)
            figures, there = WorkerFigures(cluster.workers), Counter(vm.worker_ip for vm in cluster.vms())
            yield cluster
            more = Counter(vm.worker_ip for vm in cluster.vms())
            more.subtract(there)
            figures.follow(cluster.workers, more)
            data = cluster.to_dict()
            if yaml_text.fingerprint(data) != before:
                self._write(cluster, cluster.noted)

    def backup(self) -> str | None:
        """See C(Store.backup)."""
        with self._locked():
            try:
                name = self.backups.copy(self.path)
                self.backups.prune()
            except OSError as error:
                raise lock.failed(self.name, "backed up", error) from error
        return name

    def read_backup(self, name: str) -> Cluster:
        """See C(Store.read_backup)."""
        return yaml_text.read(self.backups.text(name), name=f"backup {self.backups.path(name)}")

    def note(self, entry: Entry) -> None:
        """See C(Store.note)."""
        with self._locked():
            cluster = self._load()
            try:
                if cluster.kept.entries:
                    history = self._history(cluster)
                    history.propose(history.numbered([entry]))
                    history.confirm()
            except OSError as error:
                raise lock.failed(self.name, "written", error) from error

    def restore(self, name: str, entry: Entry | None = None) -> None:
        """See C(Store.restore). A file that can no longer be read is backed up and replaced as well."""
        with self._locked():
            restored, present = self.read_backup(name), self._present()
            self._high_water.recognize(present, restored)
            present.restore(restored)
            self._write(present, [] if entry is None else [replace(entry, revision=present.revision)])

    def _locked(self) -> AbstractContextManager[None]:
        return lock.locked(f"{self.path}.lock", name=self.name, timeout_s=self.lock_timeout_s)

    def _load(self) -> Cluster:
        cluster = self._read()
        self._high_water.lift(cluster)
        cluster.history = self._history(cluster)
        return cluster

    def _history(self, cluster: Cluster) -> HistoryFile:
        return HistoryFile(self.path, last=cluster.extra.get(NOTED, 0), kept=cluster.kept)

    def _read(self) -> Cluster:
        try:
            self._read_data = data = read_whole(self.path)
            text = data.decode()
        except FileNotFoundError:
            self._read_data = None
            return Cluster.initial()
        except OSError as error:
            raise unreadable(self.name, error) from error
        except UnicodeDecodeError as error:
            raise DatabaseRefused([Refusal("database_invalid", self.name, {"why": str(error)})]) from error
        return yaml_text.read(text, name=self.name, parsed=self._parsed.read(data))

    def _present(self) -> Cluster:
        """Return the current cluster; if its file can no longer be read, an empty one with the high-water mark."""
        try:
            return self._load()
        except DatabaseError:
            present = Cluster()
            self._high_water.lift(present)
            return present

    def _recognize_copy(self, cluster: Cluster) -> None:
        """Make a copied database another incarnation than its original."""
        if cluster.cloud is not None:
            cluster.set_cloud(self._high_water.locate(cluster.cloud))

    def _write(self, cluster: Cluster, noted: Sequence[Entry]) -> None:
        self._recognize_copy(cluster)
        try:
            history = self._history(cluster)
            noted = history.numbered(noted if cluster.kept.entries else ())
            if noted:
                cluster.extra = {**cluster.extra, NOTED: noted[-1].number}
            content = cluster.to_dict()
            self._need_readable(content)
            data = yaml_text.write(content)
            self._need_unchanged()
            # The backup comes first, so that the previous version exists at any time.
            if self.backups.keep:
                self.backups.copy(self.path)
            # The mark is written before the database, so that no id is in use above the mark.
            self._high_water.note(cluster)
            history.propose(noted)
            write_whole(self.path, data)
        except OSError as error:
            raise lock.failed(self.name, "written", error) from error
        # The change is stored. If the disk is too full for the rest, that is done with the next change.
        with suppress(OSError):
            if noted:
                history.confirm()
                history.prune(cluster.kept)
            self.backups.prune()
            self._parsed.write(data, content)

    def _need_unchanged(self) -> None:
        """Refuse to write over what somebody without the lock, such as an editor, has written since it was read."""
        data = read_whole(self.path) if os.path.exists(self.path) else None
        if data != self._read_data:
            raise replaced_meanwhile(self.name)

    def _need_readable(self, content: dict[str, Any]) -> None:
        """Refuse content that the next run could not read, because it would stop all slices."""
        try:
            Cluster.from_dict(content)
        except FieldError as error:
            raise DatabaseRefused([Refusal("change_unreadable", self.name, {"why": str(error)})]) from error
