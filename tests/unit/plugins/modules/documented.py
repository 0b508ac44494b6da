# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares results of modules with their documentation."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import yaml


def check_changes(module: str, result: Mapping[str, Any]) -> None:
    """Compare C(changes) with the sample in RETURN: their fields, and the attributes for kinds that both contain."""
    code = importlib.import_module(f"ansible_collections.cloudrepo.slices.plugins.modules.{module}")
    samples = yaml.safe_load(code.RETURN)["changes"]["sample"]
    shown = {(each["kind"], each["action"]): each for each in samples}
    compared = 0
    for change in result["changes"]:
        assert set(change) == set(samples[0])
        sample = shown.get((change["kind"], change["action"]))
        if sample is not None:
            compared += 1
            for side in ("before", "after"):
                assert set(change[side] or ()) == set(sample[side] or ()), (change["kind"], change["action"], side)
    assert compared, f"RETURN of {module} shows none of these changes"
