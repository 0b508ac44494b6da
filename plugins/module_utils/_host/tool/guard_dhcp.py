# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Loads the packet rules of the DHCP server on VLAN 400, in whose namespace it runs.

A VM speaks to the server for itself alone: the MAC inside a message is the one that it came from, for which the workers
vouch. Else a tenant could decline another one's address, which the server would then give to nobody.

And the server answers to the MAC of that VM alone, whatever the message asked for: an answer to everybody, or to an
address that it names. An answer repeats some of the message, so by it a tenant would speak to others. Workers pass to a
VM what is for its address or, from this server, for all.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..netservices import dhcp_hosts
from ..runner import Runner
from . import process

# One transaction: the tables are made if they are missing, emptied, and made anew.
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
    # VLAN 400 has no relay that an answer could go to.
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
    # Of what is sent in parts only the first would say whose it is.
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
    """Load the rules for the reservations in C(hosts_dir), and for the server's C(device).

    Raises:
        CommandFailed: the kernel refuses them.
    """
    macs = [mac for mac, _address in dhcp_hosts.read_folder(hosts_dir)]
    # Each also as the number that stands in a message.
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
