# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All rules for which requests are refused or databases are repaired, by code."""

from __future__ import annotations

from .rules.access import ACCESS
from .rules.calls import ARGUMENTS, SELECTION
from .rules.capacity import CAPACITY
from .rules.contract import CONTRACT
from .rules.databases import DATABASE
from .rules.edits import EDITS
from .rules.hosts import HOST
from .rules.images import IMAGE
from .rules.invariants import INVARIANT, REPAIR
from .rules.inventory import INVENTORY
from .rules.playbooks import PLAYBOOK
from .rules.registry import REGISTRY
from .rules.rule import Rule
from .rules.topologies import TOPOLOGY
from .rules.values import ANY

RULES: dict[str, Rule] = {
    **ANY,
    **ARGUMENTS,
    **SELECTION,
    **PLAYBOOK,
    **CONTRACT,
    **DATABASE,
    **INVARIANT,
    **REPAIR,
    **INVENTORY,
    **REGISTRY,
    **IMAGE,
    **ACCESS,
    **TOPOLOGY,
    **EDITS,
    **CAPACITY,
    **HOST,
}
