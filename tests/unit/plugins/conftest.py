# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._module.signals import SIGNALS

from .module_utils._host.fakes import FakeRunner


@pytest.fixture(autouse=True)
def every_answer_is_used() -> Iterator[None]:
    """Fail tests that prepare an answer to a command which is not run."""
    yield
    FakeRunner.check_answers()


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Let signals do what they do in a terminal. Jobs in the background ignore SIGINT, and nohup adds SIGHUP."""
    default = {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, default.get(number, signal.SIG_DFL)) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
