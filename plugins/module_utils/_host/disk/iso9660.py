# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ISO 9660 images with the Joliet extension, with files in the root folder only.

The same files always give the same bytes, so that images can be compared by checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

SECTOR = 2048
_SYSTEM_AREA = 16
# The sectors after the descriptors: path tables of both volumes in both byte orders, then the two root folders.
_TABLES = _SYSTEM_AREA + 3
_ROOT, _JOLIET_ROOT = _TABLES + 4, _TABLES + 5
_FIRST_FILE = _TABLES + 6
_PATH_TABLE_BYTES = 10
# 1970-01-01T00:00:00Z, and "not specified".
_RECORDED = bytes((70, 1, 1, 0, 0, 0, 0))
_NO_DATE = b"0" * 16 + b"\0"
_FOLDER = 2
_UCS2_LEVEL_3 = b"%/E"


def image(label: str, files: Mapping[str, bytes]) -> bytes:
    """Return an image.

    Args:
        label: the volume's label.
        files: the content of files by name. Names need not be valid in ISO 9660, for readers with Joliet ignore those.
    """
    names, sectors, at = sorted(files), [], _FIRST_FILE
    for name in names:
        sectors.append(at)
        at += _count(files[name])
    places = [(sector, len(files[name])) for name, sector in zip(names, sectors)]
    plain = [f"FILE{number:04}.;1".encode("ascii") for number in range(len(names))]
    joliet = [name.encode("utf-16-be") for name in names]
    volumes = (
        _descriptor(1, label.encode("ascii"), b" ", b"", _TABLES, _ROOT, at),
        _descriptor(2, label.encode("utf-16-be"), b"\0 ", _UCS2_LEVEL_3, _TABLES + 2, _JOLIET_ROOT, at),
        b"\xffCD001\x01",
    )
    tables = [struct.pack(f"{order}BBIHBB", 1, 0, root, 1, 0, 0) for root in (_ROOT, _JOLIET_ROOT) for order in "<>"]
    roots = (_folder(_ROOT, plain, places), _folder(_JOLIET_ROOT, joliet, places))
    parts = (*volumes, *tables, *roots, *(files[name] for name in names))
    return bytes(_SYSTEM_AREA * SECTOR) + b"".join(map(_padded, parts))


def _count(content: bytes) -> int:
    return -(-len(content) // SECTOR)


def _padded(content: bytes) -> bytes:
    return content.ljust(_count(content) * SECTOR, b"\0")


def _both(kind: str, value: int) -> bytes:
    """Return a number in both byte orders."""
    return struct.pack(f"<{kind}", value) + struct.pack(f">{kind}", value)


def _descriptor(kind: int, label: bytes, blank: bytes, escapes: bytes, table: int, root: int, sectors: int) -> bytes:
    """Return a volume descriptor; C(blank) is what fills unused text."""

    def text(length: int, content: bytes = b"") -> bytes:
        return (content + blank * length)[:length]

    return b"".join(
        (
            bytes((kind,)) + b"CD001\x01\0",
            text(32),
            text(32, label),
            bytes(8),
            _both("I", sectors),
            escapes.ljust(32, b"\0"),
            _both("H", 1) + _both("H", 1) + _both("H", SECTOR) + _both("I", _PATH_TABLE_BYTES),
            struct.pack("<II", table, 0) + struct.pack(">II", table + 1, 0),
            _record(b"\0", root, SECTOR, _FOLDER),
            text(4 * 128) + text(3 * 37),
            4 * _NO_DATE,
            b"\x01",
        )
    )


def _folder(root: int, names: Sequence[bytes], places: Sequence[tuple[int, int]]) -> bytes:
    own = [_record(name, root, SECTOR, _FOLDER) for name in (b"\0", b"\1")]
    return b"".join([*own, *(_record(name, sector, size, 0) for name, (sector, size) in zip(names, places))])


def _record(name: bytes, sector: int, size: int, flags: int) -> bytes:
    body = b"".join(
        (
            b"\0" + _both("I", sector) + _both("I", size) + _RECORDED,
            struct.pack("BBB", flags, 0, 0) + _both("H", 1),
            struct.pack("B", len(name)) + name,
        )
    )
    padding = bytes(len(body) % 2 == 0)
    return struct.pack("B", 1 + len(body) + len(padding)) + body + padding
