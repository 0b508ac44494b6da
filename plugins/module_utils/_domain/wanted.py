# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a tenant asks for: a topology as values, checked against itself alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LABEL_RULE = "letters, digits and hyphens, 63 at most, with a letter or digit at both ends"
DATA_INTERFACE = re.compile(r"eth([1-9][0-9]{0,2})")
MAX_DATA_INTERFACES = 20


@dataclass(frozen=True)
class Endpoint:
    """One end of a link; C(interface) is C(None) where the lowest free one shall be taken."""

    vm: str
    interface: str | None

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read C(VM) or C(VM:INTERFACE)."""
        vm, colon, interface = text.partition(":")
        return cls(vm=vm, interface=interface if colon else None)

    def __str__(self) -> str:
        return self.vm if self.interface is None else f"{self.vm}:{self.interface}"


@dataclass(frozen=True)
class WantedLink:
    """A link between two endpoints."""

    endpoints: tuple[Endpoint, ...]

    def __str__(self) -> str:
        return "–".join(str(endpoint) for endpoint in self.endpoints)


@dataclass(frozen=True)
class WantedVM:
    """A VM; C(data_interfaces) is how many it has beside eth0, C(worker) pins it."""

    name: str
    flavor: str
    internet: bool
    data_interfaces: int
    worker: str | None


@dataclass(frozen=True)
class WantedSlice:
    """A whole topology."""

    name: str
    owner: str
    vms: tuple[WantedVM, ...]
    links: tuple[WantedLink, ...]


def read_slice(data: Mapping[str, Any], *, default_owner: str) -> WantedSlice:
    """Return the topology that module arguments describe.

    Args:
        data: C({name, owner, vms: [{name, flavor, internet, data_interfaces, worker}], links: [{endpoints}]}).
        default_owner: who owns the slice where C(owner) is null.
    """
    links = tuple(
        WantedLink(tuple(Endpoint.parse(text) for text in link["endpoints"])) for link in data.get("links") or ()
    )
    ends = Counter(endpoint.vm for link in links for endpoint in link.endpoints)
    vms = tuple(
        WantedVM(
            name=vm["name"],
            flavor=vm["flavor"],
            internet=bool(vm.get("internet")),
            data_interfaces=ends[vm["name"]] if vm.get("data_interfaces") is None else vm["data_interfaces"],
            worker=vm.get("worker"),
        )
        for vm in data.get("vms") or ()
    )
    return WantedSlice(name=data["name"], owner=data.get("owner") or default_owner, vms=vms, links=links)


def problems(want: WantedSlice) -> list[str]:
    """Return what is wrong with a topology whatever the cluster holds, a sentence each."""
    return [*_name_problems(want), *_vm_problems(want), *_link_problems(want)]


def _name_problems(want: WantedSlice) -> Iterable[str]:
    if not LABEL.fullmatch(want.name):
        yield f"slice {want.name!r}: a name is {LABEL_RULE}"
    for vm in want.vms:
        if not LABEL.fullmatch(vm.name):
            yield f"slice {want.name}: {vm.name!r} is no name of a VM, which is {LABEL_RULE}"
    for name, count in Counter(vm.name for vm in want.vms).items():
        if count > 1:
            yield f"slice {want.name}: {count} VMs are called {name}; names are unique within a slice"


def _vm_problems(want: WantedSlice) -> Iterable[str]:
    for vm in want.vms:
        if not 0 <= vm.data_interfaces <= MAX_DATA_INTERFACES:
            yield (
                f"slice {want.name}: VM {vm.name} asks for {vm.data_interfaces} data interfaces; "
                f"0 to {MAX_DATA_INTERFACES} are possible"
            )


def _link_problems(want: WantedSlice) -> Iterable[str]:
    vms = {vm.name: vm for vm in want.vms}
    used: Counter[Endpoint] = Counter()
    for number, link in enumerate(want.links, start=1):
        where = f"slice {want.name}: link {number} ({link})"
        if len(link.endpoints) != 2:
            yield f"{where} has {len(link.endpoints)} endpoints; a link joins 2"
            continue
        first, second = link.endpoints
        if first.vm == second.vm:
            yield f"{where} joins VM {first.vm} to itself"
        for endpoint in link.endpoints:
            vm = vms.get(endpoint.vm)
            if vm is None:
                yield f"{where} names VM {endpoint.vm}, which the slice has not; its VMs are {_some(vms)}"
            elif endpoint.interface is not None:
                yield from _interface_problems(where, vm, endpoint.interface)
                used[endpoint] += 1
                if used[endpoint] == 2:
                    yield f"{where} takes {endpoint} again; an interface is on one link at most"
    ends = Counter(endpoint.vm for link in want.links for endpoint in link.endpoints)
    for name, vm in vms.items():
        if ends[name] > vm.data_interfaces >= 0 and not any(used[end] > 1 for end in used if end.vm == name):
            yield (
                f"slice {want.name}: VM {name} is on {ends[name]} links and has {vm.data_interfaces} data interfaces; "
                "each link takes one"
            )


def _interface_problems(where: str, vm: WantedVM, interface: str) -> Iterable[str]:
    match = DATA_INTERFACE.fullmatch(interface)
    if interface == "eth0":
        yield f"{where} takes {vm.name}:eth0, which is the management interface; links take eth1 and up"
    elif match is None or int(match.group(1)) > vm.data_interfaces:
        have = {0: "no data interface", 1: "the data interface eth1"}.get(
            vm.data_interfaces, f"the data interfaces eth1 to eth{vm.data_interfaces}"
        )
        yield f"{where} names interface {interface}; VM {vm.name} has {have}"


def _some(names: Iterable[str]) -> str:
    """Return names for a message, the first ten of them."""
    listed: Sequence[str] = list(names)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return (", ".join(listed[:10]) or "none") + more
