# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Moves an internal port of Open vSwitch to a network namespace, which is created if it is missing."""

from __future__ import annotations

from ..netservices import namespace
from . import process


def main(name: str, port: str) -> int:
    """See C(namespace.place_port)."""
    return process.run(lambda runner: namespace.place_port(name, port, runner))
