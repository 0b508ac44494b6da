# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._state import history_file, lock
from ansible_collections.cloudrepo.slices.plugins.module_utils._state.history_file import HistoryFile
from ansible_collections.cloudrepo.slices.plugins.module_utils.history import Caller, Entry, Kept

NOW = "9999-01-01T00:00:00Z"
KEPT = Kept()


def history(folder: Path, last: int = 0, kept: Kept = KEPT) -> HistoryFile:
    return HistoryFile(str(folder / "d.yaml"), last=last, kept=kept)


def entry(user: str = "admin", at: str = NOW) -> Entry:
    return Entry(at, user, Caller(), 7, [{"id": "ä" * 50}])


def add(folder: Path, *entries: Entry, last: int = 0, kept: Kept = KEPT) -> None:
    """Add entries as the database does."""
    file = history(folder, last, kept)
    file.propose(file.numbered(entries))
    file.confirm()
    file.prune(kept)


def numbers(folder: Path, last: int = 0, kept: Kept = KEPT) -> list[int]:
    return [each.number for each in history(folder, last, kept).newest_first()]


@pytest.mark.parametrize("block", [1, 7, 100, 1 << 16])
def test_entries_are_read_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(history_file, "BLOCK", block)
    assert numbers(tmp_path) == []
    add(tmp_path, entry("alice"))
    add(tmp_path, entry("bob"), entry("carol"))
    assert [(each.number, each.user) for each in history(tmp_path).newest_first()] == [
        (3, "carol"),
        (2, "bob"),
        (1, "alice"),
    ]
    path = tmp_path / "d.yaml.history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2


def test_an_unconfirmed_entry_counts_only_if_the_database_has_its_number(tmp_path: Path) -> None:
    add(tmp_path, entry("alice"))
    file = history(tmp_path, last=1)
    file.propose(file.numbered([entry("bob")]))
    assert (numbers(tmp_path, last=1), numbers(tmp_path, last=2)) == ([1], [2, 1])
    # The next change confirms it,
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "d.yaml.history").write_bytes((tmp_path / "d.yaml.history").read_bytes())
    add(tmp_path, entry("carol"), last=2)
    assert [each.user for each in history(tmp_path, last=3).newest_first()] == ["carol", "bob", "alice"]
    # or removes it.
    add(copy, entry("dave"), last=1)
    assert [each.user for each in history(copy, last=2).newest_first()] == ["dave", "alice"]


@pytest.mark.parametrize("cut", [1, 10, 40, 100])
def test_an_incomplete_line_is_ignored(tmp_path: Path, cut: int) -> None:
    add(tmp_path, entry())
    path = tmp_path / "d.yaml.history"
    with path.open("ab") as file:
        file.write(path.read_bytes()[:cut])
    assert numbers(tmp_path) == [1]
    add(tmp_path, entry())
    assert numbers(tmp_path) == [2, 1]


def test_the_history_is_kept_if_a_database_is_restored_by_hand(tmp_path: Path) -> None:
    add(tmp_path, entry(), entry())
    add(tmp_path, entry(), last=1)
    assert numbers(tmp_path, last=1) == [3, 2, 1]


def test_a_damaged_line_does_not_prevent_changes(tmp_path: Path) -> None:
    add(tmp_path, entry())
    with (tmp_path / "d.yaml.history").open("a") as file:
        file.write('{"last": 2, "at": "x", "entries": [1]}\n\x00 what is this\n')
    add(tmp_path, entry(), last=2)
    assert numbers(tmp_path, last=3) == [3, 1]


def test_the_number_of_kept_entries_is_limited(tmp_path: Path) -> None:
    kept = Kept(entries=20)
    for _each in range(60):
        add(tmp_path, entry(), kept=kept)
        assert numbers(tmp_path, kept=kept) == numbers(tmp_path)[:20]
        stored = (tmp_path / "d.yaml.history").read_text().splitlines()
        assert len(stored) <= 20 + history_file.SLACK
        assert all(json.loads(line)["entries"] for line in stored)
    assert numbers(tmp_path, kept=kept) == list(range(60, 40, -1))


def test_the_age_of_kept_entries_is_limited(tmp_path: Path) -> None:
    add(tmp_path, entry(at="2020-01-01T00:00:00Z"))
    assert (tmp_path / "d.yaml.history").read_text() == "", "it is removed by its own change"
    file = history(tmp_path)
    file.propose(file.numbered([entry(at="2020-01-01T00:00:00Z")]))
    file.confirm()
    assert numbers(tmp_path) == []
    assert numbers(tmp_path, kept=Kept(days=36_500)) == [1]


def test_a_file_without_a_line_has_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml.history"
    for content in (b"", b"\n", b"\n\n"):
        path.write_bytes(content)
        assert numbers(tmp_path) == []
    with path.open("rb") as file:
        assert list(history_file._backwards(file.fileno())) == [b"", b"", b""]


class Calls:
    """The operating system, which notes what is done with the history."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)

        def call(*arguments: Any) -> Any:
            self.made.append(name)
            return real(*arguments)

        return call


def test_a_proposal_is_on_disk_and_its_confirmation_need_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls()
    monkeypatch.setattr(lock, "system", calls)
    file = history(tmp_path)
    file.propose(file.numbered([entry()]))
    assert calls.made == ["open", "write", "fsync", "close"]
    file.confirm()
    assert calls.made[4:] == ["open", "write", "close"]


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(Calls):
        def write(self, _descriptor: int, _data: Sequence[int]) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(lock, "system", Full())
    file = history(tmp_path)
    with pytest.raises(OSError, match=r"No space left on device: .*/d\.yaml\.history") as caught:
        file.propose(file.numbered([entry()]))
    assert caught.value.filename == str(tmp_path / "d.yaml.history")


def test_names_are_stored_as_they_are_read(tmp_path: Path) -> None:
    add(tmp_path, entry("Zoë"))
    assert '"user": "Zoë"' in (tmp_path / "d.yaml.history").read_text()


def test_an_entry_that_is_as_old_as_is_kept_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, entry(at="2026-01-01T00:00:01Z"), entry(at="2026-01-01T00:00:02Z"), kept=Kept(days=36_500))
    monkeypatch.setattr(history_file, "oldest_time", lambda _kept: "2026-01-01T00:00:02Z")
    assert numbers(tmp_path) == [2]


@pytest.mark.parametrize(("entries", "most"), [(20, 30), (100, 110), (109, 119), (110, 121), (200, 220)])
def test_the_file_has_up_to_a_tenth_more_entries_than_are_kept(tmp_path: Path, entries: int, most: int) -> None:
    path = tmp_path / "d.yaml.history"
    kept = Kept(entries=entries)
    lines = [history_file._line([replace(entry(), number=number)]) for number in range(1, most + 1)]
    path.write_bytes(b"\n".join([*lines, b""]))
    file = history(tmp_path, last=most)
    file.prune(kept)
    assert len(path.read_text().splitlines()) == most
    add(tmp_path, entry(), last=most, kept=kept)
    assert numbers(tmp_path, last=most + 1) == list(range(most + 1, most + 1 - entries, -1))
    assert len(path.read_text().splitlines()) == entries


@pytest.mark.parametrize(("days", "more"), [(9, 10), (10, 12), (365, 402)])
def test_the_file_has_entries_that_are_up_to_a_tenth_and_a_day_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, more: int
) -> None:
    path = tmp_path / "d.yaml.history"
    monkeypatch.setattr(history_file, "oldest_time", lambda kept: f"{9000 - kept.days:04}")
    ages = (f"{9000 - more - 1:04}", f"{9000 - more:04}", f"{9000 - days:04}")
    for number, oldest in enumerate(ages[:2]):
        path.unlink(missing_ok=True)
        file = history(tmp_path, kept=Kept(days=10_000))
        for at in (oldest, ages[2]):
            file.propose(file.numbered([entry(at=at)]))
            file.confirm()
        file.prune(Kept(days=days))
        assert len(path.read_text().splitlines()) == number + 1


@pytest.mark.parametrize("content", [b"", b"\n", b"damaged\n"])
def test_a_file_that_says_no_number_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.yaml.history"
    path.write_bytes(content)
    history(tmp_path).prune(Kept(entries=0))
    assert path.read_bytes() == content
    add(tmp_path, entry(), kept=Kept(entries=1))
    assert numbers(tmp_path) == [1]
    assert path.read_bytes().startswith(content)


def test_the_sizes_of_blocks_and_of_the_rest_are_moderate() -> None:
    assert (history_file.BLOCK, history_file.SLACK) == (65_536, 10)
