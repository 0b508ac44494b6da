# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module for hosts does when a signal ends it while it changes the host.

Without this, drafts of files would remain, and Ansible would only learn that the module has ended without a result.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Ended(BaseException):
    """A signal ends the module. Code that handles the error of one slice and then the next does not catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._name = signal.Signals(number).name

    def message(self, *, check_mode: bool) -> str:
        """Return the message of the module's failure."""
        if check_mode:
            return f"ended by {self._name}; nothing was changed (check mode)"
        return (
            f"ended by {self._name}: this host may have been changed in part; "
            "run the same playbook again with the same variables to complete it"
        )


@contextmanager
def raised() -> Iterator[None]:
    """Raise C(Ended) in the block when a signal arrives, which ends the command that is being run.

    A signal that is ignored, as by C(nohup), stays ignored.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)
