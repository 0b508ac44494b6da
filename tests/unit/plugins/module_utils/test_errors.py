# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exceptions; refusals become sentences and results, and long ones are truncated."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils import next_steps
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import (
    CommandFailed,
    DatabaseError,
    Refusal,
    Refused,
    SlicesError,
    first_lines,
    first_names,
    for_all,
    named,
)

POOLS = Refusal("out_of_range", "slice web", {"option": "vlan_pools", "got": 0, "least": 1, "most": 100})
KNOWN = Refusal("no_workers", "VM web/a")


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (POOLS, "slice web: vlan_pools must be 1-100, got 0"),
        (
            Refusal("names_differ_in_case", "slice web", {"kind": "VM", "names": ["VM1", "vm1"]}),
            "slice web: VMs VM1, vm1 differ only in case; names are unique within a slice regardless of case",
        ),
        (Refusal("not_found", "slice {web}", {"known": []}), "slice {web} does not exist; existing: none"),
        (
            Refusal("name_pattern_without_number", "slice web", {"got": "vm"}),
            "slice web: name_pattern must contain {n}, the number of the VM, got 'vm'",
        ),
        (
            Refusal("out_of_range", "VM web/a eth1", {"option": "delay_ms", "got": 61000.0, "least": 0, "most": 60000}),
            "VM web/a eth1: delay_ms must be 0-60000, got 61000",
        ),
        (
            Refusal("rate_out_of_range", "VM web/a eth1", {"option": "tx_kbps", "got": 0, "least": 1, "most": 9}),
            "VM web/a eth1: tx_kbps must be 1-9, got 0; omit it for no limit",
        ),
    ],
)
def test_sentences_of_refusals(refusal: Refusal, message: str) -> None:
    assert refusal.message == message


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "none"),
        (1, "0"),
        (2, "0, 1"),
        (10, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (11, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1 more"),
        (1015, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,005 more"),
    ],
)
def test_the_first_ten_existing_names_are_listed(count: int, said: str) -> None:
    for known in (list(range(count)), tuple(range(count))):
        assert (
            Refusal("not_found", "slice web", {"known": known}).message == f"slice web does not exist; existing: {said}"
        )


def test_nested_refusals() -> None:
    figures = {"resource": "cores", "total": 8, "allocated": 8, "requested": 1}
    shortage = Refusal("resource_exhausted", "worker 10.0.10.1", figures)
    refusal = Refusal("no_room", "VM web/a", {"shortages": [shortage, Refusal("not_schedulable", "worker 10.0.10.2")]})
    assert refusal.message == (
        "VM web/a: no worker has room: worker 10.0.10.1: 8 cores total, 8 allocated, 1 requested; "
        "worker 10.0.10.2: schedulable is false"
    )
    assert refusal.to_dict()["figures"]["shortages"][0] == shortage.to_dict()


def test_fields_of_a_result() -> None:
    assert Refused([POOLS], extra=1).fields == {
        "refusals": [
            {
                "code": "out_of_range",
                "object": "slice web",
                "rule": "vlan_pools must be 1-100",
                "figures": {"option": "vlan_pools", "got": 0, "least": 1, "most": 100},
                "message": "slice web: vlan_pools must be 1-100, got 0",
            }
        ],
        "refusal_count": 1,
        "extra": 1,
    }


def test_long_texts_are_truncated() -> None:
    known = [f"vm{number}" for number in range(13_000)]
    figures = {"kind": "VM", "name": "x", "known": known}
    refused = Refused(Refusal("unknown_reference", f"link web/{number}", figures) for number in range(13_000))
    lines = refused.message.splitlines()
    assert len(lines) == 21
    assert lines[20] == "… and 12,980 more"
    assert len(refused.fields["refusals"]) == 20
    assert refused.fields["refusal_count"] == len(refused.refusals) == 13_000
    assert refused.fields["refusals"][0]["figures"]["known"] == [*known[:10], "… and 12,990 more"]
    assert Refused([POOLS] * 20).message.count("\n") == 19


def test_all_errors_have_one_base_class_and_fields() -> None:
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
def test_a_failed_command_is_reported_with_its_last_line_of_output(stdout: str, stderr: str, why: str) -> None:
    failed = CommandFailed(cmd=("ip", "link"), rc=2, stdout=stdout, stderr=stderr)
    assert (failed.message.startswith("ip "), failed.message.endswith(f": {why}"), "2" in failed.message) == (True,) * 3
    assert failed.fields == {"cmd": ["ip", "link"], "rc": 2, "stdout": stdout, "stderr": stderr}


def odd(number: int) -> Refusal:
    return Refusal("numeric_name", "slice web", {"got": number})


def even(number: int) -> int:
    if number % 2:
        raise Refused([odd(number), POOLS])
    return number * 10


@pytest.mark.parametrize("got", ["a" * 10_000, {"a" * 10_000: 1}])
def test_a_long_value_is_truncated(got: object) -> None:
    refusal = Refusal("field_not_allowed", "selection", {"field": "slices", "allowed": "a list", "got": got})
    assert len(refusal.message) < 400
    assert len(refusal.to_dict()["figures"]["got"]) == 301


def test_for_all_returns_the_results() -> None:
    assert for_all([], even) == []
    assert for_all([2, 4], even) == [20, 40]


def test_for_all_raises_all_refusals_once_with_given_ones_first() -> None:
    tried: list[int] = []

    def act(number: int) -> int:
        tried.append(number)
        return even(number)

    with pytest.raises(Refused) as caught:
        for_all([1, 2, 3], act, [KNOWN])
    assert caught.value.refusals == [KNOWN, odd(1), POOLS, odd(3)]
    assert tried == [1, 2, 3]


def test_for_all_raises_refusals_that_were_given() -> None:
    with pytest.raises(Refused) as caught:
        for_all([2], even, iter([KNOWN]))
    assert caught.value.refusals == [KNOWN]


def test_for_all_does_not_catch_other_errors() -> None:
    def fail(_number: int) -> int:
        raise DatabaseError("broken")

    with pytest.raises(DatabaseError):
        for_all([1], fail)


@pytest.mark.parametrize(("count", "last"), [(0, None), (20, "19"), (21, "… and 1 more"), (1_020, "… and 1,000 more")])
def test_lines_after_the_first_twenty_are_counted(count: int, last: str | None) -> None:
    shown = first_lines([str(number) for number in range(count)])
    assert (shown or [None])[-1] == last
    assert len(shown) <= 21


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "none"), (2, "vm0, vm1"), (10, "vm8, vm9"), (11, "vm9 and 1 more"), (2010, " and 2,000 more")],
)
def test_names_after_the_first_ten_are_counted(count: int, shown: str) -> None:
    text = first_names(f"vm{number}" for number in range(count))
    assert text.endswith(shown)
    assert text.count(",") <= 10


def test_errors_of_open_files_get_a_path_and_those_with_one_keep_it() -> None:
    with pytest.raises(OSError, match=r"No space left on device: '/s/x'"), named("/s/x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match=r"Permission denied: '/s/y'"), named("/s/x"):
        raise PermissionError(errno.EACCES, "Permission denied", "/s/y")
    # Such as that of a damaged gzip file, which is no error of a system call.
    with pytest.raises(OSError, match=r"^Not a gzipped file$"), named("/s/x"):
        raise OSError("Not a gzipped file")


@pytest.mark.parametrize(("digits", "is_kept"), [(299, True), (300, True), (301, False)])
def test_a_number_of_300_digits_is_told_as_a_number(digits: int, is_kept: bool) -> None:
    number = 10 ** (digits - 1)
    told = Refusal("out_of_range", "VM a", {"option": "cores", "got": number, "least": 1, "most": 2}).to_dict()
    assert told["figures"]["got"] == (number if is_kept else f"{str(number)[:300]}…")


def test_a_text_of_300_characters_is_told_as_a_whole() -> None:
    def told(size: int) -> str:
        figures = {"kind": "VM", "name": "x" * size, "known": []}
        return Refusal("unknown_reference", "link web/1", figures).message

    assert "x" * 300 in told(300)
    assert "…" not in told(300)
    assert f"{'x' * 300}…" in told(301)


def test_an_error_is_its_message() -> None:
    assert str(SlicesError("it is gone", host="a")) == "it is gone"
    assert SlicesError("it is gone").args == ("it is gone",)


@pytest.mark.parametrize(("stdout", "stderr"), [("", "Permission denied"), ("Permission denied", "")])
def test_the_next_step_follows_from_either_output(monkeypatch: pytest.MonkeyPatch, stdout: str, stderr: str) -> None:
    asked: list[str] = []
    monkeypatch.setattr(next_steps, "next_step", lambda _cmd, _rc, text: asked.append(text) or "do this")
    failed = CommandFailed(cmd=["x"], rc=1, stdout=stdout, stderr=stderr)
    assert (asked, failed.message) == (["Permission denied"], "x failed with code 1: Permission denied; do this")
