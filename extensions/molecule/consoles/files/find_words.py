# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Searches a host for passwords: find_words.py <PASSWORDS

Standard input contains one password per line. Prints the files that contain one, C(arguments) if the arguments or the
environment of a process contain one, and C(journal) if the journal does; then each C(vnc.secret) with its mode and
owner.
"""

from __future__ import annotations

import glob
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence

FOLDERS = ("/var/lib/cloudrepo", "/etc", "/run", "/tmp", "/root", "/var/log")
SECRETS = "/var/lib/cloudrepo/vms/*/vnc.secret"
CHUNK_BYTES = 1 << 20


def holds(path: str, words: Sequence[bytes]) -> bool:
    """Return whether a file contains one of the words; false if it no longer exists or cannot be read."""
    longest = max(map(len, words))
    rest = b""
    try:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                text = rest + chunk
                if any(word in text for word in words):
                    return True
                rest = text[-longest:]
    except OSError:
        pass
    return False


def files(folders: Sequence[str], words: Sequence[bytes]) -> Iterator[str]:
    """Yield the regular files below folders that contain one of the words; symlinks are not followed."""
    for top in folders:
        for folder, _folders, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names):
                if is_regular(path) and holds(path, words):
                    yield path


def is_regular(path: str) -> bool:
    """Return whether a path is a regular file, not a symlink; false if it no longer exists."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def are_arguments(words: Sequence[bytes], proc: str = "/proc") -> bool:
    """Return whether the arguments or the environment of a process contain one of the words."""
    paths = (path for name in ("cmdline", "environ") for path in glob.glob(f"{proc}/[0-9]*/{name}"))
    return any(holds(path, words) for path in paths)


def secrets(pattern: str) -> list[str]:
    """Return each file with its mode and owner."""
    found = []
    for path in sorted(glob.glob(pattern)):
        state = os.stat(path)
        found.append(f"{path} {stat.S_IMODE(state.st_mode):o} {pwd.getpwuid(state.st_uid).pw_name}")
    return found


def main() -> None:
    words = [word for word in sys.stdin.buffer.read().splitlines() if word]
    lines = list(files(FOLDERS, words))
    lines += ["arguments"] * are_arguments(words)
    journal = subprocess.run(["journalctl", "--quiet"], check=False, capture_output=True).stdout
    lines += ["journal"] * any(word in journal for word in words)
    print("\n".join([*lines, *secrets(SECRETS)]))


if __name__ == "__main__":
    main()
