# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UUIDs tell a cloud, a slice, a VM or a disk from any other that has, had or will have its number or name.

Numbers are only handles: a restored backup or a copied database may give them out again (docs/decisions/0018).
"""

from __future__ import annotations

import uuid
from typing import Any

PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def new_uuid() -> str:
    """Return a UUID that nothing else has."""
    return str(uuid.uuid4())


class Identified:
    """What has a C(uuid), a field beyond the data model, from when this collection first changes it or hands it out."""

    extra: dict[str, Any]

    @property
    def uuid(self) -> str | None:
        """What tells it from every other, C(None) where it was not given one yet."""
        return self.extra.get("uuid")
