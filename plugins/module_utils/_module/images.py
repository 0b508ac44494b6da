# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the orchestrator can tell of a flavor's base image before it is registered."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._host.disk.qcow2 import read_image
from ..errors import Refusal, Refused, for_all

URL = re.compile(r"[a-z][a-z0-9+.-]*://")
GIB = 1024**3
CHUNK_BYTES = 1024 * 1024


def inspect_all(wants: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the wanted flavors with C(checksum) and C(virtual_size_gb) as far as their images tell.

    Raises:
        Refused: for every image that is a missing file, differs from its checksum, or is a URL without one.
    """
    return for_all(wants, _inspect)


def _inspect(want: Mapping[str, Any]) -> dict[str, Any]:
    path, checksum = want.get("image"), want.get("checksum")
    if path is None or want["state"] == "absent":
        return dict(want)
    where = f"flavor {want['name']}"
    if URL.match(path):
        if checksum is None:
            raise Refused([Refusal("image_without_checksum", where, {"got": path})])
        return dict(want)
    if not os.path.isfile(path):
        raise Refused([Refusal("image_not_found", where, {"got": path})])
    seen = _sha256(path)
    if checksum not in (None, seen):
        raise Refused([Refusal("checksum_mismatch", where, {"image": path, "seen": seen, "got": checksum})])
    image = read_image(path)
    virtual_size_gb = image.virtual_bytes / GIB if image else None
    return {**want, "checksum": seen, "virtual_size_gb": virtual_size_gb}


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
