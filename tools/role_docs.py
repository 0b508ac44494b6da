# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Generates the variables in each role's README.md from meta/argument_specs.yml.

The part above the marker is written by hand. Run this script after changing argument specs; a unit test fails if a
README is outdated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MARKER = "<!-- The rest is written by tools/role_docs.py from meta/argument_specs.yml. -->"
# Ansible's markup for code: C(text), O(option), V(value), M(module), P(plugin#type), and O(plugin#type:option) for an
# option of another plugin.
MARKUP = re.compile(r"\b[COVMP]\(([^()#]+)(?:#\w+)?\)")
ELSEWHERE = re.compile(r"\bO\(([^()#]+)#\w+:([^()#]+)\)")


def write(role: str, readme: str) -> str:
    """Return the README of a role with the part that is generated from its argument specs.

    Raises:
        ValueError: the README has no marker.
    """
    above, marker, _below = readme.partition(MARKER)
    if not marker:
        raise ValueError(f"roles/{role}/README.md has no line {MARKER}")
    specs = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    lines = [line for name, entry in specs["argument_specs"].items() for line in _entry_point(name, entry)]
    return f"{above}{MARKER}\n" + "\n".join(lines) + "\n"


def _entry_point(name: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"## Entry point `{name}`", "", f"{entry['short_description']}.", "")
    yield from (f"- {_markdown(sentence)}" for sentence in _sentences(entry))
    options = entry.get("options")
    if options:
        yield from ("", "| variable | type | default | |", "|---|---|---|---|")
        yield from _rows(options)


def _rows(options: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, option in options.items():
        parts = option.get("options")
        kind = option["type"] if "elements" not in option else f"list of {option['elements']}"
        path = f"{above}{name}"
        yield f"| `{path}` | {kind} | {_default(option)} | {_markdown(' '.join(_sentences(option)))} |"
        if parts:
            yield from _rows(parts, f"{path}{'[]' if option['type'] == 'list' else ''}.")


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    return _cell(f"`{json.dumps(option['default'])}`") if "default" in option else ""


def _sentences(described: Mapping[str, Any]) -> list[str]:
    text = described["description"]
    return [text] if isinstance(text, str) else list(text)


def _markdown(text: str) -> str:
    text = ELSEWHERE.sub(r"`\2` of `\1`", " ".join(text.split()))
    return _cell(MARKUP.sub(r"`\1`", text))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    for path in sorted(ROOT.glob("roles/*/README.md")):
        path.write_text(write(path.parent.name, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
