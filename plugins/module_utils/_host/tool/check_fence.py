# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the VMs of a lost machine from running: asks the network node whether this machine was declared lost.

It runs when the host starts, before VMs do, and every minute after that. If the network node does not answer in time,
VMs start: after a power failure of the whole site they must not depend on the network node (docs/decisions/0021).
"""

from __future__ import annotations

import socket
import sys
import time

from ...errors import Refusal, Refused
from ...identity import machine_mark
from .. import claims, fences, files, systemd
from ..runner import Runner
from . import process

_PAUSE_S = 0.5
_MOST_BYTES = 1 << 20


def main(state_dir: str, address: str, port: str, patience_s: str) -> int:
    """See C(check)."""
    return process.run(
        lambda runner: check(state_dir, (address, int(port)), float(patience_s), runner),
    )


def check(
    state_dir: str,
    server: tuple[str, int],
    patience_s: float,
    runner: Runner,
    *,
    unit_dir: str = systemd.UNIT_DIR,
    machine_id_file: str = "/etc/machine-id",
) -> None:
    """Stop and disable all VMs if this machine is lost.

    Args:
        state_dir: contains the claim on this host.
        server: address and port of the network node.
        patience_s: how long to keep asking; the network node is asked at least once.
        runner: runs C(systemctl).
        unit_dir: contains the enabled units.
        machine_id_file: contains the machine-id.

    Raises:
        SlicesError: the owner of this host is unknown, or systemd does not respond.
    """
    claim = claims.read(state_dir)
    if claim is None:
        return
    lost = ask(server, patience_s)
    if lost is None:
        if patience_s:
            sys.stderr.write(f"slices-host: no list of lost machines from {server[0]}; VMs are started anyway\n")
        return
    machine_id = (files.read_text(machine_id_file) or "").strip()
    if machine_mark(claim.uuid, machine_id) in lost:
        _fence(runner, unit_dir)


def ask(server: tuple[str, int], patience_s: float) -> tuple[str, ...] | None:
    """Return the marks of lost machines, C(None) if the network node does not answer."""
    deadline = time.monotonic() + patience_s
    while True:
        marks = _ask_once(server, max(1.0, deadline - time.monotonic()))
        if marks is not None or time.monotonic() >= deadline:
            return marks
        time.sleep(_PAUSE_S)


def _ask_once(server: tuple[str, int], timeout_s: float) -> tuple[str, ...] | None:
    # A host that is starting drops packets, so that one attempt must not take all the time.
    timeout_s = min(timeout_s, 5.0)
    try:
        with socket.create_connection(server, timeout_s) as client, client.makefile("rb") as answer:
            return fences.read_answer(answer.read(_MOST_BYTES).decode("ascii", "replace"))
    except OSError:
        return None


def _fence(runner: Runner, unit_dir: str) -> None:
    names = systemd.stop_vms(runner, unit_dir=unit_dir)
    if names:
        raise Refused([Refusal("machine_lost", "this machine", {"count": len(names), "names": names})])
