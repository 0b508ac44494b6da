# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation that tools/contract_docs.py generates from contracts and limits."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

from .scripts import ROOT, load


@lru_cache
def _generator() -> ModuleType:
    return load("tools/contract_docs.py")


def is_current(name: str) -> bool:
    """Return whether a generated file of the checkout is up to date."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return bool(_generator().FILES[name](text) == text)
