# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rewrites the tarball of a collection: tools/reproducible.py TARBALL SECONDS

The same files then give the same bytes. ansible-galaxy lists files in the order of the file system, in the archive and
in FILES.json, and the archive has their times. Here they are sorted by name, and all have the time of the second
argument, in seconds since 1970.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

LISTS = ("MANIFEST.json", "FILES.json")


def encoded(value: object) -> bytes:
    """Return JSON with the indentation of ansible-galaxy."""
    return json.dumps(value, indent=1).encode()


def sort_lists(contents: dict[str, bytes]) -> None:
    """Sort FILES.json, and update its checksum in MANIFEST.json."""
    files = json.loads(contents["FILES.json"])
    files["files"].sort(key=lambda entry: entry["name"])
    contents["FILES.json"] = encoded(files)
    manifest = json.loads(contents["MANIFEST.json"])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(contents["FILES.json"]).hexdigest()
    contents["MANIFEST.json"] = encoded(manifest)


def rewrite(tarball: Path, seconds: int) -> None:
    """Replace the tarball; users, groups and modes are those of ansible-galaxy, which do not vary."""
    contents = {}
    with tarfile.open(tarball) as archive:
        members = {member.name: member for member in archive.getmembers()}
        for name, member in members.items():
            if (file := archive.extractfile(member)) is not None:
                contents[name] = file.read()
    sort_lists(contents)
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in (*LISTS, *sorted(set(members) - set(LISTS))):
            member = members[name]
            member.mtime, member.pax_headers = seconds, {}
            content = contents.get(name, b"")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    tarball.write_bytes(packed.getvalue())


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]), int(sys.argv[2]))
