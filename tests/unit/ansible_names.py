# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that Ansible itself reads: where and how a task runs, and what templates are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from ansible import constants
from ansible.plugins import loader
from ansible.template import Templar
from ansible.vars.reserved import get_reserved_names

from ansible_collections.cloudrepo.slices.plugins.connection import console

PLUGINS: tuple[tuple[str, Any, str], ...] = (
    ("connection", loader.connection_loader, "ssh"),
    ("connection", loader.connection_loader, "local"),
    ("become", loader.become_loader, "sudo"),
    ("become", loader.become_loader, "su"),
    ("shell", loader.shell_loader, "sh"),
)


def connection_variables() -> dict[str, Any]:
    """Return the variables that determine how and as which user a host is reached, each with a valid value."""
    names = {name for names in constants.MAGIC_VARIABLE_MAPPING.values() for name in names}
    return {**dict.fromkeys(names, "1"), **dict(_options())}


def template_names() -> set[str]:
    """Return the names with a special meaning in every template, and the keywords of plays and tasks."""
    return {*Templar().environment.globals, *get_reserved_names()}


def _options() -> Iterator[tuple[str, Any]]:
    definitions: list[dict[str, Any]] = [
        constants.config.get_configuration_definitions(),
        yaml.safe_load(console.DOCUMENTATION)["options"],
    ]
    for kind, plugins, name in PLUGINS:
        found = plugins.get(name, class_only=True)
        definitions.append(constants.config.get_configuration_definitions(kind, found._load_name))
    for each in definitions:
        for option in each.values():
            sample = "/nowhere" if option.get("type") in ("list", "path", "pathspec", "tmp", "tmppath") else "1"
            value = next(iter(option.get("choices") or ()), sample)
            # Some are an expression of variables.
            yield from ((said["name"], value) for said in option.get("vars", ()) if re.fullmatch(r"\w+", said["name"]))
