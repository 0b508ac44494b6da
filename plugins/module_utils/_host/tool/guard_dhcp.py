# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads the packet rules of the DHCP server on VLAN 400, in the server's namespace.

In requests, the client's MAC (C(chaddr)) must be the source MAC, which the flows of workers verify. Otherwise a tenant
could decline the address of another one, which the server would then no longer offer.

Replies must only be sent to that MAC, even if the request asked for a broadcast or contained another address. A reply
repeats parts of the request, so it would otherwise carry data from one tenant to others. The flows of workers deliver
frames to the VM's address and, from this server, broadcasts.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..netservices import dhcp_hosts
from ..runner import Runner
from . import process

# One transaction, which replaces the tables. "delete" would fail for a missing table, so it is declared before.
_RULES = """\
table ip cloudrepo_dhcp
delete table ip cloudrepo_dhcp
table ip cloudrepo_dhcp {{
  set clients {{
    typeof ether saddr . @th,288,48
    {clients}
  }}

  chain input {{
    type filter hook input priority filter - 1; policy accept;
    udp dport 67 ether saddr . @th,288,48 != @clients drop
    # giaddr must be 0, because VLAN 400 has no DHCP relay.
    udp dport 67 @th,256,32 != 0 drop
  }}
}}

table netdev cloudrepo_dhcp
delete table netdev cloudrepo_dhcp
table netdev cloudrepo_dhcp {{
  map macs {{
    typeof @th,288,48 : ether daddr
    {macs}
  }}

  chain egress {{
    type filter hook egress device "{device}" priority filter; policy accept;
    # Only the first fragment would contain the client's MAC.
    ip frag-off & 0x3fff != 0 drop
    udp sport 67 ether daddr set @th,288,48 map @macs accept
    udp sport 67 drop
  }}
}}
"""


def main(hosts_dir: str, device: str) -> int:
    """See C(guard)."""
    return process.run(lambda runner: guard(hosts_dir, device, runner))


def guard(hosts_dir: str, device: str, runner: Runner) -> None:
    """Load the rules for the reservations in C(hosts_dir) and the server's C(device).

    Raises:
        CommandFailed: the kernel rejects the rules.
    """
    macs = [mac for mac, _address in dhcp_hosts.read_folder(hosts_dir)]
    # MACs as numbers, for comparison with a raw payload expression.
    numbers = {mac: f"0x{mac.replace(':', '')}" for mac in macs}
    text = _RULES.format(
        clients=_elements(f"{mac} . {number}" for mac, number in numbers.items()),
        macs=_elements(f"{number} : {mac}" for mac, number in numbers.items()),
        device=device,
    )
    runner.run(["nft", "-f", "-"], stdin=text)


def _elements(elements: Iterable[str]) -> str:
    text = ", ".join(elements)
    return f"elements = {{ {text} }}" if text else ""
