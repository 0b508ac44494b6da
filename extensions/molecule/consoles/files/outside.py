# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""usage: outside.py USER PLACE…

Becomes USER, as somebody who broke out of a QEMU of USER is, and connects to each PLACE: ADDRESS:PORT by TCP and by
UDP, or the path of a socket. Prints as JSON those that answer or take what is sent.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
from collections.abc import Iterator


def main() -> None:
    user, *places = sys.argv[1:]
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    print(json.dumps([found for place in places for found in reached(place)]))


def reached(place: str) -> Iterator[str]:
    if place.startswith("/"):
        with socket.socket(socket.AF_UNIX) as client:
            if succeeds(client, place):
                yield place
        return
    host, port = place.split(":")
    with socket.socket() as client:
        client.settimeout(2)
        if succeeds(client, (host, int(port))):
            yield f"tcp {place}"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        if succeeds(client, (host, int(port))) and sends(client):
            yield f"udp {place}"


def succeeds(client: socket.socket, address: object) -> bool:
    try:
        client.connect(address)  # type: ignore[arg-type]  # of the socket's own family
    except OSError:
        return False
    return True


def sends(client: socket.socket) -> bool:
    try:
        client.send(b"\0")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
