# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a scenario asks QEMU itself: the answer is found among greeting and events."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from threading import Thread
from typing import Any

from ..scripts import load

run_state = load("extensions/molecule/steps/files/run_state.py")


def test_the_state_is_read_from_the_answer(tmp_path: Path) -> None:
    path, asked = str(tmp_path / "qmp.sock"), []
    says: dict[str, list[dict[str, Any]]] = {
        "qmp_capabilities": [{"return": {}}],
        "query-status": [{"event": "STOP", "data": {}}, {"return": {"status": "paused", "running": False}}],
    }

    def serve(server: socket.socket) -> None:
        client, _address = server.accept()
        with client, client.makefile("rw") as stream:
            stream.write('{"QMP": {}}\n')
            stream.flush()
            for line in stream:
                asked.append(json.loads(line)["execute"])
                stream.writelines(json.dumps(each) + "\n" for each in says[asked[-1]])
                stream.flush()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        thread = Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        assert run_state.run_state(path) == "paused"
        thread.join(10)
    assert asked == list(says)
