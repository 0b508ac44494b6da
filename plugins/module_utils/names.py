# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Types for arguments that are names or numbers.

YAML parses some unquoted names as other types, which Ansible's C(str) converts to other strings: C(no) to C(False),
C(007) to C(7) and C(12:30) to C(750). Its C(float) converts booleans to C(1.0) and C(0.0).
"""

from __future__ import annotations

from typing import Any

ADVICE = "quote names that YAML reads as something else, such as no, on, 007, 0x10, 12:30 or 1e3"


class _Name(str):
    """A type for argument specs. It equals C(str), as documented, and Ansible calls it to validate a value."""

    __slots__ = ()
    __name__ = "a name"

    def __call__(self, value: Any) -> str:
        """Return the value.

        Raises:
            TypeError: the value is not a string.
        """
        if not self.takes(value):
            raise TypeError(f"got {value!r}; {ADVICE}")
        return str(value)

    def takes(self, value: Any) -> bool:
        """Return whether a value is accepted."""
        return isinstance(value, str)


class _NameOrId(_Name):
    __slots__ = ()
    __name__ = "a name or an id"

    def takes(self, value: Any) -> bool:
        return super().takes(value) or (isinstance(value, int) and not isinstance(value, bool))


class _Number(str):
    """A type for argument specs, which equals C(float)."""

    __slots__ = ()
    __name__ = "a number"

    def __call__(self, value: Any) -> float:
        """Return the value as a number.

        Raises:
            TypeError, ValueError: the value is a boolean, or neither a number nor the text of one.
        """
        if isinstance(value, bool):
            raise TypeError(f"got {value!r}")
        return float(value)


NAME = _Name("str")
NAME_OR_ID = _NameOrId("str")
NUMBER = _Number("float")
