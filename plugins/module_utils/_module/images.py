# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inspection of images on the orchestrator before the flavors and kinds that have them are registered."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._host.disk import boot_images, conversion
from .._host.disk.inspection import Inspection, inspect
from .._host.files import sha256
from .._host.runner import Runner
from ..bounds import BOOT_IMAGES
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


def with_checksums(wants: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return kinds with the checksums of their kernels and initrds.

    Raises:
        Refused: for every one that is a missing file, differs from its checksum, is a URL without a checksum, or is
            something else; and for a checksum that comes without its file or URL.
    """
    return for_all(wants, _with_checksums)


def _with_checksums(want: Mapping[str, Any]) -> dict[str, Any]:
    where = f"kind {want['name']}"
    seen: dict[str, str] = {}
    for content in BOOT_IMAGES if want["state"] == "present" else ():
        path, option = want.get(content), f"{content}_checksum"
        if path is None and want.get(option) is not None:
            raise Refused([Refusal("checksum_without_image", where, {"option": option, "image": content})])
        if path:
            seen[option] = _checksum(where, path, want.get(option))
            if not URL.match(path):
                boot_images.inspect(path, content, object=f"{where}: {content} {path}")
    return {**want, **seen}


def _checksum(where: str, path: str, given: str | None) -> str:
    """Return the checksum of a file, or the given one for a URL.

    Raises:
        Refused: the file is missing or has another one, or that of a URL is not given.
    """
    if URL.match(path):
        if given is None:
            raise Refused([Refusal("image_without_checksum", where, {"got": path})])
        return given
    if not os.path.isfile(path):
        raise Refused([Refusal("image_not_found", where, {"got": path})])
    seen = sha256(path)
    if given not in (None, seen):
        raise Refused([Refusal("checksum_mismatch", where, {"image": path, "seen": seen, "got": given})])
    return seen


def _inspect(want: Mapping[str, Any], runner: Runner, *, check_mode: bool) -> tuple[dict[str, Any], Inspection | None]:
    path, checksum = want.get("image"), want.get("checksum")
    if path is None or want["state"] == "absent":
        return dict(want), None
    where = f"flavor {want['name']}"
    seen = _checksum(where, path, checksum)
    if URL.match(path):
        if want.get("convert"):
            raise Refused([Refusal("convert_needs_file", where, {"got": path})])
        return dict(want), None
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
    size = {"virtual_size_gb": inspection.image.virtual_bytes / GIB}
    content = {} if inspection.content is None else {"content": inspection.content}
    return {**want, "checksum": seen, **size, **content}, inspection
