# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints the frames that devices received up to the last one that was sent: received.py DEVICE...

The first device is the trunk. The unit C(received-DEVICE) of each device writes C(/run/received-DEVICE.pcap), and is
stopped by this script. Prints the number of untagged frames on the trunk, then a sorted line for each frame of the
sender on the other devices: the device, the destination MAC, and the ten bytes after the source MAC.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable

SENT = "ether src 02:00:00:00:00:99"
LAST = "ether proto 0x88b5"
PATIENCE_S = 20
PAUSE_S = 0.1
LINE = re.compile(r"\s*0x(?P<offset>[0-9a-f]{4}):\s+(?P<bytes>[0-9a-f ]+)$")


def captured(device: str, *options: str) -> list[str]:
    """Return the output of tcpdump for a capture, which may end in the middle of a frame."""
    command = ["tcpdump", "-n", f"-r/run/received-{device}.pcap", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()


def await_last(device: str, *, is_trunk: bool) -> None:
    """Wait for the last frame that is sent, which is tagged on the trunk.

    Raises:
        SystemExit: the frame was not received.
    """
    wanted = f"{SENT} and vlan and {LAST}" if is_trunk else f"{SENT} and {LAST}"
    deadline = time.monotonic() + PATIENCE_S
    while not captured(device, wanted):
        if time.monotonic() > deadline:
            raise SystemExit(f"the last frame was not received on {device}")
        time.sleep(PAUSE_S)


def frames(dump: Iterable[str]) -> list[str]:
    """Return destination MAC and the ten bytes after the source MAC of each frame in the output of C(tcpdump -xx)."""
    found = []
    head = ""
    for line in dump:
        shown = LINE.match(line)
        if shown is None:
            continue
        data = shown["bytes"].replace(" ", "")
        if shown["offset"] == "0000":
            head = data
        elif shown["offset"] == "0010":
            found.append(f"{head[:12]} {head[24:]}{data[:12]}")
    return found


def main(devices: list[str]) -> None:
    for device in devices:
        await_last(device, is_trunk=device == devices[0])
        subprocess.run(["systemctl", "stop", f"received-{device}"], check=True)
    # The hosts' kernels look for routers on the trunk, less and less often.
    print(f"untagged {len(captured(devices[0], 'not vlan and not icmp6'))}")
    lines = [f"{device} {frame}" for device in devices[1:] for frame in frames(captured(device, "-xx", SENT))]
    print("".join(f"{line}\n" for line in sorted(lines)), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
