# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stored fields are read by type, and errors contain the path of the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.stored_fields import (
    FieldError,
    Record,
    at,
    boolean,
    fields,
    integer,
    list_of,
    number,
    one_of,
    text,
    uuid_text,
)


def path_of(read: Callable[[], object]) -> tuple[str | int, ...]:
    with pytest.raises(FieldError) as caught:
        read()
    return caught.value.path


@pytest.mark.parametrize(
    ("kinds", "fitting", "others"),
    [
        ((int,), [0, -1, 2**70], [True, 1.0, "1", None, []]),
        ((float,), [1.0], [1, True, "1", None]),
        ((int, float), [1, 1.5], [False, None]),
        ((bool,), [True, False], [0, 1, None, "true"]),
        ((str,), ["", "x"], [1, None, b"x"]),
        ((str, None), ["", None], [1, False]),
        ((list,), [[], [1]], [(), {}, None]),
        ((object,), [1, "x", [], {}], [True, None]),
    ],
)
def test_a_field_is_of_one_of_its_types(kinds: tuple[Any, ...], fitting: list[Any], others: list[Any]) -> None:
    for value in fitting:
        assert Record({"a": value}).take("a", *kinds) is value
    for value in others:
        assert path_of(lambda value=value: Record({"a": value}).take("a", *kinds)) == ("a",)


def test_a_field_that_is_missing_is_an_error_unless_it_has_a_default() -> None:
    with pytest.raises(FieldError, match="a is missing"):
        Record({"b": 1}).take("a", int)
    assert Record({}).take_default("a", 7, int) == 7
    assert Record({"a": 8}).take_default("a", 7, int) == 8
    assert Record({"a": None}).take_default("a", 7, int, None) is None  # type: ignore[arg-type] # null is no absence
    assert path_of(lambda: Record({"a": "x"}).take_default("a", 7, int)) == ("a",)


def test_unknown_fields_are_extra_and_the_data_are_not_changed() -> None:
    data = {"a": 1, "b": 2, "c": 3}
    record = Record(data)
    assert ("a" in record, "d" in record) == (True, False)
    record.take("a", int)
    assert "a" not in record, "it was taken"
    record.check("b", integer)
    assert record.extra() == {"b": 2, "c": 3}
    assert data == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(FieldError):
        record.take("a", int)


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_a_record_is_a_mapping(data: Any) -> None:
    assert path_of(lambda: Record(data)) == ()


def test_the_path_starts_at_the_outermost_field() -> None:
    def vm(data: Any) -> Any:
        return Record(data).take_list("nics", integer)

    def read(data: Any) -> Any:
        return Record(data).take_list("vms", vm)

    assert read({"vms": [{"nics": [1, 2]}, {"nics": []}]}) == [[1, 2], []]
    with pytest.raises(FieldError, match=r"^vms\.1\.nics\.2: ") as caught:
        read({"vms": [{"nics": [1, 2]}, {"nics": [1, 2, "x"]}]})
    assert caught.value.path == ("vms", 1, "nics", 2)
    assert path_of(lambda: at(("outer", 3), integer, None)) == ("outer", 3)
    assert str(FieldError((), "no")) == "the document: no"


@pytest.mark.parametrize(
    ("read", "fitting", "others"),
    [
        (integer, [0, -5], [True, 1.0, "1", None]),
        (text, ["", "x"], [1, None]),
        (boolean, [True, False], [0, "yes", None]),
        (number, [0, 1.5, -2], [True, "1", None]),
        (one_of(("a", "b")), ["a", "b"], ["c", "", None, ["a"]]),
        (list_of(integer), [[], [1, 2]], [None, (1,), [1, "x"], [None]]),
        (fields({"a": integer}, {"b": text}), [{"a": 1}, {"a": 1, "b": "x"}, {"a": 1, "c": None}], [{}, {"b": "x"}]),
        (fields({"a": integer}, {"b": text}), [], [{"a": 1, "b": 1}, {"a": "x"}, {"a": 1, "b": None}, None]),
        (fields({}), [{}, {"a": None}], [None, []]),
    ],
)
def test_checks_of_values(read: Callable[[Any], Any], fitting: list[Any], others: list[Any]) -> None:
    for value in fitting:
        read(value)
    for value in others:
        with pytest.raises(FieldError):
            read(value)


def test_checks_return_plain_values_and_report_the_path_of_errors() -> None:
    assert (integer(5), text("x"), boolean(False)) == (5, "x", False)
    assert path_of(lambda: list_of(list_of(integer))([[1], [2, "x"]])) == (1, 1)
    assert path_of(lambda: fields({"a": list_of(text)})({"a": ["x", 5]})) == ("a", 1)
    assert path_of(lambda: fields({}, {"b": integer})({"b": "x"})) == ("b",)


def test_a_long_value_is_truncated_in_a_message() -> None:
    with pytest.raises(FieldError) as caught:
        integer("x" * 1000)
    assert "x" * 40 in caught.value.reason
    assert "x" * 41 not in caught.value.reason


def test_a_uuid_is_written_in_lower_case() -> None:
    assert uuid_text("7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11") == "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11"
    for value in ("7F1C7F0E-3A52-4C8E-9D1A-5B0F6E2C4D11", "7f1c7f0e", "7f1c7f0e-3a52-4c8e-9d1a-5b0f6e2c4d11\n", "", 1):
        assert path_of(lambda value=value: uuid_text(value)) == ()
