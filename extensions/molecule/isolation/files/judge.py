# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges a round by what was listened to: a table, and an exit code of 1 when a frame leaked or a control failed.

Standard input is JSON:
- C(heard): by host what listen.py wrote;
- C(guests): by name C(vm_id), C(slice_id), C(tenant), C(peer), C(address), C(macs) by interface, and C(router), the MAC
  of its network's gateway;
- C(tries): by tenant what its guests sent, each with C(name), C(via), C(frames), C(times), and the listeners that it
  C(reaches) and C(may_reach) by right: C(self), C(peer), C(gateway); C(scanners): the tenants that attack;
- C(injected): what was sent into the trunk of each host from outside, in the order of its canaries, C(0:000) and so on:
  each C(name) and the listeners that it must C(reaches), and no other;
- C(infrastructure), the MACs that may speak on VLAN 400, and C(dhcp_server), the one that may answer questions there;
- C(forged_xid): of DHCP questions that must have no answer;
- C(must_be_open), which a scan must find by each of C(scanned_by), and C(may_be_open): each C(ADDRESS:PORT);
- C(knocks) at displays: each C(name), whether the password is right, which C(enters), and whether it C(entered).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Told = dict[str, Any]


class Answer(NamedTuple):
    """Frames to a guest that carry nobody's canary."""

    guest: str
    nic: str
    what: str
    frames: int


@dataclass
class Heard:
    """What was listened to: by canary how many frames were sent, and how many reached which place."""

    sent: Counter[str] = field(default_factory=Counter)
    reached: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Verdict:
    """A line of the table for each attack, the sums of all, and what is wrong."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, row: Counter[str]) -> None:
        """Add what became of one attack."""
        self.rows.append((name, str(row["sent"]), str(row["right"]), str(row["leaked"])))
        self.totals.update(row)


def judge(told: Told) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    verdict = Verdict(rows=[("what", "sent", "reached by right", "leaked")])
    heard = sort_out(told, verdict)
    judge_tries(told, heard, verdict)
    judge_injected(told, heard, verdict)
    judge_answers(told, heard, verdict)
    let_in, strangers, entered, owners = judge_knocks(told, verdict)
    width = max(len(row[0]) for row in verdict.rows)
    table = [f"{row[0]:{width}} {row[1]:>8} {row[2]:>17} {row[3]:>7}" for row in verdict.rows]
    attackers = sum(guest["tenant"] in told["scanners"] for guest in told["guests"].values())
    tried = attackers * len(told["tries"]["red"]) + len(told["injected"]) + strangers
    table.append(
        f"all: {tried} attacks tried, {verdict.totals['sent']} frames sent, {verdict.totals['leaked']} frames leaked; "
        f"displays let in {let_in} of {strangers} strangers and {entered} of {owners} owners"
    )
    return table, verdict.wrong


def sort_out(told: Told, verdict: Verdict) -> Heard:
    """Sort frames into what guests sent, whom it reached, and answers."""
    guests = told["guests"]
    taps = {f"tap_{guest['vm_id']}_{nic}": (name, nic) for name, guest in guests.items() for nic in guest["macs"]}
    tenants = {str(guest["slice_id"]): guest["tenant"] for guest in guests.values()}
    heard = Heard()
    for host, figures in told["heard"].items():
        if figures["lost"]:
            verdict.wrong.append(f"control: {host} lost {figures['lost']} frames that it should have counted")
        for interface, direction, what, count in counted(figures):
            is_canary = what[0].isdigit()
            if interface in taps and direction == "in":
                heard.sent[what] += count
            elif interface in taps and is_canary:
                heard.reached[what][" ".join(taps[interface])] += count
            elif interface in taps:
                heard.answers.append(Answer(*taps[interface], what, count))
            elif is_canary:
                heard.reached[what][place_of(host, interface, tenants)] += count
    return heard


def counted(figures: Told) -> Iterator[tuple[str, str, str, int]]:
    """Each of a host's figures: the interface, the direction, what it was, and how often."""
    for interface, both in figures["frames"].items():
        for direction, counts in both.items():
            for what, count in counts.items():
                yield interface, direction, what, count


def judge_tries(told: Told, heard: Heard, verdict: Verdict) -> None:
    """Judge what guests sent: all of it left them, and it reached whom it may, and nobody else."""
    for tenant, tries in told["tries"].items():
        for number, each in enumerate(tries):
            count_due = len(each["frames"]) * each.get("times", 1)
            row: Counter[str] = Counter()
            for name, guest in told["guests"].items():
                if guest["tenant"] != tenant:
                    continue
                canary = f"{guest['vm_id']}:{number:03}"
                sent, reached = heard.sent[canary], heard.reached[canary]
                # A guest's own answers carry its canary as well: ours alone are counted, so at least as many.
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


def places_of(name: str, guest: Told, attempt: Told) -> tuple[set[str], set[str]]:
    """The places that a guest's attempt must reach, and all that it may reach."""
    via = attempt["via"]
    places = {
        "self": f"{name} {via}",
        "peer": f"{guest['peer']} {via}",
        "gateway": {"eth0": "gateway", "eth2": router_of(guest["tenant"])}.get(via, ""),
    }
    due = {places[place] for place in attempt.get("reaches", [])}
    return due, due | {places[place] for place in attempt.get("may_reach", [])}


def judge_injected(told: Told, heard: Heard, verdict: Verdict) -> None:
    """Judge what was sent into the trunk of each host from outside."""
    for number, each in enumerate(told["injected"]):
        row = Counter(sent=len(told["heard"]))
        reached = heard.reached[f"0:{number:03}"]
        for place in sorted(set(each["reaches"]) - set(reached)):
            verdict.wrong.append(f"control: nothing that was sent into the trunk reached {place}: {each['name']}")
        for place, count in sorted(reached.items()):
            row["right" if place in each["reaches"] else "leaked"] += count
            if place not in each["reaches"]:
                verdict.wrong.append(
                    f"leak: {count} frames that were sent into the trunk reached {place}: {each['name']}"
                )
        verdict.add(f"trunk: {each['name']}", row)


def judge_answers(told: Told, heard: Heard, verdict: Verdict) -> None:
    """Judge what guests heard that is nobody's attack: who spoke to them, and which ports a scan found open."""
    for name, nic, what, count in heard.answers:
        if not is_fine(told, name, nic, what):
            verdict.wrong.append(f"leak: {count} frames to {name} {nic}: {what}")
            verdict.totals["leaked"] += count
    found = {(name, nic, what.split()[1]) for name, nic, what, _count in heard.answers if what.startswith("open ")}
    for name, guest in told["guests"].items():
        for nic in told["scanned_by"] if guest["tenant"] in told["scanners"] else []:
            for port in told["must_be_open"]:
                if (name, nic, port) not in found:
                    verdict.wrong.append(f"control: the scan of {name} by {nic} did not see {port}")


def is_fine(told: Told, name: str, nic: str, what: str) -> bool:
    """Whether a guest may hear this on an interface."""
    kind, *fields = what.split()
    guest = told["guests"][name]
    peer_mac = told["guests"][guest["peer"]]["macs"][nic]
    sources = {"eth0": told["infrastructure"], "eth1": [peer_mac], "eth2": [peer_mac, guest["router"]]}[nic]
    if kind == "open":
        return fields[0] in told["may_be_open"]
    if kind == "arp":
        return fields[0] in sources and (nic != "eth0" or fields[1:] == [guest["macs"][nic], guest["address"]])
    if kind == "dhcp" and nic == "eth0":
        server, client, xid = fields
        return bool(server == told["dhcp_server"] and client == guest["macs"][nic] and xid != told["forged_xid"])
    return fields[0] in sources


def judge_knocks(told: Told, verdict: Verdict) -> tuple[int, int, int, int]:
    """Judge knocks at displays.

    Returns:
        how many strangers were let in, of how many, and how many owners, of how many.
    """
    strangers = [knock for knock in told["knocks"] if not knock["enters"]]
    let_in = [knock["name"] for knock in strangers if knock["entered"]]
    verdict.wrong += [f"leak: a display let in {name}" for name in let_in]
    owners = [knock for knock in told["knocks"] if knock["enters"]]
    kept_out = [knock["name"] for knock in owners if not knock["entered"]]
    verdict.wrong += [f"control: a display kept out {name}" for name in kept_out]
    return len(let_in), len(strangers), len(owners) - len(kept_out), len(owners)


def place_of(host: str, interface: str, tenants: dict[str, str]) -> str:
    """What an interface is called that is no tap: VLAN 400's gateway, a network's router, or the host's own."""
    if interface == "gw400":
        return "gateway"
    # slice-SLICE/net_VLAN is its port, nat_SLICE its way out.
    owner = re.match(r"(?:slice-|nat_)(\d+)", interface)
    return router_of(tenants[owner[1]]) if owner else f"{host} {interface}"


def router_of(tenant: str) -> str:
    """The place of a tenant's own router."""
    return f"{tenant}'s router"


if __name__ == "__main__":
    table, faults = judge(json.load(sys.stdin))
    print("\n".join([*table, *faults]))
    sys.exit(1 if faults else 0)
