# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The monitors of all simulated VMs, which send the greeting, report a running VM, and accept every command."""

from __future__ import annotations

import socketserver
import sys

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n'
)
RUNNING = b'{"return": {"status": "running", "running": true}}\r\n'
DONE = b'{"return": {}}\r\n'


class Monitor(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            self.wfile.write(GREETING)
            while line := self.rfile.readline():
                self.wfile.write(RUNNING if b"query-status" in line else DONE)
        except OSError:
            pass  # the client has disconnected


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 4096


if __name__ == "__main__":
    with Server(sys.argv[1], Monitor) as server:
        server.serve_forever()
