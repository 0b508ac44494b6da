# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compares argument specs with their documentation in doc fragments."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import yaml

COLLECTION = "ansible_collections.cloudrepo.slices"

SAID = ("type", "elements", "default", "choices", "required")


def documented(name: str) -> dict[str, Any]:
    """Return type, default and choices of each option of a doc fragment."""
    module = importlib.import_module(f"{COLLECTION}.plugins.doc_fragments.{name}")
    return _said(yaml.safe_load(module.ModuleDocFragment.DOCUMENTATION)["options"], "suboptions")


def specified(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of an argument spec."""
    return _said(spec, "options")


def _said(options: Mapping[str, Any], nested: str) -> dict[str, Any]:
    return {
        name: {
            **{key: option[key] for key in SAID if key in option},
            "options": _said(option.get(nested, {}), nested),
        }
        for name, option in options.items()
    }
