# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords in URLs are found in any notation and masked."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import url_secrets


@pytest.mark.parametrize(
    ("database", "is_url"),
    [
        ("/var/lib/d.yaml", False),
        ("~/d.yaml", False),
        ("C:/d.yaml", False),
        ("d://", True),
        ("sqlite:////a/b", True),
        ("postgresql+psycopg://h/d", True),
        ("9p://h", False),
        ("./a://b", False),
    ],
)
def test_a_url_has_a_scheme(database: str, is_url: bool) -> None:
    assert url_secrets.is_url(database) is is_url


@pytest.mark.parametrize(
    ("url", "secrets", "masked", "logged"),
    [
        (
            "postgresql://bob:p%40ss@host/db?sslpassword=key&x=1",
            ["p%40ss", "p@ss", "key"],
            "postgresql://bob:***@host/db?sslpassword=***&x=1",
            [":p%40ss@", "sslpassword=key"],
        ),
        # Everything before the first @ is the password.
        ("postgresql://bob:a/b?c@host/db", ["a/b?c"], "postgresql://bob:***@host/db", [":a/b?c@"]),
        ("postgresql://:x@host/db", ["x"], "postgresql://:***@host/db", [":x@"]),
        ("postgresql://bob:a:b@host/db", ["a:b"], "postgresql://bob:***@host/db", [":a:b@"]),
        (
            "postgresql:///d?password=one&host=/run&PASSWORD=two%20words",
            ["one", "two%20words", "two words"],
            "postgresql:///d?password=***&host=/run&PASSWORD=***",
            ["password=one", "PASSWORD=two%20words"],
        ),
        ("postgresql://u@/d?password=one#end", ["one"], "postgresql://u@/d?password=***#end", ["password=one"]),
        ("postgresql://u:same@/d?password=same", ["same"], "postgresql://u:***@/d?password=***", None),
        ("postgresql://u:@h/d?password=", [], "postgresql://u:***@h/d?password=***", []),
        ("sqlite:////a/b", [], "sqlite:////a/b", []),
        ("postgresql:///d?host=/run&passwordfile=x", [], "postgresql:///d?host=/run&passwordfile=x", []),
        ("postgresql://u@h:5432/d", [], "postgresql://u@h:5432/d", []),
        ("/var/lib/d.yaml", [], "/var/lib/d.yaml", []),
    ],
)
def test_passwords_in_a_url(url: str, secrets: list[str], masked: str, logged: list[str] | None) -> None:
    assert (url_secrets.secrets(url), url_secrets.masked(url)) == (secrets, masked)
    assert url_secrets.log_secrets(url) == ([":same@", "password=same"] if logged is None else logged)
    assert url_secrets.masked(masked) == masked


def test_common_words_are_not_censored() -> None:
    for word in url_secrets.log_secrets("postgresql://admin:admin@h/d?password=admin"):
        assert word != "admin"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("role bob, p@ss wrong; passport", "role bob, *** wrong; passport"),
        ("pass", "***"),
        ("a pass; a pass.", "a ***; a ***."),
        ("password compass 9pass pass9", "password compass 9pass pass9"),
        ("_pass_", "_***_"),
    ],
)
def test_messages_of_libraries_are_masked_by_word(message: str, shown: str) -> None:
    assert url_secrets.without(message, ["p@ss", "pass"]) == shown


def test_patterns_are_matched_literally() -> None:
    assert url_secrets.without("a.b axb", ["a.b"]) == "*** axb"
