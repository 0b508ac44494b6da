# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evaluates a round of attacks from the counted frames. Prints a table; fails if a frame leaked or a control failed.

Standard input is JSON:
- C(counted): the output of listen.py by host;
- C(guests): C(vm_id), C(slice_id), C(tenant), C(peer), C(address), C(macs) by interface, and C(router), the MAC of the
  network's gateway, by name of the guest;
- C(tries): the attacks of a tenant's guests by tenant, each with C(name), C(via), C(frames), C(times), and the places
  that they must reach (C(reaches)) and may reach (C(may_reach)): C(self), C(peer), C(gateway);
- C(scanners): the tenants that attack;
- C(injected): frames that were sent into the trunk of each host from outside, in the order of their canaries C(0:000)
  and so on, each with C(name) and the only places that they must reach (C(reaches));
- C(infrastructure): the MACs of the infrastructure on VLAN 400, and C(dhcp_server), that of the DHCP server;
- C(forged_xid): the transaction id of DHCP requests that must not be answered;
- C(must_be_open): the C(ADDRESS:PORT) that a scan must find on each interface in C(scanned_by), and C(may_be_open):
  those that it may find;
- C(knocks): login attempts at displays, each with C(name), whether the password is correct (C(enters)), and whether the
  login succeeded (C(entered)).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Observed = dict[str, Any]


class Answer(NamedTuple):
    """Frames to a guest without a canary."""

    guest: str
    nic: str
    what: str
    frames: int


@dataclass
class Counts:
    """The counted frames: sent frames by canary, and received ones by canary and place."""

    sent: Counter[str] = field(default_factory=Counter)
    reached: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Verdict:
    """The rows of the table, one for each attack, their totals, and the failures."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, row: Counter[str]) -> None:
        """Add the row of an attack."""
        self.rows.append((name, str(row["sent"]), str(row["right"]), str(row["leaked"])))
        self.totals.update(row)


def judge(observed: Observed) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and the failures."""
    verdict = Verdict(rows=[("what", "sent", "reached by right", "leaked")])
    counts = sort_out(observed, verdict)
    judge_tries(observed, counts, verdict)
    judge_injected(observed, counts, verdict)
    judge_answers(observed, counts, verdict)
    let_in, strangers, entered, owners = judge_knocks(observed, verdict)
    width = max(len(row[0]) for row in verdict.rows)
    table = [f"{row[0]:{width}} {row[1]:>8} {row[2]:>17} {row[3]:>7}" for row in verdict.rows]
    attackers = sum(guest["tenant"] in observed["scanners"] for guest in observed["guests"].values())
    tried = attackers * len(observed["tries"]["red"]) + len(observed["injected"]) + strangers
    table.append(
        f"all: {tried} attacks tried, {verdict.totals['sent']} frames sent, {verdict.totals['leaked']} frames leaked; "
        f"displays let in {let_in} of {strangers} strangers and {entered} of {owners} owners"
    )
    return table, verdict.wrong


def sort_out(observed: Observed, verdict: Verdict) -> Counts:
    """Sort frames into those that guests sent, those with a canary that reached a place, and answers."""
    guests = observed["guests"]
    taps = {f"tap_{guest['vm_id']}_{nic}": (name, nic) for name, guest in guests.items() for nic in guest["macs"]}
    tenants = {str(guest["slice_id"]): guest["tenant"] for guest in guests.values()}
    counts = Counts()
    for host, figures in observed["counted"].items():
        if figures["lost"]:
            verdict.wrong.append(f"control: {host} lost {figures['lost']} frames that it should have counted")
        for interface, direction, what, count in counted(figures):
            is_canary = what[0].isdigit()
            if interface in taps and direction == "in":
                counts.sent[what] += count
            elif interface in taps and is_canary:
                counts.reached[what][" ".join(taps[interface])] += count
            elif interface in taps:
                counts.answers.append(Answer(*taps[interface], what, count))
            elif is_canary:
                counts.reached[what][place_of(host, interface, tenants)] += count
    return counts


def counted(figures: Observed) -> Iterator[tuple[str, str, str, int]]:
    """Yield a host's counters: interface, direction, kind of frame, and count."""
    for interface, both in figures["frames"].items():
        for direction, counts in both.items():
            for what, count in counts.items():
                yield interface, direction, what, count


def judge_tries(observed: Observed, counts: Counts, verdict: Verdict) -> None:
    """Check that all frames of guests were sent, reached the required places, and reached only allowed places."""
    for tenant, tries in observed["tries"].items():
        for number, each in enumerate(tries):
            count_due = len(each["frames"]) * each.get("times", 1)
            row: Counter[str] = Counter()
            for name, guest in observed["guests"].items():
                if guest["tenant"] != tenant:
                    continue
                canary = f"{guest['vm_id']}:{number:03}"
                sent, reached = counts.sent[canary], counts.reached[canary]
                # Answers of a guest carry its canary as well, so there may be more frames.
                if sent < count_due:
                    verdict.wrong.append(f"control: {name} sent {sent} of {count_due} frames: {each['name']}")
                due, allowed = places_of(name, guest, each)
                for place in sorted(due - set(reached)):
                    verdict.wrong.append(f"control: nothing of {name} reached {place}: {each['name']}")
                for place, count in sorted(reached.items()):
                    row["right" if place in allowed else "leaked"] += count
                    if place not in allowed:
                        verdict.wrong.append(f"leak: {count} frames of {name} reached {place}: {each['name']}")
                row["sent"] += sent
            verdict.add(f"{tenant}: {each['name']}", row)


def places_of(name: str, guest: Observed, attempt: Observed) -> tuple[set[str], set[str]]:
    """Return the places that a guest's attack must reach, and all places that it may reach."""
    via = attempt["via"]
    places = {
        "self": f"{name} {via}",
        "peer": f"{guest['peer']} {via}",
        "gateway": {"eth0": "gateway", "eth2": router_of(guest["tenant"])}.get(via, ""),
    }
    due = {places[place] for place in attempt.get("reaches", [])}
    return due, due | {places[place] for place in attempt.get("may_reach", [])}


def judge_injected(observed: Observed, counts: Counts, verdict: Verdict) -> None:
    """Check the frames that were sent into the trunk of each host from outside."""
    for number, each in enumerate(observed["injected"]):
        row = Counter(sent=len(observed["counted"]))
        reached = counts.reached[f"0:{number:03}"]
        for place in sorted(set(each["reaches"]) - set(reached)):
            verdict.wrong.append(f"control: nothing that was sent into the trunk reached {place}: {each['name']}")
        for place, count in sorted(reached.items()):
            row["right" if place in each["reaches"] else "leaked"] += count
            if place not in each["reaches"]:
                verdict.wrong.append(
                    f"leak: {count} frames that were sent into the trunk reached {place}: {each['name']}"
                )
        verdict.add(f"trunk: {each['name']}", row)


def judge_answers(observed: Observed, counts: Counts, verdict: Verdict) -> None:
    """Check frames to guests without a canary: their senders, and the ports that a scan found open."""
    for name, nic, what, count in counts.answers:
        if not is_fine(observed, name, nic, what):
            verdict.wrong.append(f"leak: {count} frames to {name} {nic}: {what}")
            verdict.totals["leaked"] += count
    found = {(name, nic, what.split()[1]) for name, nic, what, _count in counts.answers if what.startswith("open ")}
    for name, guest in observed["guests"].items():
        for nic in observed["scanned_by"] if guest["tenant"] in observed["scanners"] else []:
            for port in observed["must_be_open"]:
                if (name, nic, port) not in found:
                    verdict.wrong.append(f"control: the scan of {name} by {nic} did not see {port}")


def is_fine(observed: Observed, name: str, nic: str, what: str) -> bool:
    """Return whether a guest may receive such a frame on an interface."""
    kind, *fields = what.split()
    guest = observed["guests"][name]
    peer_mac = observed["guests"][guest["peer"]]["macs"][nic]
    sources = {"eth0": observed["infrastructure"], "eth1": [peer_mac], "eth2": [peer_mac, guest["router"]]}[nic]
    if kind == "open":
        return fields[0] in observed["may_be_open"]
    if kind == "arp":
        return fields[0] in sources and (nic != "eth0" or fields[1:] == [guest["macs"][nic], guest["address"]])
    if kind == "dhcp" and nic == "eth0":
        server, client, xid = fields
        return bool(
            server == observed["dhcp_server"] and client == guest["macs"][nic] and xid != observed["forged_xid"]
        )
    return fields[0] in sources


def judge_knocks(observed: Observed, verdict: Verdict) -> tuple[int, int, int, int]:
    """Check login attempts at displays.

    Returns:
        The number of successful attempts of strangers, of all attempts of strangers, and the same for owners.
    """
    strangers = [knock for knock in observed["knocks"] if not knock["enters"]]
    let_in = [knock["name"] for knock in strangers if knock["entered"]]
    verdict.wrong += [f"leak: a display let in {name}" for name in let_in]
    owners = [knock for knock in observed["knocks"] if knock["enters"]]
    kept_out = [knock["name"] for knock in owners if not knock["entered"]]
    verdict.wrong += [f"control: a display kept out {name}" for name in kept_out]
    return len(let_in), len(strangers), len(owners) - len(kept_out), len(owners)


def place_of(host: str, interface: str, tenants: dict[str, str]) -> str:
    """Return the place of an interface that is not a tap: VLAN 400's gateway, a network's router, or the host's own."""
    if interface == "gw400":
        return "gateway"
    # slice-SLICE/net_VLAN is its port, nat_SLICE its NAT link.
    owner = re.match(r"(?:slice-|nat_)(\d+)", interface)
    return router_of(tenants[owner[1]]) if owner else f"{host} {interface}"


def router_of(tenant: str) -> str:
    """Return the place of a tenant's router."""
    return f"{tenant}'s router"


if __name__ == "__main__":
    table, faults = judge(json.load(sys.stdin))
    print("\n".join([*table, *faults]))
    sys.exit(1 if faults else 0)
