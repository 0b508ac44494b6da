# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of a VM according to QEMU."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

from ..scripts import load

STOP = {"event": "STOP"}
run_state = load("extensions/molecule/steps/files/run_state.py").run_state


def test_the_state_is_read_after_the_greeting_and_events(tmp_path: Path) -> None:
    path = str(tmp_path / "qmp.sock")
    heard: list[str] = []

    def serve() -> None:
        with listener, listener.accept()[0] as client, client.makefile("rw") as stream:
            for said in ({"QMP": {}}, STOP, {"return": {}}, STOP, {"return": {"status": "paused"}}):
                if "return" in said:
                    heard.append(json.loads(stream.readline())["execute"])
                stream.write(json.dumps(said) + "\n")
                stream.flush()

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    thread = threading.Thread(target=serve)
    thread.start()
    assert run_state(path) == "paused"
    thread.join(timeout=5)
    assert heard == ["qmp_capabilities", "query-status"]
