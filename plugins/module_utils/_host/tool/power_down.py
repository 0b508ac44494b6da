# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks the guests of all VMs to shut down when the host shuts down or reboots, before systemd stops their QEMUs.

C(vms/VM/power_down), which belongs to root, has the seconds that a guest has. VMs without it are not asked.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator

from ...bounds import SHUTDOWN_S
from ...errors import SlicesError
from .. import files
from ..qemu import power_down
from ..qemu.config import POWER_DOWN
from ..qemu.power_down import Guest
from ..qemu.qmp import Monitor, SocketMonitor
from ..qemu.sockets import qmp_socket
from ..runner import Runner
from . import process


def main(state_dir: str) -> int:
    """See C(shut_down)."""
    return process.run(lambda runner: shut_down(state_dir, runner, SocketMonitor()))


def shut_down(state_dir: str, runner: Runner, monitor: Monitor) -> None:
    """Ask the guests, and write a warning for each that did not shut down in time.

    Whoever stops or restarts the unit of this on a host that keeps running does not mean the guests.
    """
    # It returns 1 in this state.
    state = runner.run(["systemctl", "is-system-running"], check=False).stdout.strip()
    if state != "stopping":
        sys.stderr.write(f"slices-host: the host is {state or 'in an unknown state'}, so no guest is asked\n")
        return
    for warning in power_down.ask(_guests(state_dir), monitor):
        sys.stderr.write(f"slices-host: {warning}\n")


def _guests(state_dir: str) -> Iterator[Guest]:
    """Yield the guests to ask. A VM that does not run has no socket."""
    for path in sorted(glob.glob(f"{state_dir}/vms/*/{POWER_DOWN}")):
        name, seconds = os.path.basename(os.path.dirname(path)), _seconds(path)
        if name.isdecimal() and seconds is not None and os.path.exists(qmp_socket(int(name))):
            yield Guest(f"VM {name}", qmp_socket(int(name)), seconds)


def _seconds(path: str) -> int | None:
    """Return the limit in a file, C(None) for a guest that is not asked. A damaged file affects no other VM."""
    try:
        text = (files.read_text(path) or "").strip()
    except SlicesError as error:
        sys.stderr.write(f"slices-host: {error.message}\n")
        return None
    return int(text) if text.isdecimal() and SHUTDOWN_S.allows(int(text)) else None
