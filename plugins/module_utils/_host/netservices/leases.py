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

_Ends = tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]


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
    """Return the lease file without lines of MACs that have no C(dhcp-host), or of addresses outside of the range of
    their network, which another network of the slice may have now.

    Args:
        leases: lines of expiry, MAC, address, host name and client id.
        config: the configuration of dnsmasq, as C(files.texts) returns it: each range before its members.
    """
    ranges: dict[str, _Ends | None] = {}
    ends = None
    for option, value in (line.partition("=")[::2] for line in config.splitlines()):
        if option == "dhcp-range":
            ends = _ends(value)
        elif option == "dhcp-host":
            ranges[value.split(",")[0].lower()] = ends

    def is_current(line: str) -> bool:
        words = line.split()
        own = ranges.get(words[1].lower()) if len(words) > 2 else None
        if own is None:
            return False
        try:
            address = ipaddress.IPv4Address(words[2])
        except ValueError:
            return False
        return own[0] <= address <= own[1]

    return "".join(f"{line}\n" for line in leases.splitlines() if is_current(line))


def _ends(value: str) -> _Ends | None:
    """Return the first and the last address of a C(dhcp-range), C(None) if it is invalid."""
    try:
        first, last = map(ipaddress.IPv4Address, value.split(",")[1:3])
    except ValueError:
        return None
    return first, last
