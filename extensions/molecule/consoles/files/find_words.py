# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where passwords stand on a host: find_words.py <PASSWORDS

Standard input is a password a line. Prints the files that hold one, C(arguments) where a process has one in its
arguments or its environment, and C(journal); then each C(vnc.secret) with its mode and its user.
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
    """Whether a file holds one of the words; one that is gone or cannot be read does not."""
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
    """Yield the regular files below folders that hold one of the words; links are not followed."""
    for top in folders:
        for folder, _folders, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names):
                if is_regular(path) and holds(path, words):
                    yield path


def is_regular(path: str) -> bool:
    """Whether it is a file, and no link to one; what is gone by now is none."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def are_arguments(words: Sequence[bytes], proc: str = "/proc") -> bool:
    """Whether a process has one of the words in its arguments or its environment."""
    paths = (path for name in ("cmdline", "environ") for path in glob.glob(f"{proc}/[0-9]*/{name}"))
    return any(holds(path, words) for path in paths)


def secrets(pattern: str) -> list[str]:
    """Each file with its mode and its user."""
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
