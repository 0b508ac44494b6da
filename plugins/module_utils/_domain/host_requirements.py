# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits and faults of interfaces, and the check that hosts have the features that a slice requires.

Directions are those of the guest: C(tx) is what it sends and C(rx) what it receives. Fields are stored in
C(Interface.extra) if they differ from the default.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import bounds, vm_order
from ..bounds import DEFAULT_MTU
from ..cluster import NETWORK_NODE_TRUNK_MTU, Cluster, slice_label
from ..errors import Refusal
from ..models import Interface, Link, Network, Slice
from ..workers import Worker

FIELDS = vm_order.Interface.LIMITS
FAULTS = vm_order.Interface.FAULTS
_PARTS = [part for part in vm_order.Interface.parts() if part.name in FIELDS]
_DEFAULTS = {part.name: part.default for part in _PARTS}
_BOUNDS = {part.name: part.spec.limit for part in _PARTS if part.spec.limit is not None}
SEGMENT_FIELDS = ("mtu", "qinq", "forward_bpdu")
_TAG_BYTES = 4
_UNITS = {"kbps": "kbit/s", "percent": "%"}


@dataclass(frozen=True)
class Limits:
    """The limits and faults of an interface.

    Attributes:
        name: the interface.
        settings: the values of C(FIELDS), which C(vm_order.Interface) describes, defaults among them.
        is_stored: whether they are stored and not part of the current request; then they are removed with the
            interface.
    """

    name: str
    settings: Mapping[str, Any]
    is_stored: bool = field(default=False, compare=False)

    @classmethod
    def read(cls, data: Mapping[str, Any], *, is_stored: bool = False) -> Limits:
        """Return the limits and faults in module arguments, or in the fields of a stored interface."""
        given = {key: data[key] for key in FIELDS if data.get(key) is not None}
        return cls(data["name"], {**_DEFAULTS, **given}, is_stored=is_stored)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields to store, without defaults: no C(up) if it is true, and no faults of zero."""
        return {
            key: value
            for key, value in self.settings.items()
            if value != _DEFAULTS[key] and (value or key not in FAULTS)
        }

    def __str__(self) -> str:
        return ", ".join(_phrase(key, value) for key, value in self.fields.items())


def _phrase(key: str, value: Any) -> str:
    what, _underscore, unit = key.partition("_")
    return "down" if key == "up" else f"{what} {value:g} {_UNITS.get(unit, unit)}"


def stored(interface: Interface) -> Limits:
    """Return the limits and faults of a stored interface."""
    return Limits.read({**interface.extra, "name": interface.name}, is_stored=True)


def problems(where: str, limits: Limits) -> Iterator[Refusal]:
    """Yield refusals for invalid limits or faults of the interface C(where)."""
    values = limits.settings
    for key, limit in _BOUNDS.items():
        value = values[key]
        if key in FAULTS:
            yield from limit.problems(where, key, value)
        elif value is not None and not limit.allows(value):
            figures = {"option": key, "got": value, "least": limit.least, "most": limit.most}
            yield Refusal("rate_out_of_range", where, figures)
    if (values["jitter_ms"] or 0) > 0 and not values["delay_ms"]:
        yield Refusal("jitter_without_delay", where, {"got": values["jitter_ms"]})


def mtu_problems(where: str, mtu: int) -> Iterator[Refusal]:
    """Return refusals for an invalid MTU of the link or network C(where)."""
    return bounds.MTU.problems(where, "mtu", mtu)


def segment_fields(mtu: int, *, qinq: bool, forward_bpdu: bool) -> dict[str, Any]:
    """Return the stored fields of a link or network for its frames, C(None) for defaults."""
    return {"mtu": None if mtu == DEFAULT_MTU else mtu, "qinq": qinq or None, "forward_bpdu": forward_bpdu or None}


def segments(slice_: Slice) -> dict[int, dict[str, Any]]:
    """Return the fields of work orders' interfaces by VLAN: the name of the link or network, and non-default values."""
    found: list[Link | Network] = [*slice_.networks, *slice_.links]
    return {
        each.vlan_id: {
            "segment": each.extra.get("name"),
            **{key: each.extra[key] for key in SEGMENT_FIELDS if key in each.extra},
        }
        for each in found
    }


def shortcomings(slice_: Slice, cluster: Cluster) -> Iterator[Refusal]:
    """Yield refusals for features that a slice requires and a host does not have. Unknown features are assumed."""
    yield from _netem_shortcomings(slice_, cluster.workers)
    for crossing in crossings(slice_):
        trunks = {f"worker {ip}": cluster.workers[ip].extra.get("trunk_mtu") for ip in crossing.workers_in(cluster)}
        if crossing.is_served:
            trunks["the network node"] = cluster.extra.get(NETWORK_NODE_TRUNK_MTU)
        for host, trunk in trunks.items():
            if trunk is not None and trunk < crossing.mtu:
                figures = {"needed": crossing.mtu, "host": host, "trunk_mtu": trunk}
                yield Refusal("trunk_mtu_too_small", crossing.name, figures)


@dataclass(frozen=True)
class Crossing:
    """A link, a network or VLAN 400, if frames of the slice use trunks on it.

    Attributes:
        name: the object for messages.
        mtu: the MTU that it needs of trunks.
        workers: the addresses of the workers whose trunks it uses.
        is_served: whether it uses the trunk of the network node as well.
    """

    name: str
    mtu: int
    workers: tuple[str, ...]
    is_served: bool

    def workers_in(self, cluster: Cluster) -> list[str]:
        """Return the workers that are registered."""
        return [ip for ip in self.workers if ip in cluster.workers]


def crossings(slice_: Slice) -> Iterator[Crossing]:
    """Yield what uses trunks: links between workers, and networks that span several or use the network node."""
    vms = {vm.vm_id: vm for vm in slice_.live_vms}
    for link in slice_.links:
        ends = [vms[vm_id].worker_ip for vm_id in (link.vm1_id, link.vm2_id) if vm_id in vms]
        where = f"link {slice_label(slice_)}/{link.label}"
        yield from _crossing(where, link.extra, ends, served=False)
    for network in slice_.networks:
        ends = [vms[each["vm_id"]].worker_ip for each in network.extra.get("members", ()) if each["vm_id"] in vms]
        served = network.gateway_ip is not None or network.dhcp_enabled
        where = f"network {slice_label(slice_)}/{network.extra.get('name')}"
        yield from _crossing(where, network.extra, ends, served=served)
    managed = [(vm.worker_ip, nic.vlan_id) for vm in slice_.live_vms for nic in vm.interfaces if nic.ip_config]
    if managed:
        where = f"slice {slice_label(slice_)} on VLAN {managed[0][1]}"
        yield from _crossing(where, {}, [worker_ip for worker_ip, _vlan in managed], served=True)


def _netem_shortcomings(slice_: Slice, workers: Mapping[str, Worker]) -> Iterator[Refusal]:
    for vm in slice_.live_vms:
        worker = workers.get(vm.worker_ip)
        if worker is None or worker.extra.get("netem", True):
            continue
        for interface in vm.interfaces:
            asked = [_phrase(key, interface.extra[key]) for key in FAULTS if key in interface.extra]
            if asked:
                where = f"VM {slice_label(slice_)}/{vm.name} {interface.name}"
                yield Refusal("netem_missing", where, {"asked": asked, "host": f"worker {vm.worker_ip}"})


def _crossing(where: str, carried: Mapping[str, Any], ends: Iterable[str], *, served: bool) -> Iterator[Crossing]:
    on = tuple(dict.fromkeys(ends))
    if len(on) > 1 or served:
        # The MTU of a device excludes the Ethernet header and one VLAN tag. A tag of the guests is a second one.
        needed = carried.get("mtu", DEFAULT_MTU) + _TAG_BYTES * carried.get("qinq", False)
        yield Crossing(where, needed, on, served)
