# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls control-plane modules like Ansible, in this process and with any store."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cloudrepo.slices.plugins.module_utils._module import control, database, orders
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.store import Store
from ansible_collections.cloudrepo.slices.plugins.module_utils.cluster import Cluster
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Entry
from ansible_collections.cloudrepo.slices.plugins.plugin_utils.validation import RULES

from ..uuids import Uuids

KEYWORDS = frozenset(inspect.signature(AnsibleModule.__init__).parameters) - {"self"}
MODULES = "ansible_collections.cloudrepo.slices.plugins.modules"


class Memory:
    """A store in memory, which keeps the content of a file and of its backups, and the history."""

    name = "database in memory"

    def __init__(self, cluster: Cluster) -> None:
        self.data = cluster.to_dict()
        self.entries: list[Entry] = []
        self._kept: dict[str, dict[str, Any]] = {}

    def newest_first(self) -> Iterator[Entry]:
        return reversed(self.entries)

    @property
    def backups(self) -> Memory:
        """Itself, with the C(names) of the backups."""
        return self

    def names(self) -> list[str]:
        """Return the names of the backups, newest last."""
        return list(self._kept)

    def backup(self) -> str:
        """See C(Store.backup)."""
        name = f"{len(self._kept):08}.yaml"
        self._kept[name] = copy.deepcopy(self.data)
        return name

    def read_backup(self, name: str) -> Cluster:
        """See C(Store.read_backup)."""
        return Cluster.from_dict(copy.deepcopy(self._kept[name]))

    def restore(self, name: str, entry: Entry | None = None) -> None:
        """See C(Store.restore)."""
        with self.transaction(write=True) as cluster:
            cluster.restore(self.read_backup(name))
            cluster.noted = [] if entry is None else [replace(entry, revision=cluster.revision)]

    def note(self, entry: Entry) -> None:
        """See C(Store.note)."""
        self.entries.append(entry)

    def exists(self) -> bool:
        return bool(self.data["slices"] or self.data["workers"])

    @contextmanager
    def transaction(self, *, write: bool, create: bool = True) -> Iterator[Cluster]:  # noqa: ARG002 # it is there
        cluster = Cluster.from_dict(copy.deepcopy(self.data))
        cluster.history = self
        yield cluster
        if write and cluster.to_dict() != self.data:
            self.data = cluster.to_dict()
            self.entries += cluster.noted


class Left(Exception):
    """A module has exited with C(result)."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result.get("msg"))
        self.result = result


class Door:
    """Calls modules by name with one store.

    Compared with a real run, only AnsibleModule and the selection of the store are replaced. Arguments are validated by
    the class that AnsibleModule uses.
    """

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.uuids = Uuids(monkeypatch)
        self.validators: dict[str, ArgumentSpecValidator] = {}
        self.args: Mapping[str, Any] = {}
        self.check_mode = False
        for code in (control, database):
            monkeypatch.setattr(code, "store_of", lambda *_args: self.store)
        # A run in check mode and the following real run must have the same results.
        monkeypatch.setattr(orders, "utc_now", lambda: "2026-01-31T12:00:00Z")
        self._patch = monkeypatch

    def __call__(self, module: str, *, check_mode: bool = False, **args: Any) -> dict[str, Any]:
        """Return the result of the module; it contains C(failed) if the module has failed."""
        code = importlib.import_module(f"{MODULES}.{module}")
        door = self
        self.uuids.turn(check=check_mode)

        class Module:
            def __init__(self, **keywords: Any) -> None:
                if keywords.keys() - KEYWORDS:
                    raise TypeError(f"AnsibleModule does not take {', '.join(sorted(keywords.keys() - KEYWORDS))}")
                if module not in door.validators:
                    rules = {rule: keywords.get(rule) for rule in RULES}
                    door.validators[module] = ArgumentSpecValidator(keywords["argument_spec"], **rules)
                validated = door.validators[module].validate(dict(args))
                self.argument_spec = keywords["argument_spec"]
                self.required_one_of = keywords.get("required_one_of")
                self.params = validated.validated_parameters
                self.check_mode = check_mode
                if validated.error_messages:
                    self.fail_json(msg="; ".join(validated.error_messages))

            def exit_json(self, **result: Any) -> None:
                raise Left(result)

            def fail_json(self, msg: str, **result: Any) -> None:
                raise Left({"failed": True, "msg": msg, **result})

        self._patch.setattr(code, "AnsibleModule", Module)
        try:
            code.main()
        except Left as left:
            return left.result
        raise RuntimeError(f"{module} did not end")

    def data(self) -> dict[str, Any]:
        """Return the content of the store."""
        with self.store.transaction(write=False) as cluster:
            return cluster.to_dict()
