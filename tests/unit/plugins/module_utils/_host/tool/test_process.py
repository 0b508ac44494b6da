# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exit of subcommands: an expected error is a line and an exit code, and a bug is not caught."""

from __future__ import annotations

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner, SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import process
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import SlicesError


def test_success_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    given: list[Runner] = []
    assert process.run(given.append) == 0
    assert isinstance(given[0], SubprocessRunner)
    assert capsys.readouterr() == ("", "")


def test_an_expected_failure_is_a_line_in_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_runner: Runner) -> None:
        raise SlicesError("it is gone")

    assert process.run(fail) == 1
    assert capsys.readouterr() == ("", "slices-host: it is gone\n")


def test_a_bug_is_not_caught() -> None:
    def fail(_runner: Runner) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        process.run(fail)


def test_an_action_without_commands_ends_in_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise SlicesError("it is gone")

    done: list[int] = []
    assert (process.exit_code(lambda: done.append(1)), done) == (0, [1])
    assert process.exit_code(fail) == 1
    assert capsys.readouterr() == ("", "slices-host: it is gone\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(13, "Permission denied", "/etc/x"), "/etc/x: Permission denied"),
        (OSError("timed out"), "timed out"),
    ],
)
def test_an_error_of_the_system_is_a_line_with_its_file(
    capsys: pytest.CaptureFixture[str], error: OSError, line: str
) -> None:
    def fail(_runner: Runner) -> None:
        raise error

    assert process.run(fail) == 1
    assert capsys.readouterr() == ("", f"slices-host: {line}\n")
