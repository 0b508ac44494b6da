# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real program on a real terminal replaces a guest."""

from __future__ import annotations

import os
import pty
import select
import signal
from collections.abc import Sequence


class ShellConsole:
    """A console with an interactive shell, or another C(program) of sh, whose answers may be damaged on the way."""

    def __init__(self, program: Sequence[str] = ("sh", "-i")) -> None:
        self.spoil: list[tuple[str, str]] = []
        self.heard = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            # A shell that starts tests in the background has them ignore interrupts, and that is inherited.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve("/bin/sh", list(program), {"PATH": os.environ["PATH"], "PS1": "/ # ", "HOME": "/"})

    def send(self, text: str) -> None:
        """See C(Console)."""
        os.write(self._terminal, text.encode())

    def receive(self, timeout_s: float) -> str:
        """See C(Console)."""
        if not select.select([self._terminal], [], [], max(timeout_s, 0))[0]:
            return ""
        text = os.read(self._terminal, 65536).decode("utf-8", "replace")
        self.heard += text
        for part, instead in self.spoil:
            if part in text:
                text = text.replace(part, instead, 1)
                self.spoil.remove((part, instead))
        return text

    def close(self) -> None:
        """End the shell."""
        os.close(self._terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
