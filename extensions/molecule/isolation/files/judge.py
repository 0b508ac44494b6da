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
from typing import Any


def judge(told: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    guests, wrong = told["guests"], []
    taps = {f"tap_{guest['vm_id']}_{nic}": (name, nic) for name, guest in guests.items() for nic in guest["macs"]}
    tenants = {str(guest["slice_id"]): guest["tenant"] for guest in guests.values()}
    sent: Counter[str] = Counter()
    heard: dict[str, Counter[str]] = defaultdict(Counter)
    answers: list[tuple[str, str, str, int]] = []
    for host, figures in told["heard"].items():
        if figures["lost"]:
            wrong.append(f"control: {host} lost {figures['lost']} frames that it should have counted")
        for interface, both in figures["frames"].items():
            for direction, counts in both.items():
                for what, count in counts.items():
                    is_canary = what[0].isdigit()
                    if interface in taps and direction == "in":
                        sent[what] += count
                    elif interface in taps and is_canary:
                        heard[what][" ".join(taps[interface])] += count
                    elif interface in taps:
                        answers.append((*taps[interface], what, count))
                    elif is_canary:
                        heard[what][place_of(host, interface, tenants)] += count

    rows = [("what", "sent", "reached by right", "leaked")]
    totals: Counter[str] = Counter()
    for tenant, tries in told["tries"].items():
        for number, each in enumerate(tries):
            count_due = len(each["frames"]) * each.get("times", 1)
            row: Counter[str] = Counter()
            for name, guest in guests.items():
                if guest["tenant"] != tenant:
                    continue
                canary = f"{guest['vm_id']}:{number:03}"
                # A guest's own answers carry its canary as well: ours alone are counted, so at least as many.
                if sent[canary] < count_due:
                    wrong.append(f"control: {name} sent {sent[canary]} of {count_due} frames: {each['name']}")
                places = {
                    "self": f"{name} {each['via']}",
                    "peer": f"{guest['peer']} {each['via']}",
                    "gateway": {"eth0": "gateway", "eth2": router_of(tenant)}.get(each["via"]),
                }
                due = {places[place] for place in each.get("reaches", [])}
                allowed = due | {places[place] for place in each.get("may_reach", [])}
                for place in sorted(due - set(heard[canary])):
                    wrong.append(f"control: nothing of {name} reached {place}: {each['name']}")
                for place, count in sorted(heard[canary].items()):
                    row["right" if place in allowed else "leaked"] += count
                    if place not in allowed:
                        wrong.append(f"leak: {count} frames of {name} reached {place}: {each['name']}")
                row["sent"] += sent[canary]
            rows.append((f"{tenant}: {each['name']}", str(row["sent"]), str(row["right"]), str(row["leaked"])))
            totals.update(row)

    for number, each in enumerate(told["injected"]):
        row = Counter(sent=len(told["heard"]))
        found = heard[f"0:{number:03}"]
        for place in sorted(set(each["reaches"]) - set(found)):
            wrong.append(f"control: nothing that was sent into the trunk reached {place}: {each['name']}")
        for place, count in sorted(found.items()):
            row["right" if place in each["reaches"] else "leaked"] += count
            if place not in each["reaches"]:
                wrong.append(f"leak: {count} frames that were sent into the trunk reached {place}: {each['name']}")
        rows.append((f"trunk: {each['name']}", str(row["sent"]), str(row["right"]), str(row["leaked"])))
        totals.update(row)

    found_open = set()
    for name, nic, what, count in answers:
        kind, *fields = what.split()
        guest = guests[name]
        peer_mac = guests[guest["peer"]]["macs"][nic]
        sources = {"eth0": told["infrastructure"], "eth1": [peer_mac], "eth2": [peer_mac, guest["router"]]}[nic]
        if kind == "open":
            found_open.add((name, nic, fields[0]))
            fine = fields[0] in told["may_be_open"]
        elif kind == "arp":
            fine = fields[0] in sources and (nic != "eth0" or fields[1:] == [guest["macs"][nic], guest["address"]])
        elif kind == "dhcp" and nic == "eth0":
            server, client, xid = fields
            fine = server == told["dhcp_server"] and client == guest["macs"][nic] and xid != told["forged_xid"]
        else:
            fine = fields[0] in sources
        if not fine:
            wrong.append(f"leak: {count} frames to {name} {nic}: {what}")
            totals["leaked"] += count
    for name, guest in guests.items():
        for nic in told["scanned_by"] if guest["tenant"] in told["scanners"] else []:
            for port in told["must_be_open"]:
                if (name, nic, port) not in found_open:
                    wrong.append(f"control: the scan of {name} by {nic} did not see {port}")
    strangers = [knock for knock in told["knocks"] if not knock["enters"]]
    let_in = [knock["name"] for knock in strangers if knock["entered"]]
    wrong += [f"leak: a display let in {name}" for name in let_in]
    owners = [knock for knock in told["knocks"] if knock["enters"]]
    wrong += [f"control: a display kept out {knock['name']}" for knock in owners if not knock["entered"]]
    width = max(len(row[0]) for row in rows)
    table = [f"{row[0]:{width}} {row[1]:>8} {row[2]:>17} {row[3]:>7}" for row in rows]
    attackers = sum(guest["tenant"] in told["scanners"] for guest in guests.values())
    totals["tried"] = attackers * len(told["tries"]["red"]) + len(told["injected"]) + len(strangers)
    table.append(
        f"all: {totals['tried']} attacks tried, {totals['sent']} frames sent, {totals['leaked']} frames leaked; "
        f"displays let in {len(let_in)} of {len(strangers)} strangers and "
        f"{sum(knock['entered'] for knock in owners)} of {len(owners)} owners"
    )
    return table, wrong


def place_of(host: str, interface: str, tenants: dict[str, str]) -> str:
    """What an interface is called that is no tap: VLAN 400's gateway, a network's router, or the host's own."""
    if interface == "gw400":
        return "gateway"
    # slice-SLICE/net_VLAN is its port, nat_SLICE its way out.
    owner = re.match(r"(?:slice-|nat_)(\d+)", interface)
    return router_of(tenants[owner[1]]) if owner else f"{host} {interface}"


def router_of(tenant: str) -> str:
    return f"{tenant}'s router"


if __name__ == "__main__":
    table, faults = judge(json.load(sys.stdin))
    print("\n".join([*table, *faults]))
    sys.exit(1 if faults else 0)
