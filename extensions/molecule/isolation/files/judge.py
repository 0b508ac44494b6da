# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judges a round by what was listened to: a table, and an exit code of 1 when a frame leaked or a control failed.

Standard input is JSON:
- C(heard): by host what listen.py wrote;
- C(guests): by name C(vm_id), C(tenant), C(peer), C(mac), C(address) and C(link_mac);
- C(tries): by tenant what its guests sent, each with C(name), C(via), C(frames), C(times), and the listeners that it
  C(reaches) and C(may_reach) by right: C(self), C(peer), C(gateway); C(scanners): the tenants that attack;
- C(infrastructure), the MACs that may speak on VLAN 400, and C(dhcp_server), the one that may answer questions there;
- C(forged_xid): of DHCP questions that must have no answer;
- C(must_be_open) and C(may_be_open): each C(ADDRESS:PORT) that a scan must and may find.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from typing import Any


def judge(told: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    guests, wrong = told["guests"], []
    taps = {f"tap_{guest['vm_id']}_{nic}": (name, nic) for name, guest in guests.items() for nic in ("eth0", "eth1")}
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
                        heard[what]["gateway" if interface == "gw400" else f"{host} {interface}"] += count

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
                    "gateway": "gateway",
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

    found_open = set()
    for name, nic, what, count in answers:
        kind, *fields = what.split()
        guest = guests[name]
        sources = told["infrastructure"] if nic == "eth0" else [guests[guest["peer"]]["link_mac"]]
        if kind == "open":
            found_open.add((name, fields[0]))
            fine = fields[0] in told["may_be_open"]
        elif kind == "arp":
            fine = fields[0] in sources and (nic == "eth1" or fields[1:] == [guest["mac"], guest["address"]])
        elif kind == "dhcp":
            fine = nic == "eth1" or (fields[0] == told["dhcp_server"] and fields[2] != told["forged_xid"])
        else:
            fine = fields[0] in sources
        if not fine:
            wrong.append(f"leak: {count} frames to {name} {nic}: {what}")
            totals["leaked"] += count
    for name, guest in guests.items():
        for port in told["must_be_open"] if guest["tenant"] in told["scanners"] else []:
            if (name, port) not in found_open:
                wrong.append(f"control: the scan of {name} did not see {port}")
    width = max(len(row[0]) for row in rows)
    table = [f"{row[0]:{width}} {row[1]:>8} {row[2]:>17} {row[3]:>7}" for row in rows]
    totals["tried"] = sum(guest["tenant"] in told["scanners"] for guest in guests.values()) * len(told["tries"]["red"])
    table.append("all: {tried} attacks tried, {sent} frames sent, {leaked} frames leaked".format_map(totals))
    return table, wrong


if __name__ == "__main__":
    table, faults = judge(json.load(sys.stdin))
    print("\n".join([*table, *faults]))
    sys.exit(1 if faults else 0)
