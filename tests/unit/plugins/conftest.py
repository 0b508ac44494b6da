# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .module_utils._host.fakes import FakeRunner


@pytest.fixture(autouse=True)
def every_answer_is_used() -> Iterator[None]:
    """Fail tests that prepare an answer to a command which is not run."""
    yield
    FakeRunner.settle()
