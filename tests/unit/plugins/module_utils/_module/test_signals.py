# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""C(test_ended_calls.py) sends signals to a program that changes a host."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module.signals import SIGNALS, Ended, raised

pytestmark = pytest.mark.usefixtures("default_signals")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_block_and_has_its_own_meaning_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Ended) as ended, raised():
        signal.raise_signal(number)
    assert ended.value.message(check_mode=False).startswith(f"ended by {number.name}: this host may have been changed")
    assert ended.value.message(check_mode=True) == f"ended by {number.name}; nothing was changed (check mode)"
    assert signal.getsignal(number) is before


def test_code_that_goes_on_after_an_error_does_not_go_on_after_a_signal() -> None:
    with pytest.raises(Ended), raised(), suppress(Exception):
        signal.raise_signal(signal.SIGTERM)


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
