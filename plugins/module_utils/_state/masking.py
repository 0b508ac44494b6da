# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords in URLs: nobody is to read them in a message, a log or a result."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

# What SQLAlchemy takes for one, which is liberal: everything up to the first @.
PASSWORD = re.compile(r"^(?P<scheme>[A-Za-z0-9+.-]+://)(?P<user>[^:/]*):(?P<password>[^@]*)@")
PARAMETER = re.compile(r"[?&](?:ssl)?password=([^&#]*)", re.IGNORECASE)
STARS = "***"


def is_url(database: str) -> bool:
    """Return whether the database is told by URL, and not by a file's path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", database) is not None


def secrets(url: str) -> list[str]:
    """Return the passwords that a URL holds, as they stand there and as they are meant."""
    match = PASSWORD.match(url)
    found = [match.group("password")] if match else []
    found.extend(PARAMETER.findall(url))
    return list(dict.fromkeys(word for each in found for word in (each, unquote(each)) if word))


def masked(url: str) -> str:
    """Return the URL with stars for its passwords."""
    shown = PASSWORD.sub(rf"\g<scheme>\g<user>:{STARS}@", url)
    return PARAMETER.sub(lambda match: match.group(0)[: match.start(1) - match.start(0)] + STARS, shown)


def log_secrets(url: str) -> list[str]:
    """Return what Ansible is to censor in results: the passwords with what stands around them in the URL.

    The password alone would take equal words away everywhere, and who has "admin" for a password would see nothing.
    """
    match = PASSWORD.match(url)
    found = [f":{match.group('password')}@"] if match and match.group("password") else []
    return [*found, *(match.group(0)[1:] for match in PARAMETER.finditer(url) if match.group(1))]


def without(message: str, words: Iterable[str]) -> str:
    """Return a message of somebody else's with stars for the passwords in it."""
    for word in words:
        message = re.sub(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", STARS, message)
    return message
