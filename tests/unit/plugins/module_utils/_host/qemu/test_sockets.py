# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Root connects to a VM's socket only if the owner of its folder listens there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.qemu import sockets
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    """A socket at which this process listens."""
    folder = tmp_path / "1001"
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "qmp.sock"))
        listener.listen()
        yield str(folder / "qmp.sock")


def open_sockets() -> list[str]:
    links = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return [link for link in links if "socket:" in link]


def test_every_socket_of_a_vm_has_its_path() -> None:
    made = [of(1001) for of in (sockets.qmp_socket, sockets.serial_socket, sockets.vnc_socket)]
    assert made == [f"/run/cloudrepo/1001/{name}.sock" for name in ("qmp", "serial", "vnc")]


def test_sockets_of_the_owner_of_the_folder_are_used(path: str) -> None:
    with sockets.connect(path, timeout_s=3.5) as client:
        assert client.gettimeout() == 3.5
        assert sockets.pid_of(client) == os.getpid()


@pytest.mark.parametrize("off_by", [-1, 1])
def test_sockets_of_other_users_are_not_used(path: str, monkeypatch: pytest.MonkeyPatch, off_by: int) -> None:
    stranger = os.getuid() + off_by
    before = open_sockets()
    monkeypatch.setattr(sockets, "_listener", lambda _client: (os.getpid(), stranger))
    with pytest.raises(Refused) as caught:
        sockets.connect(path, timeout_s=1)
    figures = {"path": path, "folder": str(Path(path).parent), "owner": os.getuid()}
    assert caught.value.refusals == [Refusal("socket_of_another_user", f"user {stranger}", figures)]
    assert open_sockets() == before, "connection closed"


def test_a_symbolic_link_is_not_a_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "1002").symlink_to(Path(path).parent)
    before = open_sockets()
    socket = str(tmp_path / "1002" / "qmp.sock")
    with pytest.raises(Refused) as caught:
        sockets.connect(socket, timeout_s=1)
    figures = {"folder": str(tmp_path / "1002")}
    assert caught.value.refusals == [Refusal("owner_of_socket_unknown", f"the owner of {socket}", figures)]
    assert open_sockets() == before


def test_a_socket_without_a_listener_is_an_operating_system_error(tmp_path: Path) -> None:
    before = open_sockets()
    with pytest.raises(FileNotFoundError):
        sockets.connect(str(tmp_path / "qmp.sock"), timeout_s=1)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(ConnectionRefusedError):
        sockets.connect(str(tmp_path / "left.sock"), timeout_s=1)
    assert open_sockets() == before
