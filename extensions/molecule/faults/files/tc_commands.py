# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the commands of tc that a worker would run for an interface, to test them in another kernel.

usage: tc_commands.py DEVICE SETTINGS <SHOWN

SETTINGS are those of an interface in a work order, as JSON. SHOWN is the output of C(tc -json qdisc show). Prints lines
for C(tc -batch), none if there are no differences.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.datapath import shaping
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Result
from ansible_collections.cloudrepo.slices.plugins.module_utils.vm_order import Interface
from ansible_collections.cloudrepo.slices.plugins.module_utils.work_order import SliceOrder


class Elsewhere:
    """A runner that returns a given output for all commands, and prints their standard input."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def run(self, argv: Sequence[str], *, stdin: str | None = None, check: bool = True) -> Result:
        """See C(Runner)."""
        del argv, check
        print(stdin or "", end="")
        return Result(0, self._shown, "")


def main(device: str, settings: str) -> None:
    """Print the commands that apply the settings to the device."""
    order = SliceOrder.from_dict(SliceOrder.sample())
    nic = replace(Interface(name="eth1", tap=device, mac="52:54:00:03:e9:01"), **json.loads(settings))
    orders = (replace(order, vms=(replace(order.vms[0], interfaces=(nic,)),)),)
    runner = Elsewhere(sys.stdin.read())
    have = shaping.observe(orders, runner, bridge="", folder="")
    todo = replace(shaping.plan(orders, have, numbers={}, spoken=(), fresh=()), files={})
    shaping.prepare(todo, runner, bridge="", folder="")
    shaping.finish(todo, runner, bridge="")


if __name__ == "__main__":
    main(*sys.argv[1:])
