# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads disks of tenants, which may be damaged, or made to lead to files of others by a QEMU that a guest controls.

QEMU itself does not notice a truncated disk: what its tables lead to beyond the end of the file reads as zeros, so the
guest sees its base image, and writes over what could be recovered.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

from .. import files
from . import qcow2_clusters
from .qcow2 import Header, HeaderError, Image, read_open


def read(path: str, *, images: str, is_open: bool = False) -> Image | None:
    """Return the format, size and backing file of a disk, C(None) if the file does not exist.

    C(damage) says why no VM may use it: it is not a complete qcow2 image, or it has other files than a base image.

    Args:
        path: the disk.
        images: the folder of the base images.
        is_open: whether a QEMU has it open. Then the tables that lead to its data are not read, which takes a few
            milliseconds for each GiB of data.
    """
    try:
        with open(path, "rb", opener=files.at_once) as file:
            image, header = read_open(file)
            if header is None:
                return replace(image, damage="it does not begin with the header of a qcow2 image")
            damage = _fault(header, images)
            return _complete(image, file, header, is_open=is_open) if damage is None else replace(image, damage=damage)
    except FileNotFoundError:
        return None
    except HeaderError as error:
        return Image("raw", 0, damage=error.why)
    except OSError as error:
        return Image("raw", 0, damage=f"it cannot be read ({error.strerror})")


def _fault(header: Header, images: str) -> str | None:
    """Return why nobody should follow a header, which may lead to other files, or to all of the memory."""
    if not header.is_known:
        return f"its version {header.version} or its incompatible features {header.incompatible:b} are not known"
    if header.has_data_file:
        return "its data is in another file"
    if header.encryption:
        return "it is encrypted"
    if header.backing_file is not None and not _is_in(header.backing_file, images):
        return f"its backing file {header.backing_file} is not in {images}"
    return None if qcow2_clusters.is_plausible(header) else "its header has sizes that the format does not allow"


def _is_in(path: str, folder: str) -> bool:
    # Without a leading slash, a name may also be a protocol or options of QEMU.
    where = os.path.dirname(path)
    return where == folder or (os.path.isabs(path) and os.path.realpath(where) == os.path.realpath(folder))


def _complete(image: Image, file: BinaryIO, header: Header, *, is_open: bool) -> Image:
    """Return the image, with damage if its file is too small."""
    size = os.fstat(file.fileno()).st_size
    needed = qcow2_clusters.tables_end(header) if is_open else qcow2_clusters.needed_bytes(file, header)
    if needed <= size:
        return image
    return replace(image, damage=f"it has {size} bytes, and needs at least {needed}", needed_bytes=needed)
