# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The internet of a lab: internet.py ADDRESS

Answers every GET with the client's address, which shows what NAT has changed. All names resolve to ADDRESS, its own
address, and the queries are logged.
"""

from __future__ import annotations

import ipaddress
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from threading import Thread

ADDRESS = ipaddress.IPv4Address(sys.argv[1])
TYPE_A = 1


class Http(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"client {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class UdpNames(BaseRequestHandler):
    def handle(self) -> None:
        question, sock = self.request
        sock.sendto(answer(question, "udp"), self.client_address)


class TcpNames(StreamRequestHandler):
    def handle(self) -> None:
        while size := self.rfile.read(2):
            said = answer(self.rfile.read(int.from_bytes(size, "big")), "tcp")
            self.wfile.write(len(said).to_bytes(2, "big") + said)


def answer(message: bytes, protocol: str) -> bytes:
    """Return the answer to a query (RFC 1035), which has a record only if it asks for an IPv4 address."""
    end, labels = 12, []
    while length := message[end]:
        labels.append(message[end + 1 : end + 1 + length].decode("ascii", "replace"))
        end += 1 + length
    kind = int.from_bytes(message[end + 1 : end + 3], "big")
    print(f"asked by {protocol} for {'.'.join(labels)}, type {kind}", flush=True)
    record = b"\xc0\x0c" + message[end + 1 : end + 5] + bytes([0, 0, 0, 60, 0, 4]) + ADDRESS.packed
    found = kind == TYPE_A
    header = message[:2] + b"\x81\x80" + bytes([0, 1, 0, found, 0, 0, 0, 0])
    return header + message[12 : end + 5] + record * found


if __name__ == "__main__":
    ThreadingTCPServer.allow_reuse_address = True
    for names in (ThreadingUDPServer(("", 53), UdpNames), ThreadingTCPServer(("", 53), TcpNames)):
        Thread(target=names.serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 80), Http).serve_forever()
