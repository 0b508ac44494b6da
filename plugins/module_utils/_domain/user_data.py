# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""User data and start-ups of guests, which may contain secrets.

The texts are stored outside of slices, by an id that is derived from the text and a key. Slices only contain the ids,
and therefore no secret that could appear in a result, a diff, the history or a work order.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Optional

from .. import bounds
from ..cluster import DELETED_SLICES, USER_DATA, Cluster
from ..errors import Refusal
from ..models import VM, Slice
from ..startup import is_valid as is_startup
from . import startup
from .cloud_init import FIELD, ID
from .topology_spec import WantedSlice, WantedVM

YamlFault = Callable[[str], Optional[int]]
"""Returns the line in which a text is not a YAML mapping with unique keys, C(None) if it is one."""


def problems(want: WantedSlice, yaml_fault: YamlFault) -> Iterator[Refusal]:
    """Yield refusals for invalid user data, which do not contain any of it."""
    for vm in want.vms:
        text = None if vm.cloud_init is None else vm.cloud_init.user_data
        if text is None:
            continue
        where = f"VM {want.name}/{vm.name}"
        yield from bounds.USER_DATA_LENGTH.problems(where, "length of user_data", len(text))
        if not bounds.USER_DATA.allows(text):
            yield Refusal("invalid_user_data", where, {"form": bounds.USER_DATA.rule})
        elif text.startswith("#cloud-config") and (line := yaml_fault(text)) is not None:
            yield Refusal("user_data_not_yaml", where, {"line": line})


class Vault:
    """The texts of a topology before it is stored. The cluster is only changed by C(store).

    Args:
        cluster: the database.
        before: the stored slice; C(None) for a new one.
    """

    def __init__(self, cluster: Cluster, before: Slice | None) -> None:
        self._cluster = cluster
        self._stored = {} if before is None else {vm.name: vm for vm in before.live_vms}
        self._have: Mapping[str, Any] = cluster.extra.get(USER_DATA, {})
        self._key: str = self._have.get("key") or secrets.token_hex(32)
        self._new: dict[str, str] = {}

    def sealed(self, want: WantedSlice) -> WantedSlice:
        """Return the topology with ids instead of texts."""
        return replace(want, vms=tuple(self._sealed_vm(vm, want.owner) for vm in want.vms))

    def _sealed_vm(self, vm: WantedVM, owner: str) -> WantedVM:
        set_up, started = vm.cloud_init, None if vm.startup is None else vm.startup.opened()
        stored = self._stored.get(vm.name)
        if set_up is not None and set_up.user_data is not None:
            had = None if stored is None else id_of(stored)
            set_up = replace(set_up, user_data=None, user_data_id=self._id(set_up.user_data, owner, had))
        if started is not None and started.given is not None:
            had = None if stored is None else startup.id_of(stored)
            started = replace(started, given=None, startup_id=self._id(started.given, owner, had))
        return replace(vm, cloud_init=set_up, startup=started)

    def _id(self, text: str, owner: str, had: str | None) -> str:
        """Return the id of a text, which is kept under it; C(had) is that of the VM so far.

        A rebuilt database has ids without texts. The first text that is given for one is taken for that of the guest,
        because another id would set up the guest again.
        """
        if had is not None and {**self._have.get("texts", {}), **self._new}.get(had, text) == text:
            self._new[had] = text
            return had
        # Includes the owner, so that an id does not tell another tenant who has the same text.
        message = f"{owner}\n{text}"
        made = hmac.new(self._key.encode(), message.encode(), hashlib.sha256).hexdigest()[:32]
        self._new[made] = text
        return made

    def store(self, slice_: Slice) -> None:
        """Store the texts that the slice refers to, and drop those that nothing refers to any more.

        Without a text of its own that differs, nothing is dropped, because the slice may not have changed at all.
        """
        texts, used = self._have.get("texts", {}), self._have.get("slices", {})
        own = sorted({made for vm in slice_.vms for made in (id_of(vm), startup.id_of(vm)) if made is not None})
        if own != used.get(str(slice_.slice_id), []) or not self._new.keys() <= texts.keys():
            have = {"key": self._key, "texts": {**texts, **self._new}, "slices": {**used, str(slice_.slice_id): own}}
            _store(self._cluster, have)


def forget_unused(cluster: Cluster) -> None:
    """Drop the texts that neither a slice nor a deleted one refers to."""
    have = cluster.extra.get(USER_DATA)
    if have:
        _store(cluster, have)


def _store(cluster: Cluster, have: Mapping[str, Any]) -> None:
    """Store those of the texts that slices use."""
    there = {*map(str, cluster.slices), *_deleted(cluster)}
    used = {slice_id: ids for slice_id, ids in have.get("slices", {}).items() if ids and slice_id in there}
    wanted = {made for ids in used.values() for made in ids}
    texts = {made: text for made, text in have.get("texts", {}).items() if made in wanted}
    cluster.extra = {**cluster.extra, USER_DATA: {**have, "texts": texts, "slices": used}}


def _deleted(cluster: Cluster) -> Iterator[str]:
    """Yield the ids of deleted slices that can be restored."""
    return (str(each["slice"]["slice_id"]) for each in cluster.extra.get(DELETED_SLICES, ()))


def id_of(vm: VM) -> str | None:
    """Return the id of a VM's user data."""
    found: str | None = vm.extra.get(FIELD, {}).get(ID)
    return found


def with_texts(cluster: Cluster, slices: Iterable[Slice]) -> list[dict[str, Any]]:
    """Return the texts of the slices' VMs that have some, with C(None) for one that the database lacks.

    That includes one that somebody has edited so that it is invalid. A host would refuse it with those of all slices.
    """
    texts = cluster.extra.get(USER_DATA, {}).get("texts", {})

    def valid(made: str | None, allows: Callable[[str], bool]) -> str | None:
        text = texts.get(made)
        return text if isinstance(text, str) and allows(text) else None

    return [
        {
            "slice_id": slice_.slice_id,
            "vm_id": vm.vm_id,
            "name": vm.name,
            "user_data": valid(id_of(vm), bounds.USER_DATA.allows),
            "startup": valid(startup.id_of(vm), is_startup),
        }
        for slice_ in slices
        for vm in slice_.live_vms
        if id_of(vm) is not None or startup.id_of(vm) is not None
    ]
