# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every filter has documentation, and there is no documentation without a filter."""

from __future__ import annotations

import importlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[4] / "plugins/filter"
PACKAGE = "ansible_collections.cloudrepo.slices.plugins.filter"


def test_every_filter_is_documented_in_its_own_file() -> None:
    files = [importlib.import_module(f"{PACKAGE}.{path.stem}") for path in sorted(FOLDER.glob("*.py"))]
    filters = [name for file in files for name in file.FilterModule().filters()]
    assert sorted(filters) == sorted(path.stem for path in FOLDER.glob("*.yml"))
