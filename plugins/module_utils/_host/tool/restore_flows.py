# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores the meters and flows that C(ovs_ports) saved, because the switch starts without any.

Until then, a bridge with fail mode C(secure) forwards no frames.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator

from ...errors import SlicesError
from .. import files
from ..datapath.flows import OFCTL
from ..runner import Result, Runner
from . import process

_PATIENCE_S = 30.0
_PAUSE_S = 0.2


def main(folder: str, bridge: str) -> int:
    """See C(restore)."""
    return process.run(lambda runner: restore(folder, bridge, runner))


def restore(folder: str, bridge: str, runner: Runner, *, patience_s: float = _PATIENCE_S) -> None:
    """Load the files of C(folder) into C(bridge). After an error in one file, the other files are still loaded.

    Raises:
        SlicesError: the switch does not respond, or rejected some of the files.
    """
    _await(bridge, runner, patience_s)
    if not os.path.isdir(folder):
        return
    # A deploy holds this lock from reading the flows until it has changed the flows and their files.
    with files.locked(folder):
        results = [*_load_meters(folder, bridge, runner), *_load_flows(folder, bridge, runner)]
    faults = [result.stderr.strip() for result in results if result.rc != 0]
    if faults:
        raise SlicesError("\n".join(faults))


def _await(bridge: str, runner: Runner, patience_s: float) -> None:
    """Wait until the switch, which responds before it has created its bridges, has this bridge."""
    deadline = time.monotonic() + patience_s
    while (result := runner.run(["ovs-ofctl", "--timeout=5", "show", bridge], check=False)).rc != 0:
        if time.monotonic() >= deadline:
            raise SlicesError(f"bridge {bridge} does not respond: {result.stderr.strip()}")
        time.sleep(_PAUSE_S)


def _load_meters(folder: str, bridge: str, runner: Runner) -> Iterator[Result]:
    """Load the meters, which must exist before the flows that use them."""
    for path in sorted(glob.glob(f"{folder}/*.meters")):
        for meter in (files.read_text(path) or "").splitlines():
            result = runner.run([*OFCTL, "add-meter", bridge, meter], check=False)
            # If the meter exists already, it is modified.
            yield result if result.rc == 0 else runner.run([*OFCTL, "mod-meter", bridge, meter], check=False)


def _load_flows(folder: str, bridge: str, runner: Runner) -> Iterator[Result]:
    for path in sorted(glob.glob(f"{folder}/*.flows")):
        yield runner.run([*OFCTL, "--bundle", "add-flows", bridge, path], check=False)
