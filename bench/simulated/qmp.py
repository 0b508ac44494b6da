# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The monitors of all simulated VMs: greets whoever connects to the socket, as QEMU does."""

from __future__ import annotations

import socketserver
import sys

GREETING = (
    b'{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}\r\n'
)


class Monitor(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(GREETING)


if __name__ == "__main__":
    with socketserver.UnixStreamServer(sys.argv[1], Monitor) as server:
        server.socket.listen(100)
        server.serve_forever()
