# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""User data of guests, which may contain secrets.

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
from .cloud_init import FIELD, ID, CloudInit
from .topology_spec import WantedSlice

YamlFault = Callable[[str], Optional[int]]
"""Returns the line in which a text is not a YAML mapping, C(None) if it is one."""


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
    """The texts of a topology before it is stored. The cluster is only changed by C(store)."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._have: Mapping[str, Any] = cluster.extra.get(USER_DATA, {})
        self._key: str = self._have.get("key") or secrets.token_hex(32)
        self._new: dict[str, str] = {}

    def sealed(self, want: WantedSlice) -> WantedSlice:
        """Return the topology with ids instead of texts."""
        if not any(vm.cloud_init is not None and vm.cloud_init.user_data is not None for vm in want.vms):
            return want
        return replace(want, vms=tuple(replace(vm, cloud_init=self._sealed(vm.cloud_init, want)) for vm in want.vms))

    def _sealed(self, said: CloudInit | None, want: WantedSlice) -> CloudInit | None:
        if said is None or said.user_data is None:
            return said
        # Includes the owner, so that an id does not tell another tenant who has the same user data.
        message = f"{want.owner}\n{said.user_data}"
        made = hmac.new(self._key.encode(), message.encode(), hashlib.sha256).hexdigest()[:32]
        self._new[made] = said.user_data
        return replace(said, user_data=None, user_data_id=made)

    def store(self, slice_: Slice) -> None:
        """Store the texts that the slice refers to, and drop those that nothing refers to any more."""
        if not (self._have or self._new):
            return
        known = {**self._have.get("texts", {}), **self._new}
        own = sorted({made for vm in slice_.vms if (made := id_of(vm)) is not None})
        used = {**self._have.get("slices", {}), str(slice_.slice_id): own}
        there = {*map(str, self._cluster.slices), *_deleted(self._cluster)}
        used = {slice_id: ids for slice_id, ids in used.items() if ids and slice_id in there}
        wanted = {made for ids in used.values() for made in ids}
        texts = {made: text for made, text in known.items() if made in wanted}
        if texts != self._have.get("texts", {}) or used != self._have.get("slices", {}):
            self._cluster.extra = {
                **self._cluster.extra,
                USER_DATA: {"key": self._key, "texts": texts, "slices": used},
            }


def _deleted(cluster: Cluster) -> Iterator[str]:
    """Yield the ids of deleted slices that can be restored."""
    return (str(each["slice"]["slice_id"]) for each in cluster.extra.get(DELETED_SLICES, ()))


def id_of(vm: VM) -> str | None:
    """Return the id of a VM's user data."""
    found: str | None = vm.extra.get(FIELD, {}).get(ID)
    return found


def tell(cluster: Cluster, slices: Iterable[Slice]) -> list[dict[str, Any]]:
    """Return the user data of the slices' VMs that have some, with C(None) for a text that the database lacks."""
    texts = cluster.extra.get(USER_DATA, {}).get("texts", {})
    return [
        {"slice_id": slice_.slice_id, "vm_id": vm.vm_id, "name": vm.name, "user_data": texts.get(made)}
        for slice_ in slices
        for vm in slice_.live_vms
        if (made := id_of(vm)) is not None
    ]
