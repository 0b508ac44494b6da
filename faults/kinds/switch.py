# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open vSwitch that restarts, crashes, loses its database or its flows."""

from __future__ import annotations

from ..lab import ADDRESSES
from ..proof import Fault, Step, Turn
from ..world import World

HOSTS = tuple(ADDRESSES)
EMPTY = """set -eu
systemctl stop openvswitch-switch ovsdb-server ovs-vswitchd
rm /var/lib/openvswitch/conf.db /etc/openvswitch/conf.db 2>/dev/null || true
systemctl start openvswitch-switch
"""


def _host(turn: Turn) -> str:
    return HOSTS[turn.number % len(HOSTS)]


def _comes_back(command: str) -> Step:
    """After this, everything is there again before any playbook runs."""

    def inject(world: World, turn: Turn) -> None:
        before = world.snapshot(stable=True)
        world.lab.ssh(_host(turn), command)
        turn.lost += world.await_snapshot(before)

    return inject


def _is_repaired(command: str, *, numbers_kept: bool) -> Step:
    """After this, C(site) and a deploy make everything as it was, except perhaps for numbers of ports."""

    def inject(world: World, turn: Turn) -> None:
        before = world.snapshot(stable=True)
        world.lab.ssh(_host(turn), command)
        world.lab.must("site")
        world.lab.must("deploy", slice_all=True)
        if numbers_kept:
            turn.lost += world.await_snapshot(before)

    return inject


FAULTS = [
    Fault("switch-restarted", _comes_back("systemctl restart openvswitch-switch")),
    Fault("switch-killed", _comes_back("pkill -KILL -x ovs-vswitchd")),
    Fault("switch-database-emptied", _is_repaired(EMPTY, numbers_kept=False)),
    Fault("flows-deleted", _is_repaired("ovs-ofctl -O OpenFlow14 del-flows br-int", numbers_kept=True)),
]
