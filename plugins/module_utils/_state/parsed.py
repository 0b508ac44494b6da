# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The content of a YAML file as JSON, in a file next to it, because YAML takes about a hundred times as long to parse.

The file is only used while its digest is that of the YAML text and of its own content. Whoever edits, replaces or
restores the YAML file does not have to know about it: the YAML is parsed until the next change writes both.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any

from .files import read_whole, write_whole


class Parsed:
    """The content of a file as JSON.

    Args:
        path: the path of the YAML file.
    """

    def __init__(self, path: str) -> None:
        self.path = f"{path}.parsed"

    def read(self, text: bytes) -> Any:
        """Return what the YAML text C(text) contains, or C(None) if the text has to be parsed."""
        with suppress(OSError, ValueError):
            digest, content = read_whole(self.path).split(b"\n", 1)
            if digest == _digest(text, content):
                return json.loads(content)
        return None

    def write(self, text: bytes, data: dict[str, Any]) -> None:
        """Store C(data), which C(text) contains. Data that JSON would change, such as dates, is not stored.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            content = json.dumps(data).encode()
        except (TypeError, ValueError):
            return
        if json.loads(content) == data:
            write_whole(self.path, b"\n".join((_digest(text, content), content)))


def _digest(text: bytes, content: bytes) -> bytes:
    both = hashlib.sha256(hashlib.sha256(text).digest() + hashlib.sha256(content).digest())
    return both.hexdigest().encode()
