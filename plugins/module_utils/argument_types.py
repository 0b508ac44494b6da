# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values that Ansible accepts for arguments and that do not fit: null for a required one, and booleans for integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import Refusal


def type_refusals(
    values: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]], path: str = ""
) -> Iterator[Refusal]:
    """Yield a refusal for every required option and every entry of a list that is null, and every integer that is a
    boolean, as which YAML reads C(yes) and C(on).

    Args:
        values: the arguments.
        spec: their argument spec.
        path: where they are, for messages.
    """
    for name, option in spec.items():
        value = values.get(name)
        if value is None and option.get("required"):
            yield Refusal("required_option_is_null", f"{path}{name}")
        is_integer = "int" in (option.get("type"), option.get("elements"))
        listed = value if isinstance(value, list) else [] if value is None else [value]
        for each in listed:
            if each is None:
                yield Refusal("null_in_list", f"{path}{name}")
            elif isinstance(each, bool) and is_integer:
                yield Refusal("boolean_for_integer", f"{path}{name}", {"got": each})
            elif isinstance(each, Mapping) and option.get("options"):
                yield from type_refusals(each, option["options"], f"{path}{name}.")
