# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notes of the start-ups that guests have had, each beside the disk of its VM.

What a start-up has done is on the disk. So its note is removed when the disk is created, and goes with it to the trash
and back.
"""

from __future__ import annotations

from .. import files


def path(disk: str) -> str:
    """Return the path of the note of a disk, or its name, given that of the disk."""
    return f"{disk}.startup"


def read(disk: str) -> str | None:
    """Return the id of the last start-up that a disk has had completely."""
    text = files.read_text(path(disk))
    return None if text is None else text.strip()


def write(disk: str, startup_id: str) -> None:
    """Note that a disk has had a start-up."""
    files.write_text(path(disk), f"{startup_id}\n", mode=0o600)


def forget(disk: str) -> None:
    """Remove the note of a disk, if there is one."""
    files.remove(path(disk))
