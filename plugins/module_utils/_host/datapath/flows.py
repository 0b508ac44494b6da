# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OpenFlow flows of a worker's bridge, which filter the management VLAN and leave links transparent.

There are five tables (docs/decisions/0005-vlan-400-is-forwarded-by-flows.md):

0. port: frames of links and trunks are forwarded by C(NORMAL), except for BPDUs that a link forwards; frames on
   the management VLAN go to the next tables; frames of other ports are dropped. Meters limit here what a VM sends.
1. MAC: a frame of a VM must be untagged and have the source MAC of its interface.
2. address: ARP and IPv4 must have the source address of the interface. All other protocols are dropped, and so are
   replies of DHCP servers.
3. origin: a frame that a trunk receives on the management VLAN must be from the gateway, the DHCP server or a peer.
4. destination: VMs reach the infrastructure and peers, and no other VMs. There is no flooding and no MAC learning.

Register 0 contains the origin of a frame: a slice's id, or C(INFRASTRUCTURE).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...changes import Change, SliceRef, between
from ...vm_order import Interface
from ...work_order import SliceOrder
from .. import files
from ..runner import Runner
from .management import Management, mac_of
from .ovs import INFRASTRUCTURE as INFRASTRUCTURE_MARK
from .ovs import SERVICES as SERVICES_MARK
from .ovsdb import Port, Switch

# The upper 32 bits of our flows' cookies; the lower ones are the slice's id, or 0 for flows that all slices share.
COOKIE = 0x636C7264 << 32
SHARED = 0
# Not the id of a slice; these start from 1000.
INFRASTRUCTURE = 0xFFFFFFFF
OFCTL = ("ovs-ofctl", "--protocols=OpenFlow14", "--timeout=60")

_PORT, _MAC, _ADDRESS, _ORIGIN, _DESTINATION = range(5)
_BROADCAST = "ff:ff:ff:ff:ff:ff"
_UNTAGGED = "vlan_tci=0x0000/0x1fff"
_DROP = "drop"
# STP, LACP with 802.1X, LLDP, and Cisco's protocols (CDP, VTP, PAgP; PVST+). 01:80:c2:00:00:01 is missing because
# pause frames are only for the direct neighbor.
_BPDU = (
    *("01:80:c2:00:00:00", "01:80:c2:00:00:02/ff:ff:ff:ff:ff:fe", "01:80:c2:00:00:0e"),
    "01:00:0c:cc:cc:cc/ff:ff:ff:ff:ff:fe",
)


@dataclass(frozen=True)
class Flow:
    """A flow.

    Attributes:
        owner: a slice's id, or C(SHARED).
        match: its match fields in the syntax of C(ovs-ofctl dump-flows), in any order.
    """

    owner: int
    table: int
    priority: int
    match: frozenset[str]
    actions: str

    def __str__(self) -> str:
        return f"{self._key} actions={self.actions}"

    @property
    def text(self) -> str:
        """The flow in the syntax of C(ovs-ofctl add-flows)."""
        return f"cookie={COOKIE | self.owner:#x},{self._key},actions={self.actions}"

    @property
    def removal(self) -> str:
        """The command of a bundle that removes exactly this flow."""
        return f"delete_strict cookie={COOKIE | self.owner:#x}/-1,{self._key}"

    @property
    def slot(self) -> tuple[int, int, frozenset[str]]:
        """Identifies the flow in the switch. A flow that is added replaces the one with the same slot."""
        return (self.table, self.priority, self.match)

    @property
    def in_port(self) -> int | None:
        """The OpenFlow number of its ingress port; C(None) without one."""
        return next((int(each[8:]) for each in self.match if each.startswith("in_port=") and each[8:].isdigit()), None)

    @property
    def meter(self) -> int | None:
        """The number of its meter; C(None) without one."""
        word = self.actions.partition(",")[0]
        return int(word[6:]) if word.startswith("meter:") else None

    @property
    def _key(self) -> str:
        # Protocols come first, because ovs-ofctl requires them before fields such as tp_src.
        fields = sorted(self.match, key=lambda each: ("=" in each, each))
        return ",".join([f"table={self.table}", f"priority={self.priority}", *fields])


@dataclass(frozen=True)
class FlowPlan:
    """The plan for flows, and for the files from which they are restored when the switch restarts.

    Attributes:
        files: the new content of each file that differs, by name; empty if the file is to be removed.
    """

    add: tuple[Flow, ...] = ()
    remove: tuple[Flow, ...] = ()
    files: Mapping[str, str] | None = None

    @property
    def changes(self) -> list[Change]:
        """One change per slice with all its flows that differ, and one per file that differs."""
        owners = sorted({flow.owner for flow in (*self.add, *self.remove)})
        return [*(self._changes_of(owner) for owner in owners), *saved_changes(self.files or {})]

    def _changes_of(self, owner: int) -> Change:
        gone, new = (sorted(str(flow) for flow in flows if flow.owner == owner) for flows in (self.remove, self.add))
        return between(
            "flows",
            "shared" if owner == SHARED else owner,
            {"flows": gone} if gone else None,
            {"flows": new} if new else None,
            slice=_slice(owner),
        )

    @property
    def bundle(self) -> str:
        """The input of C(ovs-ofctl --bundle), which applies it atomically."""
        slots = {flow.slot for flow in self.add}
        lines = [flow.removal for flow in self.remove if flow.slot not in slots]
        return "".join(f"{line}\n" for line in (*lines, *(flow.text for flow in self.add)))


def _slice(owner: int) -> SliceRef | None:
    return None if owner == SHARED else SliceRef(owner)


def saved_changes(texts: Mapping[str, str]) -> list[Change]:
    """Return the changes of the files in the folder of flows, by their new contents; empty ones are removed."""
    return [
        Change("file", f"flows/{name}", "write", None, {"lines": text.count("\n")}, slice=_slice(owner_of(name)))
        if text
        else between("file", f"flows/{name}", {}, None, slice=_slice(owner_of(name)))
        for name, text in sorted(texts.items())
    ]


def observe(runner: Runner, bridge: str) -> frozenset[Flow]:
    """Return our flows on the bridge.

    Raises:
        CommandFailed: the bridge does not exist, or the switch does not respond.
    """
    ours = f"cookie={COOKIE:#x}/{0xFFFFFFFF << 32:#x}"
    text = runner.run([*OFCTL, "--no-stats", "--no-names", "dump-flows", bridge, ours]).stdout
    return frozenset(_read(line) for line in text.splitlines() if " actions=" in line)


def plan(wanted: Iterable[Flow], have: Iterable[Flow], owners: Iterable[int], saved: Mapping[str, str]) -> FlowPlan:
    """Return the plan that makes the flows of C(owners), on the switch and in the files, equal to C(wanted)."""
    owners = frozenset(owners)
    wanted = frozenset(wanted)
    ours = frozenset(flow for flow in have if flow.owner in owners)
    texts = {file_of(owner): _text(flow for flow in wanted if flow.owner == owner) for owner in owners}
    return FlowPlan(
        add=tuple(sorted(wanted - ours, key=str)),
        remove=tuple(sorted(ours - wanted, key=str)),
        files={name: text for name, text in texts.items() if saved.get(name, "") != text},
    )


def file_of(owner: int) -> str:
    """Return the name of the file that contains an owner's flows."""
    return f"{'shared' if owner == SHARED else owner}.flows"


def owner_of(name: str) -> int:
    """Return the owner of a file with such a name."""
    owner = name.partition(".")[0]
    return int(owner) if owner.isdecimal() else SHARED


def folder_in(state_dir: str) -> str:
    """Return the folder for saved flows."""
    return f"{state_dir}/flows"


def read_saved(folder: str, owners: Iterable[int]) -> dict[str, str]:
    """Return the contents of the existing files of flows, by name."""
    texts = {file_of(owner): files.read_text(f"{folder}/{file_of(owner)}") for owner in owners}
    return {name: text for name, text in texts.items() if text is not None}


def apply(todo: FlowPlan, runner: Runner, *, bridge: str, folder: str) -> None:
    """Save the flows in C(folder), which must exist, then change them on the switch in one transaction."""
    files.save(folder, todo.files or {}, mode=0o644)
    if todo.bundle:
        runner.run([*OFCTL, "--bundle", "add-flows", bridge, "-"], stdin=todo.bundle)


def shared_flows(switch: Switch, *, bridge: str, management: Management) -> frozenset[Flow]:
    """Return the flows that do not depend on slices.

    Frames of a port without its own flows are dropped, so that no VM can send before its filters are in place.
    """
    trunks, local, others = _infrastructure(switch, bridge, management.vlan_id)
    to_infrastructure = ",".join(_outputs(local)) if local else _to_trunks(trunks, management.vlan_id)
    found = [_shared(table, 0, [], _DROP) for table in range(5)]
    found += [_shared(_PORT, 50, [f"in_port={number}"], "NORMAL") for number in (*trunks, *others)]
    for number in trunks:
        tagged = [f"in_port={number}", f"dl_vlan={management.vlan_id}"]
        found.append(_shared(_PORT, 100, tagged, f"pop_vlan,goto_table:{_ORIGIN}"))
    for number in local:
        found.append(_shared(_PORT, 100, [f"in_port={number}"], _as(INFRASTRUCTURE, _DESTINATION)))
    found.append(_shared(_ADDRESS, 100, ["udp", "tp_src=67"], _DROP))
    for match in _for_infrastructure(management):
        found.append(_shared(_DESTINATION, 50, match, to_infrastructure))
        if local:
            found.append(_shared(_ORIGIN, 50, match, to_infrastructure))
    if local:
        for number in local:
            match = [f"reg0={INFRASTRUCTURE:#x}", f"in_port={number}"]
            found.append(_shared(_DESTINATION, 10, match, _to_trunks(trunks, management.vlan_id)))
    else:
        for address in management.addresses:
            found.append(_shared(_ORIGIN, 60, [f"dl_src={mac_of(address)}"], _as(INFRASTRUCTURE, _DESTINATION)))
    return frozenset(found)


def slice_flows(
    order: SliceOrder, numbers: Mapping[str, int], switch: Switch, *, bridge: str, management: Management
) -> frozenset[Flow]:
    """Return the flows of a slice's ports.

    Args:
        order: the slice.
        numbers: the OpenFlow numbers of its ports, by tap.
        switch: the observed state.
        bridge: the bridge of the ports.
        management: the management VLAN.
    """
    trunks, _local, _others = _infrastructure(switch, bridge, management.vlan_id)
    owner = order.slice_id
    found: list[Flow] = []
    here = set()
    for vm in order.vms:
        for nic in vm.interfaces:
            number = numbers.get(nic.tap)
            if number is None:
                continue
            limit = f"meter:{number}," if nic.tx_kbps else ""
            if nic.vlan_id != management.vlan_id:
                found.append(_flow(owner, _PORT, 50, [f"in_port={number}"], f"{limit}NORMAL"))
                continue
            here.add(nic.mac)
            found += _guard(owner, number, nic.mac, nic.address, limit)
            speakers = [INFRASTRUCTURE, *([owner] if order.peers else [])]
            found += [
                flow for who in speakers for flow in _deliver(owner, who, nic.mac, nic.address, f"output:{number}")
            ]
    found += _forward_bpdus(order, numbers, trunks)
    # Peers need no flows on a worker without ports of the slice on the management VLAN.
    for peer in order.peers if here else ():
        if peer.mac not in here:
            found.append(_flow(owner, _ORIGIN, 50, [f"dl_src={peer.mac}"], _as(owner, _DESTINATION)))
            found += _deliver(owner, owner, peer.mac, peer.address, _to_trunks(trunks, management.vlan_id))
    return frozenset(found)


def _forward_bpdus(order: SliceOrder, numbers: Mapping[str, int], trunks: Sequence[int]) -> Iterable[Flow]:
    """Yield flows for BPDUs, which C(NORMAL) would drop, from each port of a link to all others."""
    ports: dict[int, list[tuple[int, Interface]]] = {}
    for nic in (nic for vm in order.vms for nic in vm.interfaces):
        if nic.forward_bpdu and nic.vlan_id is not None and nic.tap in numbers:
            ports.setdefault(nic.vlan_id, []).append((numbers[nic.tap], nic))
    for vlan_id, here in ports.items():
        for number, nic in here:
            others = _outputs(other for other, _nic in here if other != number)
            to_all = [*others, *([_to_trunks(trunks, vlan_id)] if trunks else [])]
            actions = ",".join([*([f"meter:{number}"] if nic.tx_kbps else []), *(to_all or [_DROP])])
            match = [f"in_port={number}", *([] if nic.qinq else [_UNTAGGED])]
            yield from (_flow(order.slice_id, _PORT, 60, [*match, f"dl_dst={mac}"], actions) for mac in _BPDU)
        to_here = ",".join(["pop_vlan", *_outputs(number for number, _nic in here)])
        for trunk in trunks:
            match = [f"in_port={trunk}", f"dl_vlan={vlan_id}"]
            yield from (_flow(order.slice_id, _PORT, 60, [*match, f"dl_dst={mac}"], to_here) for mac in _BPDU)


def _guard(owner: int, number: int, mac: str, address: str | None, limit: str) -> list[Flow]:
    port = f"in_port={number}"
    ask = ["udp", port, "nw_src=0.0.0.0", "nw_dst=255.255.255.255", "tp_src=68", "tp_dst=67"]
    found = [
        _flow(owner, _PORT, 50, [port], f"{limit}goto_table:{_MAC}"),
        _flow(owner, _MAC, 50, [port, _UNTAGGED, f"dl_src={mac}"], _as(owner, _ADDRESS)),
        _flow(owner, _ADDRESS, 50, ask, f"goto_table:{_DESTINATION}"),
    ]
    if address is not None:
        arp = ["arp", port, f"arp_sha={mac}", f"arp_spa={address}"]
        found.append(_flow(owner, _ADDRESS, 50, arp, f"goto_table:{_DESTINATION}"))
        found.append(_flow(owner, _ADDRESS, 50, ["ip", port, f"nw_src={address}"], f"goto_table:{_DESTINATION}"))
    return found


def _deliver(owner: int, speaker: int, mac: str, address: str | None, actions: str) -> list[Flow]:
    """Return the flows by which C(speaker) reaches an interface of C(owner).

    They match MAC and IPv4 address, because the ARP cache of the sender may be stale.
    """
    if address is None:
        return []
    who = f"reg0={speaker:#x}"
    matches = [
        ["ip", who, f"dl_dst={mac}", f"nw_dst={address}"],
        ["arp", who, f"dl_dst={mac}", f"arp_tpa={address}"],
        ["arp", who, f"dl_dst={_BROADCAST}", f"arp_tpa={address}"],
    ]
    if speaker == INFRASTRUCTURE:
        # A reply of the DHCP server to the broadcast address has the MAC of the client.
        matches.append(["udp", who, f"dl_dst={mac}", "nw_dst=255.255.255.255", "tp_src=67", "tp_dst=68"])
    return [_flow(owner, _DESTINATION, 60, match, actions) for match in matches]


def _for_infrastructure(management: Management) -> list[list[str]]:
    """Return the matches of frames to the infrastructure."""
    found = [["udp", f"dl_dst={_BROADCAST}", "tp_src=68", "tp_dst=67"]]
    for address in management.addresses:
        found.append([f"dl_dst={mac_of(address)}"])
        found.append(["arp", f"dl_dst={_BROADCAST}", f"arp_tpa={address}"])
    return found


def _infrastructure(switch: Switch, bridge: str, management_vlan: int) -> tuple[list[int], list[int], list[int]]:
    """Return the OpenFlow numbers of infrastructure ports: trunks, ports on the management VLAN, and others."""
    trunks: list[int] = []
    local: list[int] = []
    others: list[int] = []
    for port in sorted(switch.ports.values(), key=lambda each: each.name):
        number = _number_of(port)
        is_ours = INFRASTRUCTURE_MARK in port.external_ids or SERVICES_MARK in port.external_ids
        if port.bridge != bridge or not is_ours or number is None:
            continue
        if port.vlan_mode == "trunk":
            trunks.append(number)
        else:
            (local if port.tag == management_vlan else others).append(number)
    return trunks, local, others


def _number_of(port: Port) -> int | None:
    return port.number or (port.live_number if port.live_number and port.live_number > 0 else None)


def _outputs(numbers: Iterable[int]) -> list[str]:
    return [f"output:{number}" for number in numbers]


def _to_trunks(trunks: Iterable[int], vlan_id: int) -> str:
    outputs = _outputs(trunks)
    return ",".join([f"push_vlan:0x8100,set_field:{vlan_id | 0x1000}->vlan_vid", *outputs]) if outputs else _DROP


def _as(who: int, table: int) -> str:
    return f"load:{who:#x}->NXM_NX_REG0[],goto_table:{table}"


def _shared(table: int, priority: int, match: Iterable[str], actions: str) -> Flow:
    return _flow(SHARED, table, priority, match, actions)


def _flow(owner: int, table: int, priority: int, match: Iterable[str], actions: str) -> Flow:
    return Flow(owner, table, priority, frozenset(match), actions)


def _read(line: str) -> Flow:
    """Parse a line such as C(cookie=0x1, table=0, priority=50,in_port=1 actions=NORMAL)."""
    left, _actions, actions = line.strip().partition(" actions=")
    fields = left.replace(" ", "").split(",")
    known = {name: value for name, _is, value in (field.partition("=") for field in fields)}
    return Flow(
        owner=int(known["cookie"], 16) & 0xFFFFFFFF,
        table=int(known.get("table", 0)),
        priority=int(known.get("priority", 32768)),
        match=frozenset(field for field in fields if field.split("=")[0] not in ("cookie", "table", "priority")),
        actions=actions,
    )


def _text(wanted: Iterable[Flow]) -> str:
    return "".join(f"{text}\n" for text in sorted(flow.text for flow in wanted))
