# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reservations of addresses on VLAN 400, in one file per slice with the syntax of C(dhcp-hostsfile)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..files import read_text

_LINE = re.compile(r"([0-9a-f]{2}(?::[0-9a-f]{2}){5}),([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:,|$)")


def line(mac: str, address: str, name: str) -> str:
    """Return the line of a reservation."""
    return f"{mac},{address},{name}"


def read(text: str | None) -> set[tuple[str, str]]:
    """Return the pairs of MAC and address in a file, without lines that are no reservations."""
    found = map(_LINE.match, (text or "").splitlines())
    return {(match[1], match[2]) for match in found if match is not None}


def read_folder(path: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of MAC and address in all files of a folder, except hidden files, which are being written."""
    for entry in sorted(os.scandir(path), key=lambda each: each.name):
        if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
            yield from sorted(read(read_text(entry.path)))
