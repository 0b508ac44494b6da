# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The allowed values of settings.

Settings are written to units, configuration files of QEMU and dnsmasq, packet rules and command lines, without quoting.
Therefore a value with special characters is refused, no matter who set it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from . import identity
from .errors import Refusal


@dataclass(frozen=True)
class Grammar:
    """The syntax of a value.

    Attributes:
        rule: the rule for messages, after "must be".
        allows: whether a value is valid.
    """

    rule: str
    allows: Callable[[Any], bool]


Grammars = Mapping[str, Union[Grammar, Mapping[str, Grammar]]]
"""By option; for a list of dictionaries, the grammars of its suboptions."""


def text(pattern: str, rule: str, *, longest: int | None = None) -> Grammar:
    """Return the grammar of strings that fully match a pattern."""
    expression = re.compile(pattern)
    within = longest if longest is not None else float("inf")
    return Grammar(
        rule,
        lambda value: isinstance(value, str) and len(value) <= within and expression.fullmatch(value) is not None,
    )


def integer(least: int, most: int) -> Grammar:
    """Return the grammar of integers, also as strings of digits."""
    return Grammar(f"an integer, {least}-{most}", lambda value: _is_integer(value) and least <= int(value) <= most)


def one_of(*choices: str) -> Grammar:
    """Return the grammar of a choice."""
    return Grammar(f"one of {', '.join(choices)}", lambda value: isinstance(value, str) and value in choices)


def flag() -> Grammar:
    """Return the grammar of booleans, in the words that Ansible accepts for them."""
    words = ("true", "false", "yes", "no", "on", "off", "1", "0")
    return Grammar("true or false", lambda value: isinstance(value, (bool, int, str)) and str(value).lower() in words)


def many(of: Grammar) -> Grammar:
    """Return the grammar of lists."""
    return Grammar(
        f"a list, each entry {of.rule}", lambda value: isinstance(value, (list, tuple)) and all(map(of.allows, value))
    )


def listed(of: Grammar) -> Grammar:
    """Return the grammar of lists that may also be text with commas, as Ansible splits it."""
    entries = many(of)
    return Grammar(
        f"{entries.rule}, or these separated by commas",
        lambda value: entries.allows(value.split(",") if isinstance(value, str) else value),
    )


def optional(of: Grammar) -> Grammar:
    """Return the grammar of a value that may also be empty."""
    return Grammar(f"empty or {of.rule}", lambda value: value == "" or of.allows(value))


def malformed(values: Mapping[str, Any], grammars: Grammars, where: str = "settings") -> Iterator[Refusal]:
    """Yield a refusal for each value that is set and does not match its grammar."""
    for name, value in values.items():
        grammar = grammars.get(name)
        if value is None or grammar is None:
            continue
        if isinstance(grammar, Grammar):
            if not grammar.allows(value):
                yield Refusal("field_not_allowed", where, {"field": name, "allowed": grammar.rule, "got": value})
        else:
            for number, entry in enumerate(value):
                yield from malformed(entry, grammar, f"{where}, {name}[{number}]")


def is_ipv4_address(value: Any) -> bool:
    """Return whether a string is an IPv4 address."""
    return _reads(ipaddress.IPv4Address, value)


def is_ipv6_address(value: Any) -> bool:
    """Return whether a string is an IPv6 address. A zone, which is any text after a percent sign, is not allowed."""
    return "%" not in str(value) and _reads(ipaddress.IPv6Address, value)


def is_ipv4_network(value: Any) -> bool:
    """Return whether a string is an IPv4 network, without host bits."""
    return _reads(ipaddress.IPv4Network, value)


def _is_address(value: Any) -> bool:
    return is_ipv4_address(value) or is_ipv6_address(value)


def _reads(kind: Callable[[str], object], value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        kind(value)
    except ValueError:
        return False
    return True


def _is_integer(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value) is not None
    )


PATH_PATTERN = r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._+-]+)+"
PATH = text(
    PATH_PATTERN,
    "an absolute path of letters, digits and . _ + -, without . and .. as components, of 128 characters at most",
    longest=128,
)
FILE = text(
    PATH_PATTERN.replace("+-]", "+@-]"),
    "an absolute path of letters, digits and . _ + @ -, without . and .. as components, of 128 characters at most",
    longest=128,
)
MODE = text(r"0[0-7]{3}", "permissions as four octal digits, of which the first is 0")
UNIT_PATTERN = r"[a-z][a-z0-9-]{0,62}(@[a-z0-9-]{0,62})?\.(service|socket|timer)"
UNIT = text(
    UNIT_PATTERN,
    "the name of a service, socket or timer of systemd, lower-case letters, digits and - @",
)
UNITS = text(
    UNIT_PATTERN.replace("{0,62})?", r"{0,62}|@\*)?"),
    "the name of a service, socket or timer of systemd, lower-case letters, digits and - @, or * for all instances",
)
DEVICE = text(
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}",
    "the name of a network device, 1-15 letters, digits and . _ -, beginning with a letter, digit or _",
)
ACCOUNT = text(
    r"[a-z_][a-z0-9_-]{0,27}", "a user name of 1-28 lower-case letters, digits and _ -, beginning with a letter or _"
)
ADDRESS = Grammar("an IP address", _is_address)
PACKAGE = text(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package")
MARK = text(r"[a-z][a-z0-9_]{0,30}", "1-31 lower-case letters, digits and _, beginning with a letter")
INTERFACE = text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", "the name of an interface, 1-15 letters, digits and . _ -")
LABEL = text(
    r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    "a name of letters, digits and hyphens, 63 at most, beginning and ending with a letter or digit",
)
VM = text(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", "a VM by id, by name or as SLICE/NAME")
HOST_NAME = text(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", "a host name")
UUID = text(identity.PATTERN, "a UUID in lower case")
MACHINE_MARK = text(identity.MARK_PATTERN, "64 hexadecimal digits in lower case")
CONTROL_CHARACTERS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""For a set of characters: control characters, other line ends, those that change the direction of the text after them,
with which a title could show a table's other columns in its place, and halves of a character."""
TITLE_PATTERN = rf"[^{CONTROL_CHARACTERS}]{{1,64}}"
TITLE = text(TITLE_PATTERN, "1-64 printable characters")
