# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Login attempts at displays."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..scripts import load

rfb = load("extensions/molecule/shared/files/rfb.py")
CHALLENGE = bytes(range(16))
Display = Callable[..., str]


@pytest.mark.parametrize(
    ("password", "block"),
    [
        ("", "8ca64de9c1b123a7"),
        ("\x01", "95a8d72813daa94d"),  # with reversed bits in each byte, of which DES ignores the last one
        ("\0" * 8 + "more", "8ca64de9c1b123a7"),
    ],
)
def test_a_vnc_challenge_is_encrypted_with_the_first_eight_bytes_of_the_password(password: str, block: str) -> None:
    """The blocks are from known test vectors of DES with a text of zeros."""
    assert rfb.answer(bytes(16), password).hex() == block * 2


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    """Return a function that starts a display with security types and a password, and returns its socket's path."""
    threads: list[threading.Thread] = []

    def start(types: list[int], password: str | None = None, *, hangs_up: bool = False) -> str:
        path = str(tmp_path / f"{len(threads)}.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        threads.append(threading.Thread(target=serve, args=(listener, types, password, hangs_up)))
        threads[-1].start()
        return path

    yield start
    for thread in threads:
        thread.join(timeout=5)
        assert not thread.is_alive()


def serve(listener: socket.socket, types: list[int], password: str | None, hangs_up: bool) -> None:
    """Serve one viewer according to RFC 6143, up to the start of its session."""
    with listener, listener.accept()[0] as client:
        client.sendall(b"RFB 003.008\n")
        assert rfb.take(client, 12) == b"RFB 003.008\n"
        client.sendall(bytes([len(types), *types]))
        wanted = rfb.take(client, 1)[0]
        if hangs_up or wanted not in types:
            return
        if wanted == rfb.VNC_AUTHENTICATION:
            client.sendall(CHALLENGE)
            if rfb.take(client, 16) != rfb.answer(CHALLENGE, password or ""):
                client.sendall(struct.pack(">I", 1))
                return
        client.sendall(struct.pack(">I", 0))
        assert rfb.take(client, 1) == b"\1"
        client.sendall(bytes(20) + struct.pack(">I", 3) + b"vm1")


@pytest.mark.parametrize(
    ("types", "password", "tried", "entered"),
    [
        ([2], "right", "right", True),
        ([2], "right", "wrong", False),
        ([2], "right", "", False),
        ([2], "right", None, False),
        ([1], None, None, True),
        ([1, 2], "right", None, True),
        ([1], None, "right", False),
    ],
)
def test_accepted_passwords(
    display: Display, types: list[int], password: str | None, tried: str | None, entered: bool
) -> None:
    told: dict[str, Any] = rfb.knock(display(types, password), tried)
    assert told == {"types": types, "entered": entered}


def test_a_display_that_closes_the_connection_accepts_no_password(display: Display) -> None:
    assert rfb.knock(display([2], "right", hangs_up=True), "right") == {"types": [2], "entered": False}


def test_an_incomplete_answer_is_awaited_and_its_end_is_reported() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ab")
        threading.Timer(0.05, lambda: (theirs.sendall(b"c"), theirs.close())).start()
        assert rfb.take(ours, 3) == b"abc"
        with pytest.raises(EOFError):
            rfb.take(ours, 1)
