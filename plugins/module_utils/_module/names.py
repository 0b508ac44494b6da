# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The types of arguments that are names.

YAML reads some names as something else, and Ansible's own C(str) then makes other texts of these: a VM C(no) would be
called C(False), and networks C(007) and C(12:30) C(7) and C(750).
"""

from __future__ import annotations

from typing import Any

ADVICE = "quote names that YAML reads as something else, such as no, on, 007, 0x10, 12:30 or 1e3"


class _Name(str):
    """A type for argument specs. It is C(str), as documentation says, and Ansible calls it to check a value."""

    __slots__ = ()
    __name__ = "a name"

    def __call__(self, value: Any) -> str:
        """Return the value.

        Raises:
            TypeError: it is no text.
        """
        if not self.takes(value):
            raise TypeError(f"got {value!r}; {ADVICE}")
        return str(value)

    def takes(self, value: Any) -> bool:
        """Return whether a value can be meant."""
        return isinstance(value, str)


class _NameOrId(_Name):
    __slots__ = ()
    __name__ = "a name or an id"

    def takes(self, value: Any) -> bool:
        return super().takes(value) or (isinstance(value, int) and not isinstance(value, bool))


NAME = _Name("str")
NAME_OR_ID = _NameOrId("str")
