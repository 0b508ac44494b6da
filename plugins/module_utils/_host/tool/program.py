# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of the program C(slices-host), and their digest.

The controller compares the digest of its own files with that of a host's program. It imports none of them for that,
because Ansible compiles what it imports in each run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Protocol, cast

from .cli import COMMANDS

ENTRIES = (
    "_module/call.py",
    "_host/tool/process.py",
    *(f"_host/tool/{name.replace('-', '_')}.py" for name in COMMANDS),
    "_host/tool/cli.py",
)
"""The modules that are run by name, relative to C(module_utils)."""
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
# A syntax tree would take ten times as long. What only looks like an import names no file.
_IMPORT = re.compile(r"^ *from (\.+)([\w.]*) import (\([^)]*\)|.*)$", re.M)
_NAME = re.compile(r"\w+")


class _Loader(Protocol):
    """How Python reads the collection's files, which are in an archive on hosts."""

    def get_data(self, path: str) -> bytes | None:
        """Return the content of a file."""


@cache
def sources() -> dict[str, str]:
    """Return the sources of C(ENTRIES) and of all modules that they import, by path."""
    found: dict[str, str] = {}
    seen = set(ENTRIES)
    waiting = list(ENTRIES)
    while waiting:
        path = waiting.pop()
        text = _read(path)
        if text is None:
            continue
        found[path] = text
        imported = set(_imports(path, text)) - seen
        seen |= imported
        waiting += imported
    return dict(sorted(found.items()))


@cache
def digest() -> str:
    """Return the digest of C(sources)."""
    whole = hashlib.sha256()
    for path, text in sources().items():
        content = text.encode()
        whole.update(f"{path} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def _read(path: str) -> str | None:
    try:
        content = cast(_Loader, __spec__.loader).get_data(os.path.join(_ROOT, path))
    except OSError:
        return None
    return None if content is None else content.decode()


def _imports(path: str, text: str) -> Iterator[str]:
    """Yield the possible paths of what a module imports relatively, both modules and their members."""
    folders = path.split("/")[:-1]
    for dots, module, names in _IMPORT.findall(text):
        base = "/".join([*folders[: len(folders) - len(dots) + 1], *(module.split(".") if module else [])])
        if module:
            yield f"{base}.py"
        yield from (f"{base}/{name}.py" if base else f"{name}.py" for name in _NAME.findall(names))
