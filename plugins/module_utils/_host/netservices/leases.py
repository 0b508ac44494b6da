# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The DHCP leases in the networks of a slice, which end with the membership of their interfaces.

dnsmasq reads its lease file when it starts, and would keep the address and the name of a former member for up to an
hour.
"""

from __future__ import annotations

import ipaddress
import os

from .. import files


def prune(folder: str) -> None:
    """Remove the leases of former members from the lease file in a slice's folder, while its dnsmasq does not run."""
    path = f"{folder}/leases"
    have = files.read_text(path)
    if have is None:
        return
    keep = kept(have, files.read_text(f"{folder}/dnsmasq.conf") or "")
    if keep != have:
        state = os.stat(path)
        files.write_all([files.text_file(path, keep, mode=state.st_mode & 0o777, uid=state.st_uid, gid=state.st_gid)])


def kept(leases: str, config: str) -> str:
    """Return the lease file without lines of MACs that have no C(dhcp-host), or of addresses outside of all ranges.

    Args:
        leases: lines of expiry, MAC, address, host name and client id.
        config: the configuration of dnsmasq, as C(files.texts) returns it.
    """
    options = [line.partition("=")[::2] for line in config.splitlines()]
    members = {value.split(",")[0].lower() for option, value in options if option == "dhcp-host"}
    ends = [found for option, value in options if option == "dhcp-range" and (found := _ends(value)) is not None]

    def is_current(line: str) -> bool:
        words = line.split()
        if len(words) < 3 or words[1].lower() not in members:
            return False
        try:
            address = ipaddress.IPv4Address(words[2])
        except ValueError:
            return False
        return any(first <= address <= last for first, last in ends)

    return "".join(f"{line}\n" for line in leases.splitlines() if is_current(line))


def _ends(value: str) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
    """Return the first and the last address of a C(dhcp-range), C(None) if it is invalid."""
    try:
        first, last = map(ipaddress.IPv4Address, value.split(",")[1:3])
    except ValueError:
        return None
    return first, last
