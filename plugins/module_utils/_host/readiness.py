# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waits until guests are ready, all of them at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

from .probes import Check

PAUSE_S = 0.5
Probe = Callable[[Check], Optional[str]]


@dataclass(frozen=True)
class Waited:
    """The outcome for one VM.

    Attributes:
        seconds: the time until it was ready, or until the last attempt.
        reason: why it is not ready, C(None) if it is.
    """

    check: Check
    seconds: float
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the reason only if there is one."""
        said = {"vm_id": self.check.vm_id, "name": self.check.name, "check": self.check.check}
        why = {} if self.reason is None else {"reason": self.reason}
        return {**said, "seconds": round(self.seconds, 2), **why}


def wait(
    checks: Sequence[Check],
    probe: Probe,
    *,
    timeout_s: float,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Any] = time.sleep,
) -> list[Waited]:
    """Return the outcome of each check, in order.

    Args:
        checks: the checks.
        probe: makes one attempt of a check, and returns why the guest is not ready.
        timeout_s: no attempt begins after this time, apart from the first one.
        now: the clock.
        pause: waits between two attempts.
    """
    begin = now()

    def wait_one(check: Check) -> Waited:
        return wait_for(check, probe, begin=begin, timeout_s=timeout_s, now=now, pause=pause)

    if not checks:
        return []
    # A thread each, because a guest that does not respond must not delay the attempts of another.
    with ThreadPoolExecutor(max_workers=len(checks)) as threads:
        return list(threads.map(wait_one, checks))


def wait_for(
    check: Check,
    probe: Probe,
    *,
    begin: float,
    timeout_s: float,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Any] = time.sleep,
) -> Waited:
    """Return the outcome of one check, whose time counts from C(begin). The other arguments are those of C(wait)."""
    while True:
        reason = probe(check)
        seconds = now() - begin
        if reason is None or seconds + PAUSE_S > timeout_s:
            return Waited(check, seconds, reason)
        pause(PAUSE_S)
