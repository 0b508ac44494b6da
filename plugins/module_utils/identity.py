# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""UUIDs identify clouds, users, slices, VMs and disks.

Ids are not sufficient, because a restored backup or a copied database may allocate them again, and neither are names of
users, which may be given to other people (docs/decisions/0018).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MARK_PATTERN = r"[0-9a-f]{64}"


def new_uuid() -> str:
    """Return a new random UUID."""
    # Imported here, because it imports much, and hosts make no UUIDs.
    import uuid

    return str(uuid.uuid4())


def machine_mark(cloud_uuid: str, machine_id: str) -> str:
    """Return the public mark of a machine of a cloud (docs/decisions/0021).

    A machine-id is confidential (machine-id(5)), and whoever does not know it cannot make its mark.
    """
    return hmac.new(cloud_uuid.encode(), machine_id.encode(), hashlib.sha256).hexdigest()


class Identified:
    """Has a C(uuid), a field beyond the data model, which is set when the object is first changed or deployed."""

    extra: dict[str, Any]

    @property
    def uuid(self) -> str | None:
        """Its UUID, C(None) if it has none yet."""
        return self.extra.get("uuid")
