# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The images are read with libarchive, and their label with libblkid, as by udev."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import iso9660

FILES = {
    "user-data": b"#cloud-config\n" * 400,
    "meta-data": b"{}",
    "empty": b"",
    "sector": bytes(2048),
}


def output(*argv: str) -> bytes:
    return subprocess.run(argv, check=True, capture_output=True).stdout


def test_others_read_the_same_files(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.write_bytes(iso9660.image("cidata", FILES))
    listed = output("bsdtar", "-tf", str(path)).decode().split()
    assert sorted(listed) == [".", *sorted(FILES)]
    for name, content in FILES.items():
        assert output("bsdtar", "-xOf", str(path), name) == content
    # The names of ISO 9660 itself, for readers without Joliet.
    plain = output("bsdtar", "--options", "!joliet", "-tf", str(path)).decode().split()
    assert sorted(plain) == [".", "FILE0000", "FILE0001", "FILE0002", "FILE0003"]


def test_an_image_is_always_the_same() -> None:
    """Also in fields that these readers skip; another image would be another disk for cloud-init."""
    made = hashlib.sha256(iso9660.image("cidata", FILES)).hexdigest()
    assert made == "1d2e6fe5348cc2fa93ede61f26b6a8dc976473285fd828c4baa6cdc7c9383a21"


def test_the_label_is_found(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.write_bytes(iso9660.image("cidata", FILES))
    assert output("blkid", "--probe", "--output", "value", "--match-tag", "LABEL", str(path)) == b"cidata\n"
    assert output("blkid", "--probe", "--output", "value", "--match-tag", "TYPE", str(path)) == b"iso9660\n"


@pytest.mark.parametrize(("size", "sectors"), [(0, 0), (1, 1), (2048, 1), (2049, 2)])
def test_the_image_has_whole_sectors_and_depends_only_on_its_files(size: int, sectors: int) -> None:
    image = iso9660.image("cidata", {"a": bytes(size)})
    assert len(image) == (25 + sectors) * iso9660.SECTOR
    assert image == iso9660.image("cidata", {"a": bytes(size)})


def test_root_entries_are_folders_and_files_are_not() -> None:
    image = iso9660.image("cidata", FILES)
    for descriptor in (16, 17):
        record = image[descriptor * iso9660.SECTOR + 156 :]
        root = int.from_bytes(record[2:6], "little") * iso9660.SECTOR
        assert record[25] == 2, "a folder, and not a hidden one"
        found, at = [], root
        while image[at]:
            found.append(image[at + 25])
            at += image[at]
        assert found == [2, 2, *[0] * len(FILES)]
