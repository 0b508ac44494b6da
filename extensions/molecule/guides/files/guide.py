# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Prints a page of the documentation as a shell script, which does what a reader does: guide.py PAGE SETTINGS.json

- A block of YAML that begins with a comment such as `# web.yml` is written to that file.
- Commands are all lines of blocks of `sh`, and those after a prompt in blocks of `console`.

SETTINGS is a mapping with C(not_run), commands with the reason why they are not run; C(refused), commands that have to
fail, with a part of their message; and C(replaced), texts with what they are replaced with before anything else.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"# ([\w./-]+\.ya?ml)(?:[: ].*)?\n")
PROMPT = "$ "
START = """set -euo pipefail
start=$PWD
say() { printf '\\n$ %s\\n' "$1"; }
refused() {
  said=$("${@:2}" 2>&1) && { printf '%s\\nThis has not been refused.\\n' "$said"; return 1; }
  printf '%s\\n' "$said"
  [[ "$(tr -s '[:space:]' ' ' <<<"$said")" == *"$1"* ]] || { printf 'The message must contain: %s\\n' "$1"; return 1; }
}
"""


@dataclass(frozen=True)
class Step:
    """What a reader does: enter a command, or write a text to a file.

    Attributes:
        text: the command on one line, or the content of the file.
        path: the file; C(None) for a command.
    """

    text: str
    path: str | None = None


def blocks(text: str, *kinds: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the content of each code block of these kinds."""
    yield from (found for found in BLOCK.findall(text) if found[0] in kinds)


def steps(text: str) -> Iterator[Step]:
    """Yield the steps of a page, in their order."""
    for kind, content in blocks(text, "sh", "console", "yaml"):
        if kind == "yaml":
            named = NAMED.match(content)
            if named:
                yield Step(content, named[1])
            continue
        for line in content.replace("\\\n", " ").splitlines():
            if kind == "sh" or line.startswith(PROMPT):
                command = " ".join(line.removeprefix(PROMPT).split())
                if command and not command.startswith("#"):
                    yield Step(command)


def script(text: str, settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the script of a page."""
    lines = [START]
    for step in steps(text):
        if step.path is None and step.text in settings["not_run"]:
            continue
        content = step.text
        for old, new in settings["replaced"].items():
            content = content.replace(old, new)
        if step.path is not None:
            # Not in a folder of the checkout, to which a page has changed.
            path = f'"$start"/{shlex.quote(step.path)}'
            lines.append(f'mkdir -p "$(dirname {path})"\nprintf %s {shlex.quote(content)} >{path}')
        elif step.text in settings["refused"]:
            lines.append(f"say {shlex.quote(content)}\nrefused {shlex.quote(settings['refused'][step.text])} {content}")
        else:
            lines.append(f"say {shlex.quote(content)}\n{content}")
    return "\n".join(lines) + "\n"


def main(page: str, settings: str) -> None:
    text = Path(page).read_text(encoding="utf-8")
    print(script(text, json.loads(Path(settings).read_text(encoding="utf-8"))), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
