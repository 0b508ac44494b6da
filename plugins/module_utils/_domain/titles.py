# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names made from titles. A title is any text for people, a name is a DNS label."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple, TypeVar

from ..bounds import LABEL, LABEL_LENGTH, VM_NAME
from ..errors import Refusal, Refused
from ..models import Slice
from .addressing import End
from .topology_spec import Endpoint, WantedNetwork, WantedSlice, WantedVM

_Thing = TypeVar("_Thing", WantedVM, WantedNetwork)


def slug(title: str, kind: str) -> str:
    """Return the name that a title is turned into: its letters and digits in lower case, joined by hyphens.

    Accents are removed. If the rest is no name, such as that of a number or of a text in another script, it starts with
    the kind of the object.
    """
    # NFKD has no ASCII form for these letters.
    plain = title.translate(_LETTERS)
    ascii_text = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
    words = "".join(character if character.isalnum() else " " for character in ascii_text).split()
    form = VM_NAME if kind == "vm" else LABEL
    name = _cut("-".join(words))
    return name if form.allows(name) and not name.isdigit() else _cut("-".join([kind, *words]))


_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"})


def named(want: WantedSlice, stored: Slice | None) -> WantedSlice:
    """Return the topology with a name for each VM and network that has only a title, and with names in endpoints.

    A stored object with the same id or title keeps its name, so names do not depend on the order of the topology. A new
    one gets the name that its title is turned into, with a number if it is taken. Of several with the same title, those
    of the same flavor belong together.

    Raises:
        Refused: an endpoint refers to a title that several VMs have, or of several stored objects with the same title
            some are no longer in the topology, so that others might lose their disks.
    """
    names, networks = _names_of(stored)
    own = names.complete(want.vms, [vm.vm_id for vm in want.vms])
    ends = _Endpoints(own)
    done = replace(
        want,
        vms=own,
        links=tuple(
            replace(link, endpoints=ends.named(link.endpoints), addresses=ends.addressed(link.addresses))
            for link in want.links
        ),
        networks=tuple(
            replace(network, members=ends.named(network.members), addresses=ends.addressed(network.addresses))
            for network in networks.complete(want.networks, [network.vlan_id for network in want.networks])
        ),
    )
    where = f"slice {want.name}"
    refusals = [
        *names.problems(where),
        *networks.problems(where),
        *(Refusal("ambiguous_title", where, {"title": each}) for each in sorted(ends.ambiguous)),
    ]
    if refusals:
        raise Refused(refusals)
    return done


def _names_of(stored: Slice | None) -> tuple[_Names, _Names]:
    """Return the names of the stored VMs, and those of the stored networks."""
    vms = list(stored.live_vms) if stored else []
    known = [network for network in stored.networks if "name" in network.extra] if stored else []
    networks = _Names(
        "network",
        {network.vlan_id: network.extra["name"] for network in known},
        [_Stored(network.extra["name"], network.extra.get("title")) for network in known],
    )
    names = _Names(
        "vm",
        {vm.vm_id: vm.name for vm in vms},
        [_Stored(vm.name, vm.extra.get("title"), (vm.flavor or {}).get("name")) for vm in vms],
    )
    return names, networks


def unique(titles: Sequence[str], kind: str) -> list[str]:
    """Return a name for each title. A title that is a name and differs from all others is kept as it is."""
    form = VM_NAME if kind == "vm" else LABEL
    counts = Counter(title.lower() for title in titles)
    things = [
        WantedVM(title if form.allows(title) and counts[title.lower()] == 1 else "", None, title=title)
        for title in titles
    ]
    return [thing.name for thing in _Names(kind, {}, []).complete(things, [None] * len(things))]


def free_name(title: str, taken: Iterable[str], kind: str) -> str:
    """Return the name that a new object with a title gets besides those with the names C(taken)."""
    things = [WantedVM(name, None) for name in taken]
    return (
        _Names(kind, {}, []).complete([*things, WantedVM("", None, title=title)], [None] * (len(things) + 1))[-1].name
    )


class _Stored(NamedTuple):
    """A stored object; networks have no flavor."""

    name: str
    title: str | None
    flavor: str | None = None


@dataclass
class _Names:
    """Gives names to the objects of a kind.

    Attributes:
        by_id: the names of stored objects by id.
    """

    kind: str
    by_id: Mapping[int, str]
    stored: Sequence[_Stored]
    _taken: set[str] = field(default_factory=set)
    _titles: set[str] = field(default_factory=set)

    def complete(self, wanted: Iterable[_Thing], ids: Sequence[int | None]) -> tuple[_Thing, ...]:
        things = [
            thing if thing.name or number is None else replace(thing, name=self.by_id.get(number, ""))
            for thing, number in zip(wanted, ids)
        ]
        self._taken = {thing.name.lower() for thing in things if thing.name}
        self._titles = {thing.title for thing in things if thing.title and not thing.name}
        for is_like in (_has_flavor_of, _is_any):
            things = [thing if thing.name or not thing.title else self._kept(thing, is_like) for thing in things]
        return tuple(thing if thing.name or not thing.title else self._new(thing, thing.title) for thing in things)

    def problems(self, where: str) -> Iterator[Refusal]:
        """Yield a refusal for each title of which C(complete) has found some of the stored objects, but not all."""
        for title in sorted(self._titles):
            called = [each.name for each in self.stored if each.title == title]
            if any(name.lower() not in self._taken for name in called):
                figures = {"title": title, "kind": "VM" if self.kind == "vm" else self.kind, "names": called}
                yield Refusal("title_of_several", where, figures)

    def _kept(self, thing: _Thing, is_like: Callable[[WantedVM | WantedNetwork, _Stored], bool]) -> _Thing:
        free = (each for each in self.stored if each.title == thing.title and each.name.lower() not in self._taken)
        return self._with(thing, next((each.name for each in free if is_like(thing, each)), ""))

    def _new(self, thing: _Thing, title: str) -> _Thing:
        base = slug(title, self.kind)
        numbered = (_cut(base, len(f"-{number}")) + f"-{number}" for number in count(2))
        if base not in self._taken:
            return self._with(thing, base)
        return self._with(thing, next(name for name in numbered if name not in self._taken))

    def _with(self, thing: _Thing, name: str) -> _Thing:
        self._taken.add(name.lower())
        return replace(thing, name=name)


def _has_flavor_of(thing: WantedVM | WantedNetwork, stored: _Stored) -> bool:
    return isinstance(thing, WantedVM) and thing.flavor == stored.flavor


def _is_any(_thing: WantedVM | WantedNetwork, _stored: _Stored) -> bool:
    return True


class _Endpoints:
    """Replaces titles in endpoints; C(ambiguous) contains those of several VMs."""

    def __init__(self, vms: Iterable[WantedVM]) -> None:
        named = list(vms)
        self._names = {vm.name for vm in named}
        self._titles = {vm.title: vm.name for vm in named if vm.title}
        self._counts = Counter(vm.title for vm in named)
        self.ambiguous: set[str] = set()

    def named(self, ends: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
        return tuple(self._named(end) for end in ends)

    def addressed(self, addresses: Iterable[End]) -> tuple[End, ...]:
        return tuple(replace(each, vm=self._named(Endpoint(each.vm, None)).vm) for each in addresses)

    def _named(self, end: Endpoint) -> Endpoint:
        if end.vm in self._names:
            return end
        # A title may contain a colon.
        whole = str(end)
        title, interface = (whole, None) if whole in self._titles else (end.vm, end.interface)
        if title not in self._titles:
            return end
        if self._counts[title] > 1:
            self.ambiguous.add(title)
        return Endpoint(self._titles[title], interface)


def _cut(name: str, room: int = 0) -> str:
    return name[: LABEL_LENGTH - room].rstrip("-")
