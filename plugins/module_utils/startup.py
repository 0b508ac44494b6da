# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The start-up of a guest: files that are written and commands that are run over its serial console or ssh.

It may contain secrets. Refusals only contain what is wrong, and in which part.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from . import bounds
from .bounds import Form
from .errors import Refusal

DEFAULT_MODE = "0644"
DEFAULT_TIMEOUT_S = 600
_FIELDS = ("files", "commands", "timeout_s", "via")
_FILE = {"path": bounds.GUEST_PATH, "content": bounds.GUEST_TEXT, "mode": bounds.GUEST_MODE}
_OPTIONAL = ("mode",)


@dataclass(frozen=True)
class File:
    """A file in the guest; C(mode) has four octal digits."""

    path: str
    content: str
    mode: str = DEFAULT_MODE


@dataclass(frozen=True)
class Startup:
    """The files to write, and the commands to run after that, each in order."""

    files: tuple[File, ...] = ()
    commands: tuple[str, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Startup:
        """Return the start-up in a text without C(problems)."""
        data = json.loads(text) or {}
        files = ({name: value for name, value in each.items() if value is not None} for each in data.get("files") or ())
        return cls(tuple(File(**each) for each in files), tuple(data.get("commands") or ()))

    def text(self) -> str:
        """Return it as JSON, which is the same for equal ones."""
        return json.dumps({"files": [asdict(file) for file in self.files], "commands": self.commands}, sort_keys=True)

    @property
    def length(self) -> int:
        """The characters of all contents and commands."""
        return sum(len(file.content) for file in self.files) + sum(map(len, self.commands))


def timeout_s(text: str) -> int:
    """Return the time limit in a text without C(problems), in seconds."""
    given = (json.loads(text) or {}).get("timeout_s")
    return DEFAULT_TIMEOUT_S if given is None else int(given)


def via(text: str) -> str | None:
    """Return how the start-up in a text without C(problems) gets into the guest, C(None) for the way of its kind."""
    found: str | None = (json.loads(text) or {}).get("via")
    return found


def is_valid(text: str) -> bool:
    """Return whether a text is a start-up."""
    return next(problems("", text), None) is None


def problems(where: str, text: str) -> Iterator[Refusal]:
    """Yield refusals for a start-up as JSON: C({files: [{path, content, mode}], commands, timeout_s}).

    Args:
        where: the VM for messages.
        text: the JSON text.
    """
    twice: list[str] = []
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _mapping(pairs, twice))
    except (ValueError, RecursionError):
        data = text
    yield from (Refusal("startup_key_set_twice", f"{where} startup", {"key": key}) for key in twice)
    data = {} if data is None else data
    if not isinstance(data, Mapping):
        yield _malformed(where, "startup", "a dictionary")
        return
    wrong = [*_shape(where, data)]
    yield from wrong
    if not wrong:
        found = Startup.from_text(text)
        paths = [file.path for file in found.files]
        for number, path in enumerate(paths):
            if path in paths[:number]:
                yield _malformed(where, f"path of startup file {number + 1}", "a path that no file before it has")
        yield from bounds.STARTUP_FILES.problems(where, "number of startup files", len(found.files))
        yield from bounds.STARTUP_COMMANDS.problems(where, "number of startup commands", len(found.commands))
        yield from bounds.STARTUP_LENGTH.problems(where, "length of startup", found.length)
        yield from bounds.STARTUP_S.problems(where, "timeout_s of startup", timeout_s(text))


def _mapping(pairs: list[tuple[str, Any]], twice: list[str]) -> dict[str, Any]:
    """Return an object of JSON, and add its duplicate keys to C(twice)."""
    twice += [key for key, count in Counter(key for key, _value in pairs).items() if count > 1]
    return dict(pairs)


def _shape(where: str, data: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from (Refusal("field_unknown", f"{where} startup", {"field": key}) for key in data if key not in _FIELDS)
    for key in ("files", "commands"):
        if not isinstance(data.get(key) or [], list):
            yield _malformed(where, f"{key} of startup", "a list")
    for number, file in _numbered(data.get("files")):
        yield from _file(where, f"startup file {number}", file)
    for number, command in _numbered(data.get("commands")):
        yield from _text(where, f"startup command {number}", command, bounds.STARTUP_COMMAND)
    limit = data.get("timeout_s")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        yield _malformed(where, "timeout_s of startup", "a number of seconds")
    if data.get("via") is not None and data["via"] not in bounds.STARTUP_WAYS:
        yield _malformed(where, "via of startup", " or ".join(bounds.STARTUP_WAYS))


def _numbered(value: Any) -> list[tuple[int, Any]]:
    return list(enumerate(value, start=1)) if isinstance(value, list) else []


def _file(where: str, part: str, file: Any) -> Iterator[Refusal]:
    if not isinstance(file, Mapping):
        yield _malformed(where, part, "a dictionary")
        return
    yield from (Refusal("field_unknown", f"{where} {part}", {"field": key}) for key in file if key not in _FILE)
    for key, form in _FILE.items():
        if file.get(key) is not None:
            yield from _text(where, f"{key} of {part}", file[key], form)
        elif key not in _OPTIONAL:
            yield Refusal("field_missing", f"{where} {part}", {"field": key})


def _text(where: str, part: str, value: Any, form: Form) -> Iterator[Refusal]:
    if not isinstance(value, str) or not form.allows(value):
        yield _malformed(where, part, form.rule)


def _malformed(where: str, part: str, form: str) -> Refusal:
    return Refusal("startup_malformed", where, {"part": part, "form": form})
