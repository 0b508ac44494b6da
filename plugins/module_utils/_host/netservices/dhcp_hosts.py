# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reservations of addresses on VLAN 400 in files of the form of C(dhcp-hostsfile), one for each slice."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..files import read_text


def line(mac: str, address: str, name: str) -> str:
    """The line of a reservation."""
    return f"{mac},{address},{name}"


def read(text: str | None) -> set[tuple[str, str]]:
    """The MACs and addresses that lines join."""
    return {(mac, address) for each in (text or "").splitlines() for mac, address, *_name in [each.split(",")]}


def read_folder(path: str) -> Iterator[tuple[str, str]]:
    """The MACs and addresses in all files of a folder; those that are being written are hidden."""
    for entry in sorted(os.scandir(path), key=lambda each: each.name):
        if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
            yield from sorted(read(read_text(entry.path)))
