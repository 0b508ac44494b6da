# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inspection of flavors' base images on the orchestrator before the flavors are registered."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._host.disk import conversion
from .._host.disk.inspection import Inspection, inspect
from .._host.files import sha256
from .._host.runner import Runner
from ..errors import Refusal, Refused, for_all

URL = re.compile(r"[a-z][a-z0-9+.-]*://")
GIB = 1024**3
UNCHECKED = (
    "qemu-img is not installed on the orchestrator, so the tables of qcow2 images were not checked (flavors {}); "
    "install qemu-utils"
)


def inspect_all(
    wants: Sequence[Mapping[str, Any]], runner: Runner, *, check_mode: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the flavors with C(checksum) and C(virtual_size_gb) of their images, and warnings.

    With C(convert), images are converted if necessary, and the result becomes the C(image) of the flavor. In check mode
    the result may not exist yet; then it has no checksum.

    Raises:
        Refused: for every image that is a missing file, differs from its checksum, is a URL without a checksum, or
            cannot be the backing file of a disk.
        CommandFailed: an image cannot be converted.
    """
    found = for_all(wants, lambda want: _inspect(want, runner, check_mode=check_mode))
    unchecked = [want["name"] for want, inspection in found if inspection and not inspection.is_checked]
    return [want for want, _inspection in found], [UNCHECKED.format(", ".join(unchecked))] if unchecked else []


def _inspect(want: Mapping[str, Any], runner: Runner, *, check_mode: bool) -> tuple[dict[str, Any], Inspection | None]:
    path, checksum = want.get("image"), want.get("checksum")
    if path is None or want["state"] == "absent":
        return dict(want), None
    where = f"flavor {want['name']}"
    if URL.match(path):
        if checksum is None:
            raise Refused([Refusal("image_without_checksum", where, {"got": path})])
        if want.get("convert"):
            raise Refused([Refusal("convert_needs_file", where, {"got": path})])
        return dict(want), None
    if not os.path.isfile(path):
        raise Refused([Refusal("image_not_found", where, {"got": path})])
    seen = sha256(path)
    if checksum not in (None, seen):
        raise Refused([Refusal("checksum_mismatch", where, {"image": path, "seen": seen, "got": checksum})])
    image = f"{where}: image {path}"
    if not want.get("convert"):
        inspection = inspect(path, runner, object=image, source=path, alternative=", or set convert to true")
    elif not conversion.is_needed(path):
        inspection = inspect(path, runner, object=image, source=path)
    else:
        target = conversion.target_of(path)
        if not conversion.is_done(path):
            if check_mode:
                return {**want, "image": target, "checksum": None}, None
            conversion.convert(path, runner, object=image)
        inspection = inspect(target, runner, object=f"{where}: image {target}", source=target)
        want, seen = {**want, "image": target}, sha256(target)
    told = {"virtual_size_gb": inspection.image.virtual_bytes / GIB}
    content = {} if inspection.content is None else {"content": inspection.content}
    return {**want, "checksum": seen, **told, **content}, inspection
