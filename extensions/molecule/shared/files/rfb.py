# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connects to VNC displays like a viewer (RFC 6143): rfb.py <KNOCKS

Standard input is a JSON list of attempts. Each has a C(place), which is C(HOST:PORT) or the path of a socket, an
optional C(password), and any other fields. Prints them without passwords and with the responses of the displays:
C(types) are the offered security types (1 None, 2 VNC authentication), and C(entered) is whether the login succeeded.
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
    """Return the response of a display."""
    with connect(place) as client:
        assert take(client, 12).startswith(b"RFB 003.")
        client.sendall(b"RFB 003.008\n")
        types = list(take(client, take(client, 1)[0]))
        wanted = NONE if password is None else VNC_AUTHENTICATION
        # Like an intruder, also request a type that is not offered.
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
    """Return the challenge, encrypted by DES with the password, whose bytes have reversed bits in VNC."""
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
