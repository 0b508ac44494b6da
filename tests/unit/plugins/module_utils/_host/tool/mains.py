# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls the C(main) of a subcommand without its action."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest


def exit_of(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, action: str, *words: str
) -> tuple[int, tuple[Any, ...]]:
    """Return the exit code of C(main) if that of its action is 7, and the arguments of the action before the runner."""
    calls: list[tuple[Any, ...]] = []

    def run(act: Any) -> int:
        act("the runner")
        return 7

    monkeypatch.setattr(module, action, lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(module.process, "run", run)
    code: int = module.main(*words)
    ((*arguments, runner),) = calls
    assert runner == "the runner"
    return code, tuple(arguments)
