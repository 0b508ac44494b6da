# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a process reaches: sockets that accept a connection, and nothing else."""

from __future__ import annotations

import getpass
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ..scripts import ROOT, load

SCRIPT = "extensions/molecule/consoles/files/outside.py"
outside = load(SCRIPT)


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The places of sockets: those that listen, and those that are there but do not."""
    with ExitStack() as stack:
        found = {}
        for name, is_listening in (("open", True), ("closed", False)):
            tcp = stack.enter_context(socket.socket())
            tcp.bind(("127.0.0.1", 0))
            local = stack.enter_context(socket.socket(socket.AF_UNIX))
            local.bind(str(tmp_path / name))
            if is_listening:
                tcp.listen()
                local.listen()
            found[f"tcp {name}"] = "{}:{}".format(*tcp.getsockname())
            found[f"unix {name}"] = str(tmp_path / name)
        yield found


def test_only_listening_sockets_are_reached(sockets: dict[str, str], tmp_path: Path) -> None:
    assert next(outside.reached(sockets["tcp open"])) == f"tcp {sockets['tcp open']}"
    assert not [found for found in outside.reached(sockets["tcp closed"]) if found.startswith("tcp")]
    assert list(outside.reached(sockets["unix open"])) == [sockets["unix open"]]
    assert list(outside.reached(sockets["unix closed"])) == []
    assert list(outside.reached(str(tmp_path / "missing"))) == []


def test_what_is_sent_by_udp_is_taken_unless_there_is_no_route() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        place = "{}:{}".format(*server.getsockname())
        assert f"udp {place}" in list(outside.reached(place))
        assert server.recv(1) == b"\0"
    # The kernel does not send from or to this address.
    assert list(outside.reached("255.255.255.255:9")) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user")
def test_the_places_that_are_reached_are_printed(sockets: dict[str, str]) -> None:
    places = [sockets["unix closed"], sockets["unix open"]]
    done = subprocess.run(
        [sys.executable, str(ROOT / SCRIPT), getpass.getuser(), *places], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [sockets["unix open"]]
