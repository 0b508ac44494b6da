# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import os
import pwd

import pytest


@pytest.fixture(autouse=True)
def users_of_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make all users C(me-SLOT), which own slices in tests of modules, the user who runs the tests."""
    look_up = pwd.getpwnam
    me = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwnam", lambda name: me if name.startswith("me-") else look_up(name))
