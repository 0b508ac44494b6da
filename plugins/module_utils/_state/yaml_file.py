# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The database as one YAML file: a lock beside it, and a write that is whole or has not happened."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..cluster import Cluster
from ..errors import DatabaseError
from ..models import FieldError

try:
    import yaml

    LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    HAS_YAML = True
except ImportError:  # the import test of ansible-test runs without PyYAML
    HAS_YAML = False

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class YamlFile:
    """A cluster in a YAML file.

    Args:
        path: the file; its folder is made with mode 0700 where it is missing, the file itself with 0600.
        lock_timeout_s: how long to wait for another writer.
    """

    def __init__(self, path: str, *, lock_timeout_s: float) -> None:
        if not HAS_YAML:
            raise DatabaseError("the database needs PyYAML (Debian's python3-yaml) for Ansible's interpreter here")
        self.path = os.path.realpath(path)
        self.lock_timeout_s = lock_timeout_s

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Cluster]:
        """See C(Store.transaction)."""
        if not write:
            yield self._load()
            return
        with self._lock():
            cluster = self._load()
            before = cluster.to_dict()
            yield cluster
            after = cluster.to_dict()
            if after != before:
                self._write(after)

    def _load(self) -> Cluster:
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return Cluster.initial()
        except (OSError, UnicodeDecodeError) as error:
            raise DatabaseError(f"database {self.path} cannot be read: {error}") from error
        try:
            return Cluster.from_dict(yaml.load(text, Loader=LOADER))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            reason = getattr(error, "problem", None) or str(error)
            raise DatabaseError(f"database {self.path}{line}: {reason}; it is left as it is") from error
        except FieldError as error:
            line = f", line {_line(text, error.path)}"
            raise DatabaseError(f"database {self.path}{line}: {error}; it is left as it is") from error

    @contextmanager
    def _lock(self) -> Iterator[None]:
        path = f"{self.path}.lock"
        try:
            os.makedirs(os.path.dirname(path), mode=FOLDER_MODE, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise DatabaseError(f"database {self.path} cannot be locked: {error}") from error
        try:
            self._await_lock(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _await_lock(self, descriptor: int) -> None:
        def give_up(_signal: int, _frame: Any) -> None:
            raise TimeoutError

        previous = signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, max(self.lock_timeout_s, 0.001))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except TimeoutError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "an unknown process"
            raise DatabaseError(
                f"database {self.path} is locked by {holder}; gave up after {self.lock_timeout_s:g} s"
            ) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

    def _write(self, data: dict[str, Any]) -> None:
        # One name is enough, for only the lock's holder writes; what a killed writer left is written over.
        draft = f"{self.path}.new"
        text = yaml.dump(data, Dumper=DUMPER, sort_keys=False, allow_unicode=True)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
            with open(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), FILE_MODE)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.rename(draft, self.path)
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise DatabaseError(f"database {self.path} cannot be written: {error}") from error


def _line(text: str, path: tuple[str | int, ...]) -> int:
    """Return the line of the field at C(path), or of the innermost thing on the way to it that is there."""
    node = yaml.compose(text, Loader=LOADER)
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
        else:
            found = None
        if found is None:
            break
        node = found
    return int(node.start_mark.line) + 1 if node is not None else 1
