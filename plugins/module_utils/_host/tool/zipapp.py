# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the zipapp C(slices-host) from the subcommands and the collection's modules that they import.

The build is reproducible for a version of Python: files are not compressed and have a constant date. The archive also
contains bytecode, because compiling would take a third of a subcommand's start; other versions of Python use the
source.
"""

from __future__ import annotations

import ast
import io
import marshal
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import MAGIC_NUMBER, find_spec, source_hash
from typing import Protocol, cast

# These imports make Ansible send the modules to the host, where their sources are read.
from . import (
    check_fence,
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
    process,
    restore_flows,
    restore_taps,
    trim_logs,
)

_SUBCOMMANDS = (
    check_fence,
    drop_carrier,
    empty_trash,
    guard_dhcp,
    keep_rules,
    list_lost,
    load_nat,
    make_network,
    note_gateway,
    place_port,
    restore_flows,
    restore_taps,
    trim_logs,
)
_ROOT = cli.__name__.rsplit("._host.", 1)[0]
_PACKAGE = "slices"
_OLDEST = (1980, 1, 1, 0, 0, 0)
# Isolated from the environment and from site-packages, which also makes the start faster.
_SHEBANG = b"#!/usr/bin/python3 -IS\n"
_UNCHECKED_HASH = (1).to_bytes(4, "little")
_MAIN = f"import sys\n\nfrom {_PACKAGE}._host.tool.cli import main\n\nsys.exit(main(sys.argv[1:]))\n"


class _Loader(Protocol):
    def get_source(self, name: str) -> str | None:
        """Return the source of a module."""


def build() -> bytes:
    """Return the content of the zipapp."""
    out = io.BytesIO()
    out.write(_SHEBANG)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, text in sorted(sources().items()):
            _add(archive, path, text.encode())
            _add(archive, f"{path}c", _bytecode(path, text))
    return out.getvalue()


def _add(archive: zipfile.ZipFile, path: str, content: bytes) -> None:
    info = zipfile.ZipInfo(path, _OLDEST)
    info.create_system = 3
    archive.writestr(info, content)


def _bytecode(path: str, text: str) -> bytes:
    """Return a hash-based C(.pyc) of a source (PEP 552)."""
    code = compile(text, path, "exec", dont_inherit=True)
    # From version 3 on, the output of marshal depends on reference counts.
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(text.encode()) + marshal.dumps(code, 2)


def sources() -> dict[str, str]:
    """Return the sources in the archive by path."""
    found: dict[str, str] = {}
    waiting = [module.__name__ for module in (cli, process, *_SUBCOMMANDS)]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if path is None or path in found:
            continue
        found[path] = _source(name)
        waiting += [*_imports(found[path], name), *_parents(name)]
    return {f"{_PACKAGE}/__init__.py": "", **found, "__main__.py": _MAIN}


def _path(name: str) -> str | None:
    """Return the path of a module in the archive; C(None) if the name is not that of a module of the collection."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    if spec is None or not name.startswith(f"{_ROOT}."):
        return None
    inside = name[len(_ROOT) + 1 :].replace(".", "/")
    return (
        f"{_PACKAGE}/{inside}/__init__.py" if spec.submodule_search_locations is not None else f"{_PACKAGE}/{inside}.py"
    )


def _source(name: str) -> str:
    spec = find_spec(name)
    text = cast(_Loader, spec.loader).get_source(name) if spec is not None else None
    if text is None:
        raise ImportError(f"{name} has no source")
    return text


def _parents(name: str) -> Iterator[str]:
    parts = name[len(_ROOT) + 1 :].split(".")
    return (".".join([_ROOT, *parts[:end]]) for end in range(1, len(parts)))


def _imports(text: str, name: str) -> Iterable[str]:
    """Yield the names that a module imports relatively, both of modules and of their members."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*name.split(".")[: -node.level], *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
