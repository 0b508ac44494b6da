# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One family of exceptions, each with a message for a person and fields for a program."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    CommandFailed,
    DatabaseError,
    Refused,
    SlicesError,
    for_all,
)


def test_all_are_of_one_family_and_carry_fields() -> None:
    refused = Refused(iter(["first", "second"]), slice_id=1000)
    assert (refused.reasons, refused.message) == (["first", "second"], "first; second")
    assert refused.fields == {"reasons": ["first", "second"], "slice_id": 1000}
    assert DatabaseError("broken", line=3).fields == {"line": 3}
    assert all(issubclass(kind, SlicesError) for kind in (Refused, DatabaseError, CommandFailed))
    assert not issubclass(SlicesError, (OSError, ValueError))


@pytest.mark.parametrize(
    ("stdout", "stderr", "why"),
    [
        ("", "", "no output"),
        (" \n", "\n", "no output"),
        ("said\n", "", "said"),
        ("said\n", "wrong\n", "wrong"),
        ("said\n", "warning\nwrong\n", "wrong"),
        ("first\nlast\n", " \n", "last"),
    ],
)
def test_a_command_that_failed_is_told_by_the_last_line_of_what_it_said(stdout: str, stderr: str, why: str) -> None:
    failed = CommandFailed(cmd=("ip", "link"), rc=2, stdout=stdout, stderr=stderr)
    assert (failed.message.startswith("ip "), failed.message.endswith(f": {why}"), "2" in failed.message) == (True,) * 3
    assert failed.fields == {"cmd": ["ip", "link"], "rc": 2, "stdout": stdout, "stderr": stderr}


def even(number: int) -> int:
    if number % 2:
        raise Refused([f"{number} is odd", "odd numbers are not wanted"])
    return number * 10


def test_for_all_returns_what_was_made_of_each() -> None:
    assert for_all([], even) == []
    assert for_all([2, 4], even) == [20, 40]


def test_for_all_tells_every_reason_once_and_those_given_first() -> None:
    tried: list[int] = []

    def act(number: int) -> int:
        tried.append(number)
        return even(number)

    with pytest.raises(Refused) as caught:
        for_all([1, 2, 3], act, ["known before"])
    assert caught.value.reasons == ["known before", "1 is odd", "odd numbers are not wanted", "3 is odd"]
    assert tried == [1, 2, 3]


def test_for_all_refuses_for_what_was_known_before() -> None:
    with pytest.raises(Refused) as caught:
        for_all([2], even, iter(["known before"]))
    assert caught.value.reasons == ["known before"]


def test_for_all_lets_other_errors_pass() -> None:
    def fail(_number: int) -> int:
        raise DatabaseError("broken")

    with pytest.raises(DatabaseError):
        for_all([1], fail)
