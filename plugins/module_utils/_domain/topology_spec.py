# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The desired topology as values, from module arguments or from a stored slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..bounds import DEFAULT_MTU
from ..cluster import slice_label
from ..kinds import Kind
from ..models import VM, Link, Network, Slice
from ..vlans import POOL_COUNT
from . import addressing, data_disks, topologies
from .addressing import LOOPBACK, Addresses, Addressing, End
from .cloud_init import FIELD as CLOUD_INIT
from .cloud_init import CloudInit
from .host_requirements import Limits
from .host_requirements import stored as stored_limits
from .readiness import FIELD as READY_WHEN
from .readiness import ReadyWhen
from .startup import FIELD as STARTUP
from .startup import WantedStartup

T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """An interface of a VM; C(interface) is C(None) for the lowest free one."""

    vm: str
    interface: str | None

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Parse C(VM) or C(VM:INTERFACE); VM is a name or a title."""
        vm, colon, interface = text.rpartition(":")
        return cls(vm=vm, interface=interface) if colon else cls(vm=text, interface=None)

    def __str__(self) -> str:
        return self.vm if self.interface is None else f"{self.vm}:{self.interface}"


@dataclass(frozen=True)
class WantedLink:
    """A link between two endpoints. It matches a stored one by id, by name or by endpoints, in this order.

    C(cidr) and C(cidr6) are its subnets, C(None) to take them from the slice's pools. C(addresses) are those of its
    ends in them, unless they are to be taken.
    """

    endpoints: tuple[Endpoint, ...]
    name: str | None = None
    link_id: int | None = None
    mtu: int = DEFAULT_MTU
    qinq: bool = False
    forward_bpdu: bool = False
    title: str | None = None
    cidr: str | None = None
    cidr6: str | None = None
    addresses: tuple[End, ...] = ()

    def __str__(self) -> str:
        return "–".join(str(endpoint) for endpoint in self.endpoints)


@dataclass(frozen=True)
class WantedNetwork:
    """A segment with any number of members. It matches a stored one by VLAN or by name, in this order.

    C(None) means the default: C(cidr) is taken from the slice's pool or derived from the VLAN, C(gateway_ip) is the
    subnet's first address if C(gateway) is true, C(dhcp_range) is most of the subnet if DHCP is enabled. C(cidr6) and
    C(addresses) are as for links.
    """

    name: str
    members: tuple[Endpoint, ...] = ()
    cidr: str | None = None
    gateway: bool = False
    gateway_ip: str | None = None
    dhcp_enabled: bool = False
    dhcp_range: str | None = None
    vlan_id: int | None = None
    nat: bool = False
    mtu: int = DEFAULT_MTU
    qinq: bool = False
    forward_bpdu: bool = False
    title: str | None = None
    cidr6: str | None = None
    addresses: tuple[End, ...] = ()


@dataclass(frozen=True)
class WantedVM:
    """A VM. It matches a stored one by id or by name, in this order.

    Attributes:
        name: empty if it is to be made from the title (C(titles)).
        flavor: C(None) leaves it unchanged.
        data_interfaces: number of interfaces besides eth0, C(None) for as many as its links and networks need.
        worker: the worker that it is pinned to.
        vnc_password_version: C(None) leaves it unchanged.
        power: C(None) leaves it unchanged.
        interfaces: the interfaces with limits or faults.
        cloud_init: how the guest is set up, C(None) for not at all.
        image: the flavor whose image it gets instead of that of its own, C(None) for its own.
        loopback: the addresses of its loopback interface, unless they are to be taken from the slice's pool.
        ready_when: when the guest is ready, C(None) for the default.
        data_disks: its data disks, C(None) leaves them unchanged.
        kind: the name of its kind, C(None) for that of its flavor.
        of_kind: the kind that it gets, or that it has (C(kinds)).
        cdrom: the flavor whose image is in its CD drive, C(None) for no drive.
        boot: from what it boots, empty for the default.
        startup: its files and commands, C(None) for none.
    """

    name: str
    flavor: str | None
    internet: bool = False
    data_interfaces: int | None = None
    worker: str | None = None
    vm_id: int | None = None
    vnc_password_version: int | None = None
    power: str | None = None
    interfaces: tuple[Limits, ...] = ()
    title: str | None = None
    cloud_init: CloudInit | None = None
    loopback: Addresses | None = None
    image: str | None = None
    ready_when: ReadyWhen | None = None
    data_disks: tuple[data_disks.WantedDisk, ...] | None = None
    kind: str | None = None
    of_kind: Kind | None = None
    cdrom: str | None = None
    boot: tuple[str, ...] = ()
    startup: WantedStartup | None = None


@dataclass(frozen=True)
class Reservation:
    """A reserved VLAN without a link; C(vlan_id) is C(None) for the next free one."""

    name: str | None = None
    vlan_id: int | None = None


@dataclass(frozen=True)
class WantedSlice:
    """A whole topology. It matches a stored slice by C(slice_id), or by owner and name.

    Attributes:
        vlan_pools: maximum number of VLAN pools, C(None) leaves it unchanged.
        reserved: reserved VLANs, C(None) leaves them unchanged.
        peers: whether its VMs reach each other on VLAN 400, C(None) leaves it unchanged.
        expires: when it expires, empty if it does not, C(None) leaves it unchanged.
        addressing: the pools of addresses, C(None) leaves them unchanged.
    """

    name: str
    owner: str
    vms: tuple[WantedVM, ...]
    links: tuple[WantedLink, ...]
    networks: tuple[WantedNetwork, ...] = ()
    topology_type: str = topologies.CUSTOM
    vlan_pools: int | None = 1
    reserved: tuple[Reservation, ...] | None = None
    slice_id: int | None = None
    peers: bool | None = False
    expires: str | None = ""
    title: str | None = None
    addressing: Addressing | None = field(default_factory=Addressing)


def read_slice(data: Mapping[str, Any], *, default_owner: str) -> WantedSlice:
    """Return the topology in module arguments.

    Args:
        data: C({name, owner, vms: [{name, flavor, internet, data_interfaces, worker, vm_id, …}], links: [{endpoints,
            name, link_id}], networks: [{name, members, cidr, …}], topology_type, …, slice_id}); only a name is needed.
        default_owner: the owner of the slice if C(owner) is null.

    Raises:
        Refused: the options of the topology's type are invalid, or it needs more VLANs than its pools have.
    """
    pools = data.get("vlan_pools")
    if pools is None and not data.get("append"):
        pools = 1
    made = topologies.generate(data["name"], data, POOL_COUNT if pools is None else pools)
    listed = [read_vm(vm) for vm in data.get("vms") or ()]
    own = {vm.name for vm in listed}
    generated = (
        WantedVM(name=name, flavor=data.get("flavor"), internet=bool(data.get("internet"))) for name in made.vms
    )
    return WantedSlice(
        name=data["name"],
        owner=data.get("owner") or default_owner,
        vms=(*(vm for vm in generated if vm.name not in own), *listed),
        links=(
            *(WantedLink(tuple(Endpoint(name, None) for name in pair)) for pair in made.links),
            *(read_link(link) for link in data.get("links") or ()),
        ),
        networks=(
            *(WantedNetwork(name, tuple(Endpoint(each, None) for each in names)) for name, names in made.networks),
            *(read_network(network) for network in data.get("networks") or ()),
        ),
        topology_type=data.get("topology_type") or topologies.CUSTOM,
        vlan_pools=pools,
        slice_id=data.get("slice_id"),
        peers=_unless_appended(data, "peers", bool),
        expires=_unless_appended(data, "expires", lambda text: text or ""),
        title=data.get("title"),
        addressing=_unless_appended(data, "addressing", Addressing.read),
    )


def _unless_appended(data: Mapping[str, Any], option: str, read: Callable[[Any], T]) -> T | None:
    """Return an option of the slice; with C(append), null leaves it unchanged."""
    value = data.get(option)
    return None if value is None and data.get("append") else read(value)


def read_vm(data: Mapping[str, Any]) -> WantedVM:
    """Return a VM from module arguments."""
    return WantedVM(
        name=data.get("name") or "",
        title=data.get("title"),
        flavor=data.get("flavor"),
        internet=bool(data.get("internet")),
        data_interfaces=data.get("data_interfaces"),
        worker=data.get("worker"),
        vm_id=data.get("vm_id"),
        vnc_password_version=data.get("vnc_password_version"),
        power=data.get("power"),
        interfaces=read_limits(data.get("interfaces")),
        cloud_init=CloudInit.read(data.get("cloud_init")),
        loopback=read_loopback(data.get("loopback")),
        image=data.get("image"),
        ready_when=ReadyWhen.read(data.get("ready_when")),
        data_disks=data_disks.read(data.get("data_disks")),
        kind=data.get("kind"),
        cdrom=data.get("cdrom") or None,
        boot=tuple(data.get("boot") or ()),
        startup=WantedStartup.read(data.get("startup")),
    )


def read_loopback(data: Mapping[str, Any] | None) -> Addresses | None:
    """Return the loopback addresses in module arguments or in a stored field, C(None) if none is given."""
    return Addresses.read(data) if any((data or {}).values()) else None


def read_link(data: Mapping[str, Any]) -> WantedLink:
    """Return a link from module arguments."""
    endpoints = tuple(Endpoint.parse(text) for text in data.get("endpoints") or ())
    return WantedLink(
        endpoints,
        name=data.get("name"),
        title=data.get("title"),
        link_id=data.get("link_id"),
        cidr=data.get("cidr"),
        cidr6=data.get("cidr6"),
        addresses=read_ends(data.get("addresses")),
        **_carried(data),
    )


def read_ends(data: Iterable[Mapping[str, Any]] | None) -> tuple[End, ...]:
    """Return the addresses of ends from module arguments."""
    return tuple(End(each.get("ipv4"), each.get("ipv6"), each["vm"]) for each in data or ())


def read_network(data: Mapping[str, Any]) -> WantedNetwork:
    """Return a network from module arguments; C(gateway) defaults to true if there is a C(gateway_ip)."""
    gateway_ip = data.get("gateway_ip")
    return WantedNetwork(
        name=data.get("name") or "",
        title=data.get("title"),
        members=tuple(Endpoint.parse(text) for text in data.get("members") or ()),
        cidr=data.get("cidr"),
        gateway=gateway_ip is not None if data.get("gateway") is None else data["gateway"],
        gateway_ip=gateway_ip,
        dhcp_enabled=bool(data.get("dhcp_enabled")),
        dhcp_range=data.get("dhcp_range"),
        vlan_id=data.get("vlan_id"),
        nat=bool(data.get("nat")),
        cidr6=data.get("cidr6"),
        addresses=read_ends(data.get("addresses")),
        **_carried(data),
    )


def read_limits(data: Iterable[Mapping[str, Any]] | None) -> tuple[Limits, ...]:
    """Return limits and faults of interfaces from module arguments."""
    return tuple(Limits.read(each) for each in data or ())


def _carried(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields for the frames of a link or network, from arguments or stored fields."""
    mtu = data.get("mtu")
    return {
        "mtu": DEFAULT_MTU if mtu is None else mtu,
        "qinq": bool(data.get("qinq")),
        "forward_bpdu": bool(data.get("forward_bpdu")),
    }


def wanted_from(slice_: Slice) -> WantedSlice:
    """Return the topology that describes a stored slice exactly, with ids.

    Reconciling it changes nothing, and reconciling it with one edit changes only this part. The modules C(vm), C(link),
    C(network) and C(vlan) are based on this.
    """
    names = {vm.vm_id: vm.name for vm in slice_.live_vms}
    links = tuple(
        WantedLink(
            (Endpoint(names[link.vm1_id], link.vm1_interface), Endpoint(names[link.vm2_id], link.vm2_interface)),
            link.extra.get("name"),
            link.link_id,
            title=link.extra.get("title"),
            **_addressed(link, names),
            cidr=addressing.cidr(link, 4),
            **_carried(link.extra),
        )
        for link in slice_.links
        if link.vm1_id in names and link.vm2_id in names
    )
    networks = tuple(_wanted_network(network, names) for network in slice_.networks if "name" in network.extra)
    needed = highest_interfaces(ends(links, networks))
    return WantedSlice(
        name=slice_label(slice_),
        owner=slice_.owner,
        vms=tuple(_wanted_vm(vm, needed.get(vm.name, 0)) for vm in slice_.live_vms),
        links=links,
        networks=networks,
        topology_type=slice_.topology_type,
        vlan_pools=None,
        title=slice_.extra.get("title"),
        reserved=tuple(
            Reservation(each.get("name"), each["vlan_id"]) for each in slice_.extra.get("reserved_vlans", ())
        ),
        slice_id=slice_.slice_id,
        peers=None,
        expires=None,
        addressing=None,
    )


def _addressed(segment: Link | Network, names: Mapping[int, str]) -> dict[str, Any]:
    """Return the stored IPv6 subnet of a link or network, and the addresses of its ends."""
    stored = ((vm_id, Addresses.read(said)) for vm_id, _interface, said in addressing.ends(segment))
    return {
        "cidr6": addressing.cidr(segment, 6),
        "addresses": tuple(
            End(each.ipv4, each.ipv6, names[vm_id]) for vm_id, each in stored if vm_id in names and each.to_dict()
        ),
    }


def _wanted_vm(vm: VM, needed: int) -> WantedVM:
    """Return the description of a stored VM, whose links and networks need C(needed) data interfaces."""
    count, stored = len(vm.interfaces) - 1, vm.extra.get("data_interfaces")
    return WantedVM(
        vm.name,
        None,
        internet=any(each.ip_config for each in vm.interfaces),
        # An imported VM may have more interfaces than needed without C(data_interfaces); these stay.
        data_interfaces=stored if stored is not None or count == needed else count,
        worker=vm.pinned_to,
        vm_id=vm.vm_id,
        title=vm.extra.get("title"),
        cloud_init=CloudInit.read(vm.extra.get(CLOUD_INIT)),
        loopback=read_loopback(vm.extra.get(LOOPBACK)),
        image=vm.extra.get("image"),
        ready_when=ReadyWhen.read(vm.extra.get(READY_WHEN)),
        of_kind=Kind.of(vm.extra),
        cdrom=vm.extra.get("cdrom", {}).get("name"),
        boot=tuple(vm.extra.get("boot", ())),
        startup=WantedStartup.read(vm.extra.get(STARTUP)),
        interfaces=tuple(limits for each in vm.interfaces if (limits := stored_limits(each)).fields),
    )


def _wanted_network(network: Network, names: Mapping[int, str]) -> WantedNetwork:
    return WantedNetwork(
        name=network.extra["name"],
        title=network.extra.get("title"),
        members=tuple(
            Endpoint(names[each["vm_id"]], each["interface"])
            for each in network.extra.get("members", ())
            if each["vm_id"] in names
        ),
        cidr=network.cidr,
        gateway=network.gateway_ip is not None,
        gateway_ip=network.gateway_ip,
        dhcp_enabled=network.dhcp_enabled,
        dhcp_range=network.dhcp_range,
        vlan_id=network.vlan_id,
        nat=network.extra.get("nat", False),
        **_addressed(network, names),
        **_carried(network.extra),
    )


def added_to(base: WantedSlice, more: WantedSlice) -> WantedSlice:
    """Return C(base) with the VMs, links and networks of C(more) added.

    VMs with the same name are replaced, matching links are kept, and networks with the same name get additional
    members.
    """
    vms = {vm.name: vm for vm in base.vms}
    for vm in more.vms:
        known = vms.get(vm.name)
        vms[vm.name] = replace(vm, vm_id=known.vm_id) if known is not None and vm.vm_id is None else vm
    renamed = {vm.vm_id for vm in more.vms if vm.vm_id is not None}
    networks = {network.name: network for network in base.networks}
    for network in more.networks:
        old = networks.get(network.name)
        if old is not None:
            new = [end for end in network.members if not any(fits(end, member) for member in old.members)]
            kept = (end for end in old.addresses if all(end.vm != each.vm for each in network.addresses))
            network = replace(old, members=(*old.members, *new), addresses=(*kept, *network.addresses))
        networks[network.name] = network
    return replace(
        more,
        vms=tuple(vm for name, vm in vms.items() if vm.vm_id not in renamed or vm in more.vms),
        links=(*base.links, *_new_links(base.links, more.links)),
        networks=tuple(networks.values()),
        title=more.title if more.title is not None else base.title,
        topology_type=base.topology_type if more.topology_type == topologies.CUSTOM else more.topology_type,
        reserved=base.reserved,
        slice_id=base.slice_id,
    )


def _new_links(there: Iterable[WantedLink], more: Iterable[WantedLink]) -> list[WantedLink]:
    """Return the links in C(more) that do not match a link in C(there); each of these matches one link at most."""
    ids, names = {link.link_id for link in there}, {link.name for link in there}
    unused: dict[frozenset[str], list[WantedLink]] = {}
    for link in there:
        unused.setdefault(frozenset(end.vm for end in link.endpoints), []).append(link)
    new = []
    for link in more:
        between = unused.get(frozenset(end.vm for end in link.endpoints), [])
        match = next((old for old in between if _is_same(link, old)), None)
        if match is not None:
            between.remove(match)
        elif not (link.link_id in ids if link.link_id is not None else link.name is not None and link.name in names):
            new.append(link)
    return new


def _is_same(link: WantedLink, old: WantedLink) -> bool:
    return link.link_id in (None, old.link_id) and link.name in (None, old.name) and is_between(link, old)


def ends(links: Iterable[WantedLink], networks: Iterable[WantedNetwork]) -> Iterator[Endpoint]:
    """Yield the endpoints of links, then the members of networks."""
    for link in links:
        yield from link.endpoints
    for network in networks:
        yield from network.members


def highest_interfaces(endpoints: Iterable[Endpoint]) -> dict[str, int]:
    """Return the highest data interface in endpoints by VM, 0 if they contain no interface of the VM."""
    highest: dict[str, int] = {}
    for end in endpoints:
        highest[end.vm] = max(highest.get(end.vm, 0), interface_number(end.interface) or 0)
    return highest


def is_between(link: WantedLink, old: WantedLink) -> bool:
    """Return whether a link's endpoints match the ends of a stored one, in either order."""
    if len(link.endpoints) != 2:
        return False
    (first, second), (slice_, two) = link.endpoints, old.endpoints
    return (fits(first, slice_) and fits(second, two)) or (fits(first, two) and fits(second, slice_))


def fits(endpoint: Endpoint, end: Endpoint) -> bool:
    """Return whether an endpoint matches this end of a stored link or network."""
    return endpoint.vm == end.vm and endpoint.interface in (None, end.interface)


def interface_number(interface: str | None) -> int | None:
    """Return the number of a data interface, C(None) for anything else."""
    digits = (interface or "")[3:]
    if (interface or "").startswith("eth") and digits.isascii() and digits.isdigit() and digits[0] != "0":
        return int(digits) if len(digits) < 4 else None
    return None
