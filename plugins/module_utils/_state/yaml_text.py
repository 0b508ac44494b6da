# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster as YAML text, the content of the database's file and of backups."""

from __future__ import annotations

import json
from typing import Any

from ..cluster import Cluster
from ..errors import DatabaseRefused, Refusal
from ..stored_fields import FieldError

try:
    import yaml

    LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    HAS_YAML = True
except ImportError:  # the import test of ansible-test runs without PyYAML
    HAS_YAML = False


def need_yaml() -> None:
    """Raise C(DatabaseRefused) if PyYAML is missing."""
    if not HAS_YAML:
        figures = {"library": "PyYAML", "package": "python3-yaml"}
        raise DatabaseRefused([Refusal("library_missing", "the database", figures)])


def read(text: str, *, name: str, parsed: Any = None) -> Cluster:
    """Return the cluster that a text contains.

    Args:
        text: a whole document.
        name: its name for messages.
        parsed: what it contains, if that is known already.

    Raises:
        DatabaseRefused: the text is not valid YAML or does not fit the model; the message contains the line.
    """
    try:
        return Cluster.from_dict(yaml.load(text, Loader=LOADER) if parsed is None else parsed)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error)
        raise DatabaseRefused([Refusal("database_invalid", f"{name}{line}", {"why": reason})]) from error
    except FieldError as error:
        where = f"{name}, line {_line(text, error.path)}"
        raise DatabaseRefused([Refusal("database_invalid", where, {"why": str(error)})]) from error


def write(data: dict[str, Any]) -> bytes:
    """Return a cluster's dictionary as a document."""
    text: str = yaml.dump(data, Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return text.encode()


def fingerprint(data: dict[str, Any]) -> str:
    """Return a text that differs if the dictionary differs; faster than a deep copy."""
    return json.dumps(data, default=repr)


def _line(text: str, path: tuple[str | int, ...]) -> int:
    """Return the line of the field at C(path), or of its innermost existing parent."""
    node = yaml.compose(text, Loader=LOADER)
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next((value for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = node.value[step]
        else:
            found = None
        if found is None:
            break
        node = found
    return int(node.start_mark.line) + 1 if node is not None else 1
