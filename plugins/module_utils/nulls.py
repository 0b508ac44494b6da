# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Null where an argument needs a value, which Ansible accepts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Refusal


def nulls(values: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]], path: str = "") -> Iterator[Refusal]:
    """Yield a refusal for every required option that is null, and for every list that contains null.

    Args:
        values: the arguments.
        spec: their argument spec.
        path: where they are, for messages.
    """
    for name, option in spec.items():
        value = values.get(name)
        if value is None and option.get("required"):
            yield Refusal("required_option_is_null", f"{path}{name}")
        listed = value if isinstance(value, list) else [value] if isinstance(value, Mapping) else []
        for each in listed:
            if each is None:
                yield Refusal("null_in_list", f"{path}{name}")
            elif isinstance(each, Mapping) and option.get("options"):
                yield from nulls(each, option["options"], f"{path}{name}.")
