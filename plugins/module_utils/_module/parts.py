# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The modules that change one part of a slice: they edit the stored slice and reconcile it like a whole topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._domain import access, edits, kinds, reconcile, slice_changes
from .._domain.topology_spec import wanted_from
from ..cluster import Cluster, slice_label
from ..errors import Refusal, Refused
from ..models import Slice
from ..names import NAME, NAME_OR_ID
from . import topology
from .edge import Outcome, listed

PART_ARGUMENTS: dict[str, dict[str, Any]] = {
    "slice": {"type": NAME_OR_ID, "required": True},
    "owner": {"type": NAME},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
PART_INFO_ARGUMENTS: dict[str, dict[str, Any]] = {
    "slice": {"type": NAME_OR_ID},
    "owner": {"type": NAME},
    "names": {"type": "list", "elements": NAME_OR_ID, "default": []},
    "must_exist": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Part:
    """A kind of part of a slice.

    Attributes:
        kind: the name of a part in results, and with an s that of a list of parts.
        key: the field that contains its id.
        put: adds a part to a desired slice, or changes it.
        take: removes a part.
        listed: returns the parts of a stored slice as plain data, in the order of the desired ones.
    """

    kind: str
    key: str
    put: edits.Put
    take: edits.Take
    listed: Callable[[Slice], Sequence[dict[str, Any]]]

    @property
    def noun(self) -> str:
        """The kind in messages."""
        return self.kind.upper() if self.kind in ("vm", "vlan") else self.kind


VM = Part(
    "vm",
    "vm_id",
    edits.put_vm,
    edits.take_vm,
    lambda slice_: [vm.to_dict() for vm in slice_.vms],
)
LINK = Part(
    "link",
    "link_id",
    edits.put_link,
    edits.take_link,
    kinds.links_shown,
)
NETWORK = Part(
    "network",
    "vlan_id",
    edits.put_network,
    edits.take_network,
    kinds.networks_shown,
)
VLAN = Part(
    "vlan",
    "vlan_id",
    edits.put_vlan,
    edits.take_vlan,
    lambda slice_: [dict(each) for each in slice_.extra.get("reserved_vlans", ())],
)


def change(cluster: Cluster, part: Part, params: Mapping[str, Any]) -> Outcome:
    """Add, change or remove one part of a slice."""
    name, owner, acting_user = params["slice"], params["owner"], params["acting_user"]
    if params["state"] == "absent" and not access.called(cluster, name, owner, acting_user):
        return Outcome(result={part.kind: None, "slice_id": None, "changes": []})
    slice_ = access.find(cluster, name, owner, acting_user=acting_user)
    want, place = wanted_from(slice_), None
    if params["state"] == "present":
        want, place = part.put(want, kinds.with_standard_names(slice_, params))
    else:
        want = part.take(want, kinds.with_standard_names(slice_, params))
    after = reconcile.reconcile_slice(cluster, want, topology.settings(params), acting_user=acting_user)
    changes = topology.changes_of([(slice_, after)])
    slice_changes.revise(cluster, changes)
    return Outcome(
        changes,
        {
            part.kind: None if place is None else part.listed(after)[place],
            "slice_id": after.slice_id,
            "changes": listed(changes),
        },
    )


def info(cluster: Cluster, part: Part, params: Mapping[str, Any]) -> Outcome:
    """Return the parts of one kind in a slice, or in all slices that the acting user may see.

    Raises:
        Refused: C(must_exist), and no part has one of the names. The error lists all such names.
    """
    things = [
        {"slice_id": slice_.slice_id, "slice": slice_label(slice_), **thing}
        for slice_ in topology.chosen_or_visible(cluster, params)
        for thing in part.listed(slice_)
    ]
    names = set(params["names"])
    found = [thing for thing in things if not names or names & _called(part, thing)]
    if params["must_exist"]:
        missing = [name for name in params["names"] if not any(name in _called(part, thing) for thing in found)]
        known = [_title(part, thing) for thing in things]
        if missing:
            raise Refused(Refusal("not_found", f"{part.noun} {name}", {"known": known}) for name in missing)
    return Outcome(result={f"{part.kind}s": found})


def _called(part: Part, thing: Mapping[str, Any]) -> set[str]:
    """Return what a part can be called by: its name, if it has one, and its id."""
    return {str(thing[key]) for key in ("name", part.key) if thing.get(key) is not None}


def _title(part: Part, thing: Mapping[str, Any]) -> str:
    return f"{thing['slice']}/{thing.get('name') or thing[part.key]}"
