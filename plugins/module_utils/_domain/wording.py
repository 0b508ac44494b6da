# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Words for messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def some(names: Iterable[str] | Mapping[str, object]) -> str:
    """Return names for a message, the first ten of them."""
    listed = list(names)
    more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
    return (", ".join(listed[:10]) or "none") + more
