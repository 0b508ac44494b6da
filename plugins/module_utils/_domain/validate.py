# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a topology makes sense in itself, whatever the cluster holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ..vlans import POOL_COUNT
from . import host_requirements, networks
from .topology_spec import Endpoint, WantedSlice, WantedVM, interface_number
from .wording import some

LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LABEL_RULE = "letters, digits and hyphens, 63 at most, with a letter or digit at both ends"
MAX_DATA_INTERFACES = 20
MAX_PASSWORD_VERSION = 1_000_000


def problems(want: WantedSlice) -> list[str]:
    """Return what is wrong with a topology, a sentence each."""
    return [
        *_name_problems(want),
        *_vm_problems(want),
        *_limit_problems(want),
        *_segment_problems(want),
        *_network_problems(want),
    ]


def _name_problems(want: WantedSlice) -> Iterator[str]:
    if not LABEL.fullmatch(want.name):
        yield f"slice {want.name!r}: a name is {LABEL_RULE}"
    for vm in want.vms:
        if not LABEL.fullmatch(vm.name):
            yield f"slice {want.name}: {vm.name!r} is not a valid name for a VM, which is {LABEL_RULE}"
    for link in want.links:
        if link.name is not None and not LABEL.fullmatch(link.name):
            yield f"slice {want.name}: {link.name!r} is not a valid name for a link, which is {LABEL_RULE}"
    for network in want.networks:
        if not LABEL.fullmatch(network.name):
            yield f"slice {want.name}: {network.name!r} is not a valid name for a network, which is {LABEL_RULE}"
    for reserved in want.reserved or ():
        if reserved.name is not None and not LABEL.fullmatch(reserved.name):
            yield f"slice {want.name}: {reserved.name!r} is not a valid name for a VLAN, which is {LABEL_RULE}"
    yield from _alike(want)
    for things, names in (
        ("links", [link.name for link in want.links if link.name is not None]),
        ("networks", [network.name for network in want.networks]),
        ("VLANs", [reserved.name for reserved in want.reserved or () if reserved.name is not None]),
    ):
        for name, count in Counter(names).items():
            if count > 1:
                yield f"slice {want.name}: {count} {things} are called {name}; names are unique within a slice"


def _alike(want: WantedSlice) -> Iterator[str]:
    """VMs are known to DNS by their names, and it does not tell capitals."""
    called: dict[str, list[str]] = {}
    for vm in want.vms:
        called.setdefault(vm.name.lower(), []).append(vm.name)
    for names in called.values():
        if len(set(names)) > 1:
            yield (
                f"slice {want.name}: VMs {some(names)} are called the same but for capitals, which DNS does not tell; "
                "names are unique within a slice"
            )
        elif len(names) > 1:
            yield f"slice {want.name}: {len(names)} VMs are called {names[0]}; names are unique within a slice"


def _vm_problems(want: WantedSlice) -> Iterator[str]:
    if want.vlan_pools is not None and not 1 <= want.vlan_pools <= POOL_COUNT:
        yield f"slice {want.name}: vlan_pools is {want.vlan_pools}, and 1 to {POOL_COUNT} are possible"
    for vm in want.vms:
        if vm.vnc_password_version is not None and not 1 <= vm.vnc_password_version <= MAX_PASSWORD_VERSION:
            yield (
                f"slice {want.name}: VM {vm.name} asks for password {vm.vnc_password_version} of its display; "
                f"1 to {MAX_PASSWORD_VERSION} are possible"
            )
        if vm.data_interfaces is not None and not 0 <= vm.data_interfaces <= MAX_DATA_INTERFACES:
            yield (
                f"slice {want.name}: VM {vm.name} asks for {vm.data_interfaces} data interfaces; "
                f"0 to {MAX_DATA_INTERFACES} are possible"
            )
    for kind, ids in (
        ("VM", [vm.vm_id for vm in want.vms]),
        ("link", [link.link_id for link in want.links]),
        ("network on VLAN", [network.vlan_id for network in want.networks]),
    ):
        for number, count in Counter(number for number in ids if number is not None).items():
            if count > 1:
                yield f"slice {want.name}: {kind} {number} is listed {count} times"


def _limit_problems(want: WantedSlice) -> Iterator[str]:
    """What is wrong with limits and faults of interfaces, and with the MTUs of segments."""
    for vm in want.vms:
        for name, count in Counter(each.name for each in vm.interfaces).items():
            if count > 1:
                yield f"slice {want.name}: VM {vm.name}: interface {name} is listed {count} times; once is enough"
        for each in vm.interfaces:
            for problem in host_requirements.problems(each):
                yield f"slice {want.name}: VM {vm.name}: interface {each.name}: {problem}"
    for number, link in enumerate(want.links, start=1):
        for problem in host_requirements.mtu_problems(link.mtu):
            yield f"slice {want.name}: link {link.name or link.link_id or number} ({link}): {problem}"
    for network in want.networks:
        for problem in host_requirements.mtu_problems(network.mtu):
            yield f"slice {want.name}: network {network.name}: {problem}"


def _segment_problems(want: WantedSlice) -> Iterator[str]:
    """What is wrong with where links and networks end."""
    vms = {vm.name: vm for vm in want.vms}
    used: Counter[Endpoint] = Counter()
    on: Counter[str] = Counter()
    for where, ends, is_link in _segments(want):
        if is_link and len(ends) != 2:
            yield f"{where} has {len(ends)} endpoints; a link joins 2"
            continue
        verb = "joins VM {} to itself" if is_link else "has VM {} twice as a member; one interface is enough"
        for name, count in Counter(end.vm for end in ends).items():
            if count > 1:
                yield f"{where} {verb.format(name)}"
        for end in ends:
            on[end.vm] += 1
            if end.vm not in vms:
                yield f"{where} names VM {end.vm}, which the slice does not have; its VMs are {some(vms)}"
            elif end.interface is not None:
                yield from _interface_problems(where, vms[end.vm], end.interface)
                used[end] += 1
                if used[end] == 2:
                    yield f"{where} takes {end} again; an interface is on one link at most"
    taken_twice = {end.vm for end, count in used.items() if count > 1}
    for name, vm in vms.items():
        most = MAX_DATA_INTERFACES if vm.data_interfaces is None else vm.data_interfaces
        if on[name] > most >= 0 and name not in taken_twice:
            yield (
                f"slice {want.name}: VM {name} is on {on[name]} links and "
                + ("may have" if vm.data_interfaces is None else "has")
                + f" {most} data interfaces; each link takes one"
            )


def _segments(want: WantedSlice) -> Iterator[tuple[str, Sequence[Endpoint], bool]]:
    """Yield what each link and network is called, its ends, and whether it is a link."""
    for number, link in enumerate(want.links, start=1):
        yield f"slice {want.name}: link {link.name or link.link_id or number} ({link})", link.endpoints, True
    for network in want.networks:
        yield f"slice {want.name}: network {network.name}", network.members, False


def _interface_problems(where: str, vm: WantedVM, interface: str) -> Iterator[str]:
    number = interface_number(interface)
    most = MAX_DATA_INTERFACES if vm.data_interfaces is None else vm.data_interfaces
    if interface == "eth0":
        yield f"{where} takes {vm.name}:eth0, which is the management interface; links take eth1 and up"
    elif number is None or number > most:
        have = {0: "no data interface", 1: "the data interface eth1"}.get(
            most, f"the data interfaces eth1 to eth{most}"
        )
        verb = "may have" if vm.data_interfaces is None else "has"
        yield f"{where} names interface {interface}; VM {vm.name} {verb} {have}"


def _network_problems(want: WantedSlice) -> Iterator[str]:
    for network in want.networks:
        for problem in networks.problems(network):
            yield f"slice {want.name}: network {network.name}: {problem}"
