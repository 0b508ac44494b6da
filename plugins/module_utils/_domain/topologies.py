# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Topologies that are generated from a type and a size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..bounds import TOPOLOGY_SIZE, Limit
from ..errors import Refusal, Refused
from ..vlans import POOL_COUNT, POOL_SIZE

CUSTOM = "custom"
LINKS, NETWORKS = "links", "networks"
NAME_PATTERN = "vm{n}"
BRANCHING = 2

Pairs = Iterator[tuple[int, int]]


@dataclass(frozen=True)
class Topology:
    """The names of VMs, pairs of VMs with a link, and networks with their members."""

    vms: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    networks: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Shape:
    """A type of topology.

    Attributes:
        least: minimum number of VMs.
        segments: returns the number of links, for a size and branching.
        pairs: yields the pairs of VMs with a link, numbered from 1, for a size and branching.
    """

    least: int
    segments: Callable[[int, int], int]
    pairs: Callable[[int, int], Pairs]


def _linear(size: int, _branching: int) -> Pairs:
    return ((number, number + 1) for number in range(1, size))


def _ring(size: int, branching: int) -> Pairs:
    yield from _linear(size, branching)
    yield size, 1


def _star(size: int, _branching: int) -> Pairs:
    return ((1, number) for number in range(2, size + 1))


def _tree(size: int, branching: int) -> Pairs:
    return (((number - 2) // branching + 1, number) for number in range(2, size + 1))


def _mesh(size: int, _branching: int) -> Pairs:
    return ((first, second) for first in range(1, size + 1) for second in range(first + 1, size + 1))


SHAPES = {
    "linear": Shape(1, lambda size, _: size - 1, _linear),
    "ring": Shape(3, lambda size, _: size, _ring),
    "star": Shape(1, lambda size, _: size - 1, _star),
    "tree": Shape(1, lambda size, _: size - 1, _tree),
    "mesh": Shape(1, lambda size, _: size * (size - 1) // 2, _mesh),
    "bus": Shape(1, lambda _size, _: 1, lambda _size, _: iter(())),
}
TYPES = (CUSTOM, *SHAPES)


def generate(slice_name: str, data: Mapping[str, Any], pools: int) -> Topology:
    """Return the topology for C(topology_type) and its options; an empty one for C(custom).

    Args:
        slice_name: the name for messages.
        data: C({topology_type, size, name_pattern, branching, segments, flavor}).
        pools: maximum number of VLAN pools of the slice.

    Raises:
        Refused: the options are invalid for this type, or the topology needs more VLANs than the pools have.
    """
    kind: str = data.get("topology_type") or CUSTOM
    size: Any = data.get("size")
    pattern = NAME_PATTERN if data.get("name_pattern") is None else data["name_pattern"]
    branching = BRANCHING if data.get("branching") is None else data["branching"]
    over_networks = data.get("segments") == NETWORKS
    where = f"slice {slice_name}"
    refusals = list(_problems(where, kind, size, pattern, branching, over_networks, data.get("flavor")))
    if kind == CUSTOM and not refusals:
        return Topology()
    if not refusals:
        count = -(-(size - 1) // branching) if over_networks else SHAPES[kind].segments(size, branching)
        refusals += _too_large(where, count, "networks" if over_networks else "links", pools)
    if refusals:
        raise Refused(refusals)
    names = [pattern.replace("{n}", str(number)) for number in range(1, size + 1)]
    if kind == "bus":
        return Topology(tuple(names), networks=(("bus", tuple(names)),))
    pairs = SHAPES[kind].pairs(size, branching)
    if not over_networks:
        return Topology(tuple(names), tuple((names[first - 1], names[second - 1]) for first, second in pairs))
    members: dict[int, list[str]] = {}
    for parent, child in pairs:
        members.setdefault(parent, [names[parent - 1]]).append(names[child - 1])
    return Topology(tuple(names), networks=tuple((f"net{parent}", tuple(of)) for parent, of in members.items()))


def _too_large(where: str, count: int, kind: str, pools: int) -> Iterator[Refusal]:
    if count > max(pools, 1) * POOL_SIZE:
        figures = {
            "segments": count,
            "kind": kind,
            "needed": -(-count // POOL_SIZE),
            "pool_size": POOL_SIZE,
            "pools": pools,
            "pool_count": POOL_COUNT,
        }
        yield Refusal("topology_too_large", where, figures)


def _size_limit(kind: str) -> Limit:
    return Limit(SHAPES[kind].least, TOPOLOGY_SIZE, f"VMs of a {kind} topology", "memory")


def _problems(
    where: str, kind: str, size: int | None, pattern: str, branching: int, over_networks: bool, flavor: str | None
) -> Iterator[Refusal]:
    if kind == CUSTOM:
        if size is not None:
            yield Refusal("size_of_custom_topology", where, {"got": size})
        return
    if kind not in SHAPES:
        yield Refusal("unknown_reference", where, {"kind": "topology_type", "name": kind, "known": TYPES})
        return
    if size is None:
        yield Refusal("option_missing", where, {"kind": f"{kind} topology", "option": "size"})
    else:
        yield from _size_limit(kind).problems(where, f"size of a {kind} topology", size)
    if flavor is None:
        yield Refusal("option_missing", where, {"kind": f"{kind} topology", "option": "flavor"})
    if "{n}" not in pattern and (size or 0) > 1:
        yield Refusal("name_pattern_without_number", where, {"got": pattern})
    if kind == "tree" and branching < 1:
        yield Refusal("too_small", where, {"option": "branching", "got": branching, "least": 1})
    if over_networks and kind != "tree":
        yield Refusal("segments_of_tree_only", where, {"got": kind})
