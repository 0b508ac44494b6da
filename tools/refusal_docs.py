# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates the messages in docs/guides/troubleshooting.md from the rules in plugins/module_utils/rules.

The part above the marker is written by hand. Run this script after changing a rule; a unit test fails if the page is
outdated.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / ".ansible" / "collections"))

from ansible_collections.cloudrepo.slices.plugins.module_utils.rules import (  # noqa: E402 (found above)
    access,
    calls,
    capacity,
    contract,
    databases,
    edits,
    hosts,
    images,
    invariants,
    inventory,
    playbooks,
    registry,
    topologies,
    values,
)

PAGE = ROOT / "docs/guides/troubleshooting.md"
MARKER = "<!-- The rest is written by tools/refusal_docs.py from plugins/module_utils/rules. -->"
GROUPS = {
    "Arguments of modules": calls.ARGUMENTS,
    "Calls of playbooks": calls.SELECTION,
    "Checks of playbooks and roles": playbooks.PLAYBOOK,
    "Acting user and job files": access.ACCESS,
    "Topologies": topologies.TOPOLOGY,
    "Changes of what exists": edits.EDITS,
    "Quota, capacity and allocation": capacity.CAPACITY,
    "Images": images.IMAGE,
    "Users, flavors and workers": registry.REGISTRY,
    "Hosts": hosts.HOST,
    "Work orders": contract.CONTRACT,
    "Databases and backups": databases.DATABASE,
    "Invariants of databases": invariants.INVARIANT,
    "Repairs of databases": invariants.REPAIR,
    "Inventory sources": inventory.INVENTORY,
    "Values of all kinds": values.ANY,
}


def write(page: str) -> str:
    """Return the page with the part that is generated from the rules.

    Raises:
        ValueError: the page has no marker.
    """
    above, marker, _below = page.partition(MARKER)
    if not marker:
        raise ValueError(f"the page has no line {MARKER}")
    return f"{above}{MARKER}\n" + "\n".join(_tables()) + "\n"


def _tables() -> Iterator[str]:
    for title, group in GROUPS.items():
        yield from ("", f"### {title}", "", "| code | message | rule, or what to do |", "|---|---|---|")
        for code, rule in sorted(group.items()):
            advice = rule.next_step or ("" if "{rule}" in rule.sentence else rule.rule)
            yield f"| `{code}` | {_text(rule.sentence, rule=rule.rule)} | {_text(advice)} |"


def _text(text: str, *, rule: str = "") -> str:
    """Return a text of a rule for a cell of a table, with capitals for figures."""
    return re.sub(r"([|<>_*{}])", r"\\\1", "".join(_parts(text, rule)))


def _parts(text: str, rule: str) -> Iterator[str]:
    for literal, name, _spec, _conversion in Formatter().parse(text):
        yield literal
        if name == "rule":
            yield from _parts(rule, "")
        elif name is not None:
            yield name.upper()


def main() -> None:
    PAGE.write_text(write(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
