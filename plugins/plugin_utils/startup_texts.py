# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passes the start-ups of VMs to modules as JSON text.

Ansible censors each value of an option with C(no_log) wherever it occurs in a result. A start-up contains short values,
such as the content C(1) of a file, without which no result could be read. As one text, it is censored as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

OPTION = "startup"


def with_texts(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a module in which start-ups are text: those of a VM, of a slice, and of C(slices)."""
    found = _with_vms(_with_text(args))
    if isinstance(args.get("slices"), list):
        # What is no slice is left as it is, for the module to refuse it.
        found["slices"] = [_with_vms(each) if isinstance(each, Mapping) else each for each in args["slices"]]
    return found


def _with_vms(slice_: Mapping[str, Any]) -> dict[str, Any]:
    vms = slice_.get("vms")
    if not isinstance(vms, list):
        return dict(slice_)
    return {**slice_, "vms": [_with_text(vm) if isinstance(vm, Mapping) else vm for vm in vms]}


def _with_text(given: Mapping[str, Any]) -> dict[str, Any]:
    value = given.get(OPTION)
    if value is None or isinstance(value, str):
        return dict(given)
    return {**given, OPTION: json.dumps(value, default=str)}
