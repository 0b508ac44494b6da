# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import sys

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import (
    NOT_FOUND,
    TIMED_OUT,
    SubprocessRunner,
    observed,
)
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed


def test_command_reads_its_input_and_answers():
    result = SubprocessRunner().run([sys.executable, "-c", "print(input() + '!')"], stdin="hello\n")

    assert (result.rc, result.stdout) == (0, "hello!\n")


def test_failure_has_all_details():
    with pytest.raises(CommandFailed) as failed:
        SubprocessRunner().run([sys.executable, "-c", "import sys; print('out'); sys.exit('broken')"])

    assert failed.value.fields["rc"] == 1
    assert failed.value.fields["stdout"] == "out\n"
    assert "broken" in failed.value.message


def test_failure_may_be_an_answer():
    assert SubprocessRunner().run([sys.executable, "-c", "exit(3)"], check=False).rc == 3


def test_missing_program_is_a_failure():
    with pytest.raises(CommandFailed) as failed:
        SubprocessRunner().run(["no-such-program-of-ours"])

    assert failed.value.fields["rc"] == NOT_FOUND


def test_command_is_ended_in_time():
    assert SubprocessRunner(timeout_s=0.1).run(["sleep", "20"], check=False).rc == TIMED_OUT


def test_nothing_is_there_where_a_host_is_yet_to_be_prepared():
    def look() -> int:
        SubprocessRunner().run(["no-such-program-of-ours"])
        return 1

    assert observed(look, nothing=0, missing_ok=True) == 0
    with pytest.raises(CommandFailed):
        observed(look, nothing=0, missing_ok=False)
