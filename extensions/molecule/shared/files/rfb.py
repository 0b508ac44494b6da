# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Knocks at VNC displays as a viewer does (RFC 6143): rfb.py <KNOCKS

Standard input is a JSON list of knocks. Each has C(place), which is C(HOST:PORT) or a socket's path, perhaps a
C(password), and whatever else the caller wants to see again. Prints them with what the displays offered and said,
without passwords: C(types) are the security types (1 None, 2 VNC authentication), and C(entered) tells whether the
session began.
"""

from __future__ import annotations

import ctypes
import json
import socket
import struct
import sys
from typing import Any

NONE, VNC_AUTHENTICATION = 1, 2


def knock(place: str, password: str | None) -> dict[str, Any]:
    """What the display offered and said."""
    with connect(place) as client:
        assert take(client, 12).startswith(b"RFB 003.")
        client.sendall(b"RFB 003.008\n")
        types = list(take(client, take(client, 1)[0]))
        wanted = NONE if password is None else VNC_AUTHENTICATION
        # Also what is not offered is asked for, as an intruder would.
        client.sendall(bytes([wanted]))
        try:
            if wanted == VNC_AUTHENTICATION:
                client.sendall(answer(take(client, 16), password or ""))
            (refused,) = struct.unpack(">I", take(client, 4))
            if refused:
                return {"types": types, "entered": False}
            client.sendall(b"\1")  # shared
            (length,) = struct.unpack(">20xI", take(client, 24))
            take(client, length)  # the display's name
            return {"types": types, "entered": True}
        except EOFError:
            return {"types": types, "entered": False}


def connect(place: str) -> socket.socket:
    if place.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(place)
        return client
    host, _colon, port = place.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def take(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def answer(challenge: bytes, password: str) -> bytes:
    """The challenge, encrypted by DES under the password, each byte of which VNC takes from its other end."""
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in password.encode().ljust(8, b"\0")[:8])
    crypto = ctypes.CDLL("libcrypto.so.3")
    schedule = ctypes.create_string_buffer(128)
    crypto.DES_set_key_unchecked(key, schedule)
    blocks = []
    for start in (0, 8):
        block = ctypes.create_string_buffer(8)
        crypto.DES_ecb_encrypt(challenge[start : start + 8], block, schedule, 1)
        blocks.append(block.raw)
    return b"".join(blocks)


if __name__ == "__main__":
    knocks = [(each, each.pop("password", None)) for each in json.load(sys.stdin)]
    print(json.dumps([{**each, **knock(each["place"], password)} for each, password in knocks]))
