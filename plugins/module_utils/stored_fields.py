# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads stored data field by field. Errors contain the path of the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar, cast

from .identity import PATTERN

_T = TypeVar("_T")


class FieldError(ValueError):
    """A stored field that does not fit the data model.

    Attributes:
        path: keys and indexes of the field, outermost first.
        reason: the reason.
    """

    def __init__(self, path: tuple[str | int, ...], reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{'.'.join(str(step) for step in path) or 'the document'}: {reason}")


class Record:
    """A stored mapping. Known fields are read with their types, the rest is kept as C(extra)."""

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            raise FieldError((), f"must be a mapping, got {_kind(data)}")
        self._rest = dict(data)

    def __contains__(self, key: str) -> bool:
        return key in self._rest

    def take(self, key: str, *kinds: type[Any] | None) -> Any:
        """Return field C(key), which must be of one of C(kinds) (C(None) allows null).

        Raises:
            FieldError: it is missing or of another type.
        """
        if key not in self._rest:
            raise FieldError((), f"field {key} is missing")
        value = self._rest.pop(key)
        fits = (
            None in kinds
            if value is None
            else isinstance(value, tuple(kind for kind in kinds if kind is not None))
            and (not isinstance(value, bool) or bool in kinds)
        )
        if not fits:
            names = " or ".join("null" if kind is None else kind.__name__ for kind in kinds)
            raise FieldError((key,), f"must be {names}, got {_kind(value)}")
        return value

    def take_default(self, key: str, default: _T, *kinds: type[Any] | None) -> _T:
        """Like C(take), but return C(default) if the field is missing."""
        return cast(_T, self.take(key, *kinds)) if key in self._rest else default

    def check(self, key: str, read: Callable[[Any], Any]) -> None:
        """Check field C(key) with C(read) if it is present. It remains in C(extra)."""
        if key in self._rest:
            at((key,), read, self._rest[key])

    def take_list(self, key: str, read: Callable[[Any], _T]) -> list[_T]:
        """Return the list C(key), with C(read) applied to each item."""
        return [at((key, index), read, item) for index, item in enumerate(self.take(key, list))]

    def extra(self) -> dict[str, Any]:
        """Return the remaining fields."""
        return self._rest


def at(path: tuple[str | int, ...], read: Callable[[Any], _T], value: Any) -> _T:
    """Return C(read(value)).

    Raises:
        FieldError: that of C(read), with C(path) prepended to its path.
    """
    try:
        return read(value)
    except FieldError as error:
        raise FieldError((*path, *error.path), error.reason) from None


def integer(value: Any) -> int:
    """Return C(value), which must be an integer and not a boolean."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError((), f"must be int, got {_kind(value)}")
    return value


def text(value: Any) -> str:
    """Return C(value), which must be a string."""
    if not isinstance(value, str):
        raise FieldError((), f"must be str, got {_kind(value)}")
    return value


def uuid_text(value: Any) -> str:
    """Return C(value), which must be a UUID in lower case."""
    if re.fullmatch(PATTERN, text(value)) is None:
        raise FieldError((), f"must be a UUID, got {_kind(value)}")
    return str(value)


def boolean(value: Any) -> bool:
    """Return C(value), which must be a boolean."""
    if not isinstance(value, bool):
        raise FieldError((), f"must be bool, got {_kind(value)}")
    return value


def one_of(words: Collection[str]) -> Callable[[Any], None]:
    """Return a check for a string that is one of C(words)."""

    def check(value: Any) -> None:
        if text(value) not in words:
            raise FieldError((), f"must be one of {', '.join(words)}, got {_kind(value)}")

    return check


def list_of(read: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Return a check for a list, each item of which must pass C(read)."""

    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise FieldError((), f"must be list, got {_kind(value)}")
        for index, item in enumerate(value):
            at((index,), read, item)

    return check


def fields(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Callable[[Any], None]:
    """Return a check for a mapping with required and optional fields."""

    def check(value: Any) -> None:
        record = Record(value)
        for key, read in required.items():
            at((key,), read, record.take(key, object))
        for key, read in (optional or {}).items():
            record.check(key, read)

    return check


def number(value: Any) -> None:
    """Check that C(value) is a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError((), f"must be int or float, got {_kind(value)}")


def _kind(value: Any) -> str:
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
