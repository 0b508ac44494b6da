# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords in database URLs are masked in messages, logs and results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

# Like SQLAlchemy: everything up to the first @ is the password.
PASSWORD = re.compile(r"^(?P<scheme>[A-Za-z0-9+.-]+://)(?P<user>[^:/]*):(?P<password>[^@]*)@")
PARAMETER = re.compile(r"[?&](?:ssl)?password=([^&#]*)", re.IGNORECASE)
STARS = "***"


def is_url(database: str) -> bool:
    """Return whether the option C(database) is a URL; otherwise it is the path of a file."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", database) is not None


def secrets(url: str) -> list[str]:
    """Return the passwords in a URL, both percent-encoded and decoded."""
    match = PASSWORD.match(url)
    found = [match.group("password")] if match else []
    found.extend(PARAMETER.findall(url))
    return list(dict.fromkeys(word for each in found for word in (each, unquote(each)) if word))


def masked(url: str) -> str:
    """Return the URL with masked passwords."""
    shown = PASSWORD.sub(rf"\g<scheme>\g<user>:{STARS}@", url)
    return PARAMETER.sub(lambda match: match.group(0)[: match.start(1) - match.start(0)] + STARS, shown)


def log_secrets(url: str) -> list[str]:
    """Return the values that Ansible has to censor in results: the passwords with the delimiters around them.

    With the bare password C(admin), for example, Ansible would censor each C(admin) in the result.
    """
    match = PASSWORD.match(url)
    found = [f":{match.group('password')}@"] if match and match.group("password") else []
    return [*found, *(match.group(0)[1:] for match in PARAMETER.finditer(url) if match.group(1))]


def without(message: str, words: Iterable[str]) -> str:
    """Return a message of another library with masked passwords."""
    for word in words:
        message = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", STARS, message)
    return message
