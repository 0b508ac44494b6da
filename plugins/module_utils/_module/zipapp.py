# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the zipapp C(slices-host) from the subcommands and the collection's modules that they import.

The build is reproducible for a version of Python: files are not compressed and have a constant date. The archive also
contains bytecode, because compiling would take a third of a subcommand's start; other versions of Python use the
source. Its comment is a seal, from which follows whether a file on a host is what would be built again.
"""

from __future__ import annotations

import hashlib
import io
import marshal
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash

from .._host import files
from .._host.tool import (
    check_disks,
    check_fence,
    check_machine,
    cli,
    drop_carrier,
    empty_trash,
    guard_dhcp,
    keep_rules,
    list_lost,
    load_nat,
    make_network,
    note_gateway,
    place_port,
    power_down,
    process,
    program,
    restore_flows,
    restore_forwarding,
    restore_taps,
    trim_logs,
)
from . import call

# These imports make Ansible send the modules to the host, where their sources are read.
SENT = (
    call,
    check_disks,
    check_fence,
    check_machine,
    cli,
    drop_carrier,
    empty_trash,
    guard_dhcp,
    keep_rules,
    list_lost,
    load_nat,
    make_network,
    note_gateway,
    place_port,
    power_down,
    process,
    restore_flows,
    restore_forwarding,
    restore_taps,
    trim_logs,
)
_PACKAGE = "slices"
_OLDEST = (1980, 1, 1, 0, 0, 0)
# Isolated from the environment and from site-packages, which also makes the start faster.
_SHEBANG = b"#!/usr/bin/python3 -IS\n"
_UNCHECKED_HASH = (1).to_bytes(4, "little")
_MAIN = f"""import sys

if sys.argv[1:] == ["call"]:
    import gc

    # Nearly all objects are kept until the end, so garbage would be searched for in vain.
    gc.disable()
    from {_PACKAGE}._module.call import main as call

    sys.exit(call("%s"))

from {_PACKAGE}._host.tool.cli import main

sys.exit(main(sys.argv[1:]))
"""


def content(path: str) -> bytes:
    """Return the zipapp: that at C(path) if a build would be the same, because a build takes a fifth of a second."""
    try:
        with open(path, "rb", opener=files.at_once) as file:
            installed = file.read()
    except OSError:
        return build()
    return installed if installed.endswith(_seal(installed)) else build()


def build() -> bytes:
    """Build the zipapp."""
    out = io.BytesIO()
    out.write(_SHEBANG)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, text in sorted(texts().items()):
            _add(archive, path, text.encode())
            _add(archive, f"{path}c", _bytecode(path, text))
        archive.comment = bytes(_SEAL_BYTES)
    body = out.getvalue()
    return body[:-_SEAL_BYTES] + _seal(body)


def _seal(data: bytes) -> bytes:
    """Return the end of a zipapp: digest of its sources, version of its bytecode, digest of all bytes before."""
    before = hashlib.sha256(data[:-_SEAL_BYTES]).hexdigest()
    return f"{program.digest()} {MAGIC_NUMBER.hex()} {before}".encode()


_SEAL_BYTES = len(f"{'':64} {'':8} {'':64}")


def texts() -> dict[str, str]:
    """Return the sources in the archive by path."""
    sources = {f"{_PACKAGE}/{path}": text for path, text in program.sources().items()}
    folders = {path.rpartition("/")[0] for path in sources}
    packages = {f"{folder}/__init__.py": "" for folder in folders}
    return {**packages, **sources, "__main__.py": _MAIN % program.digest()}


def _add(archive: zipfile.ZipFile, path: str, data: bytes) -> None:
    info = zipfile.ZipInfo(path, _OLDEST)
    info.create_system = 3
    archive.writestr(info, data)


def _bytecode(path: str, text: str) -> bytes:
    """Return a hash-based C(.pyc) of a source (PEP 552)."""
    code = compile(text, path, "exec", dont_inherit=True)
    # From version 3 on, the output of marshal depends on reference counts.
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(text.encode()) + marshal.dumps(code, 2)
